//! From lines to a log: a day's records are an epoch.

use std::collections::{BTreeMap, HashSet};

use contract::log::{Epoch, History, Topic};
use contract::time::Time;
use serde_json::{Value, json};

use super::{CURRENCY, Input, Line};
use crate::draw::{hash, partition};

const DAY_S: i64 = 86_400;

/// What the data doesn't say: how many reviews of a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Were written by somebody who bought the film.
    pub bought: u64,
    /// Of those that were bought, were cancelled later.
    pub cancelled: u64,
    /// Were edited later.
    pub edited: u64,
    /// Were deleted later.
    pub deleted: u64,
}

impl Default for Shares {
    fn default() -> Shares {
        Shares {
            bought: 40,
            cancelled: 5,
            edited: 10,
            deleted: 5,
        }
    }
}

/// A log of reviews, and what it consists of.
#[derive(Debug)]
pub struct Imported {
    /// The log.
    pub log: History,
    /// Reviews in it.
    pub posted: u64,
    /// Reviews that repeat the id of one before: they are in no record.
    pub repeated: u64,
    /// Edits.
    pub edited: u64,
    /// Deletions.
    pub deleted: u64,
    /// Orders, all of them paid.
    pub orders: u64,
}

/// Days' records, each with its topic and key.
type Days = BTreeMap<Time, Vec<(Topic, String, Value)>>;

/// Makes a log of reviews, with so many partitions a topic.
#[must_use]
pub fn import(input: &Input, partitions: u32, shares: Shares) -> Imported {
    let mut imported = Imported {
        log: History::new(),
        posted: 0,
        repeated: 0,
        edited: 0,
        deleted: 0,
        orders: 0,
    };
    let mut lines: Vec<&Line> = input.lines.iter().collect();
    lines.sort_by_key(|line| line.day);
    let (mut days, mut films, mut seen) = (Days::new(), HashSet::new(), HashSet::new());
    for line in lines {
        if !seen.insert(line.review_id.as_str()) {
            imported.repeated += 1;
            continue;
        }
        if films.insert(line.sku.as_str()) {
            let film = film(&line.sku);
            days.entry(line.day)
                .or_default()
                .push((Topic::Products, line.sku.clone(), film));
        }
        imported.review(line, shares, &mut days);
    }
    for (day, records) in days {
        for (topic, key, value) in records {
            let (partition, value) = (partition(&key, partitions), value.to_string());
            let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
            imported.log.append(topic, partition, key, value);
        }
        let _: Epoch = imported.log.bind(day);
    }
    imported
}

fn price(sku: &str) -> u64 {
    8000 + hash(0, "price", sku) % 8 * 1000
}

fn film(sku: &str) -> Value {
    json!({
        "type": "product_upserted", "sku": sku, "name": format!("영화 {sku}"), "price": price(sku),
        "currency": CURRENCY, "stocked": false, "store_id": "cinema", "category": "film",
    })
}

impl Imported {
    fn review(&mut self, line: &Line, shares: Shares, days: &mut Days) {
        let Line {
            review_id,
            sku,
            customer_id,
            ..
        } = line;
        let is = |what, share| hash(0, what, review_id) % 100 < share;
        let later = |what, days_max| {
            let days = 1 + hash(0, what, review_id) % days_max;
            line.day.plus_seconds(DAY_S * i64::try_from(days).unwrap_or(1))
        };
        if is("bought", shares.bought) {
            self.orders += 1;
            let order_id = format!("o-{review_id}");
            order(&order_id, line, days.entry(line.day).or_default());
            if is("cancelled", shares.cancelled) {
                let cancel = json!({
                    "type": "order_cancel_requested", "order_id": order_id, "reason": "the showing was missed",
                });
                let day = days.entry(later("cancelled on", 10)).or_default();
                day.push((Topic::Orders, order_id, cancel));
            }
        }
        self.posted += 1;
        let mut on = |day: Time, value: Value| {
            days.entry(day)
                .or_default()
                .push((Topic::Reviews, review_id.clone(), value));
        };
        on(
            line.day,
            json!({
                "type": "review_posted", "review_id": review_id, "customer_id": customer_id, "sku": sku,
                "rating": line.rating, "text": line.text,
            }),
        );
        if is("edited", shares.edited) {
            self.edited += 1;
            let text = format!("{} (수정)", line.text.chars().take(3990).collect::<String>());
            on(
                later("edited on", 30),
                json!({
                    "type": "review_edited", "review_id": review_id, "rating": line.rating % 5 + 1, "text": text,
                }),
            );
        }
        if is("deleted", shares.deleted) {
            self.deleted += 1;
            on(
                later("deleted on", 60),
                json!({"type": "review_deleted", "review_id": review_id}),
            );
        }
    }
}

/// An order of the film, paid at once.
fn order(order_id: &str, line: &Line, day: &mut Vec<(Topic, String, Value)>) {
    let price = price(&line.sku);
    let lines = json!([{"sku": line.sku, "quantity": 1, "unit_price": price}]);
    let placed = json!({
        "type": "order_placed", "order_id": order_id, "customer_id": line.customer_id, "currency": CURRENCY,
        "lines": lines,
    });
    day.push((Topic::Orders, order_id.to_owned(), placed));
    for kind in ["payment_submitted", "payment_confirmed"] {
        let payment = json!({
            "type": kind, "order_id": order_id, "payment_key": format!("pay-{order_id}"), "amount": price,
            "currency": CURRENCY,
        });
        day.push((Topic::Payments, order_id.to_owned(), payment));
    }
}
