//! Two processes on one log.

use std::time::{Duration, Instant};

use super::common::{Dir, assert_refused};
use super::{Feed, Shop, broker, wait_for_all};

/// The same shop with another data directory.
fn beside(shop: &Shop, name: &str) -> Shop {
    Shop {
        dir: Dir::new(name),
        brokers: shop.brokers.clone(),
        prefix: shop.prefix.clone(),
        partitions: shop.partitions,
        environment: shop.environment.clone(),
    }
}

#[test]
fn a_second_process_that_is_started_by_mistake_is_refused_and_the_first_goes_on() {
    let test = "a_second_process";
    let Some(kafka) = broker(test) else { return };
    let shop = Shop::new(kafka, test, test, 2);
    let mut feed = Feed::new(&shop, 3);
    feed.send(3);
    let up = shop.up(&[]);
    wait_for_all(&up, &feed);
    let second = beside(&shop, "a_second_process.other");
    assert_refused(
        &second.run(&["up", "--listen", "127.0.0.1:0"]),
        3,
        &["another millrace binds epochs"],
    );
    assert_refused(
        &shop.run(&["up", "--listen", "127.0.0.1:0"]),
        3,
        &["in use by another process"],
    );
    feed.send(3);
    wait_for_all(&up, &feed);
    up.stop();
    shop.verify();
}

#[test]
fn a_process_that_wakes_after_another_has_taken_over_ends_and_writes_nothing() {
    let test = "a_process_that_wakes";
    let Some(kafka) = broker(test) else { return };
    let shop = Shop::new(kafka, test, test, 2);
    let mut feed = Feed::new(&shop, 4);
    feed.send(3);
    let first = shop.up(&[]);
    wait_for_all(&first, &feed);
    first.signal("STOP");
    std::thread::sleep(Duration::from_millis(300));
    let other = beside(&shop, "a_process_that_wakes.other");
    let second = other.up(&[]);
    feed.send(3);
    wait_for_all(&second, &feed);
    first.signal("CONT");
    first.wait_for("has taken over with generation 2");
    feed.send(3);
    wait_for_all(&second, &feed);
    second.stop();
    other.verify();
    let (frontier, _) = shop.dir.stored();
    let generation = frontier.unwrap().generation;
    assert_eq!(generation, 1, "it never wrote as another");
}

/// With heartbeats so far apart that waiting for them shows.
#[test]
fn who_ran_last_on_a_directory_is_not_waited_for_however_it_ended_and_anybody_else_is() {
    let test = "who_ran_last";
    let Some(kafka) = broker(test) else { return };
    let mut shop = Shop::new(kafka, test, test, 2);
    shop.environment
        .push(("MILLRACE_TIMELINE_HEARTBEAT_MS", "5000".to_owned()));
    let waits = Duration::from_secs(15);
    let start = |shop: &Shop| {
        let since = Instant::now();
        let up = shop.up(&[]);
        println!("up after {:?}", since.elapsed());
        (up, since.elapsed())
    };
    let mut feed = Feed::new(&shop, 5);
    feed.send(3);
    let (up, _) = start(&shop);
    wait_for_all(&up, &feed);
    up.stop();
    let (up, took) = start(&shop);
    assert!(took < waits, "after it was stopped: {took:?}");
    up.kill();
    let (up, took) = start(&shop);
    assert!(took < waits, "after it was killed: {took:?}");
    up.stop();
    let other = beside(&shop, "who_ran_last.other");
    let (up, took) = start(&other);
    assert!(took >= waits, "another directory: {took:?}");
    feed.send(1);
    wait_for_all(&up, &feed);
    up.stop();
    other.verify();
    // Another has run since.
    let (up, took) = start(&shop);
    assert!(took >= waits, "the first directory: {took:?}");
    up.stop();
    shop.verify();
}
