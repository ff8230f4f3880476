//! Texts as small numbers: each distinct text gets the next number, from 0, and keeps it.
//!
//! Numbers depend only on the order in which texts come. Hashing is SipHash-1-3 with fixed keys; the
//! table's order is never seen. Texts lie one behind another in pieces of 64 KiB, so a short text costs its
//! length and about 17 bytes. A snapshot is the texts alone ([`Texts`]).

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use crate::index::{Index, Run};
use crate::paged::Paged;
use crate::share::Share;

/// A hash of `bytes` that is the same in every run.
#[must_use]
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0x0069_6e74, 0x6572_6e65);
    hasher.write(bytes);
    hasher.finish()
}

/// Texts, by number; a text may be there twice.
#[derive(Debug, Default)]
pub struct Texts {
    pieces: Vec<Share<String>>,
    /// Piece, start and length of each text. One of [`TO_THE_END`] bytes or more is the last of its piece.
    places: Paged<(u32, u16, u16)>,
}

const TO_THE_END: u16 = u16::MAX;

impl Texts {
    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        let fits = |piece: &Share<String>| piece.len() + text.len() < usize::from(TO_THE_END);
        if !self.pieces.last().is_some_and(fits) {
            self.pieces.push(Share::default());
        }
        let number = u32::try_from(self.pieces.len() - 1).expect("fewer than 2^32 pieces");
        let piece = self.pieces.last_mut().expect("there is a piece with room");
        let start = u16::try_from(piece.len()).expect("a piece that takes more is small");
        piece.get_mut().push_str(text);
        let len = u16::try_from(text.len()).unwrap_or(TO_THE_END);
        self.places.push((number, start, len));
    }

    /// A text.
    ///
    /// # Panics
    /// If there is none with that number.
    #[must_use]
    #[inline]
    pub fn get(&self, number: u32) -> &str {
        let (piece, start, len) = self.places[number as usize];
        let (text, start) = (&self.pieces[piece as usize], usize::from(start));
        match len {
            TO_THE_END => &text[start..],
            len => &text[start..start + usize::from(len)],
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds other texts behind these.
    pub fn append(&mut self, more: Texts) {
        let base = u32::try_from(self.pieces.len()).expect("fewer than 2^32 pieces");
        self.pieces.extend(more.pieces);
        let places = more.places.into_iter();
        self.places
            .extend(places.map(|(piece, start, len)| (piece + base, start, len)));
    }

    /// The same texts once more.
    #[must_use]
    pub fn share(&mut self) -> Self {
        Texts {
            pieces: self.pieces.iter_mut().map(Share::share).collect(),
            places: self.places.share(),
        }
    }
}

/// Distinct texts, numbered.
#[derive(Debug, Default)]
pub struct Interner {
    texts: Texts,
    index: Index,
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
        self.index
            .find(hash(text.as_bytes()), |number| self.get(number) == text)
    }

    /// The number of `text`, which gets one if it has none.
    pub fn intern(&mut self, text: &str) -> u32 {
        if let Some(number) = self.find(text) {
            return number;
        }
        let Interner { texts, index } = self;
        let number = u32::try_from(texts.len()).expect("fewer than 2^32 texts");
        texts.push(text);
        index.insert(number, |number| hash(texts.get(number).as_bytes()));
        number
    }

    /// The text with a number that this interner gave.
    #[must_use]
    #[inline]
    pub fn get(&self, number: u32) -> &str {
        self.texts.get(number)
    }

    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// All texts, cheaply, by number.
    #[must_use]
    pub fn share(&mut self) -> Texts {
        self.texts.share()
    }

    /// What was shared, to go on with.
    ///
    /// # Errors
    /// The number of a text that is there twice.
    pub fn restore(texts: Texts, run: Run<'_>) -> Result<Self, u32> {
        let same = |a: u32, b: u32| texts.get(a) == texts.get(b);
        let index = Index::build(texts.len(), &|n| hash(texts.get(n).as_bytes()), &same, run)?;
        Ok(Interner { texts, index })
    }
}
