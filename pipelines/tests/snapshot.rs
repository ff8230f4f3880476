//! A job that is restored from a snapshot goes on as the original does, byte for byte; a snapshot stays what
//! it was while the original goes on; damaged parts are told.
//!
//! Each seed is a log of another profile. `MILLRACE_SEED=n` replays one.

use std::collections::BTreeMap;
use std::ops::Range;

use bumpalo::Bump;
use contract::delta::{Delta, Tables};
use contract::log::{History, Topic};
use contract::time::Time;
use contract::views::View;
use generator::{Generator, Profile, Rng, append};
use millrace_pipelines::checkout::Checkout;
use millrace_pipelines::checkout::snapshot::{Damaged, FORMAT_VERSION, Snapshot, decode};
use operators::index::{Job, in_turn};
use oracle::Oracle;

const EPOCHS: usize = 50;
const SEEDS: Range<u64> = 0..70;

/// Encoded parts by name.
type Parts = BTreeMap<String, Vec<u8>>;

fn log_of(seed: u64, epochs: usize) -> (History, Tables) {
    let mut generator = Generator::new(seed, Profile::from_seed(seed));
    let (mut log, mut oracle) = (History::new(), Oracle::new());
    for index in 0..epochs {
        let before: Tables = oracle.tables().clone();
        append(&generator.next_epoch(&before), &mut log);
        let binding = &log.timeline()[index];
        oracle.epoch(binding.epoch, binding.clock, log.records(index));
    }
    (log, oracle.tables().clone())
}

/// The deltas' bytes, one change behind another.
fn bytes(deltas: &[Delta]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for delta in deltas {
        bytes.extend_from_slice(delta.view().schema().name.as_bytes());
        for change in delta.changes() {
            bytes.push(change.op as u8);
            bytes.extend_from_slice(change.key_bytes());
            bytes.extend_from_slice(change.column_bytes());
        }
    }
    bytes
}

fn decide(job: &mut Checkout, log: &History, index: usize) -> Vec<u8> {
    let binding = &log.timeline()[index];
    let deltas = job.epoch(binding.epoch, binding.clock, log.records(index), &mut Bump::new());
    let bytes = bytes(&deltas);
    job.recycle(deltas);
    bytes
}

fn encode(snapshot: &Snapshot) -> Parts {
    let parts = snapshot.parts().into_iter().map(|part| {
        let mut bytes = Vec::new();
        snapshot.encode(&part, &mut bytes);
        (part.to_string(), bytes)
    });
    parts.collect()
}

/// Runs jobs side by side, as a runtime would.
fn side_by_side(jobs: Vec<Job<'_>>) {
    std::thread::scope(|scope| {
        for job in jobs {
            scope.spawn(job);
        }
    });
}

fn restore(parts: &Parts) -> Result<Checkout, Damaged> {
    let parts = parts.iter().rev().map(|(name, bytes)| decode(name, bytes));
    Checkout::restore(parts.collect::<Result<_, _>>()?, &in_turn)
}

/// Restores what was taken after `taken` epochs, and decides the rest of the log: the same as the original.
fn goes_on(seed: u64, taken: usize, parts: &Parts, log: &History, expected: &[Vec<u8>]) {
    let decoded = parts
        .iter()
        .map(|(name, bytes)| decode(name, bytes).expect("it was encoded"));
    let mut job = Checkout::restore(decoded.collect(), &side_by_side).expect("all parts are there");
    assert!(
        encode(&job.snapshot()) == *parts,
        "seed {seed}: after {taken}: the same state, other bytes"
    );
    for (index, expected) in expected.iter().enumerate().skip(taken) {
        assert!(
            decide(&mut job, log, index) == *expected,
            "seed {seed}: restored after {taken} epochs, epoch {index} differs"
        );
    }
}

fn seeds() -> Range<u64> {
    let seed = std::env::var("MILLRACE_SEED").map(|seed| seed.parse().expect("a seed is a whole number"));
    seed.map_or(SEEDS, |seed: u64| seed..seed + 1)
}

#[test]
fn a_restored_job_and_the_original_beside_its_snapshot_both_go_on_as_if_nothing_was() {
    for seed in seeds() {
        let (log, _) = log_of(seed, EPOCHS);
        let mut job = Checkout::new();
        let expected: Vec<Vec<u8>> = (0..EPOCHS).map(|index| decide(&mut job, &log, index)).collect();
        let last = encode(&job.snapshot());
        let mut rng = Rng::new(seed);
        let mut job = Checkout::new();
        let mut alive: Vec<(usize, Snapshot, Parts)> = Vec::new();
        for index in 0..=EPOCHS {
            if rng.chance(12) || index == EPOCHS {
                let snapshot = job.snapshot();
                let parts = encode(&snapshot);
                alive.push((index, snapshot, parts));
            }
            if rng.chance(8) && !alive.is_empty() {
                let (taken, snapshot, parts) = alive.remove(0);
                assert!(
                    encode(&snapshot) == parts,
                    "seed {seed}: a snapshot changed after {taken}"
                );
                goes_on(seed, taken, &parts, &log, &expected);
            }
            if index < EPOCHS {
                assert!(
                    decide(&mut job, &log, index) == expected[index],
                    "seed {seed}: beside a snapshot, epoch {index} differs"
                );
            }
        }
        for (taken, snapshot, parts) in alive {
            assert!(
                encode(&snapshot) == parts,
                "seed {seed}: a snapshot changed after {taken}"
            );
            goes_on(seed, taken, &parts, &log, &expected);
        }
        assert!(
            encode(&job.snapshot()) == last,
            "seed {seed}: snapshots left a trace"
        );
    }
}

