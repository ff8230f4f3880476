//! Outages: producers go on while nobody binds what they send, for longer than a payment may take. What comes of
//! it is what would have come of it without the outage: who paid in time has its order, the prices are those of
//! each order's moment, and who did not pay loses it when its time was over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use contract::time::Time;
use generator::Rng;
use serde_json::json;
use servers::proxy::Way;

use super::common::Up;
use super::producer::{Fate, PARTITIONS, Placed, Producer, SLICE_MS, read, timed_topics, wall_ms};
use super::{Shop, broker, get, until, wait_for_log};

/// What was to happen to a payment, and when.
struct Due {
    at_ms: i64,
    number: usize,
    kind: &'static str,
}

/// When what an order's fate says happens, after it was placed, for a window of so many milliseconds.
fn dues(fate: Fate, number: usize, placed_ms: i64, window_ms: i64, rng: &mut Rng) -> Vec<Due> {
    let mut between =
        |from: i64, to: i64| from + i64::try_from(rng.below((to - from).unsigned_abs())).unwrap();
    let at = |after_ms: i64, kind| Due {
        at_ms: placed_ms + after_ms,
        number,
        kind,
    };
    let in_time = window_ms - window_ms / 8;
    let late = window_ms + 2 * SLICE_MS + window_ms / 8;
    match fate {
        Fate::Paid => vec![at(between(1, in_time), "payment_confirmed")],
        Fate::Submitted => vec![
            at(between(1, in_time), "payment_submitted"),
            at(between(in_time, late + 1000), "payment_confirmed"),
        ],
        Fate::Late => vec![at(late + between(1, 500), "payment_confirmed")],
        Fate::Never | Fate::OldPrice => Vec::new(),
    }
}

fn fate(rng: &mut Rng) -> Fate {
    [Fate::Paid, Fate::Submitted, Fate::Late, Fate::Never][usize::try_from(rng.below(4)).unwrap()]
}

/// When an order expired, by its timeline.
fn expired_ms(up: &Up, id: &str) -> i64 {
    let timeline = read(up, &format!("/v1/orders/{id}/timeline"));
    let rows = timeline["items"].as_array().unwrap();
    let row = rows.iter().find(|row| row["to_status"] == "expired");
    let row = row.unwrap_or_else(|| panic!("{timeline}"));
    assert_eq!(row["cause_type"], "deadline", "{row}");
    Time::parse(row["clock"].as_str().unwrap()).unwrap().ms()
}

/// That an order is what its fate says. When it expired, if it did.
fn judge(up: &Up, order: &Placed) -> Option<i64> {
    let found = read(up, &format!("/v1/orders/{}", order.id));
    let (status, total) = (&found["status"], &found["total"]);
    let told = format!("{order:?}: {found}");
    assert_eq!(*total, order.total, "{told}");
    match order.fate {
        Fate::Paid | Fate::Submitted => assert_eq!(status, "confirmed", "{told}"),
        Fate::OldPrice => {
            assert_eq!(
                (status, &found["reason"]),
                (&json!("rejected"), &json!("price_changed")),
                "{told}"
            );
        }
        Fate::Late => {
            assert_eq!(
                (status, &found["reason"]),
                (&json!("expired"), &json!("not_paid_in_time")),
                "{told}"
            );
            assert_eq!(found["payments"][0]["status"], "refund_pending", "{told}");
        }
        Fate::Never => assert_eq!(status, "expired", "{told}"),
    }
    matches!(order.fate, Fate::Late | Fate::Never).then(|| expired_ms(up, &order.id))
}

/// How long a payment may take, here.
const WINDOW_MS: i64 = 5000;

