//! The jobs besides checkout: every view at every epoch is the oracle's, for any number of workers and however
//! epochs reach them; and a restart from a dump goes on as if it had seen the whole log.
#![expect(clippy::unwrap_used, reason = "tests fail by it")]

mod by_hand;
mod running;

use std::sync::Arc;

use contract::delta::Tables;
use contract::log::History;
use contract::views::View;
use generator::{Generator, Profile, Rng, append};
use importers::film_reviews::{SAMPLE, Shares, import, read};
use millrace_pipelines::jobs::BaseRows;
use oracle::Oracle;
use running::{Plan, Told, lines, run, tell};

const EPOCHS: u64 = 40;

fn seeds(standard: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let from = std::env::var("MILLRACE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    from.map_or(standard, |seed| seed..seed + 1)
}

/// A random log, and the oracle's tables after each epoch.
fn sample(seed: u64) -> (History, Vec<Tables>) {
    let mut generator = Generator::new(seed, Profile::from_seed(seed));
    let (mut log, mut oracle, mut tables) = (History::new(), Oracle::new(), Vec::new());
    for index in 0..usize::try_from(EPOCHS).unwrap() {
        append(&generator.next_epoch(oracle.tables()), &mut log);
        let binding = &log.timeline()[index];
        oracle.epoch(binding.epoch, binding.clock, log.records(index));
        tables.push(oracle.tables().clone());
    }
    (log, tables)
}

/// Applies everybody's deltas epoch by epoch, and compares.
fn compare(told: &Told, plan: &Plan, yielded: &running::Yielded, expected: &[Tables], seed: u64) {
    let mut tables = Tables::new();
    for (epoch, (deltas, expected)) in (1..).zip(told.deltas.iter().zip(expected)) {
        let jobs = yielded.deltas.get(&epoch).into_iter().flatten();
        deltas.iter().chain(jobs).for_each(|delta| tables.apply(delta));
        let differences = tables.differences(expected, View::ALL);
        let workers = plan.workers;
        assert!(
            differences.is_empty(),
            "MILLRACE_SEED={seed}, {workers} workers, epoch {epoch}: {}",
            differences[0]
        );
    }
}

/// The views at the end of a log, which are the oracle's with any of these numbers of workers.
fn end(log: &History, workers: &[usize]) -> Tables {
    let expected = oracle::replay(log);
    let told = Arc::new(tell(log));
    for &workers in workers {
        let plan = Plan {
            workers,
            ..Plan::default()
        };
        let (yielded, mut tables) = (run(&told, plan), Tables::new());
        let deltas = told.deltas.iter().chain(yielded.deltas.values()).flatten();
        deltas.for_each(|delta| tables.apply(delta));
        let differences = tables.differences(expected.tables(), View::ALL);
        assert!(differences.is_empty(), "{workers} workers: {}", differences[0]);
    }
    expected.tables().clone()
}

#[test]
fn every_view_at_every_epoch_is_the_oracles_for_any_number_of_workers() {
    for seed in seeds(0..60) {
        let (log, expected) = sample(seed);
        let told = Arc::new(tell(&log));
        let workers = [1, 2, 4][usize::try_from(seed % 3).unwrap()];
        let plan = Plan {
            workers,
            seed,
            ..Plan::default()
        };
        compare(&told, &plan, &run(&told, plan.clone()), &expected, seed);
    }
}

#[test]
fn real_reviews_with_edits_deletions_and_cancelled_orders_end_as_the_oracles() {
    let mut input = read(SAMPLE).unwrap();
    input.lines = input.lines.into_iter().step_by(20).collect();
    let log = import(&input, 3, Shares::default()).log;
    let tables = end(&log, &[1, 2, 4]);
    assert!(tables.rows(View::ReviewDocuments).len() > 2500);
}

#[test]
fn a_restart_from_a_dump_at_any_epoch_with_any_number_of_workers_goes_on_the_same() {
    for seed in seeds(0..40) {
        let (log, _) = sample(seed);
        let told = Arc::new(tell(&log));
        let mut rng = Rng::new(seed);
        let dump = 1 + rng.below(EPOCHS - 1);
        let plan = Plan {
            workers: rng.one_of(&[1, 2, 3, 4]),
            seed,
            dump: Some(dump),
            slice: 1 + rng.index(20),
            ..Plan::default()
        };
        let whole = run(&told, plan.clone());
        let restarted = Plan {
            workers: rng.one_of(&[1, 2, 3, 4]),
            seed: seed + 1,
            start: dump,
            parts: whole.dump.clone(),
            dump: Some(EPOCHS),
            slice: 1000,
        };
        let rest = run(&told, restarted);
        let (mut expected, actual) = (lines(&whole), lines(&rest));
        expected.retain(|epoch, _| *epoch > dump);
        for (expected, actual) in expected.iter().zip(&actual) {
            assert_eq!(expected, actual, "MILLRACE_SEED={seed}, dumped at {dump}");
        }
        assert_eq!(
            expected.len(),
            actual.len(),
            "MILLRACE_SEED={seed}, dumped at {dump}"
        );
        let last = run(
            &told,
            Plan {
                dump: Some(EPOCHS),
                slice: 7,
                ..plan
            },
        );
        assert_eq!(
            rows(&last.dump),
            rows(&rest.dump),
            "MILLRACE_SEED={seed}, dumped at {dump}"
        );
    }
}

fn rows(parts: &[Vec<u8>]) -> BaseRows {
    let mut all = BaseRows::default();
    for part in parts {
        let read = BaseRows::read(part).unwrap();
        all.rows.extend(read.rows);
        all.bought.extend(read.bought);
    }
    all.rows.sort();
    all.bought.sort_unstable();
    assert!(!all.bought.is_empty());
    all
}
