//! What falls due, in the order of time.
//!
//! Entries are never taken back: who set a deadline looks, when it falls due, whether it still stands. All
//! entries of one instant lie in one list, so that an entry costs little more than its item where many
//! share an instant, as deadlines counted from an epoch's clock do.

use std::collections::BTreeMap;

/// Items by the instant at which they fall due.
#[derive(Clone, Debug)]
pub struct Deadlines<T> {
    due: BTreeMap<i64, Vec<T>>,
}

impl<T> Default for Deadlines<T> {
    fn default() -> Self {
        Deadlines { due: BTreeMap::new() }
    }
}

impl<T> Deadlines<T> {
    /// Nothing falls due.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `item` falls due at the instant `at`.
    pub fn set(&mut self, at: i64, item: T) {
        self.due.entry(at).or_default().push(item);
    }

    /// The first instant at which something falls due.
    #[must_use]
    pub fn next(&self) -> Option<i64> {
        self.due.first_key_value().map(|(at, _)| *at)
    }

    /// Takes what falls due at the first instant, if that is not after `now`; in the order in which it was
    /// set.
    pub fn pop(&mut self, now: i64) -> Option<(i64, Vec<T>)> {
        let first = self.due.first_entry()?;
        (*first.key() <= now).then(|| first.remove_entry())
    }

    /// Adds what falls due elsewhere, `later` behind what it says, each instant's items behind those that
    /// are here. False, and some of it not added, if an instant can't be told.
    #[must_use]
    pub fn append(&mut self, more: Self, later: i64) -> bool {
        for (at, items) in more.due {
            let Some(at) = at.checked_add(later) else {
                return false;
            };
            self.due.entry(at).or_default().extend(items);
        }
        true
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.due.values().map(Vec::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}
