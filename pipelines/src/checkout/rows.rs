//! What an epoch changed, as view deltas: each order's state at the epoch's end compared with that at its
//! start.
//!
//! An order that was placed in this epoch is shown by whole rows, any other by patches of the columns that
//! differ, so that a row's `epoch` moves exactly when another of its columns does.

use contract::delta::{Delta, DeltaBuilder};
use contract::log::Epoch;
use contract::time::Time;
use contract::values::Currency;
use contract::views::{self, AttentionRow, Json, OrderLinesRow, OrderTimelineRow, OrdersRow, View};
use contract::views::{PaymentCommandsRow, PaymentsRow};
use contract::words::{AttentionKind, Status};

use super::facts::Facts;
use super::order::{Order, Payment, Refund};
use super::refunds::refund_id;
use super::touched::Touched;

/// The deltas of one epoch, while they are made: one builder a view.
#[derive(Debug)]
pub struct Rows {
    builders: Vec<DeltaBuilder>,
    epoch: i64,
    now: Time,
    /// Keys that are put together: idempotency keys, refund ids, subjects.
    key: String,
}

impl Default for Rows {
    fn default() -> Self {
        let builders = View::ALL.iter().map(|view| DeltaBuilder::new(*view)).collect();
        Rows {
            builders,
            epoch: 0,
            now: Time::default(),
            key: String::new(),
        }
    }
}

fn currency_of(payment: &Payment) -> Currency {
    Currency::from_u16(payment.currency)
}

impl Rows {
    /// Starts an epoch.
    pub fn begin(&mut self, epoch: i64, now: Time) {
        self.epoch = epoch;
        self.now = now;
    }

    /// The builder of a view.
    pub fn of(&mut self, view: View) -> &mut DeltaBuilder {
        &mut self.builders[view as usize]
    }

