//! `bench snapshot`: the job's state taken, encoded by another thread while deciding goes on, decoded and
//! restored by two.
//!
//! Of the orders (a million, or as many as asked) 1 in 10 is inside its cancel window and 1 in 100 open, the
//! rest are closed records. What it costs the decider is measured on epochs of a thousand orders, placed and
//! paid: without a snapshot, and while one is being encoded; in processor time of the decider, which copies
//! what it changes beside a snapshot. All else in wall time, as two threads are at work.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use operators::index::Job;
use pipelines::checkout::Checkout;
use pipelines::checkout::snapshot::{Snapshot, decode};

use crate::memory::Shop;
use crate::{Figure, Settings};

const ORDERS: u64 = 1_000_000;
const THREADS: usize = 2;
/// Orders placed while the decider is measured without a snapshot.
const BESIDE: u64 = 200_000;

/// Encoded parts by name.
type Parts = Vec<(String, Vec<u8>)>;

fn encode(snapshot: &Snapshot) -> Parts {
    let parts = snapshot.parts().into_iter().map(|part| {
        let mut bytes = Vec::new();
        snapshot.encode(&part, &mut bytes);
        (part.to_string(), bytes)
    });
    parts.collect()
}

/// Runs jobs on [`THREADS`] threads.
fn together(jobs: Vec<Job<'_>>) {
    let jobs = Mutex::new(jobs);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let job = jobs.lock().ok().and_then(|mut jobs| jobs.pop());
                    let Some(job) = job else { break };
                    job();
                }
            });
        }
    });
}

/// Decodes and restores; seconds for each, and the job.
fn restore(parts: &Parts) -> Result<(f64, f64, Checkout), String> {
    let start = Instant::now();
    let mut decoded: Vec<_> = parts.iter().map(|_| None).collect();
    let jobs = decoded.iter_mut().zip(parts).map(|(decoded, (name, bytes))| {
        let work = move || *decoded = Some(decode(name, bytes));
        Box::new(work) as Job<'_>
    });
    together(jobs.collect());
    let decoding = start.elapsed().as_secs_f64();
    let parts = decoded.into_iter().flatten().collect::<Result<_, _>>();
    let job = parts.and_then(|parts| Checkout::restore(parts, &together));
    let job = job.map_err(|damaged| damaged.to_string())?;
    Ok((decoding, start.elapsed().as_secs_f64() - decoding, job))
}

/// The epochs' median, 99th percentile and maximum of those from `since` on.
fn epochs(figures: &mut Vec<Figure>, what: &str, shop: &Shop, since: usize) {
    let mut ms = shop.epochs_ms[since..].to_vec();
    ms.sort_by(f64::total_cmp);
    let at = |percent: usize| ms.get((ms.len() * percent / 100).min(ms.len() - 1)).copied();
    for (name, percent) in [("median", 50), ("p99", 99), ("longest", 100)] {
        let value = at(percent).unwrap_or_default();
        figures.push(Figure::new(
            "snapshot",
            format!("epoch {what}, {name}"),
            value,
            "ms",
        ));
    }
}

fn built(orders: u64) -> Shop {
    let mut shop = Shop::new();
    let (open, cancellable) = (orders / 100, orders / 10);
    shop.orders(orders - open - cancellable, true, 86_400);
    shop.wait(15 * 86_400);
    shop.orders(cancellable, true, 0);
    shop.orders(open, false, 0);
    shop
}

#[expect(clippy::cast_precision_loss, reason = "bytes are far below 2^52")]
pub(crate) fn run(settings: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let mut figures = Vec::new();
    let orders = settings.orders.unwrap_or(ORDERS);
    progress("taking orders");
    let mut shop = built(orders);
    epochs(&mut figures, "of the first orders", &shop, 0);
    let since = shop.epochs_ms.len();
    shop.orders(BESIDE, true, 0);
    epochs(&mut figures, "without a snapshot", &shop, since);
    let figure = |metric: &str, value, unit| Figure::new("snapshot", metric, value, unit);
    progress("encoding beside the decider");
    let start = Instant::now();
    let snapshot = shop.job.snapshot();
    let took = start.elapsed().as_secs_f64() * 1000.0;
    figures.push(figure("taken", took, "ms").at_most(10.0));
    let (since, done) = (shop.epochs_ms.len(), AtomicBool::new(false));
    let (parts, seconds) = std::thread::scope(|scope| {
        let encoding = scope.spawn(|| {
            let start = Instant::now();
            let parts = encode(&snapshot);
            done.store(true, Ordering::Release);
            (parts, start.elapsed().as_secs_f64())
        });
        while !done.load(Ordering::Acquire) {
            shop.orders(1000, true, 0);
        }
        encoding.join().map_err(|_| "encoding failed".to_owned())
    })?;
    epochs(&mut figures, "while a snapshot is encoded", &shop, since);
    let start = Instant::now();
    let again = shop.job.snapshot();
    figures.push(figure("taken again", start.elapsed().as_secs_f64() * 1000.0, "ms").at_most(10.0));
    drop(again);
    let bytes: usize = parts.iter().map(|(_, bytes)| bytes.len()).sum();
    let census = snapshot.census();
    for (kind, of) in [
        ("open", census.open),
        ("cancellable", census.cancellable),
        ("closed", census.closed),
    ] {
        let each = of.bytes as f64 / of.orders.max(1) as f64;
        figures.push(figure(
            &format!("{kind}: {} orders", of.orders),
            each,
            "bytes each",
        ));
    }
    drop((snapshot, shop));
    progress("restoring");
    let (decoding, restoring, job) = restore(&parts)?;
    let memory = job.size_bytes() as f64;
    figures.extend([
        figure("encoded", bytes as f64 / 1e6, "MB"),
        figure("encoded beside the decider", bytes as f64 / 1e6 / seconds, "MB/s"),
        figure("decoded on 2 threads", decoding, "s"),
        figure("restored on 2 threads", restoring, "s"),
        figure("both", decoding + restoring, "s").at_most(2.0),
        figure("restored orders take", memory / job.orders() as f64, "bytes each"),
    ]);
    Ok(figures)
}
