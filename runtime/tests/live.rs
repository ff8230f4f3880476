//! Records that come while it runs, and restarts in between: whatever was bound when, the views are those
//! that the oracle makes of the log and its timeline.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Hand, Sample, Store, VIEWS, options, start, topics};
use contract::delta::Tables;
use contract::log::{Epoch, History};
use contract::time::Time;
use contract::views::{CHECKOUT_VIEWS, View};
use generator::{Generator, Profile, Rng};
use millrace_runtime::{Engine, State};
use oracle::Oracle;
use streams::{Batch, Log, MemoryLog, history, timeline};

fn seeds() -> std::ops::Range<u64> {
    let from = std::env::var("MILLRACE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    from.map_or(0..10, |seed| seed..seed + 1)
}

/// What the oracle makes of a log up to an epoch.
fn oracle(log: &MemoryLog, until: Epoch) -> Tables {
    let (history, _) = history::read(log, Some(until)).expect("the log can be read");
    let mut oracle = Oracle::new();
    for (index, binding) in history.timeline().iter().enumerate() {
        oracle.epoch(binding.epoch, binding.clock, history.records(index));
    }
    oracle.tables().clone()
}

/// Waits until all records are bound and visible.
fn settle(engine: &Engine, log: &MemoryLog, store: &Store) {
    let ends = contract::log::Topic::ALL.map(|topic| log.ends(topic.name()).expect("it is there"));
    for _ in 0..600 {
        let kept = store.kept();
        if kept.frontier.is_some_and(|frontier| frontier.ends == ends) {
            return;
        }
        engine.wait(Duration::from_millis(100), |progress| {
            progress.visible.map(|v| v.0) > kept_epoch(store)
        });
    }
    panic!("records stay invisible: {:?}", engine.progress());
}

fn kept_epoch(store: &Store) -> Option<Epoch> {
    store.kept().frontier.map(|frontier| frontier.epoch)
}

#[test]
fn whatever_is_bound_when_the_views_are_the_oracles() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let mut generator = Generator::new(seed, Profile::from_seed(seed));
        let log = MemoryLog::new(&topics(3)).expect("the topics are fine");
        let (store, clock) = (Store::default(), Hand::default());
        clock.put(Time::from_ms(1_790_000_000_000).expect("a time"));
        let mut engine = start(&log, &store, &clock, 1);
        let mut seen = Epoch(0);
        for _ in 0..25 {
            let tables = store.kept().tables;
            let plan = generator.next_epoch(&tables);
            clock.put(plan.clock.max(clock.time()));
            // What the generator plans as one epoch is appended in pieces, so that it is bound as it comes.
            let mut whole = History::new();
            generator::append(&plan, &mut whole);
            let records: Vec<_> = whole.records(0).collect();
            for piece in records.chunks(1 + rng.index(8)) {
                let mut batch = Batch::new(clock.time().ms());
                for record in piece {
                    let partition = record.at.partition % 3;
                    batch.push(record.at.topic.name(), partition, record.key, record.value);
                }
                log.append(&batch).expect("memory takes everything");
            }
            if rng.chance(25) {
                let progress = engine.stop();
                assert_eq!(progress.state, State::Stopped, "MILLRACE_SEED={seed}");
                let epoch = kept_epoch(&store).unwrap_or(Epoch(0));
                assert!(epoch >= seen, "MILLRACE_SEED={seed}: the store went back");
                seen = epoch;
                engine = start(&log, &store, &clock, 1 + rng.index(4));
            }
            if rng.chance(50) {
                settle(&engine, &log, &store);
            }
        }
        settle(&engine, &log, &store);
        drop(engine);
        let kept = store.kept();
        let epoch = kept.frontier.expect("it holds something").epoch;
        let differences = kept.tables.differences(&oracle(&log, epoch), VIEWS);
        assert!(differences.is_empty(), "MILLRACE_SEED={seed}: {}", differences[0]);
        let epochs: Vec<u64> = kept.digests.iter().map(|(epoch, _)| epoch.0).collect();
        assert_eq!(
            epochs,
            (1..=epoch.0).collect::<Vec<_>>(),
            "each epoch once, in order"
        );
    }
}

