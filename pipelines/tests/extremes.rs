//! Extremes that random logs rarely combine, through job and oracle alike: the longest orders, the greatest
//! amounts, long histories, and epochs of every size.

mod common;

use common::Both;
use contract::delta::Value;
use contract::log::{History, Topic};
use contract::time::Time;
use contract::views::{self, View};
use serde_json::{Value as Json, json};

const AMOUNT_MAX: i64 = (1 << 53) - 1;

/// A log under construction: one partition a topic, a second from epoch to epoch.
struct Shop {
    log: History,
    both: Both,
    now_s: i64,
}

impl Shop {
    fn new() -> Self {
        Shop {
            log: History::new(),
            both: Both::default(),
            now_s: 1_790_000_000,
        }
    }

    fn say(&mut self, topic: Topic, key: &str, record: &Json) {
        self.log.append(
            topic,
            0,
            Some(key.as_bytes()),
            Some(record.to_string().as_bytes()),
        );
    }

    fn product(&mut self, sku: &str, price: i64, stocked: bool) {
        let record = json!({
            "type": "product_upserted", "sku": sku, "name": sku, "price": price, "currency": "KRW",
            "stocked": stocked,
        });
        self.say(Topic::Products, sku, &record);
    }

    fn stock(&mut self, sku: &str, quantity: i64) {
        let record = json!({
            "type": "stock_received", "receipt_id": format!("r-{sku}"), "sku": sku, "quantity": quantity,
        });
        self.say(Topic::Stock, sku, &record);
    }

    fn order(&mut self, id: &str, lines: &[Json]) {
        let record = json!({
            "type": "order_placed", "order_id": id, "customer_id": "c1", "currency": "KRW", "lines": lines,
        });
        self.say(Topic::Orders, id, &record);
    }

    fn pay(&mut self, kind: &str, id: &str, key: &str, amount: i64) {
        let record =
            json!({"type": kind, "order_id": id, "payment_key": key, "amount": amount, "currency": "KRW"});
        self.say(Topic::Payments, id, &record);
    }

    fn refund(&mut self, id: &str, key: &str, refund_id: &str, amount: i64) {
        let record = json!({
            "type": "payment_refunded", "order_id": id, "payment_key": key, "amount": amount,
            "currency": "KRW", "refund_id": refund_id,
        });
        self.say(Topic::Payments, id, &record);
    }

    /// Binds an epoch `after_s` seconds later; job and oracle must agree on it.
    fn bind(&mut self, after_s: i64) {
        self.now_s += after_s;
        self.log.bind(Time::default().plus_seconds(self.now_s));
        if let Err(differences) = self.both.next(&self.log) {
            panic!("{differences}");
        }
        assert!(self.both.tables.rows(View::Audits).is_empty(), "audits are empty");
    }

