//! A data directory that is copied at any moment opens and verifies.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use contract::log::{Epoch, Topic};
use runtime::clock::SystemClock;
use runtime::{Engine, Options, Progress};
use sinks::sqlite::{self, SqliteViews};
use streams::timeline::Limits;
use streams::{Batch, EmbeddedLog, Installation, Log as _, embedded};

use crate::common::{Dir, LIMIT, Up, VIEWS, assert_well, scratch, text};

/// How many copies are made of one run.
const COPIES: u64 = 6;
/// Orders of the history; every fourth begins an epoch.
const INVOICES: u64 = 1600;

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status();
    assert!(copied.expect("cp starts").success());
}

/// A directory with a history that takes a while to be decided.
fn history(test: &str) -> Dir {
    let dir = Dir::new(test);
    let mut lines =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n".to_owned();
    for invoice in 0..INVOICES {
        // Another price now and then, each of which begins an epoch.
        let (minute, hour, price) = (invoice % 60, invoice / 60 % 24, invoice / 4 % 9 + 1);
        for code in 85_000..85_006 {
            let _ = writeln!(
                lines,
                "{},{code},A HOLDER,6,2010-12-{:02} {hour:02}:{minute:02}:00,{price}.55,{},United Kingdom",
                536_000 + invoice,
                1 + invoice / 1440,
                17_000 + invoice % 50,
            );
        }
    }
    let file = scratch(&format!("{test}.csv"), lines.as_bytes());
    let file = file.to_str().expect("the path is UTF-8");
    assert_well(&dir.run(&["import", "online-retail", file]));
    dir
}

/// Waits until the view store holds an epoch.
fn wait_for_epoch(up: &Up, epoch: u64) {
    let until = std::time::Instant::now() + LIMIT;
    while up.frontier().map_or(0, |frontier| frontier.epoch.0) < epoch {
        assert!(std::time::Instant::now() < until, "epoch {epoch} does not come");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Each copy verifies as it is, and the last one also after it was run on.
fn all_verify(copies: &[Dir]) {
    for copied in copies {
        assert_well(&copied.run(&["verify"]));
    }
    let last = copies.last().expect("there are copies");
    last.decide();
    assert_well(&last.run(&["verify"]));
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
    all_verify(&copies);
}

/// The view store first, then the log, so that the log is never behind. Nothing is moved from SQLite's
/// write-ahead log into its file meanwhile: what happens then is the next test.
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
    all_verify(&copies);
}

/// SQLite's file and its write-ahead log belong together. When that was moved into the file and begun anew
/// between the two copies, the copy lacks changes, and SQLite mostly can't tell. `verify` can.
#[test]
fn a_copy_torn_by_a_checkpoint_is_found_by_verify_and_made_anew() {
    let dir = Dir::shop("copied-torn");
    let topics = Topic::ALL.map(|topic| (topic.name(), 1));
    let config = embedded::Config::new(Installation::new(0, [0; 10]), &topics);
    let log = Arc::new(EmbeddedLog::open(&dir.0.join("log"), &config).expect("the log opens"));
    let config = sqlite::Config {
        checkpoint_bytes: 64 << 10,
        ..sqlite::Config::new(dir.store(), VIEWS)
    };
    let store = SqliteViews::open(config).expect("the store opens");
    let options = Options {
        workers: 1,
        installation: log.installation(),
        me: "test".to_owned(),
        binds: true,
        limits: Limits::default(),
        skips: Vec::new(),
        checkpoints: None,
        until: None,
    };
    let clock = Arc::new(SystemClock::new());
    let engine = Engine::start(Arc::clone(&log) as _, Box::new(store), clock, &options).expect("it starts");
    let wal = |dir: &Dir| dir.0.join("views.sqlite-wal");
    let mut numbers = 2..;
    let copies = [60, 100].map(|between| {
        let copied = Dir::new(&format!("copied-torn-{between}"));
        fs::create_dir_all(&copied.0).expect("it can be made");
        place(&log, &engine, numbers.next().unwrap_or_default());
        fs::copy(dir.store(), copied.store()).expect("it can be copied");
        for number in numbers.by_ref().take(between) {
            place(&log, &engine, number);
        }
        fs::copy(wal(&dir), wal(&copied)).expect("it can be copied");
        copy(&dir.0.join("log"), &copied.0);
        copied
    });
    drop((engine, log));
    for copied in copies {
        let output = copied.run(&["verify"]);
        let stderr = text(&output.stderr);
        match output.status.code() {
            Some(1) => assert!(stderr.contains("rows differ from what the log says"), "{stderr}"),
            Some(3) => assert!(stderr.contains("move it away"), "{stderr}"),
            other => panic!("status {other:?}: {stderr}"),
        }
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        // Run on it, and the store is made anew.
        let up = Up::start(&copied);
        up.stop();
        let output = copied.run(&["verify"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

/// Places an order, and waits until an epoch after it is visible.
fn place(log: &EmbeddedLog, engine: &Engine, number: u64) {
    let line = r#"[{"sku":"s1","quantity":1,"unit_price":5}]"#;
    let id = format!("o{number}");
    let value = format!(
        r#"{{"type":"order_placed","order_id":"{id}","customer_id":"c","currency":"KRW","lines":{line}}}"#
    );
    let mut batch = Batch::new(0);
    batch.push("orders", 0, Some(id.as_bytes()), Some(value.as_bytes()));
    let visible = |progress: &Progress| progress.visible.map_or(Epoch(0), |(epoch, _)| epoch);
    let before = visible(&engine.progress());
    log.append(&batch).expect("there is room");
    let after = visible(&engine.wait(LIMIT, |progress| visible(progress) > before));
    assert!(after > before, "{number}");
}