#[test]
fn a_shop_that_has_rejected_every_order_is_restored() {
    let mut log = History::new();
    let line = r#"{"sku":"pen","quantity":1,"unit_price":1}"#;
    let order = format!(
        r#"{{"type":"order_placed","order_id":"o","customer_id":"c","currency":"KRW","lines":[{line}]}}"#
    );
    log.append(Topic::Orders, 0, Some(b"o"), Some(order.as_bytes()));
    log.bind(Time::default());
    let mut job = Checkout::new();
    decide(&mut job, &log, 0);
    let parts = encode(&job.snapshot());
    let mut restored = restore(&parts).expect("all parts are there");
    assert!(
        encode(&restored.snapshot()) == parts,
        "the same state, other bytes"
    );
}

/// A state with something in every list that random logs of a few epochs fill.
fn some_state() -> (Parts, Parts) {
    let (log, _) = log_of(7, 24);
    let mut job = Checkout::new();
    let mut states = (0..24).map(|index| {
        decide(&mut job, &log, index);
        encode(&job.snapshot())
    });
    let before = states.nth(22).expect("there are 24");
    (before, states.next().expect("there are 24"))
}

/// Why `parts` can't be restored.
fn refused(parts: Vec<(&str, &[u8])>) -> Damaged {
    let parts = parts.into_iter().map(|(name, bytes)| decode(name, bytes));
    let restored = parts
        .collect::<Result<_, _>>()
        .and_then(|parts| Checkout::restore(parts, &in_turn));
    restored.expect_err("it is damaged")
}

fn named(parts: &Parts) -> Vec<(&str, &[u8])> {
    let named = parts
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    named.collect()
}

#[test]
fn parts_that_are_missing_doubled_swapped_or_of_another_moment_are_told() {
    let (before, parts) = some_state();
    for (at, name) in parts.keys().enumerate() {
        let mut missing = named(&parts);
        missing.remove(at);
        let told = refused(missing);
        assert!(name.starts_with(&told.part), "{name} is missing: {told}");
        let mut doubled = named(&parts);
        doubled.push(doubled[at]);
        assert_eq!(refused(doubled).part, *name, "it is doubled");
        let mut mixed = named(&parts);
        mixed[at].1 = &before[name];
        assert!(
            refused(mixed).what.contains("another checkpoint"),
            "{name} is another epoch's"
        );
        let mut swapped = named(&parts);
        swapped[at].1 = swapped[(at + 1) % parts.len()].1;
        assert_eq!(refused(swapped).part, *name, "it has another's bytes");
    }
    assert!(refused(Vec::new()).what.contains("missing"));
}

#[test]
fn parts_that_are_cut_or_grow_are_told() {
    let (_, parts) = some_state();
    for (name, bytes) in &parts {
        for len in 0..bytes.len() {
            let told = decode(name, &bytes[..len]).expect_err("it is cut");
            assert_eq!(told.part, *name, "cut after {len} bytes");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        decode(name, &longer).expect_err("it has grown");
    }
}

#[test]
fn another_format_is_refused_with_the_way_out() {
    let (_, parts) = some_state();
    let mut other = parts["rules-000000"].clone();
    other[..2].copy_from_slice(&(FORMAT_VERSION + 1).to_le_bytes());
    let told = decode("rules-000000", &other)
        .expect_err("it is another format")
        .to_string();
    assert!(told.contains("rebuild from the log"), "{told}");
}

/// Without a checksum much damage is a state that could be; but none may make reading panic.
#[test]
fn no_flipped_byte_makes_reading_panic() {
    let (_, parts) = some_state();
    let (mut told, mut unseen) = (0, 0);
    for (name, bytes) in &parts {
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                if decode(name, &damaged).is_err() {
                    told += 1;
                    continue;
                }
                let mut all = parts.clone();
                all.insert(name.clone(), damaged);
                match restore(&all) {
                    Err(_) => told += 1,
                    Ok(_) => unseen += 1,
                }
            }
        }
    }
    println!("{told} told, {unseen} could be a state");
    assert!(told > 0 && unseen > 0, "both happen: {told}, {unseen}");
}

#[test]
fn the_census_counts_every_order_where_it_is() {
    for seed in 0..14 {
        let (log, tables) = log_of(seed, EPOCHS);
        let mut job = Checkout::new();
        for index in 0..EPOCHS {
            decide(&mut job, &log, index);
        }
        let snapshot = job.snapshot();
        let census = snapshot.census();
        let with = |words: &[&str]| {
            let rows = tables.rows(View::Orders).values();
            rows.filter(|row| {
                words
                    .iter()
                    .any(|word| format!("{row:?}").contains(&format!("\"{word}\"")))
            })
            .count()
        };
        let open = with(&["awaiting_payment", "paying", "refunding", "needs_operator"]);
        let ended = with(&["rejected", "expired", "payment_failed", "cancelled"]);
        assert_eq!(census.open.orders, open, "seed {seed}");
        assert!(census.closed.orders >= ended, "seed {seed}");
        let all = census.open.orders + census.cancellable.orders + census.closed.orders;
        assert_eq!(all, tables.rows(View::Orders).len(), "seed {seed}");
    }
}
