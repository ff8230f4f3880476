//! A record that can't be decided is skipped, in every replay alike: it becomes a row of `quarantine` and
//! changes nothing else.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Hand, Store, VIEWS, options, topics};
use contract::log::{Epoch, Position, Topic};
use contract::time::Time;
use contract::views::View;
use millrace_runtime::{Engine, EngineError};
use oracle::Oracle;
use streams::{Batch, Log, MemoryLog, history};

const PRODUCT: &str =
    r#"{"type":"product_upserted","sku":"a","name":"A","price":5,"currency":"KRW","stocked":false}"#;

fn order(id: &str) -> String {
    format!(
        r#"{{"type":"order_placed","order_id":"{id}","customer_id":"c","currency":"KRW","lines":[{{"sku":"a","quantity":1,"unit_price":5}}]}}"#
    )
}

fn at(offset: u64) -> Position {
    Position {
        topic: Topic::Orders,
        partition: 0,
        offset,
    }
}

fn append(log: &MemoryLog, topic: &str, key: &str, value: &str) {
    let mut batch = Batch::new(1_790_000_000_000);
    batch.push(topic, 0, Some(key.as_bytes()), Some(value.as_bytes()));
    log.append(&batch).expect("memory takes everything");
}

fn start(log: &MemoryLog, store: &Store, clock: &Hand, skips: &[Position]) -> Result<Engine, EngineError> {
    let mut options = options(2);
    options.skips = skips.to_vec();
    Engine::start(
        Arc::new(log.clone()),
        Box::new(store.clone()),
        Arc::new(clock.clone()),
        &options,
    )
}

/// Runs until the store holds so many rows of `orders` and `quarantine`.
fn run(log: &MemoryLog, store: &Store, clock: &Hand, skips: &[Position], rows: usize) {
    let engine = start(log, store, clock, skips).expect("it starts");
    let count = || {
        let tables = store.kept().tables;
        tables.rows(View::Orders).len() + tables.rows(View::Quarantine).len()
    };
    let progress = engine.wait(Duration::from_secs(60), |_| count() >= rows);
    assert!(count() >= rows, "{progress:?}");
    let _ = engine.stop();
}

#[test]
fn a_skipped_record_is_quarantined_in_this_and_every_later_replay() {
    let log = MemoryLog::new(&topics(1)).expect("the topics are fine");
    let clock = Hand::default();
    clock.put(Time::from_ms(1_790_000_000_000).expect("a time"));
    append(&log, "products", "a", PRODUCT);
    for id in ["one", "two", "three"] {
        append(&log, "orders", id, &order(id));
    }
    // The second was bound, and could not be decided: nothing of its epoch is in the store.
    let store = Store::default();
    run(&log, &store, &clock, &[at(1)], 3);
    append(&log, "orders", "four", &order("four"));
    run(&log, &store, &clock, &[], 4);
    let kept = store.kept();
    let row = kept
        .tables
        .rows(View::Quarantine)
        .iter()
        .next()
        .expect("there is one");
    assert!(format!("{row:?}").contains("skipped"), "{row:?}");
    // Another replay, from the beginning, and the oracle's, which was told nothing but the log.
    let again = Store::default();
    run(&log, &again, &clock, &[], 4);
    let epoch = |store: &Store| store.kept().frontier.expect("it holds something").epoch;
    let (history, _) = history::read(&log, Some(epoch(&store))).expect("the log can be read");
    let mut oracle = Oracle::new();
    for (index, binding) in history.timeline().iter().enumerate() {
        oracle.epoch(binding.epoch, binding.clock, history.records(index));
    }
    let differences = kept.tables.differences(oracle.tables(), VIEWS);
    assert!(differences.is_empty(), "{}", differences[0]);
    let first = kept.digests[0];
    assert_eq!(again.kept().digests[0], first);
    assert!(epoch(&again) >= epoch(&store) && epoch(&store) > Epoch(1));
    assert!(
        again
            .kept()
            .digests
            .starts_with(&kept.digests[..kept.digests.len() - 1])
    );
}

#[test]
fn what_was_decided_or_is_not_there_can_not_be_skipped() {
    let log = MemoryLog::new(&topics(1)).expect("the topics are fine");
    let (store, clock) = (Store::default(), Hand::default());
    clock.put(Time::from_ms(1_790_000_000_000).expect("a time"));
    append(&log, "products", "a", PRODUCT);
    append(&log, "orders", "one", &order("one"));
    run(&log, &store, &clock, &[], 1);
    let before = log.ends("timeline").expect("it is there");
    let refused = |offset| match start(&log, &store, &clock, &[at(offset)]) {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    };
    assert!(
        refused(0).contains("orders/0/0 can't be skipped: it was decided"),
        "{}",
        refused(0)
    );
    assert!(refused(1).contains("there is no such record"), "{}", refused(1));
    assert_eq!(
        log.ends("timeline").expect("it is there"),
        before,
        "nothing was written"
    );
}
