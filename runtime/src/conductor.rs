//! The conductor: says which epoch comes next.
//!
//! It reads the timeline, from its beginning or from where a checkpoint ends. While there are bindings to
//! read it hands them out (that is what a restart is); at the end it binds epochs itself, by the minter's
//! decision, and reads them back before it acts on them. All of its state is what it has read, so that it
//! can be thrown away at any moment and opened again.
//!
//! Invariants:
//! - An epoch is handed out only once it was read back from the log, so that it and its records are as
//!   durable as the log makes anything.
//! - The process holds the generation in force before it binds or hands out anything. It takes it by binding
//!   an epoch that says so and changes nothing else, not even the clock.
//! - What has gathered while nobody bound it (we were away, or stood still) is bound in slices, each with
//!   its own time as clock.
//!
//! It does no waiting and knows no threads: whoever drives it says what time it is and how much is under way.

mod backlog;
mod cursors;

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::log::{Binding, Epoch, Position, Topic};
use contract::time::Time;
use streams::timeline::{
    self, Decision, Facts, Generation, Limits, Minter, Outcome, Takeover, Timeline, TimelineError,
};
use streams::{Batch, Log, LogError, Reader};

use crate::checkpoint::Manifest;
use crate::chunk::Raw;
use crate::clock::Now;
use backlog::Backlog;
use cursors::Cursors;

/// How often who follows looks for what others have bound.
const FOLLOW_MS: u64 = 100;

/// Why the conductor can't go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConductorError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The timeline makes no sense.
    #[error("the log's timeline is damaged: {0}; restore the data directory from a backup")]
    Timeline(#[from] TimelineError),
    /// The log holds fewer records than its own timeline has bound.
    #[error(
        "{topic}/{partition} ends at offset {end}, but the timeline has bound it up to {bound}: records are \
         missing; restore the data directory from a backup"
    )]
    Short {
        /// The topic.
        topic: &'static str,
        /// The partition.
        partition: usize,
        /// Where it ends.
        end: u64,
        /// Up to where it was bound.
        bound: u64,
    },
    /// A record that is to be skipped was decided, or is not there.
    #[error(
        "{topic}/{partition}/{offset} can't be skipped: {why}",
        topic = at.topic.name(), partition = at.partition, offset = at.offset
    )]
    Skip {
        /// The record.
        at: Position,
        /// What is in the way.
        why: &'static str,
    },
    /// Another process has taken the generation.
    #[error("another process ({owner}) has taken over with generation {number}")]
    Lost {
        /// Its id.
        owner: String,
        /// Its generation.
        number: u64,
    },
    /// The beginning of the timeline was trimmed.
    #[error("the timeline starts at offset {start}: its beginning, which is needed, was trimmed")]
    Trimmed {
        /// Where it starts.
        start: u64,
    },
}

/// How much is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// Epochs handed out and not yet decided.
    pub epochs: u64,
    /// Whether those who follow can take another epoch.
    pub room: bool,
    /// The earliest deadline, as of the last epoch decided.
    pub deadline: Option<Time>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// This epoch. Its records are to be read now ([`Conductor::records`]).
    Epoch(Arc<Binding>),
    /// Nothing before this monotonic time, unless records arrive.
    WaitUntil {
        /// That time.
        monotonic_ms: u64,
    },
    /// Nothing before an epoch has been decided or delivered.
    Full,
    /// Nothing before somebody accepts the clock, or it has come back.
    Stopped {
        /// What it reads.
        wall: Time,
        /// What it may read at most.
        limit: Time,
    },
}

/// Where the conductor stands after an epoch: what a checkpoint needs to know of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The timeline up to there.
    pub timeline: Timeline,
    /// The offset of the timeline that is read next.
    pub offset: u64,
}

impl Mark {
    /// Where a checkpoint ends.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Mark {
        Mark {
            timeline: Timeline::after(Some(manifest.binding.clone()), manifest.in_force.clone()),
            offset: manifest.timeline_offset,
        }
    }

    /// The timeline from here to its end, and a reader that stands there.
    fn to_end(&self, log: &dyn Log) -> Result<(Timeline, Box<dyn Reader>), ConductorError> {
        let mut end = self.timeline.clone();
        let mut reader = log.read(timeline::TOPIC, 0, self.offset)?;
        read(reader.as_mut(), &mut end, u64::MAX)?;
        Ok((end, reader))
    }
}

