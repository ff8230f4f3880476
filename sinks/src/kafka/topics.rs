//! The sink's topics: what they are called, how they are made, what they hold.

use std::collections::HashMap;

use brokers::Ear;
use contract::delta::Change;
use contract::views::View;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResourceResult, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::RDKafkaErrorCode;
use xxhash_rust::xxh3::xxh3_128;

use super::client::{Fault, RECORD_BYTES_MAX, administering, fault, read};
use super::{Config, commands, text};
use crate::Frontier;

/// Bytes of a segment of the topic of frontiers: only whole ones are compacted, and it is read at each
/// start.
const FRONTIER_SEGMENT_BYTES: &str = "1048576";

/// The topics.
pub(super) struct Topics {
    config: Config,
    made: bool,
}

/// A topic as it is to be.
struct Wanted {
    name: String,
    partitions: u32,
    settings: Vec<(&'static str, String)>,
}

impl Topics {
    pub(super) fn new(config: &Config) -> Topics {
        Topics {
            config: config.clone(),
            made: false,
        }
    }

    /// That of a view's rows.
    pub(super) fn view(&self, view: View) -> String {
        format!("{}view-{}", self.config.prefix, view.schema().name)
    }

    /// That of commands to payment providers.
    pub(super) fn commands(&self) -> String {
        format!("{}payment-commands", self.config.prefix)
    }

    /// That of frontiers.
    pub(super) fn frontiers(&self) -> String {
        format!("{}millrace-frontier", self.config.prefix)
    }

    fn wanted(&self) -> Vec<Wanted> {
        let bytes_max = || ("max.message.bytes", RECORD_BYTES_MAX.to_string());
        let compact = || ("cleanup.policy", "compact".to_owned());
        let partitions = self.config.partitions;
        let views = self.config.views.iter().map(|view| Wanted {
            name: self.view(*view),
            partitions,
            settings: vec![compact(), bytes_max()],
        });
        let commands = self.config.commands.then(|| Wanted {
            name: self.commands(),
            partitions,
            settings: vec![
                ("cleanup.policy", "delete".to_owned()),
                ("retention.ms", "-1".to_owned()),
                ("retention.bytes", "-1".to_owned()),
            ],
        });
        let frontiers = Wanted {
            name: self.frontiers(),
            partitions: 1,
            settings: vec![compact(), ("segment.bytes", FRONTIER_SEGMENT_BYTES.to_owned())],
        };
        views.chain(commands).chain([frontiers]).collect()
    }

