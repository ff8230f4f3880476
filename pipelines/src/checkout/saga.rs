//! The life of an order (rules, section 4): the table, row by row, as code.
//!
//! Each input has one method; each is total over the statuses. Methods change the order, the ledger and the
//! desk, and leave exactly one timeline row: a change of status, or a note.

use contract::decode::Reason;
use contract::records::{PaymentConfirmed, PaymentDeclined, PaymentSubmitted};
use contract::time::Time;
use contract::words::{Note, RefundReason, Status};

use super::desk::{Desk, Fate};
use super::json::{message_detail, text_detail};
use super::order::Confirm;
use super::touched::{Cause, Touched};

impl Desk {
    /// Leaves a timeline row without a change of status.
    pub(super) fn note(&mut self, t: &mut Touched, note: Note) {
        t.note(self.cause, note);
    }

    /// Changes the status.
    pub(super) fn to(&mut self, t: &mut Touched, status: Status, note: Option<Note>) {
        t.to(self.cause, status, note);
    }

    /// payment_submitted
    pub(super) fn payment_submitted(&mut self, t: &mut Touched, r: &PaymentSubmitted<'_>) {
        let (key, amount) = (r.payment_key.get(), r.amount.get());
        if t.order.find_payment(key).is_some() {
            return self.note(t, Note::Duplicate);
        }
        match t.order.status {
            Status::AwaitingPayment if t.order.matches(amount, r.currency) => {
                t.order.attempts += 1;
                let attempt = t.order.attempts;
                let payment = t.order.add_payment(key, r.currency);
                t.order.payments[payment].attempt = attempt;
                t.order.payments[payment].submitted = amount;
                self.ledger.freeze(&mut t.order.hold, true);
                t.order.confirms.push(Confirm {
                    attempt,
                    payment,
                    issued: 1,
                    issued_at: self.now.ms(),
                    overdue: false,
                    answered: false,
                });
                self.expect_answer(t);
                self.to(t, Status::Paying, None);
            }
            Status::AwaitingPayment => self.note(t, Note::AmountMismatch),
            Status::Paying => self.note(t, Note::AlreadyPaying),
            Status::Confirmed
            | Status::Refunding
            | Status::NeedsOperator
            | Status::Rejected
            | Status::Expired
            | Status::PaymentFailed
            | Status::Cancelled => self.note(t, Note::Ignored),
        }
    }

    /// payment_confirmed
    pub(super) fn payment_confirmed(&mut self, t: &mut Touched, r: &PaymentConfirmed<'_>) -> Fate {
        let (key, amount) = (r.payment_key.get(), r.amount.get());
        let payment = t.order.find_payment(key);
        if let Some(known) = payment.map(|p| &t.order.payments[p])
            && known.captured > 0
        {
            if (known.captured, known.currency) != (amount, r.currency.to_u16()) {
                let detail = format!("payment_key: captured before with another amount or currency: {key}");
                return Fate::Quarantined(Reason::Conflict, detail);
            }
            self.note(t, Note::Duplicate);
            return Fate::Applied;
        }
        let payment = payment.unwrap_or_else(|| t.order.add_payment(key, r.currency));
        let is_paying = t.order.paying() == Some(payment);
        t.order.payments[payment].captured = amount;
        t.order.payments[payment].currency = r.currency.to_u16();
        self.audit.captured(r.currency, amount);
        let matches = t.order.matches(amount, r.currency);
        match t.order.status {
            Status::AwaitingPayment if matches => self.confirm(t, payment),
            Status::AwaitingPayment => {
                self.refund(t, payment, amount, RefundReason::AmountMismatch);
                self.note(t, Note::AmountMismatch);
            }
            Status::Paying if is_paying => {
                self.answered(t);
                if matches {
                    self.confirm(t, payment);
                } else {
                    self.refund(t, payment, amount, RefundReason::AmountMismatch);
                    let cause = Cause {
                        reason: "amount_mismatch".to_owned(),
                        detail: None,
                    };
                    self.not_paid(t, cause, Some(Note::AmountMismatch));
                }
            }
            Status::Paying | Status::Confirmed | Status::Refunding | Status::NeedsOperator => {
                self.refund(t, payment, amount, RefundReason::StrayPayment);
                self.note(t, Note::StrayPayment);
            }
            Status::Rejected | Status::Expired | Status::PaymentFailed | Status::Cancelled => {
                self.refund(t, payment, amount, RefundReason::LatePayment);
                self.note(t, Note::LatePayment);
            }
        }
        Fate::Applied
    }

