//! `millrace up`: the running system, in one process, until it is asked to stop.
//!
//! SIGINT and SIGTERM stop it: what was bound is decided and committed, then it ends with status 0. A second
//! signal ends it at once, which loses nothing either: the log holds everything.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use api::Server;
use contract::log::{Position, Topic};
use indicatif::ProgressBar;
use pipelines::checkout::LOGIC_VERSION;
use runtime::clock::SystemClock;
use runtime::{Checkpoints, Engine, Options, Progress, State};
use sinks::Sink;
use sinks::follow::Follower;
use sinks::sqlite::Readers;
use streams::{EmbeddedLog, Log};

use crate::Failure;
use crate::changelog;
use crate::config::Config;
use crate::data::{AnyLog, Data, alone, leave, new_id};
#[cfg(feature = "kill-points")]
use crate::kill;
use crate::progress::bar;
use crate::serve::{self, Closed, Listener};
use crate::signals::Signals;

/// How often it is looked after.
pub const LOOK: Duration = Duration::from_millis(200);
/// The file that says that the wall clock is to be accepted.
const ACCEPT: &str = "clock-accepted";

/// Runs as configured; from now on records at `skips` are not decided.
pub fn run(config: &Config, skips: &[Skip]) -> Result<(), Failure> {
    let signals = Signals::new()?;
    #[cfg(feature = "kill-points")]
    kill::arm()?;
    let listener = serve::listen(config)?;
    let mut up = Running::start(config, listener, None, skips, &signals)?;
    let mut watch = Watch::default();
    while !signals.stop() && up.look(&mut watch) {}
    watch.end();
    tracing::info!("stopping: what was bound is decided and committed first");
    let progress = up.stop()?;
    let epoch = progress.visible.map_or(0, |(epoch, _)| epoch.0);
    tracing::info!(epoch, "down");
    Ok(())
}

/// A record that is to be skipped: TOPIC/PARTITION/OFFSET.
#[derive(Clone, Copy, Debug)]
pub struct Skip(Position);

impl FromStr for Skip {
    type Err = String;

    fn from_str(text: &str) -> Result<Skip, String> {
        let mut parts = text.split('/');
        let mut next = || parts.next().unwrap_or_default();
        let (topic, partition, offset) = (Topic::from_name(next()), next().parse(), next().parse());
        match (topic, partition, offset, parts.next()) {
            (Some(topic), Ok(partition), Ok(offset), None) => Ok(Skip(Position {
                topic,
                partition,
                offset,
            })),
            _ => Err("it is a topic, a partition and an offset, such as orders/0/17".to_owned()),
        }
    }
}

/// Engine, view store and HTTP server on a data directory.
pub struct Running {
    engine: Arc<Engine>,
    server: Server,
    log: AnyLog,
    /// The id that it took its generation under.
    me: String,
    readers: Readers,
    /// What follows the view store.
    follower: Option<Follower>,
    /// The file that says that the wall clock is to be accepted.
    accept: PathBuf,
    #[cfg(feature = "kill-points")]
    feed: kill::Feed,
}

