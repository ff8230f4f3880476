//! The quick way: one pass over a record's value, borrowing from it.
//!
//! Every method returns `None` where it meets something that it does not read; the caller then takes the careful way
//! from the start. `None` is never a verdict on the record.

/// A place in a record's value.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

const ID: u8 = 1;
const DIGIT: u8 = 2;
const PLAIN: u8 = 4;
const SPACE: u8 = 8;

/// What each byte may be part of: an id, a number, a string without need of care, white space.
static CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'@' | b'+' | b'=' | b'-') {
            class[b] |= ID;
        }
        if byte.is_ascii_digit() {
            class[b] |= DIGIT;
        }
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            class[b] |= PLAIN;
        }
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            class[b] |= SPACE;
        }
        b += 1;
    }
    class
};

/// Whether `text` is an id by the contract: 1 to 64 of `[A-Za-z0-9_.:@+=-]`.
#[must_use]
pub fn is_id(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && text.bytes().all(|b| CLASS[b as usize] & ID != 0)
}

impl<'a> Cursor<'a> {
    /// The start of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Cursor { text, at: 0 }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte after white space, not consumed.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        if CLASS[byte as usize] & SPACE == 0 {
            Some(byte)
        } else {
            self.next_after_space()
        }
    }

    #[cold]
    fn next_after_space(&mut self) -> Option<u8> {
        while CLASS[self.peek()? as usize] & SPACE != 0 {
            self.at += 1;
        }
        self.peek()
    }

    /// Consumes `byte`, which may have white space before it.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.at += 1)
    }

    /// Consumes the rest, which is only white space.
    #[inline]
    pub fn end(&mut self) -> Option<()> {
        (self.at == self.text.len() || self.next().is_none()).then_some(())
    }

    /// The bytes while all are of `class`.
    #[inline]
    fn run(&mut self, class: u8) -> &'a str {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start;
        while at < bytes.len() && CLASS[bytes[at] as usize] & class != 0 {
            at += 1;
        }
        self.at = at;
        &self.text[start..at]
    }

    /// A field's name and the colon after it.
    #[inline]
    pub fn key(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let key = self.run(PLAIN).as_bytes();
        self.expect(b'"')?;
        self.expect(b':')?;
        Some(key)
    }

    /// After a field or an element: `true` at a comma, `false` at `close`.
    #[inline]
    pub fn more(&mut self, close: u8) -> Option<bool> {
        let byte = self.next()?;
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
        let closes = self.next()? == close;
        self.at += usize::from(closes);
        Some(closes)
    }

    /// Consumes `null` if it comes next.
    #[inline]
    pub fn null(&mut self) -> Option<bool> {
        if self.next()? != b'n' {
            return Some(false);
        }
        self.literal("null").map(|()| true)
    }

    fn literal(&mut self, literal: &str) -> Option<()> {
        self.text
            .get(self.at..)?
            .starts_with(literal)
            .then(|| self.at += literal.len())
    }

    /// `true` or `false`.
    pub fn bool(&mut self) -> Option<bool> {
        let value = self.next()? == b't';
        self.literal(if value { "true" } else { "false" })?;
        Some(value)
    }

    /// A string without escapes.
    #[inline]
    pub fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let text = self.run(PLAIN);
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        Some(text)
    }

    /// A string that is an id of at most `max` characters.
    #[inline]
    pub fn id(&mut self, max: usize) -> Option<&'a str> {
        self.expect(b'"')?;
        let id = self.run(ID);
        if self.peek()? != b'"' || id.is_empty() || id.len() > max {
            return None;
        }
        self.at += 1;
        Some(id)
    }

    /// A whole number of at most 18 digits, without fraction, exponent or minus zero.
    #[inline]
    pub fn integer(&mut self) -> Option<i64> {
        let negative = self.next()? == b'-';
        self.at += usize::from(negative);
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start;
        let mut number = 0i64;
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            number = number.wrapping_mul(10).wrapping_add(i64::from(bytes[at] - b'0'));
            at += 1;
        }
        let len = at - start;
        let leading_zero = len > 0 && bytes[start] == b'0' && (len > 1 || negative);
        if len == 0 || len > 18 || leading_zero || matches!(bytes.get(at), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.at = at;
        Some(if negative { -number } else { number })
    }

    /// Passes over the value of a field that is not ours, if it is a plain scalar.
    pub fn skip(&mut self) -> Option<()> {
        match self.next()? {
            b'"' => self.string().map(drop),
            b'n' => self.literal("null"),
            b't' | b'f' => self.bool().map(drop),
            b'-' | b'0'..=b'9' => self.integer().map(drop),
            _ => None,
        }
    }

    /// Passes over the value of a field of ours, nested or not, without judging it: for finding `type` behind it.
    pub fn pass(&mut self) -> Option<()> {
        let mut depth = 0u32;
        loop {
            match self.next()? {
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
            if depth == 0 && matches!(self.next()?, b',' | b'}') {
                return Some(());
            }
        }
    }
}
