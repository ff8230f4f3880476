//! `bench recovery`: what a restart from a checkpoint takes, and what checkpoints cost while they are taken.
//!
//! Of the orders (ten million, or as many as asked) 1 in 100 is open and 1 in 10 inside its cancel window, the
//! rest are closed. The log's clock is virtual: while orders are to close, a day passes with each epoch. The
//! log is appended and decided in this process, which shows what memory grows by; a process of its own then
//! goes on from the checkpoint, which shows the time and the peak of a restart, and takes orders while it takes
//! the next ones.
//!
//! The view store keeps no rows, but where it stands and its digests, as the real one would: what a restart
//! does is the same, and the rows of ten million orders take a disk that a bench should not ask for.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::delta::Delta;
use contract::installation::Installation;
use contract::log::Epoch;
use contract::time::Time;
use contract::views::View;
use runtime::checkpoint::{Place, Policy};
use runtime::clock::{Clock, Now, SystemClock};
use runtime::{Checkpoints, Engine, Options, Progress, State};
use sinks::sqlite::{self, SqliteViews};
use sinks::{Commit, Frontier, Hold, Sink, SinkError};
use streams::embedded::Fsync;
use streams::timeline::{self, Limits, Timeline};
use streams::{Batch, EmbeddedLog, Log};

use crate::mix::{Mix, PRODUCTS, Random, Zipf, order_id};
use crate::process::{cpu_seconds, forget_peak, peak_bytes, resident_bytes};
use crate::replay::{append, config};
use crate::scratch::Scratch;
use crate::{Figure, Settings};

const ORDERS: u64 = 10_000_000;
/// Orders of an epoch in the log, placed, submitted and confirmed.
const ORDERS_AN_EPOCH: u64 = 4000;
/// The checkpoint that is gone on from is no older than this at the end.
const CLOSE_EPOCHS: u64 = 40;
/// Longer than the cancel window.
const CLOSING_DAYS: i64 = 15;
const DAY_S: i64 = 86_400;
/// Orders of an epoch while the restarted process is at work, and how many such epochs before and between
/// checkpoints.
const LIVE_ORDERS: u64 = 20;
const LIVE_EPOCHS: u64 = 1500;
/// Checkpoints that are taken while it is at work.
const LIVE_CHECKPOINTS: usize = 3;
/// Everything is over by then; if not, something hangs.
const PATIENCE: Duration = Duration::from_secs(3600);

fn installation() -> Installation {
    Installation::new(1_790_000_000_000, [9; 10])
}

/// Keeps no rows, but where it stands.
struct Standing(SqliteViews);

impl Standing {
    fn open(directory: &Path) -> Result<Standing, String> {
        let store = SqliteViews::open(sqlite::Config::new(directory.join("views.sqlite"), &[]));
        store.map(Standing).map_err(|e| e.to_string())
    }
}

impl Sink for Standing {
    fn name(&self) -> &str {
        "no rows"
    }

    fn views(&self) -> &[View] {
        &[]
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        self.0.frontier()
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        self.0.commit(&Commit {
            after: commit.after,
            frontier: commit.frontier.clone(),
            digests: commit.digests.clone(),
            deltas: Vec::new(),
        })
    }

    fn refill(
        &mut self,
        at: &Frontier,
        rows: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        self.0.refill(at, rows)
    }

    fn hold(&self) -> Hold {
        self.0.hold()
    }

    fn caught_up(&mut self) -> Result<(), SinkError> {
        self.0.caught_up()
    }
}

/// Orders for a log, with clocks of their own.
struct Shop {
    mix: Mix,
    placed: u64,
    random: Random,
    zipf: Zipf,
}

impl Shop {
    fn new(seed: u64) -> Shop {
        Shop {
            mix: Mix::default(),
            placed: 0,
            random: Random(seed),
            zipf: Zipf::new(PRODUCTS),
        }
    }

    /// Places orders, and pays them if asked to; an epoch's worth.
    fn orders(&mut self, orders: u64, paid: bool) {
        for _ in 0..orders {
            let id = order_id(self.placed, &mut self.random);
            self.placed += 1;
            let amount = self.mix.place(&id, 2, false, &self.zipf, &mut self.random);
            if paid {
                self.mix.pay("payment_submitted", &id, amount);
                self.mix.pay("payment_confirmed", &id, amount);
            }
        }
        self.mix.cut();
    }
}

/// A log that grows, and the job that follows it.
struct Building {
    log: Arc<EmbeddedLog>,
    engine: Engine,
    shop: Shop,
    timeline: Timeline,
    now: Time,
    records: u64,
}

