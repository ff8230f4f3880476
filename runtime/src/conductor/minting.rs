//! Binding epochs: when, what, and how many ahead of what was read back ([`streams::timeline::Ahead`]).

use std::collections::VecDeque;
use std::sync::Arc;

use contract::log::{Binding, Epoch, Topic};
use contract::time::Time;
use streams::timeline::{self, Ahead, Decision, Facts, Limits, Minter, Room, Timeline};
use streams::{Log, LogError, Outcome, Sent};

use super::backlog::{self, Backlog};
use super::{Flight, record};
use crate::clock::Now;

/// Binds epochs.
pub struct Minting {
    log: Arc<dyn Log>,
    minter: Minter,
    backlog: Backlog,
    ahead: Ahead,
    /// Of what is under way, the first first.
    answers: VecDeque<(Epoch, Box<dyn Sent>)>,
}

impl Minting {
    /// With the clocks as they are.
    pub fn new(log: Arc<dyn Log>, limits: Limits, now: Now) -> Minting {
        Minting {
            minter: Minter::new(limits, now.wall, now.monotonic_ms),
            backlog: Backlog::new(),
            ahead: Ahead::new(log.ahead_max()),
            answers: VecDeque::new(),
            log,
        }
    }

    /// Accepts the wall clock as it is.
    pub fn accept(&mut self, now: Now) {
        self.minter.accept(now.wall, now.monotonic_ms);
    }

    /// Hears that the generation was taken by binding an epoch.
    pub fn taken(&mut self, epoch: Epoch) {
        self.ahead.taken(epoch);
    }

    /// Hears what was read back.
    pub fn read(&mut self, last: &Binding, now: Now) {
        self.minter.bound(last.clock, now.monotonic_ms);
        if self.ahead.read(last) {
            while self
                .answers
                .front()
                .is_some_and(|(epoch, _)| *epoch <= last.epoch)
            {
                self.answers.pop_front();
            }
        } else {
            self.lost();
        }
    }

    /// Binds the next epoch behind what was read, if it is time to; what the minter said. What was appended
    /// may be void, if somebody else was faster: what counts is what is read.
    ///
    /// # Errors
    /// If the log fails. It can be asked again.
    pub fn mint(&mut self, read: &Timeline, now: Now, flight: Flight) -> Result<Decision, LogError> {
        self.hear()?;
        match self.ahead.room(read) {
            Room::Full => return Ok(Decision::Full),
            Room::Quiet => {
                let binding = quiet(read, now.wall);
                let clock = binding.clock;
                self.send(read, now, &mut |_| Some(binding.clone()))?;
                return Ok(Decision::Bind { clock });
            }
            Room::Any => {}
        }
        let decision = self.decide(read, now, flight)?;
        match decision {
            // What is under way moves the time, too.
            Decision::Heartbeat { .. } if !self.ahead.is_empty() => return Ok(Decision::Full),
            Decision::Bind { clock } | Decision::Heartbeat { clock } => self.bind(read, now, clock)?,
            _ => {}
        }
        Ok(decision)
    }

    /// Hears what became of what is under way.
    fn hear(&mut self) -> Result<(), LogError> {
        let Some((_, answer)) = self.answers.front() else {
            return Ok(());
        };
        match answer.outcome() {
            Outcome::Waits | Outcome::Kept => Ok(()),
            Outcome::Late(error) => Err(error),
            Outcome::Failed(error) => {
                self.lost();
                Err(error)
            }
        }
    }

    fn lost(&mut self) {
        self.ahead.lost();
        self.answers.clear();
        // What was under way has waited.
        self.backlog.fall_behind();
    }

    fn decide(&mut self, read: &Timeline, now: Now, flight: Flight) -> Result<Decision, LogError> {
        let last = self.ahead.last(read);
        let mut pending = 0;
        for topic in Topic::ALL {
            let bound = last.map_or(&[][..], |last| &last.ends[topic as usize]);
            pending += backlog::beyond(bound, &self.log.seen_ends(topic.name())?);
        }
        let in_flight = flight.epochs + self.ahead.len();
        let facts = Facts {
            last_clock: last.map(|last| last.clock),
            input: pending > 0,
            // While epochs are under way it is not known what they leave.
            deadline: flight.deadline.filter(|_| in_flight == 0),
            in_flight,
            wall: now.wall,
            monotonic_ms: now.monotonic_ms,
        };
        self.backlog.looked(now.monotonic_ms, pending);
        Ok(self.minter.decide(&facts))
    }

    /// Appends the binding of the next epoch.
    fn bind(&mut self, read: &Timeline, now: Now, clock: Time) -> Result<(), LogError> {
        let last = self.ahead.last(read).cloned();
        let mut slice = self.backlog.slice(self.log.as_ref(), last.as_ref(), clock)?;
        let epoch = Epoch(last.as_ref().map_or(0, |last| last.epoch.0) + 1);
        let mut waited_unseen = false;
        self.send(read, now, &mut |next| {
            waited_unseen = slice.is_none() && next.blind_ms() > backlog::LIVE_MS_MAX;
            if waited_unseen {
                return None;
            }
            let all = || {
                // What was acknowledged by then is bound; what came since need not be.
                let seen = next.as_of_ms().and_then(Time::from_ms).unwrap_or(clock);
                let clock = clock.min(seen).max(last.as_ref().map_or(seen, |last| last.clock));
                (backlog::all(next, last.as_ref()), clock)
            };
            let (ends, clock) = slice.take().unwrap_or_else(all);
            Some(Binding { epoch, clock, ends })
        })?;
        if waited_unseen {
            self.backlog.fall_behind();
        } else {
            self.backlog.bound();
        }
        Ok(())
    }

    /// Appends the binding that `make` makes of the next offsets, if it makes one.
    fn send(
        &mut self,
        read: &Timeline,
        now: Now,
        make: &mut dyn FnMut(&streams::NextOffsets<'_>) -> Option<Binding>,
    ) -> Result<(), LogError> {
        let mut made = None;
        let sent = self.log.send_after(now.wall.ms(), &mut |next| {
            made = make(next);
            let binding = made.as_ref()?;
            Some(record(now, &read.encode(binding, None)))
        })?;
        if let Some(binding) = made {
            self.answers.push_back((binding.epoch, sent));
            self.ahead.sent(binding);
        }
        Ok(())
    }
}

/// The epoch after the last that was read, which changes nothing.
fn quiet(read: &Timeline, wall: Time) -> Binding {
    let last = read.last();
    Binding {
        epoch: read.next_epoch(),
        clock: last.map_or(wall, |last| last.clock),
        ends: last.map_or_else(timeline::no_ends, |last| last.ends.clone()),
    }
}
