//! The shop's books while the log is written: what the rules will decide, foreseen.
//!
//! Stock is counted in log order and orders are accepted or rejected as rules, section 3, have it, so that
//! only accepted orders are charged and only captured money is refunded. The log is right without this; the
//! books keep it from looking unlike a shop.

use std::collections::HashMap;

use contract::time::Time;

use super::fields::MONEY_MAX;
use super::is_fee;

/// A line of an order.
#[derive(Debug)]
pub(super) struct OrderLine<'a> {
    pub sku: &'a str,
    pub quantity: i64,
    pub price: i64,
    /// Units not cancelled.
    pub left: i64,
}

/// What an order is at the end of the last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Placed in the open epoch.
    Placed,
    /// Paid; can be cancelled before this.
    Sold { until: Time },
    /// Holds stock until then.
    Unpaid { deadline: Time },
    /// Rejected, expired or cancelled.
    Over,
}

/// How an order is going to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pays {
    AtOnce,
    AfterDecline,
    Never,
}

/// A payment, submitted and answered.
#[derive(Debug)]
pub(super) struct Attempt {
    pub number: u32,
    pub declined: bool,
}

/// A refund that millrace will ask for, and the bank will make.
#[derive(Debug)]
pub(super) struct Refund {
    pub order: usize,
    /// The n of its refund_id.
    pub number: u32,
    pub amount: i64,
}

/// An order that the log has.
#[derive(Debug)]
pub(super) struct Order<'a> {
    pub id: String,
    pub customer: String,
    pub lines: Vec<OrderLine<'a>>,
    pub pays: Pays,
    pub state: State,
    /// Its total; there are no discounts.
    pub payable: i64,
    /// Payments submitted; the last of a sold order is its main payment.
    pub attempts: u32,
    /// Refunds asked for: how many, and their sum.
    pub refunds: u32,
    pub asked: i64,
    /// What of that came back in epochs that have ended.
    pub refunded: i64,
}

impl Order<'_> {
    pub fn payment_key(&self, attempt: u32) -> String {
        format!("pay-{}-{attempt}", self.id)
    }

    /// The sum of its lines, if it is within the limit of money.
    fn total(&self) -> Option<i64> {
        let sum: i128 = self
            .lines
            .iter()
            .map(|l| i128::from(l.quantity) * i128::from(l.price))
            .sum();
        i64::try_from(sum).ok().filter(|sum| *sum <= MONEY_MAX)
    }

    /// The units that are left, by stocked sku.
    fn held(&self) -> HashMap<&str, i64> {
        let mut held = HashMap::new();
        for line in self.lines.iter().filter(|line| !is_fee(line.sku)) {
            *held.entry(line.sku).or_default() += line.left;
        }
        held
    }

    /// Asks for a refund of this amount, if it is one.
    pub fn refund(&mut self, order: usize, amount: i64) -> Option<Refund> {
        if amount == 0 {
            return None;
        }
        self.refunds += 1;
        self.asked += amount;
        Some(Refund {
            order,
            number: self.refunds,
            amount,
        })
    }
}

/// What a record of the orders stream will do to the books, in log order.
#[derive(Debug)]
pub(super) enum Event<'a> {
    Place(usize),
    /// Lines are cancelled: these units come back at once.
    Return(Vec<(&'a str, i64)>),
    /// An order is cancelled: these units come back as soon as its payment is refunded in full.
    ReturnRefunded(usize, Vec<(&'a str, i64)>),
}

/// Stock and orders.
#[derive(Debug, Default)]
pub(super) struct Shop<'a> {
    available: HashMap<&'a str, i64>,
    pub orders: Vec<Order<'a>>,
    /// Orders that may expire.
    unpaid: Vec<usize>,
}

impl<'a> Shop<'a> {
    /// Units come in, or go if they are negative.
    pub fn stock(&mut self, sku: &'a str, units: i64) {
        if !is_fee(sku) {
            *self.available.entry(sku).or_default() += units;
        }
    }

    /// Decides a placed order at the end of its epoch. Whether it is accepted.
    pub fn decide(&mut self, index: usize, deadline: Time, until: Time) -> bool {
        let order = &mut self.orders[index];
        let held = order.held();
        let there =
            |(sku, units): (&&str, &i64)| self.available.get(*sku).is_some_and(|there| there >= units);
        let (Some(total), true) = (order.total(), held.iter().all(there)) else {
            order.state = State::Over;
            return false;
        };
        for (sku, units) in held {
            if let Some(available) = self.available.get_mut(sku) {
                *available -= units;
            }
        }
        order.payable = total;
        if order.pays == Pays::Never && total > 0 {
            order.state = State::Unpaid { deadline };
            self.unpaid.push(index);
        } else {
            order.state = State::Sold { until };
        }
        true
    }

    /// Lets the orders expire whose deadline has come.
    pub fn expire(&mut self, clock: Time) {
        let due = |index: &usize| match self.orders[*index].state {
            State::Unpaid { deadline } => deadline <= clock,
            _ => false,
        };
        let (expired, unpaid): (Vec<usize>, _) = self.unpaid.iter().partition(|index| due(index));
        self.unpaid = unpaid;
        for index in expired {
            self.orders[index].state = State::Over;
            for line in 0..self.orders[index].lines.len() {
                let OrderLine { sku, left, .. } = self.orders[index].lines[line];
                self.stock(sku, left);
            }
        }
    }
}
