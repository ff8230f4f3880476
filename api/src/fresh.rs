//! Orders as the commit that made them left them, for those who wait for just that.
//!
//! Who posts an order and waits says so before it is appended ([`Fresh::await_order`]). A commit that makes
//! an awaited order brings all its rows along, so that nothing has to be read from the store: what a commit
//! makes (the first row of its timeline is in it) was not there before.
//!
//! An answer shows the epoch of that commit. Others may have seen a later one meanwhile, but no answer that
//! was given before the order was posted, and none that its client gives later, contradicts it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::delta::{Change, Delta, Op};
use contract::log::{Epoch, Topic};
use contract::value::ValueRef;
use contract::views::{View, order_timeline};
use sinks::read::Row;

use crate::append::Stands;

/// The views of an order, in the order in which an answer shows them.
pub(crate) const ORDER: &[View] = &[View::Orders, View::OrderLines, View::Payments];

/// An order, just made.
#[derive(Debug)]
pub(crate) struct Made {
    /// As of this epoch.
    pub(crate) epoch: Epoch,
    /// Its rows, by [`ORDER`].
    pub(crate) rows: Vec<Vec<Row>>,
    /// Partition and offset of the record that made it.
    cause: (i64, i64),
}

#[derive(Default)]
struct Slot {
    waiting: usize,
    made: Option<Arc<Made>>,
}

/// The orders that somebody waits for.
#[derive(Default)]
pub(crate) struct Fresh {
    slots: Mutex<HashMap<Box<str>, Slot>>,
    /// How many slots there are: mostly none, while many rows are committed.
    count: AtomicUsize,
}

/// Somebody waits for an order.
pub(crate) struct Awaited<'a> {
    fresh: &'a Fresh,
    order_id: &'a str,
}

impl Fresh {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Slot>> {
        // What is guarded is always whole.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is noted when the order is made. To be called before its record is appended.
    pub(crate) fn await_order<'a>(&'a self, order_id: &'a str) -> Awaited<'a> {
        let mut slots = self.lock();
        match slots.get_mut(order_id) {
            Some(slot) => slot.waiting += 1,
            None => {
                let slot = Slot {
                    waiting: 1,
                    made: None,
                };
                slots.insert(Box::from(order_id), slot);
            }
        }
        self.count.store(slots.len(), Ordering::SeqCst);
        Awaited {
            fresh: self,
            order_id,
        }
    }

    /// Hears of a commit, before anybody else does.
    pub(crate) fn committed(&self, epoch: Epoch, deltas: &[Delta]) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let of = |view: View| deltas.iter().filter(move |delta| delta.view() == view);
        let mut slots = self.lock();
        let mut made: HashMap<&[u8], Made> = HashMap::new();
        for change in of(View::OrderTimeline).flat_map(Delta::changes) {
            let Some(cause) = first_cause(&change) else {
                continue;
            };
            let id = first_part(&change);
            if std::str::from_utf8(id).is_ok_and(|id| slots.contains_key(id)) {
                let rows = vec![Vec::new(); ORDER.len()];
                made.insert(id, Made { epoch, rows, cause });
            }
        }
        for (index, view) in ORDER.iter().enumerate() {
            for change in of(*view).flat_map(Delta::changes) {
                if change.op == Op::Upsert
                    && let Some(made) = made.get_mut(first_part(&change))
                {
                    made.rows[index].push(row_of(&change));
                }
            }
        }
        for (id, made) in made {
            let id = std::str::from_utf8(id).unwrap_or_default();
            if let Some(slot) = slots.get_mut(id).filter(|_| made.rows[0].len() == 1) {
                slot.made = Some(Arc::new(made));
            }
        }
    }
}

/// The first part of a change's key, a text.
fn first_part<'a>(change: &Change<'a>) -> &'a [u8] {
    let key = change.key_bytes();
    // A text ends with a 0.
    key.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The record that made an order, if this is the first row of its timeline.
fn first_cause(change: &Change<'_>) -> Option<(i64, i64)> {
    if change.op != Op::Upsert || change.key().nth(1) != Some(ValueRef::Int(1)) {
        return None;
    }
    let (mut topic, mut partition, mut offset) = (false, None, None);
    for (column, value) in change.columns() {
        match (column, value) {
            (order_timeline::cause_topic, ValueRef::Text(name)) => topic = name == Topic::Orders.name(),
            (order_timeline::cause_partition, ValueRef::Int(number)) => partition = Some(number),
            (order_timeline::cause_offset, ValueRef::Int(number)) => offset = Some(number),
            _ => {}
        }
    }
    partition.zip(offset).filter(|_| topic)
}

fn row_of(change: &Change<'_>) -> Row {
    let columns = change.columns().map(|(_, value)| value);
    change.key().chain(columns).map(ValueRef::to_value).collect()
}

impl Awaited<'_> {
    /// The order, if a commit has made it, and by the record that stands there.
    pub(crate) fn made_by(&self, stands: &Stands) -> Option<Arc<Made>> {
        let made = self.fresh.lock().get(self.order_id)?.made.clone()?;
        let offset = i64::try_from(stands.offset).ok()?;
        (made.cause == (i64::from(stands.partition), offset)).then_some(made)
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let mut slots = self.fresh.lock();
        if let Some(slot) = slots.get_mut(self.order_id) {
            slot.waiting -= 1;
            if slot.waiting == 0 {
                slots.remove(self.order_id);
            }
        }
        self.fresh.count.store(slots.len(), Ordering::SeqCst);
    }
}
