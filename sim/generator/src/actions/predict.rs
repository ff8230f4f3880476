//! What the moves of an epoch do to an order, by guess: good enough to choose the next move of the same
//! epoch.
//!
//! A wrong guess costs nothing: the next move is then merely another one than was meant.

use contract::time::Time;

use crate::snapshot::{Line, Order, Payment, Refund};

/// It is paid.
pub(crate) fn sold(order: &mut Order, now: Time) {
    order.status = "confirmed".to_owned();
    order.confirmed_at = Some(now);
}

fn add(order: &mut Order, key: &str, captured: i64, currency: &str, main: bool) {
    order.payments.retain(|p| p.key != key);
    order.payments.push(Payment {
        key: key.to_owned(),
        currency: currency.to_owned(),
        captured,
        refunded: 0,
        status: if captured > 0 { "captured" } else { "submitted" }.to_owned(),
        main,
    });
}

/// A refund is commanded.
pub(crate) fn refund(order: &mut Order, key: &str, amount: i64) {
    let id = format!("{}:r{}", order.id, order.refunds.len() + 1);
    order.refunds.push(Refund {
        id,
        key: key.to_owned(),
        amount,
        open: true,
    });
    if let Some(payment) = order.payments.iter_mut().find(|p| p.key == key) {
        payment.status = "refund_pending".to_owned();
    }
}

/// A payment is submitted.
pub(crate) fn submitted(order: &mut Order, key: &str, amount: i64, currency: &str) {
    let matches = amount == order.payable && currency == order.currency;
    if order.status == "awaiting_payment" && matches && order.payment(key).is_none() {
        order.status = "paying".to_owned();
        order.key = Some(key.to_owned());
        order.confirm_open = true;
        add(order, key, 0, currency, false);
    }
}

/// A payment is captured.
pub(crate) fn confirmed(order: &mut Order, key: &str, amount: i64, currency: &str, now: Time) {
    if order.payment(key).is_some_and(|p| p.captured > 0) {
        return;
    }
    let matches = amount == order.payable && currency == order.currency;
    let paying = order.status == "paying" && order.key.as_deref() == Some(key);
    let accepted = matches && (paying || order.status == "awaiting_payment");
    add(order, key, amount, currency, accepted);
    if accepted {
        sold(order, now);
        order.key = Some(key.to_owned());
        if paying && order.asked_to_cancel {
            order.status = "refunding".to_owned();
            refund(order, key, amount);
        }
    } else {
        refund(order, key, amount);
        if paying {
            declined(order, key);
        }
    }
}

/// A payment is declined.
pub(crate) fn declined(order: &mut Order, key: &str) {
    if order.status == "paying" && order.key.as_deref() == Some(key) {
        order.status = if order.asked_to_cancel {
            "cancelled"
        } else {
            "awaiting_payment"
        }
        .to_owned();
        order.confirm_open = false;
    }
}

/// An amount is refunded.
pub(crate) fn refunded(order: &mut Order, key: &str, amount: i64, id: &str) {
    let Some(payment) = order.payments.iter_mut().find(|p| p.key == key && p.captured > 0) else {
        return;
    };
    payment.refunded = payment.refunded.saturating_add(amount);
    let full = payment.refunded >= payment.captured;
    let main = payment.main;
    let ours = order.refunds.iter_mut().find(|r| r.id == id && r.key == key);
    let known = ours.is_some();
    let mut part = false;
    if let Some(refund) = ours {
        part = refund.open && amount < refund.amount;
        refund.open = false;
    }
    payment.status = if full {
        "refunded"
    } else if part {
        "refund_failed"
    } else {
        "captured"
    }
    .to_owned();
    match order.status.as_str() {
        "refunding" | "needs_operator" if main && full => order.status = "cancelled".to_owned(),
        "refunding" if main && part => order.status = "needs_operator".to_owned(),
        "confirmed" if main && full && !known => order.status = "cancelled".to_owned(),
        _ => {}
    }
}

/// A refund failed.
pub(crate) fn failed(order: &mut Order, key: &str, id: &str) {
    let Some(refund) = order
        .refunds
        .iter_mut()
        .find(|r| r.id == id && r.key == key && r.open)
    else {
        return;
    };
    refund.open = false;
    let Some(payment) = order.payments.iter_mut().find(|p| p.key == key) else {
        return;
    };
    payment.status = "refund_failed".to_owned();
    if payment.main && order.status == "refunding" {
        order.status = "needs_operator".to_owned();
    }
}

/// A cancel is requested.
pub(crate) fn cancelled(order: &mut Order, now: Time) {
    match order.status.as_str() {
        "awaiting_payment" => order.status = "cancelled".to_owned(),
        "paying" => order.asked_to_cancel = true,
        "confirmed" if order.cancel_end().is_none_or(|end| now < end) => {
            let main = order
                .payments
                .iter()
                .find(|p| p.main && p.refunded < p.captured)
                .cloned();
            order.status = if main.is_some() { "refunding" } else { "cancelled" }.to_owned();
            if let Some(main) = main {
                let open = order.refunds.iter().filter(|r| r.open && r.key == main.key);
                let asked: i64 = open.map(|r| r.amount).sum();
                let rest = main.captured - main.refunded - asked;
                if rest > 0 {
                    refund(order, &main.key, rest);
                }
            }
        }
        _ => {}
    }
}

/// What failed is commanded again.
pub(crate) fn redriven(order: &mut Order) {
    if order.status == "needs_operator" {
        order.status = "refunding".to_owned();
    }
    let failed = order.payments.iter().filter(|p| p.status == "refund_failed");
    let failed: Vec<(String, i64)> = failed
        .map(|p| (p.key.clone(), (p.captured - p.refunded).max(1)))
        .collect();
    for (key, owed) in failed {
        let last = order
            .refunds
            .iter()
            .rfind(|r| r.key == key && !r.open)
            .map_or(owed, |r| r.amount);
        refund(order, &key, last.min(owed));
    }
}

/// Some units are cancelled; if they are all that is left, the order is.
pub(crate) fn lines_cancelled(order: &mut Order, lines: &[(i64, i64)], now: Time) {
    let value = |lines: &[Line]| -> i64 {
        lines
            .iter()
            .map(|l| (l.quantity - l.left).saturating_mul(l.price))
            .fold(0, i64::saturating_add)
    };
    let before = value(&order.lines);
    let mut after = order.lines.clone();
    for (no, quantity) in lines {
        if let Some(line) = after.iter_mut().find(|l| l.no == *no) {
            line.left -= quantity;
        }
    }
    if after.iter().all(|l| l.left <= 0) {
        return cancelled(order, now);
    }
    let given = order.given_back(value(&after).saturating_sub(before), before);
    order.lines = after;
    let Some(main) = order.payments.iter().find(|p| p.main).cloned() else {
        return;
    };
    let open: i64 = order
        .refunds
        .iter()
        .filter(|r| r.open && r.key == main.key)
        .map(|r| r.amount)
        .sum();
    let amount = given.min(main.captured - main.refunded - open);
    if amount > 0 {
        refund(order, &main.key, amount);
    }
}
