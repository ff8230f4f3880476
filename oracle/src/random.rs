//! Logs by chance, adversarial ones: whatever they hold, nothing panics, the audits stay empty, rows
//! are what a rebuild of everything gives, and stamps say when a row changed.

use std::collections::BTreeMap;

use contract::delta::{Tables, Value};
use contract::log::{History, Topic};
use contract::time::Time;
use contract::views::View;
use serde_json::{Value as Json, json};

use crate::Oracle;
use crate::order::Order;
use crate::records::Int;
use crate::shop::Shop;
use crate::views::Shown;

/// A linear congruential generator (Knuth's MMIX): the same seed yields the same log.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn of<'a>(&mut self, names: &[&'a str]) -> &'a str {
        let place = usize::try_from(self.below(names.len() as u64)).unwrap();
        names[place]
    }

    fn is(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

const SKUS: [&str; 5] = ["a", "b", "c", "fee", "ghost"];
const CUSTOMERS: [&str; 3] = ["ann", "bob", "x"];
const KEYS: [&str; 3] = ["k1", "k2", "k3"];

/// One record: topic, key, value. It concerns the orders of its time.
fn record(chance: &mut Chance, shop: &Shop) -> (Topic, String, Json) {
    let order = format!("o{}", shop.epoch / 8 + chance.below(4));
    let customer = chance.of(&CUSTOMERS);
    let sku = chance.of(&SKUS);
    let id = format!("i{}", chance.below(200));
    let amount = [100, 100, 100, 150, 50, 30, 200][usize::try_from(chance.below(7)).unwrap()];
    let money = |type_name: &str| {
        json!({"type": type_name, "amount": amount, "currency": "KRW", "customer_id": customer,
            "topup_id": id, "withdrawal_id": id})
    };
    match chance.below(40) {
        0 if chance.is(20) => (Topic::Operations, "operations".into(), rules(chance)),
        1 => (Topic::Operations, "operations".into(), attention(chance, &order)),
        2 | 3 => (Topic::Products, sku.into(), product(chance, sku)),
        4 if chance.is(20) => (
            Topic::Products,
            sku.into(),
            json!({"type": "product_withdrawn", "sku": sku}),
        ),
        5 | 6 => {
            let value = json!({"type": "stock_received", "receipt_id": id, "sku": sku, "quantity": 40});
            (Topic::Stock, sku.into(), value)
        }
        7 => {
            let value =
                json!({"type": "stock_adjusted", "adjustment_id": id, "sku": sku, "delta": -3, "reason": ""});
            (Topic::Stock, sku.into(), value)
        }
        8 => (Topic::Wallets, customer.into(), money("wallet_topped_up")),
        9 => (Topic::Wallets, customer.into(), money("wallet_withdrawn")),
        10 | 11 => coupon(chance, customer),
        12..=17 => (Topic::Orders, order.clone(), placed(chance, &order, customer)),
        18 => (
            Topic::Orders,
            order.clone(),
            json!({"type": "order_cancel_requested", "order_id": order, "reason": id}),
        ),
        19 | 20 => {
            let lines = json!([{"line_no": 1 + chance.below(3), "quantity": 1 + chance.below(2)}]);
            let value = json!({"type": "order_lines_cancel_requested", "cancellation_id": id,
                "order_id": order,                "lines": lines, "reason": "r"});
            (Topic::Orders, order, value)
        }
        21 => (
            Topic::Orders,
            order.clone(),
            json!({"type": "order_redrive_requested", "order_id": order}),
        ),
        22..=34 => (Topic::Payments, order.clone(), payment(chance, shop, &order)),
        35 | 36 => cart(chance, customer, sku),
        _ => review(chance, &id, customer, sku),
    }
}

fn rules(chance: &mut Chance) -> Json {
    json!({"type": "rules_activated", "version": 2 + chance.below(50), "payment_window_s": chance.below(200),
        "payment_attempts_max": 1 + chance.below(3), "cancel_window_s": chance.below(300),
        "payment_answer_max_s": chance.below(10), "low_stock_default": chance.below(9)})
}

fn attention(chance: &mut Chance, order: &str) -> Json {
    let type_name = chance.of(&["attention_raised", "attention_resolved"]);
    let kind = chance.of(&["odd", "over_refunded", "oversold", "refunded_by_provider"]);
    let subject = format!("{order}/{}", chance.of(&KEYS));
    json!({"type": type_name, "kind": kind, "subject": subject, "note": "n"})
}

fn product(chance: &mut Chance, sku: &str) -> Json {
    let price = if chance.is(98) { 50 } else { chance.below(3) * 50 };
    json!({"type": "product_upserted", "sku": sku, "name": chance.of(&["A", "B\u{301} "]), "price": price,
        "currency": if chance.is(99) { "KRW" } else { "USD" }, "stocked": sku != "fee" || chance.is(2),
        "store_id": chance.of(&["s1", "s2"])})
}

fn coupon(chance: &mut Chance, customer: &str) -> (Topic, String, Json) {
    let campaign = chance.of(&["c1", "c2", "c3"]);
    let value = match chance.below(10) {
        0..=3 => json!({"type": "campaign_created", "campaign_id": campaign, "name": "N", "quota": 2,
            "currency": "KRW", "discount": {"type": "percent", "value": 33}, "min_order_amount": 60}),
        4 => json!({"type": "campaign_closed", "campaign_id": campaign}),
        _ => json!({"type": "coupon_claimed", "campaign_id": campaign, "customer_id": customer}),
    };
    (Topic::Coupons, campaign.into(), value)
}

fn placed(chance: &mut Chance, order: &str, customer: &str) -> Json {
    let lines: Vec<Json> = (0..=chance.below(3))
        .map(|_| {
            let skus = if chance.is(95) { &SKUS[..4] } else { &SKUS };
            let sku = chance.of(skus);
            json!({"sku": sku, "quantity": 1 + chance.below(2), "unit_price": 50})
        })
        .collect();
    let wallet = [0, 0, 0, 20, 50][usize::try_from(chance.below(5)).unwrap()];
    let campaign = if chance.is(30) {
        json!(chance.of(&["c1", "c2", "c3"]))
    } else {
        Json::Null
    };
    json!({"type": "order_placed", "order_id": order, "customer_id": customer, "currency": "KRW",
        "lines": lines,        "wallet_amount": wallet, "campaign_id": campaign})
}

fn payment(chance: &mut Chance, shop: &Shop, order_id: &str) -> Json {
    let order = shop.orders.get(order_id);
    let key = chance.of(&KEYS);
    let type_name = match chance.below(8) {
        0 | 1 => "payment_submitted",
        2 | 3 => "payment_confirmed",
        4 => "payment_declined",
        5 | 6 => "payment_refunded",
        _ => "refund_failed",
    };
    let refund_id = match chance.below(6) {
        0 => format!("theirs-{}", chance.below(3)),
        _ => format!("{order_id}:r{}", 1 + chance.below(4)),
    };
    let fits = if type_name == "payment_refunded" {
        asked(order, &refund_id)
    } else {
        payable(order)
    };
    let amount = match chance.below(10) {
        0 => 1 + Int::from(chance.below(200)),
        1 => fits / 2 + 1,
        2 => fits + 1,
        _ => fits.max(1),
    };
    let amount = u64::try_from(amount).unwrap();
    json!({"type": type_name, "order_id": order_id, "payment_key": key, "amount": amount,
        "currency": if chance.is(98) { "KRW" } else { "USD" }, "refund_id": refund_id,
        "code": "c", "message": "m"})
}

fn payable(order: Option<&Order>) -> Int {
    order.map_or(100, |order| order.payable)
}

/// What is asked for under a refund_id; else what could be refunded at most.
fn asked(order: Option<&Order>, refund_id: &str) -> Int {
    let Some(order) = order else { return 1 };
    let is_it = |id: Option<String>| id.as_deref() == Some(refund_id);
    let command = order
        .commands
        .iter()
        .find(|command| is_it(command.refund_id(&order.order_id)));
    command.map_or(order.payable, |command| command.money.amount)
}

fn cart(chance: &mut Chance, customer: &str, sku: &str) -> (Topic, String, Json) {
    let value = match chance.below(5) {
        0 => json!({"type": "cart_cleared", "customer_id": customer, "if_version": chance.below(5)}),
        _ => {
            json!({"type": "cart_item_set", "customer_id": customer, "sku": sku, "quantity": chance.below(3)})
        }
    };
    (Topic::Carts, customer.into(), value)
}

fn review(chance: &mut Chance, id: &str, customer: &str, sku: &str) -> (Topic, String, Json) {
    let value = match chance.below(5) {
        0 => json!({"type": "review_edited", "review_id": id, "rating": 1 + chance.below(5)}),
        1 => json!({"type": "review_deleted", "review_id": id}),
        _ => json!({"type": "review_posted", "review_id": id, "customer_id": customer, "sku": sku,
            "rating": 1 + chance.below(5), "text": "t"}),
    };
    (Topic::Reviews, id.into(), value)
}

/// A log that grows by chance while it is decided.
struct Run {
    chance: Chance,
    log: History,
    oracle: Oracle,
    now: Time,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut log = History::new();
        for sku in &SKUS[..4] {
            let value = json!({"type": "product_upserted", "sku": sku, "name": "A", "price": 50,
                "currency": "KRW", "stocked": *sku != "fee", "store_id": "s1"});
            log.append(
                Topic::Products,
                0,
                Some(sku.as_bytes()),
                Some(value.to_string().as_bytes()),
            );
        }
        let now = Time::default().plus_seconds(1_700_000_000);
        Run {
            chance: Chance(seed),
            log,
            oracle: Oracle::new(),
            now,
        }
    }

    /// Appends fewer than `records` records and decides them.
    fn epoch(&mut self, records: u64) {
        for _ in 0..self.chance.below(records) {
            let (topic, key, value) = record(&mut self.chance, &self.oracle.shop);
            let mut value = value.to_string().into_bytes();
            if self.chance.is(2) {
                let place = usize::try_from(self.chance.below(value.len() as u64)).unwrap();
                value[place] = u8::try_from(self.chance.below(256)).unwrap();
            }
            let partition = u32::try_from(self.chance.below(2)).unwrap();
            self.log
                .append(topic, partition, Some(key.as_bytes()), Some(&value));
        }
        self.now = self.now.plus_ms(i64::try_from(self.chance.below(8000)).unwrap());
        self.log.bind(self.now);
        let index = self.log.timeline().len() - 1;
        let binding = &self.log.timeline()[index];
        self.oracle
            .epoch(binding.epoch, binding.clock, self.log.records(index));
        self.oracle.audit();
    }
}

