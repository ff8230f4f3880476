//! `bench replay`: log records a second on all cores, from an embedded log on disk: (a) read and decoded
//! only, on one core; (c) the whole job, with every view's deltas made, sorted and digested, then discarded;
//! (d) the whole job into the view store, with time-ordered and with random ids.
//!
//! The log holds the mix of `bench decide`. What is measured is what a restart does: the log is opened, the
//! timeline replayed, until the last epoch is visible.

use std::hint::black_box;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use contract::delta::Delta;
use contract::installation::Installation;
use contract::log::{Binding, Epoch, Topic};
use contract::time::Time;
use contract::views::View;
use runtime::chunk::Decoded;
use runtime::clock::{Clock as _, SystemClock};
use runtime::conductor::{Conductor, Flight, Mark, Turn};
use runtime::{Engine, Options, Progress, State};
use sinks::sqlite::{self, SqliteViews};
use sinks::{Commit, Frontier, Hold, Sink, SinkError};
use streams::embedded::{Config, EmbeddedLog, Fsync};
use streams::timeline::{self, Limits, Timeline};
use streams::{Batch, Log};

use crate::following::Following;
use crate::mix::{Ids, Mix, Orders};
use crate::process::{cpu_seconds, forget_peak, peak_bytes};
use crate::scratch::Scratch;
use crate::{Figure, Settings};

const ORDERS: u64 = 2_000_000;
/// The views of the jobs.
pub const VIEWS: &[View] = View::ALL;
/// Everything is over by then; if not, something hangs.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Passes changes on to a store, if there is one, and counts them.
struct Counting {
    store: Option<SqliteViews>,
    frontier: Option<Frontier>,
    rows: Arc<AtomicU64>,
}

impl Sink for Counting {
    fn name(&self) -> &str {
        self.store.as_ref().map_or("discard", |store| store.name())
    }

    fn views(&self) -> &[View] {
        self.store.as_ref().map_or(&[], |store| store.views())
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        Ok(self.frontier.clone())
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        if let Some(store) = &mut self.store {
            store.commit(commit)?;
        }
        self.frontier = Some(commit.frontier.clone());
        let rows: usize = black_box(&commit.deltas).iter().map(Delta::len).sum();
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        Ok(())
    }

    fn refill(
        &mut self,
        _: &Frontier,
        _: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        let (sink, what) = (self.name().to_owned(), "it is not refilled".to_owned());
        Err(SinkError::Refused { sink, what })
    }

    fn hold(&self) -> Hold {
        self.store.as_ref().map_or_else(Hold::nothing_to_do, Sink::hold)
    }

    fn caught_up(&mut self) -> Result<(), SinkError> {
        self.store.as_mut().map_or(Ok(()), Sink::caught_up)
    }
}

/// A log, whose epochs are bound.
pub struct Made {
    /// It.
    pub log: Arc<dyn Log>,
    /// Its id.
    pub installation: Installation,
    /// How many records it holds.
    pub records: u64,
    /// The last epoch.
    pub epochs: Epoch,
}

/// How a log is kept: as usual.
pub fn config(installation: Installation) -> Config {
    let input = Topic::ALL.map(|topic| (topic.name(), 1));
    let topics: Vec<_> = input.into_iter().chain([(timeline::TOPIC, 1)]).collect();
    Config::new(installation, &topics)
}

/// Writes a log of orders: the prelude, then orders, an epoch a second.
pub fn make_orders(directory: &Path, orders: u64, ids: Ids) -> Result<Made, String> {
    let mut orders = Orders::new(orders, ids);
    let mut begun = false;
    make(directory, &mut |mix| {
        if std::mem::replace(&mut begun, true) {
            return orders.epoch(mix);
        }
        mix.prelude();
        true
    })
}

