//! The data directory: the log in `log/`, the view store in `views.sqlite`.
//!
//! The lock of the log is the lock of the directory: who has the log open owns both. Of a directory whose log is
//! in Kafka the file `kafka.lock` is the lock, and says so.

#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod last;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use contract::log::Topic;
use contract::views::View;
use pipelines::checkout::LOGIC_VERSION;
use sinks::sqlite::{self, SqliteViews, Synchronous};
use sinks::{Frontier, Sink as _};
use streams::embedded::{self, Fsync};
use streams::{EmbeddedLog, Installation, Log, LogError, ReadOnlyLog, timeline};

use crate::Failure;
use crate::config::Config;

/// The views that the jobs keep.
pub const VIEWS: &[View] = View::ALL;

/// Partitions of each topic.
pub const PARTITIONS: u32 = 1;

/// The log.
pub const LOG: &str = "log";
/// Says that the log is in Kafka; its lock is that of the directory.
const KAFKA: &str = "kafka.lock";
/// The view store.
pub const STORE: &str = "views.sqlite";
/// Says which file the view store is.
const STORE_MADE: &str = "views.made";

/// Says that a demo made the directory.
pub const DEMO: &str = "millrace-demo.toml";

/// A data directory.
#[derive(Clone, Debug)]
pub struct Data(PathBuf);

/// A log, wherever it is.
pub struct AnyLog {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Its id.
    pub installation: Installation,
    /// The log, if it is in the directory.
    pub embedded: Option<Arc<EmbeddedLog>>,
    /// The lock of a directory whose log is elsewhere.
    #[cfg(feature = "kafka")]
    lock: Option<last::Lock>,
}

impl AnyLog {
    fn embedded(log: EmbeddedLog) -> AnyLog {
        let log = Arc::new(log);
        AnyLog {
            installation: log.installation(),
            embedded: Some(Arc::clone(&log)),
            log,
            #[cfg(feature = "kafka")]
            lock: None,
        }
    }

    fn read_only(log: ReadOnlyLog) -> AnyLog {
        AnyLog {
            installation: log.installation(),
            log: Arc::new(log),
            embedded: None,
            #[cfg(feature = "kafka")]
            lock: None,
        }
    }
}

