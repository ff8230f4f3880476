//! What providers say of submissions, captures and declines: of the right key and of others, with the right
//! amount and with others, once and again.

use crate::actions::moves::Move;
use crate::actions::predict;
use crate::doc::{Doc, J};
use crate::generator::Draft;
use crate::schema::MAX;
use crate::snapshot::Order;

/// Keys are few, so that orders share them; some need escapes.
const KEYS: &[&str] = &[
    "pk1",
    "pk2",
    "pk3",
    "pk4",
    "toss/2024#\"k\"\\~5",
    "!",
    "pk7",
    "pk8",
    "pk9",
];

/// A key that the order does not know.
pub(crate) fn fresh_key(draft: &mut Draft<'_>, order: &Order) -> String {
    let free: Vec<&&str> = KEYS.iter().filter(|k| order.payment(k).is_none()).collect();
    if let Some(key) = draft.rng.pick_from(&free) {
        return (**key).to_owned();
    }
    draft.fresh("key", "pk-")
}

fn known_key(draft: &mut Draft<'_>, order: &Order) -> String {
    let known = draft.rng.pick_from(&order.payments).map(|p| p.key.clone());
    known.unwrap_or_else(|| fresh_key(draft, order))
}

/// What matches, but at least 1, and what payments of orders that ask nothing have.
fn due(draft: &mut Draft<'_>, order: &Order) -> i64 {
    if order.payable > 0 {
        order.payable
    } else {
        draft.rng.one_of(&[1, 100, order.total.max(1)])
    }
}

/// Another amount or currency than what matches.
fn off(draft: &mut Draft<'_>, order: &Order) -> (i64, String) {
    let amount = due(draft, order);
    if draft.rng.chance(20) {
        let other = if order.currency == "USD" { "EUR" } else { "USD" };
        return (amount, other.to_owned());
    }
    let wrong = draft
        .rng
        .one_of(&[amount - 1, amount + 1, amount.saturating_mul(2), 1, 3, 50]);
    let wrong = if draft.rng.chance(3) { MAX } else { wrong };
    let wrong = wrong.clamp(1, MAX);
    (
        if wrong == order.payable { 2 } else { wrong },
        order.currency.clone(),
    )
}

/// Makes a move that is a submission, a capture or a decline.
pub(crate) fn payment(draft: &mut Draft<'_>, order: &mut Order, chosen: Move) {
    let paying = order.key.clone().filter(|_| order.status == "paying");
    let due = due(draft, order);
    let currency = order.currency.clone();
    match chosen {
        Move::Submit => {
            let key = fresh_key(draft, order);
            submit(draft, order, &key, due, &currency);
        }
        Move::SubmitOff => {
            let key = fresh_key(draft, order);
            let (amount, currency) = off(draft, order);
            submit(draft, order, &key, amount, &currency);
        }
        Move::SubmitKnown => {
            let key = known_key(draft, order);
            let (amount, currency) = if draft.rng.chance(80) {
                (due, currency)
            } else {
                off(draft, order)
            };
            submit(draft, order, &key, amount, &currency);
        }
        Move::Confirm => {
            let key = paying.unwrap_or_else(|| fresh_key(draft, order));
            confirm(draft, order, &key, due, &currency);
        }
        Move::ConfirmOff => {
            let key = paying.unwrap_or_else(|| fresh_key(draft, order));
            let (amount, currency) = off(draft, order);
            confirm(draft, order, &key, amount, &currency);
        }
        Move::ConfirmOther => {
            let key = fresh_key(draft, order);
            let (amount, currency) = if draft.rng.chance(60) {
                (due, currency)
            } else {
                off(draft, order)
            };
            confirm(draft, order, &key, amount, &currency);
        }
        Move::ConfirmKnown => {
            let waiting: Vec<_> = order.payments.iter().filter(|p| p.captured == 0).collect();
            let key = draft.rng.pick_from(&waiting).map(|p| p.key.clone());
            let key = key.unwrap_or_else(|| fresh_key(draft, order));
            let (amount, currency) = if draft.rng.chance(75) {
                (due, currency)
            } else {
                off(draft, order)
            };
            confirm(draft, order, &key, amount, &currency);
        }
        Move::ConfirmAgain => confirm_again(draft, order),
        Move::DeclineOther => {
            let key = known_key(draft, order);
            let key = if draft.rng.chance(50) {
                key
            } else {
                fresh_key(draft, order)
            };
            decline(draft, order, &key);
        }
        _ => {
            let key = paying.unwrap_or_else(|| known_key(draft, order));
            decline(draft, order, &key);
        }
    }
}

fn submit(draft: &mut Draft<'_>, order: &mut Order, key: &str, amount: i64, currency: &str) {
    draft.send(money("payment_submitted", order, key, amount, currency));
    predict::submitted(order, key, amount, currency);
}

fn confirm(draft: &mut Draft<'_>, order: &mut Order, key: &str, amount: i64, currency: &str) {
    draft.send(money("payment_confirmed", order, key, amount, currency));
    predict::confirmed(order, key, amount, currency, draft.now);
}

/// A capture of a key that was captured: the same, or another amount or currency.
fn confirm_again(draft: &mut Draft<'_>, order: &mut Order) {
    let captured: Vec<_> = order
        .payments
        .iter()
        .filter(|p| p.captured > 0)
        .cloned()
        .collect();
    let Some(payment) = draft.rng.pick_from(&captured) else {
        let (amount, currency) = off(draft, order);
        let key = fresh_key(draft, order);
        return confirm(draft, order, &key, amount, &currency);
    };
    let (amount, currency) = match draft.rng.below(10) {
        0..6 => (payment.captured, payment.currency.as_str()),
        6..8 => (payment.captured % MAX + 1, payment.currency.as_str()),
        _ => (
            payment.captured,
            if payment.currency == "USD" { "EUR" } else { "USD" },
        ),
    };
    draft.send(money("payment_confirmed", order, &payment.key, amount, currency));
}

fn decline(draft: &mut Draft<'_>, order: &mut Order, key: &str) {
    let code = draft.rng.one_of(&["card_declined", "REJECT_CARD", "limit", ""]);
    let doc = Doc::new("payment_declined")
        .text("order_id", &order.id)
        .text("payment_key", key)
        .text("code", code)
        .text("message", draft.rng.one_of(&["No.", "잔액이 부족합니다", ""]));
    draft.send(doc);
    predict::declined(order, key);
}

/// A record of a payment.
pub(crate) fn money(name: &str, order: &Order, key: &str, amount: i64, currency: &str) -> Doc {
    Doc::new(name)
        .text("order_id", &order.id)
        .text("payment_key", key)
        .int("amount", amount)
        .with("currency", J::text(currency))
}
