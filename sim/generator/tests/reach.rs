//! That random logs reach what they must, with the oracle to decide them.
//!
//! `MILLRACE_SEEDS=from..until` runs others than the standard seeds; `--nocapture` shows what was reached and
//! how often.

use std::collections::BTreeMap;
use std::ops::Range;

use contract::log::{History, Topic};
use contract::tables::Tables;
use millrace_generator::{Coverage, Generator, Profile, append, describe};
use oracle::Oracle;

const STANDARD: Range<u64> = 0..300;
const EPOCHS: usize = 60;

/// Decides the log of a seed; its coverage and the log.
fn run(seed: u64, epochs: usize, coverage: &mut Coverage) -> History {
    let mut generator = Generator::new(seed, Profile::from_seed(seed));
    let (mut log, mut oracle) = (History::new(), Oracle::new());
    let mut before = Tables::new();
    for index in 0..epochs {
        let plan = generator.next_epoch(oracle.tables());
        let epoch = append(&plan, &mut log);
        oracle.epoch(epoch, log.timeline()[index].clock, log.records(index));
        coverage.observe(&before, oracle.tables());
        coverage.observe_log(&log, &before, oracle.tables());
        before = oracle.tables().clone();
    }
    log
}

/// The standard seeds, or those that `MILLRACE_SEEDS=from..until` names.
fn seeds() -> Range<u64> {
    let Ok(range) = std::env::var("MILLRACE_SEEDS") else {
        return STANDARD;
    };
    let parse = |text: &str| text.parse::<u64>().expect("a seed is a whole number");
    let (from, until) = range.split_once("..").expect("MILLRACE_SEEDS is from..until");
    parse(from)..parse(until)
}

#[test]
fn everything_required_is_reached() {
    let seeds = seeds();
    let mut coverage = Coverage::new();
    for seed in seeds.clone() {
        let mut reached = Coverage::new();
        run(seed, EPOCHS, &mut reached);
        coverage.merge(&reached);
    }
    println!("{coverage}");
    if seeds.clone().count() >= STANDARD.count() {
        assert_eq!(coverage.missing(), Vec::<String>::new());
        assert_eq!(coverage.missing_of_log(), Vec::<String>::new());
    }
}

#[test]
fn the_same_seed_gives_the_same_log_and_another_seed_another() {
    let log = |seed| describe(&run(seed, 30, &mut Coverage::new()));
    for seed in 0..12 {
        assert_eq!(log(seed), log(seed));
        assert_ne!(log(seed), log(seed + 12));
    }
}

#[test]
fn clocks_never_go_back_and_keys_mostly_keep_their_partition() {
    let mut homes: BTreeMap<(u64, Topic, Vec<u8>), BTreeMap<u32, u64>> = BTreeMap::new();
    for seed in 0..24 {
        let log = run(seed, 40, &mut Coverage::new());
        assert!(log.timeline().is_sorted_by_key(|b| b.clock));
        for index in 0..log.timeline().len() {
            for record in log.records(index) {
                assert!(record.at.partition < 4);
                let key = (seed, record.at.topic, record.key.unwrap_or_default().to_vec());
                *homes
                    .entry(key)
                    .or_default()
                    .entry(record.at.partition)
                    .or_insert(0) += 1;
            }
        }
    }
    let all: u64 = homes.values().flat_map(BTreeMap::values).sum();
    let home: u64 = homes.values().filter_map(|h| h.values().max()).sum();
    assert!(home < all, "some records must stray");
    assert!(home * 100 > all * 93, "{home} of {all} records at home");
}
