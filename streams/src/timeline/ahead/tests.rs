//! Minters that append ahead, stand still, wake and end, over a timeline that takes their records in any order
//! but each one's own. What they read is judged by folding the timeline as the contract says.

use std::collections::VecDeque;

use contract::log::{Binding, Epoch, Topic};
use contract::time::Time;

use super::super::{Generation, Outcome, Timeline, no_ends};
use super::{Ahead, Room};

const MAX: u64 = 3;

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

struct Minter {
    name: String,
    read: Timeline,
    /// How much of the log it has read.
    offset: usize,
    ahead: Ahead,
    /// Its records that have not arrived.
    way: VecDeque<String>,
    /// It has the generation, as far as it knows.
    holds: bool,
    /// Another has taken over.
    ended: bool,
    /// What it meant to bind.
    meant: Vec<Binding>,
}

impl Minter {
    fn new(name: String) -> Minter {
        Minter {
            name,
            read: Timeline::default(),
            offset: 0,
            ahead: Ahead::new(MAX),
            way: VecDeque::new(),
            holds: false,
            ended: false,
            meant: Vec::new(),
        }
    }

    /// Reads on, by one record; whether there was any.
    fn read(&mut self, log: &[String]) -> bool {
        let Some(record) = log.get(self.offset) else {
            return false;
        };
        self.offset += 1;
        let outcome = self.read.apply(Some(record.as_bytes()));
        let outcome = outcome.unwrap_or_else(|error| panic!("{} read {record}: {error}", self.name));
        if outcome == Outcome::Bound {
            let last = self.read.last().unwrap();
            if self.holds {
                self.ahead.read(last);
            }
            let owner = &self.read.generation().unwrap().owner;
            if *owner == self.name && !self.holds {
                self.holds = true;
                self.ahead.taken(last.epoch);
            }
            self.ended |= self.holds && *owner != self.name;
        }
        true
    }

    /// Appends what it may. `seen`: what there is to be bound now.
    fn mint(&mut self, log: &[String], seen: (u64, u64), clock: i64) {
        if self.ended {
            return;
        }
        if !self.holds {
            // Who takes over has read everything, and waits for what it has appended.
            if self.way.is_empty() && self.offset == log.len() {
                let number = self.read.generation().map_or(0, |g| g.number) + 1;
                let owner = self.name.clone();
                let binding = self.quiet();
                let taken = Generation { number, owner };
                self.way.push_back(self.read.encode(&binding, Some(&taken)));
            }
            return;
        }
        let binding = match self.ahead.room(&self.read) {
            Room::Full => return,
            Room::Quiet => self.quiet(),
            Room::Any => {
                let last = self.ahead.last(&self.read).unwrap();
                let end = |topic: Topic| last.ends[topic as usize].first().copied().unwrap_or(0);
                let mut ends = no_ends();
                ends[Topic::Stock as usize] = vec![seen.0.max(end(Topic::Stock))];
                ends[Topic::Orders as usize] = vec![seen.1.max(end(Topic::Orders))];
                Binding {
                    epoch: Epoch(last.epoch.0 + 1),
                    clock: last.clock.max(Time::from_ms(clock).unwrap()),
                    ends,
                }
            }
        };
        self.meant.push(binding.clone());
        self.way.push_back(self.read.encode(&binding, None));
        self.ahead.sent(binding);
    }

    fn quiet(&self) -> Binding {
        let last = self.read.last();
        Binding {
            epoch: self.read.next_epoch(),
            clock: last.map_or(Time::from_ms(1).unwrap(), |last| last.clock),
            ends: last.map_or_else(no_ends, |last| last.ends.clone()),
        }
    }
}

/// Folds a timeline by the contract, without its code: the first record of each epoch counts, what is left out is
/// unchanged. Gives clock, stock and orders of each.
fn fold(log: &[String]) -> Vec<(String, u64, u64)> {
    let mut all: Vec<(String, u64, u64)> = Vec::new();
    for record in log {
        let value: serde_json::Value = serde_json::from_str(record).unwrap();
        if value["epoch"].as_u64().unwrap() <= all.len() as u64 {
            continue;
        }
        assert_eq!(value["epoch"], all.len() + 1, "no epoch is left out");
        let before = all.last().cloned().unwrap_or_default();
        let end = |topic: &str, before: u64| value["ends"][topic][0].as_u64().unwrap_or(before);
        let clock = value["clock"].as_str().unwrap().to_owned();
        all.push((clock, end("stock", before.1), end("orders", before.2)));
    }
    all
}

/// One step of the world.
fn step(
    rng: &mut Rng,
    log: &mut Vec<String>,
    minters: &mut Vec<Minter>,
    (stock, orders): &mut (u64, u64),
    now: i64,
) {
    if rng.below(40) == 0 {
        let name = format!("m{}", minters.len());
        minters.push(Minter::new(name));
    }
    // An order goes by the stock that was there.
    if rng.below(2) == 0 {
        *stock += 1;
        *orders = *stock;
    }
    // Some stand still: the newer, the likelier it moves.
    let back = rng.below(3).min(rng.below(3)).min(minters.len() as u64 - 1);
    let at = minters.len() - 1 - usize::try_from(back).unwrap();
    let minter = &mut minters[at];
    match rng.below(3) {
        0 => minter.mint(log, (*stock, *orders), now),
        1 => log.extend(minter.way.pop_front()),
        _ => drop(minter.read(log)),
    }
    if rng.below(60) == 0 && minter.holds {
        // It is told that its first record was not kept, and so none after it; or it only thinks so.
        if rng.below(2) == 0 {
            minter.way.clear();
        }
        minter.ahead.lost();
    }
}

#[test]
fn whoever_appends_ahead_and_wakes_late_what_counts_fits_and_all_read_the_same() {
    let (mut voids, mut late) = (0, 0);
    for seed in 0..3_000 {
        let mut rng = Rng(seed);
        let (mut log, mut minters) = (Vec::new(), vec![Minter::new("m0".to_owned())]);
        let mut there = (0, 0);
        for now in 2..400 {
            step(&mut rng, &mut log, &mut minters, &mut there, now);
        }
        // Everybody who stood still wakes, and reads to the end.
        for minter in &mut minters {
            log.extend(minter.way.drain(..));
        }
        let folded = fold(&log);
        for minter in &mut minters {
            while minter.read(&log) {}
            assert_eq!(minter.read.next_epoch().0, folded.len() as u64 + 1, "seed {seed}");
        }
        for (epoch, pair) in folded.windows(2).enumerate() {
            let [before, after] = pair else { unreachable!() };
            assert!(before.0 <= after.0, "seed {seed}: the clock goes back");
            assert!(
                before.1 <= after.1 && before.2 <= after.2,
                "seed {seed}: ends go back"
            );
            assert!(after.2 <= after.1, "seed {seed}: an order without its stock");
            // Each epoch binds what one of the minters meant by it, no mixture; or it changes nothing.
            let number = epoch as u64 + 2;
            let is_meant = minters.iter().flat_map(|m| &m.meant).any(|b| {
                let end = |topic: Topic| b.ends[topic as usize].first().copied().unwrap_or(0);
                let is_same = (end(Topic::Stock), end(Topic::Orders)) == (after.1, after.2);
                b.epoch.0 == number && is_same && b.clock.to_string() == after.0
            });
            assert!(is_meant || before == after, "seed {seed}, epoch {number}");
        }
        voids += log.len() - folded.len();
        late += usize::from(minters.iter().filter(|m| m.ended).count() > 0);
    }
    assert!(
        voids > 3_000 && late > 500,
        "{voids} void records, {late} runs with one that woke"
    );
}
