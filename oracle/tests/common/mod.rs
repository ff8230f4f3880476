//! Small hand-written logs: what the tests of the oracle say things with.

#![allow(dead_code, reason = "every test file uses a part of it")]

use contract::delta::Value;
use contract::log::{History, Topic};
use contract::time::Time;
use contract::views::View;
use millrace_oracle::Oracle;
use serde_json::{Value as Json, json};

/// A log that is decided epoch by epoch while it is written.
#[derive(Default)]
pub struct Shop {
    pub log: History,
    pub oracle: Oracle,
}

/// The instant `seconds` after 2024-01-01T00:00:00Z.
pub fn at(seconds: i64) -> Time {
    Time::default().plus_seconds(1_704_067_200 + seconds)
}

impl Shop {
    /// A shop that sells `pen` (100 KRW, 10 in stock), `ink` (250 KRW, 5 in stock) and `gift-wrap` (50
    /// KRW, a fee); decided at second 0.
    pub fn new() -> Shop {
        let mut shop = Shop::default();
        shop.product(
            json!({"sku": "pen", "name": "Pen", "price": 100, "currency": "KRW", "store_id": "s1",
            "category": "desk", "tags": ["blue"]}),
        );
        shop.product(json!({"sku": "ink", "name": "Ink", "price": 250, "currency": "KRW"}));
        shop.product(
            json!({"sku": "gift-wrap", "name": "Wrapping", "price": 50, "currency": "KRW",
            "stocked": false}),
        );
        shop.stock("r-pen", "pen", 10);
        shop.stock("r-ink", "ink", 5);
        shop.end(0);
        shop
    }

    /// Appends a record whose key is `key`.
    pub fn send(&mut self, topic: Topic, key: &str, value: &Json) {
        self.raw(topic, Some(key.as_bytes()), Some(value.to_string().as_bytes()));
    }

    /// Appends a record as it is.
    pub fn raw(&mut self, topic: Topic, key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
        self.log.append(topic, 0, key, value)
    }

    /// Ends an epoch at second `seconds`.
    pub fn end(&mut self, seconds: i64) {
        self.log.bind(at(seconds));
        let index = self.log.timeline().len() - 1;
        let binding = self.log.timeline()[index].clone();
        self.oracle
            .epoch(binding.epoch, binding.clock, self.log.records(index));
        self.oracle.audit();
        assert_eq!(self.rows(View::Audits), Vec::<String>::new());
    }

