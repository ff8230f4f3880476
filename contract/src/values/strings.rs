//! Strings: texts, ids, keys, currencies, times.

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use super::{Fault, Field, Path};
use crate::content::Content;
use crate::json::cursor::{Cursor, is_id};
use crate::json::tree::Node;
use crate::json::write_str;
use crate::time::Time;

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

        string_field!(
            [] $name<'a>, id_expected(ID_MAX), id_schema(ID_MAX), |cursor| cursor.id(ID_MAX).map($name)
        );
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
        let pattern = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]\
            ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?\
            ([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
        json!({"type": "string", "format": "date-time", "pattern": pattern})
    }
}