    /// Makes those that are missing, and looks at how the others are set.
    pub(super) fn make(&mut self) -> Result<(), Fault> {
        // rdkafka's administrator never asks for a token, so that no broker talks to it where they want one: then the
        // topics have to be there.
        if self.made || self.config.brokers.has_token() {
            return Ok(());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| Fault::Passing(error.to_string()))?;
        let admin: AdminClient<Ear> = administering(&self.config)
            .create_with_context(self.config.brokers.ear())
            .map_err(|error| fault("making an administrator", &error))?;
        let timeout = Some(self.config.brokers.timeout);
        let options = AdminOptions::new()
            .request_timeout(timeout)
            .operation_timeout(timeout);
        let replication = match i32::from(self.config.replication) {
            0 => -1,
            replicas => replicas,
        };
        let wanted = self.wanted();
        let new = wanted.iter().map(|topic| {
            let partitions = i32::try_from(topic.partitions).unwrap_or(1);
            let replication = TopicReplication::Fixed(replication);
            let settings = topic.settings.iter();
            settings.fold(
                NewTopic::new(&topic.name, partitions, replication),
                |new, (name, value)| new.set(name, value),
            )
        });
        let new: Vec<NewTopic<'_>> = new.collect();
        let made = runtime.block_on(admin.create_topics(&new, &options));
        for made in made.map_err(|error| fault("making topics", &error))? {
            match made {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, why)) => return Err(Fault::Passing(format!("making topic {topic}: {why}"))),
            }
        }
        let asked: Vec<_> = wanted.iter().map(|t| ResourceSpecifier::Topic(&t.name)).collect();
        let found = runtime.block_on(admin.describe_configs(&asked, &options));
        let found = found.map_err(|error| fault("asking how topics are set", &error))?;
        for (topic, found) in wanted.iter().zip(found) {
            check(topic, found)?;
        }
        self.made = true;
        Ok(())
    }

    /// Where the sink stands.
    pub(super) fn frontier(&self) -> Result<Option<Frontier>, Fault> {
        let topic = self.frontiers();
        let mut last: Option<Vec<u8>> = None;
        read(&self.config, &topic, |key, value| {
            if key == self.config.name.as_bytes() {
                last = value.map(<[u8]>::to_vec);
            }
        })?;
        let Some(last) = last else {
            return Ok(None);
        };
        let frontier = text::frontier_of(&last).ok_or_else(|| {
            let name = &self.config.name;
            Fault::Final(format!(
                "topic {topic} holds no frontier under {name}: somebody else wrote it; delete the topic, \
                 and the views' topics are filled again"
            ))
        })?;
        Ok(Some(frontier))
    }

    /// What the topics hold.
    pub(super) fn held(&self) -> Result<Held, Fault> {
        let mut held = Held::default();
        for view in &self.config.views {
            let mut rows = HashMap::new();
            read(&self.config, &self.view(*view), |key, value| {
                let key = String::from_utf8_lossy(key).into_owned();
                match value {
                    Some(value) => rows.insert(key, xxh3_128(value)),
                    None => rows.remove(&key),
                };
            })?;
            held.rows.push((*view, rows));
        }
        if self.config.commands {
            held.trimmed = read(&self.config, &self.commands(), |_, value| {
                let said: Option<serde_json::Value> =
                    value.and_then(|value| serde_json::from_slice(value).ok());
                let key = said.as_ref().and_then(|said| said["idempotency_key"].as_str());
                if let Some(key) = key {
                    *held.commands.entry(key.to_owned()).or_default() += 1;
                }
            })?;
        }
        Ok(held)
    }
}

/// A setting that would lose rows is not written to.
fn check(
    topic: &Wanted,
    found: Result<rdkafka::admin::ConfigResource, RDKafkaErrorCode>,
) -> Result<(), Fault> {
    let found: ConfigResourceResult = found;
    // Who may not ask finds out by what is missing.
    let Ok(found) = found else {
        return Ok(());
    };
    let (setting, wanted) = &topic.settings[0];
    let said = found.get(setting).and_then(|entry| entry.value.as_deref());
    match said {
        Some(said) if said != wanted => Err(Fault::Final(format!(
            "topic {} has {setting}={said}, which loses records that count; set it to {wanted}",
            topic.name
        ))),
        _ => Ok(()),
    }
}

/// What the topics hold, in short.
#[derive(Default)]
pub(super) struct Held {
    /// By key the fingerprint of the value.
    rows: Vec<(View, HashMap<String, u128>)>,
    /// How many there are of each idempotency key.
    commands: HashMap<String, u64>,
    /// Commands were removed from the beginning.
    trimmed: bool,
}

impl Held {
    /// Takes a row out; whether it has this value.
    pub(super) fn take(&mut self, view: View, key: &str, value: &str) -> bool {
        let rows = self.rows.iter_mut().find(|(other, _)| *other == view);
        let held = rows.and_then(|(_, rows)| rows.remove(key));
        held == Some(xxh3_128(value.as_bytes()))
    }

    /// Whether a row's command is still to be written.
    pub(super) fn lacks_command(&self, row: &Change<'_>) -> bool {
        let row = commands::Found::of(row);
        match self.commands.get(&row.key) {
            None => !(row.answered && self.trimmed),
            Some(held) => !row.answered && *held < row.issued,
        }
    }

    /// The keys that were not taken out, in order.
    pub(super) fn rest(self) -> Vec<(View, String)> {
        let mut rest = Vec::new();
        for (view, rows) in self.rows {
            let mut keys: Vec<String> = rows.into_keys().collect();
            keys.sort_unstable();
            rest.extend(keys.into_iter().map(|key| (view, key)));
        }
        rest
    }
}
