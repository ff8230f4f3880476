//! Reading the view store: snapshots, each of one epoch, on connections of their own.
//!
//! Everything is async and needs no particular runtime; [`Readers::tables`] blocks, for those who have none.
//!
//! # Guarantees
//! - All that a [`Snapshot`] shows belongs to the epoch of its frontier.
//! - A snapshot that is older than `read_ms_max` is given up, so that it does not keep the file's write-ahead
//!   log from being emptied: what runs is interrupted, and what idles is closed by the next commit. One that
//!   was asked for with more patience lives longer while that log has room.
//! - A file that somebody edited yields an error that names the column, never a wrong value.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use contract::delta::{Delta, DeltaBuilder, Tables, key_of};
use contract::log::Epoch;
use contract::value::ValueRef;
use contract::views::View;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, SqlSafeStr, SqliteConnection, query_with};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cache::Cache;
use super::connection::{MOVE_AWAY, code, code_of};
use super::schema::{key, list};
use super::{Config, frontier, rows, write};
use crate::Frontier;

/// Why a read did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The snapshot was held for too long.
    #[error("the snapshot was held for more than {ms_max} ms and was given up: read again")]
    TooOld {
        /// How long one may be held.
        ms_max: u64,
    },
    /// A value is not one that a column can have.
    #[error("{table}.{column} holds what millrace never wrote there: somebody edited the file")]
    Edited {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The view is not kept there.
    #[error("the store keeps no view {view}")]
    NoView {
        /// Its name.
        view: &'static str,
    },
    /// SQLite failed.
    #[error("{path}: {what}")]
    Failed {
        /// The file.
        path: String,
        /// What happened.
        what: String,
    },
}

/// A row: its columns after the key as [`contract::delta::row`] reads them; `None`: there is no such row.
pub type FoundRow = Option<Arc<[u8]>>;

/// A connection of a reader, and until when its snapshot may live.
struct Open {
    inner: SqliteConnection,
    /// In milliseconds of [`Readers`]' clock; its progress handler looks at it.
    deadline_ms: Arc<AtomicU64>,
}

/// A connection in use: taken away when its snapshot is too old.
type Lent = tokio::sync::Mutex<Option<Open>>;

/// What is known of a snapshot that somebody holds.
struct Held {
    /// Until when it may live while the write-ahead log has no room.
    pressed_ms: u64,
    /// Its connection's.
    deadline_ms: Arc<AtomicU64>,
    lent: Weak<Lent>,
}

struct Shared {
    path: PathBuf,
    views: Vec<View>,
    read_ms_max: u64,
    started: Instant,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Open>>,
    held: Mutex<Vec<Held>>,
    cache: Cache,
}

/// Opens snapshots; cheap to clone.
#[derive(Clone)]
pub struct Readers(Arc<Shared>);

/// How many rows a batch of a scan has.
pub const SCAN_ROWS: usize = 2_000;

/// The views at one epoch.
pub struct Snapshot {
    shared: Arc<Shared>,
    ms_max: u64,
    lent: Arc<Lent>,
    frontier: Option<Frontier>,
    _permit: OwnedSemaphorePermit,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is guarded is always whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn error(&self, error: &sqlx::Error) -> ReadError {
        match code_of(error) {
            Some(code::INTERRUPT) => ReadError::TooOld {
                ms_max: self.read_ms_max,
            },
            Some(code::CORRUPT | code::NOT_A_DATABASE) => {
                self.failed(format!("the file is damaged ({error}): {MOVE_AWAY}"))
            }
            _ => self.failed(error.to_string()),
        }
    }

    fn failed(&self, what: String) -> ReadError {
        ReadError::Failed {
            path: self.path.display().to_string(),
            what,
        }
    }

    fn kept(&self, view: View) -> Result<(), ReadError> {
        let view_name = view.schema().name;
        let kept = self.views.contains(&view);
        kept.then_some(()).ok_or(ReadError::NoView { view: view_name })
    }

    async fn connect(&self) -> Result<Open, ReadError> {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(true)
            .busy_timeout(Duration::from_millis(self.read_ms_max.min(1_000)))
            .statement_cache_capacity(256)
            .thread_name(|_| "views-reader".to_owned())
            .disable_statement_logging();
        let mut inner = options.connect().await.map_err(|e| self.error(&e))?;
        let deadline_ms = Arc::new(AtomicU64::new(u64::MAX));
        let (deadline, started) = (Arc::clone(&deadline_ms), self.started);
        let in_time = move || {
            let now = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            now < deadline.load(Ordering::Relaxed)
        };
        let mut handle = inner.lock_handle().await.map_err(|e| self.error(&e))?;
        handle.set_progress_handler(5_000, in_time);
        drop(handle);
        Ok(Open { inner, deadline_ms })
    }
}

impl Readers {
    /// Reads the file of a store that this process does not write. It is opened when it is first read.
    #[must_use]
    pub fn new(config: &Config) -> Readers {
        Readers(Arc::new(Shared {
            path: config.path.clone(),
            views: config.views.clone(),
            read_ms_max: config.read_ms_max,
            started: Instant::now(),
            permits: Arc::new(Semaphore::new(config.readers.max(1))),
            idle: Mutex::default(),
            held: Mutex::default(),
            cache: Cache::new(config.row_cache_bytes),
        }))
    }