impl Building {
    fn start(directory: &Path, shop: Shop, records_max: u64) -> Result<Building, String> {
        let log = open_log(directory, Fsync::Never)?;
        let engine = engine(directory, &log, false, records_max, Arc::new(SystemClock::new()))?;
        Ok(Building {
            log,
            engine,
            shop,
            timeline: Timeline::default(),
            now: Time::default().plus_seconds(1_790_000_000),
            records: 0,
        })
    }

    /// Appends what the shop has made; `step_s` seconds pass with each epoch.
    fn append(&mut self, step_s: i64) -> Result<(), String> {
        let (mix, now) = (&mut self.shop.mix, &mut self.now);
        self.records += mix.len() as u64;
        append(&self.log, mix, &mut self.timeline, &mut |_| {
            *now = now.plus_seconds(step_s);
            *now
        })?;
        mix.clear();
        Ok(())
    }

    fn orders(&mut self, orders: u64, paid: bool, step_s: i64) -> Result<(), String> {
        let mut left = orders;
        while left > 0 {
            let some = left.min(ORDERS_AN_EPOCH);
            self.shop.orders(some, paid);
            self.append(step_s)?;
            left -= some;
        }
        Ok(())
    }

    /// Waits until everything is decided and delivered.
    fn settle(&self) -> Result<Progress, String> {
        let last = self.timeline.next_epoch().0 - 1;
        let done = self.engine.wait(PATIENCE, |p| visible(p).0 >= last);
        match &done.state {
            State::Failed(why) => Err(why.clone()),
            _ if visible(&done).0 < last => Err(format!("it does not come to epoch {last}: {done:?}")),
            _ => Ok(done),
        }
    }
}

fn visible(progress: &Progress) -> Epoch {
    progress.visible.map_or(Epoch(0), |(epoch, _)| epoch)
}

fn open_log(directory: &Path, fsync: Fsync) -> Result<Arc<EmbeddedLog>, String> {
    let mut config = config(installation());
    config.fsync = fsync;
    let log = EmbeddedLog::open(&directory.join("log"), &config);
    log.map(Arc::new).map_err(|e| e.to_string())
}

fn place(directory: &Path) -> Result<Place, String> {
    Place::directory(&directory.join("checkpoints")).map_err(|e| e.to_string())
}

/// An engine whose checkpoints are due after so many records, and never by time.
fn engine(
    directory: &Path,
    log: &Arc<EmbeddedLog>,
    binds: bool,
    records_max: u64,
    clock: Arc<dyn Clock>,
) -> Result<Engine, String> {
    let checkpoints = Checkpoints {
        place: place(directory)?,
        policy: Policy {
            interval_ms: u64::MAX,
            records_max,
            keep: 2,
        },
        trims_log: true,
    };
    let options = Options {
        workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        installation: installation(),
        me: "bench".to_owned(),
        binds,
        limits: Limits::default(),
        skips: Vec::new(),
        checkpoints: Some(checkpoints),
        until: None,
    };
    let store = Box::new(Standing::open(directory)?);
    let log: Arc<dyn Log> = log.clone();
    Engine::start(log, store, clock, &options).map_err(|e| e.to_string())
}

pub(crate) fn run(settings: Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    if settings.restart {
        return restart(Path::new("."));
    }
    let scratch = Scratch::new()?;
    let orders = settings.orders.unwrap_or(ORDERS);
    let mut figures = build(scratch.path(), orders, progress)?;
    progress("going on from the checkpoint, in a process of its own");
    figures.extend(restarted(scratch.path())?);
    Ok(figures)
}

/// Makes log and checkpoints; what memory it takes.
fn build(directory: &Path, orders: u64, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let (open, cancellable) = (orders / 100, orders / 10);
    let mut shop = Shop::new(3);
    shop.mix.prelude();
    // So that the third checkpoint stands just before the open orders: each is late by an epoch at most.
    let paid = shop.mix.len() as u64 + 3 * (orders - open);
    let records_max = (paid / 3).saturating_sub(3 * ORDERS_AN_EPOCH);
    let mut building = Building::start(directory, shop, records_max)?;
    let mut figures = vec![figure("orders", orders, "orders")];
    building.append(1)?;
    building.settle()?;
    let empty = resident_bytes().unwrap_or(0);
    let mut so_far = 0;
    for share in [1, 5, 10] {
        let until = orders / 10 * share;
        progress(&format!("appending and deciding {until} orders"));
        let closed = until.min(orders - open - cancellable);
        building.orders(closed - so_far, true, DAY_S)?;
        if share == 10 {
            building.now = building.now.plus_seconds(CLOSING_DAYS * DAY_S);
            building.orders(cancellable, true, 0)?;
            building.orders(open, false, 0)?;
        }
        so_far = closed;
        building.settle()?;
        let grown = resident_bytes().unwrap_or(0).saturating_sub(empty);
        let metric = format!("memory after {until} orders");
        figures.push(figure(&metric, grown as u64 / 1_000_000, "MB"));
        figures.push(figure(&format!("{metric}, each"), grown as u64 / until, "bytes"));
    }
    // One is taken beside everything else, and given up if we end.
    let third = |p: &Progress| {
        p.checkpoint
            .is_some_and(|epoch| epoch.0 + CLOSE_EPOCHS > visible(p).0)
    };
    if !third(&building.engine.wait(Duration::from_secs(60), third)) {
        return Err(format!(
            "no checkpoint was taken near the end: {:?}",
            building.engine.progress()
        ));
    }
    Ok(figures)
}

