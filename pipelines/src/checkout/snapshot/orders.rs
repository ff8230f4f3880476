//! Orders in a snapshot: fingerprint and packed bytes of each, in the order of their numbers.
//!
//! Deadlines are not written: they follow from the orders. An order waits to expire while it is not paid, for
//! the end of its window while it can be cancelled, and for an answer while a command is neither answered nor
//! overdue. What the running job holds beyond that (entries of orders that have moved on since) does nothing
//! when it falls due.

use std::collections::BTreeMap;
use std::ops::Range;

use contract::words::Status;
use operators::deadlines::Deadlines;
use operators::paged::Paged;
use operators::prints::Listed;
use operators::slots::{Blobs, Slot, Slots};
use operators::varint::{Reader, put_bytes};

use super::lists::{List, cut};
use crate::checkout::order::{Order, RefundState};
use crate::checkout::pack::{glance, read};
use crate::wire::Wire;

/// All orders, shared.
#[derive(Debug)]
pub struct OrderList {
    /// The slot of each, by the fingerprint of its id.
    pub slots_of: Listed<u32>,
    /// Their bytes.
    pub blobs: Blobs,
}

/// Bytes that a length takes at most, of orders as they are.
const LENGTH_BYTES: usize = 3;

impl OrderList {
    fn packed(&self, at: usize) -> &[u8] {
        self.blobs.get(Slot::from_u32(self.slots_of.values[at]))
    }

    fn size(&self, at: usize) -> usize {
        size_of::<u128>() + LENGTH_BYTES + self.packed(at).len()
    }

    /// Counts orders by where they are in their lives.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for at in 0..self.len() {
            let glance = glance(self.packed(at));
            let kind = match glance.status {
                _ if glance.closed => &mut census.closed,
                Status::Confirmed => &mut census.cancellable,
                _ => &mut census.open,
            };
            kind.orders += 1;
            kind.bytes += self.size(at);
        }
        census
    }
}

/// Orders by where they are in their lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Not paid, or being refunded.
    pub open: Counted,
    /// Sold, and inside their cancel window.
    pub cancellable: Counted,
    /// Closed records.
    pub closed: Counted,
}

/// Orders of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub orders: usize,
    /// About how many bytes they are encoded in.
    pub bytes: usize,
}

/// The greatest number of each kind that orders refer to, and one more: how long the lists must be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reach {
    /// Of rules.
    pub rules: usize,
    /// Of products.
    pub products: usize,
    /// Of accounts.
    pub accounts: usize,
    /// Of rights.
    pub grants: usize,
    /// Of wallets.
    pub wallets: usize,
    /// Of customers.
    pub customers: usize,
    /// Of texts.
    pub texts: usize,
}

/// Orders that were read.
#[derive(Debug, Default)]
pub struct ReadOrders {
    /// As in the book.
    pub slots_of: Listed<u32>,
    /// As in the book.
    pub slots: Slots,
    /// Orders by the time at which they expire.
    pub expiries: Deadlines<u32>,
    /// Orders by the end of their cancel window.
    pub windows: Deadlines<u32>,
    /// By rules, as these say how long to wait: orders by the time at which an unanswered command was issued.
    pub issued: BTreeMap<u32, Deadlines<u32>>,
    /// What they refer to.
    pub reach: Reach,
}

impl ReadOrders {
    fn add(&mut self, number: u32, print: u128, packed: &[u8], order: &mut Order) -> Option<()> {
        read(packed, order)?;
        if glance(packed).place.is_some() || !is_sound(order) {
            return None;
        }
        self.wait(number, order);
        self.reach(order);
        self.slots_of.prints.push(print);
        self.slots_of.values.push(self.slots.put(packed).to_u32());
        Some(())
    }

