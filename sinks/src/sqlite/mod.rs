//! The view store: every row of every view at one frontier, in one SQLite file.
//!
//! Each view is a table; rows and frontier change in one transaction ([`Sink::commit`]). Anybody who can read
//! SQLite may read the file; only this store writes it. [`Readers`] read it for us, each on a connection of
//! its own, and remember rows that were read lately.
//!
//! # Guarantees
//! - After any crash of the process the rows are those of the frontier's epoch. With
//!   [`Synchronous::Normal`] a crash of the machine may take the last commits, each whole: the log replays
//!   them.
//! - No file is written to that is not ours, word for word ([`schema`]).
//! - A commit that fails changes nothing; the reason says whether trying again helps. A full disk, a foreign
//!   lock, and a foreign reader that keeps the write-ahead log from being emptied ([`wal`]) pass by
//!   themselves.
//! - What is read belongs to the epoch that the answer names, and no answer is older than one that was given
//!   before it began ([`cache`]).
//!
//! # Non-guarantees
//! - Somebody who edits the file is noticed where a value can't be, or a row that changes is missing; not
//!   where one good value was replaced by another. `millrace verify` notices that.
//! - A refill is one transaction: for a while it takes the room of all rows a second time.
//! - The sign of a negative zero is lost, and SQLite keeps a double that is no number as null; no view has
//!   either.
//!
//! # The way changes take
//! [`write`] turns deltas into statements of up to 64 rows. Indexes that only readers need are built by
//! [`Sink::caught_up`], or at the end of a refill: filling the tables without them is half the work. A file
//! that was left before that is told by the indexes that it lacks.

mod analysts;
mod ask;
mod cache;
mod compare;
mod connection;
mod copy;
mod forms;
mod frontier;
mod point;
mod query;
pub mod read;
mod rows;
mod schema;
pub mod statement;
mod wal;
mod write;

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use contract::delta::Delta;
use contract::digest::Digest;
use contract::log::Epoch;
use contract::views::View;
use sqlx::AssertSqlSafe;
use tokio::runtime::Runtime;

pub use self::analysts::{SQL_VIEWS, SqlColumn, SqlView};
pub use self::ask::{Analyst, AskError, Cell, Rows};
pub use self::compare::{Compared, Pair};
use self::connection::Connection;
pub use self::copy::copy;
pub use self::read::{ReadError, Readers, Snapshot};
pub use self::rows::time;
use self::wal::Wal;
use self::write::ViewWriter;
use crate::decide::{fence, fence_refill};
use crate::{Commit, Frontier, Hold, Sink, SinkError};

/// What is made durable when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// The file is synced at checkpoints of its write-ahead log: a crash of the machine may take the last
    /// commits, but damages nothing.
    #[default]
    Normal,
    /// The system writes when it sees fit: a crash of the machine may damage the file, which then has to be
    /// made anew from the log.
    Off,
}

/// How the store is kept.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// The views that it keeps.
    pub views: Vec<View>,
    /// What is made durable when.
    pub synchronous: Synchronous,
    /// How long a commit waits for another program's lock.
    pub busy_ms: u64,
    /// The size of a page, when the file is made: a power of two from 512 to 65,536.
    pub page_bytes: u32,
    /// Memory for pages.
    pub cache_bytes: u64,
    /// The write-ahead log is moved into the file when it has this size.
    pub checkpoint_bytes: u64,
    /// Commits stop when the write-ahead log has this size and can't be emptied.
    pub wal_bytes_max: u64,
    /// How many snapshots can be read at once.
    pub readers: usize,
    /// How long a snapshot may be held.
    pub read_ms_max: u64,
    /// Memory for rows that were read lately.
    pub row_cache_bytes: usize,
    /// The version of the logic whose rows may gain what views have gained since the file was made; `None`: a
    /// file of another schema is refused.
    pub logic: Option<u32>,
}

impl Config {
    /// The usual.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, views: &[View]) -> Config {
        Config {
            path: path.into(),
            views: views.to_vec(),
            synchronous: Synchronous::default(),
            busy_ms: 1_000,
            page_bytes: 4096,
            cache_bytes: 64 << 20,
            checkpoint_bytes: 64 << 20,
            wal_bytes_max: 1 << 30,
            readers: 8,
            read_ms_max: 30_000,
            row_cache_bytes: 64 << 20,
            logic: None,
        }
    }
}

