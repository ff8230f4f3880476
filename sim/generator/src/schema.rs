//! The types of records and their fields (contract, section 1), for those who make them: right ones and wrong
//! ones.

use contract::log::Topic;

/// What values a field may have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Id,
    RefundId,
    PaymentKey,
    /// A whole number of the range.
    Int(i64, i64),
    /// A change of a quantity: not 0.
    Delta,
    Currency,
    Time,
    Flag,
    Text,
    Name,
    /// At most this many texts of at most this many characters.
    Texts(usize, usize),
    /// "amount" or "percent".
    DiscountType,
    Object(&'static [Field]),
    List(&'static [Field]),
}

/// Whether a field must be there, and what it means if it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Must,
    May,
    /// Left out it means this, as JSON.
    Or(&'static str),
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub need: Need,
}

/// A type of records.
#[derive(Debug)]
pub(crate) struct TypeSpec {
    pub name: &'static str,
    pub topic: Topic,
    /// The field that is the key; empty if it is always "operations".
    pub key: &'static str,
    /// The field by which it counts once.
    pub once: Option<&'static str>,
    pub fields: &'static [Field],
}

/// The greatest amount of money.
pub(crate) const MAX: i64 = 9_007_199_254_740_991;

const MONEY: Kind = Kind::Int(0, MAX);
const PAID: Kind = Kind::Int(1, MAX);
const QUANTITY: Kind = Kind::Int(1, 1_000_000);
const SECONDS: Kind = Kind::Int(0, 31_536_000);
const IMAGES: Kind = Kind::Texts(20, 2_000);

const fn must(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        need: Need::Must,
    }
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        need: Need::May,
    }
}

const fn or(name: &'static str, kind: Kind, default: &'static str) -> Field {
    Field {
        name,
        kind,
        need: Need::Or(default),
    }
}

const fn spec(
    name: &'static str,
    topic: Topic,
    key: &'static str,
    once: Option<&'static str>,
    fields: &'static [Field],
) -> TypeSpec {
    TypeSpec {
        name,
        topic,
        key,
        once,
        fields,
    }
}

const DISCOUNT: &[Field] = &[
    must("type", Kind::DiscountType),
    must("value", PAID),
    may("max_amount", MONEY),
];
const ORDER_LINE: &[Field] = &[
    must("sku", Kind::Id),
    must("quantity", QUANTITY),
    must("unit_price", MONEY),
];
const CANCEL_LINE: &[Field] = &[must("line_no", Kind::Int(1, 2_000)), must("quantity", QUANTITY)];
const PAYMENT: &[Field] = &[
    must("order_id", Kind::Id),
    must("payment_key", Kind::PaymentKey),
    must("amount", PAID),
    must("currency", Kind::Currency),
];
const ATTENTION: &[Field] = &[
    must("kind", Kind::Text),
    must("subject", Kind::Text),
    must("note", Kind::Text),
];