/// The rows without their stamps, that a rebuild of everything gives; but the timeline, whose rows are
/// only added.
fn rebuilt(oracle: &Oracle) -> Tables {
    let mut shop = oracle.shop.clone();
    let touched = &mut shop.touched;
    touched.orders = shop.orders.keys().cloned().collect();
    touched.stock = shop.stock.keys().cloned().collect();
    touched.products = shop.products.keys().cloned().collect();
    touched.campaigns = shop.campaigns.keys().cloned().collect();
    touched.grants = shop.grants.keys().cloned().collect();
    touched.wallets = shop.wallets.keys().cloned().collect();
    touched.carts = shop.carts.keys().cloned().collect();
    touched.reviews = shop.reviews.keys().cloned().collect();
    touched.ratings = shop.reviews_by_sku.keys().cloned().collect();
    touched.attention = shop.raised.keys().cloned().collect();
    touched.partitions = shop.counts.keys().copied().collect();
    let mut shown = Shown::default();
    shown.update(&mut shop);
    shown.tables
}

/// Where a view keeps the stamp that says when a row changed.
fn stamp(view: View) -> Option<usize> {
    match view {
        View::Attention => Some(0),
        View::OrderTimeline | View::WalletEntries | View::Quarantine => None,
        _ => view
            .schema()
            .column("epoch")
            .map(|place| place - view.schema().key_len),
    }
}

