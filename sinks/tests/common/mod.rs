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
