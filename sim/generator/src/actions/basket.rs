//! What could be bought, by whom, and with which means.

use crate::actions::place::Aim;
use crate::actions::wallets;
use crate::doc::Doc;
use crate::generator::{Draft, Terms};
use crate::profile::Profile;
use crate::schema::MAX;
use crate::snapshot::{Campaign, Grant, Product};

/// An order in the making.
pub(crate) struct Basket {
    pub customer: String,
    pub currency: String,
    pub lines: Vec<(String, i64, i64)>,
    pub campaign: Option<String>,
    pub wallet: i64,
}

/// Something that could be bought, by someone who could.
pub(crate) fn basket(draft: &mut Draft<'_>, aim: Aim) -> Option<Basket> {
    let snap = draft.snap;
    let dear = aim == Aim::Dear;
    let sold = |p: &&Product| {
        let there = !p.stocked || p.available > 0;
        !p.withdrawn && there && (p.price > 1_000_000_000) == dear
    };
    let sold: Vec<&Product> = snap.products.iter().filter(sold).collect();
    let first = *draft.rng.pick_from(&sold)?;
    let mates: Vec<&Product> = sold
        .iter()
        .copied()
        .filter(|p| p.currency == first.currency)
        .collect();
    let mut lines = Vec::new();
    // What other orders of the epoch take is mostly, not always, left to them.
    let racing = draft.rng.chance(25);
    let taken = |p: &Product| draft.taken.get(&p.sku).copied().filter(|_| !racing).unwrap_or(0);
    let mut left: Vec<i64> = mates
        .iter()
        .map(|p| p.available.saturating_sub(taken(p)))
        .collect();
    let count = if aim == Aim::Long {
        30
    } else {
        draft.rng.one_of(&[1, 1, 2, 2, 3, 5])
    };
    let usual = if draft.profile == Profile::Refunds { 9 } else { 4 };
    for n in 0..if dear { 1 } else { count } {
        let at = if n == 0 {
            mates.iter().position(|p| p.sku == first.sku).unwrap_or(0)
        } else {
            draft.rng.index(mates.len())
        };
        let product = mates[at];
        let there = if product.stocked { left[at] } else { 1_000_000 };
        if there < 1 {
            continue;
        }
        let quantity = match draft.rng.below(20) {
            0 => there.min(1_000_000),
            _ => draft.rng.range(1, there.min(usual)),
        };
        // As many as the greatest total allows, at most three.
        let quantity = if dear {
            (MAX / product.price).clamp(1, 3)
        } else {
            quantity
        };
        left[at] -= quantity;
        lines.push((product.sku.clone(), quantity, product.price));
    }
    if lines.is_empty() {
        return None;
    }
    let mut basket = Basket {
        customer: draft.customer(),
        currency: first.currency.clone(),
        lines,
        campaign: None,
        wallet: 0,
    };
    means(draft, aim, &mut basket);
    Some(basket)
}

/// A right and what is in the wallet.
fn means(draft: &mut Draft<'_>, aim: Aim, basket: &mut Basket) {
    let often = if draft.profile == Profile::Refunds { 60 } else { 35 };
    match aim {
        Aim::Claim => claim(draft, basket),
        Aim::Free if draft.rng.chance(60) => right(draft, basket),
        Aim::Free => {}
        _ if draft.rng.chance(often) => right(draft, basket),
        _ => {}
    }
    let terms = basket.campaign.as_ref().and_then(|id| draft.memory.terms.get(id));
    if terms.is_some_and(|t| total(basket).unwrap_or(0) < t.minimum) && draft.rng.chance(80) {
        basket.campaign = None;
    }
    let wallet = draft.snap.wallet(&basket.customer, &basket.currency);
    let mut available = wallet.map_or(0, |w| w.available);
    let owed = total(basket).unwrap_or(0) - discount(draft, basket);
    if owed > available && owed < 1_000_000_000 && draft.rng.chance(if aim == Aim::Free { 75 } else { 8 }) {
        // Wallets come before orders: what is missing is there in time.
        wallets::movement(
            draft,
            "wallet_topped_up",
            &basket.customer,
            owed - available,
            &basket.currency,
        );
        available = owed;
    }
    let most = available.min(owed);
    if most > 0 && aim == Aim::Free {
        basket.wallet = most;
    } else if most > 0 && draft.rng.chance(often) {
        basket.wallet = draft.rng.range(1, most);
    }
}

/// Whether rights to the campaign can be used now, for orders in the currency.
fn open(draft: &Draft<'_>, campaign: &str, currency: &str) -> bool {
    let fits = draft
        .memory
        .terms
        .get(campaign)
        .is_some_and(|t| t.currency == currency);
    let campaign = draft.snap.campaign(campaign);
    let now = |c: &Campaign| c.starts.is_none_or(|s| s <= draft.now) && c.ends.is_none_or(|e| draft.now < e);
    fits && campaign.is_some_and(now)
}

/// Takes a right that is available.
fn right(draft: &mut Draft<'_>, basket: &mut Basket) {
    let lax = draft.rng.chance(8);
    let fits = |g: &&Grant| g.state == "available" && (lax || open(draft, &g.campaign, &basket.currency));
    let grants: Vec<&Grant> = draft.snap.grants.iter().filter(fits).collect();
    if let Some(grant) = draft.rng.pick_from(&grants) {
        basket.customer = grant.customer.clone();
        basket.campaign = Some(grant.campaign.clone());
    }
}

/// Claims a right and takes it: claims come before orders.
fn claim(draft: &mut Draft<'_>, basket: &mut Basket) {
    let snap = draft.snap;
    let free = |c: &&Campaign| c.remaining > 0 && !c.closed && open(draft, &c.id, &basket.currency);
    let campaigns: Vec<&Campaign> = snap.campaigns.iter().filter(free).collect();
    let Some(campaign) = draft.rng.pick_from(&campaigns).map(|c| c.id.clone()) else {
        return right(draft, basket);
    };
    for _ in 0..4 {
        let holds = |g: &Grant| g.campaign == campaign && g.customer == basket.customer;
        if snap.grants.iter().any(holds) {
            basket.customer = draft.customer();
        }
    }
    let doc = Doc::new("coupon_claimed")
        .text("campaign_id", &campaign)
        .text("customer_id", &basket.customer);
    draft.send(doc);
    basket.campaign = Some(campaign);
}

/// The sum of an order, if it is not above the greatest amount.
pub(crate) fn total(basket: &Basket) -> Option<i64> {
    let sum: i128 = basket
        .lines
        .iter()
        .map(|l| i128::from(l.1) * i128::from(l.2))
        .sum();
    i64::try_from(sum).ok().filter(|sum| *sum <= MAX)
}

/// What the coupon takes off, if it is valid.
pub(crate) fn discount(draft: &Draft<'_>, basket: &Basket) -> i64 {
    let Some(total) = total(basket) else { return 0 };
    let terms = basket.campaign.as_ref().and_then(|id| draft.memory.terms.get(id));
    terms.map_or(0, |t| off(*t, total))
}

fn off(terms: Terms, total: i64) -> i64 {
    if total < terms.minimum {
        return 0;
    }
    let off = if terms.percent {
        i64::try_from(i128::from(total) * i128::from(terms.value) / 100).unwrap_or(total)
    } else {
        terms.value
    };
    off.min(terms.max.unwrap_or(MAX)).min(total)
}
