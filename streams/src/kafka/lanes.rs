//! Clients that read: each has one connection to a broker for all partitions that it reads, and each partition
//! a queue of its own.
//!
//! A client reads a partition at one place. So there is one for the first reader of every partition, a second
//! for those who read another time, and so on; mostly there are two.
//!
//! A client asks for more of a partition until that one's queue is full, and again once there is room: who does
//! not read on holds up nobody else, and memory is bounded by partitions and clients.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brokers::Ear;
use rdkafka::Offset;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::asking::number;
use super::client::unanswered;
use super::config;
use super::ends::Ends;
use crate::error::LogError;

/// One client.
pub struct Lane {
    consumer: Arc<BaseConsumer<Ear>>,
    taken: Mutex<BTreeSet<usize>>,
}

/// All of them.
pub struct Lanes {
    config: ClientConfig,
    ear: Ear,
    prefix: String,
    lanes: Mutex<Vec<Arc<Lane>>>,
}

impl Lanes {
    pub fn new(config: ClientConfig, ear: Ear, prefix: &str) -> Lanes {
        Lanes {
            config,
            ear,
            prefix: prefix.to_owned(),
            lanes: Mutex::default(),
        }
    }

    /// A client that does not read the stream yet, and its number. It is taken for it.
    fn lane(&self, stream: usize) -> Result<(Arc<Lane>, usize), LogError> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, lane) in lanes.iter().enumerate() {
            let mut taken = lane.taken.lock().unwrap_or_else(PoisonError::into_inner);
            if taken.insert(stream) {
                return Ok((Arc::clone(lane), index));
            }
        }
        let consumer: KafkaResult<BaseConsumer<_>> = self.ear.consumer(&self.config);
        let consumer = Arc::new(consumer.map_err(|error| config::refused(&error))?);
        // So that it knows all leaders, and need not ask anew at each topic's first reader. What fails here fails
        // again where it matters.
        let _ = consumer.fetch_metadata(None, Duration::from_secs(1));
        let taken = Mutex::new(BTreeSet::from([stream]));
        let lane = Arc::new(Lane { consumer, taken });
        lanes.push(Arc::clone(&lane));
        Ok((lane, lanes.len() - 1))
    }

    /// Has clients read streams, each from an offset on. A client is told of all that it reads at once: it asks
    /// for records by one request to a broker, and the next leaves only when that was answered. So partitions
    /// that come one after another wait for each other's.
    pub fn open_all(&self, ends: &Arc<Ends>, places: &[(usize, u64)]) -> Result<Vec<Tap>, LogError> {
        let mut taps = Vec::with_capacity(places.len());
        let mut lists: BTreeMap<usize, (Arc<Lane>, TopicPartitionList)> = BTreeMap::new();
        for (stream, from) in places {
            let (topic, partition) = ends.streams.name(*stream).unwrap_or_default();
            let (lane, index) = self.lane(*stream)?;
            let mut tap = Tap {
                topic: format!("{}{topic}", self.prefix),
                partition: number(partition),
                stream: *stream,
                index,
                lane,
                queue: None,
                ends: Arc::clone(ends),
            };
            tap.split()?;
            let list = lists.entry(index);
            let (_, list) = list.or_insert_with(|| (Arc::clone(&tap.lane), TopicPartitionList::new()));
            tap.add(list, offset(*from)).map_err(|error| tap.failed(&error))?;
            taps.push(tap);
        }
        for (lane, list) in lists.values() {
            let assigned = lane.consumer.incremental_assign(list);
            assigned.map_err(|error| unanswered("reading partitions", error))?;
        }
        Ok(taps)
    }

    /// Serves what the clients want of us, such as a token.
    pub fn serve(&self) {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for lane in lanes {
            // Records come through the partitions' own queues; anything here was told to the ear.
            let _ = lane.consumer.poll(Duration::ZERO);
        }
    }
}

/// A partition being read by a client.
pub struct Tap {
    pub topic: String,
    pub partition: i32,
    stream: usize,
    /// The client's number.
    index: usize,
    lane: Arc<Lane>,
    queue: Option<PartitionQueue<Ear>>,
    ends: Arc<Ends>,
}

impl Tap {
    /// The queue, if it is being read.
    pub fn queue(&self) -> Option<&PartitionQueue<Ear>> {
        self.queue.as_ref()
    }

    /// Reads from an offset on, whatever was read before.
    pub fn begin(&mut self, from: u64) -> Result<(), LogError> {
        self.end();
        self.split()?;
        let mut list = TopicPartitionList::new();
        let added = self.add(&mut list, offset(from));
        let begun = added.and_then(|()| self.lane.consumer.incremental_assign(&list));
        begun.map_err(|error| self.failed(&error))
    }

    /// Takes a queue of its own, before it is assigned, so that nothing comes by the client's common queue.
    fn split(&mut self) -> Result<(), LogError> {
        let queue = self
            .lane
            .consumer
            .split_partition_queue(&self.topic, self.partition);
        let mut queue = queue.ok_or_else(|| self.failed(&"the partition has no queue"))?;
        let ends = Arc::clone(&self.ends);
        queue.set_nonempty_callback(move || ends.kick());
        self.queue = Some(queue);
        Ok(())
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> LogError {
        unanswered(format!("reading {}", self.topic), why)
    }

    /// Notes up to where it was read.
    pub fn consumed(&self, to: u64) {
        self.ends.consumed(self.stream, self.index, Some(to));
    }

    /// Forgets what came and asks again from an offset on.
    pub fn seek(&self, to: u64, timeout: Duration) -> Result<(), KafkaError> {
        self.lane
            .consumer
            .seek(&self.topic, self.partition, offset(to), timeout)
    }

    fn add(&self, list: &mut TopicPartitionList, at: Offset) -> Result<(), KafkaError> {
        list.add_partition_offset(&self.topic, self.partition, at)
    }

    /// Reads no more.
    fn end(&mut self) {
        let mut list = TopicPartitionList::new();
        if self.queue.take().is_some()
            && self.add(&mut list, Offset::Invalid).is_ok()
            && let Err(error) = self.lane.consumer.incremental_unassign(&list)
        {
            tracing::debug!(%error, "a partition was not given up");
        }
    }
}

fn offset(offset: u64) -> Offset {
    Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX))
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.end();
        self.ends.consumed(self.stream, self.index, None);
        let mut taken = self.lane.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.stream);
    }
}
