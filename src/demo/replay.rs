//! The month goes into the log, all at once or as fast as is asked for, and is decided as it comes.

use std::time::{Duration, Instant};

use contract::log::{Binding, Epoch, History, Topic};
use contract::time::Time;
use importers::online_retail::Import;
use indicatif::ProgressBar;
use runtime::{Progress, State};
use streams::{EmbeddedLog, Log as _, history, timeline};

use crate::Failure;
use crate::data::now_ms;
use crate::progress::bar;
use crate::signals::Signals;
use crate::up::Running;

/// How often epochs are appended, and progress is shown.
const STEP: Duration = Duration::from_millis(50);

/// How fast the data's time goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as it is decided.
    Max,
    /// So many times faster than it was.
    Times(f64),
    /// All of it in that time.
    In(Duration),
}

impl std::str::FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Speed, String> {
        let number = |end: char, from: f64, to: f64| {
            let number: f64 = text.strip_suffix(end)?.parse().ok()?;
            (from..=to).contains(&number).then_some(number)
        };
        if text == "max" {
            Ok(Speed::Max)
        } else if let Some(times) = number('x', 1.0, 1e9) {
            Ok(Speed::Times(times))
        } else if let Some(seconds) = number('s', 0.1, 1e6) {
            Ok(Speed::In(Duration::from_secs_f64(seconds)))
        } else {
            Err("expected max, how many times faster it goes (3600x), or how long it takes (60s)".to_owned())
        }
    }
}

impl Speed {
    /// Milliseconds of the data's time in a millisecond, where the data takes `span_ms`; none: all at once.
    #[expect(
        clippy::cast_precision_loss,
        reason = "decades in milliseconds are below 2^52"
    )]
    fn factor(self, span_ms: i64) -> Option<f64> {
        match self {
            Speed::Max => None,
            Speed::Times(times) => Some(times),
            Speed::In(time) => Some(span_ms as f64 / (time.as_secs_f64() * 1000.0)),
        }
    }
}

/// A replay under way.
pub struct Replay<'a> {
    history: &'a History,
    /// Epochs that are in the log.
    done: usize,
    factor: Option<f64>,
}

impl<'a> Replay<'a> {
    /// Goes on where the log ends. With [`Speed::Max`] everything is appended here and now.
    pub fn begin(log: &EmbeddedLog, import: &'a Import, speed: Speed) -> Result<Replay<'a>, Failure> {
        let ends = log
            .ends(timeline::TOPIC)
            .map_err(|error| Failure::Undone(error.to_string()))?;
        let bound = ends.first().copied().unwrap_or(0);
        let epochs = import.log.timeline();
        let done = usize::try_from(bound).unwrap_or(usize::MAX).min(epochs.len());
        let clock = |at: usize| epochs.get(at).map_or(0, |binding| binding.clock.ms());
        let span_ms = clock(epochs.len().saturating_sub(1)) - clock(0);
        let mut replay = Replay {
            history: &import.log,
            done,
            factor: speed.factor(span_ms),
        };
        if replay.factor.is_none() {
            replay.append(log, epochs.len())?;
        }
        Ok(replay)
    }

    /// Appends what is left, each epoch when its time has come, until the views hold all of it; whether that
    /// was not interrupted.
    pub fn run(mut self, up: &Running, signals: &Signals) -> Result<bool, Failure> {
        let epochs = self.history.timeline();
        let last = Epoch(epochs.len() as u64);
        let (bar, start) = (bar("deciding", last.0), Instant::now());
        let first_ms = epochs.get(self.done).map_or(0, |binding| binding.clock.ms());
        loop {
            if let Some(factor) = self.factor {
                let now_ms = first_ms.saturating_add(passed(start, factor));
                let due = |binding: &Binding| binding.clock.ms() <= now_ms;
                let until = epochs.partition_point(due);
                self.append(up.log(), until)?;
            }
            let progress = up.wait(STEP, |progress| visible(progress) >= last.0);
            show(&bar, &progress);
            if visible(&progress) >= last.0 {
                bar.finish_and_clear();
                return Ok(true);
            }
            if let State::Failed(why) = progress.state {
                return Err(Failure::Undone(why));
            }
            if signals.stop() {
                bar.finish_and_clear();
                return Ok(false);
            }
        }
    }

    /// Appends the epochs below `until`.
    fn append(&mut self, log: &EmbeddedLog, until: usize) -> Result<(), Failure> {
        if until <= self.done {
            return Ok(());
        }
        let part = part(self.history, self.done, until);
        let appended = history::append(log, &part, now_ms(), |_, _| ());
        appended.map_err(|error| Failure::Undone(format!("{error}; millrace demo --fresh starts anew")))?;
        self.done = until;
        Ok(())
    }
}

/// Milliseconds of the data's time since `start`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float that is too large becomes the largest number"
)]
fn passed(start: Instant, factor: f64) -> i64 {
    (start.elapsed().as_secs_f64() * 1000.0 * factor) as i64
}

/// Some epochs of a history, as a history.
fn part(whole: &History, from: usize, until: usize) -> History {
    let mut part = History::new();
    for index in from..until {
        for record in whole.records(index) {
            part.append(record.at.topic, record.at.partition, record.key, record.value);
        }
        part.bind(whole.timeline()[index].clock);
    }
    part
}

fn visible(progress: &Progress) -> u64 {
    progress.visible.map_or(0, |(epoch, _)| epoch.0)
}

fn show(bar: &ProgressBar, progress: &Progress) {
    if let Some((epoch, clock)) = progress.visible {
        bar.set_prefix(day(clock));
        bar.set_position(epoch.0);
    }
}

fn day(clock: Time) -> String {
    clock.to_string().chars().take(10).collect()
}

/// The values of a topic's records, in their order.
pub fn values(history: &History, topic: Topic) -> impl Iterator<Item = serde_json::Value> {
    let epochs = 0..history.timeline().len();
    let records = epochs.flat_map(|index| history.records(index));
    records
        .filter(move |record| record.at.topic == topic)
        .filter_map(|record| serde_json::from_slice(record.value?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_said_in_three_ways() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("3600x".parse(), Ok(Speed::Times(3600.0)));
        assert_eq!("1.5s".parse(), Ok(Speed::In(Duration::from_millis(1500))));
        for text in ["", "fast", "3600", "0x", "-1s", "NaNx", "infs", "x"] {
            let refused = text.parse::<Speed>().expect_err(text);
            assert!(refused.contains("3600x"), "{refused}");
        }
    }

    /// Parts, one after another, are the whole.
    #[test]
    fn a_history_in_parts_is_the_same() {
        let mut whole = History::new();
        let mut clock = Time::default();
        for epoch in 0..9_u8 {
            for record in 0..epoch % 4 {
                let topic = if record == 1 { Topic::Stock } else { Topic::Orders };
                whole.append(topic, 0, Some(&[epoch]), Some(&[epoch, record]));
            }
            clock = clock.plus_seconds(60);
            whole.bind(clock);
        }
        let records = |history: &History, index| {
            let records = history.records(index);
            let records = records.map(|r| (r.at.topic, r.value.map(<[u8]>::to_vec)));
            records.collect::<Vec<_>>()
        };
        for cut in 0..=9 {
            let parts = [part(&whole, 0, cut), part(&whole, cut, 9)];
            let epochs = parts.iter().flat_map(|part| {
                (0..part.timeline().len()).map(|at| (part.timeline()[at].clock, records(part, at)))
            });
            let all = (0..9).map(|at| (whole.timeline()[at].clock, records(&whole, at)));
            assert!(epochs.eq(all), "cut at {cut}");
        }
    }
}
