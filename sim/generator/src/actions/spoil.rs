//! What makes an order one that is rejected.

use crate::actions::basket::{Basket, discount, total};
use crate::actions::place::Aim;
use crate::generator::Draft;
use crate::schema::MAX;

/// Makes of something good something that is rejected, if that is the aim.
pub(crate) fn spoil(draft: &mut Draft<'_>, aim: Aim, basket: &mut Basket) {
    let snap = draft.snap;
    let at = draft.rng.index(basket.lines.len());
    let available = snap
        .wallet(&basket.customer, &basket.currency)
        .map_or(0, |w| w.available);
    match aim {
        Aim::Good | Aim::Claim | Aim::Free | Aim::Long => {}
        Aim::Dear if draft.rng.chance(50) => {}
        Aim::Dear => basket
            .lines
            .push((basket.lines[at].0.clone(), 1, basket.lines[at].2)),
        Aim::UnknownSku => {
            let unknown = draft.rng.one_of(&["s99", "S1", "s-0"]);
            basket.lines.insert(at, (unknown.to_owned(), 1, 1));
            if draft.rng.chance(40) {
                basket.lines.push(("a-unknown".to_owned(), 1, 1));
            }
        }
        Aim::Withdrawn => {
            let gone: Vec<_> = snap.products.iter().filter(|p| p.withdrawn).collect();
            if let Some(gone) = draft.rng.pick_from(&gone) {
                basket.lines.push((gone.sku.clone(), 1, gone.price));
            }
        }
        Aim::Currency => {
            let other: Vec<_> = snap
                .products
                .iter()
                .filter(|p| p.currency != basket.currency)
                .collect();
            match draft.rng.pick_from(&other) {
                Some(other) => basket.lines.push((other.sku.clone(), 1, other.price)),
                None => basket.currency = "CHF".to_owned(),
            }
        }
        Aim::Limit => {
            let line = &mut basket.lines[at];
            (line.1, line.2) = draft
                .rng
                .one_of(&[(2, MAX), (1_000_000, MAX), (1_000_000, 9_007_199_255)]);
        }
        Aim::Price => {
            for line in &mut basket.lines[at..] {
                line.2 += draft.rng.range(0, 1);
            }
            basket.lines[at].2 += 1;
        }
        Aim::Coupon => spoil_coupon(draft, basket),
        Aim::WalletWhy => {
            let owed = total(basket).unwrap_or(0) - discount(draft, basket);
            basket.wallet = owed + draft.rng.one_of(&[1, 1, 1000]);
        }
        Aim::WalletShort => {
            let owed = total(basket).unwrap_or(0) - discount(draft, basket);
            basket.wallet = (available + 1).min(owed).max(0);
        }
        Aim::Stock => spoil_stock(draft, basket, at, available),
    }
}

/// Asks for more than there is, on one line or on several, sometimes of the wallet too.
fn spoil_stock(draft: &mut Draft<'_>, basket: &mut Basket, at: usize, available: i64) {
    let snap = draft.snap;
    let there = snap.product(&basket.lines[at].0).map_or(0, |p| p.available);
    if draft.rng.chance(50) {
        basket.lines[at].1 = (there + 1).clamp(1, 1_000_000);
    } else {
        let (sku, _, price) = basket.lines[at].clone();
        basket.lines.push((sku, there.clamp(1, 1_000_000), price));
    }
    if draft.rng.chance(15) {
        basket.wallet = (available + 1).min(total(basket).unwrap_or(0));
    }
}

/// Names a campaign by which the order can't be discounted, in one of the ways there are.
fn spoil_coupon(draft: &mut Draft<'_>, basket: &mut Basket) {
    let snap = draft.snap;
    if draft.rng.chance(12) {
        basket.campaign = Some("k99".to_owned());
        return;
    }
    if draft.rng.chance(45) {
        // Held or spent already.
        let taken: Vec<_> = snap.grants.iter().filter(|g| g.state != "available").collect();
        if let Some(grant) = draft.rng.pick_from(&taken) {
            basket.customer = grant.customer.clone();
            basket.campaign = Some(grant.campaign.clone());
            return;
        }
    }
    basket.campaign = draft.rng.pick_from(&snap.campaigns).map(|c| c.id.clone());
}
