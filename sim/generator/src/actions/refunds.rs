//! News of refunds: as asked, in parts, more than asked, more than captured, of ids that aren't ours, of
//! other keys' ids, again, too late, too early; and failures of all of these.

use crate::actions::moves::Move;
use crate::actions::payments::{self, money};
use crate::actions::predict;
use crate::doc::{Doc, J};
use crate::generator::Draft;
use crate::schema::MAX;
use crate::snapshot::{Order, Payment, Refund};

/// What a piece of news says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Exact,
    Fail,
    Part,
    More,
    /// Of a command that was answered: mostly one that failed, was redriven or made good.
    Late,
    LateFail,
    UnknownFail,
    Foreign,
    ForeignPart,
    Over,
    OtherKey,
    OtherKeyFail,
    Again,
    Uncaptured,
    Currency,
    Ahead,
    Huge,
}

const NEWS: [(News, u64); 17] = [
    (News::Exact, 24),
    (News::Fail, 20),
    (News::Part, 10),
    (News::More, 4),
    (News::Late, 10),
    (News::LateFail, 3),
    (News::UnknownFail, 2),
    (News::Foreign, 4),
    (News::ForeignPart, 6),
    (News::Over, 3),
    (News::OtherKey, 3),
    (News::OtherKeyFail, 2),
    (News::Again, 9),
    (News::Uncaptured, 2),
    (News::Currency, 1),
    (News::Ahead, 1),
    (News::Huge, 1),
];

/// Some news of some refund of the order.
pub(crate) fn refund(draft: &mut Draft<'_>, order: &mut Order) {
    let owes = order.payments.iter().any(|p| p.status == "refund_failed");
    let news = if owes && draft.rng.chance(20) {
        News::Late
    } else {
        draft.rng.weighted(&NEWS)
    };
    let main = order.payments.iter().find(|p| p.main).map(|p| p.key.as_str());
    let main = main.filter(|key| order.refunds.iter().any(|r| r.key == *key) && draft.rng.chance(65));
    let commands = order
        .refunds
        .iter()
        .filter(|r| main.is_none_or(|key| key == r.key))
        .cloned();
    let (open, answered): (Vec<Refund>, Vec<Refund>) = commands.partition(|r| r.open);
    let open = draft.rng.pick_from(&open).cloned();
    let failed: Vec<&Refund> = answered
        .iter()
        .filter(|r| order.payment(&r.key).is_some_and(|p| p.status == "refund_failed"))
        .collect();
    let owing = draft
        .rng
        .pick_from(&failed)
        .map(|r| (**r).clone())
        .filter(|_| draft.rng.chance(75));
    let answered = owing.or_else(|| draft.rng.pick_from(&answered).cloned());
    match (news, open, answered) {
        (News::Exact, Some(r), _) => refunded(draft, order, &r.key, r.amount, &r.id),
        (News::Part, Some(r), _) if r.amount > 1 => {
            let most = r.amount - 1;
            let part = draft.rng.one_of(&[1, most, most / 2 + 1]);
            refunded(draft, order, &r.key, part, &r.id);
        }
        (News::More, Some(r), _) => {
            let more = (r.amount + draft.rng.range(1, 3)).min(MAX);
            refunded(draft, order, &r.key, more, &r.id);
        }
        (News::Late | News::Exact, _, Some(r)) => {
            let amount = if draft.rng.chance(70) {
                r.amount
            } else {
                draft.rng.range(1, r.amount.max(1))
            };
            refunded(draft, order, &r.key, amount, &r.id);
        }
        (News::Fail, Some(r), _) | (News::LateFail | News::Fail, _, Some(r)) => {
            fails(draft, order, &r.key, &r.id);
        }
        (News::OtherKey | News::OtherKeyFail, open, answered) => {
            let id = open.or(answered).map(|r| (r.id, r.key));
            other_key(draft, order, id, news == News::OtherKeyFail);
        }
        (News::Again, ..) => again(draft, order),
        (news, ..) => of_payment(draft, order, news),
    }
}

/// The provider refunds all that is left of a payment, mostly the main one, of its own accord.
pub(crate) fn foreign_full(draft: &mut Draft<'_>, order: &mut Order) {
    let main = order
        .payments
        .iter()
        .find(|p| p.main && p.captured > p.refunded)
        .cloned();
    match main {
        Some(main) if draft.rng.chance(85) => {
            let over = if draft.rng.chance(15) { 1 } else { 0 };
            let amount = (main.captured - main.refunded + over).min(MAX);
            let id = foreign_id(draft);
            refunded(draft, order, &main.key, amount, &id);
        }
        _ => of_payment(draft, order, News::Foreign),
    }
}

fn foreign_id(draft: &mut Draft<'_>) -> String {
    match draft.rng.below(100) {
        0..8 => draft.fresh("foreign", &"x".repeat(76)),
        // Ids count under their payment key: others may have the same.
        8..20 => draft.rng.one_of(&["pg-1", "pg-2"]).to_owned(),
        _ => draft.fresh("foreign", "pg-"),
    }
}