/// Goes on in a process of its own; its figures.
fn restarted(directory: &Path) -> Result<Vec<Figure>, String> {
    let program = std::env::current_exe().map_err(|e| format!("this program can't be found: {e}"))?;
    let told = Command::new(program)
        .args(["bench", "recovery", "--restart", "--json"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("the restart can't be started: {e}"))?;
    if !told.status.success() {
        return Err(format!("the restart ended with {}", told.status));
    }
    let text = String::from_utf8_lossy(&told.stdout);
    let figures: Vec<Figure> = text.lines().filter_map(read_back).collect();
    if figures.is_empty() {
        return Err("the restart tells nothing".to_owned());
    }
    Ok(figures)
}

/// A figure of the other process, with its aim.
fn read_back(line: &str) -> Option<Figure> {
    let json: serde_json::Value = serde_json::from_str(line).ok()?;
    let unit = ["s", "ms", "MB", "bytes", "records", "epochs", "times"];
    let unit = unit.into_iter().find(|unit| json["unit"] == **unit)?;
    let figure = Figure::new(
        "recovery",
        json["metric"].as_str()?,
        json["value"].as_f64()?,
        unit,
    );
    Some(match json["aim"].as_f64() {
        Some(aim) => figure.at_most(aim),
        None => figure,
    })
}

/// The machine's clock, set to go on from a time.
struct Shifted {
    clock: SystemClock,
    shift_ms: i64,
}

impl Clock for Shifted {
    fn now(&self) -> Now {
        let now = self.clock.now();
        Now {
            wall: now.wall.plus_ms(self.shift_ms),
            ..now
        }
    }
}

/// Starts on what lies there, takes orders, takes checkpoints meanwhile.
fn restart(directory: &Path) -> Result<Vec<Figure>, String> {
    forget_peak();
    let start = Instant::now();
    let log = open_log(directory, Fsync::EachGroup)?;
    let clock = SystemClock::new();
    let last = Standing::open(directory)?.frontier().map_err(|e| e.to_string())?;
    let last = last.ok_or("nothing was decided before")?;
    let shift_ms = last.clock.ms() - clock.now().wall.ms() + 1000;
    let clock = Arc::new(Shifted { clock, shift_ms });
    let due = LIVE_EPOCHS * LIVE_ORDERS * 3;
    let engine = engine(directory, &log, true, due, clock)?;
    let read_s = start.elapsed().as_secs_f64();
    let bound = engine.bound();
    let from = engine.progress().checkpoint.ok_or("there is no checkpoint")?;
    // The store stood at the log's end: it is where the job has come there, too.
    let done = engine.wait(PATIENCE, |p| p.decided >= bound && visible(p) >= bound);
    if let State::Failed(why) = done.state {
        return Err(why);
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds());
    let peak = peak_bytes().unwrap_or(0);
    let tail = tail(&log, directory, from)?;
    let mut live = Live::new(&log, &engine);
    let alone = live.epochs(|_| false)?;
    let steady = resident_bytes().unwrap_or(1);
    let mut beside = Vec::new();
    for _ in 0..LIVE_CHECKPOINTS {
        let newest = engine.progress().checkpoint;
        beside.extend(live.epochs(|progress| progress.checkpoint != newest)?);
        live.epochs(|_| false)?;
    }
    if let Some(why) = engine.progress().checkpoint_failed {
        return Err(why);
    }
    drop(engine);
    let metric = "restart to caught up";
    let mut figures = vec![
        Figure::new("recovery", metric, seconds, "s").at_most(3.0),
        Figure::new("recovery", "of that, until the checkpoint was read", read_s, "s"),
        Figure::new("recovery", "processor time until then, all threads", cpu, "s"),
        figure("records after the checkpoint, decided again", tail, "records"),
        figure("memory at work", steady as u64 / 1_000_000, "MB"),
        figure("peak memory of the restart", peak as u64 / 1_000_000, "MB"),
        Figure::new("recovery", "peak to memory at work", ratio(peak, steady), "times").at_most(1.3),
    ];
    figures.extend(quantiles("alone", alone, None));
    figures.extend(quantiles("beside a checkpoint", beside, Some(50.0)));
    figures.extend(sizes(directory)?);
    Ok(figures)
}

/// Records that no checkpoint holds.
fn tail(log: &EmbeddedLog, directory: &Path, from: Epoch) -> Result<u64, String> {
    let found = place(directory)?.list().map_err(|e| e.to_string())?;
    let manifest = found.iter().filter_map(|found| found.whole());
    let manifest = manifest.into_iter().find(|manifest| manifest.id.epoch == from);
    let before: u64 = manifest.map_or(0, |manifest| manifest.binding.ends.iter().flatten().sum());
    let mut all = 0;
    for topic in log.topics().iter().filter(|topic| topic.name != timeline::TOPIC) {
        let ends = log.ends(&topic.name).map_err(|e| e.to_string())?;
        all += ends.iter().sum::<u64>();
    }
    Ok(all - before)
}

/// Orders that come one epoch after another.
struct Live<'a> {
    log: &'a EmbeddedLog,
    engine: &'a Engine,
    shop: Shop,
}

