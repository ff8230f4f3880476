//! Writers that are lost, brokers that say nothing, readers meanwhile.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use contract::log::Epoch;
use contract::views::View;
use millrace_sinks::{Sink as _, SinkError};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use servers::kafka::own;

use super::common::conformance::Place as _;
use super::common::history::{Dice, History, commit_of};
use super::{Topics, VIEWS, broker, reading};

/// What the topics hold is the history's.
fn assert_holds(topics: &Topics, history: &History) {
    let (frontier, tables) = topics.read();
    assert_eq!(frontier.as_ref(), Some(history.frontier()));
    let differences = tables.differences(history.tables(), &topics.views());
    let first: Vec<_> = differences.iter().take(3).map(ToString::to_string).collect();
    assert!(first.is_empty(), "{first:#?}");
}

/// A writer that is gone in the middle of a transaction has written nothing, and does not keep the next
/// one.
#[test]
fn what_a_lost_writer_left_is_never_seen() {
    let test = "what_a_lost_writer_left";
    let Some(kafka) = broker(test) else { return };
    let topics = Topics::new(kafka, test, VIEWS);
    let mut history = History::new(3, VIEWS, 30);
    for round in 0..4 {
        let mut sink = topics.sink();
        sink.commit(&commit_of(&[history.advance()])).unwrap();
        drop(sink);
        // What a process does that is killed before the end: half of its records, no frontier.
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", kafka.brokers());
        client.set(
            "transactional.id",
            format!("{}millrace-changelog", topics.config.prefix),
        );
        let lost: BaseProducer = client.create().unwrap();
        lost.init_transactions(Duration::from_secs(20)).unwrap();
        lost.begin_transaction().unwrap();
        let topic = format!("{}view-orders", topics.config.prefix);
        let record = BaseRecord::to(&topic).key("lost").payload("half");
        lost.send(record).map_err(|(error, _)| error).unwrap();
        lost.flush(Duration::from_secs(20)).unwrap();
        let mut next = topics.sink();
        assert_eq!(next.frontier().unwrap().as_ref(), Some(history.frontier()));
        assert_holds(&topics, &history);
        // The lost one wakes up.
        let late = lost.commit_transaction(Duration::from_secs(20));
        assert!(late.is_err(), "round {round}: a zombie's transaction counts");
        next.commit(&commit_of(&[history.advance()])).unwrap();
        assert_holds(&topics, &history);
    }
}

/// Who writes under the same id fences the other off; the one whose generation is not older goes on,
/// exactly.
#[test]
fn whoever_was_fenced_off_goes_on_where_the_topic_stands() {
    let test = "whoever_was_fenced_off";
    let Some(kafka) = broker(test) else { return };
    let topics = Topics::new(kafka, test, VIEWS);
    let mut history = History::new(5, VIEWS, 30);
    let (mut one, mut other) = (topics.sink(), topics.sink());
    one.commit(&commit_of(&[history.advance()])).unwrap();
    // Each is fenced off by the other's beginning, and finds the frontier where its own commit goes on.
    for _ in 0..3 {
        other.commit(&commit_of(&[history.advance()])).unwrap();
        let late = one.commit(&commit_of(&[history.clone().advance()]));
        assert!(
            late.is_ok() || matches!(late, Err(SinkError::Elsewhere { .. })),
            "{late:?}"
        );
        if late.is_ok() {
            history.advance();
        }
        assert_holds(&topics, &history);
        let frontier = one.frontier().unwrap();
        assert_eq!(frontier.as_ref(), Some(history.frontier()));
    }
}

