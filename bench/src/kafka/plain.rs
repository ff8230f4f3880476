//! The ceiling: a plain consumer of librdkafka's that reads everything and does nothing else.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::log::Topic;
use rdkafka::Offset;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer as _, DefaultConsumerContext};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::measured;
use super::topics::Topics;
use crate::replay::{Made, Replayed};

/// How often each way is tried; the best counts.
const TRIES: usize = 2;
/// Records that are taken from a partition's queue before the next one's turn.
const TURN: usize = 1000;
/// Nothing comes for so long: something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

/// A way of consuming, by one thread.
pub struct Way {
    /// Which.
    pub what: &'static str,
    /// Beyond what librdkafka does by default.
    settings: &'static [(&'static str, &'static str)],
    /// Each partition has a queue of its own.
    queues: bool,
}

const LARGE: &[(&str, &str)] = &[
    ("fetch.message.max.bytes", "8388608"),
    ("fetch.max.bytes", "67108864"),
    ("receive.message.max.bytes", "100000000"),
    ("queued.min.messages", "1000000"),
    ("queued.max.messages.kbytes", "1048576"),
];

/// All ways.
pub const WAYS: &[Way] = &[
    Way {
        what: "settings by default",
        settings: &[],
        queues: false,
    },
    Way {
        what: "large fetches",
        settings: LARGE,
        queues: false,
    },
    Way {
        what: "a queue a partition",
        settings: LARGE,
        queues: true,
    },
];

/// Reads everything in a way; its best try.
pub fn best(topics: &Topics, way: &Way, made: &Made) -> Result<Replayed, String> {
    let mut best: Option<Replayed> = None;
    for _ in 0..TRIES {
        let read = measured(|| consume(topics, way, made))?;
        if best.as_ref().is_none_or(|best| read.seconds < best.seconds) {
            best = Some(read);
        }
    }
    best.ok_or_else(|| "nothing was tried".to_owned())
}

/// Reads everything.
fn consume(topics: &Topics, way: &Way, made: &Made) -> Result<(), String> {
    let failed = |error: rdkafka::error::KafkaError| format!("a plain consumer: {error}");
    let prefix = topics.prefix("log");
    let mut client = topics.client();
    client.set("group.id", &prefix);
    client.set("enable.auto.commit", "false");
    client.set("isolation.level", "read_committed");
    for (name, value) in way.settings {
        client.set(*name, *value);
    }
    let consumer: BaseConsumer = client.create().map_err(failed)?;
    let consumer = Arc::new(consumer);
    let mut list = TopicPartitionList::new();
    for topic in Topic::ALL {
        let ends = made.log.ends(topic.name()).map_err(|e| e.to_string())?;
        for (partition, _) in (0..).zip(ends).filter(|(_, end)| *end > 0) {
            let name = format!("{prefix}{}", topic.name());
            list.add_partition_offset(&name, partition, Offset::Beginning)
                .map_err(failed)?;
        }
    }
    let queue = |(topic, partition): &(String, i32)| consumer.split_partition_queue(topic, *partition);
    let named: Vec<(String, i32)> = list.to_topic_map().into_keys().collect();
    let queues: Vec<_> = named.iter().filter(|_| way.queues).filter_map(queue).collect();
    consumer.assign(&list).map_err(failed)?;
    let mut left = made.records;
    let mut last = Instant::now();
    while left > 0 {
        let before = left;
        if queues.is_empty() {
            let record = consumer.poll(Duration::from_millis(100));
            record
                .transpose()
                .map_err(failed)?
                .iter()
                .for_each(|record| touch(record, &mut left));
        } else {
            drain(&queues, &mut left).map_err(failed)?;
            let _ = consumer.poll(Duration::ZERO);
        }
        if left < before {
            last = Instant::now();
        } else if last.elapsed() > PATIENCE {
            return Err("a plain consumer hears no more of the brokers".to_owned());
        }
    }
    Ok(())
}

/// Takes a turn at each queue.
fn drain(
    queues: &[PartitionQueue<DefaultConsumerContext>],
    left: &mut u64,
) -> rdkafka::error::KafkaResult<()> {
    let before = *left;
    for queue in queues {
        for _ in 0..TURN {
            match queue.poll(Duration::ZERO) {
                None => break,
                Some(record) => touch(&record?, left),
            }
        }
    }
    if *left == before {
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// Looks at every byte of it.
fn touch(record: &BorrowedMessage<'_>, left: &mut u64) {
    let sum = |bytes: Option<&[u8]>| {
        bytes
            .unwrap_or_default()
            .iter()
            .fold(0_u8, |a, b| a.wrapping_add(*b))
    };
    black_box((sum(record.key()), sum(record.payload())));
    *left = left.saturating_sub(1);
}