fn without_stamp(view: View, columns: &[Value]) -> Vec<Value> {
    let mut columns = columns.to_vec();
    if let Some(place) = stamp(view) {
        columns.remove(place);
    }
    columns
}

fn check_rows(before: &Tables, oracle: &Oracle, epoch: u64, clock: Time) {
    let rebuilt = rebuilt(oracle);
    for view in View::ALL.iter().copied() {
        let schema = view.schema();
        let rows = oracle.tables().rows(view);
        for (key, columns) in rows {
            let values = key.iter().chain(columns);
            assert_eq!(values.clone().count(), schema.columns.len());
            for (value, column) in values.zip(schema.columns) {
                let good = value.as_ref().ty().map_or(column.nullable, |ty| ty == column.ty);
                assert!(good, "{}.{}: {value:?}", schema.name, column.name);
            }
            let old = before.rows(view).get(key);
            if let Some(place) = stamp(view) {
                let bare = without_stamp(view, columns);
                let expected = match old {
                    Some(old) if view == View::Attention || without_stamp(view, old) == bare => {
                        old[place].clone()
                    }
                    _ if view == View::Attention => Value::Time(clock),
                    _ => Value::Int(i64::try_from(epoch).unwrap()),
                };
                assert_eq!(columns[place], expected, "{view:?} {key:?}");
            }
        }
        if !matches!(view, View::OrderTimeline | View::Quarantine | View::Audits) {
            let bare = |tables: &Tables| -> Vec<(Vec<Value>, Vec<Value>)> {
                let rows = tables.rows(view).iter();
                rows.map(|(key, columns)| (key.clone(), without_stamp(view, columns)))
                    .collect()
            };
            assert_eq!(bare(oracle.tables()), bare(&rebuilt), "{view:?} at epoch {epoch}");
        }
    }
}

