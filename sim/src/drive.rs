//! Processes: how they are started, driven, paused and replaced.

use crate::node::{Down, Node, Turned};
use crate::taking::Took;
use crate::world::{Checked, World, variant, violated};

/// By how much the clock of epochs may lead monotonic time in one step.
const JUMP_MS_MAX: u64 = 300_000;

impl World {
    /// Starts a process if there is none.
    fn start(&mut self) -> Checked {
        let keeps_its_id = self.paused.is_none() && self.starts > 0 && self.rng.chance(40);
        if !keeps_its_id {
            self.starts += 1;
        }
        let me = format!("p{}", self.starts);
        let workers = 1 + self.rng.index(4);
        let now = self.clock.now();
        let must = self.must_begin();
        let (takes, who) = (self.takes.clone(), (me.clone(), workers));
        let started = Node::start(&self.log, &self.store, takes, now, who, self.canary);
        match started {
            Ok(node) => {
                let replayed = node.bound_before().0;
                self.tell(format!(
                    "{me} starts with {workers} workers, {replayed} epochs are bound"
                ));
                self.reaches(format!("{workers} workers"));
                self.expected = (now.wall, now.monotonic_ms);
                self.accepted = false;
                let begun = node.begun;
                self.node = Some(node);
                self.check_begun(begun, must)
            }
            Err(Down::NoBeginning(what)) => self.no_beginning(&what, must),
            Err(Down::PlaceWaits(_)) => {
                self.reaches("a start fails with the checkpoints' place");
                // Which of the parts that are read side by side failed is not the seed's to say.
                self.tell(format!("{me} can't start yet: checkpoints can't be read"));
                Ok(())
            }
            Err(Down::LogWaits(what) | Down::StoreWaits(what)) => {
                self.tell(format!("{me} can't start yet: {what}"));
                Ok(())
            }
            Err(Down::Restart(what)) => self.crash(&format!("{me} fails as it starts: {what}")),
            Err(Down::Replaced(what) | Down::Refuses(what)) => {
                violated(format!("{me} refuses to start: {what}"))
            }
        }
    }

    /// Has the process take what comes next, a few times.
    pub(crate) fn drive(&mut self) -> Checked {
        if self.node.is_none() {
            return self.start();
        }
        let most = if self.rng.chance(30) { 40 } else { 4 };
        for _ in 0..=self.rng.below(most) {
            let now = self.clock.now();
            let Some(node) = &mut self.node else { break };
            let bound_before = node.bound_before();
            match node.turn(now, &mut self.rng) {
                Ok(Turned::Epoch(binding)) => {
                    let (epoch, clock) = (binding.epoch, binding.clock);
                    if epoch > bound_before {
                        self.tell(format!("epoch {} with clock {clock}", epoch.0));
                        self.check_clock(clock, now.monotonic_ms)?;
                    }
                    self.last_clock = clock;
                }
                Ok(Turned::Nothing) => break,
                Ok(Turned::ClockStopped) => {
                    self.clock_stopped();
                    break;
                }
                Err(down) => return self.down(down),
            }
        }
        if self.rng.chance(85) {
            self.decide()?;
        }
        Ok(())
    }

    /// Gathers what the workers have decided.
    pub(crate) fn decide(&mut self) -> Checked {
        let Some(node) = &mut self.node else {
            return Ok(());
        };
        match node.decide() {
            Ok(decided) => {
                for decided in decided {
                    self.check_digest(decided.epoch, decided.digest)?;
                }
                Ok(())
            }
            Err(down) => self.down(down),
        }
    }

    /// Has the process commit what waits.
    pub(crate) fn commit(&mut self) -> Checked {
        let Some(node) = &mut self.node else {
            return Ok(());
        };
        match node.commit() {
            Ok(true) => {
                let shown = self.shown().0;
                self.tell(format!("the store shows epoch {shown}"));
            }
            Ok(false) => return Ok(()),
            Err(down) => self.down(down)?,
        }
        self.check_store()
    }

