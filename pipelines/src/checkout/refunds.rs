//! Every captured amount is either kept by a sold order or refunded (rules, section 4.1).

use contract::decode::Reason;
use contract::records::{PaymentRefunded, RefundFailed};
use contract::values::AMOUNT_MAX;
use contract::words::{AttentionKind, Note, RefundReason, Status};
use operators::interner::hash;

use super::desk::{Desk, Fate};
use super::order::{ForeignRefund, Refund, RefundState};
use super::touched::Touched;

/// The id of the refund command at an index.
pub(super) fn refund_id(order_id: &str, index: usize) -> String {
    format!("{order_id}:r{}", index + 1)
}

/// The number n of our refund command that a refund_id names, if it is one of ours for that payment:
/// `{order_id}:r{n}`.
fn ours(t: &Touched, payment: usize, refund_id: &str) -> Option<usize> {
    let digits = refund_id.strip_prefix(t.id.as_str())?.strip_prefix(":r")?;
    let number: usize = digits.parse().ok()?;
    let index = number.checked_sub(1)?;
    let canonical = !digits.starts_with(['0', '+']);
    let refund = t.order.refunds.get(index)?;
    (canonical && refund.payment == payment).then_some(index)
}

impl Desk {
    /// Issues a refund command. If its id was used before it was ours, that refund was another's: it
    /// answers nothing and takes nothing off what is owed, or the money would be neither kept nor refunded.
    pub(super) fn refund(&mut self, t: &mut Touched, payment: usize, asked: i64, reason: RefundReason) {
        t.order.refunds.push(Refund {
            payment,
            asked,
            given: 0,
            state: RefundState::Open,
            reason,
            issued: 1,
            issued_at: self.now.ms(),
            overdue: false,
        });
        self.expect_answer(t);
    }

    /// Issues a refund command for what is captured, not refunded and not asked for, because of a whole
    /// cancel: it makes good the failed ones.
    pub(super) fn refund_what_is_left(&mut self, t: &mut Touched, main: usize) {
        let payment = &t.order.payments[main];
        let left = payment.captured - payment.refunded - t.order.open(main);
        if left <= 0 {
            return;
        }
        for refund in t.order.refunds.iter_mut().filter(|refund| refund.payment == main) {
            if refund.state == RefundState::Failed {
                refund.state = RefundState::Superseded;
            }
        }
        self.refund(t, main, left, RefundReason::Cancelled);
    }

    /// Issues open refund commands again and new ones for what failed ones owe. Whether there was any.
    pub(super) fn redrive_refunds(&mut self, t: &mut Touched) -> bool {
        let mut any = false;
        let owing: Vec<Vec<(usize, i64)>> = (0..t.order.payments.len())
            .map(|payment| t.order.owing(payment).collect())
            .collect();
        for index in 0..t.order.refunds.len() {
            let Refund {
                payment,
                state,
                reason,
                ..
            } = t.order.refunds[index];
            match state {
                RefundState::Open if !t.order.payments[payment].is_refunded_in_full() => {
                    let refund = &mut t.order.refunds[index];
                    refund.issued += 1;
                    refund.issued_at = self.now.ms();
                    refund.overdue = false;
                    self.expect_answer(t);
                    any = true;
                }
                RefundState::Failed => {
                    let owes = owing[payment].iter().find(|(failed, _)| *failed == index);
                    if let Some((_, owes)) = owes {
                        t.order.refunds[index].state = RefundState::Superseded;
                        self.refund(t, payment, *owes, reason);
                        any = true;
                    }
                }
                RefundState::Open | RefundState::Done | RefundState::Superseded => {}
            }
        }
        any
    }

