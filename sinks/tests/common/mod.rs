//! Places for SQLite view stores.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod conformance;
pub mod history;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use contract::delta::Tables;
use contract::views::View;
use millrace_sinks::sqlite::{Config, Readers, SqliteViews};
use millrace_sinks::{Frontier, Sink};

use self::conformance::Place;

/// A directory of its own, removed when dropped.
pub struct Directory {
    pub path: PathBuf,
    pub config: Config,
}

impl Directory {
    pub fn new(views: &[View]) -> Directory {
        Directory::within(&std::env::temp_dir(), views)
    }

    pub fn within(parent: &std::path::Path, views: &[View]) -> Directory {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("millrace-sinks-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a directory can be made");
        let config = Config::new(path.join("views.sqlite"), views);
        Directory { path, config }
    }

    pub fn store(&self) -> SqliteViews {
        SqliteViews::open(self.config.clone()).expect("the store opens")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

impl Place for Directory {
    fn open(&self) -> Box<dyn Sink> {
        Box::new(self.store())
    }

    fn views(&self) -> Vec<View> {
        self.config.views.clone()
    }

    fn read(&self) -> (Option<Frontier>, Tables) {
        Readers::new(&self.config)
            .tables(&self.config.views)
            .expect("it can be read")
    }
}

/// Another program with the file open: an analyst's shell.
pub struct Shell {
    runtime: tokio::runtime::Runtime,
    connection: sqlx::SqliteConnection,
}

impl Shell {
    pub fn open(path: &std::path::Path) -> Shell {
        use sqlx::ConnectOptions as _;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime can be made");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true);
        let connection = runtime.block_on(options.connect()).expect("the file opens");
        Shell { runtime, connection }
    }

    /// Runs a statement; each row's columns as texts.
    pub fn run(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        use sqlx::{Row as _, ValueRef as _};
        let query = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()));
        let rows = self.runtime.block_on(query.fetch_all(&mut self.connection));
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let text = |row: &sqlx::sqlite::SqliteRow, index| {
            let raw = row.try_get_raw(index).expect("a column");
            let text = <String as sqlx::Decode<'_, sqlx::Sqlite>>::decode;
            (!raw.is_null()).then(|| text(raw).expect("a text"))
        };
        let columns = |row: &sqlx::sqlite::SqliteRow| (0..row.len()).map(|i| text(row, i)).collect();
        rows.iter().map(columns).collect()
    }

    /// What a query says, all of its texts in one.
    pub fn say(&mut self, sql: &str) -> String {
        let rows = self.run(sql);
        let texts = rows.into_iter().flatten().flatten();
        texts.collect::<Vec<_>>().join("\n")
    }
}
