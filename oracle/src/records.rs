//! The records of the contract, section 1, as they are once they could be read.
//!
//! Two records have the same content when these values are equal: known fields only, defaults filled
//! in, times as instants (section 1, "Once").

use contract::time::Time;

/// Whole numbers: wide enough that no sum of what a log can hold overflows.
pub(crate) type Int = i128;

/// The largest amount, 2^53 - 1.
pub(crate) const AMOUNT_MAX: Int = (1 << 53) - 1;

/// Why a record is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    TooLarge,
    BadUtf8,
    BadJson,
    MissingField,
    BadField,
    UnknownType,
    KeyMismatch,
    UnknownOrder,
    UnknownCampaign,
    UnknownReview,
    UnknownPayment,
    Conflict,
    Limit,
    /// A person had it skipped.
    Skipped,
}

impl Reason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::TooLarge => "too_large",
            Reason::BadUtf8 => "bad_utf8",
            Reason::BadJson => "bad_json",
            Reason::MissingField => "missing_field",
            Reason::BadField => "bad_field",
            Reason::UnknownType => "unknown_type",
            Reason::KeyMismatch => "key_mismatch",
            Reason::UnknownOrder => "unknown_order",
            Reason::UnknownCampaign => "unknown_campaign",
            Reason::UnknownReview => "unknown_review",
            Reason::UnknownPayment => "unknown_payment",
            Reason::Conflict => "conflict",
            Reason::Limit => "limit",
            Reason::Skipped => "skipped",
        }
    }
}

/// A record that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    RulesActivated(Rules),
    AttentionRaised {
        kind: String,
        subject: String,
        note: String,
    },
    AttentionResolved {
        kind: String,
        subject: String,
    },
    ProductUpserted(Product),
    ProductWithdrawn {
        sku: String,
    },
    StockReceived {
        receipt_id: String,
        sku: String,
        quantity: Int,
    },
    StockAdjusted {
        adjustment_id: String,
        sku: String,
        delta: Int,
        reason: String,
    },
    CampaignCreated(Campaign),
    CampaignClosed {
        campaign_id: String,
    },
    CouponClaimed {
        campaign_id: String,
        customer_id: String,
    },
    WalletToppedUp {
        topup_id: String,
        customer_id: String,
        money: Money,
    },
    WalletWithdrawn {
        withdrawal_id: String,
        customer_id: String,
        money: Money,
    },
    OrderPlaced(OrderPlaced),
    OrderCancelRequested {
        order_id: String,
        reason: String,
    },
    OrderLinesCancelRequested(LinesCancel),
    OrderRedriveRequested {
        order_id: String,
    },
    PaymentSubmitted {
        order_id: String,
        payment_key: String,
        money: Money,
    },
    PaymentConfirmed {
        order_id: String,
        payment_key: String,
        money: Money,
    },
    PaymentDeclined {
        order_id: String,
        payment_key: String,
        code: String,
        message: String,
    },
    PaymentRefunded {
        order_id: String,
        payment_key: String,
        money: Money,
        refund_id: String,
    },
    RefundFailed {
        order_id: String,
        payment_key: String,
        refund_id: String,
        code: String,
    },
    CartItemSet {
        customer_id: String,
        sku: String,
        quantity: Int,
        if_version: Option<Int>,
    },
    CartCleared {
        customer_id: String,
        if_version: Option<Int>,
    },
    ReviewPosted(Review),
    ReviewEdited {
        review_id: String,
        rating: Option<Int>,
        text: Option<String>,
    },
    ReviewDeleted {
        review_id: String,
    },
}

/// An amount in a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Money {
    pub(crate) amount: Int,
    pub(crate) currency: String,
}

/// The rules that can be changed (rules, section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) version: Int,
    pub(crate) payment_window_s: i64,
    pub(crate) payment_attempts_max: Int,
    pub(crate) cancel_window_s: i64,
    pub(crate) payment_answer_max_s: i64,
    pub(crate) low_stock_default: Int,
}

/// A product as it was last upserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) price: Int,
    pub(crate) currency: String,
    pub(crate) stocked: bool,
    pub(crate) store_id: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) images: Vec<String>,
    pub(crate) low_stock: Option<Int>,
}

/// A coupon campaign as it was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Campaign {
    pub(crate) campaign_id: String,
    pub(crate) name: String,
    pub(crate) quota: Int,
    pub(crate) currency: String,
    pub(crate) discount: Discount,
    pub(crate) max_amount: Option<Int>,
    pub(crate) min_order_amount: Option<Int>,
    pub(crate) starts_at: Option<Time>,
    pub(crate) ends_at: Option<Time>,
}

impl Campaign {
    /// Whether `now` lies in `[starts_at, ends_at)`.
    pub(crate) fn is_open_at(&self, now: Time) -> bool {
        self.starts_at.is_none_or(|start| start <= now) && self.ends_at.is_none_or(|end| now < end)
    }
}

/// What a coupon takes off, before `max_amount`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discount {
    Amount(Int),
    Percent(Int),
}

/// An order as it was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderPlaced {
    pub(crate) order_id: String,
    pub(crate) customer_id: String,
    pub(crate) currency: String,
    pub(crate) lines: Vec<PlacedLine>,
    pub(crate) campaign_id: Option<String>,
    pub(crate) wallet_amount: Int,
    pub(crate) placed_at: Option<Time>,
}

/// A line of an order as it was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlacedLine {
    pub(crate) sku: String,
    pub(crate) quantity: Int,
    pub(crate) unit_price: Int,
}

/// What `order_lines_cancel_requested` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinesCancel {
    pub(crate) cancellation_id: String,
    pub(crate) order_id: String,
    /// Line number and units.
    pub(crate) lines: Vec<(Int, Int)>,
    pub(crate) reason: String,
}

/// A review as it was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Review {
    pub(crate) review_id: String,
    pub(crate) customer_id: String,
    pub(crate) sku: String,
    pub(crate) rating: Int,
    pub(crate) text: String,
    pub(crate) order_id: Option<String>,
    pub(crate) images: Vec<String>,
}
