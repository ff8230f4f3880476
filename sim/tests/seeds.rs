//! Seeds hold, the same seed gives the same run, and every bug that can be planted is found.
//!
//! `MILLRACE_SEEDS=from..until` runs others than the standard seeds; `millrace-sim --seed n --verbose` replays
//! one.

#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::collections::BTreeSet;
use std::ops::Range;

use millrace_sim::{Canary, STEPS, run};

const STANDARD: Range<u64> = 0..400;

fn seeds() -> Range<u64> {
    let Ok(range) = std::env::var("MILLRACE_SEEDS") else {
        return STANDARD;
    };
    let (from, until) = range.split_once("..").unwrap();
    from.parse().unwrap()..until.parse().unwrap()
}

/// What the standard seeds must reach: that all holds proves nothing of what never happens.
const REACHED: &[&str] = &[
    "1 workers",
    "4 workers",
    "SQLite",
    "a store in memory",
    "a log in memory",
    "the embedded log",
    "a crash before an epoch is decided",
    "a crash within an epoch",
    "append Fails",
    "append Full",
    "append DoubtKept",
    "append DoubtLost",
    "append CrashBefore",
    "append CrashAfter",
    "append Slow",
    "append Disk",
    "commit Retry",
    "commit CrashInside",
    "commit CrashAfter",
    "commit DoubtKept",
    "commit DoubtLost",
    "a process hears LogWaits",
    "a process hears StoreWaits",
    "a process hears Restart",
    "one that was replaced hears Replaced",
    "a checkpoint",
    "a checkpoint is given up",
    "a checkpoint is damaged",
    "a start after a checkpoint",
    "a start beside a damaged checkpoint",
    "a start with the first epoch",
    "a start fails with the checkpoints' place",
    "a start refuses, and all is brought back",
    "an older store",
    "an operator trims the log",
    "object Fails",
    "object Doubt",
    "object CrashBefore",
    "object CrashAfter",
    "one that was replaced takes a checkpoint",
    "somebody else binds",
    "the clock has jumped",
    "the clock is accepted",
    "note amount_mismatch",
    "note cancel_after_payment",
    "note duplicate",
    "note late_payment",
    "note lines_cancelled",
    "note partial_refund",
    "note redriven",
    "note refund_failed",
    "note refund_recorded",
    "note refunded_by_provider",
    "note stray_payment",
];

#[test]
fn whatever_fails_every_invariant_holds_and_all_settles() {
    let (mut failed, mut reached) = (Vec::new(), BTreeSet::new());
    for seed in seeds() {
        let report = run(seed, STEPS, None, false);
        failed.extend(
            report
                .violation
                .map(|violation| format!("seed {seed}: {}", violation.0)),
        );
        reached.extend(report.reached.into_keys());
    }
    assert!(failed.is_empty(), "{} seeds: {}", failed.len(), failed[0]);
    if seeds() == STANDARD {
        let missing = REACHED.iter().filter(|what| !reached.contains(**what));
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new(), "never reached");
    }
}

#[test]
fn the_same_seed_gives_the_same_story_and_another_seed_another() {
    for seed in 0..20 {
        let story = run(seed, STEPS, None, false).story.digest();
        assert_eq!(story, run(seed, STEPS, None, true).story.digest(), "seed {seed}");
        assert_ne!(
            story,
            run(seed + 1, STEPS, None, false).story.digest(),
            "seed {seed}"
        );
    }
}

#[test]
fn every_planted_bug_is_found() {
    for canary in Canary::ALL {
        let found = (0..100).find(|seed| run(*seed, STEPS, Some(*canary), false).violation.is_some());
        assert!(found.is_some(), "{} was not found", canary.name());
    }
}