    fn order_column(&self, id: &str, column: usize) -> Value {
        self.both.tables.rows(View::Orders)[&vec![Value::Text(id.to_owned())]][column - 1].clone()
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn line(sku: &str, quantity: i64, unit_price: i64) -> Json {
    json!({"sku": sku, "quantity": quantity, "unit_price": unit_price})
}

#[test]
fn an_order_of_2000_lines_is_decided_and_one_of_2001_is_not() {
    let mut shop = Shop::new();
    let skus: Vec<String> = (0..1000).map(|n| format!("s{n}")).collect();
    for sku in &skus {
        shop.product(sku, 7, true);
        shop.stock(sku, 2);
    }
    let lines: Vec<Json> = (0..2000).map(|n| line(&skus[n % 1000], 1, 7)).collect();
    shop.order("o1", &lines);
    shop.order("o2", &lines);
    let too_many: Vec<Json> = (0..2001).map(|n| line(&skus[n % 1000], 1, 7)).collect();
    shop.order("o3", &too_many);
    shop.bind(1);
    assert_eq!(
        shop.order_column("o1", views::orders::status),
        text("awaiting_payment")
    );
    assert_eq!(
        shop.order_column("o2", views::orders::reason),
        text("out_of_stock")
    );
    assert_eq!(shop.both.tables.rows(View::Quarantine).len(), 1);
    shop.pay("payment_confirmed", "o1", "k1", 14_000);
    shop.bind(1);
    let all: Vec<Json> = (1..=2000).map(|n| json!({"line_no": n, "quantity": 1})).collect();
    for (id, lines) in [("x1", &all[..1999]), ("x2", &all[1999..])] {
        let record = json!({
            "type": "order_lines_cancel_requested", "cancellation_id": id, "order_id": "o1", "lines": lines,
            "reason": "too many",
        });
        shop.say(Topic::Orders, "o1", &record);
    }
    shop.bind(1);
    assert_eq!(
        shop.order_column("o1", views::orders::returned),
        Value::Int(13_993)
    );
    assert_eq!(shop.order_column("o1", views::orders::status), text("refunding"));
}

#[test]
fn totals_up_to_the_greatest_amount_are_sold_and_refunded_and_greater_ones_are_rejected() {
    let mut shop = Shop::new();
    shop.product("dear", AMOUNT_MAX, false);
    shop.product("penny", 1, false);
    shop.product("gift", 0, false);
    shop.order("o1", &[line("dear", 1, AMOUNT_MAX)]);
    shop.order("o2", &[line("dear", 1, AMOUNT_MAX), line("penny", 1, 1)]);
    shop.order("o3", &vec![line("dear", 1_000_000, AMOUNT_MAX); 2000]);
    shop.order("o4", &[line("gift", 1_000_000, 0)]);
    shop.pay("payment_submitted", "o1", "k1", AMOUNT_MAX);
    shop.pay("payment_confirmed", "o1", "k1", AMOUNT_MAX);
    shop.bind(1);
    assert_eq!(shop.order_column("o1", views::orders::status), text("confirmed"));
    assert_eq!(shop.order_column("o2", views::orders::total), Value::Null);
    assert_eq!(
        shop.order_column("o3", views::orders::reason),
        text("invalid_order")
    );
    assert_eq!(shop.order_column("o4", views::orders::status), text("confirmed"));
    for (refund_id, amount) in [("p1", 1), ("p2", AMOUNT_MAX - 1), ("p3", 1)] {
        shop.refund("o1", "k1", refund_id, amount);
    }
    shop.bind(1);
    assert_eq!(shop.order_column("o1", views::orders::status), text("cancelled"));
    assert_eq!(
        shop.order_column("o1", views::orders::refunded),
        Value::Int(AMOUNT_MAX)
    );
    assert_eq!(
        shop.both.tables.rows(View::Quarantine).len(),
        1,
        "the third passes the limit"
    );
}

#[test]
fn a_long_history_of_strange_payments_is_kept_exactly_also_after_the_window() {
    let mut shop = Shop::new();
    shop.product("s", 100, true);
    shop.stock("s", 10);
    shop.order("o1", &[line("s", 1, 100)]);
    shop.pay("payment_confirmed", "o1", "main", 100);
    shop.bind(1);
    for n in 0..200 {
        shop.pay("payment_confirmed", "o1", &format!("stray-{n}"), 100 + n);
    }
    shop.bind(1);
    for n in 0..200 {
        shop.refund(
            "o1",
            &format!("stray-{n}"),
            &format!("o1:r{}", n + 1),
            100 + n / 2,
        );
    }
    shop.bind(15 * 86_400);
    for _ in 0..2 {
        shop.say(
            Topic::Orders,
            "o1",
            &json!({"type": "order_redrive_requested", "order_id": "o1"}),
        );
        shop.bind(2 * 86_400);
    }
    for n in 0..200 {
        shop.refund(
            "o1",
            &format!("stray-{n}"),
            &format!("o1:r{}", n + 1),
            100 + n / 2,
        );
        shop.refund("o1", &format!("stray-{n}"), &format!("foreign-{n}"), 1 + n / 2);
    }
    shop.refund("o1", "main", "foreign", 100);
    shop.bind(1);
    assert_eq!(shop.order_column("o1", views::orders::status), text("confirmed"));
    assert_eq!(shop.order_column("o1", views::orders::refunded), Value::Int(100));
}

#[test]
fn an_epoch_may_hold_nothing_or_ten_thousand_orders() {
    let mut shop = Shop::new();
    shop.bind(0);
    shop.product("s", 5, true);
    shop.stock("s", 5000);
    for n in 0..10_000 {
        shop.order(&format!("o{n}"), &[line("s", 1, 5)]);
    }
    for n in 0..10_000 {
        shop.pay("payment_submitted", &format!("o{n}"), "k", 5);
    }
    shop.bind(1);
    shop.bind(901);
    for n in 0..10_000 {
        shop.pay("payment_confirmed", &format!("o{n}"), "k", 5);
    }
    shop.bind(1);
    let level = &shop.both.tables.rows(View::StockLevels)[&vec![text("s")]];
    assert_eq!(level[views::stock_levels::spent - 1], Value::Int(5000));
    shop.bind(20 * 86_400);
    shop.bind(1);
}
