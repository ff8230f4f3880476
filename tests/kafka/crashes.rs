//! Crashes: of millrace at random moments, and of the broker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use generator::Rng;
use servers::kafka::Kafka;

use super::{Feed, Shop, broker, until, wait_for_all};

/// How often it is killed; more in the nightly run.
fn kills() -> u64 {
    let said = std::env::var("MILLRACE_KILLS").ok();
    said.and_then(|kills| kills.parse().ok()).unwrap_or(5)
}

#[test]
fn killed_at_random_moments_it_loses_and_doubles_nothing() {
    let test = "killed_at_random_moments";
    let Some(kafka) = broker(test) else { return };
    let shop = Shop::new(kafka, test, test, 3);
    let seed = std::env::var("MILLRACE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(7);
    println!("MILLRACE_SEED={seed}");
    let mut rng = Rng::new(seed);
    let stop = AtomicBool::new(false);
    let mut feed = Feed::new(&shop, seed);
    thread::scope(|scope| {
        let feeding = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                feed.send(1);
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut epoch = 0;
        for _ in 0..kills() {
            let up = shop.up(&[]);
            thread::sleep(Duration::from_millis(rng.below(1500)));
            let at = up.frontier().map_or(0, |frontier| frontier.epoch.0);
            assert!(at >= epoch, "what was visible goes back from {epoch} to {at}");
            epoch = at;
            up.kill();
        }
        stop.store(true, Ordering::Relaxed);
        feeding.join().unwrap();
    });
    let up = shop.up(&[]);
    wait_for_all(&up, &feed);
    let frontier = up.frontier().unwrap();
    assert_eq!(
        frontier.ends.iter().flatten().sum::<u64>(),
        feed.sent,
        "every record once"
    );
    up.stop();
    shop.verify();
}

#[test]
fn a_broker_that_is_killed_and_comes_back_is_gone_on_with() {
    let test = "a_broker_that_is_killed";
    if broker(test).is_none() {
        return;
    }
    let mut kafka = Kafka::start().unwrap();
    let shop = Shop::new(&kafka, test, test, 3);
    let stop = AtomicBool::new(false);
    let mut feed = Feed::new(&shop, 11);
    feed.send(5);
    let up = shop.up(&[]);
    wait_for_all(&up, &feed);
    thread::scope(|scope| {
        let feeding = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                feed.send(1);
                thread::sleep(Duration::from_millis(20));
            }
        });
        thread::sleep(Duration::from_millis(500));
        kafka.kill();
        until("it is not ready, and says why", || {
            let (status, body) = super::get(&up, "/readyz");
            status == 503 && body.contains("log_waiting")
        });
        assert_eq!(super::get(&up, "/v1/audits").0, 200, "the views are still read");
        kafka.restart().unwrap();
        until("it is ready again", || super::get(&up, "/readyz").0 == 200);
        stop.store(true, Ordering::Relaxed);
        feeding.join().unwrap();
    });
    wait_for_all(&up, &feed);
    up.stop();
    shop.verify();
}
