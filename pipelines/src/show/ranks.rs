//! `top_products` and `vip_customers`: the first hundred of a currency.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::values::Currency;
use contract::views::{TopProductsRow, View, VipCustomersRow};
use operators::ranking::{Place, Ranking};
use serde::{Deserialize, Serialize};

use super::{Deltas, Names, shown};
use crate::dashboards::{Group, Sums};
use crate::news::Named;

/// How many have a rank.
const RANKS: usize = 100;

/// Who may be among the first, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Candidate {
    /// Customers, not products.
    customers: bool,
    currency: u16,
    number: u32,
    /// What decides: of products units, then gross; of customers what they spent, then nothing.
    score: (i128, i128),
    /// Of customers: orders.
    orders: i64,
}

impl Candidate {
    /// The candidate that a group is, if it is one.
    #[must_use]
    pub fn of(group: &Group, sums: &Sums) -> Option<Candidate> {
        let units = i128::from(sums.units);
        match *group {
            Group::Product(currency, number, _) => Some(Candidate {
                customers: false,
                currency,
                number,
                score: (units, sums.money),
                orders: 0,
            }),
            Group::Customer(currency, number) => Some(Candidate {
                customers: true,
                currency,
                number,
                score: (sums.money, 0),
                orders: sums.orders,
            }),
            _ => None,
        }
    }

    /// Candidates that are ranked together have the same.
    #[must_use]
    pub fn group_hash(&self) -> u64 {
        u64::from(self.currency) << 1 | u64::from(self.customers)
    }
}

/// A member's id; its orders come after, as ids differ.
type Id = (Arc<str>, i64);

/// The rankings: of customers or of products, by currency.
#[derive(Debug, Default)]
pub(super) struct Ranks(BTreeMap<(bool, u16), Ranking<(i128, i128), Id>>);

impl Ranks {
    /// Notes that a candidate comes or goes.
    pub(super) fn change(&mut self, candidate: &Candidate, diff: isize, names: &Names) {
        let Candidate {
            customers,
            currency,
            number,
            score,
            orders,
        } = *candidate;
        let named = if customers { Named::Customer } else { Named::Sku };
        let id = (Arc::clone(names.get(named, number)), orders);
        let ranking = self.0.entry((customers, currency));
        let ranking = ranking.or_insert_with(|| Ranking::new(RANKS));
        if diff > 0 {
            ranking.add(score, id);
        } else {
            ranking.remove(score, id);
        }
    }

    /// Writes which ranks changed.
    pub(super) fn write(&mut self, deltas: &mut Deltas) {
        for ((customers, currency), ranking) in &mut self.0 {
            let currency = Currency::from_u16(*currency);
            let view = if *customers {
                View::VipCustomers
            } else {
                View::TopProducts
            };
            let out = deltas.of(view);
            ranking.tell(|place, member| {
                let currency = currency.get();
                let rank = place.cast_signed() as i64 + 1;
                match member {
                    Place::Empty => out.delete(&(currency, rank)),
                    Place::Taken((spent, _), (id, orders)) if *customers => out.upsert(&VipCustomersRow {
                        currency,
                        rank,
                        customer_id: id,
                        orders: *orders,
                        spent: shown(*spent),
                    }),
                    Place::Taken((units, gross), (id, _)) => out.upsert(&TopProductsRow {
                        currency,
                        rank,
                        sku: id,
                        units: shown(*units),
                        gross: shown(*gross),
                    }),
                }
            });
        }
    }
}
