//! The audit `dashboards_match`: units that dashboards show as sold of a stocked product against what the ledger says is
//! spent of its stock. Both come to one worker; they must change alike in every epoch.
//!
//! Only what does not match is remembered: of any other product what the one path says before a change is what the
//! other does.

use std::collections::BTreeMap;

use contract::delta::DeltaBuilder;
use contract::views::AuditsRow;

use super::{Names, Row};
use crate::dashboards::Group;
use crate::news::Named;

/// Units before and after an epoch.
type Change = (i64, i64);

/// Products that changed in this epoch, and those that do not match.
#[derive(Debug, Default)]
pub(super) struct SoldAudit {
    spent: BTreeMap<u32, Change>,
    sold: BTreeMap<u32, Change>,
    /// What is spent and what is shown as sold.
    mismatches: BTreeMap<u32, (i64, i64)>,
}

fn note(changes: &mut BTreeMap<u32, Change>, product: u32, units: i64, diff: isize) {
    let change = changes.entry(product).or_default();
    *if diff < 0 { &mut change.0 } else { &mut change.1 } = units;
}

impl SoldAudit {
    /// The ledger's side changed.
    pub(super) fn spent(&mut self, product: u32, units: i64, diff: isize) {
        note(&mut self.spent, product, units, diff);
    }

    /// The dashboards' side changed.
    pub(super) fn group(&mut self, row: &Row, diff: isize) {
        if let Row::Group(Group::Product(_, product, true), sums) = row {
            note(&mut self.sold, *product, sums.units, diff);
        }
    }

    /// Writes which violations came and went in the epoch.
    pub(super) fn write(&mut self, names: &Names, out: &mut DeltaBuilder) {
        let (spent, sold) = (std::mem::take(&mut self.spent), std::mem::take(&mut self.sold));
        if self.mismatches.is_empty() && spent == sold {
            return;
        }
        let mut products: Vec<u32> = spent.keys().chain(sold.keys()).copied().collect();
        products.sort_unstable();
        products.dedup();
        for product in products {
            let (spent, sold) = (spent.get(&product), sold.get(&product));
            let known = self.mismatches.get(&product).copied();
            let was = known.or_else(|| spent.or(sold).map(|(before, _)| (*before, *before)));
            let (was_spent, was_sold) = was.unwrap_or_default();
            let expected = spent.map_or(was_spent, |(_, after)| *after);
            let actual = sold.map_or(was_sold, |(_, after)| *after);
            let (name, subject) = ("dashboards_match", &**names.get(Named::Sku, product));
            if expected != actual {
                self.mismatches.insert(product, (expected, actual));
                out.upsert(&AuditsRow {
                    name,
                    subject,
                    expected,
                    actual,
                });
            } else if self.mismatches.remove(&product).is_some() {
                out.delete(&(name, subject));
            }
        }
    }
}
