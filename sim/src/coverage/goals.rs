//! What random logs must reach: written out from the rules and the contract, cell by cell.
//!
//! An outcome is the new status, with its note in brackets if it has one; where the status stays, the note alone.

/// A row of the table of the rules, section 4: status, what comes in, what can come of it.
pub(super) type Cells = (&'static str, &'static str, &'static [&'static str]);

/// The life of an order, but for the final statuses. `-` is where there was none before.
pub(super) const CELLS: &[Cells] = &[
    (
        "-",
        "order_placed",
        &["awaiting_payment", "confirmed", "rejected"],
    ),
    (
        "awaiting_payment",
        "payment_submitted",
        &["paying", "[amount_mismatch]", "[duplicate]"],
    ),
    (
        "awaiting_payment",
        "payment_confirmed",
        &["confirmed", "[amount_mismatch]", "[duplicate]"],
    ),
    ("awaiting_payment", "payment_declined", &["[ignored]"]),
    (
        "awaiting_payment",
        "payment_refunded",
        &[
            "[refund_recorded]",
            "[partial_refund]",
            "[over_refund]",
            "[duplicate]",
        ],
    ),
    (
        "awaiting_payment",
        "refund_failed",
        &["[refund_failed]", "[ignored]"],
    ),
    ("awaiting_payment", "deadline", &["expired"]),
    ("awaiting_payment", "order_cancel_requested", &["cancelled"]),
    ("awaiting_payment", "order_lines_cancel_requested", &["[ignored]"]),
    (
        "awaiting_payment",
        "order_redrive_requested",
        &["[redriven]", "[ignored]"],
    ),
    (
        "paying",
        "payment_submitted",
        &["[already_paying]", "[duplicate]"],
    ),
    (
        "paying",
        "payment_confirmed",
        &[
            "confirmed",
            "refunding",
            "awaiting_payment [amount_mismatch]",
            "expired [amount_mismatch]",
            "payment_failed [amount_mismatch]",
            "cancelled [amount_mismatch]",
            "[stray_payment]",
            "[duplicate]",
        ],
    ),
    (
        "paying",
        "payment_declined",
        &[
            "awaiting_payment",
            "expired",
            "payment_failed",
            "cancelled",
            "[stale]",
        ],
    ),
    (
        "paying",
        "payment_refunded",
        &[
            "[refund_recorded]",
            "[partial_refund]",
            "[over_refund]",
            "[duplicate]",
        ],
    ),
    ("paying", "refund_failed", &["[refund_failed]", "[ignored]"]),
    ("paying", "order_cancel_requested", &["[cancel_after_payment]"]),
    ("paying", "order_lines_cancel_requested", &["[ignored]"]),
    ("paying", "order_redrive_requested", &["[redriven]"]),
    ("confirmed", "payment_submitted", &["[ignored]", "[duplicate]"]),
    (
        "confirmed",
        "payment_confirmed",
        &["[stray_payment]", "[duplicate]"],
    ),
    ("confirmed", "payment_declined", &["[ignored]"]),
    (
        "confirmed",
        "payment_refunded",
        &[
            "cancelled",
            "cancelled [over_refund]",
            "[refunded_by_provider]",
            "[refund_recorded]",
            "[partial_refund]",
            "[over_refund]",
            "[duplicate]",
        ],
    ),
    ("confirmed", "refund_failed", &["[refund_failed]", "[ignored]"]),
    (
        "confirmed",
        "order_cancel_requested",
        &["cancelled", "refunding", "[too_late]"],
    ),
    (
        "confirmed",
        "order_lines_cancel_requested",
        &[
            "cancelled",
            "refunding",
            "[lines_cancelled]",
            "[bad_lines]",
            "[too_late]",
        ],
    ),
    (
        "confirmed",
        "order_redrive_requested",
        &["[redriven]", "[ignored]"],
    ),
    ("refunding", "payment_submitted", &["[ignored]", "[duplicate]"]),
    (
        "refunding",
        "payment_confirmed",
        &["[stray_payment]", "[duplicate]"],
    ),
    ("refunding", "payment_declined", &["[ignored]"]),
    (
        "refunding",
        "payment_refunded",
        &[
            "cancelled",
            "cancelled [over_refund]",
            "needs_operator [partial_refund]",
            "[refund_recorded]",
            "[partial_refund]",
            "[over_refund]",
            "[duplicate]",
        ],
    ),
    (
        "refunding",
        "refund_failed",
        &["needs_operator", "[refund_failed]", "[ignored]"],
    ),
    ("refunding", "order_cancel_requested", &["[ignored]"]),
    ("refunding", "order_lines_cancel_requested", &["[ignored]"]),
    ("refunding", "order_redrive_requested", &["[redriven]"]),
    (
        "needs_operator",
        "payment_submitted",
        &["[ignored]", "[duplicate]"],
    ),
    (
        "needs_operator",
        "payment_confirmed",
        &["[stray_payment]", "[duplicate]"],
    ),
    ("needs_operator", "payment_declined", &["[ignored]"]),
    (
        "needs_operator",
        "payment_refunded",
        &[
            "cancelled",
            "cancelled [over_refund]",
            "[refund_recorded]",
            "[partial_refund]",
            "[over_refund]",
            "[duplicate]",
        ],
    ),
    (
        "needs_operator",
        "refund_failed",
        &["[refund_failed]", "[ignored]"],
    ),
    ("needs_operator", "order_cancel_requested", &["[ignored]"]),
    ("needs_operator", "order_lines_cancel_requested", &["[ignored]"]),
    (
        "needs_operator",
        "order_redrive_requested",
        &["refunding [redriven]"],
    ),
];

