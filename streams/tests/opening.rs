//! What is met on opening a directory of the system's: each bad input gives one line that says what is wrong
//! with which thing, and what to do; and changes nothing.

#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "numbers of tests are small; a test that panics fails"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::config;
use millrace_streams::embedded::Config;
use millrace_streams::{Batch, EmbeddedLog, Installation, Log};

/// A directory for a test, gone when it is dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("millrace-opening-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Place(path)
    }

    /// A log with some segments, closed.
    fn log(&self, name: &str, config: &Config) -> PathBuf {
        let path = self.0.join(name);
        let log = EmbeddedLog::open(&path, config).unwrap();
        for i in 0..150 {
            let mut batch = Batch::new(i);
            batch.push("orders", 1, None, Some(&[b'x'; 100]));
            log.append(&batch).unwrap();
        }
        log.close().unwrap();
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap().map(|e| e.unwrap().path());
    let mut segments: Vec<_> = files
        .filter(|p| p.extension().is_some_and(|e| e == "segment"))
        .collect();
    segments.sort();
    segments
}

fn change(file: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap();
    how(&mut bytes);
    fs::write(file, bytes).unwrap();
}

fn contents(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let Ok(files) = fs::read_dir(path) else {
        return BTreeMap::new();
    };
    let files = files.map(|e| e.unwrap().path());
    // The lock is made on the way.
    let files = files.filter(|p| p.file_name().is_none_or(|n| n != "lock"));
    files.map(|p| (p.clone(), fs::read(p).unwrap())).collect()
}

/// Checks that a directory is refused in one line with these words, and left as it was.
fn refused(directory: &Path, config: &Config, words: &[&str]) {
    let before = contents(directory);
    let line = match EmbeddedLog::open(directory, config) {
        Ok(_) => panic!("{} was opened", directory.display()),
        Err(e) => e.to_string(),
    };
    println!("{line}");
    assert!(!line.contains('\n'), "{line}");
    for word in words {
        assert!(line.contains(word), "{word:?} is not in: {line}");
    }
    assert!(
        contents(directory) == before,
        "{} was changed",
        directory.display()
    );
}

#[test]
fn what_is_no_log_is_refused_in_words() {
    let place = Place::new("foreign");
    let (foreign, posing, file) = (place.0.join("a"), place.0.join("b"), place.0.join("c"));
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("photo.jpg"), "x").unwrap();
    let choose = "choose another directory";
    refused(&foreign, &config(), &["/a is not a log", "photo.jpg", choose]);
    fs::create_dir(&posing).unwrap();
    fs::write(posing.join("millrace-log"), "hello\n").unwrap();
    refused(&posing, &config(), &["millrace-log in ", "/b is not", choose]);
    fs::write(&file, "x").unwrap();
    refused(&file, &config(), &["/c is not a directory", choose]);
    refused(&file.join("d"), &config(), &["/c/d is not a directory", choose]);
    refused(
        &place.0.join("no/such"),
        &config(),
        &["/no/such can't be made", "make that first"],
    );
}

#[test]
fn a_log_in_use_a_newer_one_and_one_of_other_topics_are_refused_in_words() {
    let place = Place::new("other");
    let path = place.log("log", &config());
    let held = EmbeddedLog::open(&path, &config()).unwrap();
    refused(
        &path,
        &config(),
        &["/log is in use by another process", "stop that one"],
    );
    drop(held);
    let mut more = config();
    more.topics[0].partitions = 9;
    refused(&path, &more, &["topic orders has 3 partitions, not 9", "fixed"]);
    let segment = segments(&path)[1].clone();
    change(&segment, |bytes| bytes[8] = 2);
    let newer = ["has format 2", "up to 1", "use a newer version"];
    refused(&path, &config(), &newer);
    change(&path.join("millrace-log"), |bytes| {
        bytes["millrace-log ".len()] = b'2';
    });
    refused(&path, &config(), &newer);
}