/// Writes a log of what `next` adds to a mix, until it adds nothing and says so.
pub fn make(directory: &Path, next: &mut dyn FnMut(&mut Mix) -> bool) -> Result<Made, String> {
    let installation = Installation::new(1_790_000_000_000, [7; 10]);
    let mut config = config(installation);
    // It is not the writing that is measured.
    config.fsync = Fsync::Never;
    let log = EmbeddedLog::open(directory, &config).map_err(|e| e.to_string())?;
    let mut mix = Mix::default();
    let mut timeline = Timeline::default();
    let mut records = 0;
    while next(&mut mix) {
        records += mix.len() as u64;
        append(&log, &mix, &mut timeline, &mut |epoch| {
            Time::default().plus_seconds(1_790_000_000 + i64::try_from(epoch.0).unwrap_or(0))
        })?;
        mix.clear();
    }
    let epochs = Epoch(timeline.next_epoch().0 - 1);
    Ok(Made {
        log: Arc::new(log),
        installation,
        records,
        epochs,
    })
}

/// Appends the mix's epochs with their bindings, whose clocks are told by `clock_of`.
pub fn append(
    log: &EmbeddedLog,
    mix: &Mix,
    timeline: &mut Timeline,
    clock_of: &mut dyn FnMut(Epoch) -> Time,
) -> Result<(), String> {
    for records in mix.epochs() {
        let epoch = timeline.next_epoch();
        let clock = clock_of(epoch);
        let mut ends = timeline
            .last()
            .map_or_else(timeline::no_ends, |last| last.ends.clone());
        let mut batch = Batch::new(clock.ms());
        for record in records {
            let topic = record.at.topic;
            batch.push(topic.name(), 0, record.key, record.value);
            ends[topic as usize] = vec![record.at.offset + 1];
        }
        let binding = timeline.encode(&Binding { epoch, clock, ends }, None);
        batch.push(
            timeline::TOPIC,
            0,
            Some(timeline::TOPIC.as_bytes()),
            Some(binding.as_bytes()),
        );
        log.append(&batch).map_err(|e| e.to_string())?;
        let applied = timeline.apply(Some(binding.as_bytes()));
        applied.map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Reads and decodes everything; seconds.
pub fn decode(made: &Made) -> Result<f64, String> {
    let clock = SystemClock::new();
    let failed = |e: runtime::conductor::ConductorError| e.to_string();
    let conductor = Conductor::open(
        made.log.clone(),
        "bench",
        Limits::default(),
        clock.now(),
        Mark::default(),
    );
    let mut conductor = conductor.map_err(failed)?;
    let start = Instant::now();
    let flight = Flight {
        room: true,
        ..Flight::default()
    };
    while conductor.handed_out() < made.epochs {
        match conductor.turn(clock.now(), flight).map_err(failed)? {
            Turn::Epoch(_) => conductor
                .records(&mut |raw| drop(black_box(Decoded::new(raw))))
                .map_err(failed)?,
            turn => return Err(format!("the log ends early: {turn:?}")),
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

/// An empty log, and an engine that follows it and discards all deltas.
pub fn follow(directory: &Path, workers: usize) -> Result<Following, String> {
    let installation = Installation::new(1_790_000_000_000, [7; 10]);
    let mut config = config(installation);
    config.fsync = Fsync::Never;
    let log = EmbeddedLog::open(directory, &config).map_err(|e| e.to_string())?;
    let log = Arc::new(log);
    let store = Counting {
        store: None,
        frontier: None,
        rows: Arc::default(),
    };
    let options = options(installation, workers);
    let engine = Engine::start(
        log.clone(),
        Box::new(store),
        Arc::new(SystemClock::new()),
        &options,
    );
    Ok(Following::new(log, engine.map_err(|e| e.to_string())?))
}

/// Of an engine that follows.
fn options(installation: Installation, workers: usize) -> Options {
    Options {
        workers,
        installation,
        me: "bench".to_owned(),
        binds: false,
        limits: Limits::default(),
        skips: Vec::new(),
        checkpoints: None,
        until: None,
    }
}

/// What a replay took.
pub struct Replayed {
    /// From opening to the last epoch visible.
    pub seconds: f64,
    /// Of all threads together.
    pub cpu_seconds: f64,
    /// Rows that changed.
    pub rows: u64,
}

/// Replays everything, into a store at `path` if one is given.
pub fn replay(made: &Made, path: Option<&Path>, workers: usize) -> Result<Replayed, String> {
    let store = path.map(|path| SqliteViews::open(sqlite::Config::new(path, VIEWS)));
    let rows = Arc::new(AtomicU64::new(0));
    let store = Counting {
        store: store.transpose().map_err(|e| e.to_string())?,
        frontier: None,
        rows: Arc::clone(&rows),
    };
    let options = options(made.installation, workers);
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let clock = Arc::new(SystemClock::new());
    let engine = Engine::start(made.log.clone(), Box::new(store), clock, &options);
    let engine = engine.map_err(|e| e.to_string())?;
    let last = made.epochs;
    let visible = |progress: &Progress| progress.visible.is_some_and(|(epoch, _)| epoch >= last);
    let progress = engine.wait(PATIENCE, visible);
    if let State::Failed(why) = progress.state {
        return Err(why);
    }
    // Stopping waits for what is built once the store has caught up.
    drop(engine);
    Ok(Replayed {
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds() - cpu,
        rows: rows.load(Ordering::Relaxed),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn run(settings: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let orders = settings.orders.unwrap_or(ORDERS);
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let directory = Scratch::new()?;
    progress("writing a log with time-ordered ids");
    let made = make_orders(&directory.path().join("ordered"), orders, Ids::TimeOrdered)?;
    let records = made.records as f64;
    let mut figures = vec![
        figure("orders", orders as f64, "orders"),
        figure("log records", records, "records"),
        figure("workers", workers as f64, "workers"),
    ];
    progress("(a) decoding");
    forget_peak();
    let seconds = decode(&made)?;
    figures.push(figure(
        "(a) read and decoded, one core",
        records / seconds,
        "records/s",
    ));
    figures.push(peak("(a) peak memory"));
    progress("(c) the whole job");
    forget_peak();
    let replayed = replay(&made, None, workers)?;
    let whole = "(c) whole job, deltas discarded";
    figures.push(figure(whole, records / replayed.seconds, "records/s").at_least(600_000.0));
    let cpu = replayed.cpu_seconds * 1e6 / records;
    figures.push(figure("(c) processor time a record, all threads", cpu, "us"));
    figures.push(peak("(c) peak memory"));
    figures.extend(into_store(
        &made,
        directory.path(),
        "time-ordered",
        workers,
        15_000.0,
        orders,
        progress,
    )?);
    drop(made);
    progress("writing a log with random ids");
    let made = make_orders(&directory.path().join("random"), orders, Ids::Random)?;
    figures.extend(into_store(
        &made,
        directory.path(),
        "random",
        workers,
        8_000.0,
        orders,
        progress,
    )?);
    Ok(figures)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn into_store(
    made: &Made,
    directory: &Path,
    ids: &str,
    workers: usize,
    aim: f64,
    orders: u64,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Figure>, String> {
    progress(&format!("(d) into SQLite, {ids} ids"));
    forget_peak();
    let path = directory.join(format!("{ids}.sqlite"));
    let replayed = replay(made, Some(&path), workers)?;
    let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
    let metric = |what: &str| format!("(d) into SQLite, {ids} ids: {what}");
    Ok(vec![
        figure(&metric("orders"), orders as f64 / replayed.seconds, "orders/s").at_least(aim),
        figure(&metric("rows"), replayed.rows as f64 / replayed.seconds, "rows/s"),
        figure(
            &metric("rows an order"),
            replayed.rows as f64 / orders as f64,
            "rows",
        ),
        figure(&metric("file"), bytes as f64 / 1e6, "MB"),
        peak(&metric("peak memory")),
    ])
}

fn figure(metric: &str, value: f64, unit: &'static str) -> Figure {
    Figure::new("replay", metric, value, unit)
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
fn peak(metric: &str) -> Figure {
    figure(metric, peak_bytes().unwrap_or(0) as f64 / 1e6, "MB")
}
