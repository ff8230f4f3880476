//! Given a log and its timeline every view at every epoch is the same, whatever the number of workers, and
//! the oracle's.

mod common;

use common::{Hand, Sample, Store, VIEWS, run};
use contract::log::Epoch;

fn seeds() -> std::ops::Range<u64> {
    let from = std::env::var("MILLRACE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    from.map_or(0..12, |seed| seed..seed + 1)
}

#[test]
fn every_epoch_is_the_same_for_any_number_of_workers_and_the_oracles() {
    for seed in seeds() {
        let epochs = 40;
        let sample = Sample::new(seed, epochs);
        let clock = Hand::default();
        clock.put(sample.history.timeline().last().unwrap().clock);
        let kept = [1, 2, 4].map(|workers| {
            let store = Store::default();
            run(&sample.log, &store, &clock, workers, Epoch(epochs));
            store.kept()
        });
        let at = usize::try_from(epochs).unwrap();
        for other in &kept {
            assert_eq!(kept[0].digests[..at], other.digests[..at], "MILLRACE_SEED={seed}");
            let differences = other.tables.differences(sample.oracle.tables(), VIEWS);
            assert!(differences.is_empty(), "MILLRACE_SEED={seed}: {}", differences[0]);
        }
    }
}
