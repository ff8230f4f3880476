//! What the epoch tells the other jobs ([`crate::news`]).

use std::sync::Arc;

use operators::interner::Interner;
use operators::ledger::Levels;

use super::Checkout;
use super::facts::Facts;
use super::order::Order;
use crate::news::{Name, Named, News, Sale, SaleLine, Spent};

/// News in the making, and how many numbers were told of each kind.
#[derive(Debug, Default)]
pub struct Teller {
    pub(super) news: News,
    told: [usize; 3],
}

impl Teller {
    /// Tells how an order's sale changed from the epoch's start (`before`) to its end.
    pub(super) fn order(&mut self, before: Option<&Order>, now: &Order, facts: &Facts) {
        let was = before.filter(|order| order.status.is_sold());
        let is = Some(now).filter(|order| order.status.is_sold());
        let same = match (was, is) {
            (None, None) => true,
            // What is sold and closed stays as it is for ever; its lines are gone.
            (Some(was), Some(is)) => was.closed || was.returned == is.returned && was.lines == is.lines,
            _ => false,
        };
        if !same {
            for (order, counts) in [(was, false), (is, true)] {
                order.inspect(|order| self.sale(order, counts, facts));
            }
        }
    }

    fn sale(&mut self, order: &Order, counts: bool, facts: &Facts) {
        let lines = self.news.lines.len();
        let left = order.lines.iter().filter(|line| line.quantity > line.cancelled);
        self.news.lines.extend(left.map(|line| {
            let units = line.quantity - line.cancelled;
            let offer = facts.products[line.product as usize].offer;
            SaleLine {
                product: line.product,
                stocked: offer.is_some_and(|offer| offer.stocked),
                store: line.store,
                category: line.category,
                units,
                gross: units * line.unit_price,
            }
        }));
        self.news.sales.push(Sale {
            counts,
            day: order.day,
            currency: order.currency.to_u16(),
            customer: order.customer,
            revenue: order.total() - order.discount - order.returned,
            lines: u32::try_from(self.news.lines.len() - lines).expect("an order has at most 2,000 lines"),
        });
    }

    /// Tells that a product's level changed.
    pub(super) fn stock(&mut self, product: u32, before: Levels, levels: Levels) {
        if before.spent != levels.spent {
            self.news.spent.push(Spent {
                product,
                before: before.spent,
                after: levels.spent,
            });
        }
    }

    fn names(&mut self, facts: &Facts) {
        let kinds = [Named::Sku, Named::Customer, Named::Text];
        let interners: [&Interner; 3] = [&facts.skus, &facts.customers, &facts.texts];
        for ((named, interner), told) in kinds.into_iter().zip(interners).zip(&mut self.told) {
            let new = *told..interner.len();
            *told = interner.len();
            self.news.names.extend(new.map(|number| {
                let number = u32::try_from(number).expect("fewer than 2^32 texts");
                let text = Arc::from(interner.get(number));
                Name { named, number, text }
            }));
        }
    }
}

impl Checkout {
    /// What the epoch that just ended tells the other jobs.
    pub fn take_news(&mut self) -> News {
        self.teller.names(&self.desk.facts);
        std::mem::take(&mut self.teller.news)
    }
}
