//! Audits: the sums behind the views, kept by another path than the counters they check.
//!
//! The ledger's levels change by operations; the sums here are made from the records (what came in, what
//! moved) and from the orders' lines and payments as they are at the end of each epoch. A row of `audits`
//! is a violation; none can come about but by a bug of ours.

use std::collections::BTreeMap;

use contract::delta::DeltaBuilder;
use contract::values::Currency;
use contract::views::AuditsRow;
use contract::words::Status;
use operators::ledger::{AccountNo, Levels};
use operators::paged::Paged;

use super::facts::{Facts, Owner};
use super::order::Order;

/// Amounts that came in and went out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    pub(super) came_in: i128,
    pub(super) went_out: i128,
}

/// The sums, and the violations that the view shows.
#[derive(Debug, Default)]
pub struct Audit {
    /// By product: received + adjusted.
    pub(super) stock: Paged<i128>,
    /// By account: sum of live holds, from the orders.
    pub(super) live: Paged<i128>,
    /// By campaign: grants.
    pub(super) granted: Paged<i64>,
    /// By wallet: topped up + returned, and withdrawn + spent.
    pub(super) wallets: Paged<Flow>,
    /// By currency: captured and refunded, from the records.
    pub(super) payments: BTreeMap<Currency, Flow>,
    /// By currency: kept by sold orders + refunds under way, from the orders.
    pub(super) kept: BTreeMap<Currency, i128>,
    /// Currencies of which this epoch changed one of the two.
    pub(super) money_touched: bool,
    /// By name and subject: what was expected and what is.
    pub(super) violations: BTreeMap<(String, String), (i64, i64)>,
    /// Those that came (or changed) and went in this epoch.
    pub(super) changed: BTreeMap<(String, String), Option<(i64, i64)>>,
}

fn at<T: Default + Clone>(list: &mut Paged<T>, index: u32) -> &mut T {
    list.at_mut(index as usize)
}

fn shown(n: i128) -> i64 {
    i64::try_from(n).unwrap_or(if n < 0 { i64::MIN } else { i64::MAX })
}

impl Audit {
    /// Units came in or were adjusted.
    pub fn stock_moved(&mut self, product: u32, units: i64) {
        *at(&mut self.stock, product) += i128::from(units);
    }

    /// A coupon was granted.
    pub fn coupon_granted(&mut self, campaign: u32) {
        *at(&mut self.granted, campaign) += 1;
    }

    /// A wallet moved by an entry of `kind`.
    pub fn wallet_moved(&mut self, wallet: u32, kind: &str, amount: i64) {
        let flow = at(&mut self.wallets, wallet);
        match kind {
            "order" | "withdrawal" => flow.went_out += i128::from(amount),
            _ => flow.came_in += i128::from(amount),
        }
    }

    /// A payment was captured.
    pub fn captured(&mut self, currency: Currency, amount: i64) {
        self.payments.entry(currency).or_default().came_in += i128::from(amount);
        self.money_touched = true;
    }

    /// A payment was refunded.
    pub fn refunded(&mut self, currency: Currency, amount: i64) {
        self.payments.entry(currency).or_default().went_out += i128::from(amount);
        self.money_touched = true;
    }

    /// Adds (`sign` 1) or takes off (-1) what an order holds and keeps.
    pub fn order(&mut self, order: &Order, facts: &Facts, sign: i128) {
        if matches!(order.status, Status::AwaitingPayment | Status::Paying) {
            self.order_holds(order, facts, sign);
        }
        for (index, payment) in order
            .payments
            .iter()
            .enumerate()
            .filter(|(_, payment)| payment.captured > 0)
        {
            let share = order.share(index);
            let keeps = order.status.is_sold() && order.main == Some(index);
            let kept = if keeps { share.left } else { share.left.min(0) };
            let under_way = i128::from(share.open) + i128::from(share.owed);
            let currency = Currency::from_u16(payment.currency);
            *self.kept.entry(currency).or_default() += sign * (i128::from(kept) + under_way);
            self.money_touched = true;
        }
    }

