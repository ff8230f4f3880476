//! A row of any view of the jobs, with numbers for names, and what else `show` must know.

use operators::route::away_from_first;
use serde::{Deserialize, Serialize};

use super::ranks::Candidate;
use crate::dashboards::{Group, Sums};
use crate::news::Name;

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
}

impl Row {
    /// Whether both are rows of one view with one key.
    #[must_use]
    pub fn has_key_of(&self, other: &Row) -> bool {
        match (self, other) {
            (Row::Group(a, _), Row::Group(b, _)) => a == b,
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
        Row::Spent(product, _) => away_from_first(Group::product_hash(*product), workers),
        Row::Group(..) => here as u64,
    }
}
