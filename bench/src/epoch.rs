//! `bench epoch`: what an epoch costs end to end, small as it may be: bound in the embedded log with every
//! sync, read back, decided on all workers, committed to the SQLite store, visible.
//!
//! With 5 records: appended one batch after another, each only when the one before is visible, so that each
//! has its own epoch; the time from the call of append on. Empty: heartbeats as fast as they go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::log::Epoch;
use runtime::clock::SystemClock;
use runtime::{Engine, Options, Progress};
use sinks::sqlite::{self, SqliteViews};
use streams::timeline::Limits;
use streams::{Batch, EmbeddedLog, Log};

use crate::mix::{Ids, Mix, Orders};
use crate::replay::{VIEWS, config};
use crate::scratch::Scratch;
use crate::{Figure, Settings};

/// Epochs that are measured.
const EPOCHS: u64 = 2000;
/// Records of an epoch that is not empty.
const RECORDS: usize = 5;
/// Longer than any epoch takes; if not, something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    log: Arc<EmbeddedLog>,
    engine: Engine,
    _directory: Scratch,
}

fn start(heartbeat_ms: u64) -> Result<Running, String> {
    let directory = Scratch::new()?;
    let installation = contract::installation::Installation::new(1_790_000_000_000, [8; 10]);
    let log = EmbeddedLog::open(&directory.path().join("log"), &config(installation));
    let log = Arc::new(log.map_err(|e| e.to_string())?);
    let store = SqliteViews::open(sqlite::Config::new(directory.path().join("views.sqlite"), VIEWS));
    let options = Options {
        workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        installation,
        me: "bench".to_owned(),
        binds: true,
        limits: Limits {
            heartbeat_ms,
            ..Limits::default()
        },
        skips: Vec::new(),
        checkpoints: None,
        until: None,
    };
    let store = Box::new(store.map_err(|e| e.to_string())?);
    let engine = Engine::start(log.clone(), store, Arc::new(SystemClock::new()), &options);
    Ok(Running {
        log,
        engine: engine.map_err(|e| e.to_string())?,
        _directory: directory,
    })
}

fn visible(progress: &Progress) -> Epoch {
    progress.visible.map_or(Epoch(0), |(epoch, _)| epoch)
}

/// Appends records and waits until they are visible; how long that took.
fn once(running: &Running, records: &Batch) -> Result<Duration, String> {
    let before = running.engine.progress();
    let start = Instant::now();
    running.log.append(records).map_err(|e| e.to_string())?;
    // The epochs handed out before may be on their way: the records are in none of them, so in a later one.
    let after = running.engine.wait(PATIENCE, |p| visible(p) > before.handed_out);
    if visible(&after) > before.handed_out {
        return Ok(start.elapsed());
    }
    Err(format!("an epoch does not become visible: {after:?}"))
}

pub(crate) fn run(_: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    progress("epochs of 5 records");
    let running = start(1000)?;
    let (mut mix, mut orders) = (Mix::default(), Orders::new(EPOCHS * 5, Ids::TimeOrdered));
    let mut prelude = Batch::new(1_790_000_000_000);
    mix.prelude();
    mix.epochs()
        .flatten()
        .for_each(|r| prelude.push(r.at.topic.name(), 0, r.key, r.value));
    once(&running, &prelude)?;
    mix.clear();
    while mix.len() < RECORDS * usize::try_from(EPOCHS).unwrap_or(0) && orders.epoch(&mut mix) {}
    let records: Vec<_> = mix.epochs().flatten().collect();
    let mut took = Vec::new();
    for records in records.chunks(RECORDS).take(usize::try_from(EPOCHS).unwrap_or(0)) {
        let mut batch = Batch::new(crate::now_ms());
        records
            .iter()
            .for_each(|r| batch.push(r.at.topic.name(), 0, r.key, r.value));
        took.push(once(&running, &batch)?.as_secs_f64() * 1000.0);
    }
    drop(running);
    took.sort_by(f64::total_cmp);
    let at = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
    let figure = |metric: &str, value| Figure::new("epoch", metric, value, "ms");
    let mut figures = vec![
        figure("5 records, appended to visible: median", at(50)),
        figure("5 records, appended to visible: p99", at(99)),
    ];
    progress("empty epochs");
    let running = start(0)?;
    let first = visible(&running.engine.wait(PATIENCE, |p| visible(p).0 > 10));
    let start = Instant::now();
    let last = visible(&running.engine.wait(PATIENCE, |p| visible(p).0 > first.0 + EPOCHS));
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let each = start.elapsed().as_secs_f64() * 1000.0 / (last.0 - first.0) as f64;
    figures.push(figure("empty, one after another: each", each));
    Ok(figures)
}
