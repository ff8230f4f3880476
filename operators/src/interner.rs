//! Texts as small numbers: each distinct text gets the next number, from 0, and keeps it.
//!
//! Numbers depend only on the order in which texts come. Hashing is SipHash-1-3 with fixed keys; the
//! table's order is never seen. A text's bytes lie in one buffer, so a short text costs its length and
//! about 14 bytes.

use std::hash::Hasher as _;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

/// A hash of `bytes` that is the same in every run.
#[must_use]
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0x0069_6e74, 0x6572_6e65);
    hasher.write(bytes);
    hasher.finish()
}

/// Distinct texts, numbered.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    texts: String,
    ends: Vec<usize>,
    table: HashTable<u32>,
}

impl Interner {
    /// No texts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of `text`, if it has one.
    #[must_use]
    #[inline]
    pub fn find(&self, text: &str) -> Option<u32> {
        self.table
            .find(hash(text.as_bytes()), |&number| self.get(number) == text)
            .copied()
    }

    /// The number of `text`, which gets one if it has none.
    pub fn intern(&mut self, text: &str) -> u32 {
        if let Some(number) = self.find(text) {
            return number;
        }
        let number = u32::try_from(self.ends.len()).expect("fewer than 2^32 texts");
        self.texts.push_str(text);
        self.ends.push(self.texts.len());
        let Interner { texts, ends, table } = self;
        let rehash = |&number: &u32| hash(slice(texts, ends, number).as_bytes());
        table.insert_unique(hash(text.as_bytes()), number, rehash);
        number
    }

    /// The text with a number that this interner gave.
    #[must_use]
    #[inline]
    pub fn get(&self, number: u32) -> &str {
        slice(&self.texts, &self.ends, number)
    }

    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

#[inline]
fn slice<'t>(texts: &'t str, ends: &[usize], number: u32) -> &'t str {
    let at = number as usize;
    let start = if at == 0 { 0 } else { ends[at - 1] };
    &texts[start..ends[at]]
}
