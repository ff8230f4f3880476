//! What a shop's history does not tell: carts and reviews, made up over the orders that it does tell.
//!
//! [`enliven`] goes through an import epoch by epoch and puts records of the streams `carts` and `reviews`
//! beside those that are there. For some orders a cart was filled epochs before, and is cleared with the
//! order; other carts are abandoned. Some who paid for a product review it days later; a few edit what they
//! wrote, fewer take it back. Products differ in how well they are liked.
//!
//! **Invariants.** All other records, and the epochs with their clocks, stay what they are: no view of
//! orders, stock or money differs. Everything is drawn from hashes of ids and the seed, so that the same
//! import gives the same bytes.

mod orders;
mod texts;

use std::collections::BTreeMap;

use contract::log::{History, Topic};
use contract::time::Time;
use serde_json::{Value, json};

use self::orders::{Bought, Ordered, Told};
pub use self::texts::{rating, review};
use super::{Options, hash};

/// How many of 1,000 paid lines are reviewed, and of 1,000 reviews edited or deleted later.
const REVIEWED_PER_MILLE: u32 = 60;
const EDITED_PER_MILLE: u32 = 80;
const DELETED_PER_MILLE: u32 = 30;
/// How many of 1,000 orders come from a cart, and of 1,000 orders' customers fill one that they abandon.
const FROM_CART_PER_MILLE: u32 = 300;
const ABANDONED_PER_MILLE: u32 = 100;
/// Products in a cart, at most.
const IN_CART_MAX: usize = 8;
/// Between a payment and a review, a review and what follows: from, and up to so much more.
const UNTIL_REVIEW_S: (u64, u64) = (2 * 86_400, 9 * 86_400);
const UNTIL_EDIT_S: (u64, u64) = (3_600, 3 * 86_400);
/// Between a filled cart and its order.
const IN_CART_S: (u64, u64) = (600, 2 * 86_400);

/// How much was made up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MadeUp {
    /// Reviews posted.
    pub reviews: u64,
    /// Of these edited later.
    pub edited: u64,
    /// Of these deleted later.
    pub deleted: u64,
    /// Carts that were filled and became an order.
    pub carts: u64,
    /// Carts that were filled and left.
    pub abandoned: u64,
}

/// A log with carts and reviews beside what `log` has. `options` are those of the import.
#[must_use]
pub fn enliven(log: &History, options: &Options) -> (History, MadeUp) {
    let told = Told::by(log);
    let mut life = Life {
        options,
        clocks: log.timeline().iter().map(|binding| binding.clock).collect(),
        told: &told,
        due: BTreeMap::new(),
        made: MadeUp::default(),
    };
    for order in &told.orders {
        life.cart(order);
    }
    for bought in &told.bought {
        life.review(bought);
    }
    let mut lively = History::new();
    for (index, binding) in log.timeline().iter().enumerate() {
        for record in log.records(index) {
            lively.append(record.at.topic, record.at.partition, record.key, record.value);
        }
        for (topic, key, value) in life.due.remove(&index).unwrap_or_default() {
            let partition = options.partition(&key);
            lively.append(
                topic,
                partition,
                Some(key.as_bytes()),
                Some(value.to_string().as_bytes()),
            );
        }
        lively.bind(binding.clock);
    }
    (lively, life.made)
}

/// A record that is to be: its stream, key and value.
type Due = (Topic, String, Value);

struct Life<'a> {
    options: &'a Options,
    /// The epochs' clocks.
    clocks: Vec<Time>,
    told: &'a Told,
    /// What comes into which epoch, by its index, in order.
    due: BTreeMap<usize, Vec<Due>>,
    made: MadeUp,
}

