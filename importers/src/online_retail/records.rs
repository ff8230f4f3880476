//! The log being written: one function per record, as the contract has them.

use contract::log::{History, Topic};
use contract::time::Time;
use serde_json::{Value, json};

use super::fields::QUANTITY_MAX;
use super::shop::{Attempt, Order, Refund};
use super::{CURRENCY, Line, Options, is_fee};

/// Within it everything in the data can be cancelled that isn't older than a year: the contract's longest.
pub(super) const CANCEL_WINDOW_S: i64 = 31_536_000;
/// An order that isn't paid holds its stock for so long.
pub(super) const PAYMENT_WINDOW_S: i64 = 900;

/// A log, and how keys are spread over its partitions.
pub(super) struct Records<'a> {
    pub log: History,
    options: &'a Options,
}

impl<'a> Records<'a> {
    pub fn new(options: &'a Options) -> Self {
        Self {
            log: History::new(),
            options,
        }
    }

    fn append(&mut self, topic: Topic, key: &str, value: &Value) -> u32 {
        let partition = self.options.partition(key);
        let value = value.to_string();
        self.log
            .append(topic, partition, Some(key.as_bytes()), Some(value.as_bytes()));
        partition
    }

    pub fn rules(&mut self) {
        let value = json!({
            "type": "rules_activated", "version": 2, "payment_window_s": PAYMENT_WINDOW_S,
            "payment_attempts_max": 5, "cancel_window_s": CANCEL_WINDOW_S, "payment_answer_max_s": 3600,
            "low_stock_default": 10,
        });
        self.log.append(
            Topic::Operations,
            0,
            Some(b"operations"),
            Some(value.to_string().as_bytes()),
        );
    }

    pub fn product(&mut self, line: &Line) {
        let name = product_name(line);
        let mut value = json!({
            "type": "product_upserted", "sku": &*line.sku, "name": name, "price": line.price,
            "currency": CURRENCY,
        });
        if is_fee(&line.sku) {
            value["stocked"] = json!(false);
        }
        self.append(Topic::Products, &line.sku, &value);
    }

    /// Receives the units, in as many receipts as their limit asks for. Returns how many.
    pub fn receipts(&mut self, month: &str, row: usize, sku: &str, mut units: i64) -> u64 {
        let mut count = 0;
        while units > 0 {
            let quantity = units.min(QUANTITY_MAX);
            units -= quantity;
            let receipt_id = format!("receipt-{month}-{row}.{count}");
            count += 1;
            let value = json!({
                "type": "stock_received", "receipt_id": receipt_id, "sku": sku, "quantity": quantity,
            });
            self.append(Topic::Stock, sku, &value);
        }
        count
    }

    pub fn adjustment(&mut self, line: &Line) {
        let reason = if line.description.is_empty() {
            "no reason given"
        } else {
            &*line.description
        };
        let value = json!({
            "type": "stock_adjusted", "adjustment_id": format!("{}-{}", line.invoice, line.number),
            "sku": &*line.sku, "delta": line.quantity, "reason": reason,
        });
        self.append(Topic::Stock, &line.sku, &value);
    }

    pub fn order(&mut self, order: &Order<'_>, placed_at: Time) -> u32 {
        let lines: Vec<_> = order
            .lines
            .iter()
            .map(|l| json!({"sku": l.sku, "quantity": l.quantity, "unit_price": l.price}))
            .collect();
        let value = json!({
            "type": "order_placed", "order_id": order.id, "customer_id": order.customer, "currency": CURRENCY,
            "lines": lines, "placed_at": placed_at.to_string(),
        });
        self.append(Topic::Orders, &order.id, &value)
    }

    pub fn cancel_order(&mut self, order_id: &str, reason: &str) -> u32 {
        let value = json!({"type": "order_cancel_requested", "order_id": order_id, "reason": reason});
        self.append(Topic::Orders, order_id, &value)
    }

    pub fn cancel_lines(
        &mut self,
        order_id: &str,
        cancellation_id: &str,
        lines: &[(usize, i64)],
        reason: &str,
    ) -> u32 {
        let lines: Vec<_> = lines
            .iter()
            .map(|(index, units)| json!({"line_no": index + 1, "quantity": units}))
            .collect();
        let value = json!({
            "type": "order_lines_cancel_requested", "cancellation_id": cancellation_id, "order_id": order_id,
            "lines": lines, "reason": reason,
        });
        self.append(Topic::Orders, order_id, &value)
    }

    pub fn attempt(&mut self, order: &Order<'_>, attempt: &Attempt) {
        let (order_id, payment_key, amount) = (&order.id, order.payment_key(attempt.number), order.payable);
        let submitted = json!({
            "type": "payment_submitted", "order_id": order_id, "payment_key": payment_key, "amount": amount,
            "currency": CURRENCY,
        });
        let answer = if attempt.declined {
            json!({
                "type": "payment_declined", "order_id": order_id, "payment_key": payment_key,
                "code": "card_declined", "message": "The bank declined the card.",
            })
        } else {
            json!({
                "type": "payment_confirmed", "order_id": order_id, "payment_key": payment_key,
                "amount": amount, "currency": CURRENCY,
            })
        };
        self.append(Topic::Payments, order_id, &submitted);
        self.append(Topic::Payments, order_id, &answer);
    }

    pub fn refund(&mut self, order: &Order<'_>, refund: &Refund) {
        let (payment_key, refund_id) = (
            order.payment_key(order.attempts),
            format!("{}:r{}", order.id, refund.number),
        );
        let value = json!({
            "type": "payment_refunded", "order_id": order.id, "payment_key": payment_key,
            "amount": refund.amount, "currency": CURRENCY, "refund_id": refund_id,
        });
        self.append(Topic::Payments, &order.id, &value);
    }
}

/// A product's name: the data's own text, or its sku where there is none.
pub(super) fn product_name(line: &Line) -> &str {
    if line.description.is_empty() {
        &line.sku
    } else {
        &line.description
    }
}
