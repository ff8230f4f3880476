//! When the next is due.

use std::time::{Duration, Instant};

/// How many a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// As many as are taken.
    Max,
    /// So many, whether they are answered or not.
    PerSecond(f64),
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        if text == "max" {
            return Ok(Rate::Max);
        }
        let rate = text.parse().ok().filter(|rate| (0.01..=1e6).contains(rate));
        let rate = rate.ok_or("expected max, or a number a second from 0.01 to 1000000")?;
        Ok(Rate::PerSecond(rate))
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Rate::Max => f.write_str("max"),
            Rate::PerSecond(rate) => rate.fmt(f),
        }
    }
}

/// Deals out what is to be sent, by number and time.
#[derive(Clone, Debug)]
pub struct Pace {
    rate: Rate,
    /// How many, at most.
    count: u64,
    /// Until when, at most.
    until: Option<Instant>,
    start: Instant,
    dealt: u64,
}

impl Pace {
    /// From now on.
    pub fn new(rate: Rate, count: Option<u64>, seconds: Option<u64>) -> Pace {
        let start = Instant::now();
        Pace {
            rate,
            count: count.unwrap_or(u64::MAX),
            until: seconds.map(|seconds| start + Duration::from_secs(seconds)),
            start,
            dealt: 0,
        }
    }

    /// How many, up to `most`, are sent at once: a twentieth of a second's.
    pub fn batch(&self, most: u64) -> u64 {
        match self.rate {
            Rate::Max => most,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate is from 0.01 to a million"
            )]
            Rate::PerSecond(rate) => (rate as u64 / 20).clamp(1, most),
        }
    }

    /// The next up to `most`: how many, and when the first of them is due. None: it is over.
    pub fn next(&mut self, most: u64) -> Option<(u64, Instant)> {
        let now = Instant::now();
        let due = match self.rate {
            Rate::Max => now,
            #[expect(clippy::cast_precision_loss, reason = "below 2^52")]
            Rate::PerSecond(rate) => self.start + Duration::from_secs_f64(self.dealt as f64 / rate),
        };
        let is_late = self.until.is_some_and(|until| due.max(now) >= until);
        let count = most.min(self.count - self.dealt);
        if count == 0 || is_late {
            return None;
        }
        self.dealt += count;
        Some((count, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_were_asked_for_each_when_it_is_due() {
        let mut pace = Pace::new(Rate::PerSecond(100.0), Some(250), None);
        let (mut dealt, start) = (0, pace.start);
        while let Some((count, due)) = pace.next(7) {
            assert_eq!(due - start, Duration::from_millis(10 * dealt));
            dealt += count;
        }
        assert_eq!(dealt, 250);
        let mut over = Pace::new(Rate::PerSecond(1.0), None, Some(2));
        let start = over.start;
        let dues = std::iter::from_fn(|| over.next(1)).map(|(_, due)| (due - start).as_secs());
        assert_eq!(dues.collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn rates_are_numbers_or_max() {
        assert_eq!("max".parse(), Ok(Rate::Max));
        assert_eq!("0.5".parse(), Ok(Rate::PerSecond(0.5)));
        for text in ["", "0", "-1", "NaN", "inf", "1e9", "fast", "1,000"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
