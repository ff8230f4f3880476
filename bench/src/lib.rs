//! `millrace bench NAME`: how fast and how big, measured on the machine at hand.
//!
//! A bench yields [`Figure`]s. Machines are noisy, so what is compared is measured in turns within one run,
//! and ratios are what counts. Aims are stated beside what was measured; nothing here fails for being slow.

mod client;
mod decide;
mod epoch;
mod flash_sale;
mod following;
mod history;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(not(feature = "kafka"))]
#[path = "no_kafka.rs"]
mod kafka;
mod latency;
mod ledger;
mod memory;
mod mix;
mod process;
mod read;
mod recovery;
mod replay;
mod scratch;
mod server;
mod snapshot;
mod views;

/// Chances drawn from a seed, for all simulated customers.
pub mod draw {
    pub use crate::mix::{Random, Zipf, order_id, price};
}

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One measured figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The bench.
    pub bench: &'static str,
    /// What was measured.
    pub metric: String,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it should be at least (or at most).
    pub aim: Option<Aim>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// At least so much.
    AtLeast(f64),
    /// At most so much.
    AtMost(f64),
    /// Just that.
    Exactly(f64),
}

impl Figure {
    fn new(bench: &'static str, metric: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Figure {
            bench,
            metric: metric.into(),
            value,
            unit,
            aim: None,
        }
    }

    fn at_least(mut self, aim: f64) -> Self {
        self.aim = Some(Aim::AtLeast(aim));
        self
    }

    fn exactly(mut self, aim: f64) -> Self {
        self.aim = Some(Aim::Exactly(aim));
        self
    }

    fn at_most(mut self, aim: f64) -> Self {
        self.aim = Some(Aim::AtMost(aim));
        self
    }

    /// Whether the aim holds; none without an aim.
    #[must_use]
    pub fn holds(&self) -> Option<bool> {
        self.aim.map(|aim| match aim {
            Aim::AtLeast(aim) => self.value >= aim,
            Aim::AtMost(aim) => self.value <= aim,
            // Counts: they are whole.
            Aim::Exactly(aim) => (self.value - aim).abs() < 0.5,
        })
    }

    /// The figure as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let aim = match self.aim {
            Some(Aim::AtLeast(aim) | Aim::AtMost(aim) | Aim::Exactly(aim)) => aim.to_string(),
            None => "null".to_owned(),
        };
        let holds = self.holds().map_or("null".to_owned(), |holds| holds.to_string());
        format!(
            "{{\"bench\":\"{}\",\"metric\":\"{}\",\"value\":{},\"unit\":\"{}\",\"aim\":{aim},\"holds\":{holds}}}",
            self.bench, self.metric, self.value, self.unit
        )
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<52} {:>16} {:<12}",
            self.metric,
            grouped(self.value),
            self.unit
        )?;
        let Some(aim) = self.aim else { return Ok(()) };
        let (word, aim) = match aim {
            Aim::AtLeast(aim) => ("at least", aim),
            Aim::AtMost(aim) => ("at most", aim),
            Aim::Exactly(aim) => ("exactly", aim),
        };
        let verdict = if self.holds() == Some(true) {
            "holds"
        } else {
            "MISSED"
        };
        write!(f, " aim: {word} {} - {verdict}", grouped(aim))
    }
}

/// A number as people read it: thousands apart, small ones with two decimals.
fn grouped(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    thousands(&format!("{value:.0}"))
}

/// Digits as people read them: thousands apart.
#[must_use]
pub fn thousands(digits: &str) -> String {
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What can be set for a bench.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How many orders, where a bench has orders to do.
    pub orders: Option<u64>,
    /// Requests a second, where a bench keeps up a rate.
    pub rate: Option<f64>,
    /// Brokers of Kafka's (`HOST:PORT`, several with commas between), for a bench that measures with them.
    pub brokers: Option<String>,
    /// Serve a bare route that answers with so many bytes, for a bench that compares with it.
    pub bare: Option<usize>,
    /// Restart from what lies in the working directory, for a bench that measures it.
    pub restart: bool,
    /// True once somebody wants it to end, for a bench that would leave something behind.
    pub stop: Arc<AtomicBool>,
}

/// How a bench is run: it says what it is about to do, and yields its figures.
type Run = fn(&Settings, &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String>;

/// A bench by name.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    run: Run,
}

/// All benches.
pub const BENCHES: &[Bench] = &[
    Bench {
        name: "decide",
        about: "records a second: decoding alone, and decoded and decided",
        run: decide::run,
    },
    Bench {
        name: "epoch",
        about: "milliseconds an epoch takes from append to visible",
        run: epoch::run,
    },
    Bench {
        name: "flash-sale",
        about: "a million claims for 100 coupons, over HTTP and from the log",
        run: flash_sale::run,
    },
    Bench {
        name: "history",
        about: "what the same changes cost after a short and a hundred times longer history",
        run: history::run,
    },
    Bench {
        name: "kafka",
        about: "a log of orders in Apache Kafka beside its plain consumer, and orders from there until visible",
        run: kafka::run,
    },
    Bench {
        name: "latency",
        about: "orders over HTTP at a steady rate, until durable and until visible",
        run: latency::run,
    },
    Bench {
        name: "ledger",
        about: "legs held and posted a second",
        run: ledger::run,
    },
    Bench {
        name: "memory",
        about: "bytes an open, cancellable and closed order takes",
        run: memory::run,
    },
    Bench {
        name: "read",
        about: "point reads over HTTP beside a bare axum route",
        run: read::run,
    },
    Bench {
        name: "recovery",
        about: "a restart from a checkpoint of ten million orders, and orders while checkpoints are taken",
        run: recovery::run,
    },
    Bench {
        name: "replay",
        about: "a log of orders, from the embedded log to the view store",
        run: replay::run,
    },
    Bench {
        name: "snapshot",
        about: "the job's state taken, written and read back, and what that costs who decides",
        run: snapshot::run,
    },
    Bench {
        name: "views",
        about: "records a second of reviews and dashboards, beside decoding only",
        run: views::run,
    },
];

impl Bench {
    /// Runs it; `progress` hears what it is about to do.
    ///
    /// # Errors
    /// If it could not be done: says why.
    pub fn run(&self, settings: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
        (self.run)(settings, progress)
    }
}

/// A clock of the processor time of this thread where the system tells it, so that what else runs on the
/// machine counts less; else of real time.
#[derive(Clone, Copy, Debug)]
struct Stopwatch {
    cpu_ns: Option<u64>,
    real: Instant,
}

fn cpu_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

impl Stopwatch {
    fn start() -> Self {
        Stopwatch {
            cpu_ns: cpu_ns(),
            real: Instant::now(),
        }
    }

    /// Seconds since the start.
    fn seconds(&self) -> f64 {
        match (self.cpu_ns, cpu_ns()) {
            (Some(start), Some(now)) => Duration::from_nanos(now - start).as_secs_f64(),
            _ => self.real.elapsed().as_secs_f64(),
        }
    }
}

/// The wall clock, in milliseconds since 1970.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The median of some measurements.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
