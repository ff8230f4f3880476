//! A directory that is copied file by file while the log is written: the copy opens, and holds what was there
//! when copying began and some of what came after, nothing else.

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
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Fields, Rng, TOPICS, read_all};
use millrace_streams::embedded::Config;
use millrace_streams::{Batch, EmbeddedLog, Log, LogError};

type Held = BTreeMap<(&'static str, u32), Vec<Fields>>;

fn config() -> Config {
    let mut config = common::config();
    config.segment_bytes_max = 128 << 10;
    config
}

fn open(directory: &Path) -> Result<EmbeddedLog, LogError> {
    EmbeddedLog::open(directory, &config())
}

fn held(log: &dyn Log) -> Held {
    let partitions = TOPICS
        .iter()
        .flat_map(|(topic, n)| (0..*n).map(move |p| (*topic, p)));
    partitions
        .map(|(t, p)| ((t, p), read_all(log, t, p, 0).unwrap()))
        .collect()
}

/// Names of files in a directory, copied in this order.
type Order = fn(&mut Rng, Vec<String>) -> Vec<String>;

fn alphabetical(_: &mut Rng, mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}

fn newest_segment_first(_: &mut Rng, mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    let segment = |name: &String| name.ends_with(".segment");
    let (mut names, rest): (Vec<_>, Vec<_>) = names.into_iter().partition(segment);
    names.reverse();
    names.extend(rest);
    names
}

fn any(rng: &mut Rng, mut names: Vec<String>) -> Vec<String> {
    for i in (1..names.len()).rev() {
        names.swap(i, rng.below(i as u64 + 1) as usize);
    }
    names
}

/// Copies the files that there are now, one after another. One that is renamed before its turn comes is left
/// out, as every tool does.
fn copy(rng: &mut Rng, order: Order, from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    let names = fs::read_dir(from).unwrap();
    let names = names
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in order(rng, names) {
        match fs::copy(from.join(&name), to.join(&name)) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && name.ends_with(".new") => {}
            copied => drop(copied.unwrap()),
        }
    }
}

fn cp(_: &mut Rng, from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).output().unwrap();
    let words = String::from_utf8_lossy(&copied.stderr).into_owned();
    assert!(words.lines().all(|line| line.contains(".new'")), "{words}");
}

/// Appends until told to stop: the same value to two partitions.
fn append(log: &dyn Log, thread: u64, stop: &AtomicBool) {
    let mut rng = Rng(thread);
    for i in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // A large one now and then, which is a segment of its own.
        let len = if rng.below(50) == 0 { 1 << 20 } else { 300 };
        let value = format!("{thread} {i} {}", "x".repeat(rng.below(len) as usize));
        let mut batch = Batch::new(i);
        for topic in ["orders", "stock"] {
            batch.push(topic, 1, Some(b"k"), Some(value.as_bytes()));
        }
        batch.push("orders", rng.below(3) as u32, None, Some(value.as_bytes()));
        log.append(&batch).unwrap();
    }
}

fn copies(name: &str, rounds: u64, copy: impl Fn(&mut Rng, &Path, &Path)) {
    let base = std::env::temp_dir().join(format!("millrace-copy-{}-{name}", std::process::id()));
    fs::create_dir(&base).unwrap();
    let (stop, mut rng) = (AtomicBool::new(false), Rng(5));
    let log = open(&base.join("log")).unwrap();
    let mut copies: Vec<(PathBuf, BTreeMap<&str, Vec<u64>>)> = Vec::new();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (log, stop) = (&log, &stop);
            scope.spawn(move || append(log, thread, stop));
        }
        for round in 0..rounds {
            let ends = TOPICS.iter().map(|(t, _)| (*t, log.ends(t).unwrap())).collect();
            let to = base.join(format!("copy-{round}"));
            copy(&mut rng, &base.join("log"), &to);
            copies.push((to, ends));
            let (mut seen, more) = (0, log.ends("orders").unwrap()[1] + rng.below(20));
            while log.ends("orders").unwrap()[1] < more {
                seen = log.wait(seen, std::time::Duration::from_secs(1));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let whole = held(&log);
    let mut cut = 0;
    for (copy, ends) in &copies {
        let copied = open(copy).unwrap_or_else(|e| panic!("{}: {e}", copy.display()));
        copied.check().unwrap();
        cut += u64::from(copied.opened().cut.is_some());
        let read = held(&copied);
        for ((topic, partition), records) in &read {
            let (all, least) = (&whole[&(*topic, *partition)], ends[topic][*partition as usize]);
            assert!(records.len() as u64 >= least, "{topic}/{partition}");
            assert_eq!(records[..], all[..records.len()]);
        }
        let in_both = |topic| read[&(topic, 1)].iter().filter(|r| r.0.is_some()).count();
        assert_eq!(in_both("orders"), in_both("stock"));
    }
    println!(
        "{name}: {rounds} copies, {cut} with a torn tail, {} records",
        whole[&("orders", 1)].len()
    );
    drop(log);
    fs::remove_dir_all(base).unwrap();
}

#[test]
fn a_copy_made_from_the_newest_segment_to_the_oldest_opens() {
    copies("newest", 25, |rng, from, to| {
        copy(rng, newest_segment_first, from, to);
    });
}

#[test]
fn a_copy_made_in_alphabetical_order_opens() {
    copies("alphabetical", 25, |rng, from, to| {
        copy(rng, alphabetical, from, to);
    });
}

#[test]
fn a_copy_made_in_any_order_opens() {
    copies("any", 25, |rng, from, to| copy(rng, any, from, to));
}

#[test]
fn a_copy_made_by_cp_opens() {
    copies("cp", 25, cp);
}
