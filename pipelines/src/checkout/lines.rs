//! Cancelling lines (rules, section 4.2).

use contract::records::OrderLinesCancelRequested;
use contract::words::{Note, RefundReason, Status};

use super::desk::Desk;
use super::touched::Touched;

/// The part of a discount that belongs to the first `value` of `total`, rounded down.
fn share_of(discount: i64, value: i64, total: i64) -> i64 {
    if total == 0 {
        return 0;
    }
    let share = i128::from(discount) * i128::from(value) / i128::from(total);
    i64::try_from(share).expect("a share is at most the discount")
}

impl Desk {
    /// order_lines_cancel_requested
    pub(super) fn cancel_lines(&mut self, t: &mut Touched, r: &OrderLinesCancelRequested<'_>) {
        if t.order.status != Status::Confirmed {
            return self.note(t, Note::Ignored);
        }
        if t.order.closed || self.now.ms() >= t.order.window_end {
            return self.note(t, Note::TooLate);
        }
        let Some(asked) = asked(t, r) else {
            return self.note(t, Note::BadLines);
        };
        let left: i64 = t
            .order
            .lines
            .iter()
            .map(|line| line.quantity - line.cancelled)
            .sum();
        if asked.iter().sum::<i64>() == left {
            return self.cancel(t, r.reason.get());
        }
        self.take_lines(t, &asked, r.cancellation_id.get());
        self.note(t, Note::LinesCancelled);
    }

    fn take_lines(&mut self, t: &mut Touched, asked: &[i64], cancellation_id: &str) {
        let total = t.order.total();
        let (mut before, mut value) = (0, 0);
        for (index, &units) in asked.iter().enumerate() {
            let line = &mut t.order.lines[index];
            before += line.cancelled * line.unit_price;
            if units == 0 {
                continue;
            }
            line.cancelled += units;
            value += units * line.unit_price;
            let product = &self.facts.products[line.product as usize];
            let stocked = product.offer.is_some_and(|offer| offer.stocked);
            if let Some(stock) = product.stock.filter(|_| stocked) {
                self.ledger.give_back(&mut t.order.hold, stock, units);
            }
        }
        let part = |value| share_of(t.order.discount, value, total);
        let due = value - (part(before + value) - part(before));
        let refund = t
            .order
            .main
            .map_or(0, |main| t.order.share(main).left.clamp(0, due));
        if let Some(main) = t.order.main.filter(|_| refund > 0) {
            self.refund(t, main, refund, RefundReason::LinesCancelled);
        }
        let to_wallet = (due - refund).min(t.order.wallet_amount - t.order.wallet_returned);
        if let Some(wallet) = t.order.wallet.filter(|_| to_wallet > 0) {
            let account = self.facts.wallets[wallet as usize].account;
            self.ledger.give_back(&mut t.order.hold, account, to_wallet);
            t.order.wallet_returned += to_wallet;
            self.entry("lines_returned", cancellation_id, wallet, to_wallet);
        }
        t.order.returned += refund + to_wallet;
    }
}

/// Units to be cancelled of each line, if the lines exist with that many units left.
fn asked(t: &Touched, r: &OrderLinesCancelRequested<'_>) -> Option<Vec<i64>> {
    let mut asked = vec![0; t.order.lines.len()];
    for line in r.lines.get() {
        let index = usize::try_from(line.line_no.get() - 1).ok()?;
        *asked.get_mut(index)? += line.quantity.get();
    }
    let fits = |(line, asked): (&super::order::Line, &i64)| *asked <= line.quantity - line.cancelled;
    t.order.lines.iter().zip(&asked).all(fits).then_some(asked)
}
