//! The settings: each with its key, what it means, its default and what it may be. Everything else about
//! configuration is derived from this table.

use std::net::SocketAddr;

use contract::views::View;

/// Stands for every view.
pub const ALL_VIEWS: &str = "all";

/// What a setting may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A whole number from .. to .. .
    Number(u64, u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// Any text.
    Text,
    /// An address or a host's name, and a port.
    Address,
    /// Printable ASCII without spaces, or nothing.
    Token,
    /// Addresses with ports, with commas between, or nothing.
    Brokers,
    /// `NAME=VALUE`, with commas between, or nothing.
    Properties,
    /// Views' names, with commas between, or [`ALL_VIEWS`], or nothing.
    Views,
}

impl Kind {
    /// What is expected, in words.
    pub fn expected(self) -> String {
        match self {
            Kind::Number(from, to) => format!("a whole number from {from} to {to}"),
            Kind::Word(words) => format!("one of {}", words.join(", ")),
            Kind::Flag => "true or false".to_owned(),
            Kind::Text => "a text".to_owned(),
            Kind::Token => "printable ASCII without spaces".to_owned(),
            Kind::Address => "an address or a name with a port, such as 127.0.0.1:8080".to_owned(),
            Kind::Brokers => "HOST:PORT, several with commas between, or empty".to_owned(),
            Kind::Properties => "NAME=VALUE, several with commas between, or empty".to_owned(),
            Kind::Views => format!("names of views with commas between, {ALL_VIEWS}, or empty"),
        }
    }

    /// Whether a text, as environment and flags have it, is one.
    pub fn admits(self, text: &str) -> bool {
        match self {
            Kind::Number(from, to) => text.parse().is_ok_and(|n: u64| (from..=to).contains(&n)),
            Kind::Word(words) => words.contains(&text),
            Kind::Flag => matches!(text, "true" | "false"),
            Kind::Text => !text.contains('\0'),
            Kind::Token => text.bytes().all(|byte| byte.is_ascii_graphic()),
            Kind::Address => is_address(text),
            Kind::Brokers => text.is_empty() || text.split(',').all(|broker| is_address(broker.trim())),
            Kind::Properties => text.is_empty() || text.split(',').all(is_property),
            Kind::Views => {
                let is_view = |name: &str| View::ALL.iter().any(|view| view.schema().name == name.trim());
                text.is_empty() || text == ALL_VIEWS || text.split(',').all(is_view)
            }
        }
    }

    /// A value as TOML writes it.
    pub fn toml(self, text: &str) -> String {
        match self {
            Kind::Number(..) | Kind::Flag => text.to_owned(),
            _ => toml::Value::from(text).to_string(),
        }
    }
}

fn is_address(text: &str) -> bool {
    text.parse::<SocketAddr>().is_ok() || is_named(text)
}

fn is_property(text: &str) -> bool {
    let of_name = |byte: u8| byte.is_ascii_lowercase() || b"._".contains(&byte);
    text.split_once('=')
        .is_some_and(|(name, _)| !name.trim().is_empty() && name.trim().bytes().all(of_name))
}

/// Whether a text is a host's name and a port. Whether there is such a host is asked when it is needed.
fn is_named(text: &str) -> bool {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.rsplit_once(':').is_some_and(|(host, port)| {
        (1..=253).contains(&host.len())
            && host.bytes().all(of_name)
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok()
    })
}

/// A setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Section and name, with a dot between.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it is by default.
    pub default: &'static str,
    /// What it means.
    pub about: &'static str,
    /// Never shown.
    pub secret: bool,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Key {
    let secret = false;
    Key {
        name,
        kind,
        default,
        about,
        secret,
    }
}

