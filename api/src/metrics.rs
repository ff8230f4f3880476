//! What is measured: counters and histograms, and their rendering in the text format of Prometheus.
//!
//! Names start with `millrace_`; `docs/metrics.md` tells what each means. All labels have few values: paths
//! are route patterns, never what a client wrote.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper bounds of a histogram's buckets, in microseconds.
const BOUNDS_US: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// How long things took.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Per bucket, the last for what is above all bounds.
    counts: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// How many things took how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// Per upper bound, in microseconds and ascending, how many took longer than the bound before and not
    /// longer than this; `u64::MAX` is none.
    pub counts: Vec<(u64, u64)>,
    /// Of all together, in microseconds.
    pub sum_us: u64,
}

impl Histogram {
    /// What was noted so far.
    #[must_use]
    pub fn latencies(&self) -> Latencies {
        let bounds = BOUNDS_US.into_iter().chain([u64::MAX]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        Latencies {
            counts: bounds.zip(counts).collect(),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }

    /// Notes one.
    pub fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }
}

/// Answered requests: by route, then by method and status.
type Requests = BTreeMap<String, BTreeMap<(&'static str, u16), u64>>;

/// What the server itself counts.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Mutex<Requests>,
    latency: Histogram,
    /// Of commands whose clients wait.
    pub(crate) visible: Histogram,
    /// Followers of changes that were dropped because they took nothing.
    pub(crate) followers_dropped: AtomicU64,
}

impl Metrics {
    /// Notes an answered request.
    pub(crate) fn request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        {
            let mut requests = self.lock();
            if !requests.contains_key(route) {
                requests.insert(route.to_owned(), BTreeMap::new());
            }
            let of_route = requests.get_mut(route).expect("it was just put there");
            *of_route.entry((method, status)).or_default() += 1;
        }
        self.latency.observe(took);
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        // Counters are always whole.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renders what the server counts.
    pub(crate) fn render(&self, page: &mut Page) {
        let dropped = self.followers_dropped.load(Ordering::Relaxed);
        page.family(
            "followers_dropped_total",
            "counter",
            "Followers dropped for taking nothing.",
        );
        page.sample("followers_dropped_total", &[], dropped);
        page.family("http_requests_total", "counter", "Requests answered.");
        for (path, counts) in self.lock().iter() {
            for ((method, status), count) in counts {
                let status = status.to_string();
                let labels = [("method", *method), ("path", path), ("status", &status)];
                page.sample("http_requests_total", &labels, *count);
            }
        }
        page.histogram(
            "http_request_seconds",
            "Time from a request's head to its answer's.",
            &self.latency.latencies(),
        );
        page.histogram(
            "command_visible_seconds",
            "Time from a command's arrival until its waiting client could see it.",
            &self.visible.latencies(),
        );
    }
}

/// A page of metrics.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a family of samples; its name is given without `millrace_`.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(
            self.0,
            "# HELP millrace_{name} {help}\n# TYPE millrace_{name} {kind}"
        );
    }

    /// A sample of the family that was begun last.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let _ = write!(self.0, "millrace_{name}");
        for (index, (label, text)) in labels.iter().enumerate() {
            let text = text
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A gauge without labels.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    /// A histogram of seconds.
    pub fn histogram(&mut self, name: &str, help: &str, latencies: &Latencies) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        let mut below = 0;
        for (bound, count) in &latencies.counts {
            below += count;
            if *bound < u64::MAX {
                self.sample(&bucket, &[("le", &seconds(*bound))], below);
            }
        }
        self.sample(&bucket, &[("le", "+Inf")], below);
        self.sample(&format!("{name}_sum"), &[], seconds(latencies.sum_us));
        self.sample(&format!("{name}_count"), &[], below);
    }

    /// The text.
    #[must_use]
    pub fn text(self) -> String {
        self.0
    }
}

/// Microseconds as seconds.
fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}
