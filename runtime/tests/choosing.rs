//! From where a restart goes on, in every relation of log, view store and checkpoints.

use std::collections::BTreeMap;

use contract::digest::Digest;
use contract::installation::Installation;
use contract::log::{Binding, Epoch};
use contract::time::Time;
use millrace_runtime::checkpoint::{CheckpointError, Facts, Found, Id, Manifest, choose};
use sinks::Frontier;
use streams::timeline::no_ends;

fn ours() -> Installation {
    Installation::new(1, [1; 10])
}

/// Of an epoch that holds ten records a time.
fn ends(epoch: u64) -> [Vec<u64>; 9] {
    let mut ends = no_ends();
    ends[5] = vec![epoch * 10];
    ends
}

fn checkpoint(epoch: u64) -> Found {
    let id = Id {
        epoch: Epoch(epoch),
        generation: 1,
    };
    let manifest = Manifest {
        id,
        installation: ours(),
        logic: 2,
        binding: Binding {
            epoch: id.epoch,
            clock: Time::default(),
            ends: ends(epoch),
        },
        digest: Digest::default(),
        in_force: None,
        timeline_offset: epoch,
        parts: Vec::new(),
        census: BTreeMap::new(),
    };
    Found {
        id,
        manifest: Some(Ok(manifest)),
    }
}

fn store(epoch: u64) -> Frontier {
    Frontier {
        installation: ours(),
        generation: 1,
        epoch: Epoch(epoch),
        clock: Time::default(),
        ends: ends(epoch),
        digest: Digest::default(),
        logic: 2,
    }
}

/// The chosen epoch (0: the log's beginning), or what is said; `trimmed`: the epoch after which the log begins.
fn choice(store: Option<u64>, trimmed: u64, checkpoints: &[Found]) -> Result<u64, String> {
    let store = store.map(self::store);
    let mut starts = ends(trimmed);
    starts[3] = vec![0, 0];
    let chosen = choose(&Facts {
        installation: ours(),
        logic: 2,
        store: store.as_ref(),
        timeline_start: trimmed,
        starts: &starts,
        checkpoints,
    });
    let chosen = chosen.map_err(|refusal| refusal.to_string())?;
    Ok(chosen.from.map_or(0, |id| id.epoch.0))
}

#[test]
fn the_newest_that_the_store_has_passed_is_chosen() {
    let all = [checkpoint(30), checkpoint(20), checkpoint(10)];
    for (store, expected) in [(99, 30), (30, 30), (29, 20), (20, 20), (19, 10), (9, 0)] {
        assert_eq!(choice(Some(store), 0, &all), Ok(expected), "store at {store}");
    }
    assert_eq!(
        choice(None, 0, &all),
        Ok(0),
        "an empty store is filled from the log's beginning"
    );
    assert_eq!(choice(None, 0, &[]), Ok(0));
}

#[test]
fn a_trimmed_log_needs_a_checkpoint_that_it_goes_on_from() {
    let all = [checkpoint(30), checkpoint(20)];
    assert_eq!(choice(Some(99), 20, &all), Ok(30));
    assert_eq!(choice(Some(25), 20, &all), Ok(20));
    let behind = choice(Some(19), 20, &all).expect_err("its rows are of before the log begins");
    assert!(
        behind.contains("stands at epoch 19") && behind.contains("restore"),
        "{behind}"
    );
    let empty = choice(None, 20, &all).expect_err("nothing can fill it");
    assert!(empty.contains("empty"), "{empty}");
    let none = choice(Some(99), 20, &[]).expect_err("there is none");
    assert!(none.contains("no checkpoint"), "{none}");
    let beyond = choice(Some(99), 31, &all).expect_err("the log begins after all of them");
    assert!(beyond.contains("ends before the log begins"), "{beyond}");
}

#[test]
fn what_can_not_be_used_is_passed_over_and_told() {
    let damaged = |mut found: Found| {
        found.manifest = Some(Err(CheckpointError::Damaged {
            place: "here".to_owned(),
            id: found.id.to_string(),
            what: "part a is missing".to_owned(),
        }));
        found
    };
    let half = |mut found: Found| {
        found.manifest = None;
        found
    };
    let with = |mut found: Found, change: fn(&mut Manifest)| {
        change(found.manifest.as_mut().expect("whole").as_mut().expect("whole"));
        found
    };
    let foreign = with(checkpoint(40), |m| m.installation = Installation::new(2, [2; 10]));
    let other_logic = with(checkpoint(40), |m| m.logic = 1);
    for (spoilt, said) in [
        (damaged(checkpoint(40)), "part a is missing"),
        (half(checkpoint(40)), "never completed"),
        (foreign, "is of installation"),
        (other_logic, "logic version 1 decided, this is 2"),
    ] {
        let both = [spoilt.clone(), checkpoint(30)];
        assert_eq!(choice(Some(99), 30, &both), Ok(30), "{said}");
        let chosen = choose(&Facts {
            installation: ours(),
            logic: 2,
            store: Some(&store(99)),
            timeline_start: 0,
            starts: &no_ends(),
            checkpoints: &both,
        });
        let passed_over = chosen.expect("there is another").passed_over;
        assert!(passed_over[0].1.contains(said), "{passed_over:?}");
        let refused = choice(Some(99), 30, &[spoilt]).expect_err("there is no other");
        assert!(refused.contains(said), "{refused}");
    }
}
