//! Following a log: bindings that travel with what they bind, waiting for more, reading up to an offset.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "numbers of tests are small; a test that panics fails"
)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::gate::GatedDisk;
use common::sim_disk::{Fault, SimDisk};
use common::{Model, Rng, TOPICS, open, random_batch, read_all, seeds};
use millrace_streams::{Batch, EmbeddedLog, Log, LogError, MemoryLog};

const LONG: Duration = Duration::from_secs(120);

fn orders(log: &dyn Log, partition: u32, value: &str) -> Result<(), LogError> {
    let mut batch = Batch::new(0);
    batch.push("orders", partition, None, Some(value.as_bytes()));
    log.append(&batch).map(drop)
}

/// Appends a record of the timeline that says where the orders end, unless `seen` is that already.
fn bind(log: &dyn Log, seen: &mut Vec<u64>) -> Result<(), LogError> {
    let before = seen.clone();
    let bound = log.append_after(0, &mut |next| {
        *seen = next.ends("orders").unwrap().to_vec();
        let mut binding = Batch::new(7);
        let ends = serde_json::to_string(&seen).unwrap();
        binding.push("timeline", 0, None, Some(ends.as_bytes()));
        (*seen != before).then_some(binding)
    });
    bound.map(drop).inspect_err(|_| *seen = before)
}

/// The ends that the log's bindings say, which never go back.
fn bindings(log: &dyn Log) -> Vec<Vec<u64>> {
    let read = read_all(log, "timeline", 0, 0).unwrap().into_iter();
    let all: Vec<Vec<u64>> = read
        .map(|record| serde_json::from_slice(&record.1.unwrap()).unwrap())
        .collect();
    let further = |w: &[Vec<u64>]| w[0] != w[1] && w[0].iter().zip(&w[1]).all(|(a, b)| a <= b);
    assert!(all.windows(2).all(further));
    all
}

/// Appends from several threads while another binds; the appends that succeeded.
fn append_and_bind(log: &dyn Log, appends: u64) -> u64 {
    let (done, appended) = (AtomicBool::new(false), AtomicU64::new(0));
    let append = |partition: u32| {
        for i in 0..appends {
            let ok = orders(log, partition, &i.to_string()).is_ok();
            appended.fetch_add(u64::from(ok), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|p| scope.spawn(move || append(p))).collect();
        scope.spawn(|| {
            let (mut seen, mut ends) = (0, vec![0; 3]);
            while !done.load(Ordering::Acquire) {
                seen = log.wait(seen, Duration::from_millis(20));
                let _ = bind(log, &mut ends);
            }
            let _ = bind(log, &mut ends);
        });
        threads.into_iter().for_each(|t| t.join().unwrap());
        done.store(true, Ordering::Release);
    });
    appended.into_inner()
}

#[test]
fn a_batch_can_say_where_its_own_records_stand() {
    let embedded = open(SimDisk::default()).unwrap();
    let memory = MemoryLog::new(TOPICS).unwrap();
    for log in [&embedded as &dyn Log, &memory] {
        for round in 0..3 {
            let appended = log.append_after(9, &mut |next| {
                let mut batch = Batch::new(5);
                batch.push("orders", 1, None, Some(b"o"));
                let first = next.ends("orders").unwrap()[1];
                batch.push("timeline", 0, None, Some(&[first as u8]));
                assert!(next.ends("other").is_err());
                Some(batch)
            });
            assert_eq!(appended.unwrap()[0].first, round);
            let read = read_all(log, "timeline", 0, round).unwrap();
            assert_eq!(read, [(None, Some(vec![round as u8]), vec![], 9)]);
        }
        assert_eq!(log.append_after(0, &mut |_| None).unwrap(), []);
        assert_eq!(log.append_after(0, &mut |_| Some(Batch::new(0))).unwrap(), []);
        assert_eq!(log.ends("timeline").unwrap(), [3]);
    }
}

