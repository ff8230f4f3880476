//! The life of an order: the table of section 4 of the rules, input by input.
//!
//! Each record gives one row of the timeline: a change of status, or a note. What a cell doesn't name
//! is noted [ignored].

use contract::time::Time;
use serde_json::json;

use crate::order::{Ask, Cause, Note, Order, Payment, RefundReason, Status};
use crate::records::{Money, Reason, Record};
use crate::shop::{Fate, Shop};

impl Shop {
    /// The streams `orders` and `payments`.
    pub(crate) fn decide_order(&mut self, record: &Record, cause: Cause) -> Fate {
        if let Record::OrderPlaced(placed) = record {
            self.place(placed, cause);
            return Fate::Applied;
        }
        let Some(mut order) = order_id(record).and_then(|id| self.orders.remove(id)) else {
            return Fate::Quarantined(Reason::UnknownOrder);
        };
        let fate = self.decide_known_order(&mut order, record, cause);
        self.orders.insert(order.order_id.clone(), order);
        fate
    }

    fn decide_known_order(&mut self, order: &mut Order, record: &Record, cause: Cause) -> Fate {
        match record {
            Record::OrderCancelRequested { reason, .. } => self.cancel_requested(order, cause, reason),
            Record::OrderLinesCancelRequested(asked) => self.lines_cancel_requested(order, cause, asked),
            Record::OrderRedriveRequested { .. } => self.redrive(order, cause),
            Record::PaymentSubmitted {
                payment_key, money, ..
            } => {
                self.payment_submitted(order, cause, payment_key, money);
            }
            Record::PaymentConfirmed {
                payment_key, money, ..
            } => {
                return self.payment_confirmed(order, cause, payment_key, money);
            }
            Record::PaymentDeclined {
                payment_key,
                code,
                message,
                ..
            } => {
                self.payment_declined(order, cause, payment_key, code, message);
            }
            Record::PaymentRefunded {
                payment_key,
                money,
                refund_id,
                ..
            } => {
                return self.payment_refunded(order, cause, payment_key, money, refund_id);
            }
            Record::RefundFailed {
                payment_key,
                refund_id,
                code,
                ..
            } => {
                self.refund_failed(order, cause, payment_key, refund_id, code);
            }
            _ => {}
        }
        Fate::Applied
    }

    fn payment_submitted(&mut self, order: &mut Order, cause: Cause, key: &str, money: &Money) {
        if order.payments.contains_key(key) {
            return self.note(order, cause, Note::Duplicate);
        }
        match order.status {
            Status::AwaitingPayment if order.matches(money) => {
                order.attempts += 1;
                order.paying = Some(key.to_owned());
                order.submitted_last = Some(key.to_owned());
                let payment = order.payments.entry(key.to_owned()).or_default();
                payment.attempt = Some(order.attempts);
                payment.submitted = Some(money.clone());
                self.change(order, cause, Status::Paying);
                let attempt = order.attempts;
                self.issue(order, Ask::Confirm { attempt }, key, money.amount);
            }
            Status::AwaitingPayment => self.note(order, cause, Note::AmountMismatch),
            Status::Paying => self.note(order, cause, Note::AlreadyPaying),
            _ => self.note(order, cause, Note::Ignored),
        }
    }

    fn payment_confirmed(&mut self, order: &mut Order, cause: Cause, key: &str, money: &Money) -> Fate {
        if let Some(captured) = order
            .payments
            .get(key)
            .and_then(|payment| payment.captured.as_ref())
        {
            if captured != money {
                return Fate::Quarantined(Reason::Conflict);
            }
            self.note(order, cause, Note::Duplicate);
            return Fate::Applied;
        }
        order.payments.entry(key.to_owned()).or_default().captured = Some(money.clone());
        let is_paying = order.paying.as_deref() == Some(key);
        match order.status {
            Status::AwaitingPayment if order.matches(money) => self.confirm(order, cause, Some(key)),
            Status::AwaitingPayment => {
                self.refund_whole(
                    order,
                    cause,
                    key,
                    RefundReason::AmountMismatch,
                    Note::AmountMismatch,
                );
            }
            Status::Paying if is_paying => self.paying_key_captured(order, cause, key, money),
            status if status.is_final() => {
                self.refund_whole(order, cause, key, RefundReason::LatePayment, Note::LatePayment);
            }
            _ => self.refund_whole(order, cause, key, RefundReason::StrayPayment, Note::StrayPayment),
        }
        Fate::Applied
    }

    /// payment_confirmed of the key that is paying.
    fn paying_key_captured(&mut self, order: &mut Order, cause: Cause, key: &str, money: &Money) {
        self.answer_confirm(order, key);
        if order.matches(money) {
            return self.confirm(order, cause, Some(key));
        }
        let amount = money.amount;
        self.issue_refund(order, RefundReason::AmountMismatch, key, amount);
        let reason = ("amount_mismatch".to_owned(), None);
        self.attempt_failed(order, cause, reason, Some(Note::AmountMismatch));
    }

    /// Legs are posted: `confirmed`, or straight to `refunding` if a cancel was asked for while paying.
    pub(crate) fn confirm(&mut self, order: &mut Order, cause: Cause, main: Option<&str>) {
        order.paying = None;
        order.main = main.map(str::to_owned);
        order.confirmed_at = Some(self.clock);
        self.post(order);
        if order.cancel_asked.is_some() {
            self.start_refunding(order, cause);
        } else {
            self.change(order, cause, Status::Confirmed);
        }
    }

