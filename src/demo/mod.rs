//! `millrace demo`: a real month of orders, through the log and into the view store, and what became of
//! them.
//!
//! It runs in a directory of its own, which is gone afterwards, unless one is named. The month is decided at
//! the clock of its own time and left there: nothing of today is bound, so that no order of 2010 expires.

mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::log::Epoch;
use runtime::clock::SystemClock;
use runtime::{Engine, Options, Progress, State};
use streams::timeline::Limits;

use crate::Failure;
use crate::config::Config;
use crate::data::Data;
use crate::import;
use crate::output::print;
use crate::progress::bar;
use crate::signals::Signals;
use crate::verify::verify;

/// How often progress is shown.
const LOOK: Duration = Duration::from_millis(50);

/// Decides the month, or `file`, and prints what became of it.
pub fn run(file: Option<&Path>, data: Option<&Path>, workers: usize) -> Result<(), Failure> {
    let signals = Signals::new()?;
    let input = import::read(file)?;
    let import = import::import(&input)?;
    let place = Place::new(data)?;
    let data = Data::make(&place.path)?;
    let log = Arc::new(data.log()?);
    import::append(&log, &import)?;
    let store = data.store_as(&Config::default(), &log)?;
    let readers = store.readers();
    let options = Options {
        workers,
        installation: log.installation(),
        me: String::new(),
        binds: false,
        limits: Limits::default(),
        checkpoints: None,
    };
    let start = Instant::now();
    let clock = Arc::new(SystemClock::new());
    let engine = Engine::start(Arc::clone(&log) as _, Box::new(store), clock, &options);
    let engine = engine.map_err(|error| Failure::Undone(error.to_string()))?;
    let last = Epoch(import.log.timeline().len() as u64);
    wait(&engine, last, &signals)?;
    let took = start.elapsed();
    drop(engine);
    let verdict = verify(log.as_ref(), &readers, &log.installation().to_string())?;
    print(&report::text(file, &import, &verdict, took))?;
    verdict.outcome()
}

/// Waits until the view store holds the last epoch.
fn wait(engine: &Engine, last: Epoch, signals: &Signals) -> Result<(), Failure> {
    let bar = bar("deciding", last.0);
    let visible = |progress: &Progress| progress.visible.map_or(0, |(epoch, _)| epoch.0);
    loop {
        let progress = engine.wait(LOOK, |progress| visible(progress) >= last.0);
        bar.set_position(visible(&progress));
        if visible(&progress) >= last.0 {
            bar.finish_and_clear();
            return Ok(());
        }
        if let State::Failed(why) = progress.state {
            return Err(Failure::Undone(why));
        }
        if signals.stop() {
            return Err(Failure::Undone("interrupted".to_owned()));
        }
    }
}

/// Where the demo's data lies.
struct Place {
    path: PathBuf,
    /// Ours, and gone afterwards.
    ours: bool,
}

impl Place {
    fn new(asked: Option<&Path>) -> Result<Place, Failure> {
        let Some(path) = asked else {
            let name = format!("millrace-demo-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            return Ok(Place { path, ours: true });
        };
        let is_empty = std::fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none());
        if !is_empty {
            let path = path.display();
            return Err(Failure::Usage(format!(
                "{path} is not empty; the demo wants a new directory"
            )));
        }
        let path = path.to_owned();
        Ok(Place { path, ours: false })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.ours {
            // What can't be removed is in the system's folder for what may be removed.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
