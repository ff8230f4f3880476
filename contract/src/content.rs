//! Fingerprints: of ids and of a record's content.
//!
//! Both are SipHash-1-3 with 128 bits and fixed keys, so that they are the same in every run and on every
//! machine. Non-guarantee: the keys are public, so this is no defence against someone with the means to
//! search 2^64 inputs for two ids of their own that collide; a given id of somebody else would take about
//! 2^128.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128, SipHasher13};

/// A fingerprint of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    /// The fingerprint of `bytes`.
    #[must_use]
    #[inline]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = SipHasher13::new_with_keys(0x6d69_6c6c, 0x7261_6365);
        hasher.write(bytes);
        let hash = hasher.finish128();
        Fingerprint(u128::from(hash.h1) << 64 | u128::from(hash.h2))
    }
}

/// A record's content: its known fields, defaults filled in, times as instants. Two records have the same
/// content exactly if their encodings are the same, and then the same digest.
#[derive(Clone, Debug, Default)]
pub struct Content {
    bytes: Vec<u8>,
}

impl Content {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts afresh, keeping the buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Adds a whole number.
    #[inline]
    pub fn number(&mut self, number: i64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// Adds a text.
    #[inline]
    pub fn text(&mut self, text: &str) {
        self.bytes
            .extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Adds whether something is there.
    #[inline]
    pub fn present(&mut self, present: bool) {
        self.bytes.push(u8::from(present));
    }

    /// The digest of what was added.
    #[must_use]
    #[inline]
    pub fn digest(&self) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(0x636f_6e74, 0x656e_7421);
        hasher.write(&self.bytes);
        hasher.finish128().h1
    }
}
