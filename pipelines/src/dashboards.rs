//! Dashboards: what sold orders sum up to (contract, section 2, second table).
//!
//! A sale is spread over the groups that it belongs to, each with what it adds to them; an arrangement adds
//! up. Sums live in the difference, so a change costs its groups and nothing else, however much was sold
//! before. Groups are also what the best are picked from ([`operators::ranking`]).

use differential_dataflow::difference::{IsZero, Semigroup};
use serde::{Deserialize, Serialize};

use crate::news::{News, Sale, SaleLine};

/// What sales are summed up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Group {
    /// (day, currency).
    Day(u32, u16),
    /// (day, currency, store).
    Store(u32, u16, u32),
    /// (day, currency, category).
    Category(u32, u16, u32),
    /// (currency, product, whether it is stocked): the latter two decide the first, as a product's currency
    /// and whether it is stocked never change.
    Product(u16, u32, bool),
    /// (currency, customer).
    Customer(u16, u32),
}

impl Group {
    /// A hash: what is known of one product must meet on one worker.
    #[must_use]
    pub fn hash(&self) -> u64 {
        match *self {
            Group::Product(_, product, _) => Group::product_hash(product),
            Group::Day(day, currency) => u64::from(day) << 16 | u64::from(currency),
            Group::Store(day, _, text) | Group::Category(day, _, text) => {
                u64::from(day) << 32 | u64::from(text)
            }
            Group::Customer(_, customer) => u64::from(customer),
        }
    }

    /// The hash of a product's group.
    #[must_use]
    pub fn product_hash(product: u32) -> u64 {
        u64::from(product)
    }
}

/// What is summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sums {
    /// Orders.
    pub orders: i64,
    /// Units.
    pub units: i64,
    /// Revenue of days and customers, else gross.
    pub money: i128,
}

impl IsZero for Sums {
    fn is_zero(&self) -> bool {
        *self == Sums::default()
    }
}

impl Semigroup for Sums {
    fn plus_equals(&mut self, other: &Sums) {
        self.orders += other.orders;
        self.units += other.units;
        self.money += other.money;
    }
}

/// Calls `each` with every group that the sales of the news belong to, and what changes there; `bought` with
/// each customer, each product of theirs, and how many more or fewer orders of it they have.
pub fn spread(news: &News, mut each: impl FnMut(Group, Sums), mut bought: impl FnMut(u32, u32, isize)) {
    let mut lines = news.lines.as_slice();
    let mut products = Vec::new();
    for sale in &news.sales {
        let (mine, others) = lines.split_at(sale.lines as usize);
        lines = others;
        spread_sale(sale, mine, &mut products, &mut each);
        for of_product in products.chunk_by(|a, b| a.0 == b.0) {
            bought(sale.customer, of_product[0].0, if sale.counts { 1 } else { -1 });
        }
    }
}

fn spread_sale(
    sale: &Sale,
    lines: &[SaleLine],
    products: &mut Vec<(u32, bool, Sums)>,
    each: &mut impl FnMut(Group, Sums),
) {
    let Sale { day, currency, .. } = *sale;
    let sign = if sale.counts { 1 } else { -1 };
    let mut units = 0;
    products.clear();
    for line in lines {
        units += line.units;
        let sums = Sums {
            orders: 0,
            units: sign * line.units,
            money: i128::from(sign * line.gross),
        };
        each(Group::Store(day, currency, line.store), sums);
        each(Group::Category(day, currency, line.category), sums);
        products.push((line.product, line.stocked, sums));
    }
    // Several lines of one product are one order of it.
    products.sort_unstable_by_key(|(product, ..)| *product);
    for of_product in products.chunk_by(|a, b| a.0 == b.0) {
        let (product, stocked, _) = of_product[0];
        let mut sums = Sums {
            orders: sign,
            ..Sums::default()
        };
        of_product.iter().for_each(|(.., more)| sums.plus_equals(more));
        each(Group::Product(currency, product, stocked), sums);
    }
    let revenue = i128::from(sign * sale.revenue);
    let whole = Sums {
        orders: sign,
        units: sign * units,
        money: revenue,
    };
    each(Group::Day(day, currency), whole);
    each(Group::Customer(currency, sale.customer), whole);
}
