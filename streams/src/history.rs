//! A log's bound records as plain data, and plain data into a log.
//!
//! [`read`] gives what the oracle compares with: every record that the timeline binds, and the bindings.
//! [`append`] takes what an importer made, with the importer's own epochs and clocks. Records and the
//! bindings of whole epochs share a frame, so that a crash leaves whole epochs; only an epoch too large for
//! a frame can be left in part, its records unbound.
//!
//! Nothing is bound that [`append`] did not append: it refuses a log with records that are not bound yet, and
//! stops when somebody else appends meanwhile.

use contract::log::{Binding, Epoch, History, Position, Topic};
use contract::time::Time;

use crate::error::LogError;
use crate::log::{Log, NextOffsets, Place};
use crate::record::Batch;
use crate::timeline::{self, Outcome, Timeline, TimelineError, no_ends};

/// Bytes of records after which a batch is appended, if an epoch ends there.
const BATCH_BYTES: u64 = 4 << 20;
/// Bytes of records after which one is appended in the middle of an epoch.
const BATCH_BYTES_MAX: u64 = 32 << 20;

/// Why a history could not be read or appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record of the timeline can't be used.
    #[error("timeline/0, offset {offset}: {error}")]
    Timeline {
        /// Its offset.
        offset: u64,
        /// Why.
        error: TimelineError,
    },
    /// The timeline binds records that the log does not have.
    #[error(
        "{topic}/{partition} ends at offset {end}, but the timeline binds records up to {bound}: the log is \
         shorter than it was; restore it from a copy"
    )]
    Short {
        /// The topic.
        topic: &'static str,
        /// The partition.
        partition: u32,
        /// Where it ends.
        end: u64,
        /// Where the timeline says it does.
        bound: u64,
    },
    /// There are records that no epoch holds yet.
    #[error(
        "{topic}/{partition} holds records that no epoch holds yet, from offset {bound} to {end}: start \
         millrace once, so that they are bound, then import again"
    )]
    Unbound {
        /// The topic.
        topic: &'static str,
        /// The partition.
        partition: u32,
        /// Up to where it is bound.
        bound: u64,
        /// Where it ends.
        end: u64,
    },
    /// The history begins before the log's last epoch.
    #[error(
        "the log's last epoch is of {last}, the first to be imported of {first}: the clock never goes back; \
         import into a new data directory"
    )]
    Earlier {
        /// The clock of the log's last epoch.
        last: Time,
        /// The clock of the history's first.
        first: Time,
    },
    /// Somebody else appends.
    #[error(
        "somebody else appended to {topic} meanwhile: the import stopped after epoch {epoch}; what was \
         imported stays"
    )]
    Interrupted {
        /// Where.
        topic: &'static str,
        /// The last epoch that is bound.
        epoch: u64,
    },
}

/// Reads the timeline: what it says after epoch `until`, and at its end; `each` sees every binding up to
/// `until`.
fn read_timeline(
    log: &dyn Log,
    until: Option<Epoch>,
    mut each: impl FnMut(&Binding),
) -> Result<(Timeline, Timeline), HistoryError> {
    let mut timeline = Timeline::default();
    let mut then = None;
    let mut reader = log.read(timeline::TOPIC, 0, 0)?;
    while let Some(run) = reader.next_run(u64::MAX)? {
        for record in run {
            if then.is_none() && until.is_some_and(|until| timeline.next_epoch() > until) {
                then = Some(timeline.clone());
            }
            let offset = record.offset;
            let applied = timeline.apply(record.value);
            let outcome = applied.map_err(|error| HistoryError::Timeline { offset, error })?;
            if let (Outcome::Bound, Some(binding), None) = (outcome, timeline.last(), &then) {
                each(binding);
            }
        }
    }
    Ok((then.unwrap_or_else(|| timeline.clone()), timeline))
}

