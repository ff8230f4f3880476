//! Backlog: records that gathered while nobody bound them, because we were away, stood still, or because
//! they are many. They are bound in slices of append time, each with its own time as clock, until none is
//! left (design, section 3): an order whose payment came in time does not expire because we were late.
//!
//! Where nothing was appended for more than a second, an epoch without records moves the clock to just before
//! the next record, as heartbeats would have: what was due by then is due before that record.
//!
//! Records that have waited for less than a second are not backlog: they are bound as they are, with the
//! clock as it reads.

use contract::log::{Binding, Topic};
use contract::time::Time;
use streams::timeline::{self, Pending};
use streams::{Log, LogError, NextOffsets};

/// Records in an epoch that we bind, at most.
pub const RECORDS_MAX: u64 = 16_384;
/// Bytes of one partition in such an epoch; a record that is larger is bound alone.
const BYTES_MAX: usize = 32 << 20;
/// What waits longer than this is backlog. So is what came while nobody looked for longer than this.
const LIVE_MS_MAX: u64 = 1000;
/// Append time that a slice covers, at most.
const SPAN_MS_MAX: i64 = 1000;

/// Whether there is backlog.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    behind: bool,
    /// When we last looked, in monotonic time.
    looked_ms: Option<u64>,
    /// Since when there are records that are not bound.
    waiting_since_ms: Option<u64>,
}

impl Backlog {
    /// What is there when we come is backlog.
    pub fn new() -> Backlog {
        Backlog {
            behind: true,
            looked_ms: None,
            waiting_since_ms: None,
        }
    }

    /// Notes that `pending` records are not bound.
    pub fn looked(&mut self, monotonic_ms: u64, pending: u64) {
        let late = |since_ms: Option<u64>| {
            since_ms.is_some_and(|since_ms| monotonic_ms.saturating_sub(since_ms) > LIVE_MS_MAX)
        };
        if pending == 0 {
            self.behind = false;
            self.waiting_since_ms = None;
        } else {
            self.behind |= late(self.looked_ms) || late(self.waiting_since_ms) || pending > RECORDS_MAX;
            self.waiting_since_ms = self.waiting_since_ms.or(Some(monotonic_ms));
        }
        self.looked_ms = Some(monotonic_ms);
    }

    /// Notes that an epoch was bound.
    pub fn bound(&mut self) {
        self.waiting_since_ms = None;
    }

    /// Whether what is there is to be bound in slices.
    pub fn is_behind(self) -> bool {
        self.behind
    }
}

/// How many records lie beyond what is bound, of one topic.
pub fn beyond(bound: &[u64], ends: &[u64]) -> u64 {
    let bound = bound.iter().copied().chain(std::iter::repeat(0));
    ends.iter()
        .zip(bound)
        .map(|(end, bound)| end.saturating_sub(bound))
        .sum()
}

/// The ends that bind everything.
pub fn all(next: &NextOffsets<'_>) -> [Vec<u64>; 9] {
    Topic::ALL.map(|topic| next.ends(topic.name()).map(<[u64]>::to_vec).unwrap_or_default())
}

/// Per topic the next offset of each partition, and the clock.
type Slice = ([Vec<u64>; 9], Time);

