//! The topics: made where they are missing, looked at where they are not.
//!
//! What would make the views wrong is refused: a timeline of several partitions (of two records for an epoch
//! nobody could say which is first), compaction (records that count would vanish), and topics that are
//! there only in part though the timeline is begun. What is only worth knowing is told as a warning.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Waking, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use brokers::{Complaints, Ear};
use contract::log::Topic;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::client::unanswered;
use super::config::{self, Config, RECORD_BYTES_MAX};
use crate::error::LogError;
use crate::streams::Streams;
use crate::timeline;

/// Bytes of a value that the contract admits, with room for its key and headers.
const RECORD_BYTES_NEEDED: u64 = (1 << 20) + (64 << 10);

/// How many partitions each topic has that is there, by its full name.
pub type Found = BTreeMap<String, u32>;

/// Asks what only an administrator may.
pub struct Admin {
    client: AdminClient<Ear>,
    /// Asks what anybody may.
    consumer: BaseConsumer<Ear>,
    timeout: Duration,
    complaints: Arc<Complaints>,
    /// rdkafka's administrator never asks for a token, so that no broker talks to it where they want one.
    is_mute: bool,
}

impl Admin {
    pub fn new(config: &Config, ear: &Ear) -> Result<Admin, LogError> {
        let client = config.appending().create_with_context(ear.clone());
        let consumer = ear.consumer(&config.reading(1));
        Ok(Admin {
            client: client.map_err(|error| config::refused(&error))?,
            consumer: consumer.map_err(|error| config::refused(&error))?,
            timeout: config.brokers.timeout,
            complaints: Arc::clone(&ear.complaints),
            is_mute: config.brokers.has_token(),
        })
    }

    fn options(&self) -> AdminOptions {
        let timeout = Some(self.timeout);
        AdminOptions::new()
            .request_timeout(timeout)
            .operation_timeout(timeout)
    }

    fn failed(&self, what: &str, why: &dyn std::fmt::Display) -> LogError {
        unanswered(what, format!("{why}{}", self.complaints.last()))
    }

    /// The topics that are there.
    pub fn found(&self, config: &Config) -> Result<Found, LogError> {
        Ear::listen(&self.consumer);
        let metadata = self.consumer.fetch_metadata(None, self.timeout);
        let metadata = metadata.map_err(|error| {
            Ear::listen(&self.consumer);
            let what = format!(
                "Kafka at {} (kafka.brokers) does not answer",
                config.brokers.addresses
            );
            match self.complaints.last().is_empty() {
                // Such as one who waits for a greeting of another kind.
                true => unanswered(what, format!("{error}; check the port and kafka.security")),
                false => self.failed(&what, &error),
            }
        })?;
        let ours = metadata.topics().iter().filter(|topic| topic.error().is_none());
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(ours
            .map(|topic| (topic.name().to_owned(), count(topic.partitions().len())))
            .collect())
    }

    /// Makes the topics that are missing, and waits until they are there.
    pub fn make(&self, config: &Config, found: &Found) -> Result<Found, LogError> {
        let wanted = names();
        let missing: Vec<_> = wanted
            .iter()
            .filter(|topic| !found.contains_key(&full(config, topic)))
            .collect();
        if missing.is_empty() {
            return Ok(found.clone());
        }
        if self.is_mute {
            let missing: Vec<String> = missing.iter().map(|topic| full(config, topic)).collect();
            return Err(LogError::BadConfiguration {
                what: format!(
                    "Kafka at {} lacks topics, and with kafka.sasl_mechanism OAUTHBEARER they can't be made from here: \
                     make {} (the timeline with 1 partition, all with message.timestamp.type=LogAppendTime), or check \
                     kafka.topic_prefix",
                    config.brokers.addresses,
                    missing.join(", ")
                ),
            });
        }
        let kept: Vec<(String, String)> = missing
            .iter()
            .map(|topic| (full(config, topic), retention(config, topic)))
            .collect();
        let bytes_max = RECORD_BYTES_MAX.to_string();
        let new = kept.iter().zip(&missing).map(|((name, retention_ms), topic)| {
            let partitions = if **topic == timeline::TOPIC {
                1
            } else {
                config.partitions
            };
            let replication = match i32::from(config.replication) {
                0 => -1,
                replicas => replicas,
            };
            NewTopic::new(
                name,
                i32::try_from(partitions).unwrap_or(1),
                TopicReplication::Fixed(replication),
            )
            .set("message.timestamp.type", "LogAppendTime")
            .set("cleanup.policy", "delete")
            .set("retention.ms", retention_ms)
            .set("retention.bytes", "-1")
            .set("max.message.bytes", &bytes_max)
        });
        let new: Vec<NewTopic<'_>> = new.collect();
        let made = block_on(self.client.create_topics(&new, &self.options()));
        for result in made.map_err(|error| self.failed("making topics in Kafka", &error))? {
            match result {
                Ok(topic) => tracing::info!(topic, "the topic was made"),
                // Another was faster: it is looked at like any other.
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    let what = format!(
                        "making topic {topic} in Kafka (kafka.replication {})",
                        config.replication
                    );
                    return Err(self.failed(&what, &code));
                }
            }
        }
        for _ in 0..100 {
            let found = self.found(config)?;
            if wanted
                .iter()
                .all(|topic| found.contains_key(&full(config, topic)))
            {
                return Ok(found);
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err(unanswered(
            "making topics in Kafka",
            "they were made, and are not there",
        ))
    }

    /// Looks at how topics are set: refuses what would make the views wrong, and warns of what is worth knowing.
    pub fn check(&self, config: &Config) -> Result<(), LogError> {
        if self.is_mute {
            tracing::warn!(
                "how Kafka's topics are set can't be looked at with OAUTHBEARER, and is taken on trust"
            );
            return Ok(());
        }
        let full: Vec<String> = names().iter().map(|topic| full(config, topic)).collect();
        let asked: Vec<ResourceSpecifier<'_>> =
            full.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let described = block_on(self.client.describe_configs(&asked, &self.options()));
        let described = match described {
            Ok(described) => described,
            Err(error) => {
                tracing::warn!(%error, "how Kafka's topics are set can't be looked at, and is taken on trust");
                return Ok(());
            }
        };
        for ((topic, full), resource) in names().iter().zip(&full).zip(described) {
            match resource {
                Ok(resource) => check(topic, full, &resource)?,
                Err(code) => {
                    tracing::warn!(topic = full, %code, "how the topic is set can't be looked at, and is taken on trust");
                }
            }
        }
        Ok(())
    }

    /// Has the records of a partition below an offset removed.
    pub fn trim(&self, list: &TopicPartitionList, topic: &str) -> Result<(), LogError> {
        let what = format!("trimming {topic}");
        if self.is_mute {
            let why = "it can't be done with OAUTHBEARER; set the topic's retention.ms instead";
            return Err(unanswered(what, why));
        }
        let done = block_on(self.client.delete_records(list, &self.options()));
        let done = done.map_err(|error| self.failed(&what, &error))?;
        for element in done.elements() {
            element.error().map_err(|error| self.failed(&what, &error))?;
        }
        Ok(())
    }
}

/// All topics, the timeline last.
pub fn names() -> Vec<&'static str> {
    Topic::ALL
        .map(Topic::name)
        .into_iter()
        .chain([timeline::TOPIC])
        .collect()
}