    /// The views that the store keeps.
    pub(super) fn kept_views(&self) -> &[View] {
        &self.0.views
    }

    pub(super) fn cache(&self) -> &Cache {
        &self.0.cache
    }

    /// How many rows are kept in memory, and about how many bytes they take.
    #[must_use]
    pub fn cached(&self) -> (usize, usize) {
        self.0.cache.size()
    }

    /// Takes the connections of snapshots that are too old away from those who hold them idle. What runs is
    /// interrupted by its connection. With `pressed` nobody's patience counts.
    pub(super) fn give_up_old(&self, pressed: bool) {
        let now = self.0.now_ms();
        lock(&self.0.held).retain(|held| {
            let Some(lent) = held.lent.upgrade() else {
                return false;
            };
            if pressed {
                held.deadline_ms.fetch_min(held.pressed_ms, Ordering::Relaxed);
            }
            if now < held.deadline_ms.load(Ordering::Relaxed) {
                return true;
            }
            match lent.try_lock() {
                Ok(mut open) => {
                    open.take();
                    false
                }
                Err(_) => true,
            }
        });
    }

    /// A connection that nobody uses, for so many milliseconds.
    async fn take(&self, ms_max: u64) -> Result<(Open, OwnedSemaphorePermit), ReadError> {
        let shared = &self.0;
        let permit = Arc::clone(&shared.permits).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let idle = lock(&shared.idle).pop();
        let open = match idle {
            Some(open) => open,
            None => shared.connect().await?,
        };
        let deadline = shared.now_ms().saturating_add(ms_max);
        open.deadline_ms.store(deadline, Ordering::Relaxed);
        Ok((open, permit))
    }

    /// The rows of statements that leave no transaction open, if they succeed.
    pub(super) async fn once(
        &self,
        sql: impl SqlSafeStr,
        arguments: SqliteArguments,
    ) -> Result<Vec<SqliteRow>, ReadError> {
        let (mut open, _permit) = self.take(self.0.read_ms_max).await?;
        let found = query_with(sql, arguments).fetch_all(&mut open.inner).await;
        let found = found.map_err(|error| self.0.error(&error))?;
        open.deadline_ms.store(u64::MAX, Ordering::Relaxed);
        lock(&self.0.idle).push(open);
        Ok(found)
    }

    /// Whether the store keeps a view.
    pub(super) fn kept(&self, view: View) -> Result<(), ReadError> {
        self.0.kept(view)
    }

    /// The views as of now. Waits for a connection to be free.
    ///
    /// # Errors
    /// If the file can't be read.
    pub async fn snapshot(&self) -> Result<Snapshot, ReadError> {
        self.snapshot_within(self.0.read_ms_max).await
    }

    /// The views as of now, for at most `ms_max` milliseconds while the write-ahead log has room.
    ///
    /// # Errors
    /// If the file can't be read.
    pub async fn snapshot_within(&self, ms_max: u64) -> Result<Snapshot, ReadError> {
        let shared = &self.0;
        let (mut open, permit) = self.take(ms_max).await?;
        let began_ms = shared.now_ms();
        let none = SqliteArguments::default();
        let begun = query_with("BEGIN", none).execute(&mut open.inner).await;
        begun.map_err(|e| shared.error(&e))?;
        // The first read fixes the snapshot.
        let none = SqliteArguments::default();
        let found = query_with(frontier::SELECT, none)
            .fetch_all(&mut open.inner)
            .await;
        let found = found.map_err(|e| shared.error(&e))?;
        let frontier = frontier::of_rows(&found).map_err(|column| ReadError::Edited {
            table: "millrace_frontier",
            column,
        })?;
        let deadline_ms = Arc::clone(&open.deadline_ms);
        let lent = Arc::new(tokio::sync::Mutex::new(Some(open)));
        {
            let mut all = lock(&shared.held);
            all.retain(|held| held.lent.strong_count() > 0);
            all.push(Held {
                pressed_ms: began_ms.saturating_add(shared.read_ms_max),
                deadline_ms,
                lent: Arc::downgrade(&lent),
            });
        }
        Ok(Snapshot {
            shared: Arc::clone(shared),
            ms_max,
            lent,
            frontier,
            _permit: permit,
        })
    }

    /// Every row of some views, and the frontier at which they are so. Blocks; everything is held in memory.
    ///
    /// # Errors
    /// If the file can't be read, or that takes longer than a snapshot may live.
    pub fn tables(&self, views: &[View]) -> Result<(Option<Frontier>, Tables), ReadError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| self.0.failed(format!("no runtime: {error}")))?;
        runtime.block_on(async {
            let mut snapshot = self.snapshot().await?;
            let mut tables = Tables::new();
            for view in views {
                let mut after = None;
                while let Some(batch) = snapshot.scan(*view, after.as_deref()).await? {
                    tables.apply(&batch);
                    after = last_key(&batch);
                }
            }
            let frontier = snapshot.frontier().cloned();
            snapshot.end().await;
            Ok((frontier, tables))
        })
    }
}

