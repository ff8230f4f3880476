//! Given a log and its timeline every view at every epoch is the same, whatever the number of workers and
//! however reading was cut, and the oracle's.

mod common;

use std::sync::mpsc::channel;

use common::{Hand, Sample, Store, VIEWS, run};
use contract::digest::{Digest, Sum};
use contract::log::Epoch;
use generator::Rng;
use millrace_runtime::chunk::Raw;
use millrace_runtime::dataflow::{Dataflow, Yield};
use millrace_runtime::queue::Depth;
use millrace_runtime::state::State;

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

/// The digests of all epochs of a sample, when its records are cut into chunks as `cut` says.
fn digests(sample: &Sample, workers: usize, mut cut: impl FnMut() -> usize) -> Vec<Digest> {
    let (to, heard) = channel();
    let mut dataflow =
        Dataflow::start::<Yield>(workers, Depth::default(), to, State::default()).expect("threads start");
    let mut digest = Digest::default();
    let mut all = Vec::new();
    for (index, binding) in sample.history.timeline().iter().enumerate() {
        dataflow.clock(binding.epoch, binding.clock, false);
        let mut left = 0;
        let mut chunk = Raw::default();
        for record in sample.history.records(index) {
            if left == 0 {
                dataflow.feed(binding.epoch, std::mem::take(&mut chunk));
                left = cut();
            }
            left -= 1;
            chunk.push(record.at, record.key, record.value);
        }
        dataflow.feed(binding.epoch, chunk);
        dataflow.close(binding.epoch);
        let (mut sum, mut through) = (Sum::default(), 0);
        while through < workers {
            match heard.recv().expect("workers run") {
                Yield::Changes(changes) => changes.deltas.iter().for_each(|delta| sum.add(delta)),
                Yield::Part(_, deltas) => deltas.iter().for_each(|delta| sum.add(delta)),
                Yield::Rows(_) | Yield::AllRows(_) => unreachable!("nobody asked for them"),
                Yield::Through(_, epoch) => through += usize::from(epoch == binding.epoch),
            }
        }
        digest = digest.after(binding.epoch, binding.clock, sum);
        all.push(digest);
    }
    dataflow.stop();
    all
}

#[test]
fn how_an_epoch_is_cut_into_chunks_does_not_show() {
    for seed in seeds() {
        let sample = Sample::new(seed, 30);
        let whole = digests(&sample, 1, || usize::MAX);
        let mut rng = Rng::new(seed);
        assert_eq!(whole, digests(&sample, 1, || 1), "MILLRACE_SEED={seed}");
        for workers in [2, 4] {
            let random = digests(&sample, workers, || 1 + rng.index(20));
            assert_eq!(whole, random, "MILLRACE_SEED={seed}");
        }
    }
}
