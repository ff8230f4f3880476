//! A clock set back or far ahead: time never goes back, nothing is bound by a time that nobody accepted, and
//! nobody's order expires by it.
#![expect(clippy::unwrap_used, reason = "tests fail by it")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Store, options, topics};
use contract::time::Time;
use contract::views::View;
use millrace_runtime::clock::{Clock, Now};
use millrace_runtime::{Engine, Progress, State};
use streams::{Batch, Log, MemoryLog};

const START_MS: i64 = 1_800_000_000_000;
const SECOND_MS: i64 = 1_000;
const HOUR_MS: i64 = 3_600 * SECOND_MS;
const YEAR_MS: i64 = 365 * 24 * HOUR_MS;
/// How long an order waits for its payment, unless other rules are activated.
const PAYMENT_WINDOW_MS: i64 = 900 * SECOND_MS;
/// Why an order that was not paid in time is cancelled.
const UNPAID: &str = "not_paid_in_time";
const LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);

/// Clocks that are moved by hand, each for itself.
#[derive(Clone)]
struct Clocks(Arc<Mutex<Now>>);

impl Clocks {
    fn new() -> Clocks {
        let (wall, monotonic_ms) = (Time::from_ms(START_MS).unwrap(), 5_000);
        Clocks(Arc::new(Mutex::new(Now { wall, monotonic_ms })))
    }

    /// Time passes.
    fn pass(&self, ms: i64) {
        self.0.lock().unwrap().monotonic_ms += u64::try_from(ms).unwrap();
        self.set(ms);
    }

    /// Somebody sets the wall clock.
    fn set(&self, by_ms: i64) {
        let mut now = self.0.lock().unwrap();
        now.wall = Time::from_ms(now.wall.ms() + by_ms).unwrap();
    }
}

impl Clock for Clocks {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

/// A shop in which an order waits for its payment.
struct Shop {
    log: MemoryLog,
    store: Store,
    clocks: Clocks,
    engine: Engine,
}

impl Shop {
    fn open() -> Shop {
        let (log, store, clocks) = (
            MemoryLog::new(&topics(1)).unwrap(),
            Store::default(),
            Clocks::new(),
        );
        let (sink, clock) = (Box::new(store.clone()), Arc::new(clocks.clone()));
        let engine = Engine::start(Arc::new(log.clone()), sink, clock, &options(1)).unwrap();
        let shop = Shop {
            log,
            store,
            clocks,
            engine,
        };
        let product = r#"{"type":"product_upserted","sku":"s","name":"S","price":5,"currency":"KRW"}"#;
        let stock = r#"{"type":"stock_received","receipt_id":"r","sku":"s","quantity":9}"#;
        shop.append(&[("products", "s", product), ("stock", "s", stock)]);
        shop.order("o1");
        shop.wait("the order", |shop| shop.reason("o1") == Some("null".to_owned()));
        shop
    }

    fn append(&self, records: &[(&str, &str, &str)]) {
        let mut batch = Batch::new(self.clocks.now().wall.ms());
        for (topic, key, value) in records {
            batch.push(topic, 0, Some(key.as_bytes()), Some(value.as_bytes()));
        }
        self.log.append(&batch).unwrap();
    }

    fn order(&self, id: &str) {
        let line = r#"[{"sku":"s","quantity":1,"unit_price":5}]"#;
        let order = format!(
            r#"{{"type":"order_placed","order_id":"{id}","customer_id":"c","currency":"KRW","lines":{line}}}"#
        );
        self.append(&[("orders", id, &order)]);
    }

    /// The reason in the order's row, if there is one.
    fn reason(&self, id: &str) -> Option<String> {
        let kept = self.store.kept();
        let (_, row) = kept
            .tables
            .rows(View::Orders)
            .iter()
            .find(|(key, _)| key[0].to_string() == id)?;
        let column = View::Orders.schema().column("reason").unwrap();
        Some(row[column - 1].to_string())
    }

