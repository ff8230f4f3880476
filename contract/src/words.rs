//! The fixed words of the views: statuses, notes, kinds; one enum each, so that none is spelled twice.

macro_rules! words {
    ($( $(#[doc = $doc:literal])+ $name:ident { $( $variant:ident $word:literal, )+ } )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $( #[doc = concat!("`", $word, "`")] $variant, )+ }

        impl $name {
            /// All of them, in the order in which they are declared.
            pub const ALL: &'static [$name] = &[$( $name::$variant, )+];

            /// The word itself.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $( $name::$variant => $word, )+ }
            }
        }
    )+ };
}

words! {
    /// Status of an order.
    Status {
        AwaitingPayment "awaiting_payment",
        Paying "paying",
        Confirmed "confirmed",
        Refunding "refunding",
        NeedsOperator "needs_operator",
        Rejected "rejected",
        Expired "expired",
        PaymentFailed "payment_failed",
        Cancelled "cancelled",
    }
    /// Status of a payment.
    PaymentStatus {
        Submitted "submitted",
        Declined "declined",
        Captured "captured",
        RefundPending "refund_pending",
        Refunded "refunded",
        RefundFailed "refund_failed",
    }
    /// What is noted in an order's timeline.
    Note {
        Ignored "ignored",
        Duplicate "duplicate",
        AmountMismatch "amount_mismatch",
        AlreadyPaying "already_paying",
        Stale "stale",
        CancelAfterPayment "cancel_after_payment",
        Redriven "redriven",
        TooLate "too_late",
        RefundedByProvider "refunded_by_provider",
        LatePayment "late_payment",
        StrayPayment "stray_payment",
        RefundRecorded "refund_recorded",
        PartialRefund "partial_refund",
        OverRefund "over_refund",
        RefundFailed "refund_failed",
        BadLines "bad_lines",
        LinesCancelled "lines_cancelled",
    }
    /// Why money is given back.
    RefundReason {
        AmountMismatch "amount_mismatch",
        StrayPayment "stray_payment",
        LatePayment "late_payment",
        Cancelled "cancelled",
        LinesCancelled "lines_cancelled",
    }
    /// State of a customer's right to a campaign.
    GrantState {
        Available "available",
        Held "held",
        Spent "spent",
    }
    /// Kinds of attention that millrace raises itself.
    AttentionKind {
        NeedsOperator "needs_operator",
        RefundFailed "refund_failed",
        PaymentUnanswered "payment_unanswered",
        RefundUnanswered "refund_unanswered",
        Oversold "oversold",
        OverRefunded "over_refunded",
        RefundedByProvider "refunded_by_provider",
        MoneyInQuarantine "money_in_quarantine",
    }
}

impl Status {
    /// Whether an order of this status never changes its status again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Status::Rejected | Status::Expired | Status::PaymentFailed | Status::Cancelled
        )
    }

    /// Whether an order of this status is sold: its legs are posted.
    #[must_use]
    pub const fn is_sold(self) -> bool {
        matches!(
            self,
            Status::Confirmed | Status::Refunding | Status::NeedsOperator
        )
    }
}

impl AttentionKind {
    /// Whether it stays until somebody resolves it; the others end by themselves.
    #[must_use]
    pub const fn stays(self) -> bool {
        matches!(
            self,
            AttentionKind::OverRefunded
                | AttentionKind::RefundedByProvider
                | AttentionKind::MoneyInQuarantine
        )
    }

    /// The kind with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        AttentionKind::ALL
            .iter()
            .copied()
            .find(|kind| kind.word() == word)
    }
}
