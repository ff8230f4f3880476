//! Numbers and flags.

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use super::{Fault, Field, Path};
use crate::content::Content;
use crate::json::cursor::Cursor;
use crate::json::tree::Node;

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Int<const MIN: i64, const MAX: i64>(i64);

/// The greatest amount of money: 2^53-1, the greatest whole number that every JSON reader keeps exactly.
pub const AMOUNT_MAX: i64 = (1 << 53) - 1;

/// Money in minor units.
pub type Amount = Int<0, AMOUNT_MAX>;
/// Money in minor units, at least 1.
pub type PositiveAmount = Int<1, AMOUNT_MAX>;
/// Units of a product.
pub type Quantity = Int<1, 1_000_000>;
/// Units of a product in a cart, where 0 removes it.
pub type CartQuantity = Int<0, 1_000_000>;
/// How many coupons a campaign grants.
pub type Quota = Int<1, 100_000_000>;
/// Number of an order's line.
pub type LineNo = Int<1, 2000>;
/// Version of the rules.
pub type RulesVersion = Int<1, 1_000_000>;
/// A duration of the rules, in seconds.
pub type Seconds = Int<0, 31_536_000>;
/// Attempts to pay an order.
pub type Attempts = Int<1, 1000>;
/// Stock at or below which a product is low.
pub type LowStock = Int<0, 1_000_000>;
/// Version of a cart.
pub type CartVersion = Int<0, AMOUNT_MAX>;
/// A review's rating.
pub type Rating = Int<1, 5>;

impl<const MIN: i64, const MAX: i64> Int<MIN, MAX> {
    /// The number, if it lies in the range.
    #[must_use]
    pub const fn new(value: i64) -> Option<Self> {
        if MIN <= value && value <= MAX {
            Some(Int(value))
        } else {
            None
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<const MAX: i64> Int<0, MAX> {
    /// Zero.
    pub const ZERO: Self = Int(0);
}

/// A number as written, if it is whole: no fraction, no exponent, no minus zero.
fn whole(node: &Node<'_>) -> Option<i64> {
    let Node::Number(text) = node else { return None };
    let digits = text.strip_prefix('-').unwrap_or(text);
    (*text != "-0" && digits.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

impl<'a, const MIN: i64, const MAX: i64> Field<'a> for Int<MIN, MAX> {
    #[inline]
    fn quick(cursor: &mut Cursor<'a>, _: &'a Bump) -> Option<Self> {
        Int::new(cursor.integer()?)
    }

    fn careful(node: &Node<'a>, at: &Path<'_>, _: &'a Bump) -> Result<Self, Fault> {
        whole(node)
            .and_then(Int::new)
            .ok_or_else(|| Fault::bad(at, &Self::expected()))
    }

    fn expected() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }

    fn feed(&self, content: &mut Content) {
        content.number(self.0);
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.0.to_string());
    }

    fn schema() -> Json {
        json!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

/// A change of stock: -1,000,000 to 1,000,000, not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockDelta(i64);

impl StockDelta {
    /// The change, if it lies in the range.
    #[must_use]
    pub const fn new(value: i64) -> Option<Self> {
        if value != 0 && -1_000_000 <= value && value <= 1_000_000 {
            Some(StockDelta(value))
        } else {
            None
        }
    }

    /// The change.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<'a> Field<'a> for StockDelta {
    fn quick(cursor: &mut Cursor<'a>, _: &'a Bump) -> Option<Self> {
        StockDelta::new(cursor.integer()?)
    }

    fn careful(node: &Node<'a>, at: &Path<'_>, _: &'a Bump) -> Result<Self, Fault> {
        whole(node)
            .and_then(StockDelta::new)
            .ok_or_else(|| Fault::bad(at, &Self::expected()))
    }

    fn expected() -> String {
        "a whole number from -1000000 to 1000000, not 0".to_owned()
    }

    fn feed(&self, content: &mut Content) {
        content.number(self.0);
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.0.to_string());
    }

    fn schema() -> Json {
        json!({"type": "integer", "minimum": -1_000_000, "maximum": 1_000_000, "not": {"const": 0}})
    }
}

impl<'a> Field<'a> for bool {
    fn quick(cursor: &mut Cursor<'a>, _: &'a Bump) -> Option<Self> {
        cursor.bool()
    }

    fn careful(node: &Node<'a>, at: &Path<'_>, _: &'a Bump) -> Result<Self, Fault> {
        if let Node::Bool(value) = node {
            Ok(*value)
        } else {
            Err(Fault::bad(at, &Self::expected()))
        }
    }

    fn expected() -> String {
        "true or false".to_owned()
    }

    fn feed(&self, content: &mut Content) {
        content.number(i64::from(*self));
    }

    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }

    fn schema() -> Json {
        json!({"type": "boolean"})
    }
}
