//! What every log can do, whatever keeps it.
//!
//! Calls block. A [`Log`] is shared between threads; readers are independent of it and of each other.

use std::time::Duration;

use contract::log::Topic;
use contract::time::Time;

use crate::error::LogError;
use crate::record::{Batch, Records};
use crate::streams::Streams;

/// A topic and what it is divided into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartitions {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
}

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: u32,
    /// The offset.
    pub from: u64,
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
    /// The offset of each record, where others append in between; empty: they stand one behind another.
    pub scattered: Vec<u64>,
}

impl Appended {
    /// The offset of the part's record `index`, counted from 0.
    #[must_use]
    pub fn offset(&self, index: usize) -> u64 {
        let next = || self.first + u64::try_from(index).unwrap_or(u64::MAX);
        self.scattered.get(index).copied().unwrap_or_else(next)
    }
}

/// A partition that can't be read at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: u32,
    /// Why.
    pub why: String,
    /// Whether nothing can be bound because of it.
    pub stalls: bool,
}

/// The offsets that the next records get, at a moment in which nothing else is appended. Records that are
/// being written count, though they can't be read yet. Of a log that others write to, too: up to where each
/// partition was seen, later topics of the contract's table before earlier ones.
#[derive(Debug)]
pub struct NextOffsets<'a> {
    streams: &'a Streams,
    ends: &'a [u64],
    as_of_ms: Option<i64>,
    blind_ms: u64,
}

impl<'a> NextOffsets<'a> {
    /// Of all streams, in the order of their numbers.
    pub(crate) fn new(streams: &'a Streams, ends: &'a [u64]) -> NextOffsets<'a> {
        NextOffsets {
            streams,
            ends,
            as_of_ms: None,
            blind_ms: 0,
        }
    }

    /// What was seen from this moment on, in milliseconds since 1970, after nobody could look for so long.
    #[cfg(feature = "kafka")]
    pub(crate) fn seen_from(
        streams: &'a Streams,
        ends: &'a [u64],
        as_of_ms: i64,
        blind_ms: u64,
    ) -> NextOffsets<'a> {
        NextOffsets {
            streams,
            ends,
            as_of_ms: Some(as_of_ms),
            blind_ms,
        }
    }

    /// The wall clock before the first of them was looked at: what was acknowledged by then is below them.
    /// `None`: it is so now.
    #[must_use]
    pub fn as_of_ms(&self) -> Option<i64> {
        self.as_of_ms
    }

    /// The longest time that nobody could look where they are, since they were told last, in milliseconds: so long
    /// may what is below them have waited unseen.
    #[must_use]
    pub fn blind_ms(&self) -> u64 {
        self.blind_ms
    }

    /// Per partition of `topic` the offset that its next record gets.
    ///
    /// # Errors
    /// If there is no such topic.
    pub fn ends(&self, topic: &str) -> Result<&'a [u64], LogError> {
        Ok(&self.ends[self.streams.of_topic(topic)?])
    }
}

/// An append-only log of topics, each divided into partitions, whose records are numbered from 0.
///
/// # Guarantees
/// - A batch is appended whole or not at all, over all its partitions. Once [`Log::append`] has returned, it
///   is as durable as the log is configured to be; a reader never sees what is less durable than that.
///   (`KafkaLog` keeps this for batches of one record. Of a larger one that ends in [`LogError::InDoubt`] a
///   part may stay.)
/// - Offsets of a partition only grow and are never given again, but for what an explicit repair cut off. In
///   a log of our own they have no holes. Where others write, too, they may: an offset may hold what is no
///   record, or one that was aborted or compacted away. So a count of records is no distance of offsets.
/// - A reader yields every record, in order, or an error. It never skips one.
pub trait Log: Send + Sync {
    /// The topics, with their partitions.
    fn topics(&self) -> Vec<TopicPartitions>;

    /// Appends a batch and tells where each part of it stands, in the order in which the batch named them.
    ///
    /// # Errors
    /// Nothing of the batch counts, except after [`LogError::InDoubt`].
    fn append(&self, batch: &Batch) -> Result<Vec<Appended>, LogError>;