    /// Sets an order's deadlines.
    fn wait(&mut self, number: u32, order: &Order) {
        if matches!(order.status, Status::AwaitingPayment | Status::Paying) {
            self.expiries.set(order.deadline, number);
        }
        if order.status == Status::Confirmed && !order.closed {
            self.windows.set(order.window_end, number);
        }
        let confirm = order.confirms.last().filter(|_| order.status == Status::Paying);
        let confirm = confirm
            .filter(|confirm| !confirm.overdue)
            .map(|confirm| confirm.issued_at);
        let open = order
            .refunds
            .iter()
            .filter(|r| r.state == RefundState::Open && !r.overdue);
        for issued_at in confirm.into_iter().chain(open.map(|refund| refund.issued_at)) {
            self.issued.entry(order.rules).or_default().set(issued_at, number);
        }
    }

    fn reach(&mut self, order: &Order) {
        let reach = &mut self.reach;
        let to = |reach: &mut usize, number: u32| *reach = (*reach).max(number as usize + 1);
        to(&mut reach.rules, order.rules);
        for line in &order.lines {
            to(&mut reach.products, line.product);
            to(&mut reach.texts, line.store.max(line.category));
        }
        // A rejected order has no customer's number: if all are, nobody may have one.
        if !order.closed && order.status != Status::Rejected {
            to(&mut reach.customers, order.customer);
        }
        for leg in order.hold.legs() {
            to(&mut reach.accounts, leg.account.0);
        }
        if let Some(right) = order.right {
            to(&mut reach.grants, right);
        }
        if let Some(wallet) = order.wallet {
            to(&mut reach.wallets, wallet);
        }
    }
}

/// Whether what an order says of itself fits together.
fn is_sound(order: &Order) -> bool {
    let payments = order.payments.len();
    let waits = order.status != Status::Paying || !order.confirms.is_empty();
    waits
        && order.main.is_none_or(|main| main < payments)
        && order.confirms.iter().all(|confirm| confirm.payment < payments)
        && order.refunds.iter().all(|refund| refund.payment < payments)
        && order.foreign.iter().all(|foreign| foreign.payment < payments)
}

impl List for OrderList {
    type Read = Box<ReadOrders>;

    fn len(&self) -> usize {
        self.slots_of.prints.len()
    }

    fn cuts(&self) -> Vec<usize> {
        cut((0..self.len()).map(|at| self.size(at)))
    }

    fn put(&self, items: Range<usize>, out: &mut Vec<u8>) {
        for at in items {
            self.slots_of.prints[at].put(out);
            put_bytes(out, self.packed(at));
        }
    }

    fn read(first: usize, count: usize, from: &mut Reader<'_>) -> Option<Box<ReadOrders>> {
        let (mut orders, mut order) = (Box::<ReadOrders>::default(), Order::default());
        for number in first..first.checked_add(count)? {
            let print = u128::get(from)?;
            let packed = from.get_bytes()?;
            orders.add(u32::try_from(number).ok()?, print, packed, &mut order)?;
        }
        Some(orders)
    }

    fn append(all: &mut Box<ReadOrders>, more: Box<ReadOrders>) -> Option<()> {
        let ReadOrders {
            slots_of,
            slots,
            expiries,
            windows,
            issued,
            reach,
        } = *more;
        let shift = all.slots.append(slots)?;
        let moved = |slot: u32| shift.of(Slot::from_u32(slot)).to_u32();
        all.slots_of.values.extend(slots_of.values.into_iter().map(moved));
        <Paged<u128> as List>::append(&mut all.slots_of.prints, slots_of.prints)?;
        let mut fits = all.expiries.append(expiries, 0) && all.windows.append(windows, 0);
        for (rules, issued) in issued {
            fits &= all.issued.entry(rules).or_default().append(issued, 0);
        }
        for (all, more) in [
            (&mut all.reach.rules, reach.rules),
            (&mut all.reach.products, reach.products),
            (&mut all.reach.accounts, reach.accounts),
            (&mut all.reach.grants, reach.grants),
            (&mut all.reach.wallets, reach.wallets),
            (&mut all.reach.customers, reach.customers),
            (&mut all.reach.texts, reach.texts),
        ] {
            *all = more.max(*all);
        }
        fits.then_some(())
    }
}
