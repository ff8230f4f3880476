//! What every log can do, whatever keeps it.
//!
//! Calls block. A [`Log`] is shared between threads; readers are independent of it and of each other.

use crate::error::LogError;
use crate::record::{Batch, Records};

/// A topic and what it is divided into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartitions {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
}

/// Where a part of a batch came to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The offset of the part's first record.
    pub first: u64,
    /// The offset after that of its last record.
    pub end: u64,
}

/// An append-only log of topics, each divided into partitions, whose records are numbered from 0.
///
/// # Guarantees
/// - A batch is appended whole or not at all, over all its partitions. Once [`Log::append`] has returned, it
///   is as durable as the log is configured to be; a reader never sees what is less durable than that.
/// - Offsets of a partition have no holes and are never given again, but for what an explicit repair cut
///   off.
/// - A reader yields every record, in order, or an error. It never skips.
pub trait Log: Send + Sync {
    /// The topics, with their partitions.
    fn topics(&self) -> Vec<TopicPartitions>;

    /// Appends a batch and tells where each part of it stands, in the order in which the batch named them.
    ///
    /// # Errors
    /// Nothing of the batch counts, except after [`LogError::InDoubt`].
    fn append(&self, batch: &Batch) -> Result<Vec<Appended>, LogError>;

    /// Per partition of `topic` the first offset that is there.
    ///
    /// # Errors
    /// If there is no such topic, or a server does not answer.
    fn starts(&self, topic: &str) -> Result<Vec<u64>, LogError>;

    /// Per partition of `topic` the offset that its next record gets.
    ///
    /// # Errors
    /// If there is no such topic, or a server does not answer.
    fn ends(&self, topic: &str) -> Result<Vec<u64>, LogError>;

    /// A reader of a partition, from an offset on.
    ///
    /// # Errors
    /// If the partition does not exist, or the offset was trimmed, or lies past the end.
    fn read(&self, topic: &str, partition: u32, from: u64) -> Result<Box<dyn Reader>, LogError>;

    /// Gives up a partition's records below `before`. Disk is freed when the log sees fit.
    ///
    /// # Errors
    /// If the partition does not exist, or `before` lies past its end.
    fn trim(&self, topic: &str, partition: u32, before: u64) -> Result<(), LogError>;
}

/// Reads one partition, record after record.
pub trait Reader: Send {
    /// The next run of records, which lives until the next call. `None`: there are no more for now; a later
    /// call sees what has been appended since.
    ///
    /// # Errors
    /// If the next record was trimmed or can't be had. The reader stays where it is.
    fn next_run(&mut self) -> Result<Option<Records<'_>>, LogError>;

    /// The offset that is read next.
    fn offset(&self) -> u64;
}
