//! What sold orders sum up to: the groups behind the dashboards (contract, section 2, second table).
//!
//! An order that is sold contributes one [`Sale`]. When an order changed, its old sale is taken out of
//! the sums and its new one put in; a group whose sums are all zero again is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::order::Order;
use crate::records::Int;

/// What a sold order contributes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sale {
    day: String,
    currency: String,
    customer_id: String,
    /// total - discount - returned.
    revenue: Int,
    /// Lines that have units left.
    lines: Vec<SaleLine>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SaleLine {
    sku: String,
    store_id: String,
    category: String,
    units: Int,
    gross: Int,
}

impl Sale {
    /// The order's sale, if it is sold.
    fn of(order: &Order) -> Option<Sale> {
        if !order.status.is_sold() {
            return None;
        }
        let lines = order
            .lines
            .iter()
            .filter(|line| line.units() > 0)
            .map(|line| SaleLine {
                sku: line.sku.clone(),
                store_id: line.store_id.clone(),
                category: line.category.clone(),
                units: line.units(),
                gross: line.units() * line.unit_price,
            });
        Some(Sale {
            day: order.placed_at.day(),
            currency: order.currency.clone(),
            customer_id: order.customer_id.clone(),
            revenue: order.total.unwrap_or(0) - order.discount - order.returned,
            lines: lines.collect(),
        })
    }
}

/// By what sales are summed, and what the sums are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    /// (day, currency): orders, units, revenue.
    Day,
    /// (day, currency, store_id): units, gross.
    Store,
    /// (day, currency, category): units, gross.
    Category,
    /// (sku): units, orders, gross.
    Sku,
    /// (currency, sku): units, gross.
    Product,
    /// (currency, customer_id): orders, spent.
    Customer,
    /// (customer_id, sku): orders.
    Bought,
}

pub(crate) type Sums = [Int; 3];

/// All sales and their sums.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sales {
    of_order: BTreeMap<String, Sale>,
    groups: BTreeMap<By, BTreeMap<Vec<String>, Sums>>,
    /// The groups that changed since they were last asked for.
    changed: BTreeSet<(By, Vec<String>)>,
}

impl Sales {
    /// Brings the sums up to date with an order.
    pub(crate) fn update(&mut self, order: &Order) {
        let new = Sale::of(order);
        let old = self.of_order.remove(&order.order_id);
        if old != new {
            if let Some(old) = &old {
                self.count(old, -1);
            }
            if let Some(new) = &new {
                self.count(new, 1);
            }
        }
        if let Some(new) = new {
            self.of_order.insert(order.order_id.clone(), new);
        }
    }

    /// The sums of a group, unless it is empty.
    pub(crate) fn sums(&self, by: By, key: &[String]) -> Option<Sums> {
        self.groups.get(&by)?.get(key).copied()
    }

    /// All groups.
    pub(crate) fn groups(&self) -> &BTreeMap<By, BTreeMap<Vec<String>, Sums>> {
        &self.groups
    }

    /// The groups that changed since this was last asked.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<(By, Vec<String>)> {
        std::mem::take(&mut self.changed)
    }

    /// The first 100 of a currency in the order that `first` says; ties by the bytes of the id.
    pub(crate) fn ranked(&self, by: By, currency: &str, first: fn(&Sums) -> [Int; 2]) -> Vec<(String, Sums)> {
        let mut members: Vec<(&String, &Sums)> = self
            .groups
            .get(&by)
            .into_iter()
            .flat_map(|group| group.range(vec![currency.to_owned()]..))
            .map_while(|(key, sums)| match key.as_slice() {
                [c, id] if c == currency => Some((id, sums)),
                _ => None,
            })
            .collect();
        members.sort_by(|(id, sums), (other_id, other_sums)| {
            first(other_sums).cmp(&first(sums)).then_with(|| id.cmp(other_id))
        });
        members
            .into_iter()
            .take(100)
            .map(|(id, sums)| (id.clone(), *sums))
            .collect()
    }

    /// Puts a sale in (`sign` 1) or takes it out (-1).
    fn count(&mut self, sale: &Sale, sign: Int) {
        let units: Int = sale.lines.iter().map(|line| line.units).sum();
        self.add(
            By::Day,
            &[&sale.day, &sale.currency],
            [sign, sign * units, sign * sale.revenue],
        );
        self.add(
            By::Customer,
            &[&sale.currency, &sale.customer_id],
            [sign, sign * sale.revenue, 0],
        );
        let mut skus: BTreeMap<&str, [Int; 2]> = BTreeMap::new();
        for line in &sale.lines {
            let sums = [sign * line.units, sign * line.gross, 0];
            self.add(By::Store, &[&sale.day, &sale.currency, &line.store_id], sums);
            self.add(By::Category, &[&sale.day, &sale.currency, &line.category], sums);
            let [units, gross] = skus.entry(&line.sku).or_default();
            *units += sign * line.units;
            *gross += sign * line.gross;
        }
        for (sku, [units, gross]) in skus {
            self.add(By::Sku, &[sku], [units, sign, gross]);
            self.add(By::Product, &[&sale.currency, sku], [units, gross, 0]);
            self.add(By::Bought, &[&sale.customer_id, sku], [sign, 0, 0]);
        }
    }

    fn add(&mut self, by: By, key: &[&str], more: Sums) {
        let key: Vec<String> = key.iter().map(|part| (*part).to_owned()).collect();
        let group = self.groups.entry(by).or_default();
        let sums = group.entry(key.clone()).or_default();
        for (sum, more) in sums.iter_mut().zip(more) {
            *sum += more;
        }
        if *sums == [0; 3] {
            group.remove(&key);
        }
        self.changed.insert((by, key));
    }
}