impl Running {
    /// Starts all of it. `busy` says why nothing may be written over HTTP, if so: then it only follows what
    /// whoever has the log binds.
    pub fn start(
        config: &Config,
        listener: Listener,
        busy: Option<&'static str>,
        skips: &[Skip],
        signals: &Signals,
    ) -> Result<Running, Failure> {
        let data = Data::configured(config)?;
        let log = data.any_log(config)?;
        let me = new_id()?.to_string();
        if config.brokers().is_some() {
            alone(&log, config, &me)?;
        }
        let installation = log.installation;
        let store = data.store_as(config, &log)?;
        let readers = store.readers();
        let (store, follower) = match busy {
            None => changelog::follow(config, store)?,
            Some(_) => (Box::new(store) as Box<dyn Sink>, None),
        };
        let watches = follower.iter().map(|follower| follower.watch().clone()).collect();
        let (wired, store) = serve::observe(store, readers.clone(), watches)?;
        #[cfg(feature = "kill-points")]
        let (store, feed) = (kill::Store(store), kill::Feed::start(&log.log)?);
        let accept = data.path().join(ACCEPT);
        // What was accepted once is not accepted for ever.
        let _ = std::fs::remove_file(&accept);
        // While another binds epochs there is nothing to go on with from here.
        let checkpoints = config.checkpoints()?.filter(|_| busy.is_none());
        let checkpoints = checkpoints.map(|how| Checkpoints {
            place: how.place.until(signals.flag()),
            ..how
        });
        #[cfg(feature = "kill-points")]
        let checkpoints = checkpoints.map(kill::checkpoints).transpose()?;
        let options = Options {
            workers: config.workers(),
            installation,
            me: me.clone(),
            binds: busy.is_none(),
            limits: config.limits(),
            skips: skips.iter().map(|skip| skip.0).collect(),
            checkpoints,
            until: None,
        };
        let clock = Arc::new(SystemClock::new());
        let engine = Engine::start(Arc::clone(&log.log), Box::new(store), clock, &options);
        let engine = Arc::new(engine.map_err(|error| Failure::Undone(error.to_string()))?);
        let written: Arc<dyn Log> = match busy {
            None => Arc::clone(&log.log),
            Some(why) => Arc::new(Closed::new(Arc::clone(&log.log), why)),
        };
        let server = serve::start(listener, wired, written, &engine, data.path(), busy)?;
        let (directory, workers) = (data.path().display(), options.workers);
        tracing::info!(data = %directory, %installation, workers, logic = LOGIC_VERSION, "up");
        tracing::info!("listening on http://{}", server.address());
        Ok(Running {
            engine,
            server,
            log,
            me,
            readers,
            follower,
            accept,
            #[cfg(feature = "kill-points")]
            feed,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its log, which is in the data directory.
    pub fn log(&self) -> &EmbeddedLog {
        let embedded = self.log.embedded.as_deref();
        embedded.expect("who asks has made it in the directory")
    }

    /// Where its views are read.
    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.engine.progress()
    }

    /// Waits until `done`, or the time is out; how far it is then.
    pub fn wait(&self, timeout: Duration, done: impl Fn(&Progress) -> bool) -> Progress {
        self.engine.wait(timeout, done)
    }

    /// Looks after it for a moment; whether it goes on.
    pub fn look(&mut self, watch: &mut Watch) -> bool {
        let progress = self.engine.wait(LOOK, |_| false);
        watch.look(&progress);
        if let State::ClockStopped { .. } = progress.state
            && std::fs::remove_file(&self.accept).is_ok()
        {
            tracing::info!("the clock was accepted");
            self.engine.accept_clock();
        }
        #[cfg(feature = "kill-points")]
        if self.feed.look(&progress) {
            return false;
        }
        !matches!(progress.state, State::Failed(_))
    }

    /// Stops: what was bound is decided and committed first. How it stood at the end.
    pub fn stop(self) -> Result<Progress, Failure> {
        // Why it failed is not told by an engine that has stopped.
        let before = self.engine.progress();
        self.server.stop();
        // The server's last thread may be looking at it.
        let Some(engine) = Arc::into_inner(self.engine) else {
            return Err(Failure::Undone("the engine is still in use: a bug".to_owned()));
        };
        let progress = engine.stop();
        changelog::stop(self.follower);
        match (before.state, &progress.state) {
            (State::Failed(why), _) => Err(Failure::Undone(why)),
            (_, State::Failed(why)) => Err(Failure::Undone(why.clone())),
            _ => {
                leave(&self.log, &self.me, progress.timeline_read);
                Ok(progress)
            }
        }
    }
}

/// Shows how a replay goes.
#[derive(Default)]
pub struct Watch {
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

    /// Shows nothing more.
    pub fn end(&mut self) {
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
