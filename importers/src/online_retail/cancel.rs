//! Which earlier order a cancellation belongs to.
//!
//! The data doesn't say: a cancellation names a customer, products, units and prices. It belongs to the
//! newest order of that customer of which it is all that is left; else to the newest that has so many units
//! of each product left, at those prices; else each of its lines goes its own way. What belongs to an order
//! that isn't sold in this import is listed, rather than taken from another order.

use std::collections::BTreeMap;

use contract::time::Time;

use super::import::Importer;
use super::invoice::{Invoice, Use};
use super::shop::{Event, Order, State};
use super::{Line, Mapped, Reason, is_fee};

/// What is given back, or is left: units by product and price.
type Units<'a> = BTreeMap<(&'a str, i64), i64>;

const DAY_MS: i64 = 86_400_000;

impl<'a> Importer<'a> {
    /// Writes what a cancellation invoice does. The customer's orders are all bound.
    pub fn cancel(&mut self, invoice: &Invoice<'a>) {
        let Some(customer) = invoice.customer else { return };
        let orders = self.customers.get(customer).cloned().unwrap_or_default();
        let mut parts = 0;
        for (order, lines) in self.belonging(invoice, &orders) {
            let units = units(&lines);
            let refused = match self.shop.orders[order].state {
                // The clock of the epoch isn't known yet; it is one of that day.
                State::Sold { until } if end_of_day(invoice.at) <= until => None,
                State::Sold { .. } => Some(Reason::TooLate),
                _ => Some(Reason::OrderNotSold),
            };
            let taken = take(&mut self.shop.orders[order], &units);
            if let Some(reason) = refused {
                lines
                    .iter()
                    .for_each(|line| self.report.list(line.number, reason));
                continue;
            }
            self.open.clock = Some(invoice.at);
            parts += 1;
            let id = if parts == 1 {
                invoice.id.to_owned()
            } else {
                format!("{}.{parts}", invoice.id)
            };
            let mapped = self.cancelled(&id, order, &taken);
            lines.iter().for_each(|_| self.report.map(mapped));
        }
    }

    /// The orders to which its lines belong; lists the lines that belong to none. `orders` come oldest first.
    fn belonging(&mut self, invoice: &Invoice<'a>, orders: &[usize]) -> Vec<(usize, Vec<&'a Line>)> {
        let lines: Vec<_> = invoice.of_use(Use::Cancel).collect();
        let wanted = units(&lines);
        let left: Vec<_> = orders
            .iter()
            .rev()
            .map(|order| (*order, left(&self.shop.orders[*order])))
            .collect();
        let whole = left.iter().find(|(_, left)| *left == wanted);
        if let Some((order, _)) = whole.or_else(|| left.iter().find(|(_, left)| fits(left, &wanted))) {
            return vec![(*order, lines)];
        }
        let mut left = left;
        let mut parts: Vec<(usize, Vec<&'a Line>)> = Vec::new();
        for line in lines {
            let key = (&*line.sku, line.price);
            let found = left
                .iter_mut()
                .find(|(_, left)| left.get(&key).is_some_and(|n| *n >= -line.quantity));
            let Some((order, left)) = found else {
                self.report.list(line.number, self.unmatched(line, orders));
                continue;
            };
            left.entry(key).and_modify(|units| *units += line.quantity);
            match parts.iter_mut().find(|(known, _)| known == order) {
                Some((_, lines)) => lines.push(line),
                None => parts.push((*order, vec![line])),
            }
        }
        parts
    }

    fn unmatched(&self, line: &Line, orders: &[usize]) -> Reason {
        let mut bought = orders.iter().flat_map(|order| &self.shop.orders[*order].lines);
        if bought.any(|l| *l.sku == *line.sku) {
            Reason::NoMatchingOrder
        } else {
            Reason::NeverBought
        }
    }

    /// Cancels these units (by index of the order's lines), which are taken from what was left.
    fn cancelled(&mut self, id: &str, index: usize, taken: &[(usize, i64)]) -> Mapped {
        let order = &mut self.shop.orders[index];
        let reason = format!("cancellation {id}");
        let goods: Vec<_> = taken
            .iter()
            .map(|(line, units)| (order.lines[*line].sku, *units))
            .filter(|(sku, _)| !is_fee(sku))
            .collect();
        let whole = order.lines.iter().all(|line| line.left == 0);
        let amount = if whole {
            order.payable - order.asked
        } else {
            taken
                .iter()
                .map(|(line, units)| order.lines[*line].price * units)
                .sum()
        };
        self.open.refunds.extend(order.refund(index, amount));
        if whole {
            order.state = State::Over;
            let partition = self.records.cancel_order(&order.id, &reason);
            self.open.event(partition, Event::ReturnRefunded(index, goods));
            self.report.made.cancelled_orders += 1;
            Mapped::CancelledOrder
        } else {
            let partition = self.records.cancel_lines(&order.id, id, taken, &reason);
            self.open.event(partition, Event::Return(goods));
            self.report.made.line_cancellations += 1;
            Mapped::CancelledLine
        }
    }
}

/// The units that lines of a cancellation give back.
fn units<'a>(lines: &[&'a Line]) -> Units<'a> {
    let mut units = Units::new();
    for line in lines {
        *units.entry((&*line.sku, line.price)).or_default() -= line.quantity;
    }
    units
}

/// The units that an order has left.
fn left<'a>(order: &Order<'a>) -> Units<'a> {
    let mut units = Units::new();
    for line in order.lines.iter().filter(|line| line.left > 0) {
        *units.entry((line.sku, line.price)).or_default() += line.left;
    }
    units
}

fn fits(left: &Units<'_>, wanted: &Units<'_>) -> bool {
    wanted
        .iter()
        .all(|(key, units)| left.get(key).is_some_and(|left| left >= units))
}

/// Takes units from an order that has them: from which of its lines, and how many of each.
fn take(order: &mut Order<'_>, wanted: &Units<'_>) -> Vec<(usize, i64)> {
    let mut wanted = wanted.clone();
    let mut taken = Vec::new();
    for (index, line) in order.lines.iter_mut().enumerate() {
        if let Some(units) = wanted.get_mut(&(line.sku, line.price)) {
            let of_line = line.left.min(*units);
            if of_line > 0 {
                *units -= of_line;
                line.left -= of_line;
                taken.push((index, of_line));
            }
        }
    }
    taken
}

/// The last millisecond of its day.
fn end_of_day(at: Time) -> Time {
    at.plus_ms(DAY_MS - 1 - at.ms() % DAY_MS)
}
