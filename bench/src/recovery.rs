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

mod restart;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use contract::delta::Delta;
use contract::installation::Installation;
use contract::views::View;
use runtime::checkpoint::{Place, Policy};
use runtime::clock::{Clock, SystemClock};
use runtime::{Checkpoints, Engine, Options, Progress};
use sinks::sqlite::{self, SqliteViews};
use sinks::{Commit, Frontier, Hold, Sink, SinkError};
use streams::embedded::Fsync;
use streams::timeline::Limits;
use streams::{EmbeddedLog, Log};

use crate::following::{Following, visible};
use crate::mix::{Mix, PRODUCTS, Random, Zipf, order_id};
use crate::process::resident_bytes;
use crate::replay::config;
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

/// Appends orders; `step_s` seconds pass with each epoch.
fn orders(to: &mut Following, shop: &mut Shop, orders: u64, paid: bool, step_s: i64) -> Result<(), String> {
    let mut left = orders;
    while left > 0 {
        let some = left.min(ORDERS_AN_EPOCH);
        shop.orders(some, paid);
        to.add(&mut shop.mix, step_s)?;
        left -= some;
    }
    Ok(())
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
        patience_ms: 0,
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

pub(crate) fn run(settings: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    if settings.restart {
        return restart::restart(Path::new("."));
    }
    let scratch = Scratch::new()?;
    let orders = settings.orders.unwrap_or(ORDERS);
    let mut figures = build(scratch.path(), orders, progress)?;
    progress("going on from the checkpoint, in a process of its own");
    figures.extend(restarted(scratch.path())?);
    Ok(figures)
}

/// Makes log and checkpoints; what memory it takes.
fn build(directory: &Path, all: u64, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let (open, cancellable) = (all / 100, all / 10);
    let mut shop = Shop::new(3);
    shop.mix.prelude();
    // So that the third checkpoint stands just before the open orders: each is late by an epoch at most.
    let paid = shop.mix.len() as u64 + 3 * (all - open);
    let records_max = (paid / 3).saturating_sub(3 * ORDERS_AN_EPOCH);
    let log = open_log(directory, Fsync::Never)?;
    let engine = engine(directory, &log, false, records_max, Arc::new(SystemClock::new()))?;
    let mut building = Following::new(log, engine);
    let mut figures = vec![figure("orders", all, "orders")];
    building.add(&mut shop.mix, 1)?;
    building.settle()?;
    let empty = resident_bytes().unwrap_or(0);
    let mut so_far = 0;
    for share in [1, 5, 10] {
        let until = all / 10 * share;
        progress(&format!("appending and deciding {until} orders"));
        let closed = until.min(all - open - cancellable);
        orders(&mut building, &mut shop, closed - so_far, true, DAY_S)?;
        if share == 10 {
            building.wait_s(CLOSING_DAYS * DAY_S);
            orders(&mut building, &mut shop, cancellable, true, 0)?;
            orders(&mut building, &mut shop, open, false, 0)?;
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
            .is_some_and(|held| held.id.epoch.0 + CLOSE_EPOCHS > visible(p).0)
    };
    let last = building.wait(Duration::from_secs(60), third)?;
    if !third(&last) {
        return Err(format!("no checkpoint was taken near the end: {last:?}"));
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
