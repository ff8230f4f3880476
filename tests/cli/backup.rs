//! `millrace backup` of what runs, and `millrace restore`: what was acknowledged is there, damage is told by
//! name, and what fails leaves nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::common::{Dir, Up, assert_refused, assert_well, curl, millrace, order, text};

fn backup(dir: &Dir, to: &Dir) -> String {
    assert_well(&dir.run(&["backup", to.text()]))
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort_unstable();
    found
}

/// The ids of the orders in a log.
fn orders(dir: &Dir) -> BTreeSet<String> {
    let cat = assert_well(&dir.run(&["log", "cat", "orders"]));
    let keys = cat.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("it is JSON");
        let value: Value =
            serde_json::from_str(line["value"].as_str().unwrap_or_default()).unwrap_or_default();
        value["order_id"].as_str().unwrap_or_default().to_owned()
    });
    keys.collect()
}

/// Orders one, and returns its id once it is acknowledged.
fn buy(address: &str, number: usize) -> Option<String> {
    let line: Value = serde_json::from_str(&order(&format!("live-{number}"))).expect("it is JSON");
    let value = line["value"].as_str().unwrap_or_default();
    let said = curl(&format!(
        "curl -s -X POST -H Content-Type:application/json http://{address}/v1/streams/orders \
         --data-binary '{value}'"
    ))?;
    let said: Value = serde_json::from_str(&said).expect("it is JSON");
    assert_eq!(said["accepted"], 1, "{said}");
    Some(format!("live-{number}"))
}

#[test]
fn a_backup_of_what_runs_under_load_holds_all_that_was_acknowledged_and_goes_on() {
    let dir = Dir::shop("backup-live");
    let up = Up::start(&dir);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (address, over) = (up.address(), &over);
        let load = scope.spawn(move || {
            let mut number = 1000;
            while !over.load(Ordering::Relaxed) && buy(address, number).is_some() {
                number += 1;
            }
        });
        for round in 0..3 {
            let (to, back) = (
                Dir::new(&format!("backup-live-{round}")),
                Dir::new(&format!("backup-live-restored-{round}")),
            );
            let Some(acknowledged) = buy(address, round) else {
                break;
            };
            let said = backup(&dir, &to);
            assert!(said.contains("as of epoch"), "{said}");
            let restored = assert_well(&back.run(&["restore", to.text()]));
            assert!(restored.contains("millrace up --data"), "{restored}");
            assert!(orders(&back).contains(&acknowledged));
            // What was acknowledged when the backup was over is a part of the log, so that it is a prefix.
            assert!(orders(&back).is_subset(&orders(&dir)));
            let before = back.stored().0.expect("it stands somewhere");
            assert_well(&back.run(&["verify"]));
            let count = back.orders();
            let again = Up::start(&back);
            again.wait_for_orders(count);
            assert!(buy(again.address(), 900_000).is_some());
            again.wait_for_orders(count + 1);
            again.stop();
            let after = back.stored().0.expect("it stands somewhere");
            assert!(after.epoch > before.epoch && after.installation == before.installation);
            assert_well(&back.run(&["verify"]));
        }
        over.store(true, Ordering::Relaxed);
        load.join().expect("it ends");
    });
    up.stop();
    assert_well(&dir.run(&["verify"]));
}

/// A directory with a store and a checkpoint.
fn with_checkpoint(test: &str) -> Dir {
    let dir = Dir::shop(test);
    fs::write(dir.0.with_extension("toml"), "[checkpoint]\ninterval_s = 1\n").expect("it can be written");
    let config = dir.0.with_extension("toml");
    let config = config.to_str().expect("the path is UTF-8");
    let up = Up::with(&dir, &[], &["--config", config]);
    let mut number = 0;
    // One is taken once a second has passed, with an epoch that holds records.
    while !files(&dir.0).iter().any(|file| file.ends_with("manifest")) {
        number += 1;
        assert!(
            buy(up.address(), number).is_some_and(|_| number < 3000),
            "no checkpoint is taken"
        );
        thread::sleep(std::time::Duration::from_millis(50));
    }
    up.stop();
    dir
}

