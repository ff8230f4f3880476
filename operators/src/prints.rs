//! Values by fingerprint: each fingerprint gets the next number, from 0, and a value.
//!
//! Two lists and an index of them: 16 bytes, the value and about 9 bytes an entry. A snapshot is the two
//! lists ([`Listed`]); their order is that in which the fingerprints came.

use crate::index::{Index, Run};
use crate::paged::Paged;

/// Fingerprints and their values, by number.
#[derive(Debug)]
pub struct Listed<V> {
    /// Fingerprints.
    pub prints: Paged<u128>,
    /// As many values.
    pub values: Paged<V>,
}

impl<V> Default for Listed<V> {
    fn default() -> Self {
        Listed {
            prints: Paged::new(),
            values: Paged::new(),
        }
    }
}

/// Fingerprints and their values, which can be found.
#[derive(Debug)]
pub struct Prints<V> {
    listed: Listed<V>,
    index: Index,
}

impl<V> Default for Prints<V> {
    fn default() -> Self {
        Prints {
            listed: Listed::default(),
            index: Index::new(),
        }
    }
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "half of a fingerprint is a good hash"
)]
fn half(print: u128) -> u64 {
    print as u64
}

impl<V: Clone> Prints<V> {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a fingerprint.
    #[must_use]
    #[inline]
    pub fn find(&self, print: u128) -> Option<u32> {
        let prints = &self.listed.prints;
        self.index
            .find(half(print), |number| prints[number as usize] == print)
    }

    /// Adds a fingerprint that is not there yet; its number.
    pub fn add(&mut self, print: u128, value: V) -> u32 {
        let Prints { listed, index } = self;
        let number = u32::try_from(listed.prints.len()).expect("fewer than 2^32 entries");
        listed.prints.push(print);
        listed.values.push(value);
        index.insert(number, |number| half(listed.prints[number as usize]));
        number
    }

    /// A value.
    #[must_use]
    #[inline]
    pub fn value(&self, number: u32) -> &V {
        &self.listed.values[number as usize]
    }

    /// A value, to be changed.
    #[inline]
    pub fn value_mut(&mut self, number: u32) -> &mut V {
        &mut self.listed.values[number as usize]
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.listed.prints.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed.prints.is_empty()
    }

    /// What is here now, cheaply.
    #[must_use]
    pub fn share(&mut self) -> Listed<V> {
        let Listed { prints, values } = &mut self.listed;
        Listed {
            prints: prints.share(),
            values: values.share(),
        }
    }

    /// What was shared, to go on with.
    ///
    /// # Errors
    /// The number of a fingerprint that is there twice.
    ///
    /// # Panics
    /// If there are not as many values as fingerprints.
    pub fn restore(listed: Listed<V>, run: Run<'_>) -> Result<Self, u32> {
        let Listed { prints, values } = &listed;
        assert_eq!(prints.len(), values.len(), "every fingerprint has a value");
        let same = |a: u32, b: u32| prints[a as usize] == prints[b as usize];
        let index = Index::build(prints.len(), &|n| half(prints[n as usize]), &same, run)?;
        Ok(Prints { listed, index })
    }

    /// Bytes of memory that all take.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let Listed { prints, values } = &self.listed;
        prints.size_bytes() + values.size_bytes() + self.index.size_bytes()
    }
}
