//! What is bound: only what can be read, in the order of causes, with a clock that is not ahead.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::log::Topic;
use millrace_streams::{Batch, Log as _};

use crate::{broker, config, delete, open, read_to, until};

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn one(topic: &str, partition: u32, value: &[u8]) -> Batch {
    let mut batch = Batch::new(wall_ms());
    batch.push(topic, partition, None, Some(value));
    batch
}

/// Writers that put stock, then an order that goes by it, then a payment for the order, each once the former
/// was acknowledged: no bound holds one without what it goes by, and none lacks what was acknowledged
/// before its clock.
#[test]
fn no_bound_holds_an_order_without_its_stock_or_lacks_what_came_before_its_clock() {
    let test = "no_bound_holds_an_order_without";
    let Some(kafka) = broker(test) else { return };
    let log = open(&config(kafka, test));
    let stop = AtomicBool::new(false);
    // Per acknowledged payment: when, and the ends that its chain needs.
    let chains = std::sync::Mutex::new(Vec::new());
    let mut bounds = Vec::new();
    std::thread::scope(|scope| {
        for writer in 0..3_u32 {
            let (log, stop, chains) = (&log, &stop, &chains);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let at = |topic| log.append(&one(topic, writer, b"{}")).unwrap()[0].first;
                    let chain = [at("stock"), at("orders"), at("payments")];
                    chains.lock().unwrap().push((writer as usize, wall_ms(), chain));
                }
            });
        }
        while bounds.len() < 100 || chains.lock().unwrap().len() < 200 {
            let mut bound = None;
            let appended = log.append_after(wall_ms(), &mut |next| {
                let ends = ["stock", "orders", "payments"].map(|topic| next.ends(topic).unwrap().to_vec());
                bound = Some((next.as_of_ms().unwrap(), ends));
                None
            });
            assert!(appended.unwrap().is_empty());
            bounds.push(bound.unwrap());
        }
        stop.store(true, Ordering::Relaxed);
    });
    let chains = chains.into_inner().unwrap();
    assert!(chains.len() > 100, "{} chains", chains.len());
    for (as_of_ms, [stock, orders, payments]) in &bounds {
        for (writer, acknowledged_ms, [s, o, p]) in &chains {
            assert!(
                orders[*writer] <= *o || stock[*writer] > *s,
                "an order without its stock"
            );
            assert!(
                payments[*writer] <= *p || orders[*writer] > *o,
                "a payment without its order"
            );
            assert!(
                acknowledged_ms >= as_of_ms || payments[*writer] > *p,
                "it came before the clock"
            );
        }
    }
    let moved = bounds.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(moved > 50, "{moved} of the bounds moved");
}

#[test]
fn what_comes_is_told_and_can_soon_be_bound() {
    let test = "what_comes_is_told";
    let Some(kafka) = broker(test) else { return };
    let (log, other) = (open(&config(kafka, test)), open(&config(kafka, test)));
    let mut reader = log.read("payments", 2, 0).unwrap();
    for n in 1..=20 {
        let seen = log.wait(0, Duration::ZERO);
        other.append(&one("payments", 2, b"{}")).unwrap();
        until("it can be bound", || {
            log.wait(seen, Duration::from_millis(100));
            log.seen_ends("payments").unwrap() == [0, 0, n]
        });
        while reader.offset() < n {
            reader.next_run(n).unwrap();
        }
    }
}

#[test]
fn a_topic_that_is_gone_stalls_what_is_decided_by_it_and_else_is_only_named() {
    let test = "a_topic_that_is_gone";
    let Some(kafka) = broker(test) else { return };
    let log = open(&config(kafka, test));
    log.append(&one("reviews", 1, b"{}")).unwrap();
    until("it can be bound", || {
        log.seen_ends("reviews").unwrap() == [0, 1, 0]
    });
    assert_eq!(log.troubles(), []);
    let bind = || {
        log.append_after(wall_ms(), &mut |next| {
            assert_eq!(next.ends("reviews").unwrap(), [0, 1, 0], "where it was last seen");
            None
        })
    };
    delete(kafka, &[&format!("{test}.reviews")]);
    until("it is named", || log.troubles().len() == 3);
    assert!(
        log.troubles()
            .iter()
            .all(|trouble| trouble.topic == Topic::Reviews.name() && !trouble.stalls)
    );
    bind().unwrap();
    delete(kafka, &[&format!("{test}.payments")]);
    until("nothing is bound", || bind().is_err());
    let error = bind().unwrap_err().to_string();
    assert!(
        error.contains("payments/0") && error.contains("nothing can be decided"),
        "{error}"
    );
    assert!(
        log.troubles()
            .iter()
            .any(|trouble| trouble.topic == "payments" && trouble.stalls)
    );
}

#[test]
fn of_two_bindings_of_one_epoch_both_processes_read_the_same_first() {
    let test = "of_two_bindings_of_one_epoch";
    let Some(kafka) = broker(test) else { return };
    let logs = [open(&config(kafka, test)), open(&config(kafka, test))];
    assert_eq!(logs[0].installation(), logs[1].installation());
    std::thread::scope(|scope| {
        for (n, log) in logs.iter().enumerate() {
            scope.spawn(move || {
                for epoch in 0..20 {
                    let value = format!("{{\"epoch\":{epoch},\"by\":{n}}}");
                    let make = &mut |_: &millrace_streams::NextOffsets<'_>| {
                        Some(one("timeline", 0, value.as_bytes()))
                    };
                    log.append_after(wall_ms(), make).unwrap();
                }
            });
        }
    });
    let read = logs
        .each_ref()
        .map(|log| read_to(log.as_ref(), "timeline", 0, 0, u64::MAX).0);
    assert_eq!(read[0].len(), 41);
    assert_eq!(read[0], read[1]);
    let first = String::from_utf8(read[0][1].2.clone().unwrap()).unwrap();
    assert!(
        first.contains(&logs[0].installation().unwrap().to_string()),
        "{first}"
    );
}
