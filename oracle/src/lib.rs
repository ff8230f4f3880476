//! The rules of millrace a second time, as plain sequential code over whole logs.
//!
//! The oracle checks the production job: property tests and `millrace verify` compare every row of
//! every view at the same epoch. Its worth lies in being written from the contract and the rules alone,
//! in their words and their order, with whole rows and no deltas: `decode` writes down section 1 of the
//! contract, `placing`, `life`, `refunds`, `lines` and `attention` sections 3 to 5 of the rules,
//! `views` and the modules it calls section 2 of the contract.
//!
//! It shares nothing with the job but the contract's types for positions, times and rows.

mod attention;
mod audits;
mod decode;
mod facts;
mod fields;
mod json;
mod legs;
mod life;
mod lines;
mod order;
mod order_rows;
mod placing;
#[cfg(test)]
mod random;
mod records;
mod refunds;
mod sales;
mod shop;
mod shop_rows;
mod table;
mod types;
mod views;

use contract::delta::Tables;
use contract::log::{Epoch, History, RawRecord};
use contract::time::Time;

use crate::shop::Shop;
use crate::views::Shown;

/// Decides a log, one epoch after another, and shows every row of every view.
#[derive(Clone, Debug)]
pub struct Oracle {
    shop: Shop,
    shown: Shown,
}

impl Default for Oracle {
    fn default() -> Self {
        Oracle {
            shop: Shop::new(),
            shown: Shown::default(),
        }
    }
}

impl Oracle {
    /// Before the first epoch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides an epoch: its records, which must come in log order; then the deadlines that are due;
    /// then every view is brought up to date (rules, section 1).
    pub fn epoch<'a>(&mut self, epoch: Epoch, clock: Time, records: impl IntoIterator<Item = RawRecord<'a>>) {
        self.shop.epoch = epoch.0;
        self.shop.clock = clock;
        for record in records {
            self.shop.receive(&record);
        }
        self.shop.fire_deadlines();
        self.shown.update(&mut self.shop);
    }

    /// Every row of every view at the last epoch. `quarantine.detail` is left empty, `attention.detail`
    /// null for what millrace itself raises; `audits` is as [`Oracle::audit`] found it last.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.shown.tables
    }

    /// Recomputes every sum from the records and whole orders, and fills `audits` with what does not
    /// agree: nothing, unless the oracle is wrong. Takes time in proportion to the whole state.
    pub fn audit(&mut self) {
        audits::audit(&self.shop, &mut self.shown);
    }
}

/// Decides a whole log and audits the end.
#[must_use]
pub fn replay(log: &History) -> Oracle {
    let mut oracle = Oracle::new();
    for (index, binding) in log.timeline().iter().enumerate() {
        oracle.epoch(binding.epoch, binding.clock, log.records(index));
    }
    oracle.audit();
    oracle
}
