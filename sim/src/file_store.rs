//! The real SQLite view store in a file, failing around its commits.
//!
//! What a commit leaves is read back from the file, so that everything that looks at the store sees what
//! readers of the file see. A stop inside a transaction is a stop before it here: kills of the process within
//! SQLite are the sinks' own tests.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use contract::delta::Delta;
use contract::digest::Digest;
use contract::log::Epoch;
use contract::views::View;
use sinks::sqlite::{Config, Readers, SqliteViews, Synchronous};
use sinks::{Commit, Frontier, Hold, Sink, SinkError};

use crate::store::{CommitFault, Store, VIEWS};

/// A directory for one run; removed when the run has ended.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// A new one; none if it can't be made.
    pub fn new() -> Option<Directory> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("millrace-sim-{}-{number}", std::process::id()));
        // One may be left of an earlier process of that number.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).ok()?;
        Some(Directory(path))
    }

    fn config(&self) -> Config {
        let mut config = Config::new(self.0.join("views.sqlite"), VIEWS);
        // Processes stop here, machines don't: nothing has to be synced.
        config.synchronous = Synchronous::Off;
        config
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process's view of the store.
pub struct FileStore {
    store: Store,
    views: SqliteViews,
    readers: Readers,
}

impl FileStore {
    /// Opens the store in a directory; `store` arms the faults and holds what was read back.
    ///
    /// # Errors
    /// As SQLite's store says.
    pub fn open(store: Store, directory: &Directory) -> Result<FileStore, SinkError> {
        let config = directory.config();
        let readers = Readers::new(&config);
        let views = SqliteViews::open(config)?;
        Ok(FileStore {
            store,
            views,
            readers,
        })
    }

    /// Reads everything back.
    fn look(&self, digests: &[(Epoch, Digest)]) {
        match self.readers.tables(VIEWS) {
            Ok((frontier, tables)) => self.store.found(frontier, tables, digests),
            Err(error) => self.store.went_wrong(format!("the store can't be read: {error}")),
        }
    }
}

impl Sink for FileStore {
    fn name(&self) -> &str {
        "store"
    }

    fn views(&self) -> &[View] {
        VIEWS
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        self.views.frontier()
    }

    fn digests(&mut self) -> Result<Vec<(Epoch, Digest)>, SinkError> {
        self.views.digests()
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        let fault = self.store.take_fault();
        let before = fault.filter(|fault| !matches!(fault, CommitFault::DoubtKept | CommitFault::CrashAfter));
        if let Some(fault) = before {
            return Err(self.store.failed(fault));
        }
        self.views.commit(commit)?;
        self.look(&commit.digests);
        fault.map_or(Ok(()), |fault| Err(self.store.failed(fault)))
    }

    fn refill(
        &mut self,
        frontier: &Frontier,
        rows: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        self.views.refill(frontier, rows)
    }

    fn hold(&self) -> Hold {
        self.views.hold()
    }

    fn caught_up(&mut self) -> Result<(), SinkError> {
        self.views.caught_up()
    }
}
