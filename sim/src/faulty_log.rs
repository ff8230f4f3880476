//! A log that fails as it is told to, around a real one that keeps what was appended.
//!
//! A fault is armed by the simulation and meets the next append, or the next read. After an append whose fate
//! is in doubt the log refuses further ones until it is opened again, as the embedded log does.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::log::Topic;
use streams::{
    Appended, Batch, Log, LogError, MemoryLog, NextOffsets, Reader, Record, Records, TopicPartitions,
    timeline,
};

use crate::canary::Canary;
use crate::clock::VirtualClock;

/// Partitions of each input topic.
pub const PARTITIONS: u32 = 4;

/// What becomes of the next append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFault {
    /// Nothing is kept, and it says so.
    Fails,
    /// There is no room.
    Full,
    /// It is kept, but said to be in doubt.
    DoubtKept,
    /// Nothing is kept, and it is said to be in doubt.
    DoubtLost,
    /// The machine stops before it.
    CrashBefore,
    /// The machine stops after it; nobody hears of it.
    CrashAfter,
    /// It takes so many milliseconds.
    Slow(u64),
}

/// What an append says.
type Done = Result<Vec<Appended>, LogError>;

/// Per topic the next offset of each partition.
pub type Ends = BTreeMap<String, Vec<u64>>;

#[derive(Default)]
struct State {
    append: Option<AppendFault>,
    read: bool,
    refusing: bool,
    crashed: bool,
    /// Up to where it would survive a crash; none: all of it.
    durable: Option<Ends>,
    appends: u64,
}

/// The log. Clones share it.
#[derive(Clone)]
pub struct FaultyLog {
    inner: Arc<Mutex<Arc<dyn Log>>>,
    state: Arc<Mutex<State>>,
    clock: VirtualClock,
    canary: Option<Canary>,
}

/// The topics of the simulated log.
#[must_use]
pub fn topics() -> Vec<(&'static str, u32)> {
    let input = Topic::ALL.map(|topic| (topic.name(), PARTITIONS));
    input.into_iter().chain([(timeline::TOPIC, 1)]).collect()
}

fn empty() -> MemoryLog {
    MemoryLog::new(&topics()).expect("the names of the topics are good")
}