    fn down(&mut self, down: Down) -> Checked {
        self.reaches(format!("a process hears {}", variant(&down)));
        match down {
            Down::LogWaits(what) | Down::StoreWaits(what) | Down::PlaceWaits(what) => {
                self.tell(what);
                let within = self.node.as_ref().is_some_and(Node::is_within_an_epoch);
                if within && self.rng.chance(40) {
                    return self.crash("the machine stops within an epoch");
                }
                Ok(())
            }
            // The one that was replaced may have written once more before anybody could fence it.
            Down::Restart(what) | Down::Replaced(what) => self.crash(&what),
            Down::Refuses(what) | Down::NoBeginning(what) => violated(what),
        }
    }

    /// That the clock of an epoch does not lead monotonic time by more than it may.
    fn check_clock(&mut self, clock: contract::time::Time, monotonic_ms: u64) -> Checked {
        let (expected, since) = self.expected;
        let elapsed = i64::try_from(monotonic_ms.saturating_sub(since)).unwrap_or(i64::MAX);
        let expected = expected.plus_ms(elapsed);
        let lead = u64::try_from(clock.ms() - expected.ms()).unwrap_or(0);
        self.expected = (expected.max(clock), monotonic_ms);
        // Two processes that bind have two opinions of what is expected.
        let moves = clock > self.last_clock;
        if lead > JUMP_MS_MAX && moves && !self.accepted && self.paused.is_none() {
            return violated(format!("an epoch's clock leads monotonic time by {lead} ms"));
        }
        Ok(())
    }

    /// Somebody accepts the clock, sets it right, or has not noticed yet.
    fn clock_stopped(&mut self) {
        self.reaches("the clock has jumped");
        self.tell("nothing is bound: the clock jumped ahead");
        match self.rng.below(3) {
            0 => self.accept_clock(),
            1 => {
                self.clock.jump(-self.skew_ms);
                self.skew_ms = 0;
            }
            _ => {}
        }
    }

    pub(crate) fn accept_clock(&mut self) {
        self.reaches("the clock is accepted");
        self.tell("the clock is accepted");
        let now = self.clock.now();
        self.accepted = true;
        if let Some(node) = &mut self.node {
            node.accept_clock(now);
        }
    }

    /// The process pauses, another takes over.
    pub(crate) fn take_over(&mut self) -> Checked {
        // A directory is owned by one process.
        if self.paused.is_none()
            && !self.log.is_embedded()
            && let Some(node) = self.node.take()
        {
            self.tell(format!("{} pauses", node.me));
            self.paused = Some(node);
            self.connector_ends();
            return self.start();
        }
        Ok(())
    }

    /// The process that has paused goes on, not knowing what happened meanwhile.
    pub(crate) fn wake(&mut self) -> Checked {
        let Some(mut node) = self.paused.take() else {
            return Ok(());
        };
        self.tell(format!("{} goes on", node.me));
        let now = self.clock.now();
        let turned = if self.rng.chance(50) {
            node.turn(now, &mut self.rng).map(drop)
        } else {
            Ok(())
        };
        let decided = node.decide().map(drop);
        if decided.is_ok() && self.rng.chance(50) {
            let took = node.checkpoint(&self.log, &self.store, &self.objects, &mut self.old_parts);
            self.took(&node.me, &took);
            if matches!(took, Took::Checkpoint(_)) {
                self.reaches("one that was replaced takes a checkpoint");
            }
        }
        let committed = node.commit().map(drop);
        let done = turned.and(decided).and(committed);
        match done {
            Ok(()) | Err(Down::LogWaits(_) | Down::StoreWaits(_)) if self.rng.chance(60) => {
                self.paused = Some(node);
            }
            Ok(()) => node.stop(),
            Err(down) => {
                self.reaches(format!("one that was replaced hears {}", variant(&down)));
                self.tell(format!("{} ends: {down:?}", node.me));
                node.stop();
            }
        }
        self.check_store()?;
        self.check_checkpoints()
    }
}