#[test]
fn bindings_made_while_others_append_bind_everything_once_and_share_syncs() {
    let path = std::env::temp_dir().join(format!("millrace-following-{}", std::process::id()));
    let embedded = EmbeddedLog::open(&path, &common::config()).unwrap();
    let memory = MemoryLog::new(TOPICS).unwrap();
    for log in [&embedded as &dyn Log, &memory] {
        assert_eq!(append_and_bind(log, 150), 450);
        let all = bindings(log);
        assert_eq!(all.last().unwrap(), &[150, 150, 150]);
        assert!(all.len() <= 450);
    }
    let frames = 450 + bindings(&embedded).len() as u64;
    assert!(embedded.syncs() < frames, "{} of {frames}", embedded.syncs());
    drop(embedded);
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn no_binding_outlives_what_it_binds_whatever_fails() {
    for seed in seeds(60) {
        let mut rng = Rng(seed);
        let disk = SimDisk::default();
        let log = open(disk.clone()).unwrap();
        let at = disk.operations() + 1 + rng.below(60);
        let fault = match rng.below(3) {
            0 => Fault::Crash,
            1 => Fault::Room(rng.below(4000)),
            _ => Fault::Once(std::io::ErrorKind::BrokenPipe),
        };
        disk.set_fault(at, fault);
        let appended = append_and_bind(&log, 20);
        let ends = log.ends("orders").unwrap();
        assert_eq!(ends.iter().sum::<u64>(), appended);
        let held = |log: &dyn Log| {
            let (ends, bound) = (log.ends("orders").unwrap(), bindings(log));
            let last = bound.last().cloned().unwrap_or_default();
            assert!(last.iter().zip(&ends).all(|(b, e)| b <= e), "{last:?} {ends:?}");
        };
        held(&log);
        let torn = disk.torn_at_random(&mut |n| rng.below(n));
        drop(log);
        held(&open(torn).unwrap());
    }
}

#[test]
fn who_waits_is_woken_when_there_is_more_to_read_and_misses_nothing() {
    let embedded = open(SimDisk::default()).unwrap();
    let memory = MemoryLog::new(TOPICS).unwrap();
    for log in [&embedded as &dyn Log, &memory] {
        let before = log.wait(0, Duration::ZERO);
        assert_eq!(log.wait(before, Duration::from_millis(1)), before);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut reader = log.read("orders", 0, 0).unwrap();
                let mut seen = before;
                while reader.offset() < 300 {
                    while reader.next_run(u64::MAX).unwrap().is_some() {}
                    if reader.offset() < 300 {
                        // Read nothing since `seen`: more must come, and be told.
                        let now = log.wait(seen, LONG);
                        assert!(now > seen, "not woken at offset {}", reader.offset());
                        seen = now;
                    }
                }
            });
            for i in 0..300 {
                orders(log, 0, &i.to_string()).unwrap();
            }
        });
    }
}

#[test]
fn a_binding_joins_the_group_of_what_it_binds_and_readers_are_woken_after_the_sync() {
    let disk = GatedDisk::default();
    let log = open(disk.clone()).unwrap();
    let (mut reader, syncs) = (log.read("timeline", 0, 0).unwrap(), log.syncs());
    let more = |seen: u64| {
        let now = log.wait(seen, LONG);
        assert!(now > seen, "not woken");
        now
    };
    std::thread::scope(|scope| {
        disk.shut(true);
        let mut seen = log.wait(0, Duration::ZERO);
        // The first is on its way to the disk; what follows gathers behind it.
        for value in ["on its way", "behind"] {
            scope.spawn(|| orders(&log, 0, value).unwrap());
            seen = more(seen);
        }
        scope.spawn(|| bind(&log, &mut vec![]).unwrap());
        seen = more(seen);
        assert!(reader.next_run(u64::MAX).unwrap().is_none());
        disk.shut(false);
        while reader.next_run(u64::MAX).unwrap().is_none() {
            seen = more(seen);
        }
    });
    assert_eq!(bindings(&log), [[2, 0, 0]]);
    assert_eq!(log.syncs() - syncs, 2);
}

#[test]
fn a_reader_stops_where_it_is_told_and_goes_on_from_there() {
    for seed in seeds(20) {
        let (mut rng, mut model) = (Rng(seed), Model::default());
        let embedded = open(SimDisk::default()).unwrap();
        let memory = MemoryLog::new(TOPICS).unwrap();
        for step in 0..100 {
            let (batch, expected) = random_batch(&mut rng, step, 100);
            embedded.append(&batch).unwrap();
            memory.append(&batch).unwrap();
            model.add(&expected);
        }
        let expected = &model.records[&("orders".to_owned(), 2)];
        for log in [&embedded as &dyn Log, &memory] {
            let from = rng.below(expected.len() as u64 / 2);
            let mut reader = log.read("orders", 2, from).unwrap();
            let (mut next, mut until) = (from, from);
            while next < expected.len() as u64 {
                until += rng.below(6);
                while let Some(run) = reader.next_run(until).unwrap() {
                    assert!(run.left() > 0);
                    for record in run {
                        let (key, value, _, timestamp_ms) = &expected[next as usize];
                        assert_eq!((record.offset, record.timestamp_ms), (next, *timestamp_ms));
                        assert_eq!((record.key, record.value), (key.as_deref(), value.as_deref()));
                        next += 1;
                    }
                }
                assert_eq!(next, until.min(expected.len() as u64));
                assert_eq!(reader.offset(), next);
            }
        }
    }
}

#[test]
fn reading_a_frame_in_small_steps_reads_the_file_once() {
    let disk = SimDisk::default();
    let log = open(disk.clone()).unwrap();
    let mut batch = Batch::new(0);
    for i in 0..50_000 {
        batch.push("orders", 0, None, Some(format!("{i:0100}").as_bytes()));
    }
    log.append(&batch).unwrap();
    let read = |step: u64| {
        disk.take_reads();
        let mut reader = log.read("orders", 0, 0).unwrap();
        while reader.offset() < 50_000 {
            let until = reader.offset() + step;
            reader.next_run(until).unwrap().unwrap();
        }
        disk.take_reads()
    };
    assert_eq!(read(1), read(50_000));
}
