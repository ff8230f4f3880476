//! `millrace up`: the running system, in one process, until it is asked to stop.
//!
//! SIGINT and SIGTERM stop it: what was bound is decided and committed, then it ends with status 0. A second
//! signal ends it at once, which loses nothing either: the log holds everything.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use pipelines::checkout::LOGIC_VERSION;
use runtime::clock::SystemClock;
use runtime::{Engine, Options, Progress, State};
use streams::Log;

use crate::Failure;
use crate::config::Config;
use crate::data::{Data, new_id};
#[cfg(feature = "kill-points")]
use crate::kill;
use crate::progress::bar;
use crate::serve;
use crate::signals::Signals;

/// How often it is looked after.
const LOOK: Duration = Duration::from_millis(200);
/// The file that says that the wall clock is to be accepted.
const ACCEPT: &str = "clock-accepted";

/// Runs as configured.
pub fn run(config: &Config) -> Result<(), Failure> {
    let signals = Signals::new()?;
    #[cfg(feature = "kill-points")]
    kill::arm()?;
    let listener = serve::listen(config)?;
    let data = Data::make(&config.data())?;
    let log = Arc::new(data.log_as(config)?);
    let installation = log.installation();
    let (wired, store) = serve::observe(data.store_as(config, &log)?)?;
    #[cfg(feature = "kill-points")]
    let (store, mut feed) = (kill::Store(store), kill::Feed::start(&log)?);
    let accept = data.path().join(ACCEPT);
    // What was accepted once is not accepted for ever.
    let _ = std::fs::remove_file(&accept);
    let options = Options {
        workers: config.workers(),
        installation,
        me: new_id()?.to_string(),
        binds: true,
        limits: config.limits(),
        checkpoints: config.checkpoints()?,
    };
    let log: Arc<dyn Log> = log;
    let clock = Arc::new(SystemClock::new());
    let engine = Engine::start(Arc::clone(&log), Box::new(store), clock, &options);
    let engine = Arc::new(engine.map_err(|error| Failure::Undone(error.to_string()))?);
    let server = serve::start(listener, wired, log, &engine, data.path())?;
    let (directory, workers) = (data.path().display(), options.workers);
    tracing::info!(data = %directory, %installation, workers, logic = LOGIC_VERSION, "up");
    tracing::info!("listening on http://{}", server.address());
    let mut watch = Watch::default();
    let failed = loop {
        let progress = engine.wait(LOOK, |_| false);
        watch.look(&progress);
        if let State::Failed(why) = progress.state {
            break Some(why);
        }
        if let State::ClockStopped { .. } = progress.state
            && std::fs::remove_file(&accept).is_ok()
        {
            tracing::info!("the clock was accepted");
            engine.accept_clock();
        }
        if signals.stop() {
            break None;
        }
        #[cfg(feature = "kill-points")]
        if feed.look(&progress) {
            break None;
        }
    };
    watch.end();
    tracing::info!("stopping: what was bound is decided and committed first");
    server.stop();
    // The server's last thread may be looking at it.
    let progress = match Arc::into_inner(engine) {
        Some(engine) => engine.stop(),
        None => return Err(Failure::Undone("the engine is still in use: a bug".to_owned())),
    };
    match (failed, progress.state) {
        (Some(why), _) | (None, State::Failed(why)) => Err(Failure::Undone(why)),
        _ => {
            let epoch = progress.visible.map_or(0, |(epoch, _)| epoch.0);
            tracing::info!(epoch, "down");
            Ok(())
        }
    }
}

/// Shows how a replay goes.
#[derive(Default)]
struct Watch {
    bar: Option<ProgressBar>,
}

impl Watch {
    fn look(&mut self, progress: &Progress) {
        if let State::CatchingUp { until } = progress.state {
            let bar = self.bar.get_or_insert_with(|| bar("catching up", until.0));
            bar.set_position(progress.decided.0);
        } else {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// `millrace clock accept`: tells the process that runs on the directory to take the wall clock as it is.
pub fn accept_clock(path: &Path) -> Result<(), Failure> {
    let data = Data::existing(path)?;
    if data.log().is_ok() {
        return Err(Failure::Undone(format!(
            "nothing runs on {}: a clock is accepted by the process that it has stopped",
            path.display()
        )));
    }
    let file: PathBuf = path.join(ACCEPT);
    let failed = |error| Failure::Undone(format!("{}: {error}", file.display()));
    std::fs::write(&file, "").map_err(failed)?;
    for _ in 0..50 {
        if !file.exists() {
            return crate::output::print("accepted\n");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ = std::fs::remove_file(&file);
    Err(Failure::Undone(
        "the process that runs there is not stopped by its clock, so that there is nothing to accept"
            .to_owned(),
    ))
}
