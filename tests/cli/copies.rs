//! A data directory that is copied at any moment opens and verifies.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::common::{Dir, Up, assert_well};

/// How many copies are made of one run.
const COPIES: u64 = 6;

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status();
    assert!(copied.expect("cp starts").success());
}

/// A directory with a history that takes a while to be decided.
fn history(test: &str) -> Dir {
    let dir = Dir::new(test);
    let month = Path::new(env!("CARGO_MANIFEST_DIR")).join("importers/data/online-retail-2010-12.csv.gz");
    let month = month.to_str().expect("the path is UTF-8");
    assert_well(&dir.run(&["import", "online-retail", month]));
    dir
}

/// Waits until the view store holds an epoch.
fn wait_for_epoch(up: &Up, epoch: u64) {
    let until = std::time::Instant::now() + crate::common::LIMIT;
    while up.frontier().map_or(0, |frontier| frontier.epoch.0) < epoch {
        assert!(std::time::Instant::now() < until, "epoch {epoch} does not come");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_copy_in_one_go_at_any_moment_opens_and_verifies() {
    let dir = history("copied");
    let up = Up::start(&dir);
    let copies: Vec<Dir> = (0..COPIES)
        .map(|number| {
            wait_for_epoch(&up, number * 60);
            thread::sleep(Duration::from_millis(number * 7));
            let copied = Dir::new(&format!("copied-{number}"));
            up.signal("STOP");
            copy(&dir.0, &copied.0);
            up.signal("CONT");
            copied
        })
        .collect();
    up.stop();
    for copied in &copies {
        assert_well(&copied.run(&["verify"]));
    }
    let last = copies.last().expect("there are copies");
    last.decide();
    assert_well(&last.run(&["verify"]));
}

/// The view store first, then the log, so that the log is never behind. Nothing is moved from SQLite's
/// write-ahead log into its file meanwhile: see `sinks` for what happens then.
#[test]
fn a_copy_file_by_file_while_it_runs_opens_and_verifies_if_the_view_store_comes_first() {
    let dir = history("copied-running");
    let up = Up::start(&dir);
    let copies: Vec<Dir> = (0..COPIES)
        .map(|number| {
            wait_for_epoch(&up, number * 60);
            let copied = Dir::new(&format!("copied-running-{number}"));
            fs::create_dir_all(&copied.0).expect("it can be made");
            for name in ["views.sqlite", "views.sqlite-wal"] {
                let from = dir.0.join(name);
                if from.exists() {
                    fs::copy(from, copied.0.join(name)).expect("it can be copied");
                }
            }
            copy(&dir.0.join("log"), &copied.0);
            copied
        })
        .collect();
    up.stop();
    for copied in &copies {
        assert_well(&copied.run(&["verify"]));
    }
    let last = copies.last().expect("there are copies");
    last.decide();
    assert_well(&last.run(&["verify"]));
}
