//! The contract's section 1 once more, written out by hand from its text and not from the code under test:
//! what the judge judges by and what random records are made from.

use contract::log::Topic;

/// What a field's value may be.
pub enum Kind {
    Id(usize),
    PaymentKey,
    Currency,
    Int(i64, i64),
    Delta,
    Bool,
    Text(usize, usize),
    Time,
    List(usize, usize, &'static Kind),
    Object(&'static [Spec]),
    Discount,
}

/// Whether a field must be there, and the JSON that an absent one stands for, if any.
#[derive(Clone, Copy, PartialEq)]
pub enum Need {
    Required,
    Optional,
    Default(&'static str),
}

pub struct Spec {
    pub name: &'static str,
    pub kind: Kind,
    pub need: Need,
}

pub struct Type {
    pub topic: Topic,
    pub name: &'static str,
    /// The field whose value is the key; `operations` has a fixed one.
    pub key: Option<&'static str>,
    pub fields: &'static [Spec],
}

const fn must(name: &'static str, kind: Kind) -> Spec {
    Spec {
        name,
        kind,
        need: Need::Required,
    }
}

const fn may(name: &'static str, kind: Kind) -> Spec {
    Spec {
        name,
        kind,
        need: Need::Optional,
    }
}

const fn or(name: &'static str, kind: Kind, default: &'static str) -> Spec {
    Spec {
        name,
        kind,
        need: Need::Default(default),
    }
}

const ID: Kind = Kind::Id(64);
const REFUND_ID: Kind = Kind::Id(80);
const TEXT: Kind = Kind::Text(0, 4000);
const NAME: Kind = Kind::Text(1, 4000);
pub const AMOUNT_MAX: i64 = 9_007_199_254_740_991;
pub const AMOUNT: Kind = Kind::Int(0, AMOUNT_MAX);
pub const POSITIVE: Kind = Kind::Int(1, AMOUNT_MAX);
pub const PERCENT: Kind = Kind::Int(1, 100);
const QUANTITY: Kind = Kind::Int(1, 1_000_000);
const SECONDS: Kind = Kind::Int(0, 31_536_000);
const LOW_STOCK: Kind = Kind::Int(0, 1_000_000);
const VERSION: Kind = Kind::Int(0, AMOUNT_MAX);
const RATING: Kind = Kind::Int(1, 5);
const IMAGES: Kind = Kind::List(0, 20, &Kind::Text(0, 2000));
const LINES: Kind = Kind::List(
    1,
    2000,
    &Kind::Object(&[
        must("sku", ID),
        must("quantity", QUANTITY),
        must("unit_price", AMOUNT),
    ]),
);
const CANCELLED_LINES: Kind = Kind::List(
    1,
    2000,
    &Kind::Object(&[must("line_no", Kind::Int(1, 2000)), must("quantity", QUANTITY)]),
);

const ATTENTION: &[Spec] = &[must("kind", TEXT), must("subject", TEXT), must("note", TEXT)];
const PAYMENT: &[Spec] = &[
    must("order_id", ID),
    must("payment_key", Kind::PaymentKey),
    must("amount", POSITIVE),
    must("currency", Kind::Currency),
];

const fn of(topic: Topic, key: Option<&'static str>, name: &'static str, fields: &'static [Spec]) -> Type {
    Type {
        topic,
        name,
        key,
        fields,
    }
}

/// Every type of every topic.
pub const TYPES: &[Type] = &[
    of(
        Topic::Operations,
        None,
        "rules_activated",
        &[
            must("version", Kind::Int(1, 1_000_000)),
            must("payment_window_s", SECONDS),
            must("payment_attempts_max", Kind::Int(1, 1000)),
            must("cancel_window_s", SECONDS),
            must("payment_answer_max_s", SECONDS),
            must("low_stock_default", LOW_STOCK),
        ],
    ),
    of(Topic::Operations, None, "attention_raised", ATTENTION),
    of(Topic::Operations, None, "attention_resolved", ATTENTION),
    of(
        Topic::Products,
        Some("sku"),
        "product_upserted",
        &[
            must("sku", ID),
            must("name", NAME),
            must("price", AMOUNT),
            must("currency", Kind::Currency),
            or("stocked", Kind::Bool, "true"),
            may("store_id", ID),
            may("category", TEXT),
            may("description", TEXT),
            or("tags", Kind::List(0, 50, &Kind::Text(0, 100)), "[]"),
            or("images", IMAGES, "[]"),
            may("low_stock", LOW_STOCK),
        ],
    ),
    of(
        Topic::Products,
        Some("sku"),
        "product_withdrawn",
        &[must("sku", ID)],
    ),
    of(
        Topic::Stock,
        Some("sku"),
        "stock_received",
        &[
            must("receipt_id", ID),
            must("sku", ID),
            must("quantity", QUANTITY),
        ],
    ),
    of(
        Topic::Stock,
        Some("sku"),
        "stock_adjusted",
        &[
            must("adjustment_id", ID),
            must("sku", ID),
            must("delta", Kind::Delta),
            must("reason", TEXT),
        ],
    ),
    of(
        Topic::Coupons,
        Some("campaign_id"),
        "campaign_created",
        &[
            must("campaign_id", ID),
            must("name", NAME),
            must("quota", Kind::Int(1, 100_000_000)),
            must("currency", Kind::Currency),
            must("discount", Kind::Discount),
            may("min_order_amount", AMOUNT),
            may("starts_at", Kind::Time),
            may("ends_at", Kind::Time),
        ],
    ),
    of(
        Topic::Coupons,
        Some("campaign_id"),
        "campaign_closed",
        &[must("campaign_id", ID)],
    ),
    of(
        Topic::Coupons,
        Some("campaign_id"),
        "coupon_claimed",
        &[must("campaign_id", ID), must("customer_id", ID)],
    ),
    of(
        Topic::Wallets,
        Some("customer_id"),
        "wallet_topped_up",
        &[
            must("topup_id", ID),
            must("customer_id", ID),
            must("amount", POSITIVE),
            must("currency", Kind::Currency),
        ],
    ),
    of(
        Topic::Wallets,
        Some("customer_id"),
        "wallet_withdrawn",
        &[
            must("withdrawal_id", ID),
            must("customer_id", ID),
            must("amount", POSITIVE),
            must("currency", Kind::Currency),
        ],
    ),
    of(
        Topic::Orders,
        Some("order_id"),
        "order_placed",
        &[
            must("order_id", ID),
            must("customer_id", ID),
            must("currency", Kind::Currency),
            must("lines", LINES),
            may("campaign_id", ID),
            or("wallet_amount", AMOUNT, "0"),
            may("placed_at", Kind::Time),
        ],
    ),
    of(
        Topic::Orders,
        Some("order_id"),
        "order_cancel_requested",
        &[must("order_id", ID), must("reason", TEXT)],
    ),
    of(
        Topic::Orders,
        Some("order_id"),
        "order_lines_cancel_requested",
        &[
            must("cancellation_id", ID),
            must("order_id", ID),
            must("lines", CANCELLED_LINES),
            must("reason", TEXT),
        ],
    ),
    of(
        Topic::Orders,
        Some("order_id"),
        "order_redrive_requested",
        &[must("order_id", ID)],
    ),
    of(Topic::Payments, Some("order_id"), "payment_submitted", PAYMENT),
    of(Topic::Payments, Some("order_id"), "payment_confirmed", PAYMENT),
    of(
        Topic::Payments,
        Some("order_id"),
        "payment_declined",
        &[
            must("order_id", ID),
            must("payment_key", Kind::PaymentKey),
            must("code", TEXT),
            must("message", TEXT),
        ],
    ),
    of(
        Topic::Payments,
        Some("order_id"),
        "payment_refunded",
        &[
            must("order_id", ID),
            must("payment_key", Kind::PaymentKey),
            must("amount", POSITIVE),
            must("currency", Kind::Currency),
            must("refund_id", REFUND_ID),
        ],
    ),
    of(
        Topic::Payments,
        Some("order_id"),
        "refund_failed",
        &[
            must("order_id", ID),
            must("payment_key", Kind::PaymentKey),
            must("refund_id", REFUND_ID),
            must("code", TEXT),
            must("message", TEXT),
        ],
    ),
    of(
        Topic::Carts,
        Some("customer_id"),
        "cart_item_set",
        &[
            must("customer_id", ID),
            must("sku", ID),
            must("quantity", Kind::Int(0, 1_000_000)),
            may("if_version", VERSION),
        ],
    ),
    of(
        Topic::Carts,
        Some("customer_id"),
        "cart_cleared",
        &[must("customer_id", ID), may("if_version", VERSION)],
    ),
    of(
        Topic::Reviews,
        Some("review_id"),
        "review_posted",
        &[
            must("review_id", ID),
            must("customer_id", ID),
            must("sku", ID),
            must("rating", RATING),
            must("text", TEXT),
            may("order_id", ID),
            or("images", IMAGES, "[]"),
        ],
    ),
    of(
        Topic::Reviews,
        Some("review_id"),
        "review_edited",
        &[must("review_id", ID), may("rating", RATING), may("text", TEXT)],
    ),
    of(
        Topic::Reviews,
        Some("review_id"),
        "review_deleted",
        &[must("review_id", ID)],
    ),
];
