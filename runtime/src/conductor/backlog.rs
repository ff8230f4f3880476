//! Backlog: records that gathered while nobody bound them, because we were away, stood still, or because
//! they are many. They are bound in slices of append time, each with its own time as clock, until none is
//! left (design, section 3): an order whose payment came in time does not expire because we were late.
//!
//! Where nothing was appended for more than a second, an epoch without records moves the clock to just before
//! the next record, as heartbeats would have: what was due by then is due before that record.
//!
//! Records that have waited for less than a second are not backlog: they are bound as they are, with the
//! clock as it reads.

use std::collections::VecDeque;

use contract::log::{Binding, Topic};
use contract::time::Time;
use streams::timeline::{self, Pending};
use streams::{Log, LogError, NextOffsets, Place, Reader};

/// Records in an epoch that we bind, at most.
pub const RECORDS_MAX: u64 = 16_384;
/// Bytes of one partition in such an epoch; a record that is larger is bound alone.
const BYTES_MAX: usize = 32 << 20;
/// What waits longer than this is backlog. So is what came while nobody looked for longer than this.
pub const LIVE_MS_MAX: u64 = 1000;
/// Append time that a slice covers, at most.
const SPAN_MS_MAX: i64 = 1000;

/// Whether there is backlog, and what comes next of it.
pub struct Backlog {
    behind: bool,
    /// When we last looked, in monotonic time.
    looked_ms: Option<u64>,
    /// Since when there are records that are not bound.
    waiting_since_ms: Option<u64>,
    /// What was read ahead, per topic and partition. A reader that goes on costs less than one that begins.
    ahead: [Vec<Option<Ahead>>; 9],
}

