//! Section 4.2 of the rules: cancelling lines of a `confirmed` order.

use std::collections::BTreeMap;

use crate::order::{Cause, Note, Order, RefundReason, Status};
use crate::records::{Int, LinesCancel};
use crate::shop::Shop;

impl Shop {
    /// order_lines_cancel_requested.
    pub(crate) fn lines_cancel_requested(&mut self, order: &mut Order, cause: Cause, asked: &LinesCancel) {
        if order.status != Status::Confirmed {
            return self.note(order, cause, Note::Ignored);
        }
        if !order.is_in_cancel_window(self.clock) {
            return self.note(order, cause, Note::TooLate);
        }
        // A line named twice is summed.
        let mut units: BTreeMap<Int, Int> = BTreeMap::new();
        for (line_no, quantity) in &asked.lines {
            *units.entry(*line_no).or_default() += quantity;
        }
        let numbered = || (1..).zip(&order.lines);
        let left: BTreeMap<Int, Int> = numbered()
            .map(|(line_no, line)| (line_no, line.units()))
            .collect();
        let exist =
            |(line_no, quantity): (&Int, &Int)| left.get(line_no).is_some_and(|units| quantity <= units);
        if !units.iter().all(exist) {
            return self.note(order, cause, Note::BadLines);
        }
        if left.values().sum::<Int>() == units.values().sum::<Int>() {
            return self.cancel_confirmed(order, cause, &asked.reason);
        }
        self.cancel_lines(order, cause, &asked.cancellation_id, &units);
    }

    /// The units return to stock at once, and what they cost is given back.
    fn cancel_lines(
        &mut self,
        order: &mut Order,
        cause: Cause,
        cancellation_id: &str,
        units: &BTreeMap<Int, Int>,
    ) {
        let value_cancelled = |order: &Order| -> Int {
            order
                .lines
                .iter()
                .map(|line| line.cancelled * line.unit_price)
                .sum()
        };
        let c = value_cancelled(order);
        let mut returned: BTreeMap<String, Int> = BTreeMap::new();
        for (line_no, line) in (1..).zip(&mut order.lines) {
            let cancelled = units.get(&line_no).copied().unwrap_or(0);
            line.cancelled += cancelled;
            if line.stocked && cancelled > 0 {
                *returned.entry(line.sku.clone()).or_default() += cancelled;
            }
        }
        let v = value_cancelled(order) - c;
        self.return_units(&returned);

        let total = order.total.unwrap_or(0);
        let share = |x: Int| if total == 0 { 0 } else { order.discount * x / total };
        let g = v - (share(c + v) - share(c));

        // First from what is left of the main payment, then to the wallet.
        let main = order.main.clone();
        let left = main.as_ref().map_or(0, |key| order.left_of(key)).max(0);
        let from_payment = g.min(left);
        if let Some(key) = main.filter(|_| from_payment > 0) {
            self.issue_refund(order, RefundReason::LinesCancelled, &key, from_payment);
        }
        let to_wallet = (g - from_payment).min(order.wallet_amount - order.wallet_returned);
        self.return_to_wallet(order, to_wallet, "lines_returned", cancellation_id);
        order.wallet_returned += to_wallet;
        order.returned += from_payment + to_wallet;
        self.note(order, cause, Note::LinesCancelled);
    }
}