/// The view store.
pub struct SqliteViews {
    config: Config,
    /// For messages.
    name: String,
    runtime: Runtime,
    /// Gone after a failure that may have broken it.
    connection: Option<Connection>,
    writers: Vec<ViewWriter>,
    wal: Wal,
    readers: Readers,
}

impl SqliteViews {
    /// Opens the store, or makes it where there is none.
    ///
    /// # Errors
    /// If the file is another program's, a newer millrace's, damaged, or made for other views; or can't be
    /// opened.
    pub fn open(config: Config) -> Result<SqliteViews, SinkError> {
        let name = config.path.display().to_string();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| SinkError::Retry {
            sink: name.clone(),
            what: format!("no runtime: {error}"),
        })?;
        let writers = config.views.iter().map(|view| ViewWriter::new(*view)).collect();
        let readers = Readers::new(&config);
        let mut store = SqliteViews {
            config,
            name,
            runtime,
            connection: None,
            writers,
            wal: Wal::default(),
            readers,
        };
        store.with(async |connection, parts| parts.wal.measure(connection, parts.config).await)?;
        Ok(store)
    }

    /// What reads the store; it goes on while the store commits.
    #[must_use]
    pub fn readers(&self) -> Readers {
        self.readers.clone()
    }

    /// Closes the file; when this returns nobody of ours has it open. (Dropping closes it some time later, and
    /// SQLite's last act is to remove files by their names: fatal for a new store under the same ones.)
    ///
    /// # Errors
    /// If it could not be closed well.
    pub fn close(mut self) -> Result<(), SinkError> {
        match self.connection.take() {
            Some(connection) => self.runtime.block_on(connection.close()),
            None => Ok(()),
        }
    }

    /// How large the file's write-ahead log was after the last commit.
    #[must_use]
    pub fn wal_bytes(&self) -> u64 {
        self.wal.bytes()
    }

    /// Does something with the connection, which is opened if need be. If that fails, whatever it had begun
    /// is undone and the connection is given up.
    fn with<T>(
        &mut self,
        act: impl AsyncFnOnce(&mut Connection, &mut Parts<'_>) -> Result<T, SinkError>,
    ) -> Result<T, SinkError> {
        let mut parts = Parts {
            config: &self.config,
            name: &self.name,
            writers: &mut self.writers,
            wal: &mut self.wal,
        };
        self.runtime.block_on(async {
            let mut connection = match self.connection.take() {
                Some(open) => open,
                None => connect(parts.config, parts.name).await?,
            };
            let done = act(&mut connection, &mut parts).await;
            if done.is_ok() {
                self.connection = Some(connection);
            } else {
                // Mostly there is nothing to undo any more, or closing does it.
                let _ = connection.run("ROLLBACK").await;
                let _ = connection.close().await;
            }
            done
        })
    }

    /// Ends a transaction that moves the store from `before` to `after`. Where SQLite can't tell whether it
    /// counts, the file does.
    fn conclude(&mut self, before: Option<&Frontier>, after: &Frontier) -> Result<(), SinkError> {
        self.readers.cache().hold();
        let ended = self.with(async |connection, _| connection.run("COMMIT").await);
        let Err(error) = ended else {
            return Ok(());
        };
        self.readers.cache().forget();
        match self.frontier() {
            Ok(found) if found.as_ref() == Some(after) => Ok(()),
            Ok(found) if found.as_ref() == before => Err(error),
            _ => Err(SinkError::InDoubt {
                sink: self.name.clone(),
                what: error.to_string(),
            }),
        }
    }
}

/// What the work on a connection needs besides.
struct Parts<'a> {
    config: &'a Config,
    name: &'a str,
    writers: &'a mut [ViewWriter],
    wal: &'a mut Wal,
}

impl Parts<'_> {
    async fn write(&mut self, connection: &mut Connection, delta: &Delta) -> Result<(), SinkError> {
        let views = &self.config.views;
        let Some(index) = views.iter().position(|view| *view == delta.view()) else {
            return Ok(());
        };
        self.writers[index].write(connection, delta).await
    }
}

