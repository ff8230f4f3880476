//! The whole log: what it holds, and what it gave up when it was trimmed. The oracle reads this.

use std::sync::Arc;

use streams::{Batch, Log, MemoryLog, Record};

use crate::reading;

/// A log and what was trimmed of it.
pub struct Whole {
    /// Of each partition the beginning, copied before it was trimmed.
    pub(crate) archive: MemoryLog,
    /// The log as it is.
    pub(crate) log: Arc<dyn Log>,
}

impl Whole {
    /// The next offsets of a topic.
    ///
    /// # Errors
    /// If the log fails.
    pub fn ends(&self, topic: &str) -> Result<Vec<u64>, String> {
        self.log.ends(topic).map_err(|error| error.to_string())
    }

    /// The next offsets of all topics.
    #[must_use]
    pub fn all_ends(&self) -> reading::Ends {
        reading::ends(self.log.as_ref())
    }

    /// Every record of a partition from an offset up to another.
    ///
    /// # Panics
    /// If they are nowhere.
    pub fn each_record(
        &self,
        topic: &str,
        partition: u32,
        offsets: std::ops::Range<u64>,
        mut each: impl FnMut(Record<'_>),
    ) {
        let archived = archived(&self.archive, topic, partition);
        let (before, after) = (offsets.end.min(archived), offsets.start.max(archived));
        if offsets.start < before {
            let offsets = offsets.start..before;
            reading::each_record(&self.archive, topic, partition, offsets, &mut each);
        }
        if after < offsets.end {
            reading::each_record(self.log.as_ref(), topic, partition, after..offsets.end, &mut each);
        }
    }

    /// Copies the records before an offset, which are about to be trimmed.
    pub(crate) fn archive(&self, topic: &str, partition: u32, before: u64) {
        let from = archived(&self.archive, topic, partition);
        reading::each_record(self.log.as_ref(), topic, partition, from..before, |record| {
            let mut batch = Batch::new(record.timestamp_ms);
            let headers: Vec<_> = record.headers.collect();
            batch.push_with_headers(topic, partition, record.key, record.value, &headers);
            let kept = self.archive.append(&batch);
            kept.expect("a log in memory takes everything");
        });
    }
}

/// Up to where a partition was copied.
fn archived(archive: &MemoryLog, topic: &str, partition: u32) -> u64 {
    let ends = archive.ends(topic).expect("it has the log's topics");
    ends.get(partition as usize).copied().unwrap_or(0)
}
