//! The same log yields the same deltas, byte for byte: however often it is decided, and whether records
//! come decoded by the job or one at a time from outside.

use bumpalo::Bump;
use contract::decode::decode;
use contract::delta::{Delta, Tables};
use contract::log::History;
use generator::{Generator, Profile, append};
use millrace_pipelines::checkout::Checkout;
use oracle::Oracle;

fn log_of(seed: u64) -> History {
    let mut generator = Generator::new(seed, Profile::from_seed(seed));
    let (mut log, mut oracle) = (History::new(), Oracle::new());
    for index in 0..40 {
        let before: Tables = oracle.tables().clone();
        append(&generator.next_epoch(&before), &mut log);
        let binding = &log.timeline()[index];
        oracle.epoch(binding.epoch, binding.clock, log.records(index));
    }
    log
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

fn whole(log: &History, recycle: bool) -> Vec<Vec<u8>> {
    let (mut job, mut arena) = (Checkout::new(), Bump::new());
    let mut all = Vec::new();
    for (index, binding) in log.timeline().iter().enumerate() {
        let deltas = job.epoch(binding.epoch, binding.clock, log.records(index), &mut arena);
        all.push(bytes(&deltas));
        if recycle {
            job.recycle(deltas);
        }
    }
    all
}

fn one_by_one(log: &History) -> Vec<Vec<u8>> {
    let mut job = Checkout::new();
    let epochs = log.timeline().iter().enumerate();
    let epochs = epochs.map(|(index, binding)| {
        job.begin(binding.epoch, binding.clock);
        for record in log.records(index) {
            let arena = Bump::new();
            let decoded = decode(record.at.topic, record.key, record.value, &arena);
            job.record(record.at, decoded.as_ref());
        }
        bytes(&job.end())
    });
    epochs.collect()
}

#[test]
fn the_same_log_yields_the_same_bytes_however_it_is_fed() {
    for seed in 0..30 {
        let log = log_of(seed);
        let first = whole(&log, false);
        assert_eq!(first, whole(&log, true), "seed {seed}: buffers used again");
        assert_eq!(first, one_by_one(&log), "seed {seed}: one record at a time");
    }
}
