//! When an epoch is bound, and with which clock.
//!
//! With input or a deadline due: at once, while fewer than a few epochs are in flight; else a heartbeat a
//! second. The clock never goes back: while the wall clock is behind, the last clock stands still. It never
//! leads monotonic time by more than five minutes in one step: then minting stops, visibly, until somebody
//! accepts. A clock that is a year ahead for a moment would otherwise let every open order expire, for ever.
//!
//! *After a restart* the wall clock is believed, however far it is ahead of the last binding: we may have
//! been away as long as that, and nothing in the log can tell (append times come from clocks like ours, and
//! there need not be a backlog). So a clock that is wrong when the process starts is not noticed; one that
//! becomes wrong while it runs is.
//!
//! *A wall clock that was set back* does no harm: epochs go on, at the last clock. But deadlines wait until
//! it has come back, so it is told when it is behind by more than the same five minutes
//! ([`Minter::behind_ms`]).

use contract::time::Time;

/// The limits of minting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Epochs that may be bound and not yet decided.
    pub in_flight_max: u64,
    /// Between epochs when nothing happens.
    pub heartbeat_ms: u64,
    /// By how much the clock may lead monotonic time in one step, and be behind without a word.
    pub jump_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            in_flight_max: 4,
            heartbeat_ms: 1000,
            jump_ms_max: 300_000,
        }
    }
}

/// What is so at the moment. The clocks are read before the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The clock of the last binding that was read back.
    pub last_clock: Option<Time>,
    /// Whether there are records beyond the ends of that binding.
    pub input: bool,
    /// The earliest deadline.
    pub deadline: Option<Time>,
    /// Epochs bound and not yet decided.
    pub in_flight: u64,
    /// The wall clock.
    pub wall: Time,
    /// Monotonic time.
    pub monotonic_ms: u64,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Bind the next epoch: there is input, or a deadline is due.
    Bind {
        /// With this clock.
        clock: Time,
    },
    /// Bind the next epoch so that time moves on.
    Heartbeat {
        /// With this clock.
        clock: Time,
    },
    /// Ask again at this monotonic time, or when there is input.
    WaitUntil {
        /// That time.
        monotonic_ms: u64,
    },
    /// Ask again when an epoch has been decided.
    Full,
    /// The wall clock jumped ahead: nothing is bound until it is accepted, or has come back.
    Stopped {
        /// What it reads.
        wall: Time,
        /// What it may read at most.
        limit: Time,
    },
}

/// Remembers what this process needs to tell a jump of the clock: a clock that it has accepted, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minter {
    limits: Limits,
    clock: Time,
    monotonic_ms: u64,
    /// The last binding, in monotonic time.
    bound_ms: Option<u64>,
}

impl Minter {
    /// A minter that starts with the clocks as they are.
    #[must_use]
    pub fn new(limits: Limits, wall: Time, monotonic_ms: u64) -> Minter {
        Minter {
            limits,
            clock: wall,
            monotonic_ms,
            bound_ms: None,
        }
    }

    /// What the clock would read had it moved like monotonic time.
    fn expected(&self, monotonic_ms: u64) -> Time {
        plus(self.clock, monotonic_ms.saturating_sub(self.monotonic_ms))
    }

    /// What is to be done.
    #[must_use]
    pub fn decide(&self, facts: &Facts) -> Decision {
        let clock = facts.last_clock.map_or(facts.wall, |last| last.max(facts.wall));
        let limit = plus(self.expected(facts.monotonic_ms), self.limits.jump_ms_max);
        let moves = facts.last_clock.is_none_or(|last| clock > last);
        if facts.wall > limit && moves {
            let wall = facts.wall;
            return Decision::Stopped { wall, limit };
        }
        let due = facts.deadline.is_some_and(|deadline| deadline <= clock);
        let next_ms = self
            .bound_ms
            .map(|ms| ms.saturating_add(self.limits.heartbeat_ms));
        let heartbeat = next_ms.is_none_or(|ms| ms <= facts.monotonic_ms);
        if !(facts.input || due || heartbeat) {
            let until_deadline = facts.deadline.map_or(u64::MAX, |d| d.ms().abs_diff(clock.ms()));
            let at_deadline = facts.monotonic_ms.saturating_add(until_deadline);
            let monotonic_ms = at_deadline.min(next_ms.unwrap_or(u64::MAX));
            return Decision::WaitUntil { monotonic_ms };
        }
        if facts.in_flight >= self.limits.in_flight_max {
            return Decision::Full;
        }
        if facts.input || due {
            Decision::Bind { clock }
        } else {
            Decision::Heartbeat { clock }
        }
    }

