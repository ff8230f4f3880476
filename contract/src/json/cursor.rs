//! The quick way: one pass over a record's value, borrowing from it.
//!
//! Every method returns `None` where it meets something that it does not read; the caller then takes the
//! careful way from the start. `None` is never a verdict on the record.

/// A place in a record's value.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// Whether `byte` lies in `from..=to`; without branches, so that many bytes can be judged at once.
#[inline]
const fn within(byte: u8, from: u8, to: u8) -> bool {
    byte.wrapping_sub(from) <= to - from
}

/// Whether an id can hold `byte`: `[A-Za-z0-9_.:@+=-]`. `:` follows `9`, `@` precedes `A`, `.` follows `-`.
#[inline]
const fn in_id(byte: u8) -> bool {
    within(byte, b'0', b':')
        | within(byte, b'@', b'Z')
        | within(byte, b'a', b'z')
        | within(byte, b'-', b'.')
        | (byte == b'_')
        | (byte == b'=')
        | (byte == b'+')
}

/// Whether a string can hold `byte` without need of care.
#[inline]
const fn is_plain(byte: u8) -> bool {
    (byte >= b' ') & (byte != b'"') & (byte != b'\\')
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether `text` is an id by the contract: 1 to `max` of `[A-Za-z0-9_.:@+=-]`.
#[must_use]
pub fn is_id(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && text.bytes().all(in_id)
}

/// Where the first byte at or after `at` stands that is not `good`; the end, if there is none.
#[inline]
fn run(bytes: &[u8], mut at: usize, good: impl Fn(u8) -> bool) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        // This loop has no exit, so that it becomes a few vector instructions.
        let mut marks = [0u8; 16];
        for (mark, byte) in marks.iter_mut().zip(chunk) {
            *mark = if good(*byte) { 0 } else { 0xff };
        }
        let marks = u128::from_le_bytes(marks);
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 16;
    }
    while bytes.get(at).is_some_and(|byte| good(*byte)) {
        at += 1;
    }
    at
}

impl<'a> Cursor<'a> {
    /// The start of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Cursor { text, at: 0 }
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte after white space, which is consumed, but not the byte.
    #[inline]
    pub fn ahead(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        if byte > b' ' {
            Some(byte)
        } else {
            self.next_after_space()
        }
    }

    #[cold]
    fn next_after_space(&mut self) -> Option<u8> {
        while is_space(self.peek()?) {
            self.at += 1;
        }
        self.peek()
    }

