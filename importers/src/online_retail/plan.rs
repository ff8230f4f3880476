//! What the shop receives, and when.
//!
//! At the beginning of a month it receives, of each product, what the orders and adjustments of that month
//! will take beyond what is there already. Cancelled units that come back are not counted on. With nothing
//! short, no order of the data runs out: the need within an epoch never exceeds that at its end, which the
//! plan covers.

use std::collections::{BTreeMap, HashMap};

use contract::time::Time;

use super::invoice::{Invoice, Use};
use super::{Options, is_fee};

/// Receipts to be written, by month (`2010-12`) and sku.
pub(super) struct Plan<'a> {
    months: BTreeMap<String, BTreeMap<&'a str, i64>>,
}

/// A product's share in one month's receipts.
pub(super) struct Due<'a> {
    pub sku: &'a str,
    /// Units that arrive, possibly none.
    pub units: i64,
    /// Whether fewer arrive than will be asked for.
    pub short: bool,
}

/// The month of a time, `2010-12`.
pub(super) fn month(at: Time) -> String {
    let mut day = at.day();
    day.truncate(7);
    day
}

impl<'a> Plan<'a> {
    pub fn new(invoices: &[Invoice<'a>]) -> Self {
        let mut months: BTreeMap<String, BTreeMap<&'a str, i64>> = BTreeMap::new();
        // Per sku: units taken so far, and the most that was ever taken.
        let mut taken: HashMap<&'a str, (i64, i64)> = HashMap::new();
        for invoice in invoices {
            for (line, used) in &invoice.lines {
                let units = match used {
                    Use::Sell if !is_fee(&line.sku) => line.quantity,
                    Use::Adjust => -line.quantity,
                    _ => continue,
                };
                let (now, peak) = taken.entry(&line.sku).or_default();
                *now += units;
                if *now > *peak {
                    let of_month = months.entry(month(invoice.at)).or_default();
                    *of_month.entry(&line.sku).or_default() += *now - *peak;
                    *peak = *now;
                }
            }
        }
        Self { months }
    }

    /// The receipts of a month, by sku; nothing when asked a second time.
    pub fn take(&mut self, month: &str, options: &Options) -> Vec<Due<'a>> {
        let due = self.months.remove(month).unwrap_or_default();
        due.into_iter()
            .map(|(sku, needed)| {
                let short = options.draws(options.short_per_mille, "short", &format!("{month}/{sku}"));
                let units = if short { needed - (needed + 9) / 10 } else { needed };
                Due { sku, units, short }
            })
            .collect()
    }
}