#[test]
fn whatever_the_log_holds_audits_are_empty_and_rows_are_right() {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..100 {
        let mut run = Run::new(seed);
        for epoch in 1..=80 {
            let before = run.oracle.tables().clone();
            run.epoch(24);
            let audits = run.oracle.tables().rows(View::Audits);
            assert!(audits.is_empty(), "seed {seed}, epoch {epoch}: {audits:?}");
            check_rows(&before, &run.oracle, epoch, run.now);
        }
        for columns in run.oracle.tables().rows(View::OrderTimeline).values() {
            *seen
                .entry(format!("{} {} {}", columns[2], columns[3], columns[8]))
                .or_default() += 1;
        }
        assert_eq!(crate::replay(&run.log).tables(), run.oracle.tables());
    }
    // The logs reach the rare cells too.
    for rare in RARE {
        assert!(seen.contains_key(rare), "{rare} in {seen:#?}");
    }
}

/// Status before, status after, note.
const RARE: [&str; 14] = [
    "paying refunding null",
    "paying payment_failed null",
    "paying payment_failed amount_mismatch",
    "confirmed confirmed lines_cancelled",
    "confirmed confirmed bad_lines",
    "confirmed confirmed partial_refund",
    "confirmed confirmed refunded_by_provider",
    "confirmed cancelled null",
    "confirmed cancelled over_refund",
    "refunding needs_operator null",
    "refunding needs_operator partial_refund",
    "refunding refunding over_refund",
    "needs_operator refunding redriven",
    "needs_operator cancelled null",
];
