//! The careful way: the whole value as a tree that forgets nothing (fields in order and twice, numbers as
//! written).
//!
//! Fails with what is wrong and at which byte; never panics, recursion is bounded by [`DEPTH_MAX`].

use bumpalo::Bump;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};

/// How deep objects and lists may lie in each other, the outer object counted.
pub const DEPTH_MAX: usize = 127;

/// A JSON value.
#[derive(Clone, Copy, Debug)]
pub enum Node<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as written.
    Number(&'a str),
    /// A string, without its escapes.
    String(&'a str),
    /// A list.
    List(&'a [Node<'a>]),
    /// An object: its fields in order, as often as they stand there.
    Object(&'a [(&'a str, Node<'a>)]),
}

/// What is not JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What was expected or is wrong.
    pub what: &'static str,
    /// At which byte of the value, from 0.
    pub at: usize,
}

/// Reads `text` as one JSON value.
///
/// # Errors
/// What is wrong first.
pub fn parse<'a>(text: &'a str, arena: &'a Bump) -> Result<Node<'a>, Malformed> {
    let mut parser = Parser {
        text,
        bytes: text.as_bytes(),
        at: 0,
        arena,
    };
    let node = parser.value(DEPTH_MAX)?;
    parser.space();
    if parser.at < parser.bytes.len() {
        return parser.fail("nothing may follow the object");
    }
    Ok(node)
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    arena: &'a Bump,
}

impl<'a> Parser<'a> {
    fn fail<T>(&self, what: &'static str) -> Result<T, Malformed> {
        Err(Malformed { what, at: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, Malformed> {
        self.space();
        match self.peek() {
            Some(b'{' | b'[') if depth == 0 => self.fail("more than 127 levels"),
            Some(b'{') => self.object(depth - 1),
            Some(b'[') => self.list(depth - 1),
            Some(b'"') => Ok(Node::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Ok(Node::Number(self.number()?)),
            Some(b't') => self.literal("true", Node::Bool(true)),
            Some(b'f') => self.literal("false", Node::Bool(false)),
            Some(b'n') => self.literal("null", Node::Null),
            _ => self.fail("a value was expected"),
        }
    }

    fn literal(&mut self, literal: &str, node: Node<'a>) -> Result<Node<'a>, Malformed> {
        if self.bytes[self.at..].starts_with(literal.as_bytes()) {
            self.at += literal.len();
            Ok(node)
        } else {
            self.fail("a value was expected")
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node<'a>, Malformed> {
        self.at += 1;
        let mut fields = BumpVec::new_in(self.arena);
        self.space();
        if self.take(b'}') {
            return Ok(Node::Object(&[]));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return self.fail("a field's name was expected");
            }
            let name = self.string()?;
            self.space();
            if !self.take(b':') {
                return self.fail("':' was expected");
            }
            fields.push((name, self.value(depth)?));
            self.space();
            if self.take(b'}') {
                return Ok(Node::Object(fields.into_bump_slice()));
            }
            if !self.take(b',') {
                return self.fail("',' or '}' was expected");
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Node<'a>, Malformed> {
        self.at += 1;
        let mut elements = BumpVec::new_in(self.arena);
        self.space();
        if self.take(b']') {
            return Ok(Node::List(&[]));
        }
        loop {
            elements.push(self.value(depth)?);
            self.space();
            if self.take(b']') {
                return Ok(Node::List(elements.into_bump_slice()));
            }
            if !self.take(b',') {
                return self.fail("',' or ']' was expected");
            }
        }
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.fail("a digit was expected");
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn string(&mut self) -> Result<&'a str, Malformed> {
        self.at += 1;
        let start = self.at;
        let mut unescaped: Option<BumpString<'a>> = None;
        let mut plain = start;
        loop {
            match self.peek() {
                None => return self.fail("the string has no end"),
                Some(b'"') => {
                    let tail = &self.text[plain..self.at];
                    self.at += 1;
                    return Ok(match unescaped {
                        None => tail,
                        Some(mut text) => {
                            text.push_str(tail);
                            text.into_bump_str()
                        }
                    });
                }
                Some(b'\\') => {
                    let text = unescaped.get_or_insert_with(|| BumpString::new_in(self.arena));
                    text.push_str(&self.text[plain..self.at]);
                    let c = self.escape()?;
                    text.push(c);
                    plain = self.at;
                }
                Some(0..0x20) => return self.fail("a control character stands in a string"),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        self.at += 1;
        let byte = self.peek();
        self.at += 1;
        Ok(match byte {
            Some(b @ (b'"' | b'\\' | b'/')) => char::from(b),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => {
                self.at -= 1;
                return self.fail("an unknown escape");
            }
        })
    }

    fn unicode_escape(&mut self) -> Result<char, Malformed> {
        let first = self.hex4()?;
        let code = match first {
            0xd800..0xdc00 => {
                if !(self.take(b'\\') && self.take(b'u')) {
                    return self.fail("a lone surrogate");
                }
                let second = self.hex4()?;
                if !(0xdc00..0xe000).contains(&second) {
                    return self.fail("a lone surrogate");
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(code).map_or_else(|| self.fail("a lone surrogate"), Ok)
    }

    fn hex4(&mut self) -> Result<u32, Malformed> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit else {
                return self.fail("four hex digits were expected");
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}
