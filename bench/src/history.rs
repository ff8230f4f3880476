//! `bench history`: what the same 10,000 changes cost after a short, a ten times and a hundred times longer
//! history. Incremental in the change, not in the history: the same, but for what caches no longer hold.
//!
//! The changes: reviews posted, edited and deleted, carts changed, products renamed, orders placed and paid, all of
//! things that every history has. In processor time of all threads, beside which a machine's other work counts
//! little; all views' deltas are made, then discarded.

use std::num::NonZero;

use contract::log::Topic;
use serde_json::json;

use crate::mix::{Mix, PRODUCTS, Random, Zipf, order_id};
use crate::process::cpu_ns_of_threads;
use crate::replay::follow;
use crate::scratch::Scratch;
use crate::views::Reviews;
use crate::{Figure, Settings, median};

/// Orders, and reviews, of the shortest history.
const HISTORY: u64 = 2000;
/// Changes that are measured at once, and how often.
const CHANGES: u64 = 10_000;
const ROUNDS: u64 = 7;
/// Changes of an epoch.
const AN_EPOCH: u64 = 100;
const CUSTOMERS: u64 = 2000;

/// Makes changes of things that every history has.
struct Changes {
    random: Random,
    zipf: Zipf,
    placed: u64,
    posted: u64,
}

impl Changes {
    /// An epoch of changes, each kind as often.
    fn epoch(&mut self, mix: &mut Mix) {
        for change in 0..AN_EPOCH {
            match change % 5 {
                0 => self.order(mix),
                1 => self.cart(mix),
                2 => self.review(mix),
                3 => self.edit(mix),
                _ => self.product(mix),
            }
        }
        mix.cut();
    }

    fn order(&mut self, mix: &mut Mix) {
        let id = order_id((1 << 40) + self.placed, &mut self.random);
        self.placed += 1;
        let amount = mix.place(&id, 2, false, &self.zipf, &mut self.random);
        mix.pay("payment_submitted", &id, amount);
        mix.pay("payment_confirmed", &id, amount);
    }

    fn cart(&mut self, mix: &mut Mix) {
        let customer = format!("c-{:06}", self.random.below(CUSTOMERS));
        let sku = format!("sku-{:06}", self.zipf.next(&mut self.random));
        let quantity = self.random.below(4);
        let set = json!({
            "type": "cart_item_set", "customer_id": customer, "sku": sku, "quantity": quantity,
        });
        mix.push(Topic::Carts, &customer, &set.to_string());
    }

    fn review(&mut self, mix: &mut Mix) {
        let id = format!("change-{}", self.posted);
        self.posted += 1;
        let posted = json!({
            "type": "review_posted", "review_id": id, "rating": 1 + self.random.below(5),
            "customer_id": format!("c-{:06}", self.random.below(CUSTOMERS)),
            "sku": format!("sku-{:06}", self.zipf.next(&mut self.random)), "text": "생각보다 훨씬 좋아요",
        });
        mix.push(Topic::Reviews, &id, &posted.to_string());
    }

    fn edit(&mut self, mix: &mut Mix) {
        let id = format!("change-{}", self.random.below(self.posted.max(1)));
        let edited = json!({
            "type": "review_edited", "review_id": id, "rating": 1 + self.random.below(5), "text": "다시 보니 아니에요",
        });
        mix.push(Topic::Reviews, &id, &edited.to_string());
    }

    /// Another name for a product that nothing or little was said of: of one with a million reviews it would
    /// change a million documents, which is a change of that size.
    fn product(&mut self, mix: &mut Mix) {
        let product = PRODUCTS - 1 - usize::try_from(self.random.below(50)).unwrap_or(0);
        let sku = format!("sku-{product:06}");
        let upserted = json!({
            "type": "product_upserted", "sku": sku, "name": format!("Product {}", self.random.below(1000)),
            "price": crate::mix::price(product), "currency": "KRW", "store_id": "store-1",
            "category": "category-1",
        });
        mix.push(Topic::Products, &sku, &upserted.to_string());
    }
}

/// Nanoseconds of processor time that a change costs after a history `times` as long as the shortest.
fn after(times: u64, workers: usize) -> Result<f64, String> {
    let directory = Scratch::new()?;
    let mut following = follow(directory.path(), workers)?;
    let mut mix = Mix::default();
    let (mut random, zipf) = (Random(5), Zipf::new(PRODUCTS));
    mix.prelude();
    following.add(&mut mix, 1)?;
    let mut reviews = Reviews::new(usize::try_from(HISTORY * times).map_err(|e| e.to_string())?)?;
    reviews.products(&mut mix);
    following.add(&mut mix, 1)?;
    let mut placed = 0;
    while placed < HISTORY * times {
        for _ in 0..1000.min(HISTORY * times) {
            let id = order_id(placed, &mut random);
            placed += 1;
            let amount = mix.place(&id, 2, false, &zipf, &mut random);
            mix.pay("payment_submitted", &id, amount);
            mix.pay("payment_confirmed", &id, amount);
        }
        mix.cut();
        reviews.epoch(&mut mix);
        following.add(&mut mix, 1)?;
    }
    following.settle()?;
    let mut changes = Changes {
        random: Random(23),
        zipf: Zipf::new(PRODUCTS),
        placed: 0,
        posted: 0,
    };
    let mut costs = Vec::new();
    for round in 0..=ROUNDS {
        for _ in 0..CHANGES / AN_EPOCH {
            changes.epoch(&mut mix);
        }
        let before = cpu_ns_of_threads();
        following.add(&mut mix, 1)?;
        following.settle()?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let cost = (cpu_ns_of_threads() - before) as f64 / CHANGES as f64;
        // The first warms up.
        if round > 0 {
            costs.push(cost);
        }
    }
    Ok(median(costs))
}

pub(crate) fn run(_: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let (mut figures, mut first) = (Vec::new(), None);
    for times in [1, 10, 100] {
        progress(&format!("after {} orders and as many reviews", HISTORY * times));
        let cost = after(times, workers)?;
        let metric = format!("a change after {} orders and reviews", HISTORY * times);
        figures.push(Figure::new("history", metric, cost / 1000.0, "us"));
        let first = *first.get_or_insert(cost);
        if times > 1 {
            let metric = format!("{times} times the history: cost of a change");
            figures.push(Figure::new("history", metric, cost / first, "times").at_most(1.3));
        }
    }
    Ok(figures)
}
