//! Sticky verdicts: what counts once by its own id, over the whole log.
//!
//! Per id a fingerprint of the id and a digest of the content of the record that counted: 24 bytes and the
//! table's share. A verdict is given ([`Once::judge`]) before anything is changed and kept ([`Once::keep`])
//! only if the record counts, so that a record that is refused for another reason doesn't use up its id.

use crate::index::Run;
use crate::prints::{Listed, Prints};

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
#[derive(Debug, Default)]
pub struct Once {
    contents: Prints<u64>,
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
        match self.contents.find(id) {
            None => Verdict::First,
            Some(number) if *self.contents.value(number) == content => Verdict::Same,
            Some(_) => Verdict::Other,
        }
    }

    /// Keeps an id as counted.
    ///
    /// # Panics
    /// If it has counted before.
    pub fn keep(&mut self, id: u128, content: u64) {
        assert_eq!(self.judge(id, content), Verdict::First, "an id counts once");
        self.contents.add(id, content);
    }

    /// How many have counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contents.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// Ids and contents, cheaply, in the order in which they counted.
    #[must_use]
    pub fn share(&mut self) -> Listed<u64> {
        self.contents.share()
    }

    /// What was shared, to go on with.
    ///
    /// # Errors
    /// The number of an id that is there twice.
    pub fn restore(listed: Listed<u64>, run: Run<'_>) -> Result<Self, u32> {
        let contents = Prints::restore(listed, run)?;
        Ok(Once { contents })
    }
}