/// The key of a batch's last row: where the next batch of a scan goes on.
#[must_use]
pub fn last_key(batch: &Delta) -> Option<Vec<u8>> {
    batch.changes().last().map(|change| change.key_bytes().to_vec())
}

impl Snapshot {
    /// Where the views stand; `None`: the store is empty.
    #[must_use]
    pub fn frontier(&self) -> Option<&Frontier> {
        self.frontier.as_ref()
    }

    /// Whether the store keeps a view.
    pub(super) fn kept(&self, view: View) -> Result<(), ReadError> {
        self.shared.kept(view)
    }

    fn epoch(&self) -> Epoch {
        self.frontier.as_ref().map_or(Epoch(0), |frontier| frontier.epoch)
    }

    /// A row by its key.
    ///
    /// # Errors
    /// If the snapshot is too old, the view is not kept, or the file can't be read.
    pub async fn get(&mut self, view: View, key_parts: &[ValueRef<'_>]) -> Result<FoundRow, ReadError> {
        self.shared.kept(view)?;
        if key_of(view, key_parts).is_none() {
            return Ok(None);
        }
        let columns = list(view.schema().columns.iter().map(|column| column.name));
        let wanted: Vec<String> = key(view).map(|name| format!("\"{name}\" = ?")).collect();
        let sql = format!(
            "SELECT {columns} FROM {} WHERE {}",
            view.schema().name,
            wanted.join(" AND ")
        );
        let mut arguments = SqliteArguments::default();
        key_parts
            .iter()
            .for_each(|part| write::bind_value(&mut arguments, *part));
        let found = self.rows(AssertSqlSafe(sql), arguments).await?;
        let delta = self.delta(view, &found, None)?;
        Ok(delta
            .changes()
            .next()
            .map(|change| Arc::from(change.column_bytes())))
    }

    /// The next [`SCAN_ROWS`] rows of a view in the order of keys, as upserts, after the key `after`
    /// ([`last_key`]); `None`: there are no more.
    ///
    /// # Errors
    /// If the snapshot is too old, the view is not kept, or the file can't be read.
    pub async fn scan(&mut self, view: View, after: Option<&[u8]>) -> Result<Option<Delta>, ReadError> {
        self.shared.kept(view)?;
        let schema = view.schema();
        let columns = list(schema.columns.iter().map(|column| column.name));
        let keys = list(key(view));
        let mut arguments = SqliteArguments::default();
        let mut beyond = String::new();
        if let Some(after) = after {
            let parts = contract::delta::key_parts(view, after);
            let places = vec!["?"; schema.key_len].join(", ");
            parts.for_each(|part| write::bind_value(&mut arguments, part));
            beyond = format!("WHERE ({keys}) > ({places}) ");
        }
        let sql = format!(
            "SELECT {columns} FROM {} {beyond}ORDER BY {keys} LIMIT {SCAN_ROWS}",
            schema.name
        );
        let found = self.rows(AssertSqlSafe(sql), arguments).await?;
        if found.is_empty() {
            return Ok(None);
        }
        self.delta(view, &found, after.map(<[u8]>::to_vec)).map(Some)
    }

    /// Rows in the order of their keys, all after the key `before`.
    fn delta(
        &self,
        view: View,
        found: &[SqliteRow],
        mut before: Option<Vec<u8>>,
    ) -> Result<Delta, ReadError> {
        let mut builder = DeltaBuilder::new(view);
        for row in found {
            let key = rows::put(view, row, &mut builder)?;
            // A file that was damaged so that SQLite does not notice may yield a row twice, or for ever.
            if key <= before {
                let name = view.schema().name;
                let what = format!("the file is damaged (rows of {name} are not in order): {MOVE_AWAY}");
                return Err(self.shared.failed(what));
            }
            before = key;
        }
        Ok(builder.finish(self.epoch()))
    }

    pub(super) async fn rows(
        &mut self,
        sql: impl SqlSafeStr,
        arguments: SqliteArguments,
    ) -> Result<Vec<SqliteRow>, ReadError> {
        let mut lent = self.lent.lock().await;
        let ms_max = self.ms_max;
        let open = lent.as_mut().ok_or(ReadError::TooOld { ms_max })?;
        if self.shared.now_ms() >= open.deadline_ms.load(Ordering::Relaxed) {
            lent.take();
            return Err(ReadError::TooOld { ms_max });
        }
        let found = query_with(sql, arguments).fetch_all(&mut open.inner).await;
        found.map_err(|error| {
            lent.take();
            self.shared.error(&error)
        })
    }

    /// Gives the connection back. A snapshot that is dropped instead closes it, which costs the next one
    /// the opening.
    pub async fn end(self) {
        let open = self.lent.lock().await.take();
        let Some(mut open) = open else { return };
        open.deadline_ms.store(u64::MAX, Ordering::Relaxed);
        let none = SqliteArguments::default();
        if query_with("COMMIT", none).execute(&mut open.inner).await.is_ok() {
            lock(&self.shared.idle).push(open);
        }
    }
}