    /// payment_declined
    pub(super) fn payment_declined(&mut self, t: &mut Touched, r: &PaymentDeclined<'_>) {
        let payment = t.order.find_payment(r.payment_key.get());
        match t.order.status {
            Status::Paying if t.order.paying() == payment => {
                let payment = payment.expect("an order that is paying has the payment");
                t.order.payments[payment].declined = true;
                t.order.payments[payment].set_code(r.code.get());
                self.answered(t);
                let cause = Cause {
                    reason: r.code.get().to_owned(),
                    detail: Some(message_detail(r.message.get())),
                };
                self.not_paid(t, cause, None);
            }
            Status::Paying => self.note(t, Note::Stale),
            Status::AwaitingPayment
            | Status::Confirmed
            | Status::Refunding
            | Status::NeedsOperator
            | Status::Rejected
            | Status::Expired
            | Status::PaymentFailed
            | Status::Cancelled => self.note(t, Note::Ignored),
        }
    }

    /// order_cancel_requested, or the cancellation of all lines.
    pub(super) fn cancel(&mut self, t: &mut Touched, reason: &str) {
        match t.order.status {
            Status::AwaitingPayment => {
                self.release(t);
                t.order.cancel = Some(reason.to_owned());
                self.cancelled(t, None);
            }
            Status::Paying => {
                t.order.cancel.get_or_insert_with(|| reason.to_owned());
                self.note(t, Note::CancelAfterPayment);
            }
            Status::Confirmed if self.now.ms() < t.order.window_end => self.cancel_confirmed(t, reason),
            Status::Confirmed => self.note(t, Note::TooLate),
            Status::Refunding
            | Status::NeedsOperator
            | Status::Rejected
            | Status::Expired
            | Status::PaymentFailed
            | Status::Cancelled => self.note(t, Note::Ignored),
        }
    }

    fn cancel_confirmed(&mut self, t: &mut Touched, reason: &str) {
        t.order.cancel = Some(reason.to_owned());
        let Some(main) = t
            .order
            .main
            .filter(|main| !t.order.payments[*main].is_refunded_in_full())
        else {
            self.give_back_all(t);
            return self.cancelled(t, None);
        };
        self.refund_what_is_left(t, main);
        self.to(t, Status::Refunding, None);
    }

    /// order_redrive_requested
    pub(super) fn redrive(&mut self, t: &mut Touched) {
        let refunds = self.redrive_refunds(t);
        match t.order.status {
            Status::Paying => {
                let confirm = t
                    .order
                    .confirms
                    .last_mut()
                    .expect("an order that is paying waits for an answer");
                confirm.issued += 1;
                confirm.issued_at = self.now.ms();
                confirm.overdue = false;
                self.expect_answer(t);
                self.note(t, Note::Redriven);
            }
            Status::NeedsOperator if refunds => self.to(t, Status::Refunding, Some(Note::Redriven)),
            Status::AwaitingPayment
            | Status::Confirmed
            | Status::Refunding
            | Status::NeedsOperator
            | Status::Rejected
            | Status::Expired
            | Status::PaymentFailed
            | Status::Cancelled => self.note(t, if refunds { Note::Redriven } else { Note::Ignored }),
        }
    }

    /// The deadline of an order that is not paid.
    pub(super) fn expire(&mut self, t: &mut Touched) {
        if t.order.status == Status::AwaitingPayment && t.order.deadline <= self.now.ms() {
            self.expired(t, None);
        }
    }

