//! An order, whole: what was asked, where it stands, its payments, commands and history.
//!
//! What can be derived is a method here, not a field: refunded amounts, what is left of a payment, what
//! failed commands still owe (rules, sections 4 and 4.1).

use std::collections::BTreeMap;

use contract::log::Position;
use contract::time::Time;

use crate::records::{Int, Money, Rules};

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Rejected,
    AwaitingPayment,
    Paying,
    Confirmed,
    Refunding,
    NeedsOperator,
    Cancelled,
    Expired,
    PaymentFailed,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Rejected => "rejected",
            Status::AwaitingPayment => "awaiting_payment",
            Status::Paying => "paying",
            Status::Confirmed => "confirmed",
            Status::Refunding => "refunding",
            Status::NeedsOperator => "needs_operator",
            Status::Cancelled => "cancelled",
            Status::Expired => "expired",
            Status::PaymentFailed => "payment_failed",
        }
    }

    /// Whether its legs are posted: the contract's "sold".
    pub(crate) fn is_sold(self) -> bool {
        matches!(
            self,
            Status::Confirmed | Status::Refunding | Status::NeedsOperator
        )
    }

    /// Whether its legs are held.
    pub(crate) fn is_holding(self) -> bool {
        matches!(self, Status::AwaitingPayment | Status::Paying)
    }

    /// Whether it never changes again.
    pub(crate) fn is_final(self) -> bool {
        !self.is_sold() && !self.is_holding()
    }
}

/// What a row of the timeline says besides the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    Ignored,
    Duplicate,
    AmountMismatch,
    AlreadyPaying,
    Stale,
    CancelAfterPayment,
    Redriven,
    TooLate,
    BadLines,
    LinesCancelled,
    RefundedByProvider,
    LatePayment,
    StrayPayment,
    RefundRecorded,
    PartialRefund,
    OverRefund,
    RefundFailed,
}

impl Note {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Note::Ignored => "ignored",
            Note::Duplicate => "duplicate",
            Note::AmountMismatch => "amount_mismatch",
            Note::AlreadyPaying => "already_paying",
            Note::Stale => "stale",
            Note::CancelAfterPayment => "cancel_after_payment",
            Note::Redriven => "redriven",
            Note::TooLate => "too_late",
            Note::BadLines => "bad_lines",
            Note::LinesCancelled => "lines_cancelled",
            Note::RefundedByProvider => "refunded_by_provider",
            Note::LatePayment => "late_payment",
            Note::StrayPayment => "stray_payment",
            Note::RefundRecorded => "refund_recorded",
            Note::PartialRefund => "partial_refund",
            Note::OverRefund => "over_refund",
            Note::RefundFailed => "refund_failed",
        }
    }
}

/// What made something happen to an order: a record, or (without a position) its deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    pub(crate) at: Option<Position>,
    pub(crate) type_name: &'static str,
}

/// One row of the timeline.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) epoch: u64,
    pub(crate) clock: Time,
    pub(crate) from: Option<Status>,
    pub(crate) to: Status,
    pub(crate) cause: Cause,
    pub(crate) note: Option<Note>,
}

/// A line of an order.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: Int,
    pub(crate) unit_price: Int,
    pub(crate) cancelled: Int,
    /// Of the product when the order was decided.
    pub(crate) stocked: bool,
    pub(crate) store_id: String,
    pub(crate) category: String,
}

impl Line {
    /// Units that are not cancelled.
    pub(crate) fn units(&self) -> Int {
        self.quantity - self.cancelled
    }
}

/// What is known of a payment key of an order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payment {
    /// Which attempt it was, if it was submitted.
    pub(crate) attempt: Option<Int>,
    pub(crate) submitted: Option<Money>,
    pub(crate) captured: Option<Money>,
    pub(crate) declined: bool,
    /// Of the last decline or failure.
    pub(crate) code: Option<String>,
    /// What was refunded under each refund_id.
    pub(crate) refunds: BTreeMap<String, Int>,
}

impl Payment {
    pub(crate) fn captured(&self) -> Int {
        self.captured.as_ref().map_or(0, |money| money.amount)
    }

    pub(crate) fn refunded(&self) -> Int {
        self.refunds.values().sum()
    }

    /// Of a captured payment: whether it is refunded in full.
    pub(crate) fn is_refunded_in_full(&self) -> bool {
        self.captured.is_some() && self.refunded() >= self.captured()
    }
}

/// What a command asks the payment provider for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Confirm { attempt: Int },
    Refund { n: usize, reason: RefundReason },
}

/// Why money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefundReason {
    AmountMismatch,
    StrayPayment,
    LatePayment,
    Cancelled,
    LinesCancelled,
}

impl RefundReason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            RefundReason::AmountMismatch => "amount_mismatch",
            RefundReason::StrayPayment => "stray_payment",
            RefundReason::LatePayment => "late_payment",
            RefundReason::Cancelled => "cancelled",
            RefundReason::LinesCancelled => "lines_cancelled",
        }
    }
}

