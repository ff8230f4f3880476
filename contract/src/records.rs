//! The records: every type of every topic, once, from which decoding, content, JSON and JSON Schema are derived.
//!
//! The table at the end is the contract's, section 1, in its order: the order in which fields are judged. `?` marks a
//! field that may be absent, `=` one with a default, `key` the topic's key. Records borrow from the value that they
//! were read from, and from an arena for lists and for texts with escapes, so they are plain copies of a few words.

use bumpalo::Bump;
use serde_json::{Map, Value as Json, json};

use crate::content::Content;
use crate::discount::Discount;
use crate::json::cursor::Cursor;
use crate::json::tree::Node;
use crate::json::write_str;
use crate::log::Topic;
use crate::time::Time;
use crate::values::*;

/// Among the bits of fields seen: that of `type`.
const TYPE: u32 = 1 << 31;

/// How a field may be absent, and how its slot becomes its value.
macro_rules! field_ty {
    ($ty:ty;) => { $ty };
    ($ty:ty; ?) => { Option<$ty> };
    ($ty:ty; = $default:expr) => { $ty };
}

macro_rules! quick_value {
    ($slot:ident;) => {
        $slot?
    };
    ($slot:ident; ?) => {
        $slot
    };
    ($slot:ident; = $default:expr) => {
        match $slot {
            Some(value) => value,
            None => $default,
        }
    };
}

macro_rules! careful_value {
    ($ty:ty, $found:expr, $path:expr, $arena:expr;) => {
        match $found {
            Some(node) => <$ty>::careful(node, &$path, $arena)?,
            None => return Err(Fault::missing(&$path, &<$ty>::expected())),
        }
    };
    ($ty:ty, $found:expr, $path:expr, $arena:expr; ?) => {
        match $found {
            Some(node) => Some(<$ty>::careful(node, &$path, $arena)?),
            None => None,
        }
    };
    ($ty:ty, $found:expr, $path:expr, $arena:expr; = $default:expr) => {
        match $found {
            Some(node) => <$ty>::careful(node, &$path, $arena)?,
            None => $default,
        }
    };
}

macro_rules! feed_value {
    ($value:expr, $content:expr;) => {
        $value.feed($content)
    };
    ($value:expr, $content:expr; ?) => {{
        $content.present($value.is_some());
        if let Some(value) = &$value {
            value.feed($content);
        }
    }};
    ($value:expr, $content:expr; = $default:expr) => {
        $value.feed($content)
    };
}

macro_rules! write_value {
    ($name:expr, $value:expr, $out:expr;) => {
        write_field($name, &$value, $out)
    };
    ($name:expr, $value:expr, $out:expr; ?) => {
        if let Some(value) = &$value {
            write_field($name, value, $out);
        }
    };
    ($name:expr, $value:expr, $out:expr; = $default:expr) => {
        write_field($name, &$value, $out)
    };
}

macro_rules! required {
    () => {
        true
    };
    (?) => {
        false
    };
    (= $default:expr) => {
        false
    };
}

pub(crate) fn write_field<'a>(name: &str, value: &impl Field<'a>, out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
    write_str(out, name);
    out.push(':');
    value.write(out);
}

/// The first of `known` that stands twice among `fields`.
pub(crate) fn twice_of(fields: &[(&str, Node<'_>)], known: &[&str]) -> Option<String> {
    let stands = |name: &&&str| fields.iter().filter(|(n, _)| n == *name).count() > 1;
    known.iter().find(stands).map(|name| (*name).to_owned())
}

pub(crate) fn found<'n, 'a>(fields: &'n [(&'a str, Node<'a>)], name: &str) -> Option<&'n Node<'a>> {
    fields
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, node)| node)
        .filter(|node| !matches!(node, Node::Null))
}

