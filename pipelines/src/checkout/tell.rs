//! What the epoch tells the other jobs ([`crate::news`]).

use std::sync::Arc;

use contract::records::{ProductUpserted, Record};
use contract::values::Rating;
use operators::interner::Interner;
use operators::ledger::Levels;

use super::Checkout;
use super::facts::Facts;
use super::order::Order;
use crate::carts::CartChange;
use crate::catalog::{Listed, Product, ProductChange, json_list};
use crate::news::{Name, Named, News, Sale, SaleLine, Spent};
use crate::reviews::{Review, ReviewChange};

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

    /// Tells that a product was upserted.
    pub(super) fn product(&mut self, number: u32, r: &ProductUpserted<'_>) {
        let product = Product::Known(Arc::new(Listed::from(r)), false);
        self.news.products.push((number, ProductChange::Put(product)));
    }

    /// Tells that a product was withdrawn.
    pub(super) fn withdrawn(&mut self, number: u32) {
        self.news.products.push((number, ProductChange::Withdraw));
    }

    /// Tells of a record of `carts` that counts.
    pub(super) fn cart(&mut self, record: &Record<'_>, version: i64, facts: &mut Facts) {
        let (customer_id, change) = match record {
            Record::CartItemSet(r) => {
                let product = facts.product(r.sku.get());
                (r.customer_id, CartChange::Set(product, r.quantity.get()))
            }
            Record::CartCleared(r) => (r.customer_id, CartChange::Clear),
            _ => unreachable!("{} is not of carts", record.kind()),
        };
        let customer = facts.customers.intern(customer_id.get());
        self.news.carts.push((customer, version, change));
    }

    /// Tells of a record of `reviews` that counts.
    pub(super) fn review(&mut self, record: &Record<'_>, facts: &mut Facts) {
        let (id, change) = match record {
            Record::ReviewPosted(r) => {
                let product = facts.product(r.sku.get());
                if facts.products[product as usize].offer.is_none() {
                    self.news.products.push((product, ProductChange::Name));
                }
                let review = Review {
                    product,
                    customer: facts.customers.intern(r.customer_id.get()),
                    rating: rating(r.rating),
                    text: r.text.get().into(),
                    images: json_list(r.images.get().iter().map(|image| image.get())).into(),
                };
                (r.review_id, ReviewChange::Put(Arc::new(review)))
            }
            Record::ReviewEdited(r) => {
                let text = r.text.map(|text| text.get().into());
                (r.review_id, ReviewChange::Edit(r.rating.map(rating), text))
            }
            Record::ReviewDeleted(r) => (r.review_id, ReviewChange::Delete),
            _ => unreachable!("{} is not of reviews", record.kind()),
        };
        self.news.reviews.push((id.get().into(), change));
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

fn rating(rating: Rating) -> u8 {
    u8::try_from(rating.get()).expect("a rating is 1 to 5")
}

impl Checkout {
    /// What the epoch that just ended tells the other jobs.
    pub fn take_news(&mut self) -> News {
        self.teller.names(&self.desk.facts);
        std::mem::take(&mut self.teller.news)
    }

    /// After a restart, at the epoch of the checkpoint: all names, and what is spent, to be told once more.
    pub fn restored(&mut self) -> News {
        self.teller = Teller::default();
        let (facts, ledger) = (&self.desk.facts, &self.desk.ledger);
        for (product, facts) in (0..).zip(facts.products.iter()) {
            if let Some(stock) = facts.stock {
                self.teller
                    .stock(product, Levels::default(), ledger.levels(stock));
            }
        }
        self.take_news()
    }
}
