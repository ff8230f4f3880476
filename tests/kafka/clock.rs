//! Brokers whose clocks jump: the times of records do, and what is bound by them.
//!
//! While millrace runs, epochs have the time of its own clock, whatever records say. Only what gathers while it is
//! away is bound by the records' times; those that go back within a partition count as not having moved, and no
//! epoch's clock is ahead of ours.

use contract::time::Time;
use serde_json::Value;

use super::common::{assert_well, text};
use super::producer::{Fate, PARTITIONS, Producer, SLICE_MS, read, timed_topics, wall_ms};
use super::{Shop, broker, get, until, wait_for_log};

/// Somewhat less than the hour that a broker admits a record to be ahead.
const JUMP_MS: i64 = 3_500_000;
const WINDOW_MS: i64 = 900_000;

/// The clocks of all epochs that were bound.
fn clocks(shop: &Shop) -> Vec<i64> {
    let cat = assert_well(&shop.run(&["log", "cat", "timeline"]));
    let clock = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        let binding: Value = serde_json::from_str(record["value"].as_str().unwrap()).unwrap();
        Time::parse(binding["clock"].as_str().unwrap()).unwrap().ms()
    };
    cat.lines().map(clock).collect()
}

#[test]
fn a_brokers_clock_that_jumps_moves_ours_neither_back_nor_ahead_and_nothing_is_lost() {
    let test = "a_brokers_clock_that_jumps";
    let Some(kafka) = broker(test) else { return };
    let shop = Shop::new(kafka, test, test, PARTITIONS);
    timed_topics(kafka, &shop.prefix);
    let mut producer = Producer::new(shop.producer());
    // Ten minutes of orders, each paid a second after it was placed.
    let begin_ms = wall_ms() - 600_000;
    producer.open(begin_ms, WINDOW_MS / 1000);
    let mut at_ms = begin_ms;
    for (count, jump_ms) in [(20, 0), (15, JUMP_MS), (15, -JUMP_MS), (15, 0)] {
        for _ in 0..count {
            at_ms += 5 * SLICE_MS;
            let number = producer.place(number_of_sku(at_ms), Fate::Paid, at_ms + jump_ms);
            producer.pay(number, "payment_confirmed", at_ms + jump_ms + SLICE_MS);
        }
    }
    let up = shop.up(&[]);
    wait_for_log(&up, &producer.log);
    until("it is ready", || get(&up, "/readyz").0 == 200);
    // What came before the jump is as if there had been none.
    for order in &producer.placed[..20] {
        assert_eq!(
            read(&up, &format!("/v1/orders/{}", order.id))["status"],
            "confirmed"
        );
    }
    // Of what came after it each payment is kept, or somebody is told of the money.
    let attention = read(&up, "/v1/attention");
    let told = attention["items"].as_array().unwrap().iter();
    let told = told.filter(|row| row["kind"] == "money_in_quarantine").count();
    let payments = read(&up, "/v1/views/payments?limit=1000")["items"]
        .as_array()
        .unwrap()
        .len();
    println!("{payments} payments taken, {told} in quarantine and told");
    assert_eq!(payments + told, producer.placed.len());
    // While it runs records may say what they like.
    let before = producer.placed.len();
    for jump_ms in [JUMP_MS, -JUMP_MS, 0, JUMP_MS / 2] {
        let now_ms = wall_ms();
        let number = producer.place(0, Fate::Paid, now_ms + jump_ms);
        producer.pay(number, "payment_confirmed", now_ms + jump_ms);
        producer.place(1, Fate::Never, now_ms - jump_ms);
    }
    wait_for_log(&up, &producer.log);
    for order in &producer.placed[before..] {
        let found = read(&up, &format!("/v1/orders/{}", order.id));
        if order.fate == Fate::Paid {
            assert_eq!(found["status"], "confirmed", "{found}");
        } else {
            assert_eq!(found["status"], "awaiting_payment", "{found}");
            let deadline_ms = Time::parse(found["deadline"].as_str().unwrap()).unwrap().ms();
            let off_ms = deadline_ms - WINDOW_MS - order.sent_ms;
            assert!((-1000..2000).contains(&off_ms), "{off_ms} ms off: {found}");
        }
    }
    assert_eq!(get(&up, "/readyz").0, 200);
    let wall_now_ms = wall_ms();
    up.stop();
    shop.verify();
    let clocks = clocks(&shop);
    assert!(clocks.is_sorted(), "a clock went back: {clocks:?}");
    let ahead = clocks.iter().filter(|clock| **clock > wall_now_ms + 5000).count();
    assert_eq!(ahead, 0, "clocks ahead of ours: {clocks:?}");
    let said = text(&shop.run(&["log", "cat", "orders"]).stdout);
    assert_eq!(said.lines().count(), producer.placed.len());
}

fn number_of_sku(at_ms: i64) -> usize {
    usize::try_from(at_ms / 1000 % 3).unwrap()
}