#[test]
fn damage_is_told_in_words_with_the_ways_out() {
    let place = Place::new("damage");
    let restore = "Restore the file from a copy";
    let one = |name: &str, how: &dyn Fn(&Path), words: &[&str]| {
        let path = place.log(name, &config());
        how(&path);
        refused(&path, &config(), words);
    };
    one(
        "meta",
        &|path| change(&path.join("millrace-log"), |b| b[40] ^= 1),
        &["millrace-log is damaged: its checksum is wrong", restore],
    );
    one(
        "no-meta",
        &|path| fs::remove_file(path.join("millrace-log")).unwrap(),
        &["millrace-log is damaged: it is missing", restore],
    );
    one(
        "header",
        &|path| change(&segments(path)[1], |b| b[20] ^= 1),
        &[
            "2.segment is damaged: the checksum of its header",
            restore,
            "cutting segment 2 at 0",
        ],
    );
    one(
        "last",
        &|path| change(segments(path).last().unwrap(), |b| b[300] ^= 1),
        &[
            ".segment is damaged at byte 2",
            "orders/1 from offset",
            "Nothing was skipped",
            restore,
            "kept beside it",
        ],
    );
    one(
        "short",
        &|path| change(&segments(path)[0], |b| b.truncate(3000)),
        &[
            "1.segment is damaged at byte 3000: it has 3000 bytes, but had",
            restore,
        ],
    );
    one(
        "missing",
        &|path| fs::remove_file(&segments(path)[1]).unwrap(),
        &["2.segment is damaged: the segment is missing", restore],
    );
    one(
        "none",
        &|path| segments(path).iter().for_each(|s| fs::remove_file(s).unwrap()),
        &["all segments are missing", restore],
    );
    let mut config = config();
    config.installation = Installation::new(9, [9; 10]);
    let other = place.log("another", &config);
    one(
        "mixed",
        &|path| {
            fs::copy(&segments(&other)[1], &segments(path)[1]).unwrap();
        },
        &[
            "2.segment is damaged: it belongs to another installation",
            restore,
        ],
    );
}

#[test]
fn a_byte_flipped_in_the_middle_is_told_when_it_is_read() {
    let place = Place::new("flipped");
    let path = place.log("log", &config());
    change(&segments(&path)[1], |bytes| bytes[2000] ^= 1);
    let log = EmbeddedLog::open(&path, &config()).unwrap();
    let line = log.check().unwrap_err().to_string();
    for word in [
        "2.segment is damaged at byte 1",
        "checksum",
        "orders/1 from offset",
        "Restore",
        "cutting",
    ] {
        assert!(line.contains(word), "{line}");
    }
    assert!(!line.contains('\n'));
}

#[test]
fn a_torn_tail_is_cut_and_told() {
    let place = Place::new("torn");
    let path = place.log("log", &config());
    let last = segments(&path).pop().unwrap();
    let len = fs::metadata(&last).unwrap().len();
    change(&last, |bytes| bytes.extend([7; 33]));
    let log = EmbeddedLog::open(&path, &config()).unwrap();
    assert_eq!(log.ends("orders").unwrap(), [0, 150, 0]);
    let told = log.opened().cut.unwrap().to_string();
    assert!(
        told.contains("the last 33 bytes of segment") && told.contains(&format!("from {len} on")),
        "{told}"
    );
    drop(log);
    assert_eq!(EmbeddedLog::open(&path, &config()).unwrap().opened().cut, None);
}

/// A directory that is mounted on itself to be read only.
struct ReadOnly<'a>(&'a Path);

impl ReadOnly<'_> {
    fn mount(path: &Path) -> Option<ReadOnly<'_>> {
        let mount = |args: &[&str]| {
            let mut command = Command::new("mount");
            let output = command.args(args).arg(path).output();
            output.is_ok_and(|output| output.status.success())
        };
        if !mount(&["--bind", path.to_str()?]) {
            return None;
        }
        let mounted = ReadOnly(path);
        mount(&["-o", "remount,ro,bind"]).then_some(mounted)
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
    }
}

#[test]
fn a_read_only_directory_is_refused_in_words() {
    let place = Place::new("read-only");
    let path = place.log("log", &config());
    let Some(_mounted) = ReadOnly::mount(&path) else {
        println!("skipped: a_read_only_directory_is_refused_in_words can't mount here");
        return;
    };
    let words = ["read-only", "needs to write", "make it writable"];
    refused(&path, &config(), &[&["locking ", "/log"], &words[..]].concat());
    refused(
        &path.join("new"),
        &config(),
        &[&["making ", "/log/new"], &words[..]].concat(),
    );
}
