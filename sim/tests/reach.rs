//! That random logs reach what they must, with the oracle to decide them.

use contract::log::MemoryLog;
use contract::tables::Tables;
use millrace_sim::{Coverage, Generator, Profile, append};
use oracle::Oracle;

/// Decides the log of a seed; its coverage and the log.
fn run(seed: u64, epochs: usize, coverage: &mut Coverage) -> MemoryLog {
    let mut generator = Generator::new(seed, Profile::from_seed(seed));
    let (mut log, mut oracle) = (MemoryLog::new(), Oracle::new());
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

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(default)
}

#[test]
fn everything_required_is_reached() {
    let seeds = from_env("SEEDS", 300);
    let first = from_env("FIRST", 0);
    let mut coverage = Coverage::new();
    for seed in first..first + seeds {
        run(seed, 60, &mut coverage);
    }
    println!("{coverage}");
    assert_eq!(coverage.missing(), Vec::<String>::new());
    assert_eq!(coverage.missing_of_log(), Vec::<String>::new());
}
