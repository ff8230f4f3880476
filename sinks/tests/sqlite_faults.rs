//! The SQLite view store when things go wrong around it.

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use contract::log::Epoch;
use contract::views::{CHECKOUT_VIEWS, View};
use millrace_sinks::sqlite::{Config, ReadError, SqliteViews};
use millrace_sinks::{Sink, SinkError};

use common::conformance::Place as _;
use common::history::{Dice, History, commit_of};
use common::{Directory, Shell};

const VIEWS: &[View] = View::ALL.split_at(CHECKOUT_VIEWS).0;

fn assert_holds(directory: &Directory, history: &History) {
    let (frontier, tables) = directory.read();
    assert_eq!(frontier.map_or(Epoch(0), |f| f.epoch), history.frontier().epoch);
    assert_eq!(tables.differences(history.tables(), VIEWS), vec![]);
}

/// The message of a failure that may pass.
fn retry(error: SinkError) -> String {
    match error {
        SinkError::Retry { what, .. } => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_foreign_writer_s_lock_is_waited_for() {
    let mut directory = Directory::new(VIEWS);
    directory.config.busy_ms = 20;
    let mut history = History::new(1, VIEWS, 20);
    let mut store = directory.store();
    store.commit(&commit_of(&[history.advance()])).unwrap();
    let before = history.clone();
    let commit = commit_of(&[history.advance()]);
    let mut shell = Shell::open(&directory.config.path);
    shell.run("BEGIN IMMEDIATE");
    let what = retry(store.commit(&commit).unwrap_err());
    assert!(what.contains("lock"), "{what}");
    assert_holds(&directory, &before);
    shell.run("ROLLBACK");
    store.commit(&commit).unwrap();
    assert_holds(&directory, &history);
}

#[test]
fn a_foreign_reader_stops_commits_before_the_log_fills_the_disk() {
    let mut directory = Directory::new(VIEWS);
    directory.config.busy_ms = 20;
    directory.config.checkpoint_bytes = 256 << 10;
    directory.config.wal_bytes_max = 4 << 20;
    let mut history = History::new(2, VIEWS, 60);
    let mut store = directory.store();
    let wal = directory.config.path.with_extension("sqlite-wal");
    let wal_bytes = || std::fs::metadata(&wal).unwrap().len();
    // Nobody reads: it stays short, however much is committed.
    for _ in 0..60 {
        store.commit(&commit_of(&[history.advance()])).unwrap();
        assert!(wal_bytes() < 3 << 20, "{}", wal_bytes());
    }
    let mut shell = Shell::open(&directory.config.path);
    shell.run("BEGIN");
    let seen = shell.say("SELECT CAST(epoch AS TEXT) FROM millrace_frontier");
    let mut before = history.clone();
    let mut commits = 0;
    let (stopped, what) = loop {
        before.clone_from(&history);
        let commit = commit_of(&[history.advance()]);
        match store.commit(&commit) {
            Ok(()) => commits += 1,
            Err(error) => break (commit, retry(error)),
        }
        assert!(commits < 10_000, "it never stops");
    };
    assert!(what.contains("reader") && what.contains("MiB"), "{what}");
    assert!(
        commits > 1 && wal_bytes() < 8 << 20,
        "{commits} commits, {} bytes",
        wal_bytes()
    );
    assert_eq!(
        shell.say("SELECT CAST(epoch AS TEXT) FROM millrace_frontier"),
        seen
    );
    retry(store.commit(&stopped).unwrap_err());
    assert_holds(&directory, &before);
    // Opened again, the store still knows.
    drop(store);
    let mut store = directory.store();
    retry(store.commit(&stopped).unwrap_err());
    shell.run("COMMIT");
    store.commit(&stopped).unwrap();
    assert!(store.wal_bytes() < 4 << 20);
    assert_holds(&directory, &history);
}

#[test]
fn our_own_snapshots_do_not_keep_the_log_from_being_emptied() {
    let mut directory = Directory::new(VIEWS);
    directory.config.read_ms_max = 100;
    directory.config.checkpoint_bytes = 64 << 10;
    directory.config.wal_bytes_max = 4 << 20;
    let mut history = History::new(3, VIEWS, 60);
    let mut store = directory.store();
    store.commit(&commit_of(&[history.advance()])).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut snapshot = runtime.block_on(store.readers().snapshot()).unwrap();
    assert_eq!(snapshot.frontier(), Some(history.frontier()));
    let begun = std::time::Instant::now();
    while begun.elapsed().as_millis() < 110 {
        store.commit(&commit_of(&[history.advance()])).unwrap();
    }
    // Idle as it was, it has been given up: the log begins anew.
    store.commit(&commit_of(&[history.advance()])).unwrap();
    store.commit(&commit_of(&[history.advance()])).unwrap();
    assert!(store.wal_bytes() < 2 << 20, "{}", store.wal_bytes());
    let read = runtime.block_on(snapshot.scan(View::Orders, None));
    assert!(
        matches!(read, Err(ReadError::TooOld { ms_max: 100 })),
        "{:?}",
        read.err()
    );
    drop(snapshot);
    let after = runtime.block_on(store.readers().snapshot()).unwrap();
    assert_eq!(after.frontier(), Some(history.frontier()));
}

#[test]
fn a_patient_snapshot_lives_longer_while_the_log_has_room() {
    let mut directory = Directory::new(VIEWS);
    directory.config.read_ms_max = 0;
    directory.config.checkpoint_bytes = 64 << 10;
    directory.config.wal_bytes_max = 4 << 20;
    let mut history = History::new(3, VIEWS, 60);
    let mut store = directory.store();
    store.commit(&commit_of(&[history.advance()])).unwrap();
    let before = history.frontier().clone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut snapshot = runtime
        .block_on(store.readers().snapshot_within(600_000))
        .unwrap();
    while store.wal_bytes() < 1 << 20 {
        store.commit(&commit_of(&[history.advance()])).unwrap();
    }
    assert_eq!(snapshot.frontier(), Some(&before));
    let read = runtime.block_on(snapshot.scan(View::Orders, None));
    assert!(read.is_ok(), "there is room: {:?}", read.err());
    let mut most = 0;
    for _ in 0..2_000 {
        store
            .commit(&commit_of(&[history.advance()]))
            .expect("commits never wait for it");
        most = most.max(store.wal_bytes());
        if most > store.wal_bytes() {
            break;
        }
    }
    assert!(
        store.wal_bytes() < most,
        "the log was emptied: {most}, now {}",
        store.wal_bytes()
    );
    let read = runtime.block_on(snapshot.scan(View::Orders, None));
    assert!(
        matches!(read, Err(ReadError::TooOld { ms_max: 600_000 })),
        "{:?}",
        read.err()
    );
}

#[test]
fn what_runs_for_too_long_is_interrupted() {
    let mut directory = Directory::new(&[View::Oversold]);
    let mut history = History::new(3, &[View::Oversold], 2_000);
    let mut store = directory.store();
    store.commit(&commit_of(&[history.advance()])).unwrap();
    directory.config.read_ms_max = 0;
    let read = millrace_sinks::sqlite::Readers::new(&directory.config).tables(&[View::Oversold]);
    assert_eq!(read.unwrap_err(), ReadError::TooOld { ms_max: 0 });
}

/// A file system of its own, of a few MiB, if this process may make one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new() -> Option<SmallDisk> {
        let path = std::env::temp_dir().join(format!("millrace-small-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory can be made");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(SmallDisk(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_full_disk_fails_commits_and_room_lets_them_go_on() {
    let Some(disk) = SmallDisk::new() else {
        eprintln!("skipped: this process may not mount a file system");
        return;
    };
    let directory = Directory::within(&disk.0, VIEWS);
    let ballast = disk.0.join("ballast");
    std::fs::write(&ballast, vec![1; 5 << 20]).unwrap();
    let mut history = History::new(4, VIEWS, 200);
    let mut store = directory.store();
    let mut before = history.clone();
    let stopped = loop {
        before.clone_from(&history);
        let commit = commit_of(&[history.advance()]);
        if let Err(error) = store.commit(&commit) {
            let what = retry(error);
            assert!(what.contains("disk"), "{what}");
            break commit;
        }
        assert!(history.frontier().epoch < Epoch(5_000), "it never fills");
    };
    assert!(before.frontier().epoch > Epoch(2));
    retry(store.commit(&stopped).unwrap_err());
    assert_holds(&directory, &before);
    std::fs::remove_file(&ballast).unwrap();
    store.commit(&stopped).unwrap();
    assert_holds(&directory, &history);
    drop(store);
    assert_holds(&directory, &history);
}

const SEED: u64 = 77;

/// The history up to the epoch that a file stands at.
fn history_until(epoch: Epoch) -> History {
    let mut history = History::new(SEED, VIEWS, 40);
    while history.frontier().epoch < epoch {
        history.advance();
    }
    history
}

/// Commits until it is killed, telling each epoch that was committed. Run by the test below.
#[test]
#[ignore = "a part of the next test"]
fn child_that_commits() {
    let path = std::env::var("MILLRACE_VIEWS").expect("only run by the test");
    let mut config = Config::new(Path::new(&path), VIEWS);
    config.checkpoint_bytes = 128 << 10;
    let mut store = SqliteViews::open(config).unwrap();
    let epoch = store
        .frontier()
        .unwrap()
        .map_or(Epoch(0), |frontier| frontier.epoch);
    let mut history = history_until(epoch);
    let mut dice = Dice(epoch.0);
    loop {
        let epochs: Vec<_> = (0..=dice.roll(3)).map(|_| history.advance()).collect();
        store.commit(&commit_of(&epochs)).unwrap();
        println!("\ncommitted {}", history.frontier().epoch.0);
    }
}

#[test]
fn a_process_killed_at_any_moment_leaves_the_rows_of_its_frontier() {
    let directory = Directory::new(VIEWS);
    let mut dice = Dice(9);
    let mut furthest = 0;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_commits", "--ignored", "--nocapture"])
            .env("MILLRACE_VIEWS", &directory.config.path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("committed ")?.parse().ok());
        let last: u64 = told.by_ref().take(1 + dice.roll(25)).last().expect("it commits");
        for _ in 0..dice.roll(1 << 20) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let (frontier, tables) = directory.read();
        let frontier = frontier.expect("something was committed");
        assert!(
            frontier.epoch.0 >= last.max(furthest),
            "round {round}: what was acknowledged is there"
        );
        furthest = frontier.epoch.0;
        let history = history_until(frontier.epoch);
        assert_eq!(&frontier, history.frontier(), "round {round}");
        assert_eq!(
            tables.differences(history.tables(), VIEWS),
            vec![],
            "round {round}"
        );
    }
    let mut history = history_until(Epoch(furthest));
    directory
        .store()
        .commit(&commit_of(&[history.advance()]))
        .unwrap();
    assert_holds(&directory, &history);
}