/// Produces until it is told to stop, and then what is due.
fn produce(producer: &mut Producer, mut due: Vec<Due>, stop: &AtomicBool, rng: &mut Rng) {
    // Per price when it changes, and since when nobody orders at the old one.
    let mut change_ms = [1, 2, 3].map(|nth| wall_ms() + nth * 1500);
    loop {
        let now_ms = wall_ms();
        due.sort_by_key(|due| std::cmp::Reverse(due.at_ms));
        while due.last().is_some_and(|due| due.at_ms <= now_ms) {
            let Due { number, kind, .. } = due.pop().unwrap();
            producer.pay(number, kind, 0);
        }
        if stop.load(Ordering::Relaxed) {
            if due.is_empty() {
                return;
            }
        } else {
            for (sku, at_ms) in change_ms.iter_mut().enumerate() {
                if *at_ms <= now_ms {
                    producer.change_price(sku, 0);
                    producer.place(sku, Fate::OldPrice, 0);
                    *at_ms = now_ms + 3000 + i64::try_from(rng.below(2000)).unwrap();
                } else if now_ms + SLICE_MS + 300 < *at_ms {
                    let fate = fate(rng);
                    let number = producer.place(sku, fate, 0);
                    due.extend(dues(fate, number, wall_ms(), WINDOW_MS, rng));
                }
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// One window and more without millrace; `away` begins the outage, and gives back what runs after it.
fn outage(test: &str, shop: &Shop, mut producer: Producer, up: Up, away: impl FnOnce(Up, Duration) -> Up) {
    let seed = super::seed(8);
    producer.open(0, WINDOW_MS / 1000);
    until("the shop is open", || {
        get(&up, "/v1/stock/s2").0 == 200 && get(&up, "/v1/products/s2").0 == 200
    });
    // Some orders are there before.
    let (mut rng, mut due) = (Rng::new(seed), Vec::new());
    for fate in [Fate::Paid, Fate::Submitted, Fate::Late, Fate::Never] {
        let number = producer.place(0, fate, 0);
        // They are paid once nobody is there.
        let times = dues(fate, number, wall_ms(), WINDOW_MS, &mut rng);
        due.extend(times.into_iter().map(|due| Due {
            at_ms: due.at_ms.max(wall_ms() + WINDOW_MS / 2),
            ..due
        }));
    }
    until("they are placed", || get(&up, "/v1/orders/o3").0 == 200);
    let stop = AtomicBool::new(false);
    let (up, producer) = thread::scope(|scope| {
        let producing = scope.spawn(|| {
            produce(&mut producer, due, &stop, &mut rng);
            producer
        });
        let up = away(up, Duration::from_millis((WINDOW_MS * 8 / 5).unsigned_abs()));
        until("nothing of the outage is left", || {
            let behind = up.frontier().map(|frontier| wall_ms() - frontier.clock.ms());
            behind.is_some_and(|behind_ms| behind_ms < 1000)
        });
        stop.store(true, Ordering::Relaxed);
        (up, producing.join().unwrap())
    });
    wait_for_log(&up, &producer.log);
    until("nobody waits", || {
        let waiting = read(&up, "/v1/orders?status=awaiting_payment");
        waiting["items"].as_array().unwrap().is_empty() && read(&up, "/v1/stock/s0")["held"] == 0
    });
    let mut counts = [0; 5];
    for order in &producer.placed {
        counts[order.fate as usize] += 1;
        if let Some(expired_ms) = judge(&up, order) {
            let from = order.sent_ms + WINDOW_MS - 200;
            let until = order.acknowledged_ms + WINDOW_MS + 2 * SLICE_MS + 500;
            assert!((from..until).contains(&expired_ms), "{expired_ms}: {order:?}");
        }
    }
    println!("{test}: {counts:?}");
    assert!(counts.iter().all(|count| *count > 2), "{counts:?}");
    up.stop();
    shop.verify();
}

#[test]
fn after_an_outage_each_order_has_become_what_its_own_moment_says() {
    let test = "after_an_outage";
    let Some(kafka) = broker(test) else { return };
    let shop = Shop::new(kafka, test, test, PARTITIONS);
    let producer = Producer::new(shop.producer());
    let up = shop.up(&[]);
    outage(test, &shop, producer, up, |up, lasts| {
        up.stop();
        thread::sleep(lasts);
        shop.up(&[])
    });
}

#[test]
fn after_the_brokers_could_not_be_reached_each_order_has_become_what_its_own_moment_says() {
    let test = "after_the_brokers_could_not_be_reached";
    let Some(kafka) = broker(test) else { return };
    let mut shop = Shop::new(kafka, test, test, PARTITIONS);
    let producer = Producer::new(shop.producer());
    let proxy = kafka.proxy().unwrap();
    shop.brokers = proxy.brokers();
    let up = shop.up(&[]);
    outage(test, &shop, producer, up, |up, lasts| {
        let since = Instant::now();
        proxy.set(Way::Cut);
        until("it says so", || get(&up, "/readyz").0 == 503);
        thread::sleep(lasts.saturating_sub(since.elapsed()));
        proxy.set(Way::Open);
        up
    });
    drop(proxy);
}

/// Twenty minutes and the rules' own windows, in topics that carry their producers' times.
#[test]
fn twenty_minutes_without_anybody_change_no_orders_fate() {
    let test = "twenty_minutes";
    let Some(kafka) = broker(test) else { return };
    let shop = Shop::new(kafka, test, test, PARTITIONS);
    timed_topics(kafka, &shop.prefix);
    let (window_ms, minutes_ms, seed) = (900_000, 20 * 60_000, super::seed(20));

    let mut rng = Rng::new(seed);
    let mut producer = Producer::new(shop.producer());
    let begin_ms = wall_ms() - minutes_ms - 30_000;
    producer.open(begin_ms, window_ms / 1000);
    let (mut due, mut moments) = (Vec::new(), Vec::new());
    let mut placed_ms = Vec::new();
    let pay = |producer: &Producer, due: &mut Vec<Due>, moments: &mut Vec<i64>, until_ms: i64| {
        due.sort_by_key(|due| std::cmp::Reverse(due.at_ms));
        while due.last().is_some_and(|due| due.at_ms <= until_ms) {
            let Due { at_ms, number, kind } = due.pop().unwrap();
            moments.push(at_ms);
            producer.pay(number, kind, at_ms);
        }
    };
    // An order every ten seconds or so, a new price every two minutes.
    let mut at_ms = begin_ms + 5000;
    let mut change_ms = at_ms + 120_000;
    while at_ms < begin_ms + minutes_ms {
        pay(&producer, &mut due, &mut moments, at_ms);
        let sku = usize::try_from(rng.below(3)).unwrap();
        let fate = if at_ms >= change_ms {
            producer.change_price(sku, at_ms);
            change_ms += 120_000;
            Fate::OldPrice
        } else {
            fate(&mut rng)
        };
        let number = producer.place(sku, fate, at_ms);
        moments.push(at_ms);
        placed_ms.push(at_ms);
        due.extend(dues(fate, number, at_ms, window_ms, &mut rng));
        at_ms += 2 * SLICE_MS + i64::try_from(rng.below(16_000)).unwrap();
    }
    let end_ms = wall_ms();
    pay(&producer, &mut due, &mut moments, end_ms);
    let up = shop.up(&[]);
    wait_for_log(&up, &producer.log);
    let mut expired = 0;
    for (order, at_ms) in producer.placed.iter().zip(placed_ms) {
        let deadline_ms = at_ms + window_ms;
        let waits = due.iter().any(|due| producer.placed[due.number].id == order.id);
        if waits || (order.fate == Fate::Never && deadline_ms > end_ms - SLICE_MS) {
            let status = read(&up, &format!("/v1/orders/{}", order.id))["status"].clone();
            assert!(deadline_ms <= wall_ms() || status != "expired", "{order:?}");
            continue;
        }
        if let Some(expired_ms) = judge(&up, order) {
            expired += 1;
            // It counts as before all that came more than a slice later.
            let between = |ms: &&i64| (deadline_ms + 2 * SLICE_MS..expired_ms - 2 * SLICE_MS).contains(*ms);
            assert!(expired_ms >= deadline_ms, "{order:?}");
            assert_eq!(
                moments.iter().find(between),
                None,
                "{order:?} expired at {expired_ms}"
            );
        }
    }
    println!("{} orders, {expired} expired", producer.placed.len());
    assert!(expired > 5, "{expired} expired");
    up.stop();
    shop.verify();
}
