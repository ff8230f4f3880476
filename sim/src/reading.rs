//! Reading: readers that fail as they are told to, and all there is of a partition at once.

use std::collections::BTreeMap;
use std::io;

use streams::{Log, LogError, Reader, Record, Records, TopicPartitions, timeline};

use crate::faulty_log::FaultyLog;

/// Per topic the next offset of each partition.
pub type Ends = BTreeMap<String, Vec<u64>>;

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

/// A reader that fails as its log is told to.
pub(crate) struct FaultyReader {
    pub(crate) inner: Box<dyn Reader>,
    pub(crate) log: FaultyLog,
    /// Of records for the same epoch the last counts: a bug that is planted.
    pub(crate) last_counts: bool,
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
        if self.log.takes_read_fault() {
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
