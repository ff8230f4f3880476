//! The job against the oracle, over random logs that steer towards rare states: every row of every view at
//! every epoch.
//!
//! Each seed is a log. `MILLRACE_SEEDS=from..until` runs others than the standard ones, `MILLRACE_SEED=n`
//! replays one and prints its log if it fails. The suite also fails if a cell of the rules' table, a note,
//! a reason or a kind of attention was never reached: a comparison of what never happens proves nothing.

mod common;

use std::ops::Range;

use common::Both;
use contract::log::History;
use contract::views::View;
use generator::{Coverage, Generator, Profile, append, describe};

const EPOCHS: usize = 60;
const SEEDS: Range<u64> = 0..400;

/// Runs one seed. Answers what it reached, or how job and oracle differ.
fn run(seed: u64) -> Result<Coverage, String> {
    let mut generator = Generator::new(seed, Profile::from_seed(seed));
    let (mut log, mut both, mut coverage) = (History::new(), Both::default(), Coverage::new());
    for _ in 0..EPOCHS {
        let before = both.oracle.tables().clone();
        append(&generator.next_epoch(&before), &mut log);
        both.next(&log).map_err(|differences| {
            let log = std::env::var_os("MILLRACE_SEED").map_or(String::new(), |_| describe(&log));
            format!("seed {seed}, {differences}{log}")
        })?;
        coverage.observe(&before, both.oracle.tables());
        coverage.observe_log(&log, &before, both.oracle.tables());
    }
    assert_eq!(
        both.tables.rows(View::Audits).len(),
        0,
        "seed {seed}: audits are empty"
    );
    Ok(coverage)
}

fn seeds() -> Range<u64> {
    let parse = |text: &str| text.parse::<u64>().expect("a seed is a whole number");
    if let Ok(seed) = std::env::var("MILLRACE_SEED") {
        return parse(&seed)..parse(&seed) + 1;
    }
    match std::env::var("MILLRACE_SEEDS") {
        Ok(range) => {
            let (from, until) = range.split_once("..").expect("MILLRACE_SEEDS is from..until");
            parse(from)..parse(until)
        }
        Err(_) => SEEDS,
    }
}

#[test]
fn the_job_agrees_with_the_oracle_in_every_row_of_every_view_at_every_epoch() {
    let seeds = seeds();
    println!("seeds {seeds:?}; replay one with MILLRACE_SEED=n");
    let mut reached = Coverage::new();
    let mut failures = Vec::new();
    for seed in seeds.clone() {
        match std::panic::catch_unwind(|| run(seed)) {
            Ok(Ok(coverage)) => reached.merge(&coverage),
            Ok(Err(report)) => failures.push(report),
            Err(_) => failures.push(format!("seed {seed}: panicked, see above\n")),
        }
    }
    println!("{reached}");
    let shown: String = failures.iter().take(5).map(String::as_str).collect();
    assert!(
        failures.is_empty(),
        "{} of {seeds:?} seeds failed; the first:\n{shown}",
        failures.len()
    );
    if seeds == SEEDS {
        assert_eq!(reached.missing(), Vec::<String>::new(), "never reached");
        assert_eq!(
            reached.missing_of_log(),
            Vec::<String>::new(),
            "never reached, by type of record"
        );
    }
}
