//! What is bound: only what can be read, in the order of causes, with a clock that is not ahead.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contract::log::{Binding, Epoch, Topic};
use millrace_streams::timeline::{Ahead, Outcome, Room, Timeline, no_ends};
use millrace_streams::{Batch, KafkaLog, Log as _, NextOffsets, Outcome as Sent};

use rdkafka::producer::BaseProducer;

use crate::{broker, config, delete, flush, id, now, open, producer, read_to, send, until};

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
    let chains = Mutex::new(Vec::new());
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
                    let make = &mut |_: &NextOffsets<'_>| Some(one("timeline", 0, value.as_bytes()));
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

/// Sends 2,000 records a second, and notes when.
fn send_evenly(other: &BaseProducer, topic: &str, records: u64, sent_at: &Mutex<Vec<Instant>>) {
    let begun = Instant::now();
    for n in 0..records {
        let due = Duration::from_micros(n * 500);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        sent_at.lock().unwrap().push(Instant::now());
        send(other, topic, 0, None, Some(b"{}"));
        other.poll(Duration::ZERO);
    }
    flush(other);
}

/// Binds records as they come, in one of two ways, until so many are bound: how many epochs that took, and per
/// record how long after it was sent its binding was read back.
fn bind_orders(
    log: &KafkaLog,
    (other, stock): (&BaseProducer, &str),
    ahead_max: u64,
    orders: u64,
) -> (usize, Vec<Duration>) {
    let sent_at = Mutex::new(Vec::new());
    let (mut bound_at, mut epochs) = (Vec::new(), 0);
    let mut timeline = Timeline::default();
    let mut reader = log.read("timeline", 0, 0).unwrap();
    let mut ahead = Ahead::new(ahead_max);
    std::thread::scope(|scope| {
        scope.spawn(|| send_evenly(other, stock, orders, &sent_at));
        let (mut seen, mut answers) = (0, VecDeque::new());
        while (bound_at.len() as u64) < orders {
            while let Some(run) = reader.next_run(reader.offset() + 1).unwrap() {
                for record in run {
                    assert_eq!(
                        timeline.apply(record.value),
                        Ok(Outcome::Bound),
                        "in order, each once"
                    );
                }
                let last = timeline.last().unwrap();
                assert!(ahead.read(last), "what was sent is what is read");
                let end = last.ends[Topic::Stock as usize].first().copied().unwrap_or(0);
                bound_at.resize(usize::try_from(end).unwrap(), Instant::now());
                epochs += 1;
            }
            let last = ahead
                .last(&timeline)
                .map_or_else(no_ends, |last| last.ends.clone());
            let next = log.seen_ends("stock").unwrap();
            if ahead.room(&timeline) == Room::Full || next == last[Topic::Stock as usize] {
                seen = log.wait(seen, Duration::from_millis(50));
                continue;
            }
            let epoch = Epoch(ahead.last(&timeline).map_or(0, |last| last.epoch.0) + 1);
            let mut made = None;
            let mut make = |next: &NextOffsets<'_>| {
                let mut ends = no_ends();
                ends[Topic::Stock as usize] = next.ends("stock").unwrap().to_vec();
                let binding = made.insert(Binding {
                    epoch,
                    clock: now(),
                    ends,
                });
                Some(one("timeline", 0, timeline.encode(binding, None).as_bytes()))
            };
            if ahead_max == 1 {
                log.append_after(wall_ms(), &mut make).unwrap();
            } else {
                answers.push_back(log.send_after(wall_ms(), &mut make).unwrap());
            }
            ahead.sent(made.unwrap());
        }
        until("all are kept", || {
            answers.iter().all(|sent| sent.outcome() == Sent::Kept)
        });
    });
    let sent_at = sent_at.into_inner().unwrap();
    let took = bound_at.iter().zip(&sent_at).map(|(bound, sent)| *bound - *sent);
    let mut took: Vec<Duration> = took.collect();
    took.sort_unstable();
    (epochs, took)
}

/// Bindings are read back in the order in which they were sent, each once, whether they are waited for or not.
#[test]
fn bindings_that_are_not_waited_for_are_read_back_as_they_were_sent() {
    let test = "bindings_that_are_not_waited_for";
    let Some(kafka) = broker(test) else { return };
    for (name, wanted) in [("one", 1), ("ahead", u64::MAX)] {
        let log = KafkaLog::open(config(kafka, &format!("{test}.{name}"))).unwrap();
        log.begin(id(1), now()).unwrap();
        let begun = Instant::now();
        let other = producer(kafka, &[("linger.ms", "0")]);
        let stock = format!("{test}.{name}.stock");
        let (epochs, took) = bind_orders(&log, (&other, &stock), wanted.min(log.ahead_max()), 6_000);
        let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
        let elapsed = begun.elapsed();
        println!("{name}: {epochs} epochs in {elapsed:?}; read back after {median:?}, p99 {p99:?}");
        assert!(epochs > 20);
    }
}
