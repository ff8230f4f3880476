//! How Kafka is reached, as librdkafka is told.

use std::time::Duration;

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
    /// Brokers to begin with: `HOST:PORT`, several with commas between.
    pub brokers: String,
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
    /// The longest that a request, or the acknowledgement of a record, is waited for.
    pub timeout: Duration,
    /// How the brokers know us.
    pub security: Security,
    /// Properties of librdkafka's, said last.
    pub properties: Vec<(String, String)>,
    /// Whether it is only read: nothing is made or appended.
    pub read_only: bool,
}

/// How we and the brokers know each other.
#[derive(Clone, Default)]
pub struct Security {
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    pub protocol: String,
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`.
    pub mechanism: String,
    /// The user, of PLAIN and SCRAM.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Who the brokers' certificates are signed by, a file; empty: whom the system trusts.
    pub ca_file: String,
    /// A file that holds the token of OAUTHBEARER. It is read again whenever a token is needed, so that another
    /// program keeps it fresh.
    pub token_file: String,
}

impl std::fmt::Debug for Security {
    /// Without what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Security {
            protocol, mechanism, ..
        } = self;
        write!(f, "Security({protocol}, {mechanism}, ..)")
    }
}

impl Config {
    /// The brokers at `brokers`, everything else as usual.
    #[must_use]
    pub fn new(brokers: &str) -> Config {
        Config {
            brokers: brokers.to_owned(),
            prefix: String::new(),
            group: "millrace".to_owned(),
            partitions: 1,
            replication: 0,
            retention_ms: None,
            timeout: Duration::from_secs(10),
            security: Security::default(),
            properties: Vec::new(),
            read_only: false,
        }
    }

    /// What all clients have in common.
    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.brokers);
        client.set("client.id", "millrace");
        client.set("socket.keepalive.enable", "true");
        client.set("socket.nagle.disable", "true");
        client.set("allow.auto.create.topics", "false");
        client.set("reconnect.backoff.ms", "50");
        client.set("reconnect.backoff.max.ms", "1000");
        client.set("socket.timeout.ms", ms(self.timeout.max(Duration::from_secs(1))));
        let security = &self.security;
        let said = [
            ("security.protocol", &security.protocol),
            ("sasl.mechanism", &security.mechanism),
            ("sasl.username", &security.user),
            ("sasl.password", &security.password),
            ("ssl.ca.location", &security.ca_file),
        ];
        for (name, value) in said.into_iter().filter(|(_, value)| !value.is_empty()) {
            client.set(name, value);
        }
        client
    }

    /// A client that reads, of `streams` partitions in all.
    pub(super) fn reading(&self, streams: usize) -> ClientConfig {
        let mut client = self.client();
        client.set("group.id", &self.group);
        client.set("enable.auto.commit", "false");
        client.set("enable.auto.offset.store", "false");
        client.set("enable.partition.eof", "true");
        client.set("auto.offset.reset", "error");
        client.set("isolation.level", "read_committed");
        client.set("check.crcs", "true");
        client.set("fetch.wait.max.ms", FETCH_WAIT_MS.to_string());
        client.set("fetch.error.backoff.ms", "100");
        // Partitions are read in turns: a queue that was full is asked for again as soon as there is room, and answers
        // are small, so that none waits for all of another.
        client.set("fetch.queue.backoff.ms", "2");
        client.set("fetch.message.max.bytes", "524288");
        client.set("fetch.max.bytes", "8388608");
        client.set("receive.message.max.bytes", "100000000");
        let queued = (QUEUED_KIB_MAX / streams.max(1)).clamp(1024, 16 << 10);
        client.set("queued.max.messages.kbytes", queued.to_string());
        client.set("queued.min.messages", "100000");
        self.with_properties(client)
    }

    /// The client that appends.
    pub(super) fn appending(&self) -> ClientConfig {
        let mut client = self.client();
        client.set("enable.idempotence", "true");
        client.set("acks", "all");
        client.set("linger.ms", "1");
        client.set("compression.type", "lz4");
        client.set("message.max.bytes", RECORD_BYTES_MAX.to_string());
        client.set("message.timeout.ms", ms(self.timeout));
        client.set("request.timeout.ms", ms(self.timeout));
        self.with_properties(client)
    }

    fn with_properties(&self, mut client: ClientConfig) -> ClientConfig {
        for (name, value) in &self.properties {
            client.set(name, value);
        }
        client
    }
}

fn ms(duration: Duration) -> String {
    duration.as_millis().to_string()
}

/// A property that librdkafka does not take.
pub(super) fn refused(error: &rdkafka::error::KafkaError) -> LogError {
    LogError::BadConfiguration {
        what: format!("Kafka's client does not take the settings under kafka.*: {error}"),
    }
}
