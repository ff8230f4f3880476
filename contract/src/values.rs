//! The values that records are made of: ids, whole numbers in a range, texts, times; each valid once it exists.
//!
//! A type here knows five things about itself: how to be read quickly, how to be read with care (saying what is wrong
//! and where), how it counts towards a record's content, how it is written, and its JSON Schema. Ranges are those of
//! the contract, section 1, Values.

use std::fmt;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use serde_json::{Value as Json, json};

use crate::content::Content;
use crate::json::cursor::{Cursor, is_id};
use crate::json::tree::Node;
use crate::json::write_str;
use crate::time::Time;

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

/// A text of `MIN` to `MAX` Unicode scalar values without U+0000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a, const MIN: usize, const MAX: usize>(&'a str);

/// A text of up to 4,000 characters.
pub type Prose<'a> = Text<'a, 0, 4000>;
/// A name.
pub type Name<'a> = Text<'a, 1, 4000>;
/// A tag of a product.
pub type Tag<'a> = Text<'a, 0, 100>;
/// The address of an image.
pub type Image<'a> = Text<'a, 0, 2000>;

impl<'a, const MIN: usize, const MAX: usize> Text<'a, MIN, MAX> {
    /// The text, if it is one.
    #[must_use]
    pub fn new(text: &'a str) -> Option<Self> {
        Text::within(text).filter(|_| !text.contains('\0'))
    }

    /// The same of a text of which it is known that it has no U+0000.
    #[inline]
    fn within(text: &'a str) -> Option<Self> {
        let fits = text.len() >= MIN && (text.len() <= MAX || text.chars().count() <= MAX);
        fits.then_some(Text(text))
    }

    /// The text.
    #[must_use]
    pub const fn get(self) -> &'a str {
        self.0
    }
}

/// What all types that are strings share.
macro_rules! string_field {
    ([$($generics:tt)*] $name:ty, $expected:expr, $schema:expr, |$cursor:ident| $quick:expr) => {
        impl<'a, $($generics)*> Field<'a> for $name {
            #[inline]
            fn quick($cursor: &mut Cursor<'a>, _: &'a Bump) -> Option<Self> {
                $quick
            }

            fn careful(node: &Node<'a>, at: &Path<'_>, _: &'a Bump) -> Result<Self, Fault> {
                if let Node::String(text) = node {
                    <$name>::new(text).ok_or_else(|| Fault::bad(at, &Self::expected()))
                } else {
                    Err(Fault::bad(at, &Self::expected()))
                }
            }

            fn expected() -> String {
                $expected
            }

            #[inline]
            fn feed(&self, content: &mut Content) {
                content.text(self.get());
            }

            fn write(&self, out: &mut String) {
                write_str(out, self.get());
            }

            fn schema() -> Json {
                $schema
            }
        }
    };
}

string_field!(
    [const MIN: usize, const MAX: usize] Text<'a, MIN, MAX>,
    format!("a text of {MIN} to {MAX} characters without U+0000"),
    json!({"type": "string", "minLength": MIN, "maxLength": MAX, "pattern": "^[^\\u0000]*$"}),
    |cursor| Text::within(cursor.string()?)
);

macro_rules! ids {
    ($( $(#[doc = $doc:literal])+ $name:ident )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<'a>(&'a str);

        impl<'a> $name<'a> {
            /// The id, if `text` is one.
            #[must_use]
            pub fn new(text: &'a str) -> Option<Self> {
                is_id(text, ID_MAX).then_some($name(text))
            }

            /// Its text.
            #[must_use]
            pub const fn get(self) -> &'a str {
                self.0
            }
        }

        string_field!([] $name<'a>, id_expected(ID_MAX), id_schema(ID_MAX), |cursor| cursor.id(ID_MAX).map($name));
    )+ };
}

const ID_MAX: usize = 64;
const REFUND_ID_MAX: usize = 80;

fn id_expected(max: usize) -> String {
    format!("an id: 1 to {max} of A-Z a-z 0-9 _ . : @ + = -")
}

fn id_schema(max: usize) -> Json {
    json!({"type": "string", "pattern": format!("^[A-Za-z0-9_.:@+=-]{{1,{max}}}$")})
}

ids! {
    /// An order.
    OrderId
    /// A customer.
    CustomerId
    /// A stock keeping unit: a product.
    Sku
    /// A seller.
    StoreId
    /// A coupon campaign.
    CampaignId
    /// A receipt of stock.
    ReceiptId
    /// An adjustment of stock.
    AdjustmentId
    /// A top-up of a wallet.
    TopupId
    /// A withdrawal from a wallet.
    WithdrawalId
    /// A cancellation of lines.
    CancellationId
    /// A review.
    ReviewId
}

/// A refund: 1 to 80 characters, as ours are an order's id and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundId<'a>(&'a str);

impl<'a> RefundId<'a> {
    /// The id, if `text` is one.
    #[must_use]
    pub fn new(text: &'a str) -> Option<Self> {
        is_id(text, REFUND_ID_MAX).then_some(RefundId(text))
    }

    /// Its text.
    #[must_use]
    pub const fn get(self) -> &'a str {
        self.0
    }
}