/// While commits run, some of which break off in the middle, a reader that stands at the end of what is
/// committed has seen whole epochs, each once and in order.
#[test]
fn a_reader_sees_each_epoch_whole_and_once() {
    let test = "a_reader_sees_each_epoch";
    let Some(kafka) = broker(test) else { return };
    let views = &[View::Orders];
    let topics = Topics::new(kafka, test, views);
    let mut history = History::new(9, views, 40);
    let mut sink = topics.sink();
    // So that the topic is there.
    let mut sizes = BTreeMap::new();
    let first = history.advance();
    let rows = |changes: &super::common::history::EpochChanges| -> usize {
        changes.deltas.iter().map(contract::delta::Delta::len).sum()
    };
    sizes.insert(1, rows(&first));
    sink.commit(&commit_of(&[first])).unwrap();
    let stop = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let consumer =
                reading::consumer(&topics.config, &[format!("{}view-orders", topics.config.prefix)]);
            let (mut seen, mut at_ends): (Vec<u64>, Vec<usize>) = Default::default();
            loop {
                // Asked before: what is committed by then has come once nothing more comes.
                let last = stop.load(Ordering::Relaxed);
                match reading::next_within(&consumer, Duration::from_millis(500)) {
                    Some(Some(record)) => seen.push(record.epoch),
                    Some(None) => at_ends.push(seen.len()),
                    None if last => return (seen, at_ends),
                    None => {}
                }
            }
        });
        let mut dice = Dice(9);
        let mut broken = 0;
        for _ in 0..60 {
            let changes = history.advance();
            sizes.insert(changes.frontier.epoch.0, rows(&changes));
            let commit = commit_of(&[changes]);
            *topics.mirror.fails_after.lock().unwrap() = Some(dice.roll(12));
            if sink.commit(&commit).is_err() {
                broken += 1;
                *topics.mirror.fails_after.lock().unwrap() = None;
                sink.commit(&commit).unwrap();
            }
        }
        assert!(broken > 5, "{broken} commits broke off");
        *topics.mirror.fails_after.lock().unwrap() = None;
        stop.store(true, Ordering::Relaxed);
        reading.join().unwrap()
    });
    let (seen, at_ends) = seen;
    let expected: Vec<u64> = sizes
        .iter()
        .flat_map(|(epoch, rows)| std::iter::repeat_n(*epoch, *rows))
        .collect();
    assert_eq!(seen, expected, "epochs are whole, once and in order");
    assert!(at_ends.len() > 5, "{} looks", at_ends.len());
    for at in at_ends {
        let whole = at == expected.len() || at == 0 || expected[at] != expected[at - 1];
        assert!(whole, "a reader stood within epoch {}", expected[at]);
    }
    assert_holds(&topics, &history);
}

/// A broker that says nothing for longer than is waited, at any moment of a commit: whatever is told,
/// after asking for the frontier it goes on, and nothing is lost or doubled.
#[test]
fn a_broker_that_pauses_leaves_no_doubt_for_long() {
    let test = "a_broker_that_pauses";
    let Some(kafka) = own(test) else { return };
    let mut topics = Topics::new(&kafka, test, VIEWS);
    topics.config.brokers.timeout = Duration::from_millis(1500);
    let mut history = History::new(21, VIEWS, 30);
    let mut sink = topics.sink();
    let mut dice = Dice(21);
    sink.commit(&commit_of(&[history.advance()])).unwrap();
    let signal = |name: &str| {
        let pid = kafka.pid().to_string();
        let done = Command::new("kill").args([name, &pid]).status();
        assert!(done.unwrap().success());
    };
    let mut told = BTreeMap::new();
    for _ in 0..8 {
        let commit = commit_of(&[history.advance()]);
        let pause = Duration::from_micros(500 * u64::try_from(dice.roll(40)).unwrap());
        let answer = thread::scope(|scope| {
            let pausing = scope.spawn(|| {
                thread::sleep(pause);
                signal("-STOP");
                thread::sleep(Duration::from_millis(4000));
                signal("-CONT");
            });
            let answer = sink.commit(&commit);
            pausing.join().unwrap();
            answer
        });
        let kind = match &answer {
            Ok(()) => "done",
            Err(SinkError::Retry { .. }) => "retry",
            Err(SinkError::InDoubt { .. }) => "in doubt",
            Err(other) => panic!("{other:?}"),
        };
        *told.entry(kind).or_insert(0) += 1;
        let found = loop {
            match sink.frontier() {
                Ok(found) => break found.unwrap(),
                Err(SinkError::Retry { .. } | SinkError::InDoubt { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        };
        if found != commit.frontier {
            assert!(answer.is_err(), "what was acknowledged is gone");
            assert_eq!(Some(found.epoch), commit.after);
            while let Err(error) = sink.commit(&commit) {
                assert!(matches!(error, SinkError::Retry { .. }), "{error:?}");
            }
        } else if answer.is_err() {
            topics.mirror.follow(&commit.deltas);
        }
        assert_eq!(
            found.epoch.max(commit.frontier.epoch),
            Epoch(history.frontier().epoch.0)
        );
        assert_holds(&topics, &history);
    }
    println!("{told:?}");
    assert!(
        told.len() > 1 || !told.contains_key("done"),
        "nothing was interrupted: {told:?}"
    );
}
