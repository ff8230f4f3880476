//! Whole numbers in as few bytes as they need: 7 bits a byte, low bits first, the high bit says that more
//! follow.

/// Appends `number`.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "what is left has 7 bits")]
pub fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends `number`, which may be negative: small ones of either sign are short.
#[inline]
pub fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Appends the length of `bytes` and the bytes.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The number whose groups of 7 bits are the low bits of each byte: pairs of groups are joined, then pairs of
/// pairs.
#[inline]
const fn joined(word: u64) -> u64 {
    let word = word & 0x7f7f_7f7f_7f7f_7f7f;
    let word = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
    let word = (word & 0x0000_3fff_0000_3fff) | ((word & 0x3fff_0000_3fff_0000) >> 2);
    (word & 0x0000_0000_0fff_ffff) | ((word & 0x0fff_ffff_0000_0000) >> 4)
}

/// Reads what was put, in the same order. Answers none where the bytes end too early or are no such number.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// From the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// What [`put`] appended.
    #[inline]
    pub fn get(&mut self) -> Option<u64> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Some(u64::from(*byte))
            }
            _ => self.get_long(),
        }
    }

    /// The same of a number that takes more than one byte.
    #[inline]
    fn get_long(&mut self) -> Option<u64> {
        if let Some(first) = self.rest.first_chunk() {
            let word = u64::from_le_bytes(*first);
            let ends = !word & 0x8080_8080_8080_8080;
            if ends != 0 {
                self.rest = &self.rest[(ends.trailing_zeros() / 8 + 1) as usize..];
                return Some(joined(word & (ends ^ (ends - 1))));
            }
        }
        self.get_slowly()
    }

    /// The same of a number of more than 8 bytes, or near the end.
    #[cold]
    fn get_slowly(&mut self) -> Option<u64> {
        let mut number = 0;
        for (at, byte) in self.rest.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (at * 7);
            if *byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Some(number);
            }
        }
        None
    }

    /// What [`put_signed`] appended.
    #[inline]
    pub fn get_signed(&mut self) -> Option<i64> {
        let number = self.get()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// What [`put_bytes`] appended.
    #[inline]
    pub fn get_bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.get()?).ok()?;
        self.take(len)
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// The next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}
