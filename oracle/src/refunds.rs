//! Section 4.1 of the rules: every captured amount is either kept by a sold order or refunded.

use crate::order::{Ask, Cause, Command, Note, Order, Payment, RefundReason, Status};
use crate::records::{AMOUNT_MAX, Int, Money, Reason};
use crate::shop::{Fate, Shop};

impl Shop {
    /// Issues a command.
    pub(crate) fn issue(&mut self, order: &mut Order, ask: Ask, payment_key: &str, amount: Int) {
        let captured = order
            .payments
            .get(payment_key)
            .and_then(|payment| payment.captured.as_ref());
        let currency = match ask {
            Ask::Refund { .. } => captured.map_or(&order.currency, |money| &money.currency),
            Ask::Confirm { .. } => &order.currency,
        };
        order.commands.push(Command {
            ask,
            payment_key: payment_key.to_owned(),
            money: Money {
                amount,
                currency: currency.clone(),
            },
            issued: 1,
            issued_last: self.clock,
            answered: false,
            refunded: 0,
            replaced: false,
        });
    }

    /// Issues a refund under the next n of the order.
    pub(crate) fn issue_refund(
        &mut self,
        order: &mut Order,
        reason: RefundReason,
        payment_key: &str,
        amount: Int,
    ) {
        let n = order
            .commands
            .iter()
            .filter(|command| command.is_refund())
            .count()
            + 1;
        self.issue(order, Ask::Refund { n, reason }, payment_key, amount);
    }

    /// A capture that the table doesn't accept gets a refund command for its whole amount and is noted.
    pub(crate) fn refund_whole(
        &mut self,
        order: &mut Order,
        cause: Cause,
        payment_key: &str,
        reason: RefundReason,
        note: Note,
    ) {
        let amount = order.payments.get(payment_key).map_or(0, Payment::captured);
        self.issue_refund(order, reason, payment_key, amount);
        self.note(order, cause, note);
    }

    /// payment_refunded is recorded on its payment.
    pub(crate) fn payment_refunded(
        &mut self,
        order: &mut Order,
        cause: Cause,
        key: &str,
        money: &Money,
        refund_id: &str,
    ) -> Fate {
        let order_id = order.order_id.clone();
        let Some(payment) = order.payments.get_mut(key) else {
            return Fate::Quarantined(Reason::UnknownPayment);
        };
        // Another currency than the capture's is a conflict, whether or not the refund_id is new.
        if payment
            .captured
            .as_ref()
            .is_some_and(|captured| captured.currency != money.currency)
        {
            return Fate::Quarantined(Reason::Conflict);
        }
        if let Some(amount) = payment.refunds.get(refund_id) {
            if *amount != money.amount {
                return Fate::Quarantined(Reason::Conflict);
            }
            self.note(order, cause, Note::Duplicate);
            return Fate::Applied;
        }
        if payment.refunded() + money.amount > AMOUNT_MAX {
            return Fate::Quarantined(Reason::Limit);
        }
        let was_in_full = payment.is_refunded_in_full();
        payment.refunds.insert(refund_id.to_owned(), money.amount);
        let mut refund = Recorded {
            is_ours: false,
            is_partial: false,
            is_over: payment.refunded() > payment.captured(),
            completes: !was_in_full && payment.is_refunded_in_full(),
            is_in_full: payment.is_refunded_in_full(),
        };
        let ours = order.commands.iter_mut().find(|command| {
            command.payment_key == key && command.refund_id(&order_id).as_deref() == Some(refund_id)
        });
        if let Some(command) = ours {
            command.answered = true;
            command.refunded += money.amount;
            refund.is_ours = true;
            refund.is_partial = command.is_failed_refund_of(key);
            refund.is_over |= command.replaced;
        }
        if refund.is_over {
            self.raise("over_refunded", &format!("{order_id}/{key}"), None);
        }
        self.after_refund(order, cause, key, &refund);
        Fate::Applied
    }

