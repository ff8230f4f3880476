//! The rows of the jobs: collections of rows become view deltas, an epoch at a time.
//!
//! All jobs' rows meet in one operator per worker. A row's key is on one worker only, so the parts of a
//! view's delta that workers make have no key in common ([`contract::delta::join`] puts them together).
//! Numbers get their texts back here: each worker has all names.

mod audit;
mod ranks;
mod row;
mod sums;

use std::sync::Arc;

use contract::delta::{Delta, DeltaBuilder};
use contract::log::Epoch;
use contract::views::View;

use crate::news::{Name, Named};
use audit::SoldAudit;
pub use ranks::Candidate;
use ranks::Ranks;
pub use row::{Row, route};

/// The texts of numbers.
#[derive(Debug, Default)]
struct Names([Vec<Arc<str>>; 3]);

impl Names {
    fn set(&mut self, name: &Name) {
        let texts = &mut self.0[name.named as usize];
        assert_eq!(name.number as usize, texts.len(), "numbers come without gaps");
        texts.push(Arc::clone(&name.text));
    }

    fn get(&self, named: Named, number: u32) -> &Arc<str> {
        &self.0[named as usize][number as usize]
    }
}

/// Deltas in the making, one builder a view.
#[derive(Debug)]
struct Deltas(Vec<DeltaBuilder>);

impl Deltas {
    fn of(&mut self, view: View) -> &mut DeltaBuilder {
        &mut self.0[view as usize]
    }
}

/// Makes deltas of rows.
#[derive(Debug)]
pub struct Show {
    names: Names,
    deltas: Deltas,
    ranks: Ranks,
    audit: SoldAudit,
}

impl Default for Show {
    fn default() -> Self {
        Show {
            names: Names::default(),
            deltas: Deltas(View::ALL.iter().map(|view| DeltaBuilder::new(*view)).collect()),
            ranks: Ranks::default(),
            audit: SoldAudit::default(),
        }
    }
}

/// A sum as views show it: exact up to 2^63-1.
fn shown(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

impl Show {
    /// The deltas of an epoch in which rows changed so: consolidated, and sorted.
    pub fn epoch(&mut self, epoch: u64, changes: &[(Row, isize)]) -> Vec<Delta> {
        for of_key in changes.chunk_by(|a, b| a.0.has_key_of(&b.0)) {
            let new = of_key.iter().find(|(_, diff)| *diff > 0).map(|(row, _)| row);
            let (any, diff) = &of_key[0];
            match any {
                Row::Name(_, name) => self.names.set(name),
                Row::Candidate(candidate) => self.ranks.change(candidate, *diff, &self.names),
                Row::Spent(product, units) => self.audit.spent(*product, *units, *diff),
                Row::Group(group, _) => {
                    of_key.iter().for_each(|(row, diff)| self.audit.group(row, *diff));
                    sums::write(*group, new, &self.names, &mut self.deltas);
                }
            }
        }
        self.ranks.write(&mut self.deltas);
        self.audit.write(&self.names, self.deltas.of(View::Audits));
        let changed = self.deltas.0.iter_mut().filter(|builder| !builder.is_empty());
        changed.map(|builder| builder.finish(Epoch(epoch))).collect()
    }
}
