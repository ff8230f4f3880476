//! What the tests share: a store in memory, a clock that stands where it is put, and random logs.
#![allow(dead_code, reason = "each test uses some of it")]
#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::delta::Tables;
use contract::digest::Digest;
use contract::installation::Installation;
use contract::log::{Epoch, History, RawRecord, Topic};
use contract::time::Time;
use contract::views::View;
use generator::{Generator, Profile};
use millrace_runtime::clock::{Clock, Now};
use millrace_runtime::{Engine, Options};
use oracle::Oracle;
use sinks::{Commit, Frontier, Hold, Sink, SinkError};
use streams::timeline::{self, Limits, Timeline};
use streams::{Batch, Log, MemoryLog};

/// The views of the jobs.
pub const VIEWS: &[View] = View::ALL;

/// What a store holds, seen from outside.
#[derive(Clone, Default)]
pub struct Kept {
    /// Its rows.
    pub tables: Tables,
    /// Where it stands.
    pub frontier: Option<Frontier>,
    /// The digest after each epoch.
    pub digests: Vec<(Epoch, Digest)>,
    /// How many commits it took.
    pub commits: usize,
}

/// A store in memory. Clones share what it holds, so that it outlives the engine.
#[derive(Clone, Default)]
pub struct Store(pub Arc<Mutex<Kept>>);

impl Store {
    /// What it holds.
    pub fn kept(&self) -> Kept {
        self.0.lock().unwrap().clone()
    }
}

impl Sink for Store {
    fn name(&self) -> &str {
        "memory"
    }

    fn views(&self) -> &[View] {
        VIEWS
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        Ok(self.0.lock().unwrap().frontier.clone())
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        let mut kept = self.0.lock().unwrap();
        assert_eq!(kept.frontier.as_ref().map(|f| f.epoch), commit.after);
        for delta in &commit.deltas {
            // A deletion of a merged delta may name a row that is not there.
            let rows = kept.tables.rows_mut(delta.view());
            for change in delta.changes().filter(|c| c.op == contract::delta::Op::Delete) {
                let key: Vec<_> = change.key().map(contract::delta::ValueRef::to_value).collect();
                let columns = delta.view().schema().columns.len() - delta.view().schema().key_len;
                rows.entry(key)
                    .or_insert_with(|| vec![contract::delta::Value::Null; columns]);
            }
            kept.tables.apply(delta);
        }
        kept.frontier = Some(commit.frontier.clone());
        kept.digests.extend(&commit.digests);
        kept.commits += 1;
        Ok(())
    }

    fn refill(
        &mut self,
        _: &Frontier,
        _: &mut dyn Iterator<Item = Result<contract::delta::Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        unreachable!("a view store is not refilled by the engine")
    }

    fn hold(&self) -> Hold {
        Hold::nothing_to_do()
    }
}

/// A clock that stands where it is put; monotonic time goes with it.
#[derive(Clone, Default)]
pub struct Hand(Arc<AtomicI64>);

impl Hand {
    /// What it shows.
    pub fn time(&self) -> Time {
        self.now().wall
    }

    /// Puts it.
    pub fn put(&self, time: Time) {
        self.0.store(time.ms(), Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Now {
        let ms = self.0.load(Ordering::Relaxed);
        Now {
            wall: Time::from_ms(ms).unwrap(),
            monotonic_ms: u64::try_from(ms).unwrap(),
        }
    }
}

/// The topics, with so many partitions each.
pub fn topics(partitions: u32) -> Vec<(&'static str, u32)> {
    let input = Topic::ALL.map(|topic| (topic.name(), partitions));
    input.into_iter().chain([(timeline::TOPIC, 1)]).collect()
}

/// How to run.
pub fn options(workers: usize) -> Options {
    Options {
        workers,
        installation: Installation::new(1, [1; 10]),
        me: "test".to_owned(),
        binds: true,
        limits: Limits::default(),
        skips: Vec::new(),
        checkpoints: None,
        until: None,
    }
}

/// A random log with its timeline, and what the oracle makes of it.
pub struct Sample {
    /// As plain data.
    pub history: History,
    /// As a log.
    pub log: MemoryLog,
    /// After the last epoch.
    pub oracle: Oracle,
}

impl Sample {
    /// The log that `seed` yields: so many epochs of it.
    pub fn new(seed: u64, epochs: u64) -> Sample {
        let mut generator = Generator::new(seed, Profile::from_seed(seed));
        let mut oracle = Oracle::new();
        let mut history = History::new();
        let log = MemoryLog::new(&topics(4)).unwrap();
        let mut timeline = Timeline::default();
        for index in 0..epochs {
            let plan = generator.next_epoch(oracle.tables());
            generator::append(&plan, &mut history);
            let index = usize::try_from(index).unwrap();
            let binding = &history.timeline()[index];
            oracle.epoch(binding.epoch, binding.clock, history.records(index));
            let mut batch = Batch::new(binding.clock.ms());
            for RawRecord { at, key, value, .. } in history.records(index) {
                batch.push(at.topic.name(), at.partition, key, value);
            }
            let record = timeline.encode(binding, None);
            batch.push(timeline::TOPIC, 0, Some(b"timeline"), Some(record.as_bytes()));
            timeline.apply(Some(record.as_bytes())).unwrap();
            log.append(&batch).unwrap();
        }
        Sample { history, log, oracle }
    }
}

/// Runs an engine until the store holds `epoch`, and stops it.
pub fn run(log: &MemoryLog, store: &Store, clock: &Hand, workers: usize, epoch: Epoch) {
    let engine = start(log, store, clock, workers);
    let visible = |p: &millrace_runtime::Progress| p.visible.is_some_and(|(visible, _)| visible >= epoch);
    let progress = engine.wait(Duration::from_secs(60), visible);
    assert!(visible(&progress), "{progress:?}");
    let _ = engine.stop();
}

/// Starts an engine.
pub fn start(log: &MemoryLog, store: &Store, clock: &Hand, workers: usize) -> Engine {
    let (log, store) = (Arc::new(log.clone()), Box::new(store.clone()));
    Engine::start(log, store, Arc::new(clock.clone()), &options(workers)).unwrap()
}
