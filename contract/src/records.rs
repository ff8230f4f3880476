//! The records: every type of every topic, once, from which decoding, content, JSON and JSON Schema are
//! derived.
//!
//! The table at the end is the contract's, section 1, in its order: the order in which fields are judged.
//! `?` marks a field that may be absent, `=` one with a default, `key` the topic's key. Records borrow from
//! the value that they were read from, and from an arena for lists and for texts with escapes, so they are
//! plain copies of a few words.

use bumpalo::Bump;
use serde_json::Value as Json;

use crate::content::Content;
use crate::discount::Discount;
use crate::json::cursor::Cursor;
use crate::json::tree::Node;
use crate::json::write_str;
use crate::log::Topic;
use crate::time::Time;
use crate::values::*;

#[macro_use]
mod fields;

use fields::TYPE;
pub use fields::{Fields, object_schema};
pub(crate) use fields::{found, twice_of, write_field};

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

            /// Read quickly where its type stands first. `None` if it does not, or is none of the topic's;
            /// `Some(None)` if the rest is not to be read quickly.
            #[inline]
            pub(crate) fn quick_typed(topic: Topic, cursor: &mut Cursor<'a>, arena: &'a Bump)
                -> Option<Option<Self>>
            {
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
            pub(crate) fn quick(topic: Topic, kind: &str, cursor: &mut Cursor<'a>, arena: &'a Bump)
                -> Option<Self>
            {
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
                    $( $kind => {
                        Some($name::careful_fields(fields, &Path::Record, arena).map(Record::$name))
                    } )+
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

            /// The field whose value is the key of a topic's records; those of `operations` have a fixed key.
            #[must_use]
            pub const fn key_field(topic: Topic) -> Option<&'static str> {
                match topic { $( Topic::$topic => records!(@key_field $key), )+ }
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
    (@key_field operations) => { None };
    (@key_field $key:ident) => { Some(stringify!($key)) };
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
            review_id: ReviewId<'a>, customer_id: CustomerId<'a>, sku: Sku<'a>, rating: Rating,
            text: Prose<'a>, order_id: OrderId<'a> [?], images: Images<'a> [= List::EMPTY],
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
