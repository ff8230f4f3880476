//! What the jobs keep, and everything that they show follows from: products, carts, reviews, sums, purchases.
//!
//! A checkpoint at an epoch is a dump of these on every worker ([`Bases::hold`], then [`Bases::dump`] once the
//! epoch is complete). A restart feeds all rows of all dumps, on whatever worker, into [`super::build`] by that
//! epoch. Purchases, of which there may be as many as order lines, are fed part by part in epochs before it, as if
//! they had been made then ([`begins`]): so an arrangement never has to sort all of them at once, and memory at a
//! restart is that of the rows.
//!
//! A row is encoded by bincode, with whole numbers of variable length; rows follow one another.

use std::collections::VecDeque;
use std::sync::Arc;

use bincode::Options as _;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::implementations::KeySpine;
use operators::base::{Dump, Kept};
use operators::keyed::Rows;
use serde::{Deserialize, Serialize};

use crate::carts::CartChange;
use crate::catalog::{Product, ProductChange};
use crate::dashboards::{Group, Sums};
use crate::news::News;
use crate::reviews::{Review, ReviewChange, ReviewKey};

/// A row of a base collection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BaseRow {
    /// A product by number.
    Product(u32, Product),
    /// Customer, product, quantity.
    CartItem(u32, u32, i64),
    /// A review by id.
    Review(Arc<str>, Arc<Review>),
    /// What a group's sales sum up to.
    Sums(Group, Sums),
    /// Customer, product, how many sold orders they have of it.
    Bought(u32, u32, i64),
}

/// Rows that are not what a dump wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the rows of a checkpoint of the jobs are damaged; remove the checkpoint, and the log is replayed instead"
)]
pub struct Damaged;

impl BaseRow {
    fn put(&self, out: &mut Vec<u8>) {
        let put = bincode::DefaultOptions::new().serialize_into(out, self);
        put.expect("memory takes all that is written");
    }
}

/// Rows of base collections, as a dump wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseRows {
    /// All but purchases.
    pub rows: Vec<BaseRow>,
    /// Purchases as in [`BaseRow::Bought`], which are many: in less room than a row that may be anything.
    pub bought: Vec<(u32, u32, i64)>,
}

impl BaseRows {
    /// Reads the rows that a dump wrote.
    ///
    /// # Errors
    /// If there is anything else.
    pub fn read(mut bytes: &[u8]) -> Result<BaseRows, Damaged> {
        let mut read = BaseRows::default();
        while !bytes.is_empty() {
            let limit = bytes.len() as u64;
            let options = bincode::DefaultOptions::new()
                .with_limit(limit)
                .allow_trailing_bytes();
            match options.deserialize_from(&mut bytes).map_err(|_| Damaged)? {
                BaseRow::Bought(customer, product, orders) => read.bought.push((customer, product, orders)),
                row => read.rows.push(row),
            }
        }
        Ok(read)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.bought.is_empty()
    }
}

/// What each of so many workers is told after a restart, in order, each with the epoch at which: the last of them
/// at `start` or before. `restored` is what `checkout` tells; `parts` are all parts of all dumps.
#[must_use]
pub fn begins(
    start: u64,
    restored: News,
    parts: Vec<BaseRows>,
    workers: usize,
) -> Vec<VecDeque<(u64, News)>> {
    let mut first = vec![News::default(); workers];
    if let Some(first) = first.first_mut() {
        *first = restored;
    }
    let mut bought = vec![Vec::new(); workers];
    // Whichever worker brings a row: its collection moves it to where it belongs.
    for (number, part) in parts.into_iter().enumerate() {
        first[number % workers].base.rows.extend(part.rows);
        if !part.bought.is_empty() {
            bought[number % workers].push(part.bought);
        }
    }
    let longest = bought.iter().map(Vec::len).max().unwrap_or(0) as u64;
    // Names come before all else.
    let begin = start.saturating_sub(longest);
    let begins = first.into_iter().zip(bought).map(|(first, bought)| {
        let bought = bought.into_iter().zip(1..).map(|(bought, number)| {
            let mut news = News::default();
            news.base.bought = bought;
            (start.min(begin + number), news)
        });
        let first = Some((begin, first)).filter(|(_, news)| !news.is_empty());
        first.into_iter().chain(bought).collect()
    });
    begins.collect()
}