    /// payment_refunded
    pub(super) fn payment_refunded(&mut self, t: &mut Touched, r: &PaymentRefunded<'_>) -> Fate {
        let (key, amount, refund_id) = (r.payment_key.get(), r.amount.get(), r.refund_id.get());
        let payment = t
            .order
            .find_payment(key)
            .filter(|p| t.order.payments[*p].captured > 0);
        let Some(payment) = payment else {
            let detail = format!("payment_key: no payment was captured under it: {key}");
            return Fate::Quarantined(Reason::UnknownPayment, detail);
        };
        let known = &t.order.payments[payment];
        let same_currency = known.currency == r.currency.to_u16();
        let ours = ours(t, payment, refund_id);
        let print = hash(refund_id.as_bytes());
        let foreign = t
            .order
            .foreign
            .iter()
            .find(|f| f.payment == payment && f.print == print);
        let given = ours
            .map(|index| t.order.refunds[index].given)
            .filter(|given| *given > 0);
        let given = given.or(foreign.map(|f| f.amount)).unwrap_or(0);
        if given > 0 && given == amount && same_currency {
            self.note(t, Note::Duplicate);
            return Fate::Applied;
        }
        if given > 0 || !same_currency {
            let field = if same_currency { "amount" } else { "currency" };
            let detail = format!(
                "{field}: another than that of {}",
                if given > 0 { refund_id } else { key }
            );
            return Fate::Quarantined(Reason::Conflict, detail);
        }
        if known.refunded > AMOUNT_MAX - amount {
            return Fate::Quarantined(
                Reason::Limit,
                "amount: the refunded sum would pass 2^53-1".to_owned(),
            );
        }
        match ours {
            Some(_) => {}
            None => t.order.foreign.push(ForeignRefund {
                payment,
                print,
                amount,
            }),
        }
        self.audit.refunded(r.currency, amount);
        self.record_refund(t, payment, ours, amount);
        Fate::Applied
    }

    fn record_refund(&mut self, t: &mut Touched, payment: usize, ours: Option<usize>, amount: i64) {
        let was_full = t.order.payments[payment].is_refunded_in_full();
        t.order.payments[payment].refunded += amount;
        let full = t.order.payments[payment].is_refunded_in_full();
        let superseded = ours.is_some_and(|n| t.order.refunds[n].state == RefundState::Superseded);
        let over = superseded || t.order.payments[payment].refunded > t.order.payments[payment].captured;
        let mut partial = false;
        if let Some(refund) = ours.map(|n| &mut t.order.refunds[n]) {
            refund.given = amount;
            partial = amount < refund.asked && !superseded;
            if refund.state == RefundState::Open {
                refund.state = if partial {
                    RefundState::Failed
                } else {
                    RefundState::Done
                };
            }
        }
        if over {
            self.raise_for_payment(t, payment, AttentionKind::OverRefunded);
        }
        let over_note = over.then_some(Note::OverRefund);
        let is_main = t.order.main == Some(payment);
        match t.order.status {
            Status::Refunding | Status::NeedsOperator if is_main && full => {
                self.give_back_all(t);
                self.cancelled(t, over_note);
            }
            Status::Refunding if is_main && partial => {
                self.to(t, Status::NeedsOperator, over_note.or(Some(Note::PartialRefund)));
            }
            Status::Confirmed if is_main && ours.is_none() && full && !was_full => {
                let lines_cancelled = t.order.lines.iter().any(|line| line.cancelled > 0);
                if self.now.ms() < t.order.window_end && !lines_cancelled {
                    self.give_back_all(t);
                    self.cancelled(t, over_note);
                } else {
                    self.raise_for_payment(t, payment, AttentionKind::RefundedByProvider);
                    self.note(t, over_note.unwrap_or(Note::RefundedByProvider));
                }
            }
            _ => {
                let note = if partial {
                    Note::PartialRefund
                } else {
                    Note::RefundRecorded
                };
                self.note(t, over_note.unwrap_or(note));
            }
        }
    }

    /// refund_failed
    pub(super) fn refund_failed(&mut self, t: &mut Touched, r: &RefundFailed<'_>) {
        let payment = t.order.find_payment(r.payment_key.get());
        let open = payment.and_then(|payment| {
            let index = ours(t, payment, r.refund_id.get())?;
            (t.order.refunds[index].state == RefundState::Open).then_some((payment, index))
        });
        let Some((payment, index)) = open else {
            return self.note(t, Note::Ignored);
        };
        t.order.refunds[index].state = RefundState::Failed;
        t.order.payments[payment].set_code(r.code.get());
        if t.order.status == Status::Refunding && t.order.main == Some(payment) {
            self.to(t, Status::NeedsOperator, None);
        } else {
            self.note(t, Note::RefundFailed);
        }
    }

    fn raise_for_payment(&mut self, t: &Touched, payment: usize, kind: AttentionKind) {
        let key = t.order.key(payment).expect("the record has named the payment");
        self.attention
            .raise(kind.word(), &format!("{}/{key}", t.id), None, self.now);
    }
}
