//! Full disks, failing syncs, trimming, and many appenders at once.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "numbers of tests are small; a test that panics fails"
)]

mod common;

use std::collections::BTreeSet;
use std::io::ErrorKind;

use common::sim_disk::{Fault, SimDisk};
use common::{Model, Rng, TOPICS, open, random_batch, read_all, seeds};
use millrace_streams::{Batch, Log, LogError};

#[test]
fn a_full_disk_fails_appends_cleanly_and_they_succeed_once_there_is_room() {
    for seed in seeds(1) {
        for room in (0..12_000).step_by(37) {
            let (mut rng, mut model, disk) = (Rng(seed), Model::default(), SimDisk::default());
            let log = open(disk.clone()).unwrap();
            disk.set_fault(disk.operations(), Fault::Room(room));
            let mut failed = 0;
            for step in 0..60 {
                let (batch, expected) = random_batch(&mut rng, step, 300);
                match log.append(&batch) {
                    Ok(_) => model.add(&expected),
                    Err(LogError::DiskFull { .. }) => failed += 1,
                    Err(e) => panic!("SEED={seed}, room {room}: {e}"),
                }
                if failed == 3 {
                    model.check(&log).unwrap();
                    disk.heal();
                }
            }
            assert!(failed >= 3);
            model.check(&log).unwrap();
            drop(log);
            let log = open(disk.clone()).unwrap();
            assert_eq!(log.opened().cut, None);
            model.check(&log).unwrap();
        }
    }
}

#[test]
fn after_a_failed_operation_nothing_is_pretended() {
    for seed in seeds(6) {
        for at in 1..150 {
            let (mut rng, mut model, disk) = (Rng(seed), Model::default(), SimDisk::default());
            let log = open(disk.clone()).unwrap();
            disk.set_fault(disk.operations() + at, Fault::Once(ErrorKind::BrokenPipe));
            let mut doubt = None;
            for step in 0..40 {
                let (batch, expected) = random_batch(&mut rng, step, 200);
                match log.append(&batch) {
                    Ok(_) => {
                        assert!(doubt.is_none(), "appended after a failed sync");
                        model.add(&expected);
                    }
                    Err(LogError::InDoubt { .. }) => {
                        let mut with = model.clone();
                        with.add(&expected);
                        doubt = Some(with);
                    }
                    Err(LogError::Refusing { .. }) => assert!(doubt.is_some()),
                    Err(LogError::Io { .. }) => {}
                    Err(e) => panic!("SEED={seed}, {at}: {e}"),
                }
            }
            model.check(&log).unwrap();
            drop(log);
            disk.heal();
            let log = open(disk.clone()).unwrap();
            let doubtful = doubt.filter(|with| with.check(&log).is_ok());
            let model = doubtful.unwrap_or(model);
            model.check(&log).unwrap();
            // What the log shows after it was opened again survives a crash, though the failed sync lost it.
            let crashed = disk.torn_at_random(&mut |n| rng.below(n));
            drop(log);
            model.check(&open(crashed).unwrap()).unwrap();
        }
    }
}

#[test]
fn trimming_frees_disk_and_offsets_stay() {
    let (mut rng, mut model, disk) = (Rng(1), Model::default(), SimDisk::default());
    let log = open(disk.clone()).unwrap();
    for step in 0..200 {
        let (batch, expected) = random_batch(&mut rng, step, 300);
        log.append(&batch).unwrap();
        model.add(&expected);
    }
    let bytes = |disk: &SimDisk| disk.files().values().map(Vec::len).sum::<usize>();
    let before = bytes(&disk);
    for (topic, partitions) in TOPICS {
        for partition in 0..*partitions {
            let end = model.len(topic, partition);
            log.trim(topic, partition, end).unwrap();
            model.starts.insert(((*topic).to_owned(), partition), end);
        }
    }
    assert!(
        before > 50_000 && bytes(&disk) < 6000,
        "{before} {}",
        bytes(&disk)
    );
    model.check(&log).unwrap();
    drop(log);
    let log = open(disk).unwrap();
    model.check(&log).unwrap();
    assert!(matches!(log.read("orders", 0, 0), Err(LogError::Trimmed { .. })));
}

#[test]
fn appenders_at_once_get_contiguous_offsets_of_their_own_and_share_syncs() {
    let path = std::env::temp_dir().join(format!("millrace-group-{}", std::process::id()));
    let log = millrace_streams::EmbeddedLog::open(&path, &common::config()).unwrap();
    let all: Vec<_> = std::thread::scope(|scope| {
        let append = |thread: u64| {
            let log = &log;
            move || {
                let append = |i: u64| {
                    let value = format!("{thread}/{i}");
                    let mut batch = Batch::new(0);
                    batch.push("orders", 0, None, Some(value.as_bytes()));
                    batch.push("stock", 1, None, Some(value.as_bytes()));
                    (log.append(&batch).unwrap()[0].first, value)
                };
                (0..200).map(append).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(append(thread))).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    let offsets: BTreeSet<_> = all.iter().map(|(offset, _)| *offset).collect();
    assert!(offsets.into_iter().eq(0..1600));
    for topic in [("orders", 0), ("stock", 1)] {
        let read = read_all(&log, topic.0, topic.1, 0).unwrap();
        for (offset, value) in &all {
            assert_eq!(read[*offset as usize].1.as_deref(), Some(value.as_bytes()));
        }
    }
    assert!(log.syncs() < 1600, "{} syncs", log.syncs());
    drop(log);
    std::fs::remove_dir_all(path).unwrap();
}
