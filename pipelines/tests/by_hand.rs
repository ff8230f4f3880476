//! Cases that random logs hardly ever meet, or whose point no view shows: job and oracle agree on them too.

use bumpalo::Bump;
use contract::delta::{Delta, Tables};
use contract::log::{History, Topic};
use contract::time::Time;
use contract::views::{CHECKOUT_VIEWS, View};
use millrace_pipelines::checkout::Checkout;
use oracle::Oracle;
use serde_json::{Value as Json, json};

const VIEWS: &[View] = View::ALL.split_at(CHECKOUT_VIEWS).0;
/// The standard rules' cancel window.
const WINDOW_S: i64 = 1_209_600;

/// A job, the oracle beside it, and the log that both read.
#[derive(Default)]
struct Shop {
    log: History,
    job: Checkout,
    arena: Bump,
    tables: Tables,
    oracle: Oracle,
}

fn at(seconds: i64) -> Time {
    Time::default().plus_seconds(1_704_067_200 + seconds)
}

impl Shop {
    /// A shop that sells a lot of pens for 100 KRW.
    fn new() -> Self {
        let mut shop = Shop::default();
        let pen =
            json!({"type": "product_upserted", "sku": "pen", "name": "Pen", "price": 100, "currency": "KRW"});
        shop.send(Topic::Products, "pen", &pen);
        let stock = json!({"type": "stock_received", "receipt_id": "r", "sku": "pen", "quantity": 1_000_000});
        shop.send(Topic::Stock, "pen", &stock);
        shop.end(0);
        shop
    }

    fn send(&mut self, topic: Topic, key: &str, record: &Json) {
        let value = record.to_string();
        self.log
            .append(topic, 0, Some(key.as_bytes()), Some(value.as_bytes()));
    }

    /// Places an order of one pen a line.
    fn place(&mut self, id: &str, lines: usize) {
        let line = json!({"sku": "pen", "quantity": 1, "unit_price": 100});
        let lines = vec![line; lines];
        let record = json!({"type": "order_placed", "order_id": id, "customer_id": "c", "currency": "KRW",
            "lines": lines});
        self.send(Topic::Orders, id, &record);
    }

    /// Something about a payment of an order.
    fn payment(&mut self, kind: &str, id: &str, amount: i64, refund_id: &str) {
        let record = json!({"type": kind, "order_id": id, "payment_key": "k", "amount": amount, "currency": "KRW",
            "refund_id": refund_id, "code": "no", "message": "no"});
        self.send(Topic::Payments, id, &record);
    }

    fn attention(&mut self, kind: &str) {
        let record = json!({"type": kind, "kind": "printer", "subject": "p1", "note": "out of paper"});
        self.send(Topic::Operations, "operations", &record);
    }

    /// Ends an epoch at second `seconds`; job and oracle must agree.
    fn end(&mut self, seconds: i64) -> Vec<Delta> {
        self.log.bind(at(seconds));
        let index = self.log.timeline().len() - 1;
        let binding = &self.log.timeline()[index];
        self.oracle
            .epoch(binding.epoch, binding.clock, self.log.records(index));
        let deltas = self.job.epoch(
            binding.epoch,
            binding.clock,
            self.log.records(index),
            &mut self.arena,
        );
        for delta in &deltas {
            self.tables.apply(delta);
        }
        let differences = self.tables.differences(self.oracle.tables(), VIEWS);
        assert!(differences.is_empty(), "epoch {}: {differences:?}", index + 1);
        deltas
    }

    /// A column of the last row of an order's timeline, or of its row in `orders`.
    fn column(&self, view: View, id: &str, column: &str) -> String {
        let rows = self.tables.rows(view);
        let (key, columns) = rows
            .iter()
            .rfind(|(key, _)| key[0].to_string() == id)
            .expect("the order has a row");
        let place = view.schema().column(column).expect("the view has the column");
        let row: Vec<String> = key.iter().chain(columns).map(ToString::to_string).collect();
        row[place].clone()
    }
}

