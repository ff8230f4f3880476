//! The views that sum up sales.

use contract::time::Time;
use contract::values::Currency;
use contract::views::{RevenueByCategoryRow, RevenueByDayRow, RevenueByStoreRow, UnitsByProductRow, View};

use super::{Deltas, Names, Row, shown};
use crate::dashboards::{Group, Sums};
use crate::news::Named;

/// A day as views show it.
fn day_text(day: u32) -> String {
    Time::default().plus_seconds(i64::from(day) * 86_400).day()
}

/// Writes a group's row: `row` if it has one.
pub(super) fn write(group: Group, row: Option<&Row>, names: &Names, deltas: &mut Deltas) {
    let sums = match row {
        Some(Row::Group(_, sums)) => Some(*sums),
        _ => None,
    };
    match group {
        Group::Day(day, currency) => by_day(&day_text(day), Currency::from_u16(currency), sums, deltas),
        Group::Store(day, currency, text) => {
            let key = (day_text(day), Currency::from_u16(currency));
            by_store((&key.0, key.1.get(), names.get(Named::Text, text)), sums, deltas);
        }
        Group::Category(day, currency, text) => {
            let key = (day_text(day), Currency::from_u16(currency));
            by_category((&key.0, key.1.get(), names.get(Named::Text, text)), sums, deltas);
        }
        Group::Product(_, product, _) => by_product(names.get(Named::Sku, product), sums, deltas),
        Group::Customer(..) => {}
    }
}

fn by_day(day: &str, currency: Currency, sums: Option<Sums>, deltas: &mut Deltas) {
    let (out, currency) = (deltas.of(View::RevenueByDay), currency.get());
    match sums {
        None => out.delete(&(day, currency)),
        Some(Sums { orders, units, money }) => out.upsert(&RevenueByDayRow {
            day,
            currency,
            orders,
            units,
            revenue: shown(money),
        }),
    }
}

fn by_store((day, currency, store_id): (&str, &str, &str), sums: Option<Sums>, deltas: &mut Deltas) {
    let out = deltas.of(View::RevenueByStore);
    match sums {
        None => out.delete(&((day, currency), store_id)),
        Some(Sums { units, money, .. }) => out.upsert(&RevenueByStoreRow {
            day,
            currency,
            store_id,
            units,
            gross: shown(money),
        }),
    }
}

fn by_category((day, currency, category): (&str, &str, &str), sums: Option<Sums>, deltas: &mut Deltas) {
    let out = deltas.of(View::RevenueByCategory);
    match sums {
        None => out.delete(&((day, currency), category)),
        Some(Sums { units, money, .. }) => out.upsert(&RevenueByCategoryRow {
            day,
            currency,
            category,
            units,
            gross: shown(money),
        }),
    }
}

fn by_product(sku: &str, sums: Option<Sums>, deltas: &mut Deltas) {
    let out = deltas.of(View::UnitsByProduct);
    match sums {
        None => out.delete(&sku),
        Some(Sums { orders, units, money }) => out.upsert(&UnitsByProductRow {
            sku,
            units,
            orders,
            gross: shown(money),
        }),
    }
}
