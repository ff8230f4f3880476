//! A log that fails as it is told to, around a real one that keeps what was appended.
//!
//! A fault is armed by the simulation and meets the next append, or the next read. After an append whose fate
//! is in doubt the log refuses further ones until it is opened again, as the embedded log does.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::log::Topic;
use disk::{Fault, SimDisk};
use streams::embedded::Config;
use streams::{
    Appended, Batch, EmbeddedLog, Log, LogError, MemoryLog, NextOffsets, Place, Reader, TopicPartitions,
    timeline,
};

use crate::canary::Canary;
use crate::clock::VirtualClock;
use crate::node::installation;
use crate::reading::{Ends, FaultyReader, each_record, ends};
use crate::whole::Whole;

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
    /// This goes wrong at the disk operation of that number from now on; as failing where there is no disk.
    Disk(u64, Fault),
}

/// What an append says.
type Done = Result<Vec<Appended>, LogError>;

#[derive(Default)]
struct State {
    append: Option<AppendFault>,
    /// After so many reads one fails.
    read: Option<u64>,
    /// After so many trims one fails.
    trim: Option<u64>,
    refusing: bool,
    crashed: bool,
    /// Up to where it would survive a crash; none: all of it.
    durable: Option<Ends>,
    appends: u64,
    /// Where the real log lies, if it is the embedded one.
    disk: Option<SimDisk>,
    /// The disk's operation at which the machine stops.
    stops_at: Option<u64>,
}

impl State {
    /// Whether the disk's machine has stopped.
    fn has_stopped(&self) -> bool {
        let operations = self.disk.as_ref().map(SimDisk::operations);
        operations >= self.stops_at && self.stops_at.is_some()
    }

    /// Nothing goes wrong with the disk any more, unless its machine has stopped.
    fn heal(&mut self) {
        if !self.has_stopped()
            && let Some(disk) = &self.disk
        {
            self.stops_at = None;
            disk.heal();
        }
    }
}

/// The log. Clones share it.
#[derive(Clone)]
pub struct FaultyLog {
    inner: Arc<Mutex<Arc<dyn Log>>>,
    state: Arc<Mutex<State>>,
    /// What was trimmed.
    archive: MemoryLog,
    clock: VirtualClock,
    canary: Option<Canary>,
}

/// The topics of the simulated log.
#[must_use]
pub fn topics() -> Vec<(&'static str, u32)> {
    let input = Topic::ALL.map(|topic| (topic.name(), PARTITIONS));
    input.into_iter().chain([(timeline::TOPIC, 1)]).collect()
}

/// Opens the embedded log, with small segments.
fn open(disk: &SimDisk) -> Result<EmbeddedLog, LogError> {
    let mut config = Config::new(installation(), &topics());
    config.segment_bytes_max = 16 << 10;
    EmbeddedLog::open_on(Box::new(disk.clone()), &config)
}

fn empty() -> MemoryLog {
    MemoryLog::new(&topics()).expect("the names of the topics are good")
}