/// Opens the file, sees that it is ours, and sets it up.
async fn connect(config: &Config, name: &str) -> Result<Connection, SinkError> {
    let busy = Duration::from_millis(config.busy_ms);
    let mut connection = Connection::open(&config.path, name, busy).await?;
    schema::open(&mut connection, config).await?;
    let synchronous = match config.synchronous {
        Synchronous::Normal => "NORMAL",
        Synchronous::Off => "OFF",
    };
    for pragma in [
        "journal_mode = WAL".to_owned(),
        format!("synchronous = {synchronous}"),
        "wal_autocheckpoint = 0".to_owned(),
        format!("journal_size_limit = {}", config.checkpoint_bytes),
        format!("cache_size = -{}", config.cache_bytes >> 10),
        "temp_store = MEMORY".to_owned(),
    ] {
        connection.run(AssertSqlSafe(format!("PRAGMA {pragma}"))).await?;
    }
    Ok(connection)
}

impl Sink for SqliteViews {
    fn name(&self) -> &str {
        &self.name
    }

    fn views(&self) -> &[View] {
        &self.config.views
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        self.with(async |connection, _| frontier::load(connection).await)
    }

    fn digests(&mut self) -> Result<Vec<(Epoch, Digest)>, SinkError> {
        self.with(async |connection, _| frontier::digests(connection).await)
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        self.give_up_old();
        let before = self.with(async |connection, parts| {
            parts
                .wal
                .before_commit(connection, parts.config, parts.name)
                .await?;
            connection.run("BEGIN IMMEDIATE").await?;
            let found = frontier::load(connection).await?;
            fence(parts.name, found.as_ref(), commit)?;
            for delta in &commit.deltas {
                parts.write(connection, delta).await?;
            }
            frontier::store(connection, commit.after, &commit.frontier, &commit.digests).await?;
            Ok(found)
        })?;
        self.conclude(before.as_ref(), &commit.frontier)?;
        self.readers.cache().follow(commit.frontier.epoch, &commit.deltas);
        self.tidy();
        Ok(())
    }

    fn refill(
        &mut self,
        frontier: &Frontier,
        rows: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        let before = self.with(async |connection, parts| {
            connection.run("BEGIN IMMEDIATE").await?;
            let found = frontier::load(connection).await?;
            fence_refill(parts.name, found.as_ref(), frontier)?;
            schema::clear(connection, &parts.config.views).await?;
            for delta in rows {
                parts.write(connection, &delta?).await?;
            }
            schema::build_indexes(connection, &parts.config.views).await?;
            let digests = [(frontier.epoch, frontier.digest)];
            frontier::store(connection, None, frontier, &digests).await?;
            Ok(found)
        })?;
        self.conclude(before.as_ref(), frontier)?;
        self.readers.cache().start_at(frontier.epoch);
        self.tidy();
        Ok(())
    }

    /// Commits are in the write-ahead log, which SQLite syncs only before it moves it into the file. The file
    /// itself is not opened a second time: closing that would give up SQLite's locks on it.
    fn hold(&self) -> Hold {
        if self.config.synchronous == Synchronous::Off {
            return Hold::nothing_to_do();
        }
        let mut wal = self.config.path.clone().into_os_string();
        wal.push("-wal");
        Hold::new(move || match File::open(&wal) {
            Ok(wal) => wal.sync_data(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
    }

    fn caught_up(&mut self) -> Result<(), SinkError> {
        self.with(async |connection, parts| schema::build_indexes(connection, &parts.config.views).await)?;
        self.tidy();
        Ok(())
    }
}

impl SqliteViews {
    /// Ends snapshots that are too old; the sooner the fuller the write-ahead log is.
    fn give_up_old(&self) {
        let pressed = self.wal_bytes() >= self.config.wal_bytes_max / 2;
        self.readers.give_up_old(pressed);
    }

    /// Keeps the write-ahead log short. What was committed counts, whether or not this succeeds.
    fn tidy(&mut self) {
        self.give_up_old();
        let tidied =
            self.with(async |connection, parts| parts.wal.after_commit(connection, parts.config).await);
        if let Err(error) = tidied {
            tracing::warn!(%error, "the write-ahead log could not be moved into the file");
        }
    }
}
