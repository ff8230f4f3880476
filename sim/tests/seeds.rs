//! Seeds hold, the same seed gives the same run, and every bug that can be planted is found.
//!
//! `MILLRACE_SEEDS=from..until` runs others than the standard seeds; `millrace-sim --seed n --verbose` replays
//! one.

#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::ops::Range;

use millrace_sim::{Canary, STEPS, run};

fn seeds() -> Range<u64> {
    let Ok(range) = std::env::var("MILLRACE_SEEDS") else {
        return 0..250;
    };
    let (from, until) = range.split_once("..").unwrap();
    from.parse().unwrap()..until.parse().unwrap()
}

#[test]
fn whatever_fails_every_invariant_holds_and_all_settles() {
    let failed: Vec<String> = seeds()
        .filter_map(|seed| {
            let violation = run(seed, STEPS, None, false).violation?;
            Some(format!("seed {seed}: {}", violation.0))
        })
        .collect();
    assert!(failed.is_empty(), "{} seeds: {}", failed.len(), failed[0]);
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