impl FaultyLog {
    /// An empty log in memory.
    #[must_use]
    pub fn new(clock: VirtualClock, canary: Option<Canary>) -> FaultyLog {
        FaultyLog {
            inner: Arc::new(Mutex::new(Arc::new(empty()))),
            state: Arc::default(),
            clock,
            canary,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The real log below.
    #[must_use]
    pub fn inner(&self) -> Arc<dyn Log> {
        Arc::clone(&self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next append fares so.
    pub fn arm(&self, fault: AppendFault) {
        self.state().append = Some(fault);
    }

    /// The next read fails.
    pub fn arm_read(&self) {
        self.state().read = true;
    }

    /// Nothing is armed any more.
    pub fn disarm(&self) {
        let mut state = self.state();
        (state.append, state.read) = (None, false);
    }

    /// Whether the machine has stopped meanwhile.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Opens it again after the process has ended: what was not durable is gone.
    pub fn reopen(&self) {
        let mut state = self.state();
        (state.refusing, state.crashed) = (false, false);
        if let Some(durable) = state.durable.take() {
            let cut = cut(self.inner().as_ref(), &durable);
            *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(cut);
        }
    }

    /// Per topic the offsets up to which it would survive a crash.
    #[must_use]
    pub fn durable_ends(&self) -> Ends {
        let durable = self.state().durable.clone();
        durable.unwrap_or_else(|| ends(self.inner().as_ref()))
    }

    /// What becomes of an append that is about to begin, if anything special.
    fn before(&self) -> Result<Option<AppendFault>, LogError> {
        let mut state = self.state();
        if state.refusing || state.crashed {
            let why = "an earlier append failed".to_owned();
            return Err(LogError::Refusing { why });
        }
        let what = "appending".to_owned();
        let fault = state.append.take();
        match fault {
            Some(AppendFault::Fails) => Err(LogError::Io {
                what,
                kind: io::ErrorKind::Other,
                text: "simulated".to_owned(),
            }),
            Some(AppendFault::Full) => Err(LogError::DiskFull { what }),
            Some(AppendFault::DoubtLost) => {
                state.refusing = true;
                Err(LogError::InDoubt { what })
            }
            Some(AppendFault::CrashBefore) => {
                state.crashed = true;
                Err(LogError::InDoubt { what })
            }
            fault => Ok(fault),
        }
    }

    /// What its caller hears of an append that was done.
    fn after(&self, fault: Option<AppendFault>, done: Vec<Appended>) -> Result<Vec<Appended>, LogError> {
        let what = "appending".to_owned();
        match fault {
            Some(AppendFault::DoubtKept) => {
                self.state().refusing = true;
                Err(LogError::InDoubt { what })
            }
            Some(AppendFault::CrashAfter) => {
                self.state().crashed = true;
                Err(LogError::InDoubt { what })
            }
            Some(AppendFault::Slow(ms)) => {
                self.clock.pass(ms);
                Ok(done)
            }
            _ => Ok(done),
        }
    }

    /// Some bugs are in what counts as durable.
    fn planted(&self, before: &Ends) {
        let mut state = self.state();
        state.appends += 1;
        let durable = match self.canary {
            // Acknowledged at once, synced now and then.
            Some(Canary::AcknowledgedEarly) if !state.appends.is_multiple_of(5) => {
                state.durable.take().or_else(|| Some(before.clone()))
            }
            // All is synced, but what was appended last is cut off as torn when the log is opened again.
            Some(Canary::TailCut) => Some(before.clone()),
            _ => None,
        };
        state.durable = durable;
    }

    /// Whether a crash would take what was acknowledged: a bug that is planted.
    fn watches_durability(&self) -> bool {
        matches!(self.canary, Some(Canary::AcknowledgedEarly | Canary::TailCut))
    }

    fn append_with(&self, append: &mut dyn FnMut(&dyn Log) -> Done) -> Done {
        let fault = self.before()?;
        let inner = self.inner();
        let before = self.watches_durability().then(|| ends(inner.as_ref()));
        let done = append(inner.as_ref())?;
        if let Some(before) = before {
            self.planted(&before);
        }
        self.after(fault, done)
    }
}

/// The next offsets of a log.
#[must_use]
pub fn ends(log: &dyn Log) -> Ends {
    let of = |topic: TopicPartitions| {
        let ends = log.ends(&topic.name).expect("a log knows its topics");
        (topic.name, ends)
    };
    log.topics().into_iter().map(of).collect()
}

/// Every record of a partition from an offset up to another.
///
/// # Panics
/// If the log does not hold them.
pub fn each_record(
    log: &dyn Log,
    topic: &str,
    partition: u32,
    offsets: std::ops::Range<u64>,
    mut each: impl FnMut(Record<'_>),
) {
    if offsets.is_empty() {
        return;
    }
    let reader = log.read(topic, partition, offsets.start);
    let mut reader = reader.expect("the log holds what was bound or counted");
    while reader.offset() < offsets.end {
        let run = reader
            .next_run(offsets.end)
            .expect("a real log reads what it holds");
        run.expect("the log holds what was bound or counted")
            .for_each(&mut each);
    }
}

/// A copy of a log up to some offsets.
fn cut(log: &dyn Log, until: &Ends) -> MemoryLog {
    let copy = empty();
    for (topic, ends) in until {
        for (partition, end) in (0..).zip(ends) {
            each_record(log, topic, partition, 0..*end, |record| {
                let mut batch = Batch::new(record.timestamp_ms);
                let headers: Vec<_> = record.headers.collect();
                batch.push_with_headers(topic, partition, record.key, record.value, &headers);
                copy.append(&batch).expect("a log in memory takes everything");
            });
        }
    }
    copy
}

impl Log for FaultyLog {
    fn topics(&self) -> Vec<TopicPartitions> {
        self.inner().topics()
    }

    fn append(&self, batch: &Batch) -> Result<Vec<Appended>, LogError> {
        self.append_with(&mut |inner| inner.append(batch))
    }

    fn append_after(
        &self,
        timestamp_ms: i64,
        make: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Vec<Appended>, LogError> {
        self.append_with(&mut |inner| inner.append_after(timestamp_ms, make))
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.inner().wait(seen, timeout)
    }

    fn starts(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        self.inner().starts(topic)
    }

    fn ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        self.inner().ends(topic)
    }

    fn read(&self, topic: &str, partition: u32, from: u64) -> Result<Box<dyn Reader>, LogError> {
        let inner = self.inner().read(topic, partition, from)?;
        let last_counts = self.canary == Some(Canary::LastBindingCounts) && topic == timeline::TOPIC;
        Ok(Box::new(FaultyReader {
            inner,
            log: self.clone(),
            last_counts,
        }))
    }

    fn trim(&self, topic: &str, partition: u32, before: u64) -> Result<(), LogError> {
        self.inner().trim(topic, partition, before)
    }
}

struct FaultyReader {
    inner: Box<dyn Reader>,
    log: FaultyLog,
    /// Of records for the same epoch the last counts: a bug that is planted.
    last_counts: bool,
}

impl FaultyReader {
    /// Whether a later record binds the same epoch as the next one.
    fn is_superseded(&self) -> bool {
        let log = self.log.inner();
        let at = self.inner.offset();
        let end = ends(log.as_ref())[timeline::TOPIC][0];
        let mut epochs = Vec::new();
        each_record(log.as_ref(), timeline::TOPIC, 0, at..end, |record| {
            let value = serde_json::from_slice::<serde_json::Value>(record.value.unwrap_or_default());
            epochs.push(value.ok().and_then(|value| value["epoch"].as_u64()));
        });
        epochs
            .split_first()
            .is_some_and(|(first, rest)| rest.contains(first))
    }
}

impl Reader for FaultyReader {
    fn next_run(&mut self, until: u64) -> Result<Option<Records<'_>>, LogError> {
        if std::mem::take(&mut self.log.state().read) {
            return Err(LogError::Io {
                what: "reading".to_owned(),
                kind: io::ErrorKind::Other,
                text: "simulated".to_owned(),
            });
        }
        if !self.last_counts {
            return self.inner.next_run(until);
        }
        while self.is_superseded() {
            self.inner.next_run(self.inner.offset() + 1)?;
        }
        self.inner.next_run(until.min(self.inner.offset() + 1))
    }

    fn offset(&self) -> u64 {
        self.inner.offset()
    }
}
