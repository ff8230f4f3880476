//! A log in Kafka, with a data directory beside it.
//!
//! Nothing is written to a timeline before it is known that the directory's views were made of it. A start while
//! another process binds epochs is refused, so that one that was started by mistake takes nothing from the
//! one that runs; a process that stood still meanwhile is stopped by the generation, as with any log. It takes
//! a few heartbeats to see that nobody binds epochs, but where the last that did had this very directory
//! ([`super::last`]).

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::time::Time;
use sinks::Sink as _;
use sinks::sqlite::SqliteViews;
use streams::{KafkaLog, timeline};

use super::last::Lock;
use super::{AnyLog, Data, KAFKA, LOG, new_id, now_ms, unopened};
use crate::Failure;
use crate::config::Config;

/// Heartbeats after which nobody is there.
const BEATS: u64 = 3;

impl Data {
    /// Opens the log in Kafka, or begins it. The directory is ours from then on.
    pub(super) fn kafka(&self, config: &Config) -> Result<AnyLog, Failure> {
        let path = self.path().display();
        if self.path().join(LOG).is_dir() {
            return Err(Failure::Usage(format!(
                "the log of {path} is in {path}/{LOG}, not in Kafka: leave out --kafka and kafka.brokers, or choose \
                 another directory with --data"
            )));
        }
        let lock = self.lock()?;
        let log = KafkaLog::open(config.kafka(false)?).map_err(|error| unopened(&error))?;
        let installation = match log.installation() {
            Some(installation) => installation,
            None => self.begin(&log, config)?,
        };
        Ok(AnyLog {
            log: Arc::new(log),
            installation,
            embedded: None,
            lock: Some(lock),
        })
    }

    /// Opens the log in Kafka to read it.
    pub(super) fn kafka_to_read(&self, config: &Config) -> Result<AnyLog, Failure> {
        let log = KafkaLog::open(config.kafka(true)?).map_err(|error| unopened(&error))?;
        let nothing = || Failure::Undone("the timeline in Kafka is empty: nothing was bound yet".to_owned());
        Ok(AnyLog {
            installation: log.installation().ok_or_else(nothing)?,
            log: Arc::new(log),
            embedded: None,
            lock: None,
        })
    }

    /// Begins the timeline, if the view store was not made of another.
    fn begin(&self, log: &KafkaLog, config: &Config) -> Result<streams::Installation, Failure> {
        let undone = |error: &dyn std::fmt::Display| Failure::Undone(error.to_string());
        if self.has_store() {
            let mut store = SqliteViews::open(self.store_config(config)).map_err(|error| undone(&error))?;
            if let Some(found) = store.frontier().map_err(|error| undone(&error))? {
                return Err(Failure::Undone(format!(
                    "the timeline in Kafka at {} is empty, but the views in {} were made of one up to epoch {}: it was \
                     deleted and made anew, or is another cluster's or prefix's; bring it back, or begin anew with \
                     another data directory",
                    config.brokers().unwrap_or_default(),
                    self.path().display(),
                    found.epoch.0
                )));
            }
        }
        let now = Time::from_ms(now_ms()).unwrap_or_default();
        log.begin(new_id()?, now).map_err(|error| undone(&error))
    }

    /// Takes the directory for this process.
    fn lock(&self) -> Result<Lock, Failure> {
        let path = self.path().join(KAFKA);
        let failed = |error: std::io::Error| Failure::Undone(format!("{}: {error}", path.display()));
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock::new(file)),
            Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
            Err(std::fs::TryLockError::WouldBlock) => Err(Failure::Undone(format!(
                "{} is in use by another process; stop that one first",
                self.path().display()
            ))),
        }
    }
}

/// That no other process binds epochs on this log, of which `me` takes a generation next.
pub fn alone(log: &AnyLog, config: &Config, me: &str) -> Result<(), Failure> {
    let ends = log.log.ends(timeline::TOPIC);
    let end = ends.map_err(|error| Failure::Undone(error.to_string()))?;
    let end = end.first().copied().unwrap_or(0);
    let known = log
        .lock
        .as_ref()
        .map_or(Ok(false), |lock| lock.is_alone(log.log.as_ref(), end));
    if !known.map_err(|error| Failure::Undone(error.to_string()))? {
        stands_still(log, config)?;
    }
    note(log, me, end, false);
    Ok(())
}

/// Notes that `me`, who had the generation in force at offset `read` of the timeline, stops.
pub fn leave(log: &AnyLog, me: &str, read: u64) {
    note(log, me, read, true);
}

/// What can't be noted costs the next start a few heartbeats.
fn note(log: &AnyLog, me: &str, from: u64, held: bool) {
    let noted = log.lock.as_ref().map(|lock| lock.note(me, from, held));
    if let Some(Err(error)) = noted {
        tracing::warn!(%error, file = KAFKA, "it can't be noted who runs; the next start takes longer");
    }
}

/// That the timeline stands still for a few heartbeats.
fn stands_still(log: &AnyLog, config: &Config) -> Result<(), Failure> {
    let undone = |error: streams::LogError| Failure::Undone(error.to_string());
    let wait = Duration::from_millis(config.limits().heartbeat_ms * BEATS);
    let ends = || log.log.ends(timeline::TOPIC).map_err(undone);
    let (before, since) = (ends()?, Instant::now());
    // Its first records, which say whose it is, and nothing since: nobody has run on it.
    if before == [1] {
        return Ok(());
    }
    while since.elapsed() < wait {
        std::thread::sleep(Duration::from_millis(100));
        if ends()? != before {
            return Err(Failure::Undone(
                "another millrace binds epochs on this log in Kafka: stop that one first, or choose another \
                 kafka.topic_prefix"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}