impl Life<'_> {
    fn draw(&self, purpose: &str, id: &str) -> u64 {
        hash(self.options.seed, purpose, id)
    }

    /// A moment some time after `from`.
    fn after(&self, from: Time, (least, more): (u64, u64), purpose: &str, id: &str) -> Time {
        let seconds = least + self.draw(purpose, id) % more;
        from.plus_seconds(i64::try_from(seconds).expect("some days"))
    }

    /// The first epoch whose clock is not before a moment; none: it is not in the history any more.
    fn epoch(&self, moment: Time) -> Option<usize> {
        let index = self.clocks.partition_point(|clock| *clock < moment);
        (index < self.clocks.len()).then_some(index)
    }

    fn put(&mut self, epoch: usize, topic: Topic, key: &str, value: Value) {
        self.due
            .entry(epoch)
            .or_default()
            .push((topic, key.to_owned(), value));
    }

    /// The cart that an order comes from, or one that its customer leaves.
    fn cart(&mut self, order: &Ordered) {
        let (options, id) = (self.options, order.order_id.as_str());
        let becomes_order = options.draws(FROM_CART_PER_MILLE, "from cart", id);
        if !becomes_order && !options.draws(ABANDONED_PER_MILLE, "abandoned", id) {
            return;
        }
        let placed = self.clocks[order.epoch];
        let (least, more) = IN_CART_S;
        let before_s = least + self.draw("in cart", id) % more;
        let before_ms = i64::try_from(before_s * 1000).expect("some days");
        let filled = Time::from_ms(placed.ms() - before_ms).and_then(|moment| self.epoch(moment));
        // Within an epoch carts come after orders: it must be filled in one before.
        let Some(filled) = filled.filter(|filled| *filled < order.epoch) else {
            return;
        };
        let known = |sku: &&String| self.told.known.get(*sku).is_some_and(|since| *since <= filled);
        let skus: Vec<String> = order
            .skus
            .iter()
            .filter(known)
            .take(IN_CART_MAX)
            .cloned()
            .collect();
        if skus.is_empty() {
            return;
        }
        for (number, sku) in skus.iter().enumerate() {
            let quantity = 1 + self.draw("quantity", &format!("{id} {sku}")) % 6;
            self.set(filled, &order.customer_id, sku, quantity);
            if number == 0 && self.draw("changes", id).is_multiple_of(4) {
                // Another thought about the first of them.
                self.set(filled, &order.customer_id, sku, quantity + 1);
            }
        }
        if becomes_order {
            let value = json!({"type": "cart_cleared", "customer_id": order.customer_id});
            self.put(order.epoch, Topic::Carts, &order.customer_id, value);
            self.made.carts += 1;
        } else {
            self.made.abandoned += 1;
        }
    }

    fn set(&mut self, epoch: usize, customer_id: &str, sku: &str, quantity: u64) {
        let value = json!({
            "type": "cart_item_set", "customer_id": customer_id, "sku": sku, "quantity": quantity,
        });
        self.put(epoch, Topic::Carts, customer_id, value);
    }

    /// What a customer writes about something that was paid.
    fn review(&mut self, bought: &Bought) {
        let options = self.options;
        let (order_id, sku, customer_id) = (&bought.order_id, &bought.sku, &bought.customer_id);
        let id = format!("v-{order_id}-{}", bought.number);
        if !options.draws(REVIEWED_PER_MILLE, "reviewed", &id) {
            return;
        }
        let posted = self.after(self.clocks[bought.epoch], UNTIL_REVIEW_S, "when reviewed", &id);
        let Some(epoch) = self.epoch(posted) else {
            return;
        };
        let rated = self.rated(sku, &id);
        let is_korean = self.draw("language", customer_id).is_multiple_of(2);
        let text = review(rated, is_korean, self.draw("text", &id));
        let value = json!({
            "type": "review_posted", "review_id": id, "customer_id": customer_id, "sku": sku,
            "rating": rated, "text": text, "order_id": order_id,
        });
        self.put(epoch, Topic::Reviews, &id, value);
        self.made.reviews += 1;
        let later = self.after(posted, UNTIL_EDIT_S, "when edited", &id);
        let Some(later) = self.epoch(later) else {
            return;
        };
        if options.draws(EDITED_PER_MILLE, "edited", &id) {
            // They think better, or worse, of it by one.
            let other = if rated == 5 { 4 } else { rated + 1 };
            let text = review(other, is_korean, self.draw("other text", &id));
            let value = json!({"type": "review_edited", "review_id": id, "rating": other, "text": text});
            self.put(later, Topic::Reviews, &id, value);
            self.made.edited += 1;
        } else if options.draws(DELETED_PER_MILLE, "deleted", &id) {
            let value = json!({"type": "review_deleted", "review_id": id});
            self.put(later, Topic::Reviews, &id, value);
            self.made.deleted += 1;
        }
    }

    /// How a product is rated: some are liked less than others.
    fn rated(&self, sku: &str, id: &str) -> u8 {
        let rated = rating(self.draw("rating", id));
        let is_worse = self.draw("liked", sku).is_multiple_of(5) && self.draw("worse", id).is_multiple_of(2);
        if is_worse { rated.max(3) - 2 } else { rated }
    }
}
