//! What can be said about an order, and how likely it is in each status.

use contract::time::Time;

use crate::snapshot::Order;

/// A move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// A submission of a new key that matches.
    Submit,
    /// With another amount or currency.
    SubmitOff,
    /// Of a key that has a row.
    SubmitKnown,
    /// A capture that matches: of the key that is paying, else of a new one.
    Confirm,
    /// With another amount or currency.
    ConfirmOff,
    /// Of another key than the one that is paying.
    ConfirmOther,
    /// Of a key that was submitted or declined before.
    ConfirmKnown,
    /// The same capture again, or with another amount.
    ConfirmAgain,
    Decline,
    DeclineOther,
    Cancel,
    CancelLines,
    Redrive,
    /// Any news of a refund.
    Refund,
    /// A refund of all that is left, by the provider of its own accord.
    RefundForeign,
}

use Move::{
    Cancel, CancelLines, Confirm, ConfirmAgain, ConfirmKnown, ConfirmOff, ConfirmOther, Decline,
    DeclineOther, Redrive, Refund, RefundForeign, Submit, SubmitKnown, SubmitOff,
};

/// The moves and their weights.
pub(crate) type Weights = &'static [(Move, u64)];

const AWAITING: Weights = &[
    (Submit, 34),
    (SubmitOff, 4),
    (SubmitKnown, 4),
    (Confirm, 9),
    (ConfirmOff, 7),
    (ConfirmKnown, 4),
    (ConfirmAgain, 4),
    (Decline, 2),
    (Cancel, 4),
    (CancelLines, 1),
    (Redrive, 4),
    (Refund, 12),
];

const PAYING: Weights = &[
    (Confirm, 24),
    (ConfirmOff, 8),
    (ConfirmOther, 5),
    (ConfirmKnown, 2),
    (ConfirmAgain, 4),
    (Decline, 20),
    (DeclineOther, 3),
    (Submit, 2),
    (SubmitOff, 1),
    (SubmitKnown, 2),
    (Cancel, 9),
    (CancelLines, 1),
    (Redrive, 4),
    (Refund, 9),
];

const PAYING_ASKED: Weights = &[
    (Confirm, 24),
    (ConfirmOff, 22),
    (Decline, 22),
    (Cancel, 8),
    (Redrive, 4),
    (ConfirmOther, 5),
    (Refund, 8),
    (Submit, 2),
];

const PAYING_PATIENT: Weights = &[
    (Decline, 55),
    (ConfirmOff, 15),
    (Confirm, 6),
    (SubmitKnown, 3),
    (Redrive, 3),
    (Refund, 5),
];

const CONFIRMED: Weights = &[
    (CancelLines, 40),
    (Cancel, 8),
    (Submit, 1),
    (SubmitKnown, 1),
    (ConfirmOther, 5),
    (ConfirmKnown, 2),
    (ConfirmAgain, 2),
    (Decline, 1),
    (Redrive, 7),
    (Refund, 12),
    (RefundForeign, 3),
];

const CLOSED: Weights = &[
    (Refund, 40),
    (RefundForeign, 6),
    (Redrive, 12),
    (ConfirmOther, 8),
    (ConfirmAgain, 2),
    (CancelLines, 4),
    (Cancel, 4),
    (SubmitKnown, 1),
    (Decline, 1),
];

const CONFIRMED_OWING: Weights = &[
    (Redrive, 22),
    (Cancel, 20),
    (CancelLines, 18),
    (Refund, 30),
    (RefundForeign, 4),
    (ConfirmOther, 3),
    (ConfirmAgain, 1),
];

const CONFIRMED_OPEN: Weights = &[
    (Refund, 48),
    (CancelLines, 20),
    (Cancel, 8),
    (Redrive, 6),
    (RefundForeign, 3),
    (ConfirmOther, 3),
    (ConfirmAgain, 1),
];

const REFUNDING: Weights = &[
    (Refund, 50),
    (RefundForeign, 4),
    (Redrive, 6),
    (ConfirmOther, 6),
    (ConfirmAgain, 2),
    (Decline, 2),
    (Submit, 2),
    (SubmitKnown, 2),
    (Cancel, 3),
    (CancelLines, 3),
];

const NEEDS_OPERATOR: Weights = &[
    (Redrive, 16),
    (Refund, 28),
    (RefundForeign, 3),
    (ConfirmOther, 6),
    (ConfirmAgain, 2),
    (Decline, 2),
    (Submit, 2),
    (SubmitKnown, 2),
    (Cancel, 3),
    (CancelLines, 3),
];

const FINAL: Weights = &[
    (ConfirmOther, 8),
    (ConfirmKnown, 5),
    (ConfirmAgain, 3),
    (Submit, 2),
    (SubmitKnown, 2),
    (Decline, 2),
    (Cancel, 2),
    (CancelLines, 2),
    (Redrive, 10),
    (Refund, 32),
    (RefundForeign, 4),
];

/// The moves on an order.
pub(crate) fn of(order: &Order, now: Time) -> Weights {
    let main = |status: &str| order.payments.iter().any(|p| p.main && p.status == status);
    match order.status.as_str() {
        "awaiting_payment" => AWAITING,
        "paying" if order.asked_to_cancel => PAYING_ASKED,
        // Some orders use up many attempts.
        "paying" if order.rules().payment_attempts_max > 3 && order.total % 2 == 0 => PAYING_PATIENT,
        "paying" => PAYING,
        "confirmed" if order.closed(now) => CLOSED,
        "confirmed" if main("refund_failed") => CONFIRMED_OWING,
        "confirmed" if main("refund_pending") => CONFIRMED_OPEN,
        "confirmed" => CONFIRMED,
        "refunding" => REFUNDING,
        "needs_operator" => NEEDS_OPERATOR,
        _ => FINAL,
    }
}

/// The moves at the very moment for which an order waits.
pub(crate) fn at_the_moment(order: &Order, now: Time) -> Weights {
    match order.status.as_str() {
        "awaiting_payment" => &[
            (Submit, 30),
            (Confirm, 25),
            (Cancel, 8),
            (ConfirmOff, 8),
            (SubmitKnown, 3),
        ],
        "paying" => &[
            (Decline, 45),
            (ConfirmOff, 15),
            (Confirm, 10),
            (Redrive, 5),
            (Cancel, 10),
        ],
        "confirmed" => &[
            (Cancel, 30),
            (CancelLines, 25),
            (RefundForeign, 25),
            (Refund, 10),
            (Redrive, 3),
        ],
        _ => of(order, now),
    }
}
