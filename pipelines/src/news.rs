//! What `checkout` tells the other jobs of an epoch: plain data, cheap to say and to move.
//!
//! The job that decides runs on one worker and bounds everything, so it says little and in numbers: products,
//! customers and texts go by the numbers that it gave them, and each number's text is told once, when it is
//! new ([`News::names`]). What was true when an order was decided (its day, its lines' stores and categories)
//! is told with its sale.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::carts::CartChange;
use crate::catalog::ProductChange;
use crate::jobs::BaseRows;
use crate::reviews::ReviewChange;

/// What a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Named {
    /// A sku.
    Sku,
    /// A customer's id.
    Customer,
    /// A store or category.
    Text,
}

/// A number and its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Name {
    /// What kind of number.
    pub named: Named,
    /// The number: of each kind they come from 0 and without gaps.
    pub number: u32,
    /// Its text.
    pub text: Arc<str>,
}

/// An order that is sold, or ceases to be as it was sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// Whether it is sold like this from now on, or no more.
    pub counts: bool,
    /// The UTC day of its placed_at, counted from 1970.
    pub day: u32,
    /// Number of its currency.
    pub currency: u16,
    /// Who placed it.
    pub customer: u32,
    /// total - discount - returned.
    pub revenue: i64,
    /// How many of [`News::lines`], after those of the sale before, are its lines.
    pub lines: u32,
}

/// A line of a sale, with units left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleLine {
    /// The product.
    pub product: u32,
    /// Whether stock is held for it.
    pub stocked: bool,
    /// Its store when the order was decided.
    pub store: u32,
    /// Its category when the order was decided.
    pub category: u32,
    /// quantity - cancelled.
    pub units: i64,
    /// units x unit_price.
    pub gross: i64,
}

/// Units of a stocked product that the ledger says are sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// The product.
    pub product: u32,
    /// At the end of the epoch before.
    pub before: i64,
    /// At the end of this epoch.
    pub after: i64,
}

/// What an epoch tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// New numbers.
    pub names: Vec<Name>,
    /// Sales that began and ended.
    pub sales: Vec<Sale>,
    /// Their lines, one sale's behind another's.
    pub lines: Vec<SaleLine>,
    /// Levels that changed.
    pub spent: Vec<Spent>,
    /// Records of products that count, in log order.
    pub products: Vec<(u32, ProductChange)>,
    /// Records of carts that count, in log order: customer, the cart's version afterwards, what it does.
    pub carts: Vec<(u32, i64, CartChange)>,
    /// Records of reviews that count, in log order.
    pub reviews: Vec<(Arc<str>, ReviewChange)>,
    /// After a restart: rows of the base collections.
    pub base: BaseRows,
}

impl News {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let News {
            names,
            sales,
            lines,
            spent,
            products,
            carts,
            reviews,
            base,
        } = self;
        let sold = !(sales.is_empty() && lines.is_empty() && spent.is_empty());
        let told = !(names.is_empty() && products.is_empty() && carts.is_empty() && reviews.is_empty());
        !sold && !told && base.is_empty()
    }
}
