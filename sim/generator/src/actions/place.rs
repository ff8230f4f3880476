//! Orders: good ones, ones whose payable is 0, and ones for every reason there is to reject them.

use contract::time::Time;

use crate::actions::basket::{Basket, basket, discount, total};
use crate::actions::spoil::spoil;
use crate::actions::{catalog, orders, predict};
use crate::doc::{Doc, J};
use crate::generator::Draft;
use crate::profile::Profile;
use crate::rules;
use crate::snapshot::{Grant, Line, Order};

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    Good,
    /// A right that is claimed in the same epoch.
    Claim,
    Free,
    UnknownSku,
    Withdrawn,
    Currency,
    Limit,
    Dear,
    Price,
    Coupon,
    WalletWhy,
    WalletShort,
    Stock,
    Long,
}

const AIMS: [(Aim, u64); 14] = [
    (Aim::Good, 66),
    (Aim::Claim, 5),
    (Aim::Free, 7),
    (Aim::UnknownSku, 3),
    (Aim::Withdrawn, 2),
    (Aim::Currency, 3),
    (Aim::Limit, 2),
    (Aim::Dear, 3),
    (Aim::Price, 3),
    (Aim::Coupon, 8),
    (Aim::WalletWhy, 2),
    (Aim::WalletShort, 3),
    (Aim::Stock, 6),
    (Aim::Long, 2),
];

/// Places an order; a third of them live on in the same epoch.
pub(crate) fn place(draft: &mut Draft<'_>) {
    if draft.memory.orders >= draft.profile.orders_max() {
        return orders::some_order(draft);
    }
    let dwells = matches!(draft.profile, Profile::Refunds | Profile::Payments);
    let aim = if dwells && draft.rng.chance(60) {
        Aim::Good
    } else {
        draft.rng.weighted(&AIMS)
    };
    let Some(mut basket) = basket(draft, aim) else {
        return if aim == Aim::Dear {
            catalog::dear(draft);
        } else {
            catalog::supply(draft);
        };
    };
    spoil(draft, aim, &mut basket);
    let doomed = !matches!(aim, Aim::Good | Aim::Claim | Aim::Free | Aim::Long | Aim::Dear);
    order(draft, &basket, doomed);
}

/// Claims and uses rights to a campaign while its window begins or ends.
pub(crate) fn at_the_moment(draft: &mut Draft<'_>, campaign: &str) {
    let snap = draft.snap;
    let sold = |o: &&Order| o.campaign.as_deref() == Some(campaign) && o.status == "confirmed";
    let sold: Vec<&Order> = snap.orders.iter().filter(sold).collect();
    if let Some(order) = draft.rng.pick_from(&sold).filter(|_| draft.rng.chance(60)) {
        // What becomes of its right: is it of use again?
        orders::cancel(draft, &mut (**order).clone());
    }
    let Some(mut basket) = basket(draft, Aim::Good) else {
        return;
    };
    let rights = snap
        .grants
        .iter()
        .filter(|g| g.campaign == campaign && g.state == "available");
    let rights: Vec<&Grant> = rights.collect();
    match draft.rng.pick_from(&rights) {
        Some(right) if draft.rng.chance(80) => basket.customer = right.customer.clone(),
        _ => {
            let doc = Doc::new("coupon_claimed").text("campaign_id", campaign);
            draft.send(doc.text("customer_id", &basket.customer));
        }
    }
    basket.campaign = Some(campaign.to_owned());
    basket.wallet = 0;
    order(draft, &basket, false);
}

fn order(draft: &mut Draft<'_>, basket: &Basket, doomed: bool) {
    let id = order_id(draft);
    let doc = write(draft, &id, basket);
    draft.send(doc);
    let mut sketch = sketch(draft, &id, basket);
    if doomed {
        sketch.status = "rejected".to_owned();
    }
    draft.sketches.insert(id.clone(), sketch);
    for line in &basket.lines {
        *draft.taken.entry(line.0.clone()).or_insert(0) += line.1;
    }
    if draft.rng.chance(if doomed { 8 } else { 40 }) {
        let moves = draft.rng.range(1, 4);
        orders::live(draft, &id, moves);
    }
}

fn order_id(draft: &mut Draft<'_>) -> String {
    draft.memory.orders += 1;
    let number = draft.memory.orders;
    match number % 9 {
        5 => format!("o{number}{}", "=".repeat(64 - 1 - number.to_string().len())),
        7 => format!("o{}:r1", number - 1),
        _ => format!("o{number}"),
    }
}

/// The record that places it.
pub(crate) fn write(draft: &mut Draft<'_>, id: &str, basket: &Basket) -> Doc {
    let line = |l: &(String, i64, i64)| {
        J::Object(vec![
            ("sku", J::text(&l.0)),
            ("quantity", J::Int(l.1)),
            ("unit_price", J::Int(l.2)),
        ])
    };
    let mut doc = Doc::new("order_placed")
        .text("order_id", id)
        .text("customer_id", &basket.customer)
        .text("currency", &basket.currency)
        .with("lines", J::List(basket.lines.iter().map(line).collect()))
        .maybe("campaign_id", basket.campaign.as_ref().map(J::text));
    if basket.wallet > 0 || draft.rng.chance(15) {
        doc.set("wallet_amount", J::Int(basket.wallet));
    }
    if draft.rng.chance(35) {
        let day = 86_400_000;
        let ago = draft
            .rng
            .one_of(&[0, 1, 5_000, day, 3 * day, -1, -day, -40_000 * day, draft.now.ms()]);
        let at = Time::from_ms(draft.now.ms() - ago).unwrap_or(draft.now);
        doc.set("placed_at", J::At(at));
    }
    doc
}

/// The order as it will stand if nothing is wrong with it.
fn sketch(draft: &Draft<'_>, id: &str, basket: &Basket) -> Order {
    let total = total(basket).unwrap_or(0);
    let discount = discount(draft, basket);
    let payable = (total - discount - basket.wallet).max(0);
    let rules = draft.memory.version;
    let numbered = basket.lines.iter().zip(1..);
    let mut order = Order {
        id: id.to_owned(),
        customer: basket.customer.clone(),
        status: "awaiting_payment".to_owned(),
        currency: basket.currency.clone(),
        total,
        discount,
        wallet_amount: basket.wallet,
        payable,
        deadline: Some(draft.now.plus_seconds(rules::of_version(rules).payment_window_s)),
        rules,
        lines: numbered
            .map(|(l, no)| Line {
                no,
                sku: l.0.clone(),
                price: l.2,
                quantity: l.1,
                left: l.1,
            })
            .collect(),
        ..Order::default()
    };
    if payable == 0 {
        predict::sold(&mut order, draft.now);
    }
    order
}
