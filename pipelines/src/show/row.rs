//! A row of any view of the jobs, with numbers for names, and what else `show` must know.

use std::sync::Arc;

use operators::route::away_from_first;
use serde::{Deserialize, Serialize};

use super::ranks::Candidate;
use crate::catalog::{About, Listed};
use crate::dashboards::{Group, Sums};
use crate::jobs::text_hash;
use crate::news::Name;
use crate::reviews::{Ratings, Review};

/// A row: what tells it from others of its kind first, then its columns. Sorted, names come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Row {
    /// Not shown: a name, for the worker with this index.
    Name(usize, Name),
    /// Not shown: units of a stocked product that the ledger says are sold.
    Spent(u32, i64),
    /// Of the views that sum up sales.
    Group(Group, Sums),
    /// Not shown as such: who may be among the first.
    Candidate(Candidate),
    /// Of `products`: number, columns, whether it is withdrawn.
    Product(u32, Arc<Listed>, bool),
    /// Of `carts`: customer, version. Only ever added: the last of an epoch counts.
    Cart(u32, i64),
    /// Of `cart_items`: customer, product, quantity.
    CartItem(u32, u32, i64),
    /// Of `review_documents`: id, review, what is known of its product, whether it was bought.
    Document(Arc<str>, Arc<Review>, Option<Arc<About>>, bool),
    /// Of `product_ratings`.
    Rating(u32, Ratings),
}

impl Row {
    /// Whether both are rows of one view with one key.
    #[must_use]
    pub fn has_key_of(&self, other: &Row) -> bool {
        match (self, other) {
            (Row::Group(a, _), Row::Group(b, _)) => a == b,
            (Row::Product(a, ..), Row::Product(b, ..))
            | (Row::Cart(a, _), Row::Cart(b, _))
            | (Row::Rating(a, _), Row::Rating(b, _)) => a == b,
            (Row::CartItem(a, of_a, _), Row::CartItem(b, of_b, _)) => (a, of_a) == (b, of_b),
            (Row::Document(a, ..), Row::Document(b, ..)) => a == b,
            _ => false,
        }
    }
}

/// The worker that shows a row which worker `here` of `workers` made.
#[must_use]
pub fn route(row: &Row, here: usize, workers: usize) -> u64 {
    match row {
        Row::Name(to, _) => *to as u64,
        Row::Candidate(candidate) => away_from_first(candidate.group_hash(), workers),
        // What is read of a text is worth more than a hop, and documents are few beside orders.
        Row::Document(id, ..) => text_hash(id) % workers as u64,
        Row::Spent(product, _) => away_from_first(Group::product_hash(*product), workers),
        _ => here as u64,
    }
}