/// Reads every bound record with its binding, up to epoch `until` (fewer if there are fewer; all, if `None`),
/// and the timeline as it was then. Records that no epoch holds are left out.
///
/// # Errors
/// If the log was trimmed or fails, or is shorter than its timeline says.
pub fn read(log: &dyn Log, until: Option<Epoch>) -> Result<(History, Timeline), HistoryError> {
    let mut bindings = Vec::new();
    let (timeline, end) = read_timeline(log, until, |binding| bindings.push(binding.clone()))?;
    let mut history = History::new();
    end.skips().iter().for_each(|at| history.skip(*at));
    let ends = timeline.last().map_or_else(no_ends, |last| last.ends.clone());
    let mut places = Vec::new();
    for topic in Topic::ALL {
        let bound = (0..).zip(&ends[topic as usize]).filter(|(_, bound)| **bound > 0);
        places.extend(bound.map(|(partition, bound)| (topic, partition, *bound)));
    }
    let place = |(topic, partition, _): &(Topic, u32, u64)| Place {
        topic: topic.name(),
        partition: *partition,
        from: 0,
    };
    let readers = log.read_all(&places.iter().map(place).collect::<Vec<_>>())?;
    for ((topic, partition, bound), mut reader) in places.into_iter().zip(readers) {
        while let Some(run) = reader.next_run(bound)? {
            for record in run {
                history.leave_out(topic, partition, record.offset);
                history.append(topic, partition, record.key, record.value);
            }
        }
        history.leave_out(topic, partition, reader.offset().min(bound));
        if reader.offset() < bound {
            return Err(HistoryError::Short {
                topic: topic.name(),
                partition,
                end: reader.offset(),
                bound,
            });
        }
    }
    for Binding { clock, ends, .. } in bindings {
        let bound = history.bind_ends(clock, ends);
        debug_assert!(
            bound.is_some(),
            "ends never go back, and the last of them were read"
        );
    }
    Ok((history, timeline))
}

/// Where a history goes.
struct Import<'a> {
    log: &'a dyn Log,
    timestamp_ms: i64,
    timeline: Timeline,
    /// The next offsets: of the topics, and of the timeline.
    ends: [Vec<u64>; 9],
    timeline_end: u64,
    batch: Batch,
    /// Records appended so far, and the last epoch bound by them.
    appended: u64,
    bound: Option<Epoch>,
}

/// Appends all epochs of a history to a log, behind what is there, as records of `timestamp_ms`: offsets and
/// epochs go on, clocks are the history's own. `progress` hears how many records are in, and of how many.
/// Returns the timeline as it is then.
///
/// # Errors
/// Nothing is appended if the log lacks a partition, has records that are not bound, or is later than the
/// history. What was appended before any other error stays: whole epochs, bound.
pub fn append(
    log: &dyn Log,
    history: &History,
    timestamp_ms: i64,
    mut progress: impl FnMut(u64, u64),
) -> Result<Timeline, HistoryError> {
    let mut import = Import::begin(log, history, timestamp_ms)?;
    let base = import.ends.clone();
    let (epochs, all) = (history.timeline(), bound_records(history));
    for (index, Binding { clock, ends, .. }) in epochs.iter().enumerate() {
        for record in history.records(index) {
            let Position { topic, partition, .. } = record.at;
            import
                .batch
                .push(topic.name(), partition, record.key, record.value);
            if import.batch.bytes() >= BATCH_BYTES_MAX {
                import.flush()?;
                progress(import.appended, all);
            }
        }
        import.bind(*clock, &base, ends)?;
        if import.batch.bytes() >= BATCH_BYTES || index + 1 == epochs.len() {
            import.flush()?;
            progress(import.appended, all);
        }
    }
    Ok(import.timeline)
}

fn bound_records(history: &History) -> u64 {
    let last = history.timeline().last();
    last.map_or(0, |last| last.ends.iter().flatten().sum())
}

