//! A disk of the system's that is really full: a small tmpfs, filled by the log or by somebody else.
//!
//! Mounting needs root. Where it is not allowed, the tests say so and do nothing; `faults.rs` has the same on
//! a simulated disk.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "numbers of tests are small; a test that panics fails"
)]

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use common::{Model, Rng, config, random_batch, seeds};
use millrace_streams::{EmbeddedLog, Log, LogError};

/// One at a time: a process that one test starts has the other's files too until it runs its own program, and
/// what is removed meanwhile makes no room.
static ONE: Mutex<()> = Mutex::new(());

/// A small disk, gone when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(test: &str, bytes: u64) -> Option<SmallDisk> {
        let path = std::env::temp_dir().join(format!("millrace-full-{}-{test}", std::process::id()));
        fs::create_dir(&path).unwrap();
        let disk = SmallDisk(path);
        let size = format!("size={bytes}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&disk.0)
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(disk);
        }
        println!("skipped: {test} can't mount a tmpfs here");
        None
    }

    fn filler(&self) -> PathBuf {
        self.0.join("somebody-else")
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut filler = fs::File::create(self.filler()).unwrap();
        while filler.write_all(&[1; 512]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
        let _ = fs::remove_dir(&self.0);
    }
}

fn open(directory: &Path) -> Result<EmbeddedLog, LogError> {
    EmbeddedLog::open(directory, &config())
}

/// Appends random batches until so many of them failed because the disk is full.
fn append(log: &EmbeddedLog, rng: &mut Rng, model: &mut Model, size: u64, failures: u64) -> u64 {
    let (mut failed, mut appended) = (0, 0);
    while failed < failures {
        let (batch, expected) = random_batch(rng, 0, size);
        match log.append(&batch) {
            Ok(_) => {
                appended += 1;
                model.add(&expected);
            }
            Err(error) => {
                assert!(error.is_full(), "{error}");
                assert!(error.to_string().contains("the disk is full"), "{error}");
                failed += 1;
            }
        }
    }
    appended
}

#[test]
fn a_disk_that_the_log_filled_refuses_appends_cleanly_and_goes_on_when_there_is_room() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    for seed in seeds(8) {
        let Some(disk) = SmallDisk::mount(&format!("own-{seed}"), 256 << 10) else {
            return;
        };
        let (mut rng, mut model) = (Rng(seed), Model::default());
        let directory = disk.0.join("log");
        let log = open(&directory).unwrap();
        let mut reader = log.read("orders", 0, 0).unwrap();
        let size = [30, 300, 3000][rng.below(3) as usize];
        fs::write(disk.filler(), vec![1; 64 << 10]).unwrap();
        assert!(append(&log, &mut rng, &mut model, size, 20) > 0);
        model.check(&log).unwrap();
        while reader.next_run(u64::MAX).unwrap().is_some() {}
        assert_eq!(reader.offset(), model.len("orders", 0));
        // Room for a while, more than once.
        disk.make_room();
        assert!(append(&log, &mut rng, &mut model, size, 20) > 0);
        model.check(&log).unwrap();
        for (topic, partitions) in common::TOPICS {
            for partition in 0..*partitions {
                let before = model.len(topic, partition) / 2;
                let trimmed = log.trim(topic, partition, before);
                match trimmed {
                    Ok(()) => drop(model.starts.insert(((*topic).to_owned(), partition), before)),
                    Err(error) => assert!(error.is_full(), "{error}"),
                }
            }
        }
        append(&log, &mut rng, &mut model, size, 20);
        model.check(&log).unwrap();
        drop(log);
        let log = open(&directory).unwrap();
        assert_eq!(log.opened().cut, None);
        model.check(&log).unwrap();
        log.check().unwrap();
    }
}

#[test]
fn a_disk_that_somebody_else_filled_can_be_read_opened_and_closed_and_takes_appends_when_there_is_room() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    for seed in seeds(8) {
        let Some(disk) = SmallDisk::mount(&format!("else-{seed}"), 256 << 10) else {
            return;
        };
        let (mut rng, mut model) = (Rng(seed), Model::default());
        let directory = disk.0.join("log");
        let log = open(&directory).unwrap();
        for _ in 0..3 {
            for _ in 0..rng.below(20) {
                let (batch, expected) = random_batch(&mut rng, 0, 300);
                log.append(&batch).unwrap();
                model.add(&expected);
            }
            disk.fill();
            // The last page of a file has some room left.
            append(&log, &mut rng, &mut model, 300, 5);
            model.check(&log).unwrap();
            let other = open(&disk.0.join("other")).err().unwrap();
            assert!(other.is_full(), "{other}");
            disk.make_room();
        }
        disk.fill();
        log.close().unwrap();
        let log = open(&directory).unwrap();
        model.check(&log).unwrap();
        append(&log, &mut rng, &mut model, 300, 5);
        disk.make_room();
        let (batch, expected) = random_batch(&mut rng, 0, 300);
        log.append(&batch).unwrap();
        model.add(&expected);
        drop(log);
        model.check(&open(&directory).unwrap()).unwrap();
        assert!(open(&disk.0.join("other")).unwrap().opened().created);
    }
}