/// A command to the payment provider.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) ask: Ask,
    pub(crate) payment_key: String,
    pub(crate) money: Money,
    /// How often it was issued, and when last.
    pub(crate) issued: Int,
    pub(crate) issued_last: Time,
    pub(crate) answered: bool,
    /// Of a refund: what was refunded under its id since it was issued.
    pub(crate) refunded: Int,
    /// Of a failed refund: whether it was redriven or made good by a whole cancel.
    pub(crate) replaced: bool,
}

impl Command {
    /// The refund_id of a refund.
    pub(crate) fn refund_id(&self, order_id: &str) -> Option<String> {
        match self.ask {
            Ask::Confirm { .. } => None,
            Ask::Refund { n, .. } => Some(format!("{order_id}:r{n}")),
        }
    }

    pub(crate) fn idempotency_key(&self, order_id: &str) -> String {
        match self.ask {
            Ask::Confirm { attempt } => format!("confirm:{order_id}:{attempt}"),
            Ask::Refund { n, .. } => format!("refund:{order_id}:{n}"),
        }
    }

    pub(crate) fn is_refund(&self) -> bool {
        matches!(self.ask, Ask::Refund { .. })
    }

    /// Whether it is a refund of `payment_key` that waits for its answer.
    pub(crate) fn is_open_refund_of(&self, payment_key: &str) -> bool {
        self.is_refund() && self.payment_key == payment_key && !self.answered
    }

    /// Whether it is a refund of `payment_key` that failed, in whole or in part, and nothing took its
    /// place.
    pub(crate) fn is_failed_refund_of(&self, payment_key: &str) -> bool {
        self.is_refund()
            && self.payment_key == payment_key
            && self.answered
            && !self.replaced
            && self.refunded < self.money.amount
    }
}

/// An order.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) order_id: String,
    pub(crate) customer_id: String,
    pub(crate) currency: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) campaign_id: Option<String>,
    pub(crate) wallet_amount: Int,
    /// What of the wallet amount cancelled lines gave back.
    pub(crate) wallet_returned: Int,
    pub(crate) placed_at: Time,
    /// The rules in force when it was decided.
    pub(crate) rules: Rules,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    /// JSON.
    pub(crate) reason_detail: Option<String>,
    /// `None` above 2^53 - 1.
    pub(crate) total: Option<Int>,
    pub(crate) discount: Int,
    pub(crate) payable: Int,
    pub(crate) returned: Int,
    pub(crate) attempts: Int,
    pub(crate) deadline: Option<Time>,
    pub(crate) confirmed_at: Option<Time>,
    /// The reason that the first cancel gave.
    pub(crate) cancel_asked: Option<String>,
    /// The key that is paying.
    pub(crate) paying: Option<String>,
    /// The key of the main payment.
    pub(crate) main: Option<String>,
    pub(crate) submitted_last: Option<String>,
    pub(crate) payments: BTreeMap<String, Payment>,
    /// In order of issue.
    pub(crate) commands: Vec<Command>,
    pub(crate) timeline: Vec<Event>,
}

impl Order {
    /// Whether an amount equals payable and its currency the order's.
    pub(crate) fn matches(&self, money: &Money) -> bool {
        money.amount == self.payable && money.currency == self.currency
    }

    pub(crate) fn main_payment(&self) -> Option<&Payment> {
        self.main.as_ref().and_then(|key| self.payments.get(key))
    }

    pub(crate) fn is_main(&self, payment_key: &str) -> bool {
        self.main.as_deref() == Some(payment_key)
    }

    /// Whether `now` is before confirmed_at + cancel_window_s.
    pub(crate) fn is_in_cancel_window(&self, now: Time) -> bool {
        self.confirmed_at
            .is_some_and(|at| now < at.plus_seconds(self.rules.cancel_window_s))
    }

    /// What open commands ask for of a payment.
    pub(crate) fn asked_by_open(&self, payment_key: &str) -> Int {
        self.commands
            .iter()
            .filter(|c| c.is_open_refund_of(payment_key))
            .map(|c| c.money.amount)
            .sum()
    }

    /// What each failed command of a payment still owes: its place in `commands` and the amount, in
    /// order of n.
    pub(crate) fn owed_by_failed(&self, payment_key: &str) -> Vec<(usize, Int)> {
        let Some(payment) = self.payments.get(payment_key) else {
            return Vec::new();
        };
        let mut left = payment.captured() - payment.refunded() - self.asked_by_open(payment_key);
        let mut owed = Vec::new();
        for (place, command) in self.commands.iter().enumerate() {
            if command.is_failed_refund_of(payment_key) {
                let owes = (command.money.amount - command.refunded).min(left).max(0);
                left -= owes;
                owed.push((place, owes));
            }
        }
        owed
    }

    /// What is left of a payment: captured - refunded - what open commands ask for and failed ones owe.
    pub(crate) fn left_of(&self, payment_key: &str) -> Int {
        let Some(payment) = self.payments.get(payment_key) else {
            return 0;
        };
        let owed: Int = self
            .owed_by_failed(payment_key)
            .iter()
            .map(|(_, owes)| owes)
            .sum();
        payment.captured() - payment.refunded() - self.asked_by_open(payment_key) - owed
    }
}
