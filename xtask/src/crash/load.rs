//! The generated load: random records, cut into batches, as lines for `millrace up`.
//!
//! The generator aims by tables. Those of the running system can't be read while it is fed, so it gets those
//! that the oracle makes of the same records at the generator's own clock: near enough to keep orders,
//! payments and cancellations about each other.

use std::collections::VecDeque;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::log::{History, Topic};
use generator::{Generator, PlannedRecord, Profile};
use oracle::Oracle;
use serde_json::{Map, Value};

/// Records of one batch, at most.
const BATCH_RECORDS_MAX: usize = 40;

/// A record's key and value.
pub type Pair = (Option<Vec<u8>>, Option<Vec<u8>>);

/// What is appended at once.
#[derive(Clone, Debug)]
pub struct Batch(pub Vec<(Topic, Pair)>);

impl Batch {
    /// As the feed of `millrace up` reads it.
    pub fn lines(&self) -> String {
        let mut out = String::new();
        for (topic, (key, value)) in &self.0 {
            let mut line = Map::new();
            line.insert("topic".to_owned(), topic.name().into());
            put(&mut line, "key", key.as_deref());
            put(&mut line, "value", value.as_deref());
            let _ = writeln!(out, "{}", Value::Object(line));
        }
        out.push('\n');
        out
    }
}

fn put(line: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else { return };
    match std::str::from_utf8(bytes) {
        Ok(text) => line.insert(name.to_owned(), text.into()),
        Err(_) => line.insert(format!("{name}_base64"), STANDARD.encode(bytes).into()),
    };
}

/// Random records without end.
pub struct Load {
    generator: Generator,
    oracle: Oracle,
    history: History,
    /// What was made and not yet sent.
    ready: VecDeque<Batch>,
}

impl Load {
    /// The load that a seed names.
    pub fn new(seed: u64) -> Load {
        Load {
            generator: Generator::new(seed, Profile::from_seed(seed)),
            oracle: Oracle::new(),
            history: History::new(),
            ready: VecDeque::new(),
        }
    }

    /// The next batches. They stay the next ones until they are taken.
    pub fn next(&mut self, count: usize) -> Vec<Batch> {
        while self.ready.len() < count {
            self.make();
        }
        self.ready.iter().take(count).cloned().collect()
    }

    /// Takes batches.
    pub fn take(&mut self, count: usize) {
        self.ready.drain(..count);
    }

    fn make(&mut self) {
        let plan = self.generator.next_epoch(self.oracle.tables());
        generator::append(&plan, &mut self.history);
        let index = self.history.timeline().len() - 1;
        let binding = &self.history.timeline()[index];
        self.oracle
            .epoch(binding.epoch, binding.clock, self.history.records(index));
        let pair = |record: &PlannedRecord| (record.topic, (record.key.clone(), record.value.clone()));
        let batch = |records: &[PlannedRecord]| Batch(records.iter().map(pair).collect());
        self.ready
            .extend(plan.records.chunks(BATCH_RECORDS_MAX).map(batch));
    }
}