/// The statuses that never change again.
pub(super) const FINAL: &[&str] = &["rejected", "expired", "payment_failed", "cancelled"];

/// What comes in when an order is final, and what can come of it.
pub(super) const IN_FINAL: &[(&str, &[&str])] = &[
    ("payment_submitted", &["[ignored]", "[duplicate]"]),
    ("payment_confirmed", &["[late_payment]", "[duplicate]"]),
    ("payment_declined", &["[ignored]"]),
    (
        "payment_refunded",
        &[
            "[refund_recorded]",
            "[partial_refund]",
            "[over_refund]",
            "[duplicate]",
        ],
    ),
    ("refund_failed", &["[refund_failed]", "[ignored]"]),
    ("order_cancel_requested", &["[ignored]"]),
    ("order_lines_cancel_requested", &["[ignored]"]),
    ("order_redrive_requested", &["[redriven]", "[ignored]"]),
];

/// Statuses with reasons, and the details' `why`.
pub(super) const REASONS: &[&str] = &[
    "rejected unknown_sku",
    "rejected invalid_order currency",
    "rejected invalid_order limit",
    "rejected price_changed",
    "rejected coupon_invalid unknown",
    "rejected coupon_invalid currency",
    "rejected coupon_invalid window",
    "rejected coupon_invalid minimum",
    "rejected coupon_invalid not_granted",
    "rejected coupon_invalid in_use",
    "rejected invalid_order wallet",
    "rejected out_of_stock",
    "rejected insufficient_wallet",
    "expired not_paid_in_time",
    "payment_failed (code)",
    "payment_failed amount_mismatch",
    "cancelled requested",
    "cancelled refunded_by_provider",
];

/// Topics with the reasons for which their records can be in quarantine, beside those that all have.
pub(super) const QUARANTINE: &[(&str, &[&str])] = &[
    ("operations", &["conflict"]),
    ("products", &["conflict"]),
    // `limit` can't be reached: with at most a million units a record, a level needs 9,007,199,255 of them.
    ("stock", &["conflict"]),
    ("coupons", &["conflict", "unknown_campaign"]),
    ("wallets", &["conflict", "limit"]),
    ("orders", &["conflict", "unknown_order"]),
    (
        "payments",
        &["conflict", "unknown_order", "unknown_payment", "limit"],
    ),
    ("carts", &["conflict"]),
    ("reviews", &["conflict", "unknown_review"]),
];

/// The reasons that every topic has.
pub(super) const EVERYWHERE: &[&str] = &[
    "too_large",
    "bad_utf8",
    "bad_json",
    "missing_field",
    "bad_field",
    "unknown_type",
    "key_mismatch",
];

/// Kinds of attention: each must begin and end.
pub(super) const ATTENTION: &[&str] = &[
    "needs_operator",
    "refund_failed",
    "payment_unanswered",
    "refund_unanswered",
    "oversold",
    "over_refunded",
    "refunded_by_provider",
    "money_in_quarantine",
    "(other)",
];

