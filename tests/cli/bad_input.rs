//! Data directories and arguments that can't be used: each gives one line that says what and what to do, and
//! nothing half-done is left behind.
//!
//! Clocks that jump are in `runtime/tests/clock.rs`, a full disk is in `full_disk.rs`.

use std::fs;
use std::path::Path;

use crate::common::{Dir, Up, assert_refused, assert_well, millrace, order, text};

/// All names below a directory, and what the files hold.
fn contents(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((
                path.display().to_string(),
                fs::read(&path).expect("it can be read"),
            ));
        }
    }
    found.sort();
    found
}

/// Changes a byte of a file.
fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("it can be read");
    bytes[at] ^= 0x20;
    fs::write(path, bytes).expect("it can be written");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let target = to.join(path.file_name().expect("it has a name"));
        fs::copy(&path, target).expect("it can be copied");
    }
}

#[test]
fn a_directory_that_is_not_ours_is_left_alone() {
    let dir = Dir::new("not-ours");
    fs::create_dir_all(&dir.0).expect("it can be made");
    fs::write(dir.0.join("photo.jpg"), "x").expect("it can be written");
    let before = contents(&dir.0);
    for command in [
        &["up"][..],
        &["verify"],
        &["log", "cat", "orders"],
        &["log", "append", "orders"],
        &["clock", "accept"],
    ] {
        assert_refused(&dir.run(command), 2, &[dir.text(), "photo.jpg", "--data"]);
    }
    assert_eq!(contents(&dir.0), before);
    let log = Dir::new("not-our-log");
    fs::create_dir_all(log.0.join("log")).expect("it can be made");
    fs::write(log.0.join("log/syslog"), "x").expect("it can be written");
    let before = contents(&log.0);
    assert_refused(&log.run(&["up"]), 2, &["syslog", "choose another"]);
    assert_refused(&log.run(&["verify"]), 2, &["syslog", "choose another"]);
    assert_eq!(contents(&log.0), before);
}

#[test]
fn a_directory_that_is_not_there_or_no_directory_is_told() {
    let dir = Dir::new("nowhere");
    assert_refused(&dir.run(&["verify"]), 2, &[dir.text(), "not there", "--data"]);
    assert_refused(&dir.run(&["log", "cat", "orders"]), 2, &[dir.text(), "not there"]);
    assert!(!dir.0.exists());
    let file = Dir(dir.0.with_extension("file"));
    fs::write(&file.0, "x").expect("it can be written");
    for command in [&["up"][..], &["verify"]] {
        assert_refused(&file.run(command), 2, &[file.text(), "not a directory", "--data"]);
    }
    fs::remove_file(&file.0).expect("it can be removed");
}

#[test]
fn a_directory_in_use_is_refused_until_it_is_free() {
    let dir = Dir::shop("in-use");
    let up = Up::start(&dir);
    for command in [
        &["up"][..],
        &["rebuild", "--accept"],
        &["log", "trim"],
        &["log", "append", "orders"],
    ] {
        assert_refused(&dir.run(command), 3, &[dir.text(), "in use", "stop"]);
    }
    // What only reads works.
    up.wait_for_orders(1);
    assert_well(&dir.run(&["verify"]));
    assert_eq!(dir.orders(), 1);
    let nothing = dir.run(&["clock", "accept"]);
    assert_refused(&nothing, 3, &["not stopped by its clock"]);
    up.stop();
    assert_well(&dir.run(&["verify"]));
    assert_refused(&dir.run(&["clock", "accept"]), 3, &["nothing runs on"]);
}

#[test]
fn a_newer_format_is_refused() {
    let dir = Dir::shop("newer-log");
    dir.decide();
    let file = dir.0.join("log/millrace-log");
    let old = fs::read_to_string(&file).expect("it can be read");
    fs::write(&file, old.replacen("millrace-log 1", "millrace-log 9", 1)).expect("it can be written");
    for command in [&["up"][..], &["verify"], &["log", "cat", "orders"]] {
        assert_refused(&dir.run(command), 3, &["format 9", "use a newer version"]);
    }
    fs::write(&file, old).expect("it can be written");
    assert_well(&dir.run(&["verify"]));
    dir.edit("PRAGMA user_version = 99");
    let before = contents(&dir.0);
    assert_refused(
        &dir.run(&["up"]),
        3,
        &["views.sqlite", "format 99", "newer millrace"],
    );
    // A connection of this test's own may be closing still, and with it go SQLite's files beside the store.
    let lasting = |name: &&String| !name.ends_with("-wal") && !name.ends_with("-shm");
    let names = |of: &[(String, Vec<u8>)]| {
        let names = of.iter().map(|(name, _)| name);
        names.filter(lasting).cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&contents(&dir.0)), names(&before));
}

#[test]
fn a_view_store_of_another_program_is_left_alone() {
    let dir = Dir::shop("foreign-store");
    dir.edit("CREATE TABLE mine (x)");
    let before = fs::read(dir.store()).expect("it can be read");
    assert_refused(
        &dir.run(&["up"]),
        3,
        &["views.sqlite", "another program's database"],
    );
    assert_eq!(fs::read(dir.store()).expect("it can be read"), before);
    fs::write(
        dir.store(),
        "no database, but long enough to have a header ".repeat(99),
    )
    .expect("written");
    assert_refused(&dir.run(&["up"]), 3, &["views.sqlite", "move it away"]);
    assert_refused(&dir.run(&["verify"]), 3, &["views.sqlite"]);
}

