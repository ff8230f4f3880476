//! A log is read while another owns it and writes: what is seen is a prefix of what was appended, at least what
//! was acknowledged before, and nothing on disk changes by it.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "numbers of tests are small; a test that panics fails"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Rng, TOPICS, read_all};
use millrace_streams::{Batch, EmbeddedLog, Log, LogError, ReadOnlyLog};

/// A directory of the test's, gone after it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("millrace-along-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    fn log(&self) -> PathBuf {
        self.0.join("log")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(directory: &Path) -> EmbeddedLog {
    let mut config = common::config();
    config.segment_bytes_max = 64 << 10;
    EmbeddedLog::open(directory, &config).unwrap()
}

/// Every file, with its bytes.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let read = entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap()));
    read.collect()
}

fn batch(i: u64, value: &str) -> Batch {
    let mut batch = Batch::new(i as i64);
    for topic in ["orders", "stock"] {
        batch.push(topic, 1, Some(b"k"), Some(value.as_bytes()));
    }
    batch
}

/// The value at an offset: a large one now and then.
fn value(offset: u64) -> String {
    let mut rng = Rng(offset);
    let len = if rng.below(50) == 0 { 100_000 } else { 300 };
    format!("{offset} {}", "x".repeat(rng.below(len) as usize))
}

/// Says that it is over, also where a test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn append(log: &EmbeddedLog, over: &AtomicBool) {
    for i in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        log.append(&batch(i, &value(i))).unwrap();
        if i % 100 == 99 {
            for topic in ["orders", "stock"] {
                log.trim(topic, 1, i.saturating_sub(400)).unwrap();
            }
        }
    }
}

#[test]
fn what_is_read_along_is_a_prefix_with_all_that_was_acknowledged_before() {
    let scratch = Scratch::new("live");
    let log = open(&scratch.log());
    let (over, mut gone) = (AtomicBool::new(false), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| append(&log, &over));
        let _over = Over(&over);
        let mut seen = 0;
        for _ in 0..60 {
            let acknowledged = log.ends("orders").unwrap()[1];
            let read = ReadOnlyLog::open(&scratch.log()).unwrap();
            let (start, end) = (read.starts("orders").unwrap()[1], read.ends("orders").unwrap()[1]);
            assert!(end >= acknowledged, "{end} {acknowledged}");
            assert_eq!(end, read.ends("stock").unwrap()[1], "a batch is seen whole");
            // It stands still while more is appended.
            seen = log.wait(seen, Duration::from_secs(1));
            match read_all(&read, "orders", 1, start) {
                Ok(records) => {
                    assert_eq!(records.len() as u64, end - start);
                    for (offset, record) in (start..).zip(&records) {
                        assert!(record.1.as_deref() == Some(value(offset).as_bytes()), "{offset}");
                    }
                }
                Err(LogError::Io { .. }) => gone += 1,
                Err(error) => panic!("{error}"),
            }
        }
    });
    println!("{gone} of 60 were trimmed while they were read");
    assert!(gone < 60);
}

#[test]
fn reading_changes_nothing_and_a_torn_tail_stays_and_is_not_shown() {
    let scratch = Scratch::new("torn");
    let log = open(&scratch.log());
    for i in 0..2_000 {
        log.append(&batch(i, &"y".repeat(100))).unwrap();
    }
    log.close().unwrap();
    let names = files(&scratch.log());
    let last = names.keys().rfind(|name| name.ends_with(".segment")).unwrap();
    let mut torn = names[last].clone();
    torn.extend_from_slice(&torn.clone()[100..150]);
    fs::write(scratch.log().join(last), &torn).unwrap();
    // Without an index it is read all the same, and none is written.
    for name in names.keys().filter(|name| name.ends_with(".index")) {
        fs::remove_file(scratch.log().join(name)).unwrap();
    }
    let before = files(&scratch.log());
    let read = ReadOnlyLog::open(&scratch.log()).unwrap();
    for (topic, partitions) in TOPICS {
        for partition in 0..*partitions {
            let expected = if partition == 1 { 2_000 } else { 0 };
            let records = read_all(&read, topic, partition, 0).unwrap();
            assert_eq!(records.len(), expected, "{topic}/{partition}");
        }
    }
    assert!(matches!(
        read.append(&batch(0, "z")),
        Err(LogError::Refusing { .. })
    ));
    assert!(matches!(
        read.trim("orders", 1, 5),
        Err(LogError::Refusing { .. })
    ));
    drop(read);
    assert!(files(&scratch.log()) == before, "nothing changed");
}

#[test]
fn what_is_no_log_is_refused_and_nothing_is_made() {
    let scratch = Scratch::new("none");
    for place in [scratch.log(), scratch.0.clone()] {
        let refused = ReadOnlyLog::open(&place).map(drop);
        assert!(matches!(refused, Err(LogError::NotOurs { .. })), "{refused:?}");
    }
    assert!(!scratch.log().exists());
}