/// All settings, section by section.
pub const KEYS: &[Key] = &[
    key(
        "data.directory",
        Kind::Text,
        "./millrace-data",
        "Where log and views are kept.",
    ),
    key(
        "runtime.workers",
        Kind::Number(0, 256),
        "0",
        "How many threads decode and compute views; 0: the number of cores.",
    ),
    key(
        "log.fsync",
        Kind::Word(&["each-group", "never"]),
        "each-group",
        "When appended records are made durable: before they are acknowledged, once for all that wait, or when \
         the system sees fit. With never a crash of the machine may take records that were acknowledged, and \
         the view store is synced as little.",
    ),
    key(
        "log.segment_mib",
        Kind::Number(1, 4096),
        "128",
        "Size of a segment file of the log. Trimming frees whole segments.",
    ),
    key(
        "kafka.brokers",
        Kind::Brokers,
        "",
        "Brokers of Apache Kafka to begin with: log and timeline are topics there, and the data directory keeps \
         views and checkpoints; empty: the log is in the data directory.",
    ),
    key(
        "kafka.topic_prefix",
        Kind::Text,
        "",
        "What the names of all topics begin with.",
    ),
    key(
        "kafka.partitions",
        Kind::Number(1, 1000),
        "12",
        "Partitions of topics that are made. Topics that are there keep theirs; their number is fixed once records \
         are bound.",
    ),
    key(
        "kafka.replication",
        Kind::Number(0, 100),
        "0",
        "Replicas of topics that are made; 0: what the brokers do by default.",
    ),
    key(
        "kafka.retention_days",
        Kind::Number(0, 36_500),
        "0",
        "How long topics that are made keep records; 0: for ever. What is gone can't be decided again, so that a \
         start needs a checkpoint. The timeline is always kept.",
    ),
    key(
        "kafka.group",
        Kind::Text,
        "millrace",
        "The consumer group whose offsets show the lag. Nothing is read by it.",
    ),
    key(
        "kafka.timeout_ms",
        Kind::Number(1000, 300_000),
        "10000",
        "The longest that a request, or the acknowledgement of a record, is waited for.",
    ),
    key(
        "kafka.security",
        Kind::Word(&["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]),
        "plaintext",
        "How the brokers are spoken to.",
    ),
    key(
        "kafka.sasl_mechanism",
        Kind::Word(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]),
        "PLAIN",
        "How they know us, with sasl_plaintext and sasl_ssl. OAUTHBEARER takes its token from kafka.token_file; \
         topics must then be there already.",
    ),
    key("kafka.user", Kind::Text, "", "The user of PLAIN and SCRAM."),
    Key {
        secret: true,
        ..key(
            "kafka.password",
            Kind::Text,
            "",
            "The user's password. Better given in the environment.",
        )
    },
    key(
        "kafka.token_file",
        Kind::Text,
        "",
        "A file that holds the token of OAUTHBEARER, read anew whenever one is needed: another program keeps it \
         fresh, as for MSK IAM.",
    ),
    key(
        "kafka.ca_file",
        Kind::Text,
        "",
        "The certificates that sign the brokers', as PEM; empty: those that the system trusts.",
    ),
    Key {
        secret: true,
        ..key(
            "kafka.properties",
            Kind::Properties,
            "",
            "Properties of librdkafka's, which come after all of these.",
        )
    },
    key(
        "changelog.views",
        Kind::Views,
        "",
        "Views that Kafka keeps as compacted topics too, each as kafka.topic_prefix, `view-` and its name; empty: \
         none. Only with kafka.brokers.",
    ),
    key(
        "changelog.commands",
        Kind::Flag,
        "true",
        "Whether what payment providers are to be asked for goes to the topic `payment-commands`. Only with \
         kafka.brokers.",
    ),
    key(
        "changelog.partitions",
        Kind::Number(1, 1000),
        "1",
        "Partitions of those topics, where they are made. With one each, who reads a topic sees a view's commits \
         whole and in order.",
    ),
    key(
        "timeline.heartbeat_ms",
        Kind::Number(10, 60_000),
        "1000",
        "Time between epochs when nothing happens.",
    ),
    key(
        "timeline.in_flight_max",
        Kind::Number(1, 1000),
        "4",
        "Epochs that may be bound and not yet decided.",
    ),
    key(
        "timeline.clock_jump_ms_max",
        Kind::Number(1000, 86_400_000),
        "300000",
        "By how much the clock may lead monotonic time in one step. Beyond, nothing is bound until \
         `millrace clock accept`.",
    ),
    key(
        "store.cache_mib",
        Kind::Number(1, 65_536),
        "64",
        "Memory for pages of the view store.",
    ),
    key(
        "store.wal_mib_max",
        Kind::Number(16, 1_048_576),
        "1024",
        "Size of the view store's write-ahead log at which commits stop, while a reader keeps it from being \
         emptied.",
    ),
    key(
        "checkpoint.location",
        Kind::Text,
        "",
        "Where checkpoints are kept: a directory, or s3://BUCKET/PREFIX (in a build with the feature s3); empty: \
         `checkpoints` in the data directory. Each data directory needs a location of its own.",
    ),
    key(
        "checkpoint.s3_endpoint",
        Kind::Text,
        "",
        "The server of the bucket, such as https://s3.example.org:9000; empty: that of AWS for the region. Who we \
         are comes from the AWS_ variables or the instance's metadata, never from here.",
    ),
    key(
        "checkpoint.s3_region",
        Kind::Token,
        "",
        "The region of the bucket; empty: what AWS_REGION says, else us-east-1.",
    ),
    key(
        "checkpoint.s3_path_style",
        Kind::Flag,
        "true",
        "Whether the bucket stands in the path of requests, as most servers that are not AWS want it, rather than \
         in the host's name.",
    ),
    key(
        "checkpoint.s3_allow_http",
        Kind::Flag,
        "false",
        "Whether the server may be reached unencrypted where it is not this machine.",
    ),
    key(
        "checkpoint.timeout_s",
        Kind::Number(1, 3600),
        "60",
        "How long a request to the bucket may take, its answer included.",
    ),
    key(
        "checkpoint.retries",
        Kind::Number(0, 100),
        "4",
        "How often a request to the bucket that fails, but may not fail again, is sent again.",
    ),
    key(
        "checkpoint.patience_s",
        Kind::Number(0, 86_400),
        "60",
        "How long a start asks again for checkpoints that it can't read for the moment, before it gives up.",
    ),
    key(
        "checkpoint.interval_s",
        Kind::Number(0, 86_400),
        "300",
        "Time between checkpoints, while records come; 0: none is taken, and every start decides the whole log.",
    ),
    key(
        "checkpoint.records_max",
        Kind::Number(1000, 1_000_000_000_000),
        "10000000",
        "Records after which a checkpoint is taken even before that.",
    ),
    key(
        "checkpoint.keep",
        Kind::Number(1, 1000),
        "2",
        "How many checkpoints are kept.",
    ),
    key(
        "checkpoint.trim_log",
        Kind::Flag,
        "false",
        "Whether the log is trimmed up to the oldest checkpoint that is kept. What is trimmed can't be decided \
         again: the views can't be made anew from the log, nor by another version of the logic.",
    ),
    key(
        "api.listen",
        Kind::Address,
        "127.0.0.1:8080",
        "Where the API listens. Anything but loopback needs api.token, or api.insecure.",
    ),
    Key {
        secret: true,
        ..key(
            "api.token",
            Kind::Token,
            "",
            "The bearer token that every request has to carry; empty: none. Better given in the environment.",
        )
    },
    key(
        "api.insecure",
        Kind::Flag,
        "false",
        "Whether the API may listen on any address without a token.",
    ),
    key(
        "logging.filter",
        Kind::Text,
        "warn,millrace=info,millrace_runtime=info",
        "What is logged, as for RUST_LOG, which comes before it.",
    ),
    key(
        "logging.format",
        Kind::Word(&["auto", "human", "json"]),
        "auto",
        "How: for people, or a line of JSON each; auto: for people on a terminal, JSON otherwise.",
    ),
];