/// A type made of named fields: a record, or an object inside one.
pub trait Fields<'a>: Copy {
    /// Their names, in the contract's order.
    const NAMES: &'static [&'static str];
    /// Reads them quickly, to behind the closing brace: from the opening one or, `typed`, from the comma behind a
    /// `type` that has been read. Else a `type` among them is passed over.
    fn quick_fields(cursor: &mut Cursor<'a>, arena: &'a Bump, typed: bool) -> Option<Self>;
    /// Reads them with care.
    ///
    /// # Errors
    /// The first thing that is wrong, in the order of the fields.
    fn careful_fields(fields: &[(&'a str, Node<'a>)], at: &Path<'_>, arena: &'a Bump) -> Result<Self, Fault>;
    /// The first known field that stands there twice, inner ones too.
    fn twice_fields(fields: &[(&'a str, Node<'a>)], at: &Path<'_>) -> Option<String>;
    /// Adds them to a record's content.
    fn feed_fields(&self, content: &mut Content);
    /// Appends them as the fields of a JSON object.
    fn write_fields(&self, out: &mut String);
    /// JSON Schema of each field, and whether it is required.
    fn schema_fields() -> Vec<(&'static str, Json, bool)>;
}

/// The JSON Schema of an object with such fields.
#[must_use]
pub fn object_schema(kind: Option<&str>, fields: Vec<(&'static str, Json, bool)>) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    if let Some(kind) = kind {
        properties.insert("type".to_owned(), json!({"const": kind}));
        required.push("type");
    }
    for (name, mut schema, needed) in fields {
        if needed {
            required.push(name);
        } else {
            schema = json!({"anyOf": [schema, {"type": "null"}]});
        }
        properties.insert(name.to_owned(), schema);
    }
    json!({"type": "object", "properties": properties, "required": required})
}

macro_rules! fields {
    ($(#[doc = $doc:literal])* $name:ident { $( $field:ident : $ty:ty $([$($mode:tt)+])?, )+ }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name<'a> {
            $( #[doc = concat!("`", stringify!($field), "`")] pub $field: field_ty!($ty; $($($mode)+)?), )+
            lifetime: std::marker::PhantomData<&'a ()>,
        }

        impl<'a> $name<'a> {
            /// All fields at once.
            #[must_use]
            #[allow(clippy::too_many_arguments, reason = "one for each field of the contract")]
            pub const fn new($( $field: field_ty!($ty; $($($mode)+)?), )+) -> Self {
                $name { $( $field, )+ lifetime: std::marker::PhantomData }
            }
        }

        impl<'a> Fields<'a> for $name<'a> {
            const NAMES: &'static [&'static str] = &[$( stringify!($field), )+];

            #[inline]
            fn quick_fields(cursor: &mut Cursor<'a>, arena: &'a Bump, typed: bool) -> Option<Self> {
                $( let mut $field: Option<$ty> = None; )+
                let (mut seen, mut opening) = if typed { (TYPE, b',') } else { (0u32, b'{') };
                // Usually the fields stand in the contract's order, so that each is looked for where it is expected.
                let mut bit = 1u32;
                $(
                    if cursor.takes(opening, concat!("\"", stringify!($field), "\":").as_bytes()) {
                        opening = b',';
                        seen |= bit;
                        if !cursor.null()? {
                            $field = Some(<$ty>::quick(cursor, arena)?);
                        }
                    }
                    bit <<= 1;
                )+
                let _ = bit;
                // Whatever is left is found by its name.
                while opening == b'{' || !cursor.closes(b'}')? {
                    cursor.expect(opening)?;
                    opening = b',';
                    let key = cursor.key()?;
                    fields!(@quick key, cursor, arena, seen, 1u32; $( $field: $ty, )+);
                }
                Some($name {
                    $( $field: quick_value!($field; $($($mode)+)?), )+
                    lifetime: std::marker::PhantomData,
                })
            }

            fn careful_fields(fields: &[(&'a str, Node<'a>)], at: &Path<'_>, arena: &'a Bump)
                -> Result<Self, Fault>
            {
                $( let $field = careful_value!(
                    $ty, found(fields, stringify!($field)), Path::Field(at, stringify!($field)), arena;
                    $($($mode)+)?
                ); )+
                Ok($name { $( $field, )+ lifetime: std::marker::PhantomData })
            }

            fn twice_fields(fields: &[(&'a str, Node<'a>)], at: &Path<'_>) -> Option<String> {
                if let Some(name) = twice_of(fields, Self::NAMES) {
                    return Some(match at { Path::Record => name, _ => format!("{at}.{name}") });
                }
                $( if let Some(node) = found(fields, stringify!($field)) {
                    let inner = <$ty>::twice(node, &Path::Field(at, stringify!($field)));
                    if inner.is_some() {
                        return inner;
                    }
                } )+
                None
            }

            fn feed_fields(&self, content: &mut Content) {
                $( feed_value!(self.$field, content; $($($mode)+)?); )+
            }

            fn write_fields(&self, out: &mut String) {
                $( write_value!(stringify!($field), self.$field, out; $($($mode)+)?); )+
            }

            fn schema_fields() -> Vec<(&'static str, Json, bool)> {
                vec![$( (stringify!($field), <$ty>::schema(), required!($($($mode)+)?)), )+]
            }
        }
    };
    (@quick $key:ident, $cursor:ident, $arena:ident, $seen:ident, $bit:expr;
        $( $field:ident: $ty:ty, )+) => {
        fields!(@arms $key, $cursor, $arena, $seen, $bit; $( $field: $ty, )+ {})
    };
    (@arms $key:ident, $cursor:ident, $arena:ident, $seen:ident, $bit:expr;
        $field:ident: $ty:ty, $( $rest:ident: $rty:ty, )* { $($else:tt)* }) => {
        if $key == stringify!($field).as_bytes() {
            if $seen & $bit != 0 {
                return None;
            }
            $seen |= $bit;
            if !$cursor.null()? {
                $field = Some(<$ty>::quick($cursor, $arena)?);
            }
        } else {
            fields!(@arms $key, $cursor, $arena, $seen, $bit << 1; $( $rest: $rty, )* {})
        }
    };
    (@arms $key:ident, $cursor:ident, $arena:ident, $seen:ident, $bit:expr; {}) => {
        if $key == b"type" {
            if $seen & TYPE != 0 {
                return None;
            }
            $seen |= TYPE;
            $cursor.string()?;
        } else {
            $cursor.skip()?;
        }
    };
}

