//! The topics follow a view store, whatever happens to either.

use std::time::{Duration, Instant};

use millrace_sinks::Sink as _;
use millrace_sinks::decide::Limits;
use millrace_sinks::follow::{Followed, Follower, follow};
use millrace_sinks::kafka::Changelog;

use super::common::Directory;
use super::common::conformance::Place as _;
use super::common::history::{Dice, History, commit_of};
use super::{Topics, VIEWS, broker, reading};

fn start(directory: &Directory, topics: &Topics, epochs: usize) -> (Followed, Follower) {
    let store = directory.store();
    let readers = store.readers();
    let limits = Limits {
        epochs,
        changes: usize::MAX,
        bytes: 64 << 20,
    };
    let config = topics.config.clone();
    let make = |rows| -> Box<dyn millrace_sinks::Sink> { Box::new(Changelog::new(config, Box::new(rows))) };
    follow("changelog", Box::new(store), readers, limits, make).unwrap()
}

fn assert_holds(topics: &Topics, history: &History) {
    let (frontier, tables) = topics.read();
    assert_eq!(frontier.as_ref(), Some(history.frontier()));
    let differences = tables.differences(history.tables(), &topics.views());
    let first: Vec<_> = differences.iter().take(3).map(ToString::to_string).collect();
    assert!(first.is_empty(), "{first:#?}");
}

/// Waits until the sink holds the history's last epoch.
fn wait(follower: &Follower, history: &History) {
    let since = Instant::now();
    while follower.watch().progress().epoch != Some(history.frontier().epoch) {
        let progress = follower.watch().progress();
        assert!(
            !progress.failed && since.elapsed() < Duration::from_secs(60),
            "{progress:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Commits as fast as the store takes them, over starts, stops in the middle, and queues that overflow: in
/// the end the topics are the views, and a sink that was never away was never filled.
#[test]
fn topics_follow_the_store() {
    let test = "topics_follow_the_store";
    let Some(kafka) = broker(test) else { return };
    for (seed, room) in [(1, usize::MAX), (2, 3)] {
        println!("seed {seed}");
        let (directory, topics) = (Directory::new(VIEWS), Topics::new(kafka, test, VIEWS));
        let (mut history, mut dice) = (History::new(seed, VIEWS, 20), Dice(seed));
        let mut refills = 0;
        for round in 0..4 {
            let (mut store, follower) = start(&directory, &topics, room);
            for _ in 0..30 {
                let epochs: Vec<_> = (0..=dice.roll(3)).map(|_| history.advance()).collect();
                store.commit(&commit_of(&epochs)).unwrap();
                if dice.roll(8) == 0 {
                    wait(&follower, &history);
                }
            }
            if round % 2 == 0 {
                // What it leaves behind is caught up with.
                let progress = follower.stop(Duration::from_secs(60));
                assert_eq!(progress.trouble, None);
                assert_holds(&topics, &history);
                refills += progress.refills;
            } else {
                drop(follower);
            }
        }
        println!("{refills} refills");
        // After the second round it was behind by what it left.
        assert!(refills >= u64::from(room < 9), "{refills} refills");
        let (_store, follower) = start(&directory, &topics, room);
        wait(&follower, &history);
        drop(follower);
        assert_holds(&topics, &history);
    }
}

/// What else is needed of a store that is filled already: the topics get all rows once, and lose those
/// that are gone.
#[test]
fn topics_that_come_later_are_filled() {
    let test = "topics_that_come_later";
    let Some(kafka) = broker(test) else { return };
    let (directory, topics) = (Directory::new(VIEWS), Topics::new(kafka, test, VIEWS));
    let mut history = History::new(4, VIEWS, 60);
    let mut store = directory.store();
    for _ in 0..5 {
        store.commit(&commit_of(&[history.advance()])).unwrap();
    }
    drop(store);
    let (_store, follower) = start(&directory, &topics, 100);
    wait(&follower, &history);
    let progress = follower.stop(Duration::ZERO);
    assert_eq!(progress.refills, 1);
    assert_holds(&topics, &history);
    // Once more, one epoch later: only what differs is written.
    let before = records(&topics);
    assert_eq!(before, history.tables().count(VIEWS));
    let mut store = directory.store();
    let changes = history.advance();
    let changed: usize = changes.deltas.iter().map(contract::delta::Delta::len).sum();
    store.commit(&commit_of(&[changes])).unwrap();
    drop(store);
    let (_store, follower) = start(&directory, &topics, 100);
    wait(&follower, &history);
    drop(follower);
    assert_holds(&topics, &history);
    assert!(
        records(&topics) <= before + changed,
        "more was written than has changed"
    );
}

/// A store that was made anew holds another history, of another version of the logic or not; its epochs have the
/// same numbers. The topics come to hold it, whether it moves on before they are looked at or not.
#[test]
fn topics_come_to_hold_a_store_that_was_made_anew() {
    let test = "topics_come_to_hold_a_store_made_anew";
    let Some(kafka) = broker(test) else { return };
    for moves_on in [false, true] {
        let (directory, topics) = (Directory::new(VIEWS), Topics::new(kafka, test, VIEWS));
        let mut history = History::new(5, VIEWS, 20);
        let (mut store, follower) = start(&directory, &topics, 100);
        for _ in 0..5 {
            store.commit(&commit_of(&[history.advance()])).unwrap();
        }
        wait(&follower, &history);
        drop((store, follower));
        let directory = Directory::new(VIEWS);
        let mut other = History::new(6, VIEWS, 20);
        let mut store = directory.store();
        for _ in 0..5 {
            store.commit(&commit_of(&[other.advance()])).unwrap();
        }
        drop(store);
        assert_eq!(history.frontier().epoch, other.frontier().epoch);
        let (mut store, follower) = start(&directory, &topics, 100);
        if moves_on {
            store.commit(&commit_of(&[other.advance()])).unwrap();
        }
        let progress = follower.stop(Duration::from_secs(60));
        assert_eq!((progress.trouble, progress.refills), (None, 1));
        assert_holds(&topics, &other);
    }
}

/// Records of rows in the topics.
fn records(topics: &Topics) -> usize {
    let names = topics.config.views.iter();
    let names: Vec<String> = names
        .map(|view| format!("{}view-{}", topics.config.prefix, view.schema().name))
        .collect();
    reading::all(&topics.config, &names).len()
}
