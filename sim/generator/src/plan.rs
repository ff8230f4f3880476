//! What an epoch of a random log consists of, and how it gets into a log.

use contract::log::{Epoch, History, Topic};
use contract::time::Time;

/// A record that is to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRecord {
    /// Its stream.
    pub topic: Topic,
    /// Its partition.
    pub partition: u32,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

/// An epoch: its records, in the order in which they are appended, and its clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochPlan {
    /// "Now" for everything decided in the epoch.
    pub clock: Time,
    /// The records.
    pub records: Vec<PlannedRecord>,
}

/// Appends the plan's records to `log` and binds them to its next epoch.
pub fn append(plan: &EpochPlan, log: &mut History) -> Epoch {
    for record in &plan.records {
        log.append(
            record.topic,
            record.partition,
            record.key.as_deref(),
            record.value.as_deref(),
        );
    }
    log.bind(plan.clock)
}