    /// Whether there is nothing to give out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.builders.iter().all(DeltaBuilder::is_empty)
    }

    /// The epoch's deltas, those that change something.
    pub fn finish(&mut self, epoch: Epoch) -> Vec<Delta> {
        let changed = self.builders.iter_mut().filter(|builder| !builder.is_empty());
        changed.map(|builder| builder.finish(epoch)).collect()
    }

    /// Everything that the epoch changed of an order. `before` is its state at the start; none if it was
    /// placed since.
    pub fn order(&mut self, t: &Touched, before: Option<&Order>, facts: &Facts) {
        self.timeline(t);
        match before {
            None => self.placed(t, facts),
            Some(before) => {
                self.order_patch(t, before);
                self.line_patches(t, before);
            }
        }
        if !t.order.payments.is_empty() {
            self.payments(t, before);
            self.confirms(t, before);
            self.refunds(t, before);
        }
        self.attention(t, before);
    }

    fn timeline(&mut self, t: &Touched) {
        let (epoch, clock) = (self.epoch, self.now);
        let first = i64::from(t.order.seq) - t.events.len().cast_signed() as i64 + 1;
        for (event, seq) in t.events.iter().zip(first..) {
            let at = event.cause.map(|(at, _)| at);
            self.of(View::OrderTimeline).upsert(&OrderTimelineRow {
                order_id: &t.id,
                seq,
                epoch,
                clock,
                from_status: event.from.map(Status::word),
                to_status: event.to.word(),
                cause_topic: at.map(|at| at.topic.name()),
                cause_partition: at.map(|at| i64::from(at.partition)),
                cause_offset: at.map(|at| at.offset.cast_signed()),
                cause_type: event.cause.map_or("deadline", |(_, kind)| kind),
                note: event.note.map(contract::words::Note::word),
            });
        }
    }

    fn placed(&mut self, t: &Touched, facts: &Facts) {
        let (order, birth, epoch) = (&t.order, &t.birth, self.epoch);
        let main = order.main.map(|main| &order.payments[main]);
        let version = facts.rules[order.rules as usize].version;
        self.of(View::Orders).upsert(&OrdersRow {
            order_id: &t.id,
            customer_id: &birth.customer_id,
            status: order.status.word(),
            reason: t.cause.as_ref().map(|cause| cause.reason.as_str()),
            reason_detail: t
                .cause
                .as_ref()
                .and_then(|cause| cause.detail.as_deref())
                .map(Json),
            currency: order.currency.get(),
            total: birth.total,
            discount: order.discount,
            wallet_amount: birth.wallet_amount,
            payable: order.payable,
            returned: order.returned,
            campaign_id: birth.campaign_id.as_deref(),
            payment_key: shown_key(order),
            attempts: i64::from(order.attempts),
            paid: main.map_or(0, |main| main.captured),
            refunded: main.map_or(0, |main| main.refunded),
            deadline: (order.deadline > 0).then(|| Time::default().plus_ms(order.deadline)),
            placed_at: birth.placed_at,
            rules: version,
            epoch,
        });
        for (index, line) in birth.lines.iter().enumerate() {
            let text = |number: Option<u32>| number.map_or("", |number| facts.texts.get(number));
            let cancelled = order.lines.get(index).map_or(0, |line| line.cancelled);
            self.of(View::OrderLines).upsert(&OrderLinesRow {
                order_id: &t.id,
                line_no: index.cast_signed() as i64 + 1,
                sku: birth.sku(line),
                quantity: line.quantity,
                unit_price: line.unit_price,
                cancelled,
                store_id: text(line.store),
                category: text(line.category),
            });
        }
    }

    fn order_patch(&mut self, t: &Touched, before: &Order) {
        use views::orders as c;
        let (order, epoch) = (&t.order, self.epoch);
        let main = |order: &Order| {
            order
                .main
                .map(|main| &order.payments[main])
                .map(|p| (p.captured, p.refunded))
        };
        let new_key = shown_print(order) != shown_print(before);
        let changed = order.status != before.status
            || order.returned != before.returned
            || order.attempts != before.attempts
            || main(order) != main(before)
            || new_key;
        if !changed {
            return;
        }
        self.of(View::Orders).patch(&t.id.as_str(), |patch| {
            if order.status != before.status {
                patch.set(c::status, &order.status.word());
            }
            if let Some(cause) = &t.cause {
                patch.set(c::reason, &cause.reason.as_str());
                patch.set(c::reason_detail, &cause.detail.as_deref().map(Json));
            }
            if order.returned != before.returned {
                patch.set(c::returned, &order.returned);
            }
            if new_key {
                patch.set(c::payment_key, &shown_key(order));
            }
            if order.attempts != before.attempts {
                patch.set(c::attempts, &i64::from(order.attempts));
            }
            if main(order) != main(before) {
                let (paid, refunded) = main(order).unwrap_or_default();
                patch.set(c::paid, &paid);
                patch.set(c::refunded, &refunded);
            }
            patch.set(c::epoch, &epoch);
        });
    }

    fn line_patches(&mut self, t: &Touched, before: &Order) {
        for (index, (line, old)) in t.order.lines.iter().zip(&before.lines).enumerate() {
            if line.cancelled != old.cancelled {
                let line_no = index.cast_signed() as i64 + 1;
                self.of(View::OrderLines)
                    .patch(&(t.id.as_str(), line_no), |patch| {
                        patch.set(views::order_lines::cancelled, &line.cancelled);
                    });
            }
        }
    }

    fn payments(&mut self, t: &Touched, before: Option<&Order>) {
        for (index, payment) in t.order.payments.iter().enumerate() {
            let old = before.and_then(|before| Some((before, before.payments.get(index)?)));
            match old {
                Some((before, old)) => self.payment_patch(t, before, old, index),
                None => self.payment_row(t, payment, index),
            }
        }
    }

    fn payment_row(&mut self, t: &Touched, payment: &Payment, index: usize) {
        let epoch = self.epoch;
        self.of(View::Payments).upsert(&PaymentsRow {
            order_id: &t.id,
            payment_key: key_of(&t.order, index),
            attempt: (payment.attempt > 0).then_some(i64::from(payment.attempt)),
            currency: currency_of(payment).get(),
            submitted: payment.submitted,
            captured: payment.captured,
            refunded: payment.refunded,
            status: t.order.payment_status(index).word(),
            main: t.order.main == Some(index),
            code: payment.code_text.as_deref(),
            epoch,
        });
    }

    fn payment_patch(&mut self, t: &Touched, before: &Order, old: &Payment, index: usize) {
        use views::payments as c;
        let (payment, epoch) = (&t.order.payments[index], self.epoch);
        let (status, old_status) = (t.order.payment_status(index), before.payment_status(index));
        let (main, old_main) = (t.order.main == Some(index), before.main == Some(index));
        let money = |p: &Payment| (p.currency, p.captured, p.refunded);
        let new_code = payment.code != old.code;
        if money(payment) == money(old) && status == old_status && main == old_main && !new_code {
            return;
        }
        self.of(View::Payments)
            .patch(&(t.id.as_str(), key_of(&t.order, index)), |patch| {
                if payment.currency != old.currency {
                    patch.set(c::currency, &currency_of(payment).get());
                }
                if payment.captured != old.captured {
                    patch.set(c::captured, &payment.captured);
                }
                if payment.refunded != old.refunded {
                    patch.set(c::refunded, &payment.refunded);
                }
                if status != old_status {
                    patch.set(c::status, &status.word());
                }
                if main != old_main {
                    patch.set(c::main, &main);
                }
                if new_code {
                    patch.set(c::code, &payment.code_text.as_deref());
                }
                patch.set(c::epoch, &epoch);
            });
    }

    fn confirms(&mut self, t: &Touched, before: Option<&Order>) {
        use views::payment_commands as c;
        let epoch = self.epoch;
        let attempts_before = before.map_or(0, |before| before.attempts);
        for confirm in &t.order.confirms {
            self.key.clear();
            self.key.push_str("confirm:");
            self.key.push_str(&t.id);
            self.key.push(':');
            self.key.push_str(&confirm.attempt.to_string());
            let key = std::mem::take(&mut self.key);
            let payment = &t.order.payments[confirm.payment];
            let issued = i64::from(confirm.issued);
            if confirm.attempt > attempts_before {
                self.of(View::PaymentCommands).upsert(&PaymentCommandsRow {
                    idempotency_key: &key,
                    kind: "confirm",
                    order_id: &t.id,
                    payment_key: key_of(&t.order, confirm.payment),
                    attempt: Some(i64::from(confirm.attempt)),
                    refund_id: None,
                    amount: payment.submitted,
                    currency: t.order.currency.get(),
                    reason: None,
                    issued,
                    answered: confirm.answered,
                    epoch,
                });
            } else {
                let old = before
                    .and_then(|before| before.confirms.last())
                    .map(|old| (old.issued, old.answered));
                if old != Some((confirm.issued, confirm.answered)) {
                    self.of(View::PaymentCommands).patch(&key.as_str(), |patch| {
                        patch
                            .set(c::issued, &issued)
                            .set(c::answered, &confirm.answered)
                            .set(c::epoch, &epoch);
                    });
                }
            }
            self.key = key;
        }
    }

    fn refunds(&mut self, t: &Touched, before: Option<&Order>) {
        use views::payment_commands as c;
        let epoch = self.epoch;
        for (index, refund) in t.order.refunds.iter().enumerate() {
            let old = before.and_then(|before| before.refunds.get(index));
            let shown = |refund: &Refund| (refund.issued, refund.answered());
            if old.map(shown) == Some(shown(refund)) {
                continue;
            }
            let key = format!("refund:{}:{}", t.id, index + 1);
            let (issued, answered) = (i64::from(refund.issued), refund.answered());
            if old.is_some() {
                self.of(View::PaymentCommands).patch(&key.as_str(), |patch| {
                    patch
                        .set(c::issued, &issued)
                        .set(c::answered, &answered)
                        .set(c::epoch, &epoch);
                });
                continue;
            }
            let payment = &t.order.payments[refund.payment];
            self.of(View::PaymentCommands).upsert(&PaymentCommandsRow {
                idempotency_key: &key,
                kind: "refund",
                order_id: &t.id,
                payment_key: key_of(&t.order, refund.payment),
                attempt: None,
                refund_id: Some(&refund_id(&t.id, index)),
                amount: refund.asked,
                currency: currency_of(payment).get(),
                reason: Some(refund.reason.word()),
                issued,
                answered,
                epoch,
            });
        }
    }

    fn attention(&mut self, t: &Touched, before: Option<&Order>) {
        let (order, now) = (&t.order, self.now);
        let needs = |order: &Order| order.status == Status::NeedsOperator;
        self.attend(
            before.is_some_and(needs),
            needs(order),
            AttentionKind::NeedsOperator,
            &t.id,
            now,
        );
        let waits = Order::payment_is_unanswered;
        self.attend(
            before.is_some_and(waits),
            waits(order),
            AttentionKind::PaymentUnanswered,
            &t.id,
            now,
        );
        if order.refunds.is_empty() {
            return;
        }
        for index in 0..order.payments.len() {
            let failed = |order: &Order| {
                index < order.payments.len()
                    && order.payment_status(index) == contract::words::PaymentStatus::RefundFailed
            };
            let (was, is) = (before.is_some_and(failed), failed(order));
            if was != is {
                let subject = format!("{}/{}", t.id, key_of(order, index));
                self.attend(was, is, AttentionKind::RefundFailed, &subject, now);
            }
        }
        for index in 0..order.refunds.len() {
            let waits = |order: &Order| index < order.refunds.len() && order.refund_is_unanswered(index);
            let (was, is) = (before.is_some_and(waits), waits(order));
            if was != is {
                self.attend(
                    was,
                    is,
                    AttentionKind::RefundUnanswered,
                    &refund_id(&t.id, index),
                    now,
                );
            }
        }
    }

    /// Shows that a kind of attention began or ended.
    pub fn attend(&mut self, was: bool, is: bool, kind: AttentionKind, subject: &str, since: Time) {
        let kind = kind.word();
        match (was, is) {
            (false, true) => {
                self.of(View::Attention).upsert(&AttentionRow {
                    kind,
                    subject,
                    since,
                    detail: None,
                });
            }
            (true, false) => self.of(View::Attention).delete(&(kind, subject)),
            _ => {}
        }
    }
}

/// The key of a payment that this epoch changed: whatever changes a payment names it, or finds it kept.
fn key_of(order: &Order, payment: usize) -> &str {
    order
        .key(payment)
        .expect("a payment that changes has its key at hand")
}

fn shown_key(order: &Order) -> Option<&str> {
    order.shown_payment().map(|index| key_of(order, index))
}

fn shown_print(order: &Order) -> Option<u64> {
    order.shown_payment().map(|index| order.payments[index].print)
}
