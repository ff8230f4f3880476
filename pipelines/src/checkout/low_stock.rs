//! `low_stock`: stocked products that are for sale and have little available, and their threshold.
//!
//! It is decided here, as all that it needs is at hand where stock changes: a job of its own would have to be
//! told each level of each product.

use contract::delta::DeltaBuilder;
use contract::views::{LowStockRow, View};
use operators::ledger::Ledger;

use super::facts::Facts;

/// What the view shows, and which products may have changed.
#[derive(Debug, Default)]
pub struct LowStock {
    touched: Vec<u32>,
    /// Another threshold is in force for all that have none of their own.
    all: bool,
    /// By product: what is available and the threshold, if it is low.
    shown: Vec<Option<(i64, i64)>>,
}

impl LowStock {
    /// A product changed, or its stock.
    pub fn touch(&mut self, product: u32) {
        self.touched.push(product);
    }

    /// The rules changed.
    pub fn touch_all(&mut self) {
        self.all = true;
    }

    /// Finds out what the view shows.
    pub fn restore(&mut self, facts: &Facts, ledger: &Ledger) {
        *self = LowStock::default();
        self.touch_all();
        self.write(facts, ledger, &mut DeltaBuilder::new(View::LowStock));
    }

    /// Writes the rows that changed.
    pub fn write(&mut self, facts: &Facts, ledger: &Ledger, out: &mut DeltaBuilder) {
        if std::mem::take(&mut self.all) {
            self.touched.clear();
            let products = u32::try_from(facts.products.len()).expect("products have 32-bit numbers");
            self.touched.extend(0..products);
        } else {
            self.touched.sort_unstable();
            self.touched.dedup();
        }
        self.shown.resize(facts.products.len(), None);
        let default = facts.rules[facts.rules.len() - 1].low_stock_default;
        for number in self.touched.drain(..) {
            let product = facts.products[number as usize];
            let row = product.offer.filter(|offer| offer.stocked && !offer.withdrawn);
            let row = row.and_then(|offer| {
                let available = product.stock.map_or(0, |stock| ledger.levels(stock).available());
                let threshold = offer.low_stock.unwrap_or(default);
                (available <= threshold).then_some((available, threshold))
            });
            let was = std::mem::replace(&mut self.shown[number as usize], row);
            let sku = facts.skus.get(number);
            match row {
                _ if row == was => {}
                None => out.delete(&sku),
                Some((available, threshold)) => out.upsert(&LowStockRow {
                    sku,
                    available,
                    threshold,
                }),
            }
        }
    }
}