/// Makes a type of named fields a field itself.
macro_rules! object_field {
    ($name:ident, $expected:literal) => {
        impl<'a> Field<'a> for $name<'a> {
            #[inline]
            fn quick(cursor: &mut Cursor<'a>, arena: &'a Bump) -> Option<Self> {
                Self::quick_fields(cursor, arena, false)
            }

            fn careful(node: &Node<'a>, at: &Path<'_>, arena: &'a Bump) -> Result<Self, Fault> {
                let Node::Object(fields) = node else {
                    return Err(Fault::bad(at, &Self::expected()));
                };
                Self::careful_fields(fields, at, arena)
            }

            fn twice(node: &Node<'a>, at: &Path<'_>) -> Option<String> {
                let Node::Object(fields) = node else {
                    return None;
                };
                Self::twice_fields(fields, at)
            }

            fn expected() -> String {
                $expected.to_owned()
            }

            fn feed(&self, content: &mut Content) {
                self.feed_fields(content);
            }

            fn write(&self, out: &mut String) {
                out.push('{');
                self.write_fields(out);
                out.push('}');
            }

            fn schema() -> Json {
                object_schema(None, Self::schema_fields())
            }
        }
    };
}

macro_rules! records {
    ($( $topic:ident key $key:ident {
        $( $(#[doc = $doc:literal])* $name:ident $kind:literal {
            $( $field:ident : $ty:ty $([$($mode:tt)+])?, )+
        } )+
    } )+) => {
        $( $( fields! { $(#[doc = $doc])* $name { $( $field: $ty $([$($mode)+])?, )+ } } )+ )+

        /// A valid record of any topic.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Record<'a> { $( $( $(#[doc = $doc])* $name($name<'a>), )+ )+ }

        impl<'a> Record<'a> {
            /// The types of a topic's records, in the contract's order.
            #[must_use]
            pub const fn kinds(topic: Topic) -> &'static [&'static str] {
                match topic { $( Topic::$topic => &[$( $kind, )+], )+ }
            }

            /// Its `type`.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self { $( $( Record::$name(_) => $kind, )+ )+ }
            }

            /// Its topic.
            #[must_use]
            pub const fn topic(&self) -> Topic {
                match self { $( $( Record::$name(_) => Topic::$topic, )+ )+ }
            }

            /// The key that it must have.
            #[must_use]
            pub const fn key(&self) -> &'a str {
                match self { $( $( Record::$name(_r) => records!(@key _r $key), )+ )+ }
            }

            /// Read quickly where its type stands first. `None` if it does not, or is none of the topic's; `Some(None)`
            /// if the rest is not to be read quickly.
            #[inline]
            pub(crate) fn quick_typed(topic: Topic, cursor: &mut Cursor<'a>, arena: &'a Bump) -> Option<Option<Self>> {
                if !cursor.takes(b'{', b"\"type\":") {
                    return None;
                }
                cursor.ahead()?;
                match topic { $( Topic::$topic => {
                    $( if cursor.literal(concat!("\"", $kind, "\"").as_bytes()) {
                        return Some($name::quick_fields(cursor, arena, true).map(Record::$name));
                    } )+
                    None
                } )+ }
            }

            /// Read quickly where its type is `kind`, wherever that stands.
            pub(crate) fn quick(topic: Topic, kind: &str, cursor: &mut Cursor<'a>, arena: &'a Bump) -> Option<Self> {
                match topic { $( Topic::$topic => match kind {
                    $( $kind => $name::quick_fields(cursor, arena, false).map(Record::$name), )+
                    _ => None,
                }, )+ }
            }

            /// Its fields, read with care.
            pub(crate) fn careful(
                topic: Topic, kind: &str, fields: &[(&'a str, Node<'a>)], arena: &'a Bump,
            ) -> Option<Result<Self, Fault>> {
                match topic { $( Topic::$topic => match kind {
                    $( $kind => Some($name::careful_fields(fields, &Path::Record, arena).map(Record::$name)), )+
                    _ => None,
                }, )+ }
            }

            /// The first field that a record of this type knows and that stands there twice.
            pub(crate) fn twice(topic: Topic, kind: &str, fields: &[(&'a str, Node<'a>)]) -> Option<String> {
                match topic { $( Topic::$topic => match kind {
                    $( $kind => $name::twice_fields(fields, &Path::Record), )+
                    _ => None,
                }, )+ }
            }

            /// Adds its content: known fields, defaults filled in.
            pub fn feed(&self, content: &mut Content) {
                match self { $( $( Record::$name(r) => r.feed_fields(content), )+ )+ }
            }

            /// Its value: compact JSON, `type` first, then the fields in the contract's order.
            #[must_use]
            pub fn to_json(&self) -> String {
                let mut out = String::from("{\"type\":");
                write_str(&mut out, self.kind());
                match self { $( $( Record::$name(r) => r.write_fields(&mut out), )+ )+ }
                out.push('}');
                out
            }

            /// The JSON Schema of each type of a topic.
            #[must_use]
            pub fn schemas(topic: Topic) -> Vec<(&'static str, Json)> {
                match topic { $( Topic::$topic => vec![
                    $( ($kind, object_schema(Some($kind), $name::schema_fields())), )+
                ], )+ }
            }

            /// What the types of a topic mean, in the order of [`Record::kinds`].
            #[must_use]
            pub const fn meanings(topic: Topic) -> &'static [&'static str] {
                match topic { $( Topic::$topic => &[$( concat!($( $doc ),*), )+], )+ }
            }
        }
    };
    (@key $r:ident operations) => { "operations" };
    (@key $r:ident $key:ident) => { $r.$key.get() };
}

