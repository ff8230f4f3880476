//! What a load has come to: counts, times of answers, and the table of both.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use bench::thousands;

/// Sub-buckets of each power of two: times are known to three parts in a hundred.
const PARTS: u32 = 32;

/// How long answers took, by logarithmic buckets of microseconds: its size does not grow with their number.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    counts: BTreeMap<u32, u64>,
    total: u64,
}

impl Latencies {
    /// Notes a time.
    pub fn note(&mut self, took: Duration) {
        let us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        *self.counts.entry(bucket(us)).or_default() += 1;
        self.total += 1;
    }

    /// The time, in microseconds, that `percent` of all did not exceed; none if there are none.
    pub fn percentile(&self, percent: u64) -> Option<u32> {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.counts.iter().find_map(|(bucket, count)| {
            seen += count;
            (seen >= rank).then(|| longest(*bucket))
        })
    }
}

/// The bucket of a time of at least 1.
fn bucket(us: u32) -> u32 {
    let power = us.ilog2();
    let shift = power.saturating_sub(PARTS.ilog2());
    shift * PARTS + (us >> shift)
}

/// The longest time in a bucket.
fn longest(bucket: u32) -> u32 {
    let shift = (bucket / PARTS).saturating_sub(1);
    let first = u64::from(bucket - shift * PARTS) << shift;
    u32::try_from(first + (1 << shift) - 1).unwrap_or(u32::MAX)
}

/// How many of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Were sent.
    pub sent: u64,
    /// Were taken.
    pub accepted: u64,
    /// Were not.
    pub refused: u64,
}

/// Everything that is counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<&'static str, Count>,
    reasons: BTreeMap<String, u64>,
    /// Of what the rate counts.
    pub latencies: Latencies,
}

impl Tally {
    /// Notes what was sent of a kind, and how many of it were taken.
    pub fn note(&mut self, kind: &'static str, sent: u64, accepted: u64) {
        let count = self.counts.entry(kind).or_default();
        count.sent += sent;
        count.accepted += accepted;
        count.refused += sent - accepted;
    }

    /// Notes why something was refused.
    pub fn refused_for(&mut self, reason: String) {
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// How many of a kind.
    pub fn count(&self, kind: &str) -> Count {
        self.counts.get(kind).copied().unwrap_or_default()
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "  {:<24} {:>14} {:>14} {:>14}",
            "", "sent", "accepted", "refused"
        );
        for (kind, count) in &self.counts {
            let [sent, accepted, refused] =
                [count.sent, count.accepted, count.refused].map(|n| thousands(&n.to_string()));
            let _ = writeln!(out, "  {kind:<24} {sent:>14} {accepted:>14} {refused:>14}");
        }
        for (reason, count) in &self.reasons {
            line(
                &mut out,
                &format!("refused: {reason}"),
                &thousands(&count.to_string()),
            );
        }
        out
    }

    /// The times of answers, if anything was answered.
    pub fn times(&self) -> Option<String> {
        let [p50, p99] = [50, 99].map(|percent| self.latencies.percentile(percent));
        let ms = |us: u32| format!("{:.1} ms", f64::from(us) / 1000.0);
        Some(format!("p50 {}, p99 {}", ms(p50?), ms(p99?)))
    }
}

/// A line with a figure.
pub fn line(out: &mut String, what: &str, figure: &str) {
    let _ = writeln!(out, "  {what:<24} {figure:>14}");
}

/// So many in a time, as a rate that people read.
pub fn rate(count: u64, took: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a rate to be read by people")]
    let rate = count as f64 / took.as_secs_f64().max(1e-9);
    if rate < 100.0 {
        format!("{rate:.1}")
    } else {
        thousands(&format!("{rate:.0}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The oracle is the sorted list.
    #[test]
    fn percentiles_are_right_to_three_in_a_hundred() {
        let mut random = bench::draw::Random(5);
        let mut times: Vec<u32> = (0..5_000)
            .map(|_| {
                let most = 1 << (1 + random.below(25));
                u32::try_from(1 + random.below(most)).expect("small")
            })
            .collect();
        let mut latencies = Latencies::default();
        for us in &times {
            latencies.note(Duration::from_micros(u64::from(*us)));
        }
        times.sort_unstable();
        for (percent, rank) in [(50, 2_500), (99, 4_950), (100, 5_000)] {
            let (found, right) = (latencies.percentile(percent).expect("some"), times[rank - 1]);
            assert!(
                found >= right && found - right <= right / 31,
                "{percent}: {found}, {right}"
            );
        }
        assert_eq!(Latencies::default().percentile(50), None);
    }

    #[test]
    fn no_time_is_too_short_or_too_long() {
        let mut latencies = Latencies::default();
        latencies.note(Duration::ZERO);
        assert_eq!(latencies.percentile(99), Some(1));
        latencies.note(Duration::MAX);
        assert_eq!(latencies.percentile(99), Some(u32::MAX));
    }
}