    /// What a recorded refund leads to: the cells of section 4 first, then the notes of section 4.1.
    fn after_refund(&mut self, order: &mut Order, cause: Cause, key: &str, refund: &Recorded) {
        let over = refund.is_over.then_some(Note::OverRefund);
        let mut note = if refund.is_partial {
            Note::PartialRefund
        } else {
            Note::RefundRecorded
        };
        if order.is_main(key) {
            match order.status {
                Status::Refunding | Status::NeedsOperator if refund.is_in_full => {
                    return self.cancel_sold(order, cause, over);
                }
                Status::Refunding if refund.is_partial => {
                    return self.happen(order, cause, Status::NeedsOperator, Some(note));
                }
                Status::Confirmed if !refund.is_ours && refund.completes => {
                    let lines_cancelled = order.lines.iter().any(|line| line.cancelled > 0);
                    if order.is_in_cancel_window(self.clock) && !lines_cancelled {
                        return self.cancel_sold(order, cause, over);
                    }
                    self.raise("refunded_by_provider", &format!("{}/{key}", order.order_id), None);
                    note = Note::RefundedByProvider;
                }
                _ => {}
            }
        }
        self.note(order, cause, over.unwrap_or(note));
    }

    /// refund_failed: of an unknown or already answered refund_id it is noted [ignored].
    pub(crate) fn refund_failed(
        &mut self,
        order: &mut Order,
        cause: Cause,
        key: &str,
        refund_id: &str,
        code: &str,
    ) {
        let order_id = order.order_id.clone();
        let open = order.commands.iter_mut().find(|command| {
            command.is_open_refund_of(key) && command.refund_id(&order_id).as_deref() == Some(refund_id)
        });
        let Some(command) = open else {
            return self.note(order, cause, Note::Ignored);
        };
        command.answered = true;
        if let Some(payment) = order.payments.get_mut(key) {
            payment.code = Some(code.to_owned());
        }
        if order.status == Status::Refunding && order.is_main(key) {
            self.change(order, cause, Status::NeedsOperator);
        } else {
            self.note(order, cause, Note::RefundFailed);
        }
    }

    /// redrive: open commands are issued again, failed ones become new commands for what they owe.
    pub(crate) fn redrive(&mut self, order: &mut Order, cause: Cause) {
        let keys: Vec<String> = order.payments.keys().cloned().collect();
        let not_in_full = |order: &Order, key: &str| {
            order
                .payments
                .get(key)
                .is_some_and(|payment| !payment.is_refunded_in_full())
        };
        let mut owed: Vec<(usize, Int)> = keys.iter().flat_map(|key| order.owed_by_failed(key)).collect();
        owed.retain(|(_, owes)| *owes > 0);
        owed.sort_unstable(); // in order of n
        let open: Vec<usize> = (0..order.commands.len())
            .filter(|place| {
                order.commands.get(*place).is_some_and(|command| {
                    !command.answered && (!command.is_refund() || not_in_full(order, &command.payment_key))
                })
            })
            .collect();
        let note = if open.is_empty() && owed.is_empty() {
            Note::Ignored
        } else {
            Note::Redriven
        };
        for place in open {
            if let Some(command) = order.commands.get_mut(place) {
                command.issued += 1;
                command.issued_last = self.clock;
            }
        }
        for (place, owes) in owed {
            if let Some(command) = order.commands.get_mut(place) {
                command.replaced = true;
                let payment_key = command.payment_key.clone();
                if let Ask::Refund { reason, .. } = command.ask {
                    self.issue_refund(order, reason, &payment_key, owes);
                }
            }
        }
        let to = match (order.status, note) {
            (Status::NeedsOperator, Note::Redriven) => Status::Refunding,
            (status, _) => status,
        };
        self.happen(order, cause, to, Some(note));
    }
}

/// What a refund meant for its payment.
struct Recorded {
    /// Under a refund_id that we issued for this payment.
    is_ours: bool,
    /// Less than was asked under it: the rest counts as failed.
    is_partial: bool,
    /// More than was captured, or under a refund_id that was redriven or made good.
    is_over: bool,
    /// It takes the payment to refunded in full.
    completes: bool,
    is_in_full: bool,
}
