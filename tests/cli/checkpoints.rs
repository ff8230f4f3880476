//! Checkpoints from the command line: taken while it runs, started from, verified, pruned; the log trimmed
//! up to them, and what no longer goes together refused.

use std::fs;
use std::path::PathBuf;

use crate::common::{Dir, Up, assert_refused, assert_well, order, scratch, text};

const OFTEN: &[(&str, &str)] = &[("MILLRACE_CHECKPOINT_INTERVAL_S", "1")];

/// Runs it until it has taken a checkpoint.
fn checkpoint(dir: &Dir) {
    let orders = if dir.0.join("checkpoints").exists() {
        0
    } else {
        dir.orders()
    };
    let up = Up::with(dir, OFTEN, &[]);
    up.wait_for("checkpoint epoch=");
    up.wait_for_orders(orders);
    up.stop();
}

/// A shop with an order for each of three checkpoints, of which two are kept.
fn shop(test: &str) -> Dir {
    let dir = Dir::shop(test);
    checkpoint(&dir);
    for id in ["o2", "o3"] {
        dir.append("orders", &order(id));
        checkpoint(&dir);
    }
    dir
}

fn ids(dir: &Dir) -> Vec<String> {
    let listed = assert_well(&dir.run(&["checkpoints", "list"]));
    let ids = listed.lines().filter_map(|line| line.split_whitespace().next());
    ids.map(str::to_owned).collect()
}

/// The parts of a checkpoint.
fn parts(dir: &Dir, id: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.0.join("checkpoints").join(id)).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let mut parts: Vec<_> = paths.filter(|path| path.extension().is_some()).collect();
    parts.sort();
    parts
}

fn flip(path: &PathBuf) {
    let mut bytes = fs::read(path).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("it can be written");
}