impl FaultyLog {
    /// An empty log: the embedded one on a disk in memory, or one in memory.
    ///
    /// # Panics
    /// If it can't be made, though nothing fails yet.
    #[must_use]
    pub fn new(clock: VirtualClock, is_embedded: bool, canary: Option<Canary>) -> FaultyLog {
        let disk = is_embedded.then(SimDisk::default);
        let inner: Arc<dyn Log> = match &disk {
            Some(disk) => Arc::new(open(disk).expect("a new log can be made")),
            None => Arc::new(empty()),
        };
        let state = State {
            disk,
            ..State::default()
        };
        FaultyLog {
            inner: Arc::new(Mutex::new(inner)),
            state: Arc::new(Mutex::new(state)),
            archive: empty(),
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

    /// All that was ever in it.
    #[must_use]
    pub fn whole(&self) -> Whole {
        let (archive, log) = (self.archive.clone(), self.inner());
        Whole { archive, log }
    }

    /// The next append fares so.
    pub fn arm(&self, fault: AppendFault) {
        self.state().append = Some(fault);
    }

    /// After so many reads one fails.
    pub fn arm_read(&self, after: u64) {
        self.state().read = Some(after);
    }

    /// After so many trims one fails.
    pub fn arm_trim(&self, after: u64) {
        self.state().trim = Some(after);
    }

    /// Whether the read that is about to begin fails.
    pub(crate) fn takes_read_fault(&self) -> bool {
        let mut state = self.state();
        let left = state.read.take();
        state.read = left.and_then(|left| left.checked_sub(1));
        left == Some(0)
    }

    /// Nothing is armed any more.
    pub fn disarm(&self) {
        let mut state = self.state();
        (state.append, state.read, state.trim) = (None, None, None);
        state.heal();
    }

    /// Whether the machine has stopped meanwhile.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Whether it lies on a disk, which one process owns.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.state().disk.is_some()
    }

    /// Opens it again after the process has ended: what was not durable is gone, or torn as `below` says.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn reopen(&self, below: &mut dyn FnMut(u64) -> u64) -> Result<(), LogError> {
        let mut state = self.state();
        (state.refusing, state.crashed) = (false, false);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = state.disk.take() {
            // From here on the old process writes nothing, not even on closing.
            let stopped = state.stops_at.take().is_some_and(|at| old.operations() >= at);
            if !stopped {
                old.set_fault(0, Fault::Crash);
            }
            // Another process sees what was written; a machine that stops leaves some of it.
            let new = if stopped || below(2) == 0 {
                old.torn_at_random(below)
            } else {
                old.copy()
            };
            *inner = Arc::new(empty());
            *inner = Arc::new(open(&new)?);
            state.disk = Some(new);
        } else if let Some(durable) = state.durable.take() {
            let cut = cut(inner.as_ref(), &durable);
            *inner = Arc::new(cut);
        }
        Ok(())
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
        if let (Some(AppendFault::Disk(after, fault)), Some(disk)) = (fault, state.disk.clone()) {
            let at = disk.operations() + after;
            disk.set_fault(at, fault);
            state.stops_at = Some(at).filter(|_| fault == Fault::Crash);
            return Ok(None);
        }
        match fault {
            Some(AppendFault::Fails | AppendFault::Disk(..)) => Err(LogError::Io {
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
        self.canary.is_some_and(Canary::is_of_durability)
    }

    fn append_with(&self, append: &mut dyn FnMut(&dyn Log) -> Done) -> Done {
        let fault = self.before()?;
        let inner = self.inner();
        let before = self.watches_durability().then(|| ends(inner.as_ref()));
        let done = append(inner.as_ref());
        let mut state = self.state();
        if state.has_stopped() {
            state.crashed = true;
            let what = "appending".to_owned();
            return Err(LogError::InDoubt { what });
        }
        drop(state);
        let done = done?;
        if let Some(before) = before {
            self.planted(&before);
        }
        self.after(fault, done)
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

    fn read_all(&self, places: &[Place<'_>]) -> Result<Vec<Box<dyn Reader>>, LogError> {
        let wrap = |(inner, place): (Box<dyn Reader>, &Place<'_>)| {
            let is_timeline = place.topic == timeline::TOPIC;
            let reader = FaultyReader {
                inner,
                log: self.clone(),
                last_counts: self.canary == Some(Canary::LastBindingCounts) && is_timeline,
            };
            Box::new(reader) as Box<dyn Reader>
        };
        let readers = self.inner().read_all(places)?;
        Ok(readers.into_iter().zip(places).map(wrap).collect())
    }

    fn trim(&self, topic: &str, partition: u32, before: u64) -> Result<(), LogError> {
        let mut state = self.state();
        let left = state.trim.take();
        state.trim = left.and_then(|left| left.checked_sub(1));
        if left == Some(0) || state.crashed {
            let (what, text) = ("trimming".to_owned(), "simulated".to_owned());
            let kind = io::ErrorKind::Other;
            return Err(LogError::Io { what, kind, text });
        }
        drop(state);
        let inner = self.inner();
        let end = inner.ends(topic)?.get(partition as usize).copied().unwrap_or(0);
        let beyond = u64::from(self.canary == Some(Canary::TrimmedBeyond));
        let before = (before + beyond).min(end);
        self.whole().archive(topic, partition, before);
        let done = inner.trim(topic, partition, before);
        let mut state = self.state();
        state.crashed |= state.has_stopped();
        done
    }
}