    fn order_holds(&mut self, order: &Order, facts: &Facts, sign: i128) {
        for line in &order.lines {
            let product = &facts.products[line.product as usize];
            if let Some(stock) = product.stock
                && product.offer.is_some_and(|offer| offer.stocked)
            {
                *at(&mut self.live, stock.0) += sign * i128::from(line.quantity);
            }
        }
        if let Some(right) = order.right {
            *at(&mut self.live, facts.grants[right as usize].account.0) += sign;
        }
        if let Some(wallet) = order.wallet {
            let account = facts.wallets[wallet as usize].account;
            *at(&mut self.live, account.0) += sign * i128::from(order.wallet_amount);
        }
    }

    /// Checks an account that this epoch touched.
    pub fn check_account(&mut self, account: AccountNo, levels: &Levels, facts: &Facts) {
        let live = *at(&mut self.live, account.0);
        let held = i128::from(levels.held);
        match facts.owners[account.0 as usize] {
            Owner::Stock(product) => {
                let sku = || facts.skus.get(product).to_owned();
                let moved = *at(&mut self.stock, product);
                let there = i128::from(levels.on_hand) + i128::from(levels.spent);
                self.check("stock_conserved", sku, moved, there);
                self.check("holds_match", sku, live, held);
            }
            Owner::Quota(campaign) => {
                let quota = i128::from(facts.campaigns[campaign as usize].quota);
                let granted = *at(&mut self.granted, campaign);
                let there = i128::from(granted) + i128::from(levels.on_hand);
                let id = || facts.campaign_ids.get(campaign).to_owned();
                self.check("quota_conserved", id, quota, there);
            }
            Owner::Right(grant) => {
                let grant = &facts.grants[grant as usize];
                let campaign = facts.campaign_ids.get(grant.campaign);
                let subject = || format!("{campaign}/{}", facts.customers.get(grant.customer));
                self.check("holds_match", subject, live, held);
            }
            Owner::Wallet(number) => {
                let wallet = &facts.wallets[number as usize];
                let customer = facts.customers.get(wallet.customer);
                let subject = || format!("{customer}/{}", wallet.currency.get());
                let Flow { came_in, went_out } = *at(&mut self.wallets, number);
                let there = i128::from(levels.on_hand) + went_out;
                self.check("wallet_conserved", subject, came_in, there);
                self.check("holds_match", subject, live, held);
            }
        }
    }

    /// Checks the counts of a partition.
    pub fn check_counts(&mut self, topic: &str, partition: u32, received: u64, sum: u64) {
        if received != sum {
            self.check(
                "counts_match",
                || format!("{topic}/{partition}"),
                received.into(),
                sum.into(),
            );
        }
    }

    #[inline]
    fn check(&mut self, name: &str, subject: impl FnOnce() -> String, expected: i128, actual: i128) {
        if expected == actual && self.violations.is_empty() {
            return;
        }
        let key = (name.to_owned(), subject());
        let row = (expected != actual).then(|| (shown(expected), shown(actual)));
        if self.violations.get(&key).copied() != row {
            self.changed.insert(key, row);
        }
    }

    /// Checks what is checked once an epoch, and writes which violations came and went.
    pub fn write(&mut self, out: &mut DeltaBuilder) {
        if std::mem::take(&mut self.money_touched) {
            let currencies: Vec<Currency> = self.payments.keys().chain(self.kept.keys()).copied().collect();
            for currency in currencies {
                let flow = self.payments.get(&currency).copied().unwrap_or_default();
                let kept = self.kept.get(&currency).copied().unwrap_or_default();
                self.check(
                    "money_conserved",
                    || currency.get().to_owned(),
                    flow.came_in - flow.went_out,
                    kept,
                );
            }
        }
        for (key, row) in std::mem::take(&mut self.changed) {
            let (name, subject) = (key.0.as_str(), key.1.as_str());
            match row {
                Some((expected, actual)) => out.upsert(&AuditsRow {
                    name,
                    subject,
                    expected,
                    actual,
                }),
                None => out.delete(&(name, subject)),
            }
            match row {
                Some(row) => self.violations.insert(key, row),
                None => self.violations.remove(&key),
            };
        }
    }
}
