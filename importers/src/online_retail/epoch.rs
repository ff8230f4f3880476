//! The epoch that is open: what was put into it, and how it is bound.
//!
//! Records stand in the log as soon as they are written. What they will do is foreseen only when the epoch is
//! bound, because within an epoch the streams come one after another and the partitions of a stream too.

use std::collections::{BTreeMap, HashMap, HashSet};

use contract::time::Time;

use super::records::{CANCEL_WINDOW_S, PAYMENT_WINDOW_S, Records};
use super::report::Made;
use super::shop::{Attempt, Event, Pays, Refund, Shop, State};

/// What the open epoch holds.
#[derive(Debug, Default)]
pub(super) struct Open<'a> {
    /// The time of its last invoice; none while it is empty.
    pub clock: Option<Time>,
    /// What its orders pay for a product.
    pub pays: HashMap<&'a str, i64>,
    /// Who ordered in it.
    pub customers: HashSet<&'a str>,
    /// What its records of the orders stream will do, by partition.
    pub events: BTreeMap<u32, Vec<Event<'a>>>,
    /// What the bank will refund in it.
    pub refunds: Vec<Refund>,
}

impl<'a> Open<'a> {
    pub fn event(&mut self, partition: u32, event: Event<'a>) {
        self.events.entry(partition).or_default().push(event);
    }

    /// Binds the epoch, if there is anything in it.
    pub fn bind(&mut self, shop: &mut Shop<'a>, records: &mut Records<'_>, made: &mut Made) {
        let Open {
            clock: Some(clock),
            events,
            refunds,
            ..
        } = std::mem::take(self)
        else {
            return;
        };
        let mut waiting = Vec::new();
        for event in events.into_values().flatten() {
            match event {
                Event::Place(order) => decide(shop, records, made, order, clock),
                Event::Return(units) => come_back(shop, &units),
                Event::ReturnRefunded(order, units) if refunded_in_full(shop, order) => {
                    come_back(shop, &units);
                }
                Event::ReturnRefunded(order, units) => waiting.push((order, units)),
            }
        }
        // Payments come after all orders.
        for refund in refunds {
            let order = &mut shop.orders[refund.order];
            order.refunded += refund.amount;
            records.refund(order, &refund);
            made.refunds += 1;
            made.refunded = made.refunded.saturating_add(refund.amount.unsigned_abs());
        }
        for (order, units) in waiting {
            debug_assert!(
                refunded_in_full(shop, order),
                "all that was asked for has come back"
            );
            come_back(shop, &units);
        }
        shop.expire(clock);
        records.log.bind(clock);
    }
}

fn decide(shop: &mut Shop<'_>, records: &mut Records<'_>, made: &mut Made, index: usize, clock: Time) {
    let (deadline, until) = (
        clock.plus_seconds(PAYMENT_WINDOW_S),
        clock.plus_seconds(CANCEL_WINDOW_S),
    );
    if !shop.decide(index, deadline, until) {
        made.rejected += 1;
        return;
    }
    let order = &mut shop.orders[index];
    if matches!(order.state, State::Unpaid { .. }) {
        made.unpaid += 1;
        return;
    }
    if order.payable == 0 {
        return;
    }
    if order.pays == Pays::AfterDecline {
        made.declined += 1;
        order.attempts += 1;
        records.attempt(
            order,
            &Attempt {
                number: order.attempts,
                declined: true,
            },
        );
    }
    order.attempts += 1;
    records.attempt(
        order,
        &Attempt {
            number: order.attempts,
            declined: false,
        },
    );
}

fn refunded_in_full(shop: &Shop<'_>, order: usize) -> bool {
    let order = &shop.orders[order];
    order.refunded >= order.payable
}

fn come_back<'a>(shop: &mut Shop<'a>, units: &[(&'a str, i64)]) {
    for (sku, units) in units {
        shop.stock(sku, *units);
    }
}
