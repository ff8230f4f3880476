//! Profiles: what a random log dwells on.

use crate::rng::Rng;

/// What a random log dwells on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Everything.
    Mixed,
    /// Few orders, many payments and refunds.
    Payments,
    /// Campaigns, claims, rights held, spent and returned.
    Coupons,
    /// Receipts, adjustments, orders that race for the last units.
    Stock,
    /// Deep histories of refunds and cancelled lines.
    Refunds,
    /// Records that can't be used, and every way of writing those that can.
    Garbage,
    /// More orders and bigger epochs.
    Bulk,
}

/// What one step of a random log does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Catalog,
    Stock,
    Campaign,
    Claim,
    Wallet,
    Place,
    Order,
    Rules,
    Attention,
    Cart,
    Review,
    Repeat,
    Garbage,
}

/// The actions in the order of the weights below.
const ACTIONS: [Action; 13] = [
    Action::Catalog,
    Action::Stock,
    Action::Campaign,
    Action::Claim,
    Action::Wallet,
    Action::Place,
    Action::Order,
    Action::Rules,
    Action::Attention,
    Action::Cart,
    Action::Review,
    Action::Repeat,
    Action::Garbage,
];

impl Profile {
    /// All profiles.
    pub const ALL: [Profile; 7] = [
        Profile::Mixed,
        Profile::Payments,
        Profile::Coupons,
        Profile::Stock,
        Profile::Refunds,
        Profile::Garbage,
        Profile::Bulk,
    ];

    /// The profile of a seed: they take turns, so that any run of consecutive seeds has them all.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        const TURNS: [Profile; 12] = [
            Profile::Mixed,
            Profile::Refunds,
            Profile::Payments,
            Profile::Garbage,
            Profile::Coupons,
            Profile::Stock,
            Profile::Mixed,
            Profile::Refunds,
            Profile::Payments,
            Profile::Garbage,
            Profile::Coupons,
            Profile::Bulk,
        ];
        TURNS[usize::try_from(seed % 12).unwrap_or(0)]
    }

    /// The weights of the actions.
    pub(crate) fn actions(self) -> [(Action, u64); 13] {
        // catalog, stock, campaign, claim, wallet, place, order, rules, attention, cart, review, repeat,
        // garbage
        let weights: [u64; 13] = match self {
            Profile::Mixed => [4, 5, 2, 4, 4, 14, 40, 2, 3, 3, 4, 6, 6],
            Profile::Payments => [1, 2, 1, 1, 1, 5, 75, 2, 2, 1, 1, 4, 2],
            Profile::Coupons => [2, 2, 9, 16, 5, 24, 24, 2, 1, 1, 1, 6, 2],
            Profile::Stock => [10, 18, 1, 2, 2, 24, 26, 2, 1, 5, 4, 5, 2],
            Profile::Refunds => [1, 2, 1, 2, 3, 6, 76, 1, 2, 1, 1, 3, 1],
            Profile::Garbage => [4, 3, 2, 3, 3, 6, 10, 2, 2, 5, 6, 16, 40],
            Profile::Bulk => [4, 8, 2, 8, 5, 28, 40, 1, 2, 4, 4, 4, 3],
        };
        std::array::from_fn(|i| (ACTIONS[i], weights[i]))
    }

    /// How many records an epoch has, about.
    pub(crate) fn epoch_size(self, rng: &mut Rng) -> usize {
        match self {
            Profile::Bulk => rng.index(30) + 1,
            _ if rng.chance(8) => 0,
            _ if rng.chance(20) => rng.index(20) + 1,
            _ => rng.index(9) + 1,
        }
    }

    /// How many orders a log has at most.
    pub(crate) fn orders_max(self) -> i64 {
        match self {
            Profile::Payments | Profile::Refunds => 60,
            Profile::Bulk => 250,
            _ => 50,
        }
    }

    /// How many customers and products there are: small, so that they meet.
    pub(crate) fn spread(self) -> (i64, i64) {
        match self {
            Profile::Bulk => (12, 12),
            Profile::Stock => (4, 3),
            Profile::Coupons => (6, 4),
            _ => (4, 5),
        }
    }
}
