//! A plain replay of an imported log, written apart from the importer: products, stock, orders and payments
//! in log order, as the rules decide them for a log without coupons and wallets whose payments are answered
//! at once.

#![allow(clippy::unwrap_used, reason = "a test that is surprised fails")]

use std::collections::BTreeMap;

use contract::log::{History, Topic};
use contract::time::Time;
use millrace_importers::online_retail::{Import, Mapped};
use serde_json::Value;

/// The time until which an order waits for its payment, and that within which it can be cancelled.
const PAYMENT_WINDOW_S: i64 = 900;
const CANCEL_WINDOW_S: i64 = 31_536_000;

#[derive(Debug)]
pub struct Order {
    pub status: &'static str,
    pub lines: Vec<(String, i64, i64)>,
    pub payable: i64,
    pub captured: i64,
    pub refunded: i64,
    pub asked: i64,
    pub refunds: i64,
    pub declined: u32,
    deadline: Time,
    confirmed_at: Time,
}

#[derive(Debug, Default)]
pub struct Replay {
    pub prices: BTreeMap<String, (i64, bool)>,
    pub stock: BTreeMap<String, i64>,
    pub orders: BTreeMap<String, Order>,
    /// Everything that an honest log has none of.
    pub wrong: Vec<String>,
    ids: BTreeMap<String, u32>,
    clock: Time,
}

pub fn replay(log: &History) -> Replay {
    let mut replay = Replay::default();
    let arena = bumpalo::Bump::new();
    for (index, binding) in log.timeline().iter().enumerate() {
        assert!(binding.clock >= replay.clock, "the clock never goes back");
        replay.clock = binding.clock;
        for record in log.records(index) {
            if let Err(rejected) = contract::decode::decode(record.at.topic, record.key, record.value, &arena)
            {
                replay.wrong.push(format!("quarantined: {rejected}"));
            }
            let value: Value = serde_json::from_slice(record.value.unwrap()).unwrap();
            replay.apply(record.at.topic, &value);
        }
        replay.expire();
    }
    replay
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

fn int(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap()
}

impl Replay {
    pub fn count(&self, status: &str) -> u64 {
        self.orders
            .values()
            .filter(|order| order.status == status)
            .count() as u64
    }

    fn apply(&mut self, topic: Topic, value: &Value) {
        match text(value, "type") {
            "rules_activated" => assert_eq!((topic, int(value, "version")), (Topic::Operations, 2)),
            "product_upserted" => {
                let stocked = value["stocked"].as_bool().unwrap_or(true);
                self.prices
                    .insert(text(value, "sku").to_owned(), (int(value, "price"), stocked));
            }
            "stock_received" => self.units(value, "receipt_id", int(value, "quantity")),
            "stock_adjusted" => self.units(value, "adjustment_id", int(value, "delta")),
            "order_placed" => self.place(value),
            "order_cancel_requested" => self.cancel(value),
            "order_lines_cancel_requested" => self.cancel_lines(value),
            _ => self.pay(value),
        }
    }

    fn once(&mut self, id: &str) {
        let count = self.ids.entry(id.to_owned()).or_default();
        *count += 1;
        if *count > 1 {
            self.wrong.push(format!("{id} stands there twice"));
        }
    }

    fn units(&mut self, value: &Value, id: &str, units: i64) {
        self.once(&format!("{id} {}", text(value, id)));
        *self.stock.entry(text(value, "sku").to_owned()).or_default() += units;
    }

    fn place(&mut self, value: &Value) {
        let id = text(value, "order_id");
        self.once(&format!("order {id}"));
        let placed_at = Time::parse(text(value, "placed_at")).unwrap();
        if placed_at > self.clock || placed_at.day() != self.clock.day() {
            self.wrong.push(format!(
                "{id} was placed at {placed_at}, but the clock is {}",
                self.clock
            ));
        }
        let lines: Vec<(String, i64, i64)> = (value["lines"].as_array().unwrap().iter())
            .map(|l| {
                (
                    text(l, "sku").to_owned(),
                    int(l, "quantity"),
                    int(l, "unit_price"),
                )
            })
            .collect();
        let mut asked: BTreeMap<&str, i64> = BTreeMap::new();
        for (sku, quantity, price) in &lines {
            match self.prices.get(sku) {
                Some((now, stocked)) if now == price => {
                    if *stocked {
                        *asked.entry(sku).or_default() += quantity;
                    }
                }
                now => self
                    .wrong
                    .push(format!("{id} pays {price} for {sku}, whose price is {now:?}")),
            }
        }
        let total: i128 = lines
            .iter()
            .map(|(_, quantity, price)| i128::from(*quantity) * i128::from(*price))
            .sum();
        let payable = i64::try_from(total).ok().filter(|total| *total < 1 << 53);
        let enough = payable.is_some()
            && asked
                .iter()
                .all(|(sku, units)| self.stock.get(*sku).is_some_and(|there| there >= units));
        let payable = payable.filter(|_| enough).unwrap_or_default();
        let status = match (enough, payable) {
            (false, _) => "rejected",
            (true, 0) => "confirmed",
            (true, _) => "awaiting_payment",
        };
        if enough {
            for (sku, units) in asked {
                *self.stock.get_mut(sku).unwrap() -= units;
            }
        }
        let deadline = self.clock.plus_seconds(PAYMENT_WINDOW_S);
        let (captured, refunded, asked, refunds, declined) = (0, 0, 0, 0, 0);
        let confirmed_at = self.clock;
        let order = Order {
            status,
            lines,
            payable,
            captured,
            refunded,
            asked,
            refunds,
            declined,
            deadline,
            confirmed_at,
        };
        self.orders.insert(id.to_owned(), order);
    }

    /// The order that a cancellation names, if it can be cancelled.
    fn cancellable(&mut self, value: &Value) -> Option<&mut Order> {
        let id = text(value, "order_id");
        match self.orders.get_mut(id) {
            Some(order)
                if order.status == "confirmed"
                    && self.clock < order.confirmed_at.plus_seconds(CANCEL_WINDOW_S) =>
            {
                Some(order)
            }
            other => {
                self.wrong.push(format!("{id} can't be cancelled: {other:?}"));
                None
            }
        }
    }

    fn cancel(&mut self, value: &Value) {
        let Some(order) = self.cancellable(value) else {
            return;
        };
        if order.refunded == order.captured {
            order.status = "cancelled";
            self.put_back(text(value, "order_id"));
            return;
        }
        let rest = order.captured - order.asked;
        order.status = "refunding";
        order.refunds += i64::from(rest > 0);
        order.asked += rest;
    }

    fn cancel_lines(&mut self, value: &Value) {
        self.once(&format!("cancellation {}", text(value, "cancellation_id")));
        let Some(order) = self.cancellable(value) else {
            return;
        };
        let mut back = Vec::new();
        for line in value["lines"].as_array().unwrap() {
            let at = usize::try_from(int(line, "line_no")).unwrap() - 1;
            let (sku, left, price) = &mut order.lines[at];
            *left -= int(line, "quantity");
            assert!(*left >= 0, "no more is cancelled than was bought");
            back.push((sku.clone(), int(line, "quantity"), *price));
        }
        let given: i64 = back.iter().map(|(_, units, price)| units * price).sum();
        order.asked += given;
        order.refunds += i64::from(given > 0);
        assert!(
            order.lines.iter().any(|(_, left, _)| *left > 0),
            "that would be a cancel of the order"
        );
        for (sku, units, _) in back {
            self.come_back(&sku, units);
        }
    }

    fn pay(&mut self, value: &Value) {
        let id = text(value, "order_id");
        let key = text(value, "payment_key").to_owned();
        let order = self.orders.get_mut(id).unwrap();
        match (text(value, "type"), order.status) {
            ("payment_submitted", "awaiting_payment") if int(value, "amount") == order.payable => {
                order.status = "paying";
                self.once(&format!("payment {key}"));
            }
            ("payment_declined", "paying") => {
                order.status = "awaiting_payment";
                order.declined += 1;
            }
            ("payment_confirmed", "paying") if int(value, "amount") == order.payable => {
                order.status = "confirmed";
                order.captured = order.payable;
            }
            ("payment_refunded", "confirmed" | "refunding") => {
                let n: i64 = text(value, "refund_id")
                    .strip_prefix(&format!("{id}:r"))
                    .unwrap()
                    .parse()
                    .unwrap();
                order.refunded += int(value, "amount");
                let good = n <= order.refunds && order.refunded <= order.asked;
                if order.status == "refunding" && order.refunded == order.captured {
                    order.status = "cancelled";
                    self.put_back(id);
                }
                self.once(&format!("refund {id} {n}"));
                if !good {
                    self.wrong.push(format!("{id}: refund {n} was not asked for so"));
                }
            }
            (kind, status) => self.wrong.push(format!("{id} is {status} and gets a {kind}")),
        }
    }

    fn put_back(&mut self, id: &str) {
        for (sku, units, _) in self.orders[id].lines.clone() {
            self.come_back(&sku, units);
        }
    }

    fn come_back(&mut self, sku: &str, units: i64) {
        if self.prices[sku].1 {
            *self.stock.get_mut(sku).unwrap() += units;
        }
    }

    fn expire(&mut self) {
        let due = |order: &Order| order.status == "awaiting_payment" && order.deadline <= self.clock;
        let due: Vec<String> = self
            .orders
            .iter()
            .filter(|(_, order)| due(order))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.orders.get_mut(&id).unwrap().status = "expired";
            self.put_back(&id);
        }
    }
}

