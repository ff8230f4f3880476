//! How brokers of Apache Kafka are reached, for whoever is a client of theirs: the log (`streams/src/kafka`)
//! and the sink of views (`sinks/src/kafka`).
//!
//! It holds what is true of every client: where the brokers are, how they and we know each other, how long
//! one waits, and what a client hears besides its answers ([`Ear`]). What a client is for, and how it is
//! tuned for that, is said where it is used.

mod ear;

use std::time::Duration;

use rdkafka::ClientConfig;

pub use ear::{Complaints, Ear, remedy};

/// Where the brokers are and how they are spoken to.
#[derive(Clone, Debug)]
pub struct Brokers {
    /// Those to begin with: `HOST:PORT`, several with commas between.
    pub addresses: String,
    /// The longest that a request, or the acknowledgement of a record, is waited for.
    pub timeout: Duration,
    /// How they know us.
    pub security: Security,
    /// Properties of librdkafka's, said last.
    pub properties: Vec<(String, String)>,
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

impl Brokers {
    /// Those at `addresses`, spoken to openly, with ten seconds for each request.
    #[must_use]
    pub fn new(addresses: &str) -> Brokers {
        Brokers {
            addresses: addresses.to_owned(),
            timeout: Duration::from_secs(10),
            security: Security::default(),
            properties: Vec::new(),
        }
    }

    /// A client that calls itself `id` and is set as `tuned` says; what the user has set comes last.
    #[must_use]
    pub fn client(&self, id: &str, tuned: &[(&str, String)]) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.addresses);
        client.set("client.id", id);
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
        for (name, value) in tuned {
            client.set(*name, value);
        }
        for (name, value) in &self.properties {
            client.set(name, value);
        }
        client
    }

    /// Whether they know us by a token.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.security.protocol.starts_with("sasl") && self.security.mechanism == "OAUTHBEARER"
    }

    /// What listens while a client of theirs works.
    #[must_use]
    pub fn ear(&self) -> Ear {
        Ear::new(&self.security.token_file)
    }
}

/// A duration as librdkafka's settings have it.
#[must_use]
pub fn ms(duration: Duration) -> String {
    duration.as_millis().to_string()
}
