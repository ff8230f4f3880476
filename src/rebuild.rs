//! `millrace rebuild`: the log decided by this program's logic into a view store beside the old one.
//!
//! It only reads the log, so that the old version may run meanwhile. It can be stopped at any moment and goes
//! on when it is called again: what the new store holds by then is decided again and compared by digest, not
//! written. Taking the new store is renaming files, with the old one put aside first; cut short at any point,
//! it can be called again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use contract::log::{Epoch, Topic};
use pipelines::checkout::LOGIC_VERSION;
use runtime::clock::SystemClock;
use runtime::{Engine, Options, Progress, State};
use sinks::sqlite::{Readers, SqliteViews};
use sinks::{Frontier, Sink as _};
use streams::{Log, timeline};

use crate::Failure;
use crate::config::Config;
use crate::data::{Data, STORE, is_within, new_id};
use crate::output::print;
use crate::progress::bar;
use crate::signals::Signals;
use crate::up::LOOK;

/// The new store.
const NEXT: &str = "views-next.sqlite";
/// The store that it took the place of.
const BEFORE: &str = "views-before.sqlite";

fn undone(error: impl std::fmt::Display) -> Failure {
    Failure::Undone(error.to_string())
}

/// Decides the log, up to epoch `until`, or as far as it is bound.
pub fn run(config: &Config, until: Option<u64>) -> Result<(), Failure> {
    let data = Data::existing(&config.data())?;
    let signals = Signals::new()?;
    let log = data.any_log_to_read(config)?;
    whole(log.log.as_ref())?;
    let store = open(&data, config, until)?;
    let options = Options {
        workers: config.workers(),
        installation: log.installation,
        me: new_id()?.to_string(),
        binds: false,
        skips: Vec::new(),
        limits: config.limits(),
        checkpoints: None,
        until: until.map(Epoch),
    };
    let (start, clock) = (Instant::now(), Arc::new(SystemClock::new()));
    let engine = Engine::start(Arc::clone(&log.log), Box::new(store), clock, &options).map_err(undone)?;
    let end = engine.bound();
    if let Some(until) = until.filter(|until| *until > end.0) {
        return Err(Failure::Usage(format!(
            "the log is bound up to epoch {} only; --until {until} is not there yet",
            end.0
        )));
    }
    let stopped = decide(&engine, end, &signals);
    let why = match engine.progress().state {
        State::Failed(why) => Some(why),
        _ => None,
    };
    let progress = engine.stop();
    if let Some(why) = why {
        return Err(undone(why));
    }
    let next = finish(&data, config)?;
    let at = next.as_ref().map_or(0, |next| next.epoch.0);
    if stopped {
        return Err(Failure::Undone(format!(
            "stopped; {NEXT} stands at epoch {at} of {}, and goes on from there when it is called again",
            end.0
        )));
    }
    debug_assert!(progress.decided >= end, "it went to the end");
    let file = data.path().join(NEXT);
    print(&format!(
        "{} stands at epoch {at}, decided by logic version {LOGIC_VERSION} in {:.1} s\n",
        file.display(),
        start.elapsed().as_secs_f64()
    ))
}

/// Waits until the log is decided up to `end`; whether somebody asked to stop before.
fn decide(engine: &Engine, end: Epoch, signals: &Signals) -> bool {
    let bar = bar("rebuilding", end.0);
    let done = |progress: &Progress| progress.decided >= end || progress.has_ended();
    let stopped = loop {
        let progress = engine.wait(LOOK, done);
        bar.set_position(progress.decided.0);
        if done(&progress) {
            break false;
        }
        if signals.stop() {
            break true;
        }
    };
    bar.finish_and_clear();
    stopped
}

/// That nothing of the log was given up.
fn whole(log: &dyn Log) -> Result<(), Failure> {
    for topic in Topic::ALL.map(Topic::name).into_iter().chain([timeline::TOPIC]) {
        let starts = log.starts(topic).map_err(undone)?;
        if let Some((partition, start)) = (0..).zip(starts).find(|(_, start): &(u32, _)| *start > 0) {
            return Err(Failure::Undone(format!(
                "the log can't be decided again: {topic}/{partition} was trimmed up to offset {start}; rebuild from a \
                 backup that was made before (millrace restore), or go on with the version that runs now"
            )));
        }
    }
    Ok(())
}

