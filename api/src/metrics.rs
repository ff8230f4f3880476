//! What is measured: counters and histograms, and their rendering in the text format of Prometheus.
//!
//! Names start with `millrace_`; `docs/metrics.md` tells what each means. All labels have few values: paths
//! are route patterns, never what a client wrote.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
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

impl Histogram {
    /// Notes one.
    pub fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }
}

/// What the server itself counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// By method, route and status.
    requests: Mutex<BTreeMap<(String, String, u16), u64>>,
    latency: Histogram,
    /// Followers of changes that were dropped because they took nothing.
    pub(crate) followers_dropped: AtomicU64,
}

impl Metrics {
    /// Notes an answered request.
    pub(crate) fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let key = (method.to_owned(), route.to_owned(), status);
        *self.lock().entry(key).or_default() += 1;
        self.latency.observe(took);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String, u16), u64>> {
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
        for ((method, path, status), count) in self.lock().iter() {
            let status = status.to_string();
            let labels = [("method", method.as_str()), ("path", path), ("status", &status)];
            page.sample("http_requests_total", &labels, *count);
        }
        page.histogram(
            "http_request_seconds",
            "Time from a request's head to its answer's.",
            &self.latency,
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
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let mut below = 0;
        for (bound, count) in BOUNDS_US.iter().zip(&histogram.counts) {
            below += count.load(Ordering::Relaxed);
            let le = seconds(*bound);
            self.sample(&format!("{name}_bucket"), &[("le", &le)], below);
        }
        below += histogram.counts[BOUNDS_US.len()].load(Ordering::Relaxed);
        self.sample(&format!("{name}_bucket"), &[("le", "+Inf")], below);
        let sum = seconds(histogram.sum_us.load(Ordering::Relaxed));
        self.sample(&format!("{name}_sum"), &[], sum);
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
