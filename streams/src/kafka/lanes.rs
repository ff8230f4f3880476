//! Clients that read: each has one connection to a broker for all partitions that it reads, and each partition
//! a queue of its own.
//!
//! A client reads a partition at one place. So there is one for the first reader of every partition, a second
//! for those who read another time, and so on; mostly there are two.
//!
//! A client asks for more of a partition until that one's queue is full, and again once there is room: who does
//! not read on holds up nobody else, and memory is bounded by partitions and clients.

use std::collections::BTreeSet;
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

    /// Has a client read a stream from an offset on.
    pub fn open(&self, ends: &Arc<Ends>, stream: usize, from: u64) -> Result<Tap, LogError> {
        let (topic, partition) = ends.streams.name(stream).unwrap_or_default();
        let topic = format!("{}{topic}", self.prefix);
        let (lane, index) = self.lane(stream)?;
        let mut tap = Tap {
            topic,
            partition: number(partition),
            stream,
            index,
            lane,
            queue: None,
            ends: Arc::clone(ends),
        };
        tap.begin(from)?;
        Ok(tap)
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
        let consumer = &self.lane.consumer;
        let failed = |why: &dyn std::fmt::Display| unanswered(format!("reading {}", self.topic), why);
        // Split before it is assigned, so that nothing comes by the client's common queue.
        let queue = consumer.split_partition_queue(&self.topic, self.partition);
        let mut queue = queue.ok_or_else(|| failed(&"the partition has no queue"))?;
        let ends = Arc::clone(&self.ends);
        queue.set_nonempty_callback(move || ends.kick());
        let offset = Offset::Offset(i64::try_from(from).unwrap_or(i64::MAX));
        let list = self.list(offset).map_err(|error| failed(&error))?;
        consumer
            .incremental_assign(&list)
            .map_err(|error| failed(&error))?;
        self.queue = Some(queue);
        Ok(())
    }

    /// Notes up to where it was read.
    pub fn consumed(&self, to: u64) {
        self.ends.consumed(self.stream, self.index, Some(to));
    }

    /// Forgets what came and asks again from an offset on.
    pub fn seek(&self, to: u64, timeout: Duration) -> Result<(), KafkaError> {
        let offset = Offset::Offset(i64::try_from(to).unwrap_or(i64::MAX));
        self.lane
            .consumer
            .seek(&self.topic, self.partition, offset, timeout)
    }

    fn list(&self, offset: Offset) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, self.partition, offset)?;
        Ok(list)
    }

    /// Reads no more.
    fn end(&mut self) {
        if self.queue.take().is_some()
            && let Ok(list) = self.list(Offset::Invalid)
            && let Err(error) = self.lane.consumer.incremental_unassign(&list)
        {
            tracing::debug!(%error, "a partition was not given up");
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.end();
        self.ends.consumed(self.stream, self.index, None);
        let mut taken = self.lane.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.stream);
    }
}