#[test]
fn an_order_does_not_expire_because_we_were_away() {
    let log = MemoryLog::new(&topics(1)).expect("the topics are fine");
    let (store, clock) = (Store::default(), Hand::default());
    let minute_ms = 60_000;
    let start_ms = 1_790_000_000_000;
    let at = |ms: i64| Time::from_ms(start_ms + ms).expect("a time");
    let send = |ms: i64, topic: &str, key: &str, value: &str| {
        let mut batch = Batch::new(at(ms).ms());
        batch.push(topic, 0, Some(key.as_bytes()), Some(value.as_bytes()));
        log.append(&batch).expect("memory takes everything");
    };
    let product =
        r#"{"type":"product_upserted","sku":"a","name":"A","price":5,"currency":"KRW","stocked":false}"#;
    let order = |id: &str| {
        format!(
            r#"{{"type":"order_placed","order_id":"{id}","customer_id":"c","currency":"KRW","lines":[{{"sku":"a","quantity":1,"unit_price":5}}]}}"#
        )
    };
    let paid = |kind: &str, id: &str| {
        format!(r#"{{"type":"{kind}","order_id":"{id}","payment_key":"k-{id}","amount":5,"currency":"KRW"}}"#)
    };
    // Nothing runs while all this happens: the first order is paid in time, the second too late.
    send(0, "products", "a", product);
    send(1, "orders", "in-time", &order("in-time"));
    send(2, "orders", "late", &order("late"));
    send(
        10 * minute_ms,
        "payments",
        "in-time",
        &paid("payment_submitted", "in-time"),
    );
    send(
        10 * minute_ms + 5000,
        "payments",
        "in-time",
        &paid("payment_confirmed", "in-time"),
    );
    send(
        90 * minute_ms,
        "payments",
        "late",
        &paid("payment_submitted", "late"),
    );
    clock.put(at(24 * 60 * minute_ms));
    let engine = start(&log, &store, &clock, 2);
    settle(&engine, &log, &store);
    drop(engine);
    let tables = store.kept().tables;
    let orders = tables.rows(View::Orders);
    let status = |id: &str| {
        let key = vec![contract::delta::Value::Text(id.to_owned())];
        orders[&key][contract::views::orders::status - 1].to_string()
    };
    assert_eq!(status("in-time"), "confirmed");
    assert_eq!(status("late"), "expired");
}

/// As `rebuild` works: on a log that somebody else binds, up to an epoch, and on from there.
#[test]
fn one_that_ends_at_an_epoch_shows_that_epoch_and_binds_nothing() {
    for seed in seeds() {
        let sample = Sample::new(seed, 30);
        let (store, clock) = (Store::default(), Hand::default());
        clock.put(Time::from_ms(1_999_000_000_000).expect("a time"));
        let bound = sample.log.ends(timeline::TOPIC).expect("it is there");
        for until in [7, 8, 21, 30, 99] {
            let mut how = options(2);
            (how.binds, how.until) = (false, Some(Epoch(until)));
            let (log, kept) = (Arc::new(sample.log.clone()), Box::new(store.clone()));
            let engine = Engine::start(log, kept, Arc::new(clock.clone()), &how).expect("it starts");
            let end = Epoch(until.min(30));
            assert_eq!(engine.bound(), end);
            let progress = engine.wait(Duration::from_secs(60), |progress| progress.decided >= end);
            assert_eq!(progress.decided, end, "MILLRACE_SEED={seed}");
            let _ = engine.stop();
            assert_eq!(kept_epoch(&store), Some(end), "MILLRACE_SEED={seed}");
            let (kept, expected) = (store.kept().tables, oracle(&sample.log, end));
            let differences = kept.differences(&expected, &View::ALL[..CHECKOUT_VIEWS]);
            assert!(differences.is_empty(), "MILLRACE_SEED={seed}: {}", differences[0]);
        }
        assert_eq!(sample.log.ends(timeline::TOPIC).expect("it is there"), bound);
    }
}