/// Says which epoch comes next.
pub struct Conductor {
    log: Arc<dyn Log>,
    /// The timeline's end when we came, and a reader that stands there, until they are needed.
    at_end: Option<(Timeline, Box<dyn Reader>)>,
    /// As far as it was handed out.
    timeline: Timeline,
    reader: Box<dyn Reader>,
    cursors: Cursors,
    minter: Minter,
    generation: Generation,
    /// The last epoch that was bound when we came.
    bound_before: Epoch,
    backlog: Backlog,
    /// Records that are to be skipped.
    skips: BTreeSet<Position>,
    /// We hold the generation, and so may bind.
    holds: bool,
    /// Nothing after this is handed out.
    until: Option<Epoch>,
}

impl Conductor {
    /// Reads the timeline once, from where it is to begin. Nothing is written yet.
    ///
    /// # Errors
    /// If the log fails or does not hold what its timeline says.
    pub fn open(
        log: Arc<dyn Log>,
        me: &str,
        limits: Limits,
        now: Now,
        from: Mark,
    ) -> Result<Conductor, ConductorError> {
        let start = log.starts(timeline::TOPIC)?.first().copied().unwrap_or(0);
        if start > from.offset {
            return Err(ConductorError::Trimmed { start });
        }
        let (end, end_reader) = from.to_end(log.as_ref())?;
        check_ends(log.as_ref(), &end)?;
        let begun = from.timeline.last().map(|last| last.ends.clone());
        Ok(Conductor {
            reader: log.read(timeline::TOPIC, 0, from.offset)?,
            cursors: Cursors::new(Arc::clone(&log), begun.unwrap_or_else(timeline::no_ends)),
            log,
            timeline: from.timeline,
            minter: Minter::new(limits, now.wall, now.monotonic_ms),
            generation: Generation {
                number: end.generation().map_or(0, |in_force| in_force.number) + 1,
                owner: me.to_owned(),
            },
            bound_before: Epoch(end.next_epoch().0 - 1),
            backlog: Backlog::new(),
            skips: end.skips().clone(),
            at_end: Some((end, end_reader)),
            holds: false,
            until: None,
        })
    }

    /// Hands out nothing after an epoch, whatever is bound, and binds nothing.
    pub fn ends_at(&mut self, until: Epoch) {
        self.until = Some(until);
        self.bound_before = self.bound_before.min(until);
    }

    /// Takes the generation: binds an epoch that says so, until the one in force is ours. To be called
    /// before the first turn, and not before it is known that the log and what follows it belong together.
    /// Who does not call it follows: it hands out what others bind, and binds nothing.
    ///
    /// From now on, in every replay, the records at `skips` are quarantined, whatever they hold.
    ///
    /// # Errors
    /// If the log fails.
    pub fn take(&mut self, now: Now, skips: &[Position]) -> Result<&Generation, ConductorError> {
        let Some((end, reader)) = self.at_end.as_mut() else {
            return Ok(&self.generation);
        };
        read(reader.as_mut(), end, u64::MAX)?;
        let me = &self.generation.owner;
        take_generation(self.log.as_ref(), reader.as_mut(), end, (me, skips), now)?;
        self.skips.clone_from(end.skips());
        if let Some(in_force) = end.generation() {
            self.generation = in_force.clone();
        }
        // What comes after is read where epochs are handed out.
        self.at_end = None;
        self.holds = true;
        Ok(&self.generation)
    }

