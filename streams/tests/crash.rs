//! Whatever a crash leaves, the log opens, and holds every acknowledged batch, others whole or not at all.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "numbers of tests are small; a test that panics fails"
)]

mod common;

use common::sim_disk::{Fault, SimDisk};
use common::{Model, Rng, TOPICS, open, random_batch, seeds};
use millrace_streams::{EmbeddedLog, Log};

/// What the log may hold after a script was cut short.
struct Expected {
    /// With all that was acknowledged.
    surely: Model,
    /// With the batch under way as well, or the trim.
    maybe: Option<Model>,
}

/// Runs a script until something fails: appends, some trims, some reopenings.
fn run(seed: u64, disk: &SimDisk, steps: u64) -> Expected {
    let (mut rng, mut model) = (Rng(seed), Model::default());
    let mut log: Option<EmbeddedLog> = None;
    for step in 0..steps {
        if log.is_none() || rng.below(12) == 0 {
            drop(log.take());
            log = open(disk.clone()).ok();
        }
        let Some(log) = &log else {
            return Expected {
                surely: model,
                maybe: None,
            };
        };
        let mut after = model.clone();
        let done = if rng.below(10) == 0 {
            let (topic, partitions) = TOPICS[rng.below(3) as usize];
            let partition = rng.below(partitions.into()) as u32;
            let before = rng.below(model.len(topic, partition) + 1);
            let start = after.starts.entry((topic.to_owned(), partition)).or_default();
            *start = before.max(*start);
            log.trim(topic, partition, before)
        } else {
            let (batch, expected) = random_batch(&mut rng, step as i64, 120);
            after.add(&expected);
            log.append(&batch).map(drop)
        };
        if done.is_err() {
            return Expected {
                surely: model,
                maybe: Some(after),
            };
        }
        model = after;
    }
    Expected {
        surely: model,
        maybe: None,
    }
}

/// Opens what a crash left, twice, and appends to it.
fn check(disk: &SimDisk, expected: &Expected, what: &str) {
    let mut model = None;
    for _ in 0..2 {
        let log = open(disk.clone()).unwrap_or_else(|e| panic!("{what}: {e}"));
        let surely = expected.surely.check(&log);
        if model.is_none() {
            model = Some(match (&surely, &expected.maybe) {
                (Ok(()), _) => expected.surely.clone(),
                (Err(why), Some(maybe)) => {
                    maybe.check(&log).unwrap_or_else(|e| panic!("{what}: {why}; {e}"));
                    maybe.clone()
                }
                (Err(why), None) => panic!("{what}: {why}"),
            });
        }
        let model = model.as_mut().unwrap();
        model.check(&log).unwrap_or_else(|e| panic!("{what}: {e}"));
        let (batch, added) = random_batch(&mut Rng(7), 0, 50);
        log.append(&batch).unwrap_or_else(|e| panic!("{what}: {e}"));
        model.add(&added);
        model.check(&log).unwrap_or_else(|e| panic!("{what}: {e}"));
    }
}

fn operations(seed: u64, steps: u64) -> u64 {
    let disk = SimDisk::default();
    run(seed, &disk, steps);
    disk.operations()
}

#[test]
fn a_crash_at_any_operation_torn_at_any_byte_loses_nothing_acknowledged() {
    let mut states = 0;
    for seed in seeds(2) {
        for at in 1..=operations(seed, 30) {
            let disk = SimDisk::default();
            disk.set_fault(at, Fault::Crash);
            let expected = run(seed, &disk, 30);
            disk.torn_at_any_byte(|torn, how| {
                states += 1;
                check(&torn, &expected, &format!("SEED={seed}, operation {at}, {how}"));
            });
        }
    }
    println!("{states} states after a crash");
}

#[test]
fn a_crash_that_leaves_any_part_of_what_was_not_synced_loses_nothing_acknowledged() {
    for seed in seeds(30) {
        let all = operations(seed, 80);
        let mut rng = Rng(seed ^ 0xc0ffee);
        for _ in 0..40 {
            let at = 1 + rng.below(all);
            let disk = SimDisk::default();
            disk.set_fault(at, Fault::Crash);
            let expected = run(seed, &disk, 80);
            let torn = disk.torn_at_random(&mut |n| rng.below(n));
            check(&torn, &expected, &format!("SEED={seed}, operation {at}"));
        }
    }
}

#[test]
fn a_second_crash_while_opening_after_the_first_loses_nothing_acknowledged() {
    for seed in seeds(30) {
        let all = operations(seed, 60);
        let mut rng = Rng(seed ^ 0xdecade);
        for _ in 0..20 {
            let disk = SimDisk::default();
            disk.set_fault(1 + rng.below(all), Fault::Crash);
            let expected = run(seed, &disk, 60);
            let torn = disk.torn_at_random(&mut |n| rng.below(n));
            torn.set_fault(1 + rng.below(12), Fault::Crash);
            drop(open(torn.clone()));
            let again = torn.torn_at_random(&mut |n| rng.below(n));
            check(&again, &expected, &format!("SEED={seed}"));
        }
    }
}

#[test]
fn a_copy_of_the_directory_at_any_moment_opens() {
    for seed in seeds(4) {
        for at in 1..=operations(seed, 60) {
            let disk = SimDisk::default();
            disk.set_fault(at, Fault::Crash);
            let expected = run(seed, &disk, 60);
            check(&disk.copy(), &expected, &format!("SEED={seed}, operation {at}"));
        }
    }
}
