//! The data directory: the log in `log/`, the view store in `views.sqlite`.
//!
//! The lock of the log is the lock of the directory: who has the log open owns both.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use contract::log::Topic;
use contract::views::{CHECKOUT_VIEWS, View};
use sinks::sqlite::{self, SqliteViews, Synchronous};
use streams::embedded::{self, Fsync};
use streams::{EmbeddedLog, Installation, LogError, timeline};

use crate::Failure;
use crate::config::Config;

/// The views that the jobs keep.
pub const VIEWS: &[View] = View::ALL.split_at(CHECKOUT_VIEWS).0;

/// Partitions of each topic.
pub const PARTITIONS: u32 = 1;

const LOG: &str = "log";
const STORE: &str = "views.sqlite";

/// A data directory.
#[derive(Clone, Debug)]
pub struct Data(PathBuf);

impl Data {
    /// The directory at `path`, which is made if it is missing.
    pub fn make(path: &Path) -> Result<Data, Failure> {
        let data = Data(path.to_owned());
        match data.stranger()? {
            Some(stranger) => Err(Failure::Usage(format!(
                "{} is not a data directory of millrace: it holds {stranger} and no {LOG}; choose another \
                 with --data, or an empty one",
                path.display()
            ))),
            None => {
                let made = std::fs::create_dir_all(path);
                made.map_err(|error| Failure::Undone(format!("{}: {error}", path.display())))?;
                Ok(data)
            }
        }
    }

    /// The directory at `path`, which must be one already.
    pub fn existing(path: &Path) -> Result<Data, Failure> {
        let data = Data(path.to_owned());
        if data.0.join(LOG).is_dir() {
            return Ok(data);
        }
        let what = match data.stranger()? {
            Some(stranger) => format!("it holds {stranger} and no {LOG}"),
            None => "it is empty or not there".to_owned(),
        };
        let path = path.display();
        Err(Failure::Usage(format!(
            "{path} is not a data directory of millrace: {what}; name one with --data"
        )))
    }

    /// Something in the directory that says that it is not ours.
    fn stranger(&self) -> Result<Option<String>, Failure> {
        if self.0.join(LOG).is_dir() {
            return Ok(None);
        }
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                let path = self.0.display();
                return Err(Failure::Usage(format!(
                    "{path} is not a directory; name one with --data"
                )));
            }
            Err(error) => return Err(Failure::Undone(format!("{}: {error}", self.0.display()))),
        };
        let first = entries.flatten().next();
        Ok(first.map(|entry| entry.file_name().to_string_lossy().into_owned()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the log, or makes it, as usual.
    pub fn log(&self) -> Result<EmbeddedLog, Failure> {
        self.log_as(&Config::default())
    }

    /// Opens the log, or makes it.
    pub fn log_as(&self, config: &Config) -> Result<EmbeddedLog, Failure> {
        let input = Topic::ALL.map(|topic| (topic.name(), PARTITIONS));
        let topics: Vec<_> = input.into_iter().chain([(timeline::TOPIC, 1)]).collect();
        let mut how = embedded::Config::new(new_id()?, &topics);
        how.fsync = config.fsync();
        how.segment_bytes_max = config.segment_bytes_max();
        let path = self.0.join(LOG);
        #[cfg(not(feature = "kill-points"))]
        let opened = EmbeddedLog::open(&path, &how);
        #[cfg(feature = "kill-points")]
        let opened = crate::kill::open(&path, how);
        let log = opened.map_err(|error| match error {
            LogError::NotOurs { .. } | LogError::BadConfiguration { .. } => Failure::Usage(error.to_string()),
            _ => Failure::Undone(error.to_string()),
        })?;
        if let Some(cut) = log.opened().cut {
            tracing::warn!(
                segment = cut.segment,
                bytes = cut.bytes,
                "the log ended in a torn write, which was never acknowledged and was cut off"
            );
        }
        Ok(log)
    }

    /// How the view store is kept.
    pub fn store_config(&self, config: &Config) -> sqlite::Config {
        let mut how = sqlite::Config::new(self.0.join(STORE), VIEWS);
        how.cache_bytes = config.store_cache_bytes();
        how.wal_bytes_max = config.wal_bytes_max();
        // The store is never made more durable than the log that it follows.
        how.synchronous = match config.fsync() {
            Fsync::EachGroup => Synchronous::Normal,
            Fsync::Never => Synchronous::Off,
        };
        #[cfg(feature = "kill-points")]
        let how = crate::kill::store_config(how);
        how
    }

    /// Opens the view store, or makes it, as usual.
    pub fn store(&self) -> Result<SqliteViews, Failure> {
        self.store_as(&Config::default())
    }

    /// Opens the view store, or makes it.
    pub fn store_as(&self, config: &Config) -> Result<SqliteViews, Failure> {
        let opened = SqliteViews::open(self.store_config(config));
        opened.map_err(|error| Failure::Undone(error.to_string()))
    }

    /// Whether there is a view store.
    pub fn has_store(&self) -> bool {
        self.0.join(STORE).is_file()
    }
}

/// The wall clock, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// An id that nobody else has.
pub fn new_id() -> Result<Installation, Failure> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| Failure::Undone(format!("no random numbers: {error}")))?;
    Ok(Installation::new(now_ms().unsigned_abs(), random))
}
