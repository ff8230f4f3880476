//! The types of each stream and their known fields: the first table of section 1 of the contract.

use contract::log::Topic;

/// The types of each stream with their known fields, in the contract's order.
pub(crate) const TYPES: [(Topic, &str, &[&str]); 26] = [
    (
        Topic::Operations,
        "rules_activated",
        &[
            "version",
            "payment_window_s",
            "payment_attempts_max",
            "cancel_window_s",
            "payment_answer_max_s",
            "low_stock_default",
        ],
    ),
    (
        Topic::Operations,
        "attention_raised",
        &["kind", "subject", "note"],
    ),
    (
        Topic::Operations,
        "attention_resolved",
        &["kind", "subject", "note"],
    ),
    (
        Topic::Products,
        "product_upserted",
        &[
            "sku",
            "name",
            "price",
            "currency",
            "stocked",
            "store_id",
            "category",
            "description",
            "tags",
            "images",
            "low_stock",
        ],
    ),
    (Topic::Products, "product_withdrawn", &["sku"]),
    (Topic::Stock, "stock_received", &["receipt_id", "sku", "quantity"]),
    (
        Topic::Stock,
        "stock_adjusted",
        &["adjustment_id", "sku", "delta", "reason"],
    ),
    (
        Topic::Coupons,
        "campaign_created",
        &[
            "campaign_id",
            "name",
            "quota",
            "currency",
            "discount",
            "min_order_amount",
            "starts_at",
            "ends_at",
        ],
    ),
    (Topic::Coupons, "campaign_closed", &["campaign_id"]),
    (Topic::Coupons, "coupon_claimed", &["campaign_id", "customer_id"]),
    (
        Topic::Wallets,
        "wallet_topped_up",
        &["topup_id", "customer_id", "amount", "currency"],
    ),
    (
        Topic::Wallets,
        "wallet_withdrawn",
        &["withdrawal_id", "customer_id", "amount", "currency"],
    ),
    (
        Topic::Orders,
        "order_placed",
        &[
            "order_id",
            "customer_id",
            "currency",
            "lines",
            "campaign_id",
            "wallet_amount",
            "placed_at",
        ],
    ),
    (Topic::Orders, "order_cancel_requested", &["order_id", "reason"]),
    (
        Topic::Orders,
        "order_lines_cancel_requested",
        &["cancellation_id", "order_id", "lines", "reason"],
    ),
    (Topic::Orders, "order_redrive_requested", &["order_id"]),
    (
        Topic::Payments,
        "payment_submitted",
        &["order_id", "payment_key", "amount", "currency"],
    ),
    (
        Topic::Payments,
        "payment_confirmed",
        &["order_id", "payment_key", "amount", "currency"],
    ),
    (
        Topic::Payments,
        "payment_declined",
        &["order_id", "payment_key", "code", "message"],
    ),
    (
        Topic::Payments,
        "payment_refunded",
        &["order_id", "payment_key", "amount", "currency", "refund_id"],
    ),
    (
        Topic::Payments,
        "refund_failed",
        &["order_id", "payment_key", "refund_id", "code", "message"],
    ),
    (
        Topic::Carts,
        "cart_item_set",
        &["customer_id", "sku", "quantity", "if_version"],
    ),
    (Topic::Carts, "cart_cleared", &["customer_id", "if_version"]),
    (
        Topic::Reviews,
        "review_posted",
        &[
            "review_id",
            "customer_id",
            "sku",
            "rating",
            "text",
            "order_id",
            "images",
        ],
    ),
    (Topic::Reviews, "review_edited", &["review_id", "rating", "text"]),
    (Topic::Reviews, "review_deleted", &["review_id"]),
];

/// The known fields inside the objects of a field.
pub(crate) fn inner_fields(type_name: &str, field: &str) -> &'static [&'static str] {
    match (type_name, field) {
        ("order_placed", "lines") => &["sku", "quantity", "unit_price"],
        ("order_lines_cancel_requested", "lines") => &["line_no", "quantity"],
        ("campaign_created", "discount") => &["type", "value", "max_amount"],
        _ => &[],
    }
}