#[test]
fn a_log_shorter_than_its_view_store_is_refused() {
    let dir = Dir::shop("short-log");
    dir.decide();
    let saved = Dir::new("short-log-saved");
    copy(&dir.0.join("log"), &saved.0);
    dir.append("orders", &order("o2"));
    dir.decide();
    fs::remove_dir_all(dir.0.join("log")).expect("it can be removed");
    copy(&saved.0, &dir.0.join("log"));
    let before = dir.stored();
    assert_refused(&dir.run(&["up"]), 3, &["views.sqlite"]);
    assert_refused(&dir.run(&["verify"]), 1, &["restored from an older copy"]);
    assert!(dir.stored() == before, "the view store is as it was");
    // A copy of the view store is not made anew from a log that lacks what it holds, nor trusted later on.
    let (copied, made) = (dir.0.join("copied"), dir.0.join("views.made"));
    fs::copy(dir.store(), &copied).expect("it can be copied");
    fs::rename(&copied, dir.store()).expect("it can be moved");
    let ours = fs::read_to_string(&made).expect("it was made here");
    assert_refused(&dir.run(&["up"]), 3, &["views.sqlite"]);
    assert!(dir.stored() == before, "the view store is as it was");
    assert_eq!(fs::read_to_string(&made).expect("it is still there"), ours);
    // Another log altogether.
    let other = Dir::shop("short-log-other");
    fs::remove_dir_all(dir.0.join("log")).expect("it can be removed");
    assert_refused(&dir.run(&["up"]), 2, &["views.sqlite", "no log"]);
    copy(&other.0.join("log"), &dir.0.join("log"));
    assert_refused(&dir.run(&["up"]), 3, &["views.sqlite", "installation"]);
    assert_refused(&dir.run(&["verify"]), 1, &["installation"]);
}

#[test]
fn a_torn_tail_is_cut_with_a_warning() {
    let dir = Dir::shop("torn-tail");
    dir.decide();
    let file = dir.last_segment();
    let mut bytes = fs::read(&file).expect("it can be read");
    bytes.extend_from_slice(&bytes.clone()[bytes.len() - 9..]);
    fs::write(&file, bytes).expect("it can be written");
    let read = assert_well(&dir.run(&["log", "cat", "orders"]));
    assert_eq!(read.lines().count(), 1, "who only reads leaves it");
    let output = dir.run_with(&["log", "append", "orders"], b"");
    assert_well(&output);
    let said = text(&output.stderr);
    assert!(said.contains("torn write") && said.contains("cut off"), "{said}");
    dir.decide();
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn a_flipped_byte_in_the_middle_is_told_with_its_place_and_changes_nothing() {
    let dir = Dir::shop("flipped");
    dir.decide();
    let file = dir.last_segment();
    let len = fs::read(&file).expect("it can be read").len();
    for at in [len / 4, len / 2] {
        flip(&file, at);
        let before = contents(&dir.0);
        for command in [&["up"][..], &["verify"], &["log", "cat", "orders"]] {
            let output = dir.run(command);
            assert_refused(&output, 3, &["segment", "damaged"]);
        }
        assert_eq!(contents(&dir.0), before, "byte {at}");
        flip(&file, at);
    }
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn a_number_of_workers_that_cannot_be_is_refused_before_anything_is_made() {
    let dir = Dir::new("workers");
    for workers in ["0", "1000", "-1", "many"] {
        let refused = dir.run(&["up", &format!("--workers={workers}")]);
        assert_refused(&refused, 2, &["--workers", workers]);
    }
    assert!(!dir.0.exists());
    assert_refused(
        &millrace(&["demo", "--exit", "--workers", "0"]),
        2,
        &["--workers"],
    );
}

/// The program as it ships has no kill points, and nothing that asks for them.
#[test]
#[cfg(not(feature = "kill-points"))]
fn kill_points_are_not_in_the_default_build() {
    assert_refused(&millrace(&["kill-points"]), 2, &["kill-points"]);
    let program = fs::read(env!("CARGO_BIN_EXE_millrace")).expect("it can be read");
    for name in ["MILLRACE_KILL", "MILLRACE_FEED"] {
        let there = program.windows(name.len()).any(|bytes| bytes == name.as_bytes());
        assert!(!there, "{name}");
    }
}

#[cfg(not(feature = "s3"))]
#[test]
fn a_build_without_buckets_says_which_feature_has_them() {
    let settings = crate::common::scratch(
        "bucket.toml",
        b"[checkpoint]\nlocation = \"s3://shop/checkpoints\"\n",
    );
    let settings = settings.to_str().expect("the path is UTF-8");
    for command in [&["config", "check"][..], &["up", "--listen", "127.0.0.1:0"]] {
        let refused = millrace(&[command, &["--config", settings]].concat());
        assert_refused(&refused, 2, &["s3://shop/checkpoints", "--features s3"]);
    }
}

#[test]
fn settings_that_can_not_be_used_are_refused_before_a_directory_is_made() {
    let dir = Dir::new("no-directory");
    let data = dir.0.join("data");
    let data = data.to_str().expect("the path is UTF-8");
    let file = dir.0.join("millrace.toml");
    fs::create_dir_all(&dir.0).expect("it can be made");
    fs::write(&file, "[checkpoint]\nlocation = \"s3://b/p\"\n").expect("it can be written");
    let file = file.to_str().expect("the path is UTF-8");
    let up = millrace(&["up", "--data", data, "--config", file]);
    assert_refused(&up, 2, &["checkpoint.location"]);
    assert!(!Path::new(data).exists());
}
