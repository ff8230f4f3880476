//! Sticky verdicts: what counts once by its own id, over the whole log.
//!
//! Per id a fingerprint of the id and a digest of the content of the record that counted: 24 bytes and the
//! table's share. A verdict is given ([`Once::judge`]) before anything is changed and kept ([`Once::keep`])
//! only if the record counts, so that a record that is refused for another reason doesn't use up its id.

use hashbrown::HashTable;

/// What is known of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: this would be the first.
    First,
    /// The same content has counted.
    Same,
    /// Another content has counted.
    Other,
}

/// The ids that have counted.
#[derive(Clone, Debug, Default)]
pub struct Once {
    table: HashTable<(u128, u64)>,
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "half of a fingerprint is a good hash"
)]
fn half((id, _): &(u128, u64)) -> u64 {
    *id as u64
}

impl Once {
    /// Nothing has counted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Judges the id with fingerprint `id` and content `content`.
    #[must_use]
    pub fn judge(&self, id: u128, content: u64) -> Verdict {
        match self.table.find(half(&(id, 0)), |(kept, _)| *kept == id) {
            None => Verdict::First,
            Some((_, kept)) if *kept == content => Verdict::Same,
            Some(_) => Verdict::Other,
        }
    }

    /// Keeps an id as counted.
    ///
    /// # Panics
    /// If it has counted before.
    pub fn keep(&mut self, id: u128, content: u64) {
        assert_eq!(self.judge(id, content), Verdict::First, "an id counts once");
        self.table.insert_unique(half(&(id, 0)), (id, content), half);
    }

    /// How many have counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}