string_field!(
    [] RefundId<'a>, id_expected(REFUND_ID_MAX), id_schema(REFUND_ID_MAX),
    |cursor| cursor.id(REFUND_ID_MAX).map(RefundId)
);

/// A provider's payment key: 1 to 200 printable ASCII characters without space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentKey<'a>(&'a str);

impl<'a> PaymentKey<'a> {
    /// The key, if `text` is one.
    #[must_use]
    pub fn new(text: &'a str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= 200;
        (fits && text.bytes().all(|b| b.is_ascii_graphic())).then_some(PaymentKey(text))
    }

    /// Its text.
    #[must_use]
    pub const fn get(self) -> &'a str {
        self.0
    }
}

string_field!(
    [] PaymentKey<'a>,
    "1 to 200 printable ASCII characters without space".to_owned(),
    json!({"type": "string", "pattern": "^[!-~]{1,200}$"}),
    |cursor| cursor.graphic().filter(|key| (1..=200).contains(&key.len())).map(PaymentKey)
);

/// A currency: three capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency, if `text` is one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        Currency::of(text.as_bytes().try_into().ok()?)
    }

    fn of(code: &[u8; 3]) -> Option<Self> {
        code.iter().all(u8::is_ascii_uppercase).then_some(Currency(*code))
    }

    /// Its code.
    #[must_use]
    pub fn get(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three capitals are UTF-8")
    }

    /// Its code as a number, for compact keeping.
    #[must_use]
    pub const fn to_u16(self) -> u16 {
        let [a, b, c] = self.0;
        ((a - b'A') as u16 * 26 + (b - b'A') as u16) * 26 + (c - b'A') as u16
    }

    /// The currency of a number that [`Currency::to_u16`] gave.
    #[must_use]
    pub const fn from_u16(n: u16) -> Self {
        Currency([Self::letter(n / 676), Self::letter(n / 26), Self::letter(n)])
    }

    #[expect(clippy::cast_possible_truncation, reason = "a remainder of 26 fits")]
    const fn letter(n: u16) -> u8 {
        b'A' + (n % 26) as u8
    }
}

string_field!(
    [] Currency, "three capital letters".to_owned(), json!({"type": "string", "pattern": "^[A-Z]{3}$"}),
    |cursor| Currency::of(cursor.exactly()?)
);

impl<'a> Field<'a> for Time {
    fn quick(cursor: &mut Cursor<'a>, _: &'a Bump) -> Option<Self> {
        let mut usual = cursor.clone();
        if let Some(time) = usual.exactly().and_then(Time::parse_usual) {
            *cursor = usual;
            return Some(time);
        }
        Time::parse(cursor.string()?)
    }

    fn careful(node: &Node<'a>, at: &Path<'_>, _: &'a Bump) -> Result<Self, Fault> {
        let time = if let Node::String(text) = node {
            Time::parse(text)
        } else {
            None
        };
        time.ok_or_else(|| Fault::bad(at, &Self::expected()))
    }

    fn expected() -> String {
        "a time by RFC 3339 in the years 1970 to 9999".to_owned()
    }

    fn feed(&self, content: &mut Content) {
        content.number(self.ms());
    }

    fn write(&self, out: &mut String) {
        write_str(out, &self.to_string());
    }

    fn schema() -> Json {
        json!({"type": "string", "format": "date-time"})
    }
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
