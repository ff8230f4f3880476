//! Base collections: what jobs keep and everything else follows from, dumped at an epoch and fed in again.
//!
//! A [`Kept`] trace forgets history as epochs pass, all but the last: at any time it can be read as of the
//! last epoch that is complete, or of a later one that was asked for ([`Kept::hold`]). A dump walks it in slices,
//! so that the worker goes on with its epochs in between: the batches that it walks never change, and later
//! epochs in them are told by their times.
//!
//! What a dump wrote is fed in again as changes of the epoch at which it was made, on any worker: the
//! collection's own operator brings each row to the worker that it belongs to. So a restart may have another
//! number of workers.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::cursor::CursorList;
use differential_dataflow::trace::{BatchCursor, Cursor, Navigable, TraceReader};
use timely::progress::Antichain;

/// A trace, shared by the operator that writes it and by who dumps it.
pub struct Kept<Tr> {
    shared: Rc<RefCell<Shared<Tr>>>,
}

struct Shared<Tr> {
    trace: Tr,
    /// Epochs before this one are complete.
    next: u64,
    /// Must stay readable as of this epoch.
    held: Option<u64>,
}

impl<Tr> Clone for Kept<Tr> {
    fn clone(&self) -> Self {
        Kept {
            shared: Rc::clone(&self.shared),
        }
    }
}

impl<Tr: TraceReader<Time = u64>> Kept<Tr> {
    /// Keeps a trace.
    #[must_use]
    pub fn new(trace: Tr) -> Self {
        let (next, held) = (0, None);
        Kept {
            shared: Rc::new(RefCell::new(Shared { trace, next, held })),
        }
    }

    /// The trace.
    #[must_use]
    pub fn trace(&self) -> RefMut<'_, Tr> {
        RefMut::map(self.shared.borrow_mut(), |shared| &mut shared.trace)
    }

    /// Epochs before `next` are complete: history before the last of them is forgotten.
    pub fn through(&self, next: u64) {
        let shared = &mut *self.shared.borrow_mut();
        if shared.next >= next {
            return;
        }
        shared.next = next;
        let readable = shared.held.map_or(next - 1, |held| held.min(next - 1));
        let (logical, physical) = (Antichain::from_elem(readable), Antichain::from_elem(next));
        shared.trace.set_logical_compaction(logical.borrow());
        shared.trace.set_physical_compaction(physical.borrow());
    }

    /// Keeps it readable as of `epoch`, until [`Kept::dump`]. False if that is forgotten already.
    #[must_use]
    pub fn hold(&self, epoch: u64) -> bool {
        let shared = &mut *self.shared.borrow_mut();
        let may = epoch + 1 >= shared.next;
        if may {
            shared.held = Some(epoch);
        }
        may
    }

    /// What the held epoch left, once it is complete. Nothing is held any more.
    #[must_use]
    pub fn dump(&self) -> Option<Dump<Tr>>
    where
        Tr::Batch: Navigable,
    {
        let shared = &mut *self.shared.borrow_mut();
        let epoch = shared.held.take_if(|held| *held < shared.next)?;
        let (cursor, batches) = shared.trace.cursor();
        Some(Dump {
            epoch,
            cursor,
            batches,
        })
    }
}

/// A walk over all rows of a collection as of one epoch, in the order of their keys.
pub struct Dump<Tr: TraceReader<Batch: Navigable>> {
    epoch: u64,
    cursor: CursorList<BatchCursor<Tr>>,
    batches: Vec<Tr::Batch>,
}

impl<Tr, K, V, R> Dump<Tr>
where
    Tr: TraceReader<Time = u64, Batch: Navigable>,
    R: Semigroup + 'static,
    for<'a> BatchCursor<Tr>: Cursor<Key<'a> = &'a K, Val<'a> = &'a V, TimeGat<'a> = &'a u64, Diff = R>,
    K: 'static,
    V: 'static,
{
    /// Calls `each` with the next rows, until it has seen `rows_max` or all; whether there may be more.
    pub fn next(&mut self, rows_max: usize, mut each: impl FnMut(&K, &V, &R)) -> bool {
        let mut seen = 0;
        while let Some(key) = self.cursor.get_key(&self.batches) {
            while let Some(value) = self.cursor.get_val(&self.batches) {
                if seen == rows_max {
                    return true;
                }
                seen += 1;
                let mut sum: Option<R> = None;
                let epoch = self.epoch;
                self.cursor.map_times(&self.batches, |time, diff| {
                    if *time <= epoch {
                        let diff = <BatchCursor<Tr> as Cursor>::owned_diff(diff);
                        match &mut sum {
                            Some(sum) => sum.plus_equals(&diff),
                            None => sum = Some(diff),
                        }
                    }
                });
                if let Some(sum) = sum.filter(|sum| !sum.is_zero()) {
                    each(key, value, &sum);
                }
                self.cursor.step_val(&self.batches);
            }
            self.cursor.step_key(&self.batches);
        }
        false
    }
}
