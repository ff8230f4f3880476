//! Properties of the operators, each against an oracle that is too simple to be wrong.
//!
//! Cases are random, but the same in every run; `PROPTEST_RNG_SEED=n` runs others, `PROPTEST_CASES=n` more.

mod deadlines;
mod interner;
mod keyed;
mod ledger;
mod ledger_refuses;
mod once;
mod ranking;
mod shared;
mod slots;
mod varint;

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// `count` random cases. A failure shows the smallest case that fails.
fn cases(count: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
    };
    println!("replay with PROPTEST_RNG_SEED={rng_seed:?}");
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() {
        default.cases
    } else {
        count
    };
    ProptestConfig {
        cases,
        rng_seed,
        failure_persistence: None,
        ..default
    }
}

/// Whether `run` panics, which is how an operator answers what its user must never do.
fn panics<T>(run: impl FnOnce() -> T) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
}