/// Holds for every import: the account is complete, and the log is what a plain replay of it says.
pub fn check(import: &Import) {
    let (report, made) = (&import.report, &import.report.made);
    assert!(report.balanced(), "{report}");
    let mut listed: Vec<u64> = report.listed.values().flatten().copied().collect();
    listed.sort_unstable();
    let count = listed.len();
    listed.dedup();
    assert_eq!(listed.len(), count, "no line is listed twice");

    let replay = replay(&import.log);
    assert!(
        replay.wrong.is_empty(),
        "{} wrong, the first: {:?}",
        replay.wrong.len(),
        replay.wrong.first()
    );
    let orders = &replay.orders;
    assert_eq!(
        replay.count("paying") + replay.count("refunding"),
        0,
        "everything is answered"
    );
    assert_eq!(orders.len() as u64, made.orders);
    assert_eq!(
        replay.count("rejected"),
        made.rejected,
        "the importer foresees who is rejected"
    );
    assert_eq!(
        replay.count("expired") + replay.count("awaiting_payment"),
        made.unpaid
    );
    assert_eq!(replay.count("cancelled"), made.cancelled_orders);
    assert_eq!(
        orders.values().filter(|o| o.declined > 0).count() as u64,
        made.declined
    );
    assert_eq!(
        orders.values().map(|o| o.refunds.unsigned_abs()).sum::<u64>(),
        made.refunds
    );
    assert_eq!(
        orders.values().map(|o| o.refunded.unsigned_abs()).sum::<u64>(),
        made.refunded
    );
    assert!(
        orders.values().all(|o| o.asked == o.refunded),
        "every refund is made"
    );
    let lines: usize = orders.values().map(|o| o.lines.len()).sum();
    let mapped = |mapped| report.mapped.get(&mapped).copied().unwrap_or_default();
    assert_eq!(lines as u64, mapped(Mapped::OrderLine) + mapped(Mapped::GiftLine));
}