/// A topic's name in Kafka.
pub fn full(config: &Config, topic: &str) -> String {
    format!("{}{topic}", config.prefix)
}

fn retention(config: &Config, topic: &str) -> String {
    let kept = config.retention_ms.filter(|_| topic != timeline::TOPIC);
    kept.map_or_else(|| "-1".to_owned(), |ms| ms.to_string())
}

/// The table of streams of what was found.
pub fn streams(config: &Config, found: &Found) -> Result<Streams, LogError> {
    let mut streams = Streams::default();
    for topic in names() {
        let full = full(config, topic);
        let Some(partitions) = found.get(&full) else {
            return Err(LogError::BadConfiguration {
                what: format!(
                    "Kafka at {} has no topic {full}; check kafka.brokers and kafka.topic_prefix",
                    config.brokers.addresses
                ),
            });
        };
        if topic == timeline::TOPIC && *partitions != 1 {
            return Err(unsafe_topic(
                &full,
                &format!(
                    "has {partitions} partitions: of two records for one epoch nobody could say which is first"
                ),
                "delete it, or choose another kafka.topic_prefix; the timeline has 1 partition",
            ));
        }
        streams.add(topic, *partitions)?;
    }
    Ok(streams)
}

fn unsafe_topic(topic: &str, what: &str, remedy: &str) -> LogError {
    LogError::BadConfiguration {
        what: format!("Kafka's topic {topic} {what}; {remedy}"),
    }
}

/// Judges how a topic is set.
fn check(topic: &str, full: &str, resource: &ConfigResource) -> Result<(), LogError> {
    let value = |name: &str| {
        resource
            .get(name)
            .and_then(|entry| entry.value.clone())
            .unwrap_or_default()
    };
    if value("cleanup.policy").contains("compact") {
        return Err(unsafe_topic(
            full,
            "is compacted: records that count would vanish",
            "set its cleanup.policy to delete",
        ));
    }
    let limits = [value("retention.ms"), value("retention.bytes")];
    let is_kept = limits.iter().all(|limit| limit == "-1" || limit.is_empty());
    if topic == timeline::TOPIC && !is_kept {
        tracing::warn!(
            topic = full,
            retention_ms = limits[0],
            retention_bytes = limits[1],
            "the timeline is not kept for ever: a start needs it from its newest checkpoint on; set retention.ms and \
             retention.bytes to -1"
        );
    }
    if value("message.timestamp.type") == "CreateTime" && topic != timeline::TOPIC {
        tracing::warn!(
            topic = full,
            "records carry their producers' time: what gathers while millrace is away is bound by those clocks; set \
             message.timestamp.type to LogAppendTime"
        );
    }
    if value("max.message.bytes")
        .parse()
        .is_ok_and(|bytes: u64| bytes < RECORD_BYTES_NEEDED)
    {
        tracing::warn!(
            topic = full,
            max_message_bytes = value("max.message.bytes"),
            "records that the contract admits are too large for it; set max.message.bytes to {RECORD_BYTES_MAX}"
        );
    }
    Ok(())
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for an answer. The client's own thread brings it, so that no runtime is needed.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut waking = Waking::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut waking) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}