    /// All rows of a view, the columns of each joined by spaces.
    pub fn rows(&self, view: View) -> Vec<String> {
        let rows = self.oracle.tables().rows(view);
        let join = |(key, columns): (&Vec<Value>, &Vec<Value>)| {
            key.iter()
                .chain(columns)
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        rows.iter().map(join).collect()
    }

    /// A column of a row; panics if there is no such row.
    pub fn get(&self, view: View, key: &[&str], column: &str) -> String {
        let row = self
            .find(view, key)
            .unwrap_or_else(|| panic!("{view:?} has no row {key:?}"));
        let place = view
            .schema()
            .column(column)
            .unwrap_or_else(|| panic!("{view:?} has no {column}"));
        row[place].to_string()
    }

    /// A row, its key first.
    pub fn find(&self, view: View, key: &[&str]) -> Option<Vec<Value>> {
        let is_it = |row_key: &Vec<Value>| row_key.iter().map(ToString::to_string).eq(key.iter().copied());
        let rows = self.oracle.tables().rows(view);
        let row = rows.iter().find(|(row_key, _)| is_it(row_key))?;
        Some(row.0.iter().chain(row.1).cloned().collect())
    }

    /// Columns of an order.
    pub fn order(&self, order_id: &str, columns: &[&str]) -> String {
        let values: Vec<String> = columns
            .iter()
            .map(|column| self.get(View::Orders, &[order_id], column))
            .collect();
        values.join(" ")
    }

    /// What happened to an order: `status` or `status [note]` of each row of its timeline.
    pub fn life(&self, order_id: &str) -> Vec<String> {
        let rows = self.oracle.tables().rows(View::OrderTimeline);
        let of_order = rows.iter().filter(|(key, _)| key[0].to_string() == order_id);
        let told = of_order.map(|(_, columns)| match &columns[8] {
            Value::Null => columns[3].to_string(),
            note => format!("{} [{note}]", columns[3]),
        });
        told.collect()
    }

    /// The last row of an order's timeline.
    pub fn last(&self, order_id: &str) -> String {
        self.life(order_id).pop().unwrap_or_default()
    }

    /// Kinds and subjects that need attention.
    pub fn attention(&self) -> Vec<String> {
        self.oracle
            .tables()
            .rows(View::Attention)
            .keys()
            .map(|key| format!("{} {}", key[0], key[1]))
            .collect()
    }

    /// Reasons of the quarantine, in the order of the log's positions.
    pub fn quarantine(&self) -> Vec<String> {
        self.oracle
            .tables()
            .rows(View::Quarantine)
            .values()
            .map(|columns| columns[0].to_string())
            .collect()
    }

    pub fn operations(&mut self, value: &Json) {
        self.send(Topic::Operations, "operations", value);
    }

    pub fn product(&mut self, mut fields: Json) {
        fields["type"] = json!("product_upserted");
        let sku = fields["sku"].as_str().expect("a sku").to_owned();
        self.send(Topic::Products, &sku, &fields);
    }

    pub fn stock(&mut self, id: &str, sku: &str, quantity: i64) {
        let value = json!({"type": "stock_received", "receipt_id": id, "sku": sku, "quantity": quantity});
        self.send(Topic::Stock, sku, &value);
    }

    pub fn campaign(&mut self, id: &str, quota: i64, discount: &Json) {
        let value = json!({"type": "campaign_created", "campaign_id": id, "name": "Sale", "quota": quota,
            "currency": "KRW", "discount": discount});
        self.send(Topic::Coupons, id, &value);
    }

    pub fn claim(&mut self, campaign: &str, customer: &str) {
        let value = json!({"type": "coupon_claimed", "campaign_id": campaign, "customer_id": customer});
        self.send(Topic::Coupons, campaign, &value);
    }

    pub fn top_up(&mut self, id: &str, customer: &str, amount: i64) {
        let value = json!({"type": "wallet_topped_up", "topup_id": id, "customer_id": customer,
            "amount": amount, "currency": "KRW"});
        self.send(Topic::Wallets, customer, &value);
    }

    /// An order of customer `ann`: lines of (sku, quantity, unit_price), and other fields.
    pub fn place(&mut self, order_id: &str, lines: &[(&str, i64, i64)], others: &Json) {
        let lines: Vec<Json> = lines
            .iter()
            .map(|(sku, quantity, price)| json!({"sku": sku, "quantity": quantity, "unit_price": price}))
            .collect();
        let mut value = json!({"type": "order_placed", "order_id": order_id, "customer_id": "ann",
            "currency": "KRW", "lines": lines});
        for (name, other) in others.as_object().into_iter().flatten() {
            value[name] = other.clone();
        }
        self.send(Topic::Orders, order_id, &value);
    }

    pub fn cancel(&mut self, order_id: &str, reason: &str) {
        let value = json!({"type": "order_cancel_requested", "order_id": order_id, "reason": reason});
        self.send(Topic::Orders, order_id, &value);
    }

    pub fn cancel_lines(&mut self, id: &str, order_id: &str, lines: &[(i64, i64)]) {
        let lines: Vec<Json> = lines
            .iter()
            .map(|(no, quantity)| json!({"line_no": no, "quantity": quantity}))
            .collect();
        let value = json!({"type": "order_lines_cancel_requested", "cancellation_id": id,
            "order_id": order_id, "lines": lines, "reason": "some lines"});
        self.send(Topic::Orders, order_id, &value);
    }

    pub fn redrive(&mut self, order_id: &str) {
        let value = json!({"type": "order_redrive_requested", "order_id": order_id});
        self.send(Topic::Orders, order_id, &value);
    }

    pub fn submit(&mut self, order_id: &str, key: &str, amount: i64) {
        self.payment(
            "payment_submitted",
            order_id,
            key,
            json!({"amount": amount, "currency": "KRW"}),
        );
    }

    pub fn capture(&mut self, order_id: &str, key: &str, amount: i64) {
        self.payment(
            "payment_confirmed",
            order_id,
            key,
            json!({"amount": amount, "currency": "KRW"}),
        );
    }

    pub fn decline(&mut self, order_id: &str, key: &str) {
        self.payment(
            "payment_declined",
            order_id,
            key,
            json!({"code": "no_funds", "message": "Sorry"}),
        );
    }

    pub fn refund(&mut self, order_id: &str, key: &str, refund_id: &str, amount: i64) {
        let fields = json!({"amount": amount, "currency": "KRW", "refund_id": refund_id});
        self.payment("payment_refunded", order_id, key, fields);
    }

    pub fn fail_refund(&mut self, order_id: &str, key: &str, refund_id: &str) {
        let fields = json!({"refund_id": refund_id, "code": "closed", "message": "No account"});
        self.payment("refund_failed", order_id, key, fields);
    }

    /// An order of one pen and one ink (350 KRW) that is paid with key `k`.
    pub fn sell(&mut self, order_id: &str) {
        self.place(order_id, &[("pen", 1, 100), ("ink", 1, 250)], &json!({}));
        self.submit(order_id, "k", 350);
        self.capture(order_id, "k", 350);
    }

    fn payment(&mut self, type_name: &str, order_id: &str, key: &str, mut fields: Json) {
        fields["type"] = json!(type_name);
        fields["order_id"] = json!(order_id);
        fields["payment_key"] = json!(key);
        self.send(Topic::Payments, order_id, &fields);
    }
}
