//! How Kafka is reached, as it is configured.

use std::time::Duration;

use streams::kafka;

use super::Config;
use crate::Failure;

const DAY_MS: u64 = 86_400_000;

impl Config {
    /// How Kafka is reached, and whether it is only read.
    pub fn kafka(&self, read_only: bool) -> Result<kafka::Config, Failure> {
        let text = |name| self.text(name).to_owned();
        let number = |name| self.number(name);
        let mut how = kafka::Config::new(&text("kafka.brokers"));
        how.prefix = text("kafka.topic_prefix");
        how.group = text("kafka.group");
        how.partitions = u32::try_from(number("kafka.partitions")).unwrap_or(1);
        how.replication = u16::try_from(number("kafka.replication")).unwrap_or(0);
        how.retention_ms = Some(number("kafka.retention_days") * DAY_MS).filter(|ms| *ms > 0);
        how.timeout = Duration::from_millis(number("kafka.timeout_ms"));
        how.read_only = read_only;
        how.security.protocol = text("kafka.security");
        how.security.ca_file = text("kafka.ca_file");
        if how.security.protocol.starts_with("sasl") {
            how.security.mechanism = text("kafka.sasl_mechanism");
            how.security.user = text("kafka.user");
            how.security.password = text("kafka.password");
            how.security.token_file = text("kafka.token_file");
            let (needed, remedy) = match how.security.mechanism.as_str() {
                "OAUTHBEARER" => (
                    &how.security.token_file,
                    "kafka.token_file, the file that holds the token",
                ),
                _ => (
                    &how.security.user,
                    "kafka.user and kafka.password (MILLRACE_KAFKA_PASSWORD)",
                ),
            };
            if needed.is_empty() {
                let mechanism = &how.security.mechanism;
                return Err(Failure::Usage(format!(
                    "kafka.sasl_mechanism {mechanism} needs {remedy}"
                )));
            }
        }
        let properties = self.text("kafka.properties");
        let property = |text: &str| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            (name.trim().to_owned(), value.trim().to_owned())
        };
        how.properties = properties
            .split(',')
            .filter(|text| !text.is_empty())
            .map(property)
            .collect();
        Ok(how)
    }
}