/// Rules, 4.1: our refund_id is `{order_id}:r{n}`, and nothing that only reads like it.
#[test]
fn a_refund_id_written_in_another_way_is_not_ours() {
    for (refund_id, is_ours) in [
        ("o:r1", true),
        ("o:r01", false),
        ("o:r+1", false),
        ("o:r0", false),
        ("o:r2", false),
        ("o:r", false),
        ("o:R1", false),
        ("p:r1", false),
    ] {
        let mut shop = Shop::new();
        shop.place("o", 2);
        shop.payment("payment_submitted", "o", 200, "-");
        shop.payment("payment_confirmed", "o", 200, "-");
        shop.end(1);
        let cancel = json!({"type": "order_cancel_requested", "order_id": "o", "reason": "changed my mind"});
        shop.send(Topic::Orders, "o", &cancel);
        shop.end(2);
        assert_eq!(shop.column(View::Orders, "o", "status"), "refunding");
        shop.payment("payment_refunded", "o", 50, refund_id);
        shop.end(3);
        let note = if is_ours {
            "partial_refund"
        } else {
            "refund_recorded"
        };
        assert_eq!(shop.column(View::OrderTimeline, "o", "note"), note, "{refund_id}");
    }
}

/// Rules, section 1: now never goes back. A log's timeline sees to that; the job does not rely on it.
#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut shop = Shop::new();
    shop.end(1000);
    shop.place("o", 1);
    let epoch = shop.log.bind(at(1000));
    let index = shop.log.timeline().len() - 1;
    let deltas = shop
        .job
        .epoch(epoch, at(400), shop.log.records(index), &mut shop.arena);
    for delta in &deltas {
        shop.tables.apply(delta);
    }
    let expected = at(1000 + 900).to_string();
    assert_eq!(shop.column(View::Orders, "o", "deadline"), expected);
}

/// A delta says what changed: what an epoch takes back within itself is not said.
#[test]
fn attention_that_comes_back_as_it_was_is_no_change() {
    let mut shop = Shop::new();
    shop.attention("attention_raised");
    let deltas = shop.end(1);
    assert!(deltas.iter().any(|delta| delta.view() == View::Attention));
    shop.attention("attention_resolved");
    shop.attention("attention_raised");
    let deltas = shop.end(2);
    assert!(deltas.iter().all(|delta| delta.view() != View::Attention));
    shop.attention("attention_resolved");
    shop.end(3);
    shop.attention("attention_raised");
    shop.attention("attention_resolved");
    let deltas = shop.end(4);
    assert!(deltas.iter().all(|delta| delta.view() != View::Attention));
}

/// Memory follows the orders that there are, not how often something happened to them.
#[test]
fn an_order_that_moves_takes_no_more_memory_each_time() {
    let mut shop = Shop::new();
    let ids: Vec<String> = (0..200).map(|n| format!("o{n}")).collect();
    for id in &ids {
        shop.place(id, 3);
    }
    shop.end(1);
    let mut sizes = Vec::new();
    for round in 0..60 {
        for id in &ids {
            // Twice in the epoch: noted, each time.
            shop.payment("payment_submitted", id, 1, "-");
            shop.payment("payment_declined", id, 1, "-");
        }
        shop.end(2 + round);
        sizes.push(shop.job.size_bytes());
    }
    let (early, late) = (sizes[5], sizes[59]);
    assert!(late < early + early / 5, "from {early} to {late} bytes");
}

/// An order whose cancel window is over becomes a closed record, which takes little memory.
#[test]
fn closed_records_are_small() {
    let mut shop = Shop::new();
    for n in 0..1500 {
        let id = format!("o{n}");
        shop.place(&id, 60);
        shop.payment("payment_submitted", &id, 6000, "-");
        shop.payment("payment_confirmed", &id, 6000, "-");
    }
    shop.end(1);
    shop.end(2);
    let open = shop.job.size_bytes();
    shop.end(1 + WINDOW_S);
    let closed = shop.job.size_bytes();
    assert!(closed * 2 < open, "from {open} to {closed} bytes");
    let late = json!({"type": "order_cancel_requested", "order_id": "o7", "reason": "late"});
    shop.send(Topic::Orders, "o7", &late);
    shop.end(2 + WINDOW_S);
    assert_eq!(shop.column(View::OrderTimeline, "o7", "note"), "too_late");
}

/// The deltas of a view are in the order of its keys, whatever the order of the records.
#[test]
fn deltas_are_sorted_by_key() {
    let mut shop = Shop::new();
    for id in ["b", "c", "a"] {
        shop.place(id, 1);
    }
    let forwards = shop.end(1);
    let mut other = Shop::new();
    for id in ["a", "b", "c"] {
        other.place(id, 1);
    }
    let orders = |deltas: &[Delta]| {
        let delta = deltas.iter().find(|delta| delta.view() == View::Orders);
        format!("{:?}", delta.expect("orders were placed"))
    };
    assert_eq!(orders(&forwards), orders(&other.end(1)));
}