    /// Where it stands after the epoch that it handed out last.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            timeline: self.timeline.clone(),
            offset: self.reader.offset(),
        }
    }

    /// Up to which offset it has read the timeline. Once it has taken the generation, nobody else took one below.
    #[must_use]
    pub fn timeline_read(&self) -> u64 {
        self.reader.offset()
    }

    /// Our generation; before [`Conductor::take`] the one that we are about to take.
    #[must_use]
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// The last epoch that was bound when we came: up to there it is a replay.
    #[must_use]
    pub fn bound_before(&self) -> Epoch {
        self.bound_before
    }

    /// How many records were bound before the epoch that it hands out next.
    #[must_use]
    pub fn records_before(&self) -> u64 {
        self.timeline
            .last()
            .map_or(0, |last| last.ends.iter().flatten().sum())
    }

    /// The next offsets of the log, as they are now.
    ///
    /// # Errors
    /// If the log fails.
    pub fn log_ends(&self) -> Result<[Vec<u64>; 9], LogError> {
        let mut ends = timeline::no_ends();
        for topic in Topic::ALL {
            ends[topic as usize] = self.log.ends(topic.name())?;
        }
        Ok(ends)
    }

    /// The last epoch that was handed out.
    #[must_use]
    pub fn handed_out(&self) -> Epoch {
        Epoch(self.timeline.next_epoch().0 - 1)
    }

    /// Accepts the wall clock as it is.
    pub fn accept_clock(&mut self, now: Now) {
        self.minter.accept(now.wall, now.monotonic_ms);
    }

    /// Says what comes next.
    ///
    /// # Errors
    /// If the log fails. The conductor can be asked again.
    pub fn turn(&mut self, now: Now, flight: Flight) -> Result<Turn, ConductorError> {
        if !flight.room {
            return Ok(Turn::Full);
        }
        if self.until.is_some_and(|until| self.handed_out() >= until) {
            let monotonic_ms = now.monotonic_ms.saturating_add(FOLLOW_MS);
            return Ok(Turn::WaitUntil { monotonic_ms });
        }
        if let Some(epoch) = self.next_bound(now)? {
            return Ok(Turn::Epoch(epoch));
        }
        if !self.holds {
            let monotonic_ms = now.monotonic_ms.saturating_add(FOLLOW_MS);
            return Ok(Turn::WaitUntil { monotonic_ms });
        }
        match self.decide(now, flight)? {
            Decision::WaitUntil { monotonic_ms } => Ok(Turn::WaitUntil { monotonic_ms }),
            Decision::Full => Ok(Turn::Full),
            Decision::Stopped { wall, limit } => Ok(Turn::Stopped { wall, limit }),
            Decision::Bind { clock } | Decision::Heartbeat { clock } => {
                self.bind(now, clock)?;
                // What was appended may be void, if somebody else was faster: what counts is what is read.
                match self.next_bound(now)? {
                    Some(epoch) => Ok(Turn::Epoch(epoch)),
                    None => Ok(Turn::WaitUntil {
                        monotonic_ms: now.monotonic_ms,
                    }),
                }
            }
        }
    }

    /// Reads the records of the epoch that was handed out last, in log order.
    ///
    /// # Errors
    /// If the log fails; what was not handed out yet comes when it is called again.
    pub fn records(&mut self, each: &mut dyn FnMut(Raw)) -> Result<(), ConductorError> {
        let Some(last) = self.timeline.last() else {
            return Ok(());
        };
        let read = self.cursors.read_to(&last.ends, &self.skips, each);
        read.map_err(Into::into)
    }

    /// The next binding that can be read from the timeline.
    fn next_bound(&mut self, now: Now) -> Result<Option<Arc<Binding>>, ConductorError> {
        if !read(self.reader.as_mut(), &mut self.timeline, 1)? {
            return Ok(None);
        }
        if self.holds
            && let Some(in_force) = self.timeline.generation()
            && in_force.number > self.generation.number
        {
            let Generation { owner, number } = in_force.clone();
            return Err(ConductorError::Lost { owner, number });
        }
        let last = self.timeline.last().expect("a binding was just read");
        if last.epoch > self.bound_before {
            self.minter.bound(last.clock, now.monotonic_ms);
        }
        Ok(Some(Arc::new(last.clone())))
    }

    fn decide(&mut self, now: Now, flight: Flight) -> Result<Decision, ConductorError> {
        let pending = self.pending()?;
        self.backlog.looked(now.monotonic_ms, pending);
        let facts = Facts {
            last_clock: self.timeline.last().map(|last| last.clock),
            input: pending > 0,
            // While epochs are under way it is not known what they leave.
            deadline: flight.deadline.filter(|_| flight.epochs == 0),
            in_flight: flight.epochs,
            wall: now.wall,
            monotonic_ms: now.monotonic_ms,
        };
        Ok(self.minter.decide(&facts))
    }

    /// How many records there are beyond what is bound.
    fn pending(&self) -> Result<u64, LogError> {
        let mut pending = 0;
        for topic in Topic::ALL {
            let ends = self.log.seen_ends(topic.name())?;
            pending += backlog::beyond(bound(&self.timeline, topic), &ends);
        }
        Ok(pending)
    }

    /// Appends the binding of the next epoch.
    fn bind(&mut self, now: Now, clock: Time) -> Result<(), ConductorError> {
        let timeline = &self.timeline;
        let last = timeline.last();
        let mut slice = self.backlog.slice(self.log.as_ref(), last, clock)?;
        let mut waited_unseen = false;
        self.log.append_after(now.wall.ms(), &mut |next| {
            waited_unseen = slice.is_none() && next.blind_ms() > backlog::LIVE_MS_MAX;
            if waited_unseen {
                return None;
            }
            let all = || {
                // What was acknowledged by then is bound; what came since need not be.
                let seen = next.as_of_ms().and_then(Time::from_ms).unwrap_or(clock);
                let clock = clock.min(seen).max(last.map_or(seen, |last| last.clock));
                (backlog::all(next), clock)
            };
            let (ends, clock) = slice.take().unwrap_or_else(all);
            let epoch = timeline.next_epoch();
            let binding = Binding { epoch, clock, ends };
            Some(record(now, &timeline.encode(&binding, None)))
        })?;
        if waited_unseen {
            self.backlog.fall_behind();
        } else {
            self.backlog.bound();
        }
        Ok(())
    }
}

