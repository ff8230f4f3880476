//! Disks that are full, or may only be read. Mounting needs root: where it is not allowed, the tests say so
//! and do nothing.

use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::time::Instant;

use crate::common::{Dir, LIMIT, Up, assert_refused, assert_well, order};

/// A small disk at a data directory's parent, gone when it is dropped.
struct Disk(Dir);

impl Disk {
    fn mount(test: &str, bytes: u32) -> Option<Disk> {
        let disk = Disk(Dir::new(test));
        fs::create_dir_all(&disk.0.0).expect("it can be made");
        if disk.system("mount", &["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]) {
            return Some(disk);
        }
        println!("skipped: {test} can't mount a tmpfs here");
        None
    }

    fn system(&self, program: &str, args: &[&str]) -> bool {
        let output = Command::new(program).args(args).arg(&self.0.0).output();
        output.is_ok_and(|output| output.status.success())
    }

    /// Mounts it anew. A process that is just being started may hold a file of ours open for a moment.
    fn remount(&self, how: &str) {
        let until = Instant::now() + LIMIT;
        while !self.system("mount", &["-o", &format!("remount,{how}")]) {
            assert!(Instant::now() < until, "it can be remounted {how}");
            std::thread::yield_now();
        }
    }

    fn data(&self) -> Dir {
        Dir(self.0.0.join("data"))
    }

    fn fill(&self) {
        let mut filler = fs::File::create(self.0.0.join("filler")).expect("it can be made");
        while filler.write_all(&[1; 512]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.0.0.join("filler")).expect("it can be removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.system("umount", &["--lazy"]);
    }
}

#[test]
fn up_on_a_disk_that_fills_says_so_and_goes_on_when_there_is_room() {
    let Some(disk) = Disk::mount("full-disk", 4 << 20) else {
        return;
    };
    let dir = disk.data();
    dir.append("products", crate::common::PRODUCT);
    dir.append("stock", crate::common::STOCK);
    dir.append("orders", &order("o1"));
    let up = Up::start(&dir);
    up.wait_for_orders(1);
    let before = up.frontier().expect("it holds an epoch").epoch;
    disk.fill();
    // The heartbeat of each second needs room.
    let said = up.wait_for("full");
    assert!(said.contains("trying again"), "{said}");
    disk.make_room();
    let until = Instant::now() + LIMIT;
    while up
        .frontier()
        .is_none_or(|frontier| frontier.epoch.0 < before.0 + 3)
    {
        assert!(Instant::now() < until, "it does not go on");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    up.stop();
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn commands_on_a_full_disk_are_refused_and_leave_nothing() {
    let Some(disk) = Disk::mount("full-disk-commands", 4 << 20) else {
        return;
    };
    let dir = disk.data();
    dir.append("orders", &order("o1"));
    disk.fill();
    let many: String = (0..9999).map(|n| order(&format!("n{n}"))).collect();
    let refused = dir.run_with(&["log", "append", "orders"], many.as_bytes());
    assert_refused(&refused, 3, &["the disk is full", "make room"]);
    assert_refused(&dir.run(&["up"]), 3, &["the disk is full", "make room"]);
    disk.make_room();
    assert_eq!(dir.orders(), 1);
    dir.decide();
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn a_directory_that_may_only_be_read_is_refused() {
    let Some(disk) = Disk::mount("read-only", 8 << 20) else {
        return;
    };
    let dir = disk.data();
    dir.append("orders", &order("o1"));
    dir.decide();
    disk.remount("ro");
    for command in [&["up"][..], &["rebuild", "--accept"]] {
        assert_refused(&dir.run(command), 3, &["read-only", "make it writable"]);
    }
    assert_eq!(dir.orders(), 1);
    let inside = Dir(disk.0.0.join("backup"));
    assert_refused(&dir.run(&["backup", inside.text()]), 3, &["backup", "ead-only"]);
    let new = Dir(disk.0.0.join("new"));
    assert_refused(&new.run(&["up"]), 3, &["new", "ead-only"]);
    disk.remount("rw");
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn a_backup_that_finds_no_room_says_so_and_leaves_nothing() {
    let Some(disk) = Disk::mount("full-disk-backup", 1 << 20) else {
        return;
    };
    let dir = Dir::shop("full-disk-backed-up");
    let many: String = (0..3000).map(|n| order(&format!("n{n}"))).collect();
    dir.append("orders", &many);
    dir.decide();
    let (to, elsewhere) = (disk.data(), Dir::new("full-disk-elsewhere"));
    assert_refused(
        &dir.run(&["backup", to.text()]),
        3,
        &["the disk is full", "make room"],
    );
    assert!(!to.0.exists());
    assert_well(&dir.run(&["backup", elsewhere.text()]));
    assert_refused(
        &to.run(&["restore", elsewhere.text()]),
        3,
        &["the disk is full", "make room"],
    );
    assert!(!to.0.exists());
    assert_well(&dir.run(&["verify"]));
}
