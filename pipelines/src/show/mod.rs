//! The rows of the jobs: collections of rows become view deltas, an epoch at a time.
//!
//! All jobs' rows meet in one operator per worker. A row's key is on one worker only, so the parts of a
//! view's delta that workers make have no key in common ([`contract::delta::join`] puts them together).
//! Numbers get their texts back here: each worker has all names.

mod audit;
mod ranks;
mod row;
mod shop;
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
            match &of_key[0] {
                (Row::Name(_, name), _) => self.names.set(name),
                (Row::Candidate(candidate), diff) => self.ranks.change(candidate, *diff, &self.names),
                (Row::Spent(product, units), diff) => self.audit.spent(*product, *units, *diff),
                (any, _) => {
                    let rows = of_key.iter();
                    rows.clone().for_each(|(row, diff)| self.audit.group(row, *diff));
                    let new = rows.rev().find(|(_, diff)| *diff > 0).map(|(row, _)| row);
                    self.row(epoch, any, new);
                }
            }
        }
        self.ranks.write(&mut self.deltas);
        self.audit.write(&self.names, self.deltas.of(View::Audits));
        let changed = self.deltas.0.iter_mut().filter(|builder| !builder.is_empty());
        changed.map(|builder| builder.finish(Epoch(epoch))).collect()
    }
    /// Writes the change of a row with the key of `any`: `new` is what it is now, if it is.
    fn row(&mut self, epoch: u64, any: &Row, new: Option<&Row>) {
        let Show { names, deltas, .. } = self;
        let epoch = i64::try_from(epoch).expect("fewer than 2^63 epochs");
        let sku = |number: u32| &**names.get(Named::Sku, number);
        let customer = |number: u32| &**names.get(Named::Customer, number);
        match any {
            Row::Group(group, _) => sums::write(*group, new, names, deltas),
            Row::Product(number, ..) => {
                let row = match new {
                    Some(Row::Product(_, listed, withdrawn)) => Some((&**listed, *withdrawn)),
                    _ => None,
                };
                shop::product(sku(*number), epoch, row, deltas);
            }
            Row::Cart(number, version) => {
                let version = match new {
                    Some(Row::Cart(_, last)) => last,
                    _ => version,
                };
                shop::cart(customer(*number), *version, epoch, deltas);
            }
            Row::CartItem(number, product, _) => {
                let quantity = match new {
                    Some(Row::CartItem(.., quantity)) => Some(*quantity),
                    _ => None,
                };
                shop::cart_item(customer(*number), sku(*product), quantity, deltas);
            }
            Row::Document(id, ..) => {
                let row = match new {
                    Some(Row::Document(_, review, about, bought)) => {
                        Some((&**review, about.as_deref(), *bought))
                    }
                    _ => None,
                };
                shop::document(id, epoch, row, names, deltas);
            }
            Row::Rating(number, _) => {
                let ratings = match new {
                    Some(Row::Rating(_, ratings)) => Some(*ratings),
                    _ => None,
                };
                shop::rating(sku(*number), ratings, deltas);
            }
            Row::Name(..) | Row::Candidate(_) | Row::Spent(..) => {}
        }
    }
}