#[test]
fn a_trimmed_log_goes_on_from_a_checkpoint_and_verifies_from_there() {
    let dir = shop("trimmed");
    let kept = ids(&dir);
    assert_eq!(kept.len(), 2, "{kept:?}");
    let sound = assert_well(&dir.run(&["checkpoints", "verify"]));
    assert!(sound.contains("2 sound, 0 damaged"), "{sound}");
    assert!(assert_well(&dir.run(&["verify"])).contains("0 differences"));
    let trimmed = assert_well(&dir.run(&["log", "trim"]));
    assert!(trimmed.contains("gave up 4 records"), "{trimmed}");
    let cat = assert_well(&dir.run(&["log", "cat", "orders"]));
    assert_eq!(cat.lines().count(), 1, "{cat}");
    // An id counts once, though its record is gone.
    dir.append("orders", &order("o1"));
    dir.append("orders", &order("o4"));
    let up = Up::start(&dir);
    up.wait_for_orders(5);
    up.stop();
    let verified = assert_well(&dir.run(&["verify"]));
    assert!(
        verified.contains("from a checkpoint") && verified.contains("0 differences"),
        "{verified}"
    );
    let (_, tables) = dir.stored();
    assert_eq!(tables.rows(contract::views::View::Orders).len(), 4);
    // What has changed since is compared row by row.
    dir.edit("UPDATE orders SET total = 7 WHERE order_id = 'o4'");
    let bad = dir.run(&["verify"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(text(&bad.stdout).contains("o4"), "{}", text(&bad.stdout));
}

#[test]
fn a_damaged_checkpoint_is_passed_over_and_without_any_a_trimmed_log_is_refused() {
    let dir = shop("damaged");
    let kept = ids(&dir);
    assert_well(&dir.run(&["log", "trim"]));
    for part in parts(&dir, &kept[0]) {
        flip(&part);
        let bad = dir.run(&["checkpoints", "verify"]);
        assert_eq!(bad.status.code(), Some(1));
        assert!(
            text(&bad.stdout).contains("1 sound, 1 damaged"),
            "{}",
            text(&bad.stdout)
        );
        flip(&part);
    }
    assert_well(&dir.run(&["checkpoints", "verify"]));
    flip(&parts(&dir, &kept[0])[0]);
    dir.append("orders", &order("o4"));
    let up = Up::start(&dir);
    up.wait_for_orders(4);
    up.stop();
    flip(&parts(&dir, &kept[1])[0]);
    let refused = dir.run(&["up", "--listen", "127.0.0.1:0"]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    for part in ["was trimmed", "restore", &kept[0], &kept[1]] {
        assert!(said.contains(part), "{said}");
    }
    let unverified = dir.run(&["verify"]);
    assert_eq!(unverified.status.code(), Some(3));
    assert!(text(&unverified.stderr).contains("no checkpoint"));
}

#[test]
fn what_is_kept_is_as_asked() {
    let dir = shop("pruned");
    let kept = ids(&dir);
    let removed = assert_well(&dir.run(&["checkpoints", "prune", "--keep", "1"]));
    assert!(removed.contains(&kept[1]), "{removed}");
    assert_eq!(ids(&dir), kept[..1]);
    let nothing = assert_well(&dir.run(&["checkpoints", "prune"]));
    assert_eq!(nothing, "nothing to remove\n");
}

#[test]
fn an_emptied_store_is_filled_from_a_whole_log_but_not_from_a_trimmed_one() {
    let dir = shop("emptied");
    fs::remove_file(dir.store()).expect("there is a store");
    dir.decide();
    assert!(assert_well(&dir.run(&["verify"])).contains("0 differences"));
    assert_well(&dir.run(&["log", "trim"]));
    let place = |name: &str| dir.0.join(name);
    let moved = |from: &str, to: &str| {
        for end in ["", "-wal", "-shm"] {
            let (from, to) = (place(&format!("{from}{end}")), place(&format!("{to}{end}")));
            let _ = fs::remove_file(&to);
            let _ = fs::rename(from, to);
        }
    };
    moved("views.sqlite", "aside");
    let refused = dir.run(&["up", "--listen", "127.0.0.1:0"]);
    assert_refused(&refused, 3, &["the view store is empty"]);
    moved("aside", "views.sqlite");
    let refused = dir.run(&["up", "--listen", "127.0.0.1:0"]);
    assert_refused(&refused, 3, &["is a copy", "millrace restore", "views.made"]);
    fs::remove_file(dir.0.join("views.made")).expect("it is there");
    let up = Up::start(&dir);
    up.wait_for_orders(3);
    up.stop();
}

#[test]
fn what_can_not_be_used_is_told() {
    let dir = Dir::shop("unusable");
    dir.decide();
    assert_refused(&dir.run(&["log", "trim"]), 3, &["there is no checkpoint"]);
    assert_eq!(
        assert_well(&dir.run(&["log", "cat", "orders"])).lines().count(),
        1
    );
    let file = scratch("a-file", b"x");
    let settings = format!("[checkpoint]\nlocation = {:?}\n", file.display().to_string());
    let settings = scratch("location.toml", settings.as_bytes());
    let settings = settings.to_str().expect("the path is UTF-8");
    for command in [
        &["up", "--listen", "127.0.0.1:0"][..],
        &["checkpoints", "list"],
        &["log", "trim"],
    ] {
        let refused = dir.run(&[command, &["--config", settings]].concat());
        assert_refused(&refused, 3, &["checkpoints in", "a-file"]);
    }
    assert_refused(
        &dir.run(&["up", "--skip", "orders/1"]),
        2,
        &["--skip", "orders/0/17"],
    );
    let skip = dir.run(&["up", "--listen", "127.0.0.1:0", "--skip", "orders/0/0"]);
    assert_refused(&skip, 3, &["orders/0/0 can't be skipped: it was decided"]);
    let none = dir.run(&["up", "--listen", "127.0.0.1:0", "--skip", "orders/0/9"]);
    assert_refused(&none, 3, &["there is no such record"]);
}
