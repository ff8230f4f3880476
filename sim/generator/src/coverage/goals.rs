//! What random logs must reach: written out from the rules and the contract, cell by cell.
//!
//! An outcome is the new status, with its note in brackets if it has one; where the status stays, the note
//! alone.

/// A row of the table of the rules, section 4: status, what comes in, what can come of it.
pub(super) type Cells = (&'static str, &'static str, &'static [&'static str]);

/// The life of an order, but for the final statuses. `-` is where there was none before.
///
/// Left out since it can't be: a redrive that is `[ignored]` in `paying` (the confirm command is open), in
/// `refunding` and in `needs_operator` (what is not refunded of the main payment is asked for by open
/// commands or owed by failed ones); `needs_operator [over_refund]` out of `refunding` (what is refunded
/// above the capture cancels, and what was redriven or made good can't fail again).
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