type Summed<K, R> = TraceAgent<KeySpine<K, u64, R>>;

/// One of something for each base collection.
macro_rules! each {
    ($bases:expr, $base:ident => $what:expr) => {{
        let Bases {
            products,
            carts,
            reviews,
            sums,
            bought,
        } = $bases;
        let $base = products;
        let products = $what;
        let $base = carts;
        let carts = $what;
        let $base = reviews;
        let reviews = $what;
        let $base = sums;
        let sums = $what;
        let $base = bought;
        let bought = $what;
        (products, carts, reviews, sums, bought)
    }};
}

/// The base collections of one worker.
pub struct Bases {
    pub(super) products: Kept<Rows<u32, ProductChange>>,
    pub(super) carts: Kept<Rows<u32, CartChange>>,
    pub(super) reviews: Kept<Rows<ReviewKey, ReviewChange>>,
    pub(super) sums: Kept<Summed<Group, Sums>>,
    pub(super) bought: Kept<Summed<(u32, u32), isize>>,
}

impl Bases {
    /// Epochs before `next` are complete on this worker. To be called whenever that moves: history is
    /// forgotten by it.
    pub fn through(&self, next: u64) {
        each!(self, base => base.through(next));
    }

    /// Keeps all collections readable as of `epoch`; false if they have forgotten it.
    #[must_use]
    pub fn hold(&self, epoch: u64) -> bool {
        let held = each!(self, base => base.hold(epoch));
        held.0 && held.1 && held.2 && held.3 && held.4
    }

    /// What the held epoch left on this worker; none while it is not complete, or none is held.
    #[must_use]
    pub fn dump(&self) -> Option<BasesDump> {
        let (products, carts, reviews, sums, bought) = each!(self, base => base.dump());
        Some(BasesDump {
            products: products?,
            carts: carts?,
            reviews: reviews?,
            sums: sums?,
            bought: bought?,
            at: 0,
        })
    }
}

/// A walk over the rows of all base collections of a worker, a slice at a time.
pub struct BasesDump {
    products: Dump<Rows<u32, ProductChange>>,
    carts: Dump<Rows<u32, CartChange>>,
    reviews: Dump<Rows<ReviewKey, ReviewChange>>,
    sums: Dump<Summed<Group, Sums>>,
    bought: Dump<Summed<(u32, u32), isize>>,
    /// The collection that is being walked.
    at: u8,
}

impl BasesDump {
    /// Appends the next `rows_max` rows at most; whether there may be more.
    pub fn next(&mut self, rows_max: usize, out: &mut Vec<u8>) -> bool {
        let more = match self.at {
            0 => self.products.next(rows_max, |(number, ()), product, _| {
                BaseRow::Product(*number, product.clone()).put(out);
            }),
            1 => self.carts.next(rows_max, |(customer, product), quantity, _| {
                BaseRow::CartItem(*customer, *product, *quantity).put(out);
            }),
            2 => self.reviews.next(rows_max, |((_, id), ()), review, _| {
                BaseRow::Review(Arc::clone(id), Arc::clone(review)).put(out);
            }),
            3 => self
                .sums
                .next(rows_max, |group, (), sums| BaseRow::Sums(*group, *sums).put(out)),
            4 => self.bought.next(rows_max, |(customer, product), (), orders| {
                BaseRow::Bought(*customer, *product, *orders as i64).put(out);
            }),
            _ => return false,
        };
        self.at += u8::from(!more);
        self.at < 5
    }
}
