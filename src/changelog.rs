//! Wiring of the changelog: the sink that keeps views as topics of Kafka follows the view store.

use std::time::Duration;

use sinks::Sink;
use sinks::follow::Follower;
use sinks::sqlite::SqliteViews;

use crate::Failure;
use crate::config::Config;

/// How long a stop waits for the topics to hold what the store holds. Else they are filled at the next start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets topics follow the store, if any are configured.
#[cfg(feature = "kafka")]
pub fn follow(config: &Config, store: SqliteViews) -> Result<(Box<dyn Sink>, Option<Follower>), Failure> {
    use sinks::decide::Limits;
    use sinks::kafka::Changelog;

    /// What may wait for the topics before they are filled instead.
    const LIMITS: Limits = Limits {
        epochs: 10_000,
        changes: 1_000_000,
        bytes: 256 << 20,
    };
    let Some(how) = config.changelog()? else {
        return Ok((Box::new(store), None));
    };
    let readers = store.readers();
    let name = how.name.clone();
    let followed = sinks::follow::follow(&name, Box::new(store), readers, LIMITS, |rows| {
        Box::new(Changelog::new(how, Box::new(rows)))
    });
    let (store, follower) = followed.map_err(|error| Failure::Undone(error.to_string()))?;
    Ok((Box::new(store), Some(follower)))
}

/// Without Kafka there is nothing to follow.
#[cfg(not(feature = "kafka"))]
pub fn follow(_: &Config, store: SqliteViews) -> Result<(Box<dyn Sink>, Option<Follower>), Failure> {
    Ok((Box::new(store), None))
}

/// Stops it once it has caught up.
pub fn stop(follower: Option<Follower>) {
    let Some(follower) = follower else { return };
    let name = follower.watch().name().to_owned();
    let progress = follower.stop(PATIENCE);
    if let Some(trouble) = progress.trouble {
        let epoch = progress.epoch.map_or(0, |epoch| epoch.0);
        tracing::warn!(
            sink = name,
            epoch,
            trouble,
            "stopped behind the view store: the next start fills it"
        );
    }
}
