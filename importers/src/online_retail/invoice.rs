//! Lines gathered into invoices, and what each line is to be used for.

use std::collections::HashMap;

use contract::time::Time;

use super::{Line, Reason, is_fee};

/// What a line is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A line of an order.
    Sell,
    /// Units of an earlier order, given back.
    Cancel,
    /// An adjustment of stock.
    Adjust,
    /// Nothing.
    List(Reason),
}

/// All lines with one InvoiceNo.
#[derive(Debug)]
pub(super) struct Invoice<'a> {
    pub id: &'a str,
    /// The customer of its first line; none for a guest.
    pub customer: Option<&'a str>,
    /// When its last line was entered.
    pub at: Time,
    /// Its lines, in the file's order.
    pub lines: Vec<(&'a Line, Use)>,
}

impl<'a> Invoice<'a> {
    /// The lines of one use.
    pub fn of_use(&self, of: Use) -> impl Iterator<Item = &'a Line> {
        self.lines
            .iter()
            .filter(move |(_, used)| *used == of)
            .map(|(line, _)| *line)
    }

    fn starts_with(&self, letter: u8) -> bool {
        self.id
            .as_bytes()
            .first()
            .is_some_and(|first| first.eq_ignore_ascii_case(&letter))
    }

    /// Decides what each line is for. An invoice is judged whole: lines at price 0 that stand beside priced
    /// ones are gifts, while an invoice of nothing else, without a customer, is a correction of stock.
    fn classify(&mut self) {
        let all_free = self.customer.is_none() && self.lines.iter().all(|(line, _)| line.price == 0);
        let uses: Vec<_> = self
            .lines
            .iter()
            .map(|(line, _)| self.classified(line, all_free))
            .collect();
        for ((_, used), classified) in self.lines.iter_mut().zip(uses) {
            *used = classified;
        }
    }

    fn classified(&self, line: &Line, all_free: bool) -> Use {
        if line.customer.as_deref() != self.customer {
            return Use::List(Reason::CustomerDiffers);
        }
        if self.starts_with(b'A') {
            return Use::List(Reason::BadDebtAdjustment);
        }
        if line.price < 0 {
            return Use::List(Reason::NegativePrice);
        }
        if line.quantity == 0 {
            return Use::List(Reason::ZeroQuantity);
        }
        if self.starts_with(b'C') {
            return match (line.quantity < 0, self.customer) {
                (false, _) => Use::List(Reason::PositiveCancellation),
                (true, None) => Use::List(Reason::CancelWithoutCustomer),
                (true, Some(_)) => Use::Cancel,
            };
        }
        let correction = all_free || (line.quantity < 0 && line.price == 0 && self.customer.is_none());
        match correction {
            true if is_fee(&line.sku) => Use::List(Reason::FeeAdjustment),
            true => Use::Adjust,
            false if line.quantity < 0 => Use::List(Reason::NegativeWithoutOrder),
            false => Use::Sell,
        }
    }
}

/// The invoices by the time of their last line, then by its place in the file.
pub(super) fn gather(lines: &[Line]) -> Vec<Invoice<'_>> {
    let mut index: HashMap<&str, usize> = HashMap::new();
    let mut invoices: Vec<Invoice<'_>> = Vec::new();
    for line in lines {
        let at = *index.entry(&line.invoice).or_insert_with(|| {
            let customer = line.customer.as_deref();
            invoices.push(Invoice {
                id: &line.invoice,
                customer,
                at: line.at,
                lines: Vec::new(),
            });
            invoices.len() - 1
        });
        let invoice = &mut invoices[at];
        invoice.at = invoice.at.max(line.at);
        invoice.lines.push((line, Use::Sell));
    }
    for invoice in &mut invoices {
        invoice.classify();
    }
    invoices.sort_by_key(|invoice| (invoice.at, invoice.lines.last().map(|(line, _)| line.number)));
    invoices
}