    /// What the paying key's decline leads to.
    fn not_paid(&mut self, t: &mut Touched, cause: Cause, note: Option<Note>) {
        let attempts_max = self.rules(t.order.rules).payment_attempts_max;
        if t.order.cancel.is_some() {
            self.release(t);
            self.cancelled(t, note);
        } else if t.order.attempts == attempts_max {
            self.release(t);
            t.cause = Some(cause);
            self.to(t, Status::PaymentFailed, note);
        } else if t.order.deadline <= self.now.ms() {
            self.ledger.freeze(&mut t.order.hold, false);
            self.expired(t, note);
        } else {
            self.ledger.freeze(&mut t.order.hold, false);
            self.to(t, Status::AwaitingPayment, note);
        }
    }

    fn expired(&mut self, t: &mut Touched, note: Option<Note>) {
        self.ledger.expire(&mut t.order.hold);
        self.free_right(t);
        t.cause = Some(Cause {
            reason: "not_paid_in_time".to_owned(),
            detail: None,
        });
        self.to(t, Status::Expired, note);
    }

    /// Takes `payment` as the main one: the order is sold.
    fn confirm(&mut self, t: &mut Touched, payment: usize) {
        t.order.main = Some(payment);
        self.sell(t);
        if t.order.cancel.is_some() {
            self.refund_what_is_left(t, payment);
            self.to(t, Status::Refunding, None);
        } else {
            self.open_window(t);
            self.to(t, Status::Confirmed, None);
        }
    }

    /// Posts all legs.
    pub(super) fn sell(&mut self, t: &mut Touched) {
        self.ledger.post(&mut t.order.hold);
        if let Some(wallet) = t.order.wallet {
            self.entry("order", &t.id, wallet, t.order.wallet_amount);
        }
    }

    /// Starts the cancel window of an order that is being confirmed.
    pub(super) fn open_window(&mut self, t: &mut Touched) {
        let window_end = self.now.plus_seconds(self.rules(t.order.rules).cancel_window_s);
        t.order.window_end = window_end.ms();
        self.windows.set(window_end.ms(), t.number);
    }

    /// Ends it as cancelled; legs are released or given back already.
    pub(super) fn cancelled(&mut self, t: &mut Touched, note: Option<Note>) {
        let cause = match &t.order.cancel {
            Some(text) => Cause {
                reason: "requested".to_owned(),
                detail: Some(text_detail(text)),
            },
            None => Cause {
                reason: "refunded_by_provider".to_owned(),
                detail: None,
            },
        };
        t.cause = Some(cause);
        self.to(t, Status::Cancelled, note);
    }

    fn release(&mut self, t: &mut Touched) {
        self.ledger.release(&mut t.order.hold);
        self.free_right(t);
    }

    fn free_right(&mut self, t: &mut Touched) {
        if let Some(right) = t.order.right {
            self.facts.grants[right as usize].holder = None;
        }
    }

    /// Returns what is still posted: stock, the right, the rest of the wallet amount.
    pub(super) fn give_back_all(&mut self, t: &mut Touched) {
        self.ledger.give_back_all(&mut t.order.hold);
        self.free_right(t);
        let rest = t.order.wallet_amount - t.order.wallet_returned;
        if let Some(wallet) = t.order.wallet
            && rest > 0
        {
            self.entry("order_returned", &t.id, wallet, rest);
        }
    }

    /// The paying key's command was answered.
    fn answered(&mut self, t: &mut Touched) {
        if let Some(confirm) = t.order.confirms.last_mut() {
            confirm.answered = true;
        }
    }

    /// Sets the deadline for the answer to a command that was just issued.
    pub(super) fn expect_answer(&mut self, t: &Touched) {
        let due: Time = self
            .now
            .plus_seconds(self.rules(t.order.rules).payment_answer_max_s);
        self.answers.set(due.ms(), t.number);
    }

    /// Looks, at the end of an epoch, for commands that have waited too long.
    pub(super) fn look_for_answers(&mut self, t: &mut Touched) {
        let since = self.now.ms() - self.rules(t.order.rules).payment_answer_max_s * 1000;
        if t.order.status == Status::Paying
            && let Some(confirm) = t.order.confirms.last_mut()
        {
            confirm.overdue = confirm.issued_at <= since;
        }
        for refund in t.order.refunds.iter_mut().filter(|refund| !refund.answered()) {
            refund.overdue = refund.issued_at <= since;
        }
    }
}
