//! Topics of a run's own, gone afterwards.

use brokers::Brokers;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::client::block_on;
use crate::now_ms;

/// All topics whose names begin with [`Topics::prefix`]; removed when this goes.
pub struct Topics {
    brokers: Brokers,
    prefix: String,
}

impl Topics {
    /// A prefix that nobody else has.
    pub fn new(addresses: &str) -> Result<Topics, String> {
        let brokers = Brokers::new(addresses);
        let prefix = format!("millrace-bench-{}-{}", std::process::id(), now_ms());
        // Where nobody answers there will be nothing to remove.
        found(&brokers, &prefix)?;
        Ok(Topics { brokers, prefix })
    }

    /// Where they are.
    pub fn brokers(&self) -> &Brokers {
        &self.brokers
    }

    /// What the names of one log's topics begin with; its consumer group has the same name.
    pub fn prefix(&self, log: &str) -> String {
        format!("{}.{log}.", self.prefix)
    }

    /// A client's settings.
    pub fn client(&self) -> ClientConfig {
        client(&self.brokers)
    }

    fn remove(&self) -> Result<(), String> {
        let found = found(&self.brokers, &self.prefix)?;
        let names: Vec<&str> = found.iter().map(String::as_str).collect();
        if names.is_empty() {
            return Ok(());
        }
        let admin: AdminClient<DefaultClientContext> =
            self.client().create().map_err(|error| error.to_string())?;
        let options = AdminOptions::new().request_timeout(Some(self.brokers.timeout));
        let groups = ["log", "live"].map(|log| self.prefix(log));
        let groups = groups.each_ref().map(String::as_str);
        block_on(async {
            let removed = admin.delete_topics(&names, &options).await;
            for result in removed.map_err(|error| error.to_string())? {
                result.map_err(|(name, code)| format!("{name}: {code}"))?;
            }
            // Where nothing was committed there is no group.
            let _ = admin.delete_groups(&groups, &options).await;
            Ok(())
        })
    }
}

fn client(brokers: &Brokers) -> ClientConfig {
    brokers.client("millrace-bench", &[])
}

/// The topics that are there.
fn found(brokers: &Brokers, prefix: &str) -> Result<Vec<String>, String> {
    let failed = |error| {
        format!(
            "Kafka at {} (--brokers) does not answer: {error}",
            brokers.addresses
        )
    };
    let consumer: BaseConsumer = client(brokers).create().map_err(failed)?;
    let metadata = consumer.fetch_metadata(None, brokers.timeout).map_err(failed)?;
    let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
    Ok(names.filter(|name| name.starts_with(prefix)).collect())
}

impl Drop for Topics {
    fn drop(&mut self) {
        if let Err(why) = self.remove() {
            let (prefix, at) = (&self.prefix, &self.brokers.addresses);
            eprintln!("the topics {prefix}.* at {at} were not all removed: {why}");
        }
    }
}