fields! {
    /// A line of an order.
    Line { sku: Sku<'a>, quantity: Quantity, unit_price: Amount, }
}
object_field!(Line, "an object with sku, quantity and unit_price");

fields! {
    /// Units of one line of an order that are cancelled.
    CancelledLine { line_no: LineNo, quantity: Quantity, }
}
object_field!(CancelledLine, "an object with line_no and quantity");

records! {
    Operations key operations {
        /// The rules in force from here on.
        RulesActivated "rules_activated" {
            version: RulesVersion, payment_window_s: Seconds, payment_attempts_max: Attempts,
            cancel_window_s: Seconds, payment_answer_max_s: Seconds, low_stock_default: LowStock,
        }
        /// Something that a person must act on.
        AttentionRaised "attention_raised" { kind: Prose<'a>, subject: Prose<'a>, note: Prose<'a>, }
        /// Somebody has acted on it.
        AttentionResolved "attention_resolved" { kind: Prose<'a>, subject: Prose<'a>, note: Prose<'a>, }
    }
    Products key sku {
        /// The whole product as it is now.
        ProductUpserted "product_upserted" {
            sku: Sku<'a>, name: Name<'a>, price: Amount, currency: Currency, stocked: bool [= true],
            store_id: StoreId<'a> [?], category: Prose<'a> [?], description: Prose<'a> [?],
            tags: Tags<'a> [= List::EMPTY], images: Images<'a> [= List::EMPTY], low_stock: LowStock [?],
        }
        /// The product is not for sale any more.
        ProductWithdrawn "product_withdrawn" { sku: Sku<'a>, }
    }
    Stock key sku {
        /// Units came in.
        StockReceived "stock_received" { receipt_id: ReceiptId<'a>, sku: Sku<'a>, quantity: Quantity, }
        /// Units were found or lost.
        StockAdjusted "stock_adjusted" {
            adjustment_id: AdjustmentId<'a>, sku: Sku<'a>, delta: StockDelta, reason: Prose<'a>,
        }
    }
    Coupons key campaign_id {
        /// A campaign that grants coupons, first come, first served.
        CampaignCreated "campaign_created" {
            campaign_id: CampaignId<'a>, name: Name<'a>, quota: Quota, currency: Currency, discount: Discount,
            min_order_amount: Amount [?], starts_at: Time [?], ends_at: Time [?],
        }
        /// It grants no more.
        CampaignClosed "campaign_closed" { campaign_id: CampaignId<'a>, }
        /// A customer asks for a coupon.
        CouponClaimed "coupon_claimed" { campaign_id: CampaignId<'a>, customer_id: CustomerId<'a>, }
    }
    Wallets key customer_id {
        /// Money was put into a wallet.
        WalletToppedUp "wallet_topped_up" {
            topup_id: TopupId<'a>, customer_id: CustomerId<'a>, amount: PositiveAmount, currency: Currency,
        }
        /// Money is to be taken out of a wallet.
        WalletWithdrawn "wallet_withdrawn" {
            withdrawal_id: WithdrawalId<'a>, customer_id: CustomerId<'a>, amount: PositiveAmount,
            currency: Currency,
        }
    }
    Orders key order_id {
        /// A customer wants to buy.
        OrderPlaced "order_placed" {
            order_id: OrderId<'a>, customer_id: CustomerId<'a>, currency: Currency, lines: Lines<'a>,
            campaign_id: CampaignId<'a> [?], wallet_amount: Amount [= Amount::ZERO], placed_at: Time [?],
        }
        /// The whole order is to be cancelled.
        OrderCancelRequested "order_cancel_requested" { order_id: OrderId<'a>, reason: Prose<'a>, }
        /// Units of some lines are to be cancelled.
        OrderLinesCancelRequested "order_lines_cancel_requested" {
            cancellation_id: CancellationId<'a>, order_id: OrderId<'a>, lines: CancelledLines<'a>,
            reason: Prose<'a>,
        }
        /// Commands that are unanswered or failed are to be issued again.
        OrderRedriveRequested "order_redrive_requested" { order_id: OrderId<'a>, }
    }
    Payments key order_id {
        /// The customer went through the provider's payment page.
        PaymentSubmitted "payment_submitted" {
            order_id: OrderId<'a>, payment_key: PaymentKey<'a>, amount: PositiveAmount, currency: Currency,
        }
        /// The provider captured the money.
        PaymentConfirmed "payment_confirmed" {
            order_id: OrderId<'a>, payment_key: PaymentKey<'a>, amount: PositiveAmount, currency: Currency,
        }
        /// The provider captured nothing.
        PaymentDeclined "payment_declined" {
            order_id: OrderId<'a>, payment_key: PaymentKey<'a>, code: Prose<'a>, message: Prose<'a>,
        }
        /// The provider gave money back.
        PaymentRefunded "payment_refunded" {
            order_id: OrderId<'a>, payment_key: PaymentKey<'a>, amount: PositiveAmount, currency: Currency,
            refund_id: RefundId<'a>,
        }
        /// The provider could not give money back.
        RefundFailed "refund_failed" {
            order_id: OrderId<'a>, payment_key: PaymentKey<'a>, refund_id: RefundId<'a>, code: Prose<'a>,
            message: Prose<'a>,
        }
    }
    Carts key customer_id {
        /// How many of a product are in the cart; 0 removes it.
        CartItemSet "cart_item_set" {
            customer_id: CustomerId<'a>, sku: Sku<'a>, quantity: CartQuantity, if_version: CartVersion [?],
        }
        /// Nothing is in the cart.
        CartCleared "cart_cleared" { customer_id: CustomerId<'a>, if_version: CartVersion [?], }
    }
    Reviews key review_id {
        /// A customer's review of a product.
        ReviewPosted "review_posted" {
            review_id: ReviewId<'a>, customer_id: CustomerId<'a>, sku: Sku<'a>, rating: Rating, text: Prose<'a>,
            order_id: OrderId<'a> [?], images: Images<'a> [= List::EMPTY],
        }
        /// Another rating or text.
        ReviewEdited "review_edited" { review_id: ReviewId<'a>, rating: Rating [?], text: Prose<'a> [?], }
        /// The review is gone.
        ReviewDeleted "review_deleted" { review_id: ReviewId<'a>, }
    }
}

/// Tags of a product.
pub type Tags<'a> = List<'a, Tag<'a>, 0, 50>;
/// Addresses of images.
pub type Images<'a> = List<'a, Image<'a>, 0, 20>;
/// Lines of an order.
pub type Lines<'a> = List<'a, Line<'a>, 1, 2000>;
/// Lines of a cancellation.
pub type CancelledLines<'a> = List<'a, CancelledLine<'a>, 1, 2000>;