/// Every type, in the contract's order.
pub(crate) const TYPES: &[TypeSpec] = &[
    spec(
        "rules_activated",
        Topic::Operations,
        "",
        Some("version"),
        &[
            must("version", Kind::Int(1, 1_000_000)),
            must("payment_window_s", SECONDS),
            must("payment_attempts_max", Kind::Int(1, 1_000)),
            must("cancel_window_s", SECONDS),
            must("payment_answer_max_s", SECONDS),
            must("low_stock_default", Kind::Int(0, 1_000_000)),
        ],
    ),
    spec("attention_raised", Topic::Operations, "", None, ATTENTION),
    spec("attention_resolved", Topic::Operations, "", None, ATTENTION),
    spec(
        "product_upserted",
        Topic::Products,
        "sku",
        None,
        &[
            must("sku", Kind::Id),
            must("name", Kind::Name),
            must("price", MONEY),
            must("currency", Kind::Currency),
            or("stocked", Kind::Flag, "true"),
            may("store_id", Kind::Id),
            may("category", Kind::Text),
            may("description", Kind::Text),
            or("tags", Kind::Texts(50, 100), "[]"),
            or("images", IMAGES, "[]"),
            may("low_stock", Kind::Int(0, 1_000_000)),
        ],
    ),
    spec(
        "product_withdrawn",
        Topic::Products,
        "sku",
        None,
        &[must("sku", Kind::Id)],
    ),
    spec(
        "stock_received",
        Topic::Stock,
        "sku",
        Some("receipt_id"),
        &[
            must("receipt_id", Kind::Id),
            must("sku", Kind::Id),
            must("quantity", QUANTITY),
        ],
    ),
    spec(
        "stock_adjusted",
        Topic::Stock,
        "sku",
        Some("adjustment_id"),
        &[
            must("adjustment_id", Kind::Id),
            must("sku", Kind::Id),
            must("delta", Kind::Delta),
            must("reason", Kind::Text),
        ],
    ),
    spec(
        "campaign_created",
        Topic::Coupons,
        "campaign_id",
        Some("campaign_id"),
        &[
            must("campaign_id", Kind::Id),
            must("name", Kind::Name),
            must("quota", Kind::Int(1, 100_000_000)),
            must("currency", Kind::Currency),
            must("discount", Kind::Object(DISCOUNT)),
            may("min_order_amount", MONEY),
            may("starts_at", Kind::Time),
            may("ends_at", Kind::Time),
        ],
    ),
    spec(
        "campaign_closed",
        Topic::Coupons,
        "campaign_id",
        None,
        &[must("campaign_id", Kind::Id)],
    ),
    spec(
        "coupon_claimed",
        Topic::Coupons,
        "campaign_id",
        None,
        &[must("campaign_id", Kind::Id), must("customer_id", Kind::Id)],
    ),
    spec(
        "wallet_topped_up",
        Topic::Wallets,
        "customer_id",
        Some("topup_id"),
        &[
            must("topup_id", Kind::Id),
            must("customer_id", Kind::Id),
            must("amount", PAID),
            must("currency", Kind::Currency),
        ],
    ),
    spec(
        "wallet_withdrawn",
        Topic::Wallets,
        "customer_id",
        Some("withdrawal_id"),
        &[
            must("withdrawal_id", Kind::Id),
            must("customer_id", Kind::Id),
            must("amount", PAID),
            must("currency", Kind::Currency),
        ],
    ),
    spec(
        "order_placed",
        Topic::Orders,
        "order_id",
        Some("order_id"),
        &[
            must("order_id", Kind::Id),
            must("customer_id", Kind::Id),
            must("currency", Kind::Currency),
            must("lines", Kind::List(ORDER_LINE)),
            may("campaign_id", Kind::Id),
            or("wallet_amount", MONEY, "0"),
            may("placed_at", Kind::Time),
        ],
    ),
    spec(
        "order_cancel_requested",
        Topic::Orders,
        "order_id",
        None,
        &[must("order_id", Kind::Id), must("reason", Kind::Text)],
    ),
    spec(
        "order_lines_cancel_requested",
        Topic::Orders,
        "order_id",
        Some("cancellation_id"),
        &[
            must("cancellation_id", Kind::Id),
            must("order_id", Kind::Id),
            must("lines", Kind::List(CANCEL_LINE)),
            must("reason", Kind::Text),
        ],
    ),
    spec(
        "order_redrive_requested",
        Topic::Orders,
        "order_id",
        None,
        &[must("order_id", Kind::Id)],
    ),
    spec("payment_submitted", Topic::Payments, "order_id", None, PAYMENT),
    spec("payment_confirmed", Topic::Payments, "order_id", None, PAYMENT),
    spec(
        "payment_declined",
        Topic::Payments,
        "order_id",
        None,
        &[
            must("order_id", Kind::Id),
            must("payment_key", Kind::PaymentKey),
            must("code", Kind::Text),
            must("message", Kind::Text),
        ],
    ),
    spec(
        "payment_refunded",
        Topic::Payments,
        "order_id",
        None,
        &[
            must("order_id", Kind::Id),
            must("payment_key", Kind::PaymentKey),
            must("amount", PAID),
            must("currency", Kind::Currency),
            must("refund_id", Kind::RefundId),
        ],
    ),
    spec(
        "refund_failed",
        Topic::Payments,
        "order_id",
        None,
        &[
            must("order_id", Kind::Id),
            must("payment_key", Kind::PaymentKey),
            must("refund_id", Kind::RefundId),
            must("code", Kind::Text),
            must("message", Kind::Text),
        ],
    ),
    spec(
        "cart_item_set",
        Topic::Carts,
        "customer_id",
        None,
        &[
            must("customer_id", Kind::Id),
            must("sku", Kind::Id),
            must("quantity", Kind::Int(0, 1_000_000)),
            may("if_version", MONEY),
        ],
    ),
    spec(
        "cart_cleared",
        Topic::Carts,
        "customer_id",
        None,
        &[must("customer_id", Kind::Id), may("if_version", MONEY)],
    ),
    spec(
        "review_posted",
        Topic::Reviews,
        "review_id",
        Some("review_id"),
        &[
            must("review_id", Kind::Id),
            must("customer_id", Kind::Id),
            must("sku", Kind::Id),
            must("rating", Kind::Int(1, 5)),
            must("text", Kind::Text),
            may("order_id", Kind::Id),
            or("images", IMAGES, "[]"),
        ],
    ),
    spec(
        "review_edited",
        Topic::Reviews,
        "review_id",
        None,
        &[
            must("review_id", Kind::Id),
            may("rating", Kind::Int(1, 5)),
            may("text", Kind::Text),
        ],
    ),
    spec(
        "review_deleted",
        Topic::Reviews,
        "review_id",
        None,
        &[must("review_id", Kind::Id)],
    ),
];