impl Data {
    /// The configured directory, which is made if it is missing, unless there is something in the settings that
    /// can't be used.
    pub fn configured(config: &Config) -> Result<Data, Failure> {
        config.check()?;
        can_use_log_of(config)?;
        Data::make(&config.data())
    }

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
        if data.is_ours() {
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

    /// The directory whose log is to be read: it need not be there if the log is elsewhere.
    pub fn to_read(config: &Config) -> Result<Data, Failure> {
        match config.brokers() {
            None => Data::existing(&config.data()),
            Some(_) => Ok(Data(config.data())),
        }
    }

    fn is_ours(&self) -> bool {
        self.0.join(LOG).is_dir() || self.is_kafkas()
    }

    /// Whether its log is in Kafka.
    pub fn is_kafkas(&self) -> bool {
        self.0.join(KAFKA).is_file()
    }

    /// Something in the directory that says that it is not ours.
    fn stranger(&self) -> Result<Option<String>, Failure> {
        if self.is_ours() {
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
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut names = names.map(|name| name.to_string_lossy().into_owned());
        Ok(names.find(|name| name != STORE_MADE && name != DEMO))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the log, or makes it, as usual.
    pub fn log(&self) -> Result<EmbeddedLog, Failure> {
        self.log_as(&Config::default())
    }

    /// Opens the log, wherever it is configured to be, or makes it; the directory is then ours.
    pub fn any_log(&self, config: &Config) -> Result<AnyLog, Failure> {
        match config.brokers() {
            None => self.log_as(config).map(AnyLog::embedded),
            Some(_) => self.kafka(config),
        }
    }

    /// Opens the log for reading, wherever it is and whoever owns it.
    pub fn any_log_to_read(&self, config: &Config) -> Result<AnyLog, Failure> {
        match config.brokers() {
            None => self.log_to_read().map(AnyLog::read_only),
            Some(_) => self.kafka_to_read(config),
        }
    }

    /// That the log is not in Kafka.
    fn refuse_kafkas(&self) -> Result<(), Failure> {
        if self.is_kafkas() {
            return Err(Failure::Usage(format!(
                "the log of {} is in Kafka: say where with --kafka or kafka.brokers; what needs a log in the directory \
                 can't be done with it",
                self.0.display()
            )));
        }
        Ok(())
    }

    /// Opens the log in the directory, or makes it.
    pub fn log_as(&self, config: &Config) -> Result<EmbeddedLog, Failure> {
        self.refuse_kafkas()?;
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
        let log = opened.map_err(|error| unopened(&error))?;
        if let Some(cut) = log.opened().cut {
            tracing::warn!(
                segment = cut.segment,
                bytes = cut.bytes,
                "the log ended in a torn write, which was never acknowledged and was cut off"
            );
        }
        Ok(log)
    }

    /// Opens the log for reading, whoever owns it: what it holds now.
    pub fn log_to_read(&self) -> Result<ReadOnlyLog, Failure> {
        self.refuse_kafkas()?;
        ReadOnlyLog::open(&self.log_path()).map_err(|error| unopened(&error))
    }

    /// Where the log is.
    pub fn log_path(&self) -> PathBuf {
        self.0.join(LOG)
    }

    /// Where the view store is.
    pub fn store_path(&self) -> PathBuf {
        self.0.join(STORE)
    }

    /// How the view store is kept.
    pub fn store_config(&self, config: &Config) -> sqlite::Config {
        let mut how = sqlite::Config::new(self.0.join(STORE), VIEWS);
        how.cache_bytes = config.store_cache_bytes();
        how.wal_bytes_max = config.wal_bytes_max();
        how.logic = Some(LOGIC_VERSION);
        // The store is never made more durable than the log that it follows.
        how.synchronous = match config.fsync() {
            Fsync::EachGroup => Synchronous::Normal,
            Fsync::Never => Synchronous::Off,
        };
        #[cfg(feature = "kill-points")]
        let how = crate::kill::store_config(how);
        how
    }

    /// Opens the view store, or makes it.
    ///
    /// One that was copied while it was written, its file at one moment and its write-ahead log at another,
    /// can be wrong without SQLite noticing. So only the file that we made is gone on with; another is made
    /// anew from the log, unless it holds what the log does not: that is for the engine to refuse.
    pub fn store_as(&self, config: &Config, log: &AnyLog) -> Result<SqliteViews, Failure> {
        let (log, installation) = (log.log.as_ref(), log.installation);
        let failed = |error: std::io::Error| Failure::Undone(format!("{}: {error}", self.0.display()));
        let open = || {
            let opened = SqliteViews::open(self.store_config(config));
            opened.map_err(|error| Failure::Undone(error.to_string()))
        };
        let (file, made) = (self.store_path(), self.0.join(STORE_MADE));
        let is_strange = file.is_file() && inode(&file) != std::fs::read_to_string(&made).ok();
        let mut store = open()?;
        if is_strange {
            let found = store.frontier();
            let found = found.map_err(|error| Failure::Undone(error.to_string()))?;
            if !found.map_or(Ok(true), |found| is_within(&found, log, installation))? {
                // Still strange when it is met again beside the log that it belongs to.
                return Ok(store);
            }
            if is_trimmed(log)? {
                // The log can't make it anew: it is not ours to remove.
                if made.is_file() {
                    return Err(Failure::Undone(format!(
                        "{} is a copy of another file, and could be torn; the log, whose beginning was trimmed, \
                         can't make it anew: bring back both with millrace restore, or, if nothing wrote to it \
                         while it was copied, remove {} to have it taken as it is",
                        file.display(),
                        made.display()
                    )));
                }
                tracing::warn!("the view store is a copy of another file; it is taken as it is");
                std::fs::write(&made, inode(&file).unwrap_or_default()).map_err(failed)?;
                return Ok(store);
            }
            tracing::warn!("the view store is a copy of another file; it is made anew from the log");
            store
                .close()
                .map_err(|error| Failure::Undone(error.to_string()))?;
            for end in ["-wal", "-shm", ""] {
                let gone = self.0.join(format!("{STORE}{end}"));
                std::fs::remove_file(gone).or_else(absent).map_err(failed)?;
            }
            store = open()?;
        }
        self.adopt(&file)?;
        Ok(store)
    }

    /// Takes a file as the view store that we made: it is under that name, or about to be.
    pub fn adopt(&self, file: &Path) -> Result<(), Failure> {
        let made = self.0.join(STORE_MADE);
        let written = inode(file).map_or(Ok(()), |inode| std::fs::write(&made, inode));
        written.map_err(|error| Failure::Undone(format!("{}: {error}", made.display())))
    }

    /// Whether there is a view store.
    pub fn has_store(&self) -> bool {
        self.0.join(STORE).is_file()
    }
}

#[cfg(feature = "kafka")]
pub use kafka::alone;

/// Nobody else has the log open: it is locked.
#[cfg(not(feature = "kafka"))]
pub fn alone(_: &AnyLog, _: &Config, _: &str) -> Result<(), Failure> {
    Ok(())
}

#[cfg(feature = "kafka")]
pub use kafka::leave;

/// Whose log it was is nobody's business: it was locked.
#[cfg(not(feature = "kafka"))]
pub fn leave(_: &AnyLog, _: &str, _: u64) {}

/// Every log that can be configured can be used.
#[cfg(feature = "kafka")]
fn can_use_log_of(_: &Config) -> Result<(), Failure> {
    Ok(())
}

/// That the log is a directory's.
#[cfg(not(feature = "kafka"))]
fn can_use_log_of(config: &Config) -> Result<(), Failure> {
    if config.brokers().is_some() {
        Err(no_kafka(config))
    } else {
        Ok(())
    }
}

#[cfg(not(feature = "kafka"))]
fn no_kafka(config: &Config) -> Failure {
    Failure::Usage(format!(
        "kafka.brokers is {}, but this millrace was built without Kafka: build it with --features kafka, or leave \
         that out",
        config.brokers().unwrap_or_default()
    ))
}

#[cfg(not(feature = "kafka"))]
impl Data {
    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn kafka(&self, config: &Config) -> Result<AnyLog, Failure> {
        Err(no_kafka(config))
    }

    fn kafka_to_read(&self, config: &Config) -> Result<AnyLog, Failure> {
        self.kafka(config)
    }
}

/// Whether the beginning of the log is gone.
pub fn is_trimmed(log: &dyn Log) -> Result<bool, Failure> {
    let topics = Topic::ALL.map(Topic::name).into_iter().chain([timeline::TOPIC]);
    for topic in topics {
        let starts = log
            .starts(topic)
            .map_err(|error| Failure::Undone(error.to_string()))?;
        if starts.iter().any(|start| *start > 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why a log was not opened.
fn unopened(error: &LogError) -> Failure {
    match error {
        LogError::NotOurs { .. } | LogError::BadConfiguration { .. } => Failure::Usage(error.to_string()),
        _ => Failure::Undone(error.to_string()),
    }
}

/// Whether a store that stands at `found` holds nothing that the log does not.
pub fn is_within(found: &Frontier, log: &dyn Log, installation: Installation) -> Result<bool, Failure> {
    let mut within = found.installation == installation;
    for topic in Topic::ALL {
        let ends = log.ends(topic.name());
        let ends = ends.map_err(|error| Failure::Undone(error.to_string()))?;
        let found = &found.ends[topic as usize];
        within &= found.len() <= ends.len() && found.iter().zip(&ends).all(|(found, end)| found <= end);
    }
    Ok(within)
}

/// The number that the file system knows a file by.
fn inode(path: &Path) -> Option<String> {
    std::fs::metadata(path)
        .ok()
        .map(|file| format!("inode {}\n", file.ino()))
}

/// What is not there need not be removed.
fn absent(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound {
        Ok(())
    } else {
        Err(error)
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