#[test]
fn damage_to_any_kind_of_file_is_told_by_name_and_nothing_is_restored() {
    if curl("curl -s file:///dev/null").is_none() {
        return;
    }
    let dir = with_checkpoint("backup-damage");
    let (to, back) = (Dir::new("backup-damaged"), Dir::new("backup-not-restored"));
    backup(&dir, &to);
    let all = files(&to.0);
    for kind in [
        "backup.json",
        "views.sqlite",
        ".segment",
        "millrace-log",
        "manifest",
        ".lz4",
    ] {
        let path = all.iter().find(|path| path.to_string_lossy().ends_with(kind));
        let path = path.unwrap_or_else(|| panic!("{kind} in {all:?}"));
        let name = path.file_name().expect("it has a name").to_string_lossy();
        let good = fs::read(path).expect("it can be read");
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 4;
            fs::write(path, &bad).expect("it can be written");
            assert_refused(&back.run(&["restore", to.text()]), 3, &[&name, "damaged"]);
            assert!(!back.0.exists(), "{name}");
        }
        fs::write(path, &good[..good.len() - 1]).expect("it can be written");
        assert_refused(&back.run(&["restore", to.text()]), 3, &[&name, "damaged"]);
        fs::remove_file(path).expect("it can be removed");
        let status = if kind == "backup.json" { 2 } else { 3 };
        assert_refused(&back.run(&["restore", to.text()]), status, &[&name]);
        fs::write(path, &good).expect("it can be written");
    }
    assert_well(&back.run(&["restore", to.text()]));
    let listed = assert_well(&back.run(&["checkpoints", "verify"]));
    assert!(
        listed.contains(" 0 damaged") && !listed.starts_with("0 sound"),
        "{listed}"
    );
    assert_well(&back.run(&["verify"]));
    let up = Up::start(&back);
    up.stop();
    assert_well(&back.run(&["verify"]));
    fs::remove_file(dir.0.with_extension("toml")).expect("it was written");
}

#[test]
fn a_trimmed_log_is_backed_up_with_the_checkpoint_that_it_needs() {
    if curl("curl -s file:///dev/null").is_none() {
        return;
    }
    let dir = with_checkpoint("backup-trimmed");
    assert_well(&dir.run(&["log", "trim"]));
    let (to, back) = (Dir::new("backup-of-trimmed"), Dir::new("backup-trimmed-back"));
    backup(&dir, &to);
    assert_well(&back.run(&["restore", to.text()]));
    let up = Up::start(&back);
    assert!(buy(up.address(), 77_777).is_some());
    up.stop();
    // What would not start is not taken for a backup.
    assert_well(&back.run(&["checkpoints", "list"]));
    fs::remove_dir_all(back.0.join("checkpoints")).expect("they can be removed");
    let other = Dir::new("backup-useless");
    let refused = back.run(&["backup", other.text()]);
    let stderr = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("does not go together"), "{stderr}");
    assert!(!other.0.exists());
    // Nor can it be decided again.
    assert_refused(&back.run(&["rebuild"]), 3, &["was trimmed", "millrace restore"]);
    fs::remove_file(dir.0.with_extension("toml")).expect("it was written");
}

#[test]
fn wrong_directories_are_told_and_left_as_they_are() {
    let dir = Dir::shop("backup-wrong");
    dir.decide();
    let (to, other) = (Dir::new("backup-wrong-to"), Dir::new("backup-wrong-other"));
    assert_refused(
        &millrace(&["backup", to.text(), "--data", other.text()]),
        2,
        &[other.text(), "--data"],
    );
    assert!(!to.0.exists() && !other.0.exists());
    // An empty one is fine, one with something in it is not.
    fs::create_dir(&to.0).expect("it can be made");
    backup(&dir, &to);
    let before = files(&to.0);
    assert_refused(&dir.run(&["backup", to.text()]), 2, &[to.text(), "not empty"]);
    assert_refused(&dir.run(&["restore", to.text()]), 2, &[dir.text(), "not empty"]);
    assert_eq!(files(&to.0), before);
    // What is no backup is not restored, and a backup is not run.
    assert_refused(
        &other.run(&["restore", dir.text()]),
        2,
        &["not a backup", "backup.json"],
    );
    assert!(!other.0.exists());
    assert_refused(&to.run(&["up"]), 2, &["not a data directory"]);
    let nowhere = to.0.join("no/such/place");
    let nowhere = nowhere.to_str().expect("the path is UTF-8");
    assert_refused(&dir.run(&["backup", nowhere]), 3, &[nowhere]);
    assert_well(&dir.run(&["verify"]));
}