    /// Consumes `byte`, which may have white space before it.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        (self.ahead()? == byte).then(|| self.at += 1)
    }

    /// Consumes the rest, which is only white space.
    #[inline]
    pub fn end(&mut self) -> Option<()> {
        (self.at == self.text.len() || self.ahead().is_none()).then_some(())
    }

    /// Consumes `opening` (an object's brace or a field's comma), at most one space, and `name` with its
    /// quotes and colon, if exactly these come next: a field where the contract's order leads to expect it.
    #[inline]
    pub fn takes(&mut self, opening: u8, name: &[u8]) -> bool {
        let [first, rest @ ..] = self.rest() else {
            return false;
        };
        if *first != opening {
            return false;
        }
        // Two comparisons instead of one behind a space or none: which one it is can be foretold, so that
        // what follows need not wait for it.
        if rest.starts_with(name) {
            self.at += 1 + name.len();
            return true;
        }
        let spaced = rest.strip_prefix(b" ").is_some_and(|rest| rest.starts_with(name));
        self.at += if spaced { 2 + name.len() } else { 0 };
        spaced
    }

    /// A field's name and the colon after it.
    #[inline]
    pub fn key(&mut self) -> Option<&'a [u8]> {
        let key = self.string()?.as_bytes();
        self.expect(b':')?;
        Some(key)
    }

    /// After a field or an element: `true` at a comma, `false` at `close`.
    #[inline]
    pub fn more(&mut self, close: u8) -> Option<bool> {
        let byte = self.ahead()?;
        self.at += 1;
        if byte == b',' {
            Some(true)
        } else {
            (byte == close).then_some(false)
        }
    }

    /// Whether `close` comes next (an empty list); consumes it then.
    #[inline]
    pub fn closes(&mut self, close: u8) -> Option<bool> {
        if self.ahead()? != close {
            return Some(false);
        }
        self.at += 1;
        Some(true)
    }

    /// Consumes `null` if it comes next.
    #[inline]
    pub fn null(&mut self) -> Option<bool> {
        if self.ahead()? != b'n' {
            return Some(false);
        }
        self.literal(b"null").then_some(true)
    }

    /// Consumes `literal` if it comes next.
    #[inline]
    pub fn literal(&mut self, literal: &[u8]) -> bool {
        let found = self.rest().starts_with(literal);
        self.at += if found { literal.len() } else { 0 };
        found
    }

    /// `true` or `false`.
    pub fn bool(&mut self) -> Option<bool> {
        let value = self.ahead()? == b't';
        self.literal(if value { b"true" } else { b"false" })
            .then_some(value)
    }

    /// What stands between quotes, all of it `good`.
    #[inline]
    fn quoted(&mut self, good: impl Fn(u8) -> bool) -> Option<&'a str> {
        self.expect(b'"')?;
        let (start, bytes) = (self.at, self.text.as_bytes());
        let end = run(bytes, start, good);
        if bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        self.text.get(start..end)
    }

    /// A string without escapes, nor U+0000 therefore.
    #[inline]
    pub fn string(&mut self) -> Option<&'a str> {
        self.quoted(is_plain)
    }

    /// A string that is an id of at most `max` characters.
    #[inline]
    pub fn id(&mut self, max: usize) -> Option<&'a str> {
        let id = self.quoted(in_id)?;
        (1..=max).contains(&id.len()).then_some(id)
    }

    /// A string of printable ASCII characters without space and without escapes.
    #[inline]
    pub fn graphic(&mut self) -> Option<&'a str> {
        self.quoted(|byte| within(byte, b'!', b'~') & is_plain(byte))
    }

    /// What stands between quotes that are `N` bytes apart, if there are such; nothing is consumed otherwise.
    #[inline]
    pub fn exactly<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.ahead()?;
        let [b'"', rest @ ..] = self.rest() else {
            return None;
        };
        let (string, rest) = rest.split_first_chunk::<N>()?;
        let closed = rest.first() == Some(&b'"');
        closed.then(|| self.at += N + 2).map(|()| string)
    }

    /// A whole number of at most 18 digits, without minus zero. What follows is for the caller to judge.
    #[inline]
    pub fn integer(&mut self) -> Option<i64> {
        let negative = self.ahead()? == b'-';
        if negative {
            self.at += 1;
        }
        let rest = self.rest();
        let (number, len) = match rest.first_chunk::<8>().map(digits) {
            Some(found) if found.1 < 8 => found,
            _ => more_digits(rest)?,
        };
        let leading_zero = rest.first() == Some(&b'0') && (len > 1 || negative);
        if len == 0 || leading_zero {
            return None;
        }
        self.at += len;
        Some(if negative { -number } else { number })
    }

    /// Passes over the value of a field that is not ours, if it is a plain scalar.
    pub fn skip(&mut self) -> Option<()> {
        match self.ahead()? {
            b'"' => self.string().map(drop),
            b'n' => self.null().map(drop),
            b't' | b'f' => self.bool().map(drop),
            b'-' | b'0'..=b'9' => self.integer().map(drop),
            _ => None,
        }
    }

    /// Passes over the value of a field of ours, nested or not, without judging it: for finding `type`
    /// behind it.
    pub fn pass(&mut self) -> Option<()> {
        let mut depth = 0u32;
        loop {
            match self.ahead()? {
                b'"' => self.string().map(drop)?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                _ => self.at += 1,
            }
            if depth == 0 && matches!(self.ahead()?, b',' | b'}') {
                return Some(());
            }
        }
    }
}

/// The number that the digits at the start of `bytes` make, and how many they are, all at once. Of 8 digits
/// the number is not told.
#[inline]
fn digits(bytes: &[u8; 8]) -> (i64, usize) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let values = u64::from_le_bytes(*bytes) ^ (EACH * 0x30);
    // A byte above 9 carries into its own high bit; a carry out of it can only mark bytes behind it.
    let others = (values.wrapping_add(EACH * (0x80 - 10)) | values) & (EACH * 0x80);
    let len = others.trailing_zeros() / 8;
    if len == 0 || len == 8 {
        return (0, len as usize);
    }
    // As if zeros stood before them: then 8 digits, added up in pairs, fours, eights.
    let ones = values << (64 - 8 * len);
    let pairs = (ones.wrapping_mul(1 + (10 << 8)) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(1 + (100 << 16)) >> 16) & 0x0000_ffff_0000_ffff;
    let eight = fours.wrapping_mul(1 + (10_000 << 32)) >> 32;
    (eight.cast_signed(), len as usize)
}

/// The same one by one, of up to 18 digits.
#[cold]
fn more_digits(bytes: &[u8]) -> Option<(i64, usize)> {
    let len = run(bytes, 0, |byte| byte.is_ascii_digit());
    let value = |number, digit: &u8| number * 10 + i64::from(digit - b'0');
    (len <= 18).then(|| (bytes[..len].iter().fold(0, value), len))
}