/// Everything else, under its group.
pub(super) const OTHERS: &[(&str, &[&str])] = &[
    (
        "wallet",
        &[
            "top_up applied",
            "withdrawal applied",
            "withdrawal refused",
            "order applied",
            "order_returned applied",
            "lines_returned applied",
            "a balance above the limit by a return",
        ],
    ),
    (
        "grant",
        &[
            "none -> available",
            "none -> held",
            "available -> held",
            "available -> spent",
            "held -> spent",
            "held -> available",
            "spent -> available",
        ],
    ),
    (
        "claims",
        &["refused: closed", "refused: window", "refused: exhausted"],
    ),
    (
        "payment",
        &[
            "none -> submitted",
            "none -> declined",
            "none -> captured",
            "none -> refund_pending",
            "submitted -> declined",
            "submitted -> captured",
            "submitted -> refund_pending",
            "declined -> captured",
            "declined -> refund_pending",
            "captured -> refund_pending",
            "captured -> refund_failed",
            "captured -> refunded",
            "refund_pending -> captured",
            "refund_pending -> refund_failed",
            "refund_pending -> refunded",
            "refund_failed -> refund_pending",
            "refund_failed -> captured",
            "refund_failed -> refunded",
        ],
    ),
    (
        "command",
        &[
            "confirm",
            "refund amount_mismatch",
            "refund stray_payment",
            "refund late_payment",
            "refund cancelled",
            "refund lines_cancelled",
            "confirm issued again",
            "refund issued again",
            "confirm answered",
            "refund answered",
        ],
    ),
    ("ranks", &["a hundred products", "a hundred customers"]),
    (
        "duplicates",
        &["operations", "stock", "coupons", "wallets", "orders", "reviews"],
    ),
    (
        "moment",
        &[
            "a deadline fires at its very time",
            "a deadline fires later",
            "several deadlines fire in one epoch",
            "paid at the very deadline",
            "paid past the deadline",
            "submitted at the very deadline",
            "declined at the very deadline: expired",
            "declined a millisecond before: awaiting_payment",
            "cancelled a millisecond before the window's end",
            "cancel at the window's very end: too_late",
            "lines cancelled a millisecond before the window's end",
            "cancel-lines at the window's very end: too_late",
            "refunded by the provider a millisecond before the window's end: cancelled",
            "refunded by the provider at the window's very end",
            "payment_unanswered at its very time",
            "refund_unanswered at its very time",
            "a coupon used at the window's very start",
            "a coupon refused at the window's very end",
        ],
    ),
    (
        "history",
        &[
            "payable 0 by coupon",
            "payable 0 by wallet",
            "payable 0 by coupon and wallet",
            "coupon and wallet and payment",
            "many lines of one sku",
            "placed_at in the past",
            "total at the greatest amount",
            "total null",
            "several skus out of stock",
            "several prices changed",
            "four attempts",
            "captures on three keys",
            "three refund commands",
            "lines cancelled in three steps with discount and wallet",
            "lines give back to payment and wallet at once",
            "lines give back nothing",
            "a failed line refund is redriven",
            "a cancel makes failed refunds good",
            "refunded after the window",
            "over_refund after the window",
            "redriven after the window",
            "a cancel asked twice",
            "placed and sold in one epoch",
            "placed and over in one epoch",
            "six rows of a timeline in one epoch",
            "needs_operator and back in one epoch",
            "a cancelled order's right returns",
            "a cancelled order's right is worth nothing",
        ],
    ),
];

/// What becomes of records, and the types of which it must; beside the reasons that all types have.
pub(super) const BY_TYPE: &[(&str, &[&str])] = &[
    (
        "conflict",
        &[
            "rules_activated",
            "product_upserted",
            "stock_received",
            "stock_adjusted",
            "campaign_created",
            "wallet_topped_up",
            "wallet_withdrawn",
            "order_placed",
            "order_lines_cancel_requested",
            "payment_confirmed",
            "payment_refunded",
            "cart_item_set",
            "cart_cleared",
            "review_posted",
        ],
    ),
    (
        "duplicate",
        &[
            "rules_activated",
            "stock_received",
            "stock_adjusted",
            "campaign_created",
            "coupon_claimed",
            "wallet_topped_up",
            "wallet_withdrawn",
            "order_placed",
            "order_lines_cancel_requested",
            "review_posted",
        ],
    ),
    (
        "unknown_order",
        &[
            "order_cancel_requested",
            "order_lines_cancel_requested",
            "order_redrive_requested",
            "payment_submitted",
            "payment_confirmed",
            "payment_declined",
            "payment_refunded",
            "refund_failed",
        ],
    ),
    ("unknown_campaign", &["campaign_closed", "coupon_claimed"]),
    ("unknown_review", &["review_edited", "review_deleted"]),
    ("unknown_payment", &["payment_refunded"]),
    ("limit", &["wallet_topped_up", "payment_refunded"]),
];