impl Backlog {
    /// What is there when we come is backlog.
    pub fn new() -> Backlog {
        Backlog {
            behind: true,
            looked_ms: None,
            waiting_since_ms: None,
            ahead: std::array::from_fn(|_| Vec::new()),
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
            self.ahead = std::array::from_fn(|_| Vec::new());
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

    /// Notes that what is there gathered while nobody could look.
    pub fn fall_behind(&mut self) {
        self.behind = true;
    }

    /// Whether what is there is to be bound in slices.
    #[cfg(test)]
    fn is_behind(&self) -> bool {
        self.behind
    }

    /// The next slice: its ends and clock; `None` if there is no record, or nothing is to be sliced. Its clock is
    /// at most `clock`, which is what the minter allows, and does not go back.
    pub fn slice(
        &mut self,
        log: &dyn Log,
        last: Option<&Binding>,
        clock: Time,
    ) -> Result<Option<Slice>, LogError> {
        if !self.behind {
            return Ok(None);
        }
        let mut ends = last.map_or_else(timeline::no_ends, |last| last.ends.clone());
        let mut untils = timeline::no_ends();
        for topic in Topic::ALL {
            let until = log.seen_ends(topic.name())?;
            let bound = &mut ends[topic as usize];
            bound.resize(until.len().max(bound.len()), 0);
            untils[topic as usize] = until;
        }
        self.open(log, &ends, &untils)?;
        let mut parts = Vec::new();
        let places = ends.iter().flatten().zip(untils.iter().flatten());
        for (ahead, (from, until)) in self.ahead.iter_mut().flatten().zip(places) {
            let gathered = gather(ahead.as_mut(), *from, *until);
            // What failed begins anew.
            parts.push(gathered.inspect_err(|_| *ahead = None)?);
        }
        let pending: Vec<&[Pending]> = parts.iter().map(|part| part.pending.as_slice()).collect();
        let last_clock = last.map(|last| last.clock);
        let first = pending.iter().filter_map(|runs| runs.first());
        // One of a clock that is ahead of ours comes now: else nothing would be bound until ours reads as much.
        let first = first.map(|run| run.timestamp.min(clock)).min();
        if let (Some(last_clock), Some(first)) = (last_clock, first)
            && last_clock.plus_ms(SPAN_MS_MAX) < first
        {
            let before = first.plus_ms(-1).min(clock);
            if before > last_clock {
                return Ok(Some((ends, before)));
            }
        }
        let sliced = timeline::slice(&pending, last_clock, SPAN_MS_MAX, RECORDS_MAX);
        let Some((taken, slice_clock)) = sliced else {
            return Ok(None);
        };
        for (end, (part, taken)) in ends.iter_mut().flatten().zip(parts.iter().zip(taken)) {
            *end = part.end(*end, taken);
        }
        let clock = slice_clock.min(clock).max(last_clock.unwrap_or_default());
        Ok(Some((ends, clock)))
    }

    /// Has a reader wherever there is something to read, that stands at `ends` or read on from there.
    fn open(&mut self, log: &dyn Log, ends: &[Vec<u64>; 9], untils: &[Vec<u64>; 9]) -> Result<(), LogError> {
        let mut places = Vec::new();
        for (topic, ahead) in Topic::ALL.into_iter().zip(&mut self.ahead) {
            let (ends, untils) = (&ends[topic as usize], &untils[topic as usize]);
            ahead.resize_with(ends.len(), || None);
            for ((partition, ahead), (from, until)) in (0..).zip(ahead).zip(ends.iter().zip(untils)) {
                if from < until && ahead.as_ref().is_none_or(|ahead| ahead.from > *from) {
                    let (topic, from) = (topic.name(), *from);
                    let place = Place {
                        topic,
                        partition,
                        from,
                    };
                    places.push((place, ahead));
                }
            }
        }
        let (places, slots): (Vec<_>, Vec<_>) = places.into_iter().unzip();
        if places.is_empty() {
            return Ok(());
        }
        let readers = log.read_all(&places)?;
        for ((slot, reader), place) in slots.into_iter().zip(readers).zip(&places) {
            *slot = Some(Ahead {
                reader,
                from: place.from,
                gathered: VecDeque::new(),
            });
        }
        Ok(())
    }
}

/// Records of one partition, one behind another, that were appended at the same time.
#[derive(Clone, Copy, Debug)]
struct Gathered {
    timestamp: Time,
    first: u64,
    count: u64,
    bytes: usize,
}

/// What comes next in a partition, as far as it was read.
struct Ahead {
    reader: Box<dyn Reader>,
    /// From here on everything that was read is in `gathered`.
    from: u64,
    gathered: VecDeque<Gathered>,
}

/// What a slice could take of one partition.
struct Part {
    pending: Vec<Pending>,
    /// Per run of `pending` its first offset.
    firsts: Vec<u64>,
    /// The end, if nothing comes after what is pending.
    end: Option<u64>,
}

impl Part {
    /// Where the partition is bound, which was at `from`, once `taken` records of it are.
    fn end(&self, from: u64, taken: u64) -> u64 {
        let (mut end, mut left) = (from, taken);
        for (run, first) in self.pending.iter().zip(&self.firsts) {
            let count = run.count.min(left);
            if count == 0 {
                break;
            }
            end = first + count;
            left -= count;
        }
        let all: u64 = self.pending.iter().map(|run| run.count).sum();
        // Offsets that hold no record are bound with what is before them.
        self.end
            .filter(|_| taken == all)
            .map_or(end, |last| last.max(end))
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

/// Reads on in a partition, as far as a slice could take.
fn gather(ahead: Option<&mut Ahead>, from: u64, until: u64) -> Result<Part, LogError> {
    let mut part = Part {
        pending: Vec::new(),
        firsts: Vec::new(),
        end: None,
    };
    let Some(ahead) = ahead.filter(|_| from < until) else {
        return Ok(part);
    };
    ahead.drop_below(from);
    ahead.read(until)?;
    let mut bytes = 0;
    for run in &ahead.gathered {
        if bytes >= BYTES_MAX {
            return Ok(part);
        }
        bytes += run.bytes;
        let (timestamp, count) = (run.timestamp, run.count);
        part.pending.push(Pending { timestamp, count });
        part.firsts.push(run.first);
    }
    part.end = Some(until).filter(|until| ahead.reader.offset() >= *until);
    Ok(part)
}

impl Ahead {
    fn drop_below(&mut self, from: u64) {
        self.from = from;
        while let Some(run) = self.gathered.front_mut() {
            let below = from.saturating_sub(run.first).min(run.count);
            if below < run.count {
                run.first += below;
                run.count -= below;
                return;
            }
            self.gathered.pop_front();
        }
    }

    /// Reads up to `until`, or until a slice could not take more.
    fn read(&mut self, until: u64) -> Result<(), LogError> {
        let mut left = RECORDS_MAX.saturating_sub(self.gathered.iter().map(|run| run.count).sum());
        let mut bytes: usize = self.gathered.iter().map(|run| run.bytes).sum();
        while left > 0 && bytes < BYTES_MAX && !self.spans() {
            let next = until.min(self.reader.offset().saturating_add(left));
            let Some(run) = self.reader.next_run(next)? else {
                if self.reader.offset() < next || next == until {
                    break;
                }
                continue;
            };
            let timestamp = Time::from_ms(run.timestamp_ms()).unwrap_or_default();
            left -= run.left().min(left);
            for record in run {
                let size = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
                bytes += size;
                match self.gathered.back_mut() {
                    Some(last)
                        if last.first + last.count == record.offset
                            && last.timestamp == timestamp
                            && last.bytes < BYTES_MAX =>
                    {
                        last.count += 1;
                        last.bytes += size;
                    }
                    _ => self.gathered.push_back(Gathered {
                        timestamp,
                        first: record.offset,
                        count: 1,
                        bytes: size,
                    }),
                }
            }
        }
        Ok(())
    }

    /// Whether it spans more time than a slice.
    fn spans(&self) -> bool {
        let (first, last) = (self.gathered.front(), self.gathered.back());
        let ms = |run: Option<&Gathered>| run.map_or(0, |run| run.timestamp.ms());
        ms(last).saturating_sub(ms(first)) >= SPAN_MS_MAX
    }
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

    #[test]
    fn a_record_of_a_clock_that_is_ahead_is_bound_at_once() {
        let log = streams::MemoryLog::new(&Topic::ALL.map(|topic| (topic.name(), 1))).unwrap();
        let at = |ms| Time::from_ms(ms).unwrap();
        let (now, ahead_ms) = (1_700_000_000_000, 3_600_000);
        for timestamp_ms in [now - 60_000, now + ahead_ms, now - ahead_ms] {
            let mut batch = streams::Batch::new(timestamp_ms);
            batch.push("orders", 0, None, Some(b"{}"));
            log.append(&batch).unwrap();
        }
        let (mut backlog, mut last) = (Backlog::new(), None::<Binding>);
        for epoch in 1..10 {
            let slice = backlog.slice(&log, last.as_ref(), at(now + epoch)).unwrap();
            let Some((ends, clock)) = slice else { break };
            assert!(clock <= at(now + epoch) && last.as_ref().is_none_or(|last| clock >= last.clock));
            let epoch = contract::log::Epoch(epoch.unsigned_abs());
            last = Some(Binding { epoch, clock, ends });
        }
        assert_eq!(last.unwrap().ends[Topic::Orders as usize], [3]);
    }
}