impl Live<'_> {
    fn new<'a>(log: &'a EmbeddedLog, engine: &'a Engine) -> Live<'a> {
        let mut shop = Shop::new(17);
        // Other orders than those of the log.
        shop.placed = 1 << 40;
        Live { log, engine, shop }
    }

    /// Epochs until [`LIVE_EPOCHS`] are done, or `done` says so; what each took from append to visible, in ms.
    fn epochs(&mut self, done: impl Fn(&Progress) -> bool) -> Result<Vec<f64>, String> {
        let mut took = Vec::new();
        while took.len() < usize::try_from(LIVE_EPOCHS).unwrap_or(0) {
            let before = self.engine.progress();
            if done(&before) {
                break;
            }
            self.shop.orders(LIVE_ORDERS, true);
            let mut batch = Batch::new(crate::now_ms());
            let records = self.shop.mix.epochs().flatten();
            records.for_each(|r| batch.push(r.at.topic.name(), 0, r.key, r.value));
            let start = Instant::now();
            self.log.append(&batch).map_err(|e| e.to_string())?;
            let after = self.engine.wait(PATIENCE, |p| visible(p) > before.handed_out);
            if let State::Failed(why) = after.state {
                return Err(why);
            }
            took.push(start.elapsed().as_secs_f64() * 1000.0);
            self.shop.mix.clear();
        }
        Ok(took)
    }
}

fn quantiles(when: &str, mut ms: Vec<f64>, aim: Option<f64>) -> Vec<Figure> {
    ms.sort_by(f64::total_cmp);
    let last = ms.len().saturating_sub(1);
    let at = |percent: usize| ms.get((ms.len() * percent / 100).min(last)).copied();
    let of = |(name, percent)| {
        let metric = format!("{ORDERS_TEXT}, {when}: {name}");
        Figure::new("recovery", metric, at(percent).unwrap_or_default(), "ms")
    };
    let mut figures: Vec<Figure> = [("median", 50), ("p99", 99), ("longest", 100)].map(of).into();
    if let (Some(aim), Some(p99)) = (aim, figures.get_mut(1)) {
        *p99 = p99.clone().at_most(aim);
    }
    figures.push(figure(&format!("epochs {when}"), ms.len() as u64, "epochs"));
    figures
}

const ORDERS_TEXT: &str = "20 orders until visible";

/// What the newest checkpoint holds.
fn sizes(directory: &Path) -> Result<Vec<Figure>, String> {
    let found = place(directory)?.list().map_err(|e| e.to_string())?;
    let newest = found.iter().find_map(|found| found.whole());
    let manifest = newest.ok_or("no checkpoint is whole")?;
    let raw: u64 = manifest.parts.iter().map(|part| part.raw_bytes).sum();
    let mut figures = vec![
        figure("checkpoint", manifest.bytes() / 1_000_000, "MB"),
        figure("checkpoint before compression", raw / 1_000_000, "MB"),
    ];
    for (kind, (count, bytes)) in &manifest.census {
        let metric = format!("{kind}: {count}, each before compression");
        figures.push(Figure::new(
            "recovery",
            metric,
            ratio_u64(*bytes, *count),
            "bytes",
        ));
    }
    Ok(figures)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn figure(metric: &str, value: u64, unit: &'static str) -> Figure {
    Figure::new("recovery", metric, value as f64, unit)
}

fn ratio(a: usize, b: usize) -> f64 {
    ratio_u64(a as u64, b as u64)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn ratio_u64(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}
