//! What a random log does, one step at a time: each function appends one or a few records to the epoch in the
//! making.

pub(crate) mod basket;
pub(crate) mod broken;
pub(crate) mod carts;
pub(crate) mod catalog;
pub(crate) mod coupons;
pub(crate) mod crowd;
pub(crate) mod faults;
pub(crate) mod garbage;
pub(crate) mod moves;
pub(crate) mod operations;
pub(crate) mod orders;
pub(crate) mod payments;
pub(crate) mod place;
pub(crate) mod predict;
pub(crate) mod refunds;
pub(crate) mod repeat;
pub(crate) mod reviews;
pub(crate) mod samples;
pub(crate) mod spoil;
pub(crate) mod wallets;

use crate::generator::Draft;
use crate::profile::Profile;

/// The first epoch: products with stock, wallets, campaigns with holders, mostly rules with short windows.
pub(crate) fn open_shop(draft: &mut Draft<'_>) {
    if draft.rng.chance(80) {
        operations::rules(draft);
    }
    let (customers, skus) = draft.profile.spread();
    for n in 1..=skus {
        if draft.rng.chance(85) {
            catalog::first(draft, &format!("s{n}"));
        }
    }
    for _ in 0..draft.rng.range(0, customers) {
        wallets::top_up(draft);
    }
    if draft.rng.chance(15) {
        catalog::dear(draft);
    }
    let deep = draft.profile == Profile::Refunds;
    for _ in 0..draft.rng.range(if deep { 2 } else { 0 }, 3) {
        coupons::campaign(draft);
    }
    for _ in 0..draft.rng.range(0, 2 * customers) {
        coupons::claim(draft);
    }
}