/// The next slice: its ends and clock; `None` if there is no record. Its clock is at most `clock`, which is
/// what the minter allows, and does not go back.
pub fn slice(log: &dyn Log, last: Option<&Binding>, clock: Time) -> Result<Option<Slice>, LogError> {
    let mut ends = last.map_or_else(timeline::no_ends, |last| last.ends.clone());
    let mut pending = Vec::new();
    for topic in Topic::ALL {
        let until = log.ends(topic.name())?;
        let bound = &mut ends[topic as usize];
        bound.resize(until.len().max(bound.len()), 0);
        for (partition, (from, until)) in (0..).zip(bound.iter().zip(until)) {
            pending.push(pending_of(log, topic, partition, *from, until)?);
        }
    }
    let pending: Vec<&[Pending]> = pending.iter().map(Vec::as_slice).collect();
    let last_clock = last.map(|last| last.clock);
    let first = pending
        .iter()
        .filter_map(|runs| runs.first())
        .map(|run| run.timestamp)
        .min();
    if let (Some(last_clock), Some(first)) = (last_clock, first)
        && last_clock.plus_ms(SPAN_MS_MAX) < first
    {
        let before = first.plus_ms(-1).min(clock);
        if before > last_clock {
            return Ok(Some((ends, before)));
        }
    }
    let Some((taken, slice_clock)) = timeline::slice(&pending, last_clock, SPAN_MS_MAX, RECORDS_MAX) else {
        return Ok(None);
    };
    for (end, taken) in ends.iter_mut().flatten().zip(taken) {
        *end += taken;
    }
    let clock = slice_clock.min(clock).max(last_clock.unwrap_or_default());
    Ok(Some((ends, clock)))
}

/// When the first record that is there was appended.
pub fn first_time(log: &dyn Log) -> Result<Option<Time>, LogError> {
    let mut first: Option<Time> = None;
    for topic in Topic::ALL {
        for (partition, start) in (0..).zip(log.starts(topic.name())?) {
            let mut reader = log.read(topic.name(), partition, start)?;
            if let Some(run) = reader.next_run(start.saturating_add(1))? {
                let time = Time::from_ms(run.timestamp_ms()).unwrap_or_default();
                first = Some(first.map_or(time, |first| first.min(time)));
            }
        }
    }
    Ok(first)
}

/// What a slice could take of one partition.
fn pending_of(
    log: &dyn Log,
    topic: Topic,
    partition: u32,
    from: u64,
    until: u64,
) -> Result<Vec<Pending>, LogError> {
    let mut pending: Vec<Pending> = Vec::new();
    if from >= until {
        return Ok(pending);
    }
    let (mut records_left, mut bytes) = (RECORDS_MAX, 0);
    let mut reader = log.read(topic.name(), partition, from)?;
    while records_left > 0
        && bytes < BYTES_MAX
        && let Some(run) = reader.next_run(until.min(reader.offset() + records_left))?
    {
        let timestamp = Time::from_ms(run.timestamp_ms()).unwrap_or_default();
        let mut count = 0;
        for record in run {
            bytes += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            count += 1;
            if bytes >= BYTES_MAX {
                break;
            }
        }
        records_left -= count.min(records_left);
        pending.push(Pending { timestamp, count });
        let first = pending[0].timestamp.ms();
        if timestamp.ms().saturating_sub(first) >= SPAN_MS_MAX {
            break;
        }
    }
    Ok(pending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_backlog_until_nothing_is_left() {
        let mut backlog = Backlog::new();
        assert!(backlog.is_behind(), "what is there when we come");
        backlog.looked(0, 0);
        assert!(!backlog.is_behind());
        backlog.looked(1000, 5);
        assert!(!backlog.is_behind(), "it came while we looked");
        backlog.bound();
        backlog.looked(1500, RECORDS_MAX);
        assert!(!backlog.is_behind());
        backlog.looked(2501, 1);
        assert!(
            backlog.is_behind(),
            "it came while nobody looked, or waited since 1500"
        );
        backlog.bound();
        backlog.looked(2502, 1);
        assert!(backlog.is_behind(), "some are left");
        backlog.looked(2503, 0);
        assert!(!backlog.is_behind());
        backlog.looked(2504, RECORDS_MAX + 1);
        assert!(backlog.is_behind(), "they are many");
    }

    #[test]
    fn what_stands_unbound_for_long_is_backlog_however_often_we_look() {
        let mut backlog = Backlog::new();
        backlog.looked(0, 0);
        for ms in 1..=11 {
            assert!(!backlog.is_behind());
            backlog.looked(ms * 100, 1);
        }
        backlog.looked(1101, 1);
        assert!(backlog.is_behind());
    }
}