/// Opens the new store, or makes it. One that another version has begun is begun anew.
fn open(data: &Data, config: &Config, until: Option<u64>) -> Result<SqliteViews, Failure> {
    let path = data.path().join(NEXT);
    if let Some(found) = frontier(&path)? {
        if found.logic != LOGIC_VERSION {
            tracing::warn!(
                found = found.logic,
                ours = LOGIC_VERSION,
                "begun by another version, made anew"
            );
            remove(&path)?;
        } else if until.is_some_and(|until| found.epoch.0 > until) {
            return Err(Failure::Usage(format!(
                "{} stands at epoch {} already: remove it to begin anew",
                path.display(),
                found.epoch.0
            )));
        }
    }
    SqliteViews::open(next(data, config)).map_err(undone)
}

fn next(data: &Data, config: &Config) -> sinks::sqlite::Config {
    let mut how = data.store_config(config);
    how.path = data.path().join(NEXT);
    how
}

/// Where a store stands; none if it is empty or not there.
fn frontier(path: &Path) -> Result<Option<Frontier>, Failure> {
    if !path.is_file() {
        return Ok(None);
    }
    let read = Readers::new(&sinks::sqlite::Config::new(path, &[])).tables(&[]);
    read.map(|(frontier, _)| frontier).map_err(undone)
}

/// Makes the new store one file, with all that readers need; where it stands.
fn finish(data: &Data, config: &Config) -> Result<Option<Frontier>, Failure> {
    let mut store = SqliteViews::open(next(data, config)).map_err(undone)?;
    let found = store.frontier().map_err(undone)?;
    store.caught_up().map_err(undone)?;
    store.close().map_err(undone)?;
    Ok(found)
}

/// The files that SQLite keeps under a name.
fn files(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    })
}

fn remove(path: &Path) -> Result<(), Failure> {
    for file in files(path) {
        if let Err(error) = fs::remove_file(&file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(undone(format!("{}: {error}", file.display())));
        }
    }
    Ok(())
}

/// Puts the new store in the place of the old one.
pub fn accept(config: &Config) -> Result<(), Failure> {
    let data = Data::existing(&config.data())?;
    // Nothing runs while it is open.
    let log = data.any_log(config)?;
    let (path, store, before) = (
        data.path().join(NEXT),
        data.path().join(STORE),
        data.path().join(BEFORE),
    );
    if !path.is_file() {
        return Err(Failure::Usage(format!(
            "there is no {}; millrace rebuild makes it",
            path.display()
        )));
    }
    let Some(found) = finish(&data, config)? else {
        return Err(undone(format!(
            "{} is empty; run millrace rebuild",
            path.display()
        )));
    };
    if found.logic != LOGIC_VERSION || !is_within(&found, log.log.as_ref(), log.installation)? {
        return Err(undone(format!(
            "{} holds what another log or another version of the logic says; run millrace rebuild",
            path.display()
        )));
    }
    let old = frontier(&store)?;
    if let Some(old) = old.filter(|old| old.epoch > found.epoch) {
        return Err(undone(format!(
            "{} stands at epoch {}, the old one at {}: run millrace rebuild once more, now that nothing runs",
            path.display(),
            found.epoch.0,
            old.epoch.0
        )));
    }
    if store.is_file() {
        remove(&before)?;
    }
    for (from, to) in files(&store).iter().zip(files(&before)) {
        rename(from, &to)?;
    }
    data.adopt(&path)?;
    rename(&path, &store)?;
    let synced = fs::File::open(data.path()).and_then(|directory| directory.sync_all());
    synced.map_err(|error| undone(format!("{}: {error}", data.path().display())))?;
    print(&format!(
        "{} stands at epoch {}; the old one is {BEFORE}\n",
        store.display(),
        found.epoch.0
    ))
}

/// What is not there need not be renamed.
fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(undone(format!("{}: {error}", from.display())))
        }
        _ => Ok(()),
    }
}