    fn payment_declined(&mut self, order: &mut Order, cause: Cause, key: &str, code: &str, message: &str) {
        if order.status != Status::Paying {
            return self.note(order, cause, Note::Ignored);
        }
        if order.paying.as_deref() != Some(key) {
            return self.note(order, cause, Note::Stale);
        }
        self.answer_confirm(order, key);
        if let Some(payment) = order.payments.get_mut(key) {
            payment.declined = true;
            payment.code = Some(code.to_owned());
        }
        let detail = json!({"message": message}).to_string();
        self.attempt_failed(order, cause, (code.to_owned(), Some(detail)), None);
    }

    /// The confirm command of the key that is paying is answered.
    fn answer_confirm(&mut self, order: &mut Order, key: &str) {
        for command in &mut order.commands {
            if !command.is_refund() && command.payment_key == key {
                command.answered = true;
            }
        }
    }

    /// What a decline of the paying key leads to.
    fn attempt_failed(
        &mut self,
        order: &mut Order,
        cause: Cause,
        (reason, detail): (String, Option<String>),
        note: Option<Note>,
    ) {
        order.paying = None;
        let to = if order.cancel_asked.is_some() {
            set_requested(order);
            Status::Cancelled
        } else if order.attempts >= order.rules.payment_attempts_max {
            order.reason = Some(reason);
            order.reason_detail = detail;
            Status::PaymentFailed
        } else if order.deadline.is_some_and(|deadline| deadline <= self.clock) {
            order.reason = Some("not_paid_in_time".to_owned());
            Status::Expired
        } else {
            Status::AwaitingPayment
        };
        if to != Status::AwaitingPayment {
            self.release(order);
        }
        self.happen(order, cause, to, note);
    }

    fn cancel_requested(&mut self, order: &mut Order, cause: Cause, reason: &str) {
        match order.status {
            Status::AwaitingPayment => {
                order.cancel_asked = Some(reason.to_owned());
                set_requested(order);
                self.release(order);
                self.change(order, cause, Status::Cancelled);
            }
            Status::Paying => {
                order.cancel_asked.get_or_insert_with(|| reason.to_owned());
                self.note(order, cause, Note::CancelAfterPayment);
            }
            Status::Confirmed if order.is_in_cancel_window(self.clock) => {
                self.cancel_confirmed(order, cause, reason);
            }
            Status::Confirmed => self.note(order, cause, Note::TooLate),
            _ => self.note(order, cause, Note::Ignored),
        }
    }

    /// A cancel of a whole `confirmed` order within the window.
    pub(crate) fn cancel_confirmed(&mut self, order: &mut Order, cause: Cause, reason: &str) {
        order.cancel_asked.get_or_insert_with(|| reason.to_owned());
        if order.main_payment().is_none_or(Payment::is_refunded_in_full) {
            self.cancel_sold(order, cause, None);
        } else {
            self.start_refunding(order, cause);
        }
    }

    /// `refunding`, with a refund command for what is not refunded or asked for already.
    fn start_refunding(&mut self, order: &mut Order, cause: Cause) {
        self.change(order, cause, Status::Refunding);
        let Some(key) = order.main.clone() else { return };
        let not_refunded = order
            .main_payment()
            .map_or(0, |payment| payment.captured() - payment.refunded());
        let amount = not_refunded - order.asked_by_open(&key);
        if amount > 0 {
            for command in &mut order.commands {
                if command.is_failed_refund_of(&key) {
                    command.replaced = true; // made good by this one
                }
            }
            self.issue_refund(order, RefundReason::Cancelled, &key, amount);
        }
    }

    /// A sold order becomes `cancelled`: what is still posted is returned.
    pub(crate) fn cancel_sold(&mut self, order: &mut Order, cause: Cause, note: Option<Note>) {
        if order.cancel_asked.is_some() {
            set_requested(order);
        } else {
            order.reason = Some("refunded_by_provider".to_owned());
        }
        self.give_all_back(order);
        self.happen(order, cause, Status::Cancelled, note);
    }

    /// At the end of an epoch the deadlines <= now fire, by (deadline, order_id) (rules, section 1).
    pub(crate) fn fire_deadlines(&mut self) {
        let is_due = |(deadline, _): &(Time, String), now| *deadline <= now;
        while let Some(due) = self
            .deadlines
            .first()
            .filter(|due| is_due(due, self.clock))
            .cloned()
        {
            self.deadlines.remove(&due);
            let Some(mut order) = self.orders.remove(&due.1) else {
                continue;
            };
            if order.status == Status::AwaitingPayment {
                order.reason = Some("not_paid_in_time".to_owned());
                self.release(&order);
                self.change(
                    &mut order,
                    Cause {
                        at: None,
                        type_name: "deadline",
                    },
                    Status::Expired,
                );
            }
            self.orders.insert(order.order_id.clone(), order);
        }
    }
}

/// reason of `cancelled`: `requested`, detail {text: the first cancel's reason}.
fn set_requested(order: &mut Order) {
    order.reason = Some("requested".to_owned());
    order.reason_detail = order
        .cancel_asked
        .as_ref()
        .map(|text| json!({"text": text}).to_string());
}

/// The order that a record of `orders` or `payments` is about.
fn order_id(record: &Record) -> Option<&str> {
    match record {
        Record::OrderCancelRequested { order_id, .. }
        | Record::OrderRedriveRequested { order_id }
        | Record::PaymentSubmitted { order_id, .. }
        | Record::PaymentConfirmed { order_id, .. }
        | Record::PaymentDeclined { order_id, .. }
        | Record::PaymentRefunded { order_id, .. }
        | Record::RefundFailed { order_id, .. } => Some(order_id),
        Record::OrderLinesCancelRequested(asked) => Some(&asked.order_id),
        _ => None,
    }
}
