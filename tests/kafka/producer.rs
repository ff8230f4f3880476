//! Another program, which places orders, pays them and sets prices.

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use contract::log::Topic;
use serde_json::{Value, json};
use servers::kafka::Kafka;
use streams::{Batch, KafkaLog, Log as _};

use super::common::Up;
use super::get;

/// Partitions of each topic.
pub const PARTITIONS: u32 = 3;
pub const SKUS: usize = 3;
/// A slice of a backlog covers a second; what is further apart is judged by its own time.
pub const SLICE_MS: i64 = 1000;

/// The wall clock.
pub fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// When the customer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The payment is confirmed before the deadline.
    Paid,
    /// It is submitted before the deadline, and confirmed after it.
    Submitted,
    /// After the deadline.
    Late,
    Never,
    /// The order asks for a price that is over.
    OldPrice,
}

/// An order that was placed.
#[derive(Clone, Debug)]
pub struct Placed {
    pub id: String,
    pub fate: Fate,
    pub total: i64,
    /// It was appended between these.
    pub sent_ms: i64,
    pub acknowledged_ms: i64,
}

/// Another program that places orders, pays them and sets prices.
pub struct Producer {
    pub log: KafkaLog,
    prices: [i64; SKUS],
    pub placed: Vec<Placed>,
}

impl Producer {
    pub fn new(log: KafkaLog) -> Producer {
        Producer {
            log,
            prices: [100; SKUS],
            placed: Vec::new(),
        }
    }

    /// Sends a record, with a time for topics that take it.
    pub fn send(&self, topic: Topic, (key, partition): (&str, usize), value: &Value, at_ms: i64) {
        let mut batch = Batch::new(at_ms);
        let partition = u32::try_from(partition).unwrap() % PARTITIONS;
        batch.push(
            topic.name(),
            partition,
            Some(key.as_bytes()),
            Some(value.to_string().as_bytes()),
        );
        self.log.append(&batch).unwrap();
    }

    /// The shop opens.
    pub fn open(&self, at_ms: i64, payment_window_s: i64) {
        let rules = json!({
            "type": "rules_activated", "version": 2, "payment_window_s": payment_window_s,
            "payment_attempts_max": 5, "cancel_window_s": 1_209_600, "payment_answer_max_s": 3600,
            "low_stock_default": 10,
        });
        self.send(Topic::Operations, ("operations", 0), &rules, at_ms);
        for sku in 0..SKUS {
            self.set_price(sku, at_ms);
            let id = format!("s{sku}");
            let received = json!({
                "type": "stock_received", "receipt_id": format!("r{sku}"), "sku": id, "quantity": 100_000,
            });
            self.send(Topic::Stock, (&id, sku), &received, at_ms);
        }
    }

    fn set_price(&self, sku: usize, at_ms: i64) {
        let id = format!("s{sku}");
        let product = json!({
            "type": "product_upserted", "sku": id, "name": id, "price": self.prices[sku], "currency": "KRW",
        });
        self.send(Topic::Products, (&id, sku), &product, at_ms);
    }

    pub fn change_price(&mut self, sku: usize, at_ms: i64) {
        self.prices[sku] += 1;
        self.set_price(sku, at_ms);
    }

    /// Places an order; its number.
    pub fn place(&mut self, sku: usize, fate: Fate, at_ms: i64) -> usize {
        let number = self.placed.len();
        let id = format!("o{number}");
        let price = self.prices[sku] - i64::from(fate == Fate::OldPrice);
        let order = json!({
            "type": "order_placed", "order_id": id, "customer_id": "c", "currency": "KRW",
            "lines": [{"sku": format!("s{sku}"), "quantity": 2, "unit_price": price}],
        });
        let sent_ms = wall_ms();
        self.send(Topic::Orders, (&id, number), &order, at_ms);
        self.placed.push(Placed {
            id,
            fate,
            total: 2 * price,
            sent_ms,
            acknowledged_ms: wall_ms(),
        });
        number
    }

    /// What is said of an order's payment.
    pub fn pay(&self, number: usize, kind: &str, at_ms: i64) {
        let Placed { id, total, .. } = &self.placed[number];
        let payment = json!({
            "type": kind, "order_id": id, "payment_key": format!("k{number}"), "amount": total, "currency": "KRW",
        });
        // In another partition than the order.
        self.send(Topic::Payments, (id, number + 1), &payment, at_ms);
    }
}

/// Makes the topics that orders are decided by, with the times that their producers say.
pub fn timed_topics(kafka: &Kafka, prefix: &str) {
    let topics = [
        Topic::Operations,
        Topic::Products,
        Topic::Stock,
        Topic::Orders,
        Topic::Payments,
    ];
    thread::scope(|scope| {
        for topic in topics {
            scope.spawn(move || {
                let (name, partitions) = (format!("{prefix}{}", topic.name()), PARTITIONS.to_string());
                let args = [
                    "--create",
                    "--topic",
                    &name,
                    "--partitions",
                    &partitions,
                    "--config",
                ];
                let timed = "message.timestamp.type=CreateTime";
                let made = kafka.tool(
                    "org.apache.kafka.tools.TopicCommand",
                    &[&args[..], &[timed]].concat(),
                );
                made.unwrap();
            });
        }
    });
}

/// What a path answers, which is well.
pub fn read(up: &Up, path: &str) -> Value {
    let (status, body) = get(up, path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}
