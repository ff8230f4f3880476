//! Top-ups and withdrawals: exactly what is there, one more than that, and up to the greatest balance there
//! is.

use crate::doc::Doc;
use crate::generator::Draft;
use crate::schema::MAX;
use crate::snapshot::Order;

/// A movement of a wallet.
pub(crate) fn movement(draft: &mut Draft<'_>, kind: &str, customer: &str, amount: i64, currency: &str) {
    let (prefix, field) = if kind == "wallet_topped_up" {
        ("top-up", "topup_id")
    } else {
        ("withdrawal", "withdrawal_id")
    };
    let doc = Doc::new(kind)
        .text(field, &draft.fresh(prefix, "n"))
        .text("customer_id", customer)
        .int("amount", amount.clamp(1, MAX))
        .text("currency", currency);
    draft.send(doc);
}

/// A usual top-up.
pub(crate) fn top_up(draft: &mut Draft<'_>) {
    let customer = draft.customer();
    let currency = draft.currency();
    let amount = draft.rng.one_of(&[1, 10, 100, 500, 2_000, 50_000]);
    movement(draft, "wallet_topped_up", &customer, amount, currency);
}

/// Some movement of some wallet.
pub(crate) fn wallet(draft: &mut Draft<'_>) {
    let snap = draft.snap;
    // To the limit while an order may still give back what it took.
    let spent = |o: &&Order| o.wallet_amount > 0 && o.status == "confirmed";
    if let Some(order) = snap.orders.iter().find(spent).filter(|_| draft.rng.chance(6)) {
        let balance = snap
            .wallet(&order.customer, &order.currency)
            .map_or(0, |w| w.balance);
        if balance < MAX {
            return movement(
                draft,
                "wallet_topped_up",
                &order.customer,
                MAX - balance,
                &order.currency,
            );
        }
    }
    let Some(wallet) = draft
        .rng
        .pick_from(&snap.wallets)
        .filter(|_| draft.rng.chance(75))
    else {
        return top_up(draft);
    };
    let (customer, currency) = (wallet.customer.as_str(), wallet.currency.as_str());
    let (kind, amount) = match draft.rng.below(100) {
        0..35 => return top_up(draft),
        35..50 => ("wallet_withdrawn", wallet.available),
        50..65 => ("wallet_withdrawn", wallet.available.saturating_add(1)),
        65..78 => ("wallet_withdrawn", draft.rng.range(1, wallet.available.max(1))),
        78..83 => ("wallet_topped_up", MAX - wallet.balance),
        83..88 => ("wallet_topped_up", (MAX - wallet.balance).saturating_add(1)),
        // In and out within one epoch.
        88..94 => {
            movement(draft, "wallet_topped_up", customer, 70, currency);
            ("wallet_withdrawn", 70)
        }
        _ => {
            let other = draft.customer();
            return movement(draft, "wallet_withdrawn", &other, 5, currency);
        }
    };
    movement(draft, kind, customer, amount, currency);
}