    /// By how much the wall clock is behind the clock of the last binding, if that is worth telling: until it
    /// has come back, no time passes and no deadline fires.
    #[must_use]
    pub fn behind_ms(&self, facts: &Facts) -> Option<u64> {
        let behind = facts.last_clock?.ms().checked_sub(facts.wall.ms())?;
        u64::try_from(behind)
            .ok()
            .filter(|ms| *ms > self.limits.jump_ms_max)
    }

    /// Notes that a binding with that clock was read back.
    pub fn bound(&mut self, clock: Time, monotonic_ms: u64) {
        // What is expected never falls: a wall clock that comes back after it was behind has not jumped.
        self.clock = self.expected(monotonic_ms).max(clock);
        self.monotonic_ms = monotonic_ms;
        self.bound_ms = Some(monotonic_ms);
    }

    /// Accepts the wall clock as it is (`millrace clock accept`).
    pub fn accept(&mut self, wall: Time, monotonic_ms: u64) {
        (self.clock, self.monotonic_ms) = (wall, monotonic_ms);
    }
}

fn plus(time: Time, ms: u64) -> Time {
    // Past the year 9999 only comparison matters.
    const MS_MAX: i64 = 1 << 60;
    time.plus_ms(i64::try_from(ms).unwrap_or(MS_MAX).min(MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(ms: i64) -> Time {
        Time::from_ms(ms).unwrap()
    }

    const NOW: i64 = 1_000_000_000;

    /// All combinations of a few values of each fact, with a minter that bound at `NOW`, monotonic 5000.
    fn each_case(mut each: impl FnMut(&Minter, &Facts, Decision)) {
        let mut minter = Minter::new(Limits::default(), time(NOW), 5000);
        minter.bound(time(NOW), 5000);
        for last in [None, Some(NOW - 7000), Some(NOW), Some(NOW + 2000)] {
            for wall in [
                NOW - 5000,
                NOW,
                NOW + 999,
                NOW + 300_500,
                NOW + 301_500,
                NOW + 1_000_000_000,
            ] {
                for deadline in [None, Some(NOW - 1), Some(NOW + 500), Some(NOW + 400_000)] {
                    for (input, in_flight, monotonic_ms) in (0..2 * 2 * 4)
                        .map(|i| (i % 2 == 0, [3, 4][i / 2 % 2], [5000, 5999, 6000, 7000][i / 4]))
                    {
                        let facts = Facts {
                            last_clock: last.map(time),
                            input,
                            deadline: deadline.map(time),
                            in_flight,
                            wall: time(wall),
                            monotonic_ms,
                        };
                        each(&minter, &facts, minter.decide(&facts));
                    }
                }
            }
        }
    }

    #[test]
    fn the_clock_never_goes_back_nor_leads_monotonic_time_by_more_than_the_limit() {
        each_case(|_, facts, decision| {
            let elapsed = i64::try_from(facts.monotonic_ms - 5000).unwrap();
            let limit = time(NOW + elapsed + 300_000);
            match decision {
                Decision::Bind { clock } | Decision::Heartbeat { clock } => {
                    assert!(facts.last_clock.is_none_or(|last| clock >= last));
                    assert!(clock <= limit);
                    assert!(clock == facts.wall || Some(clock) == facts.last_clock);
                }
                Decision::Stopped { wall, limit: said } => {
                    assert_eq!((wall, said), (facts.wall, limit));
                    assert!(wall > limit);
                }
                Decision::WaitUntil { .. } | Decision::Full => assert!(facts.wall <= limit),
            }
        });
    }

    #[test]
    fn it_binds_when_there_is_something_to_bind_and_room_and_waits_otherwise() {
        each_case(|_, facts, decision| {
            let clock = facts.last_clock.map_or(facts.wall, |last| last.max(facts.wall));
            let due = facts.deadline.is_some_and(|d| d <= clock);
            let heartbeat = facts.monotonic_ms >= 6000;
            match decision {
                Decision::Bind { .. } => assert!((facts.input || due) && facts.in_flight < 4),
                Decision::Heartbeat { .. } => {
                    assert!(!facts.input && !due && heartbeat && facts.in_flight < 4);
                }
                Decision::Full => assert!(facts.in_flight == 4 && (facts.input || due || heartbeat)),
                Decision::WaitUntil { monotonic_ms } => {
                    assert!(!facts.input && !due && !heartbeat);
                    assert!(monotonic_ms > facts.monotonic_ms && monotonic_ms <= 6000);
                }
                Decision::Stopped { .. } => {}
            }
        });
    }

    #[test]
    fn a_jump_stops_minting_until_it_is_accepted_or_over() {
        let mut minter = Minter::new(Limits::default(), time(NOW), 0);
        let mut facts = Facts {
            last_clock: None,
            input: true,
            deadline: None,
            in_flight: 0,
            wall: time(NOW + 300_001),
            monotonic_ms: 0,
        };
        assert!(matches!(minter.decide(&facts), Decision::Stopped { .. }));
        facts.monotonic_ms = 1;
        assert_eq!(minter.decide(&facts), Decision::Bind { clock: facts.wall });
        facts.wall = time(NOW + 9_000_000);
        assert!(matches!(minter.decide(&facts), Decision::Stopped { .. }));
        minter.accept(facts.wall, 1);
        assert_eq!(minter.decide(&facts), Decision::Bind { clock: facts.wall });
    }

    #[test]
    fn after_a_restart_the_wall_clock_is_believed_ahead_and_stood_still_for_behind() {
        let hour = 3_600_000;
        for (away, clock, behind) in [
            (9000 * hour, 9000 * hour, None),
            (-300_000, 0, None),
            (-hour, 0, Some(hour)),
        ] {
            let mut minter = Minter::new(Limits::default(), time(NOW + away), 7);
            let mut facts = Facts {
                last_clock: Some(time(NOW)),
                input: true,
                deadline: None,
                in_flight: 0,
                wall: time(NOW + away),
                monotonic_ms: 7,
            };
            let clock = time(NOW + clock);
            assert_eq!(minter.decide(&facts), Decision::Bind { clock });
            assert_eq!(minter.behind_ms(&facts), behind.map(i64::unsigned_abs));
            minter.bound(clock, 7);
            facts.last_clock = Some(clock);
            facts.monotonic_ms += 1000;
            assert_eq!(minter.decide(&facts), Decision::Bind { clock });
            facts.last_clock = None;
            assert_eq!(minter.behind_ms(&facts), None);
        }
    }

    #[test]
    fn a_wall_clock_that_was_behind_and_comes_back_has_not_jumped() {
        let mut minter = Minter::new(Limits::default(), time(NOW), 0);
        let hour = 3_600_000;
        minter.bound(time(NOW), 0);
        for minute in 1..60 {
            minter.bound(time(NOW), minute * 60_000);
        }
        let facts = Facts {
            last_clock: Some(time(NOW)),
            input: true,
            deadline: None,
            in_flight: 0,
            wall: time(NOW + hour),
            monotonic_ms: 3_600_000,
        };
        assert_eq!(minter.decide(&facts), Decision::Bind { clock: facts.wall });
    }
}