    fn wait(&self, what: &str, done: impl Fn(&Shop) -> bool) {
        let until = Instant::now() + LIMIT;
        while !done(self) {
            let progress = self.engine.wait(LOOK, |_| false);
            assert!(Instant::now() < until, "{what}: {progress:?}");
        }
    }

    fn visible(&self) -> (u64, i64) {
        let visible = self.engine.progress().visible;
        visible.map_or((0, 0), |(epoch, clock)| (epoch.0, clock.ms()))
    }
}

#[test]
fn a_clock_set_back_an_hour_stands_until_it_has_caught_up() {
    let shop = Shop::open();
    let (before, clock) = shop.visible();
    shop.clocks.set(-HOUR_MS);
    for id in ["o2", "o3"] {
        shop.order(id);
        shop.wait(id, |shop| shop.reason(id).is_some());
        shop.clocks.pass(10 * SECOND_MS);
    }
    let (epoch, standing) = shop.visible();
    assert!(epoch >= before + 2, "{before} {epoch}");
    assert_eq!(standing, clock, "no time passes");
    assert_eq!(shop.reason("o1"), Some("null".to_owned()), "no deadline fires");
    // The hour passes, and a payment window more.
    shop.clocks.pass(HOUR_MS + PAYMENT_WINDOW_MS);
    shop.order("o4");
    shop.wait("time goes on", |shop| shop.visible().1 > clock);
    shop.wait("expired", |shop| shop.reason("o1") == Some(UNPAID.to_owned()));
}

#[test]
fn a_clock_set_forward_a_year_stops_binding_until_it_is_accepted() {
    let shop = Shop::open();
    let before = shop.visible();
    shop.clocks.set(YEAR_MS);
    shop.order("o2");
    let stopped = |progress: &Progress| matches!(progress.state, State::ClockStopped { .. });
    let progress = shop.engine.wait(LIMIT, stopped);
    let State::ClockStopped { wall, limit } = progress.state else {
        panic!("it did not stop: {progress:?}");
    };
    assert_eq!(wall.ms(), START_MS + YEAR_MS);
    assert!(limit.ms() < START_MS + HOUR_MS, "{limit}");
    let ends = || shop.log.ends("timeline").unwrap();
    let bound = ends();
    for _ in 0..5 {
        shop.clocks.pass(10 * SECOND_MS);
        shop.order("o3");
        // It was asked again: the state tells the new time.
        let wall = shop.clocks.now().wall;
        let asked = |p: &Progress| matches!(p.state, State::ClockStopped { wall: told, .. } if told == wall);
        assert!(
            asked(&shop.engine.wait(LIMIT, asked)),
            "{:?}",
            shop.engine.progress()
        );
    }
    assert_eq!(ends(), bound, "nothing is bound");
    assert_eq!(shop.visible(), before);
    assert_eq!(
        shop.reason("o1"),
        Some("null".to_owned()),
        "nobody's order expires"
    );
    shop.engine.accept_clock();
    shop.wait("expired", |shop| shop.reason("o1") == Some(UNPAID.to_owned()));
    shop.wait("the orders of meanwhile", |shop| shop.reason("o3").is_some());
    assert!(shop.visible().1 >= START_MS + YEAR_MS);
}

#[test]
fn a_clock_that_comes_back_by_itself_goes_on_without_a_person() {
    let shop = Shop::open();
    shop.clocks.set(YEAR_MS);
    let stopped = |progress: &Progress| matches!(progress.state, State::ClockStopped { .. });
    assert!(stopped(&shop.engine.wait(LIMIT, stopped)));
    shop.clocks.set(-YEAR_MS);
    shop.order("o2");
    shop.wait("o2", |shop| shop.reason("o2").is_some());
    assert_eq!(shop.reason("o1"), Some("null".to_owned()));
    assert!(shop.visible().1 < START_MS + HOUR_MS);
}
