//! How Kafka is reached, and what is kept there, as it is configured.

use std::time::Duration;

use brokers::{Brokers, Security};
use contract::views::View;
use sinks::kafka as changelog;
use streams::kafka;

use super::Config;
use super::keys::ALL_VIEWS;
use crate::Failure;

const DAY_MS: u64 = 86_400_000;
/// The sink's name.
const CHANGELOG: &str = "changelog";

impl Config {
    /// The log's topics, and whether they are only read.
    pub fn kafka(&self, read_only: bool) -> Result<kafka::Config, Failure> {
        let number = |name| self.number(name);
        let mut how = kafka::Config::new(self.reach()?);
        how.prefix = self.text("kafka.topic_prefix").to_owned();
        how.group = self.text("kafka.group").to_owned();
        how.partitions = u32::try_from(number("kafka.partitions")).unwrap_or(1);
        how.replication = self.replication();
        how.retention_ms = Some(number("kafka.retention_days") * DAY_MS).filter(|ms| *ms > 0);
        how.read_only = read_only;
        Ok(how)
    }

    /// What goes to topics besides; none: nothing does.
    pub fn changelog(&self) -> Result<Option<changelog::Config>, Failure> {
        let (views, commands) = (self.views("changelog.views"), self.flag("changelog.commands"));
        if self.brokers().is_none() || (views.is_empty() && !commands) {
            return Ok(None);
        }
        let mut how = changelog::Config::new(self.reach()?, &views);
        CHANGELOG.clone_into(&mut how.name);
        how.prefix = self.text("kafka.topic_prefix").to_owned();
        how.commands = commands;
        how.partitions = u32::try_from(self.number("changelog.partitions")).unwrap_or(1);
        how.replication = self.replication();
        Ok(Some(how))
    }

    fn replication(&self) -> u16 {
        u16::try_from(self.number("kafka.replication")).unwrap_or(0)
    }

    /// The views that a setting names.
    fn views(&self, name: &str) -> Vec<View> {
        let text = self.text(name);
        let is_named = |view: &View| text.split(',').any(|part| part.trim() == view.schema().name);
        let all = View::ALL.iter().copied();
        all.filter(|view| text == ALL_VIEWS || is_named(view)).collect()
    }

    /// How the brokers are reached.
    fn reach(&self) -> Result<Brokers, Failure> {
        let text = |name| self.text(name).to_owned();
        let mut how = Brokers::new(&text("kafka.brokers"));
        how.timeout = Duration::from_millis(self.number("kafka.timeout_ms"));
        how.security = self.security()?;
        let property = |text: &str| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            (name.trim().to_owned(), value.trim().to_owned())
        };
        let properties = self.text("kafka.properties").split(',');
        how.properties = properties.filter(|text| !text.is_empty()).map(property).collect();
        Ok(how)
    }

    fn security(&self) -> Result<Security, Failure> {
        let text = |name| self.text(name).to_owned();
        let mut how = Security {
            protocol: text("kafka.security"),
            ca_file: text("kafka.ca_file"),
            ..Security::default()
        };
        if !how.protocol.starts_with("sasl") {
            return Ok(how);
        }
        how.mechanism = text("kafka.sasl_mechanism");
        how.user = text("kafka.user");
        how.password = text("kafka.password");
        how.token_file = text("kafka.token_file");
        let (needed, remedy) = match how.mechanism.as_str() {
            "OAUTHBEARER" => (&how.token_file, "kafka.token_file, the file that holds the token"),
            _ => (
                &how.user,
                "kafka.user and kafka.password (MILLRACE_KAFKA_PASSWORD)",
            ),
        };
        if needed.is_empty() {
            let mechanism = &how.mechanism;
            return Err(Failure::Usage(format!(
                "kafka.sasl_mechanism {mechanism} needs {remedy}"
            )));
        }
        Ok(how)
    }
}
