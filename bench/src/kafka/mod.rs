//! `bench kafka`: a log of orders in Apache Kafka, at brokers that somebody else runs.
//!
//! (a) The log of `bench replay` is written there, its epochs bound. (b) The ceiling: a plain consumer of
//! librdkafka's reads the same topics and does nothing else, in a few ways, of which the best counts. (c) The log
//! is read as the job reads it, and decoded. (d) The whole job decides it, its changes made, sorted, digested and
//! discarded: `checkout` alone, and with all jobs beside it. (e) All jobs into SQLite. (f) Orders at a steady
//! rate, produced by another client while `millrace up` serves: how long until each is shown.
//!
//! Everything is in topics whose names begin with a prefix of this run's own ([`topics`]); they are removed
//! however it ends, unless it is killed.

mod alone;
mod fill;
mod plain;
mod topics;
mod visible;

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::process::cpu_seconds;
use crate::replay::{Made, Replayed, decode, replay};
use crate::scratch::Scratch;
use crate::{Figure, Settings};
use topics::Topics;

const ORDERS: u64 = 300_000;
/// Orders a second, for so long.
const RATE: f64 = 2_000.0;
const LASTS: Duration = Duration::from_secs(20);
/// Of the ceiling, at least.
const OF_CEILING: f64 = 0.45;
/// Records a second, at least.
const WHOLE_JOB: f64 = 600_000.0;

/// That nobody wants it to end.
fn go_on(stop: &AtomicBool) -> Result<(), String> {
    if stop.load(Ordering::Relaxed) {
        return Err("it was asked to end".to_owned());
    }
    Ok(())
}

pub(crate) fn run(settings: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let brokers = settings.brokers.as_deref().ok_or("it needs brokers")?;
    let topics = Topics::new(brokers)?;
    let stop = &settings.stop;
    let mut progress = |doing: &str| {
        progress(doing);
        go_on(stop)
    };
    let mut figures = Vec::new();
    if settings.rate.is_none() {
        figures.extend(log(settings, &topics, &mut progress)?);
    }
    // A few orders want a short test, and not seconds of warming up.
    let (rate, lasts) = (settings.rate.unwrap_or(RATE), LASTS);
    let lasts = settings.orders.map_or(lasts, |orders| {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        lasts.min(Duration::from_secs_f64(orders as f64 / rate))
    });
    progress(&format!("(f) {rate:.0} orders/s until visible"))?;
    figures.extend(visible::measure(&topics, rate, lasts, stop)?);
    Ok(figures)
}

/// What is measured with a log that lies there.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn log(
    settings: &Settings,
    topics: &Topics,
    progress: &mut dyn FnMut(&str) -> Result<(), String>,
) -> Result<Vec<Figure>, String> {
    let orders = settings.orders.unwrap_or(ORDERS);
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    progress("(a) writing the log")?;
    let made = fill::fill(topics, orders, &settings.stop)?;
    let records = made.records as f64;
    let mut figures = vec![
        figure("log records", records, "records"),
        figure("workers", workers as f64, "workers"),
    ];
    let mut ceiling = 0.0_f64;
    for way in plain::WAYS {
        let what = format!("(b) plain consumer, {}", way.what);
        progress(&what)?;
        let read = plain::best(topics, way, &made)?;
        ceiling = ceiling.max(records / read.seconds);
        figures.extend(of(&what, &read, records));
    }
    figures.push(figure("(b) ceiling: the best of these", ceiling, "records/s"));
    progress("(c) reading and decoding")?;
    let read = measured(|| decode(&made).map(drop))?;
    figures.extend(of("(c) read and decoded", &read, records));
    progress("(d) checkout alone")?;
    let alone = measured(|| alone::decide(&made))?;
    figures.extend(job("(d) checkout alone", &alone, records, ceiling));
    progress("(d) all jobs")?;
    let all = replay(&made, None, workers)?;
    figures.extend(job("(d) all jobs", &all, records, ceiling));
    progress("(e) all jobs into SQLite")?;
    figures.extend(into_store(&made, workers, orders)?);
    Ok(figures)
}

/// What something takes.
fn measured(what: impl FnOnce() -> Result<(), String>) -> Result<Replayed, String> {
    let (start, cpu) = (std::time::Instant::now(), cpu_seconds());
    what()?;
    Ok(Replayed {
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds() - cpu,
        rows: 0,
    })
}

fn of(what: &str, took: &Replayed, records: f64) -> Vec<Figure> {
    let cpu = took.cpu_seconds * 1e6 / records;
    vec![
        figure(what, records / took.seconds, "records/s"),
        figure(&format!("{what}: processor time a record"), cpu, "us"),
    ]
}

fn job(what: &str, took: &Replayed, records: f64, ceiling: f64) -> Vec<Figure> {
    let rate = records / took.seconds;
    let mut figures = of(what, took, records);
    figures[0] = figures[0].clone().at_least(WHOLE_JOB);
    let part = figure(&format!("{what}: of the ceiling"), rate / ceiling, "times");
    figures.push(part.at_least(OF_CEILING));
    figures
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn into_store(made: &Made, workers: usize, orders: u64) -> Result<Vec<Figure>, String> {
    let directory = Scratch::new()?;
    let path: &Path = &directory.path().join("views.sqlite");
    let replayed = replay(made, Some(path), workers)?;
    let records = made.records as f64;
    let what = "(e) all jobs into SQLite";
    let mut figures = of(what, &replayed, records);
    figures.push(figure(
        &format!("{what}: orders"),
        orders as f64 / replayed.seconds,
        "orders/s",
    ));
    Ok(figures)
}

fn figure(metric: &str, value: f64, unit: &'static str) -> Figure {
    Figure::new("kafka", metric, value, unit)
}
