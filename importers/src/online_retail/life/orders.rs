//! What a log tells of orders and products, as far as carts and reviews have to do with it.

use std::collections::{HashMap, HashSet};

use contract::log::{History, Topic};
use serde_json::Value;

use super::super::is_fee;

/// An order, as it was placed.
pub(super) struct Ordered {
    pub order_id: String,
    pub customer_id: String,
    /// Index of its epoch.
    pub epoch: usize,
    /// The goods in it, each once.
    pub skus: Vec<String>,
}

/// A line of an order that was paid.
pub(super) struct Bought {
    pub order_id: String,
    /// Which of its goods it is, from 1.
    pub number: usize,
    pub customer_id: String,
    pub sku: String,
    /// Index of the epoch in which it was paid.
    pub epoch: usize,
}

/// What a log tells.
#[derive(Default)]
pub(super) struct Told {
    /// Orders of customers who have an id, as they came.
    pub orders: Vec<Ordered>,
    /// Goods that were paid, at a customer's first purchase of them.
    pub bought: Vec<Bought>,
    /// Since which epoch a product is known.
    pub known: HashMap<String, usize>,
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

impl Told {
    /// Reads a log that an importer made.
    pub fn by(log: &History) -> Told {
        let mut told = Told::default();
        let mut placed: HashMap<String, usize> = HashMap::new();
        let mut had: HashSet<(String, String)> = HashSet::new();
        for epoch in 0..log.timeline().len() {
            for record in log.records(epoch) {
                let wanted = [Topic::Products, Topic::Orders, Topic::Payments];
                if !wanted.contains(&record.at.topic) {
                    continue;
                }
                let value = record.value.unwrap_or_default();
                let Ok(value) = serde_json::from_slice::<Value>(value) else {
                    continue;
                };
                match value["type"].as_str().unwrap_or_default() {
                    "product_upserted" => {
                        told.known.entry(text(&value, "sku")).or_insert(epoch);
                    }
                    "order_placed" => {
                        placed.insert(text(&value, "order_id"), told.orders.len());
                        told.orders.push(ordered(&value, epoch));
                    }
                    "payment_confirmed" => {
                        if let Some(index) = placed.get(&text(&value, "order_id")) {
                            paid(&told.orders[*index], epoch, &mut had, &mut told.bought);
                        }
                    }
                    _ => {}
                }
            }
        }
        told.orders
            .retain(|order| !order.customer_id.starts_with("guest-"));
        told
    }
}

fn ordered(value: &Value, epoch: usize) -> Ordered {
    let lines = value["lines"].as_array().into_iter().flatten();
    let mut skus: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for sku in lines.map(|line| text(line, "sku")) {
        if !is_fee(&sku) && seen.insert(sku.clone()) {
            skus.push(sku);
        }
    }
    Ordered {
        order_id: text(value, "order_id"),
        customer_id: text(value, "customer_id"),
        epoch,
        skus,
    }
}

fn paid(order: &Ordered, epoch: usize, had: &mut HashSet<(String, String)>, bought: &mut Vec<Bought>) {
    for (index, sku) in order.skus.iter().enumerate() {
        if had.insert((order.customer_id.clone(), sku.clone())) {
            bought.push(Bought {
                order_id: order.order_id.clone(),
                number: index + 1,
                customer_id: order.customer_id.clone(),
                sku: sku.clone(),
                epoch,
            });
        }
    }
}