    /// Appends what `make` makes of the next offsets, with no other append in between; nothing if it makes
    /// nothing. So a batch can speak of offsets, those of records that are still being written and those of
    /// its own records: it becomes durable with them or after them, never without them.
    ///
    /// The records' time is `timestamp_ms`, not the batch's. `make` is called at most once. All other appends
    /// wait for it: it must be quick, and must not call the log.
    ///
    /// A log that others write to can't keep them out: what `make` sees is then readable already, and what
    /// it makes may come to stand after other appends, or be void by what came first.
    ///
    /// # Errors
    /// As [`Log::append`]. If an append fails whose offsets `make` saw, so does this one.
    fn append_after(
        &self,
        timestamp_ms: i64,
        make: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Vec<Appended>, LogError>;

    /// Waits until a counter is greater than `seen`, or the time is out; gives the counter, which only grows.
    /// `wait(0, Duration::ZERO)` tells it at once.
    ///
    /// It grows when a batch gets its offsets (what [`Log::append_after`] appends now can join it) and again
    /// when its records can be read. It may grow for less, such as an append that fails.
    fn wait(&self, seen: u64, timeout: Duration) -> u64;

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

    /// Per partition of `topic` what [`Log::append_after`] would see now, as far as it is known without asking
    /// anybody. [`Log::wait`]'s counter grows when it does.
    ///
    /// # Errors
    /// If there is no such topic.
    fn seen_ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        self.ends(topic)
    }

    /// The partitions that can't be read at the moment. Where one is named that stalls, nothing is bound;
    /// any other is bound up to where it was last seen.
    fn troubles(&self) -> Vec<Trouble> {
        Vec::new()
    }

    /// Readers, one for each place, in their order. Where records come over a network, they are asked for all at
    /// once: opening many takes about as long as opening one.
    ///
    /// # Errors
    /// If a partition does not exist, or an offset was trimmed, or lies past the end.
    fn read_all(&self, places: &[Place<'_>]) -> Result<Vec<Box<dyn Reader>>, LogError>;

    /// A reader of a partition, from an offset on. Who needs several opens them by [`Log::read_all`].
    ///
    /// # Errors
    /// If the partition does not exist, or the offset was trimmed, or lies past the end.
    fn read(&self, topic: &str, partition: u32, from: u64) -> Result<Box<dyn Reader>, LogError> {
        let place = Place {
            topic,
            partition,
            from,
        };
        let mut readers = self.read_all(&[place])?;
        Ok(readers.pop().expect("there is a reader for each place"))
    }

    /// Gives up a partition's records below `before`. Disk is freed when the log sees fit.
    ///
    /// # Errors
    /// If the partition does not exist, or `before` lies past its end.
    fn trim(&self, topic: &str, partition: u32, before: u64) -> Result<(), LogError>;
}

/// Reads one partition, record after record.
pub trait Reader: Send {
    /// The next run of records below offset `until` (`u64::MAX`: whatever is there), which lives until the
    /// next call. `None`: there are no more for now; a later call sees what has been appended since.
    ///
    /// The reader then stands after the run. After `None` it may stand further on than before, past offsets
    /// that hold no record. Reading on, in steps however small, costs no more than reading
    /// at once does.
    ///
    /// # Errors
    /// If the next record was trimmed or can't be had. The reader stays where it is.
    fn next_run(&mut self, until: u64) -> Result<Option<Records<'_>>, LogError>;

    /// Where it stands: every record below this offset was read, none from it on.
    fn offset(&self) -> u64;
}

/// When the first record of the input topics that is there was appended.
///
/// # Errors
/// If the log fails.
pub fn first_time(log: &dyn Log) -> Result<Option<Time>, LogError> {
    let mut places = Vec::new();
    for topic in Topic::ALL.map(Topic::name) {
        let starts = log.starts(topic)?;
        let place = |(partition, from)| Place {
            topic,
            partition,
            from,
        };
        places.extend((0..).zip(starts).map(place));
    }
    let mut first: Option<Time> = None;
    for mut reader in log.read_all(&places)? {
        if let Some(run) = reader.next_run(u64::MAX)? {
            let time = Time::from_ms(run.timestamp_ms()).unwrap_or_default();
            first = Some(first.map_or(time, |first| first.min(time)));
        }
    }
    Ok(first)
}