impl<'a> Import<'a> {
    /// Checks that the history can go there.
    fn begin(log: &'a dyn Log, history: &History, timestamp_ms: i64) -> Result<Import<'a>, HistoryError> {
        let timeline_end = log.ends(timeline::TOPIC)?.first().copied().unwrap_or(0);
        let (timeline, _) = read_timeline(log, None, |_| ())?;
        let mut ends = no_ends();
        let known = log.topics();
        for topic in Topic::ALL {
            let name = topic.name();
            if known.iter().any(|t| t.name == name) {
                ends[topic as usize] = log.ends(name)?;
            }
            let bound = timeline.last().map_or(&[][..], |last| &last.ends[topic as usize]);
            all_bound(name, bound, &ends[topic as usize])?;
            let needed = history
                .timeline()
                .last()
                .map_or(0, |b| b.ends[topic as usize].len());
            if let Some(missing) = (ends[topic as usize].len()..needed).next() {
                let partition = u32::try_from(missing).unwrap_or(u32::MAX);
                let topic = name.to_owned();
                return Err(LogError::UnknownPartition { topic, partition }.into());
            }
        }
        let first = history.timeline().first().map(|b| b.clock);
        if let (Some(last), Some(first)) = (timeline.last().map(|b| b.clock), first)
            && first < last
        {
            return Err(HistoryError::Earlier { last, first });
        }
        let bound = timeline.last().map(|last| last.epoch);
        Ok(Import {
            log,
            timestamp_ms,
            bound,
            timeline,
            ends,
            timeline_end,
            batch: Batch::new(timestamp_ms),
            appended: 0,
        })
    }

    /// Binds the next epoch, whose ends are those of the history's, `more`, beyond `base`.
    fn bind(&mut self, clock: Time, base: &[Vec<u64>; 9], more: &[Vec<u64>; 9]) -> Result<(), HistoryError> {
        let mut ends = base.clone();
        for (ends, more) in ends.iter_mut().zip(more) {
            for (end, more) in ends.iter_mut().zip(more) {
                *end += more;
            }
        }
        let epoch = self.timeline.next_epoch();
        let record = self.timeline.encode(&Binding { epoch, clock, ends }, None);
        let offset = self.timeline_end;
        let applied = self.timeline.apply(Some(record.as_bytes()));
        applied.map_err(|error| HistoryError::Timeline { offset, error })?;
        self.batch.push(
            timeline::TOPIC,
            0,
            Some(timeline::TOPIC.as_bytes()),
            Some(record.as_bytes()),
        );
        Ok(())
    }

    /// Appends the batch, if nobody else appended anything meanwhile.
    fn flush(&mut self) -> Result<(), HistoryError> {
        let mut batch = Some(std::mem::replace(&mut self.batch, Batch::new(self.timestamp_ms)));
        let mut foreign = None;
        let appended = self.log.append_after(self.timestamp_ms, &mut |next| {
            foreign = moved(next, &self.ends, self.timeline_end);
            batch.take().filter(|_| foreign.is_none())
        })?;
        if let Some(topic) = foreign {
            let epoch = self.bound.map_or(0, |epoch| epoch.0);
            return Err(HistoryError::Interrupted { topic, epoch });
        }
        for part in appended {
            match Topic::from_name(&part.topic) {
                Some(topic) => {
                    self.ends[topic as usize][part.partition as usize] = part.end;
                    self.appended += part.end - part.first;
                }
                None => {
                    self.timeline_end = part.end;
                    self.bound = self.timeline.last().map(|last| last.epoch);
                }
            }
        }
        Ok(())
    }
}

/// Checks that a topic is bound up to its `ends`.
fn all_bound(topic: &'static str, bound: &[u64], ends: &[u64]) -> Result<(), HistoryError> {
    for (i, partition) in (0..bound.len().max(ends.len())).zip(0..) {
        let at = |ends: &[u64]| ends.get(i).copied().unwrap_or(0);
        let (bound, end) = (at(bound), at(ends));
        if bound < end {
            return Err(HistoryError::Unbound {
                topic,
                partition,
                bound,
                end,
            });
        }
        if bound > end {
            return Err(HistoryError::Short {
                topic,
                partition,
                end,
                bound,
            });
        }
    }
    Ok(())
}

/// The topic whose next offsets are not those that we left.
fn moved(next: &NextOffsets<'_>, ends: &[Vec<u64>; 9], timeline_end: u64) -> Option<&'static str> {
    if next
        .ends(timeline::TOPIC)
        .is_ok_and(|ends| ends != [timeline_end])
    {
        return Some(timeline::TOPIC);
    }
    let same = |topic: &Topic| {
        next.ends(topic.name())
            .is_ok_and(|now| now != ends[*topic as usize])
    };
    Topic::ALL.into_iter().find(same).map(Topic::name)
}
