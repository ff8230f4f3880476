//! Crashes: of millrace at random moments, and of the broker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use generator::Rng;
use servers::kafka::own;

use super::{Feed, Shop, seed, until, wait_for_all};

/// How often something is killed here; `cargo xtask crash --kafka` says more, for a night.
fn asked(name: &str, usual: u64) -> u64 {
    let said = std::env::var(name).ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(usual)
}

/// What must hold after crashes, once everything is visible and nothing runs. Whatever else is made of the views
/// is compared with them here.
fn judge(shop: &Shop, feed: &Feed) {
    feed.assert_nothing_is_lost();
    shop.verify();
}

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Millrace,
    Broker,
}

/// In which order, by a seed.
fn victims(rng: &mut Rng) -> Vec<Victim> {
    let (kills, broker_kills) = (asked("MILLRACE_KILLS", 5), asked("MILLRACE_BROKER_KILLS", 1));
    let of = |nth| {
        if nth < broker_kills {
            Victim::Broker
        } else {
            Victim::Millrace
        }
    };
    let mut victims: Vec<Victim> = (0..kills + broker_kills).map(of).collect();
    for index in (1..victims.len()).rev() {
        let other = rng.below(index as u64 + 1);
        victims.swap(index, usize::try_from(other).unwrap());
    }
    victims
}

#[test]
fn whoever_is_killed_at_random_moments_nothing_is_lost_or_doubled() {
    let test = "whoever_is_killed";
    let Some(mut kafka) = own(test) else { return };
    let shop = Shop::new(&kafka, test, test, 3);
    let seed = seed(7);
    let mut rng = Rng::new(seed);
    let stop = AtomicBool::new(false);
    let mut feed = Feed::new(&shop, seed);
    let mut running = None;
    thread::scope(|scope| {
        let feeding = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                feed.send(1);
                thread::sleep(Duration::from_millis(20));
            }
        });
        let (mut epoch, victims) = (0, victims(&mut rng));
        for (nth, victim) in victims.iter().enumerate() {
            let up = running.take().unwrap_or_else(|| shop.up(&[]));
            thread::sleep(Duration::from_millis(rng.below(1500)));
            let at = up.frontier().map_or(0, |frontier| frontier.epoch.0);
            assert!(at >= epoch, "what was visible goes back from {epoch} to {at}");
            println!("{} of {}: {victim:?}, at epoch {at}", nth + 1, victims.len());
            epoch = at;
            if *victim == Victim::Millrace {
                up.kill();
                continue;
            }
            kafka.kill();
            thread::sleep(Duration::from_millis(rng.below(1500)));
            kafka.restart().unwrap();
            running = Some(up);
        }
        stop.store(true, Ordering::Relaxed);
        feeding.join().unwrap();
    });
    let up = running.take().unwrap_or_else(|| shop.up(&[]));
    wait_for_all(&up, &feed);
    up.stop();
    judge(&shop, &feed);
}

#[test]
fn a_broker_that_is_killed_and_comes_back_is_gone_on_with() {
    let test = "a_broker_that_is_killed";
    let Some(mut kafka) = own(test) else { return };
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
    judge(&shop, &feed);
}
