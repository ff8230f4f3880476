//! The simulator: the running system under a virtual clock, with everything around it failing.
//!
//! A run is a function of its seed. The real conductor, workers, delivery, timeline and job are driven step by
//! step ([`node`]) over a log and a store that fail as they are told to ([`faulty_log`], [`store`]). Producers
//! try again and send twice; a connector reads commands from the store and asks a bank ([`bank`]) that
//! declines, delays, answers twice, late, or never; processes crash at any step, pause while others take over,
//! and start again with any number of workers; clocks jump. Checkpoints are taken at any moment
//! ([`objects`]), damaged, and begun with; logs are trimmed, stores lose their last commits or are brought back
//! as they were. At the end all is healthy and must settle.
//!
//! Invariants, checked as often as they can be had: the store's rows are the oracle's at its frontier's epoch;
//! an epoch is decided with one digest, whoever decides it; the frontier and its clock never go back; nothing
//! is shown that a crash could take; what was acknowledged is in the log, as often as its sender was told; the
//! bank was asked only what the log leads to; whoever was charged has a sold order or the money back; nothing
//! waits or is held in the end; audits are empty; a start begins where an independent judge says that it must,
//! or refuses where there is nothing to begin with.
//!
//! [`Canary`]s are known bugs that are planted to see that they are found.

pub mod bank;
mod canary;
mod check;
mod clock;
mod drive;
pub mod faulty_log;
mod file_store;
pub mod node;
pub mod objects;
mod plant;
mod reading;
mod restarts;
mod settle;
mod steps;
pub mod store;
mod story;
mod taking;
mod truth;
mod whole;
mod world;

use std::collections::BTreeMap;

use contract::views::{View, order_timeline};
use generator::{Cells, rows};

pub use canary::Canary;
pub use story::Story;
pub use world::Violation;
use world::World;

/// How a run went.
#[derive(Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// The invariant that it broke, if any.
    pub violation: Option<Violation>,
    /// What happened.
    pub story: Story,
    /// How many epochs there were.
    pub epochs: u64,
    /// How many processes were started.
    pub starts: u64,
    /// What has happened, and how often.
    pub reached: BTreeMap<String, u64>,
}

/// How many steps a run has before it settles, unless it is said otherwise.
pub const STEPS: u64 = 120;

/// Runs a seed.
#[must_use]
pub fn run(seed: u64, steps: u64, canary: Option<Canary>, verbose: bool) -> Report {
    let mut world = World::new(seed, canary, verbose);
    let violation = world.run(steps).err();
    if let Some(Violation(what)) = &violation {
        world.tell(format!("VIOLATION: {what}"));
    }
    world.report(violation)
}

impl World {
    fn run(&mut self, steps: u64) -> Result<(), Violation> {
        self.introduce();
        for _ in 0..steps {
            self.step()?;
        }
        self.settle()?;
        self.check_end()?;
        self.count_notes();
        Ok(())
    }

    /// Counts what was noted of orders and their payments, where the bank speaks for itself.
    fn count_notes(&mut self) {
        let of_row = |row: Cells<'_>| row.maybe_text(order_timeline::note).map(str::to_owned);
        let notes: Vec<String> = rows(self.truth.tables(), View::OrderTimeline)
            .filter_map(of_row)
            .collect();
        if !self.is_wild {
            for note in notes {
                self.reaches(format!("note {note}"));
            }
        }
    }

    /// Tells what kind of world it is.
    fn introduce(&mut self) {
        let log = if self.log.is_embedded() {
            "the embedded log"
        } else {
            "a log in memory"
        };
        let store = if self.store.is_file() {
            "SQLite"
        } else {
            "a store in memory"
        };
        let bank = if self.is_wild {
            "; anybody speaks for the bank"
        } else {
            ""
        };
        self.reaches(log);
        self.reaches(store);
        self.tell(format!("{log} and {store}{bank}"));
    }

    fn report(mut self, violation: Option<Violation>) -> Report {
        for node in [self.node.take(), self.paused.take()].into_iter().flatten() {
            node.stop();
        }
        Report {
            seed: self.seed,
            violation,
            story: self.story,
            epochs: self.truth.epoch().0,
            starts: self.starts,
            reached: self.reached,
        }
    }
}
