//! What the topics of the log are like, and how its clients are tuned.

use brokers::{Brokers, ms};
use rdkafka::ClientConfig;

use crate::error::LogError;

/// Bytes of a record, at most: a value that the contract admits, its key and headers, and what is too large
/// and to be quarantined.
pub const RECORD_BYTES_MAX: usize = 4 << 20;
/// Bytes that a reading client keeps of all its partitions, about.
const QUEUED_KIB_MAX: usize = 128 << 10;
/// How long a broker keeps a request for records when there are none. It is the price of what no record
/// arrives for: of a partition that is newly read, and of control markers at a partition's end.
const FETCH_WAIT_MS: u32 = 20;

/// Where Kafka is, and how its topics are named and made.
#[derive(Clone, Debug)]
pub struct Config {
    /// How its brokers are reached.
    pub brokers: Brokers,
    /// What all topics' names begin with.
    pub prefix: String,
    /// Under this name the progress is shown to who watches the lag. Nothing is read by it.
    pub group: String,
    /// Partitions of a topic that is made; the timeline has one.
    pub partitions: u32,
    /// Replicas of a topic that is made; 0: what the brokers do by default.
    pub replication: u16,
    /// How long records of a topic that is made are kept, in milliseconds; none: for ever. The timeline is
    /// kept for ever.
    pub retention_ms: Option<u64>,
    /// Whether it is only read: nothing is made or appended.
    pub read_only: bool,
}

impl Config {
    /// Topics without a prefix at `brokers`, everything else as usual.
    #[must_use]
    pub fn new(brokers: Brokers) -> Config {
        Config {
            brokers,
            prefix: String::new(),
            group: "millrace".to_owned(),
            partitions: 1,
            replication: 0,
            retention_ms: None,
            read_only: false,
        }
    }

    /// A client that reads, of `streams` partitions in all.
    pub(super) fn reading(&self, streams: usize) -> ClientConfig {
        let queued = (QUEUED_KIB_MAX / streams.max(1)).clamp(1024, 16 << 10);
        let text = str::to_owned;
        let tuned = [
            ("group.id", self.group.clone()),
            ("enable.auto.commit", text("false")),
            ("enable.auto.offset.store", text("false")),
            ("enable.partition.eof", text("true")),
            ("auto.offset.reset", text("error")),
            ("isolation.level", text("read_committed")),
            ("check.crcs", text("true")),
            ("fetch.wait.max.ms", FETCH_WAIT_MS.to_string()),
            ("fetch.error.backoff.ms", text("100")),
            // Partitions are read in turns: a queue that was full is asked for again as soon as there is room, and
            // answers are small, so that none waits for all of another.
            ("fetch.queue.backoff.ms", text("2")),
            ("fetch.message.max.bytes", text("524288")),
            ("fetch.max.bytes", text("8388608")),
            ("receive.message.max.bytes", text("100000000")),
            ("queued.max.messages.kbytes", queued.to_string()),
            ("queued.min.messages", text("100000")),
        ];
        self.brokers.client("millrace", &tuned)
    }

    /// The client that appends.
    pub(super) fn appending(&self) -> ClientConfig {
        let text = str::to_owned;
        let tuned = [
            ("enable.idempotence", text("true")),
            ("acks", text("all")),
            ("linger.ms", text("1")),
            ("compression.type", text("lz4")),
            ("message.max.bytes", RECORD_BYTES_MAX.to_string()),
            ("message.timeout.ms", ms(self.brokers.timeout)),
            ("request.timeout.ms", ms(self.brokers.timeout)),
        ];
        self.brokers.client("millrace", &tuned)
    }
}

/// A property that librdkafka does not take.
pub(super) fn refused(error: &rdkafka::error::KafkaError) -> LogError {
    let why = error.to_string();
    let remedy = brokers::remedy(&why);
    LogError::BadConfiguration {
        what: format!("Kafka's client does not take the settings under kafka.*: {why}{remedy}"),
    }
}