fn bound(timeline: &Timeline, topic: Topic) -> &[u64] {
    timeline
        .last()
        .map_or(&[], |last| last.ends[topic as usize].as_slice())
}

fn record(now: Now, value: &str) -> Batch {
    let mut batch = Batch::new(now.wall.ms());
    batch.push(
        timeline::TOPIC,
        0,
        Some(timeline::TOPIC.as_bytes()),
        Some(value.as_bytes()),
    );
    batch
}

/// Reads up to `epochs_max` bindings; whether there was any.
fn read(reader: &mut dyn Reader, timeline: &mut Timeline, epochs_max: u64) -> Result<bool, ConductorError> {
    let mut bound = 0;
    while bound < epochs_max {
        let next = reader.offset() + if epochs_max == 1 { 1 } else { 1 << 20 };
        let Some(records) = reader.next_run(next)? else {
            break;
        };
        for record in records {
            if timeline.apply(record.value)? == Outcome::Bound {
                bound += 1;
            }
        }
    }
    Ok(bound > 0)
}

/// That the log holds what its timeline has bound.
fn check_ends(log: &dyn Log, timeline: &Timeline) -> Result<(), ConductorError> {
    for topic in Topic::ALL {
        let ends = log.ends(topic.name())?;
        for (partition, bound) in bound(timeline, topic).iter().enumerate() {
            let end = ends.get(partition).copied().unwrap_or(0);
            if end < *bound {
                let (topic, bound) = (topic.name(), *bound);
                return Err(ConductorError::Short {
                    topic,
                    partition,
                    end,
                    bound,
                });
            }
        }
    }
    Ok(())
}

/// That records can be skipped: they are in the log, and nothing of them is decided for good.
///
/// # Errors
/// The first that can't be.
pub fn check_skips(
    skips: &[Position],
    decided: &[Vec<u64>; 9],
    log_ends: &[Vec<u64>; 9],
) -> Result<(), ConductorError> {
    let end = |ends: &[Vec<u64>; 9], at: &Position| {
        let end = ends[at.topic as usize].get(at.partition as usize);
        end.copied().unwrap_or(0)
    };
    for at in skips {
        let why = if at.offset >= end(log_ends, at) {
            "there is no such record"
        } else if at.offset < end(decided, at) {
            "it was decided, and the views hold what came of it"
        } else {
            continue;
        };
        return Err(ConductorError::Skip { at: *at, why });
    }
    Ok(())
}

/// Binds epochs until the generation in force is ours.
fn take_generation(
    log: &dyn Log,
    reader: &mut dyn Reader,
    end: &mut Timeline,
    (me, skips): (&str, &[Position]),
    now: Now,
) -> Result<(), ConductorError> {
    // Of a log that nobody has bound yet the clock starts with its first record.
    let begins = match end.last() {
        None => streams::first_time(log)?.map_or(now.wall, |first| first.min(now.wall)),
        Some(last) => last.clock,
    };
    while let Takeover::Take(generation) = timeline::take_over(end.generation(), me, true, 0, None) {
        log.append_after(now.wall.ms(), &mut |_| {
            let last = end.last();
            let binding = Binding {
                epoch: end.next_epoch(),
                clock: last.map_or(begins, |last| last.clock),
                ends: last.map_or_else(timeline::no_ends, |last| last.ends.clone()),
            };
            Some(record(now, &end.encode_skips(&binding, &generation, skips)))
        })?;
        read(reader, end, u64::MAX)?;
    }
    Ok(())
}
