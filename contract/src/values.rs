//! The values that records are made of: ids, whole numbers in a range, texts, times; each valid once it
//! exists.
//!
//! A type here knows five things about itself: how to be read quickly, how to be read with care (saying
//! what is wrong and where), how it counts towards a record's content, how it is written, and its JSON
//! Schema. Ranges are those of the contract, section 1, Values.

use std::fmt;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use serde_json::{Value as Json, json};

use crate::content::Content;
use crate::json::cursor::Cursor;
use crate::json::tree::Node;

mod numbers;
mod strings;

pub use numbers::*;
pub use strings::*;

/// A field's place in a record, for messages: `lines[3].quantity`.
#[derive(Clone, Copy, Debug)]
pub enum Path<'p> {
    /// The record itself.
    Record,
    /// A field of what the first part names.
    Field(&'p Path<'p>, &'static str),
    /// An element of what the first part names.
    Element(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Record => Ok(()),
            Path::Field(Path::Record, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether it is absent (else it has a bad value).
    pub missing: bool,
    /// Names the field and says what was expected.
    pub detail: String,
}

impl Fault {
    /// A bad value at `at`.
    #[must_use]
    pub fn bad(at: &Path<'_>, expected: &str) -> Self {
        Fault {
            missing: false,
            detail: format!("{at}: expected {expected}"),
        }
    }

    /// Nothing at `at`.
    #[must_use]
    pub fn missing(at: &Path<'_>, expected: &str) -> Self {
        Fault {
            missing: true,
            detail: format!("{at}: missing, expected {expected}"),
        }
    }
}

/// A type that a record's field can have.
pub trait Field<'a>: Copy {
    /// Reads it quickly; `None` hands the record to the careful way.
    fn quick(cursor: &mut Cursor<'a>, arena: &'a Bump) -> Option<Self>;
    /// Reads it with care. `node` is not null.
    ///
    /// # Errors
    /// The first thing that is wrong.
    fn careful(node: &Node<'a>, at: &Path<'_>, arena: &'a Bump) -> Result<Self, Fault>;
    /// The first known inner field that stands there twice.
    #[must_use]
    fn twice(_node: &Node<'a>, _at: &Path<'_>) -> Option<String> {
        None
    }
    /// What a valid value is, for people.
    fn expected() -> String;
    /// Adds it to a record's content.
    fn feed(&self, content: &mut Content);
    /// Appends it as JSON.
    fn write(&self, out: &mut String);
    /// Its JSON Schema.
    fn schema() -> Json;
}

/// A list of `MIN` to `MAX` values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct List<'a, T, const MIN: usize, const MAX: usize>(&'a [T]);

impl<'a, T, const MIN: usize, const MAX: usize> List<'a, T, MIN, MAX> {
    /// The list without values, for where that is allowed.
    pub(crate) const EMPTY: Self = List(&[]);

    /// The list, if its length fits.
    #[must_use]
    pub fn new(values: &'a [T]) -> Option<Self> {
        (MIN..=MAX).contains(&values.len()).then_some(List(values))
    }

    /// The values.
    #[must_use]
    pub const fn get(self) -> &'a [T] {
        self.0
    }
}

impl<'a, T: Field<'a> + 'a, const MIN: usize, const MAX: usize> Field<'a> for List<'a, T, MIN, MAX> {
    fn quick(cursor: &mut Cursor<'a>, arena: &'a Bump) -> Option<Self> {
        cursor.expect(b'[')?;
        let mut values = BumpVec::with_capacity_in(4, arena);
        if !cursor.closes(b']')? {
            loop {
                values.push(T::quick(cursor, arena)?);
                if !cursor.more(b']')? {
                    break;
                }
            }
        }
        List::new(values.into_bump_slice())
    }

    fn careful(node: &Node<'a>, at: &Path<'_>, arena: &'a Bump) -> Result<Self, Fault> {
        let Node::List(nodes) = node else {
            return Err(Fault::bad(at, &Self::expected()));
        };
        if !(MIN..=MAX).contains(&nodes.len()) {
            return Err(Fault::bad(at, &Self::expected()));
        }
        let mut values = BumpVec::with_capacity_in(nodes.len(), arena);
        for (index, node) in nodes.iter().enumerate() {
            values.push(T::careful(node, &Path::Element(at, index), arena)?);
        }
        Ok(List(values.into_bump_slice()))
    }

    fn twice(node: &Node<'a>, at: &Path<'_>) -> Option<String> {
        let Node::List(nodes) = node else { return None };
        nodes
            .iter()
            .enumerate()
            .find_map(|(index, node)| T::twice(node, &Path::Element(at, index)))
    }

    fn expected() -> String {
        format!("a list of {MIN} to {MAX}: {}", T::expected())
    }

    fn feed(&self, content: &mut Content) {
        content.number(i64::try_from(self.0.len()).expect("a list has at most MAX values"));
        for value in self.0 {
            value.feed(content);
        }
    }

    fn write(&self, out: &mut String) {
        out.push('[');
        for (index, value) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            value.write(out);
        }
        out.push(']');
    }

    fn schema() -> Json {
        json!({"type": "array", "items": T::schema(), "minItems": MIN, "maxItems": MAX})
    }
}