/// News that need no command, or for which there is none.
fn of_payment(draft: &mut Draft<'_>, order: &mut Order, news: News) {
    let captured: Vec<Payment> = order
        .payments
        .iter()
        .filter(|p| p.captured > 0)
        .cloned()
        .collect();
    let main = captured.iter().find(|p| p.main).filter(|_| draft.rng.chance(50));
    let unpaid: Vec<&Payment> = captured.iter().filter(|p| p.refunded < p.captured).collect();
    let left = draft
        .rng
        .pick_from(&unpaid)
        .copied()
        .filter(|_| draft.rng.chance(70));
    let Some(payment) = main.or(left).or_else(|| draft.rng.pick_from(&captured)).cloned() else {
        match draft.rng.below(100) {
            0..20 => payments::payment(draft, order, Move::ConfirmOther),
            20..35 => uncaptured(draft, order),
            _ => {}
        }
        return;
    };
    let (key, left) = (
        payment.key.as_str(),
        payment.captured.saturating_sub(payment.refunded),
    );
    let id = match news {
        News::Ahead => format!("{}:r{}", order.id, order.refunds.len() + 1),
        _ => foreign_id(draft),
    };
    match news {
        News::Uncaptured => uncaptured(draft, order),
        News::UnknownFail | News::Fail | News::LateFail => fails(draft, order, key, &id),
        News::Foreign => refunded(draft, order, key, left.max(1), &id),
        News::Over => refunded(draft, order, key, (left.max(0) + 1).min(MAX), &id),
        News::Huge => refunded(draft, order, key, MAX, &id),
        News::Currency => {
            let other = if payment.currency == "USD" { "EUR" } else { "USD" };
            draft.send(of(order, key, 1, other, &id));
        }
        _ => {
            let part = draft.rng.range(1, left.clamp(2, 100) - 1).max(1);
            refunded(draft, order, key, part, &id);
        }
    }
}

/// A refund of what was never captured.
fn uncaptured(draft: &mut Draft<'_>, order: &mut Order) {
    let waiting = order.payments.iter().find(|p| p.captured == 0);
    let key = waiting.map_or_else(|| "pk-none".to_owned(), |p| p.key.clone());
    let id = foreign_id(draft);
    if draft.rng.chance(25) {
        fails(draft, order, &key, &id);
    } else {
        draft.send(of(order, &key, 1, &order.currency, &id));
    }
}

/// The refund id of one payment under the key of another.
fn other_key(draft: &mut Draft<'_>, order: &mut Order, id: Option<(String, String)>, fail: bool) {
    let Some((id, own)) = id else {
        return of_payment(draft, order, News::ForeignPart);
    };
    let others: Vec<Payment> = order
        .payments
        .iter()
        .filter(|p| p.captured > 0 && p.key != own)
        .cloned()
        .collect();
    let Some(other) = draft.rng.pick_from(&others) else {
        return of_payment(draft, order, News::ForeignPart);
    };
    if fail {
        return fails(draft, order, &other.key, &id);
    }
    let left = other.captured.saturating_sub(other.refunded).max(1);
    let amount = if draft.rng.chance(50) {
        left
    } else {
        draft.rng.range(1, left)
    };
    refunded(draft, order, &other.key, amount, &id);
}

/// A refund that was told before: the same, or of another amount or currency.
fn again(draft: &mut Draft<'_>, order: &mut Order) {
    let of_order =
        |d: &&Doc| d.spec.name == "payment_refunded" && d.get("order_id") == Some(&J::text(&order.id));
    let told: Vec<Doc> = draft.memory.sent.iter().filter(of_order).cloned().collect();
    let Some(told) = draft.rng.pick_from(&told) else {
        return of_payment(draft, order, News::ForeignPart);
    };
    let mut told = told.clone();
    match draft.rng.below(10) {
        0..6 => {}
        6..8 => {
            if let Some(J::Int(amount)) = told.get("amount") {
                let other = amount % MAX + 1;
                told.set("amount", J::Int(other));
            }
        }
        _ => told.set("currency", J::text("CHF")),
    }
    draft.send_again(&told);
}

fn of(order: &Order, key: &str, amount: i64, currency: &str, id: &str) -> Doc {
    money("payment_refunded", order, key, amount, currency).text("refund_id", id)
}

fn refunded(draft: &mut Draft<'_>, order: &mut Order, key: &str, amount: i64, id: &str) {
    let currency = order
        .payment(key)
        .map_or_else(|| order.currency.clone(), |p| p.currency.clone());
    let doc = of(order, key, amount, &currency, id);
    draft.send(doc.clone());
    if draft.rng.chance(6) {
        draft.send_again(&doc);
    }
    predict::refunded(order, key, amount, id);
}

fn fails(draft: &mut Draft<'_>, order: &mut Order, key: &str, id: &str) {
    let doc = Doc::new("refund_failed")
        .text("order_id", &order.id)
        .text("payment_key", key)
        .text("refund_id", id)
        .text("code", draft.rng.one_of(&["no_funds", "closed", ""]))
        .text("message", "The refund failed.");
    draft.send(doc);
    predict::failed(order, key, id);
}
