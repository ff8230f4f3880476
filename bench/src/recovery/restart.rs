//! A restart from what lies there, and orders while checkpoints are taken.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use contract::log::Epoch;
use runtime::clock::{Clock, Now, SystemClock};
use runtime::{Engine, Progress, State};
use sinks::Sink as _;
use streams::embedded::Fsync;
use streams::{Batch, EmbeddedLog, Log as _, timeline};

use super::{Shop, Standing, engine, figure, open_log, place, ratio, ratio_u64};
use crate::Figure;
use crate::following::{PATIENCE, visible};
use crate::process::{cpu_seconds, forget_peak, peak_bytes, resident_bytes};

/// Orders of an epoch while it is at work, and how many such epochs before and between checkpoints.
const LIVE_ORDERS: u64 = 20;
const LIVE_EPOCHS: u64 = 1500;
/// Checkpoints that are taken while it is at work.
const LIVE_CHECKPOINTS: usize = 3;

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
pub(super) fn restart(directory: &Path) -> Result<Vec<Figure>, String> {
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
