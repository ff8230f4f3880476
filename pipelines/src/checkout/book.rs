//! The book of orders: every order ever decided, packed, and a trace of those that the current epoch touches.
//!
//! An order has a number (dense, in the order of decision) that deadlines and holders of rights refer to.
//! Its entry is its fingerprint and the slot of its packed bytes. To work on an order it is taken out,
//! unpacked, and given back, packed; what it was at the start of the epoch stays in a slot of its own until
//! the epoch's end. What only the epoch's rows need (timeline rows, columns that never change, reasons) is
//! kept in buffers of the epoch, one behind another. So an epoch of any size works on one unpacked order at
//! a time, which stays in the processor's cache.

use contract::content::Fingerprint;
use operators::prints::Prints;
use operators::slots::{Slot, Slots};

use super::order::Order;
use super::pack::{Form, Glance, content, glance, kept_id, pack, unpack};
use super::touched::{Kept, Touched, Trace, index};

/// All orders.
#[derive(Debug, Default)]
pub struct Book {
    /// The slot of each order, by the fingerprint of its id.
    pub(super) slots_of: Prints<u32>,
    pub(super) slots: Slots,
    pub(super) touched: Vec<Trace>,
    pub(super) kept: Kept,
    /// The order that is taken out next: a buffer.
    pub(super) spare: Option<Box<Touched>>,
    pub(super) bytes: Vec<u8>,
}

impl Book {
    /// The number of the order with this id.
    #[must_use]
    #[inline]
    pub fn find(&self, id: &str) -> Option<u32> {
        self.slots_of.find(Fingerprint::of(id.as_bytes()).0)
    }

    fn slot(&self, number: u32) -> Slot {
        Slot::from_u32(*self.slots_of.value(number))
    }

    fn packed(&self, number: u32) -> &[u8] {
        self.slots.get(self.slot(number))
    }

    fn fresh(&mut self, number: u32) -> Box<Touched> {
        let mut touched = self.spare.take().unwrap_or_default();
        touched.reset();
        touched.number = number;
        touched
    }

    fn trace(&mut self, number: u32, id: &str, before: Option<Slot>) -> u32 {
        let id = self.kept.text(id);
        self.touched.push(Trace {
            number,
            id,
            before,
            birth: None,
            last_event: None,
            cause: None,
            given: false,
        });
        index(self.touched.len() - 1)
    }

    /// Takes an order out to be worked on; [`Book::give`] puts it back. `id` is empty if no record names it.
    pub fn take(&mut self, number: u32, id: &str) -> Box<Touched> {
        let mut touched = self.fresh(number);
        let slot = self.slot(number);
        let bytes = self.slots.get(slot);
        let place = glance(bytes).place;
        let kept_id = unpack(bytes, &mut touched.order);
        touched.id.push_str(if id.is_empty() { kept_id } else { id });
        if let Some(place) = place {
            touched.place = place;
            if touched.id.is_empty() {
                touched
                    .id
                    .push_str(self.kept.get(self.touched[place as usize].id));
            }
        } else {
            touched.place = self.trace(number, &touched.id, Some(slot));
        }
        touched
    }

    /// Opens an order with an id that the book does not have; [`Book::give`] puts it in.
    pub fn open(&mut self, id: &str) -> Box<Touched> {
        let number = self.slots_of.add(Fingerprint::of(id.as_bytes()).0, 0);
        let mut touched = self.fresh(number);
        touched.id.push_str(id);
        touched.place = self.trace(number, id, None);
        touched
    }

    /// Puts an order back that [`Book::take`] or [`Book::open`] gave.
    pub fn give(&mut self, mut touched: Box<Touched>) {
        let t = &mut *touched;
        let trace = &mut self.touched[t.place as usize];
        if trace.before.is_none() && trace.birth.is_none() {
            trace.birth = Some(self.kept.keep_birth(&t.birth));
        }
        for event in t.events.drain(..) {
            self.kept.events.push((event, trace.last_event));
            trace.last_event = Some(index(self.kept.events.len() - 1));
        }
        if let Some(cause) = t.cause.take() {
            self.kept.causes.push(cause);
            trace.cause = Some(index(self.kept.causes.len() - 1));
        }
        self.bytes.clear();
        pack(&t.order, &t.id, Form::Whole(t.place), &mut self.bytes);
        let slot = self.slots_of.value_mut(t.number);
        if std::mem::replace(&mut trace.given, true) {
            self.slots.free(Slot::from_u32(*slot));
        }
        *slot = self.slots.put(&self.bytes).to_u32();
        self.spare = Some(touched);
    }

    /// What a deadline looks at first.
    #[must_use]
    pub fn glance(&self, number: u32) -> Glance {
        glance(self.packed(number))
    }

    /// The id of an order that is touched, or that keeps its id for its deadline.
    #[must_use]
    pub fn id(&self, number: u32) -> String {
        let bytes = self.packed(number);
        match glance(bytes).place {
            Some(place) => self.kept.get(self.touched[place as usize].id).to_owned(),
            None => kept_id(bytes).to_owned(),
        }
    }

    /// The digest of the content of an order's order_placed.
    #[must_use]
    pub fn content(&self, number: u32) -> u64 {
        content(self.packed(number))
    }

    /// Makes a confirmed order a closed record. Nothing of it is shown, so it isn't touched by that.
    pub fn close(&mut self, number: u32) {
        if self.glance(number).place.is_some() {
            let mut touched = self.take(number, "");
            touched.order.closed = true;
            return self.give(touched);
        }
        let mut touched = self.fresh(number);
        let slot = self.slot(number);
        let kept_id = unpack(self.slots.get(slot), &mut touched.order);
        touched.id.push_str(kept_id);
        touched.order.closed = true;
        self.put_away(&touched);
        self.slots.free(slot);
        self.spare = Some(touched);
    }

    /// Packs an order for good.
    fn put_away(&mut self, t: &Touched) {
        self.bytes.clear();
        pack(&t.order, &t.id, Form::Rest, &mut self.bytes);
        *self.slots_of.value_mut(t.number) = self.slots.put(&self.bytes).to_u32();
    }

    /// The places of the touched orders, sorted by id.
    #[must_use]
    pub fn touched_by_id(&self) -> Vec<u32> {
        let id = |place: &u32| self.kept.get(self.touched[*place as usize].id);
        let mut places: Vec<u32> = (0..index(self.touched.len())).collect();
        places.sort_by(|a, b| id(a).cmp(id(b)));
        places
    }

    /// A touched order with all that happened to it in the epoch, and its state at the start, into
    /// `before`: false if it was placed in this epoch.
    pub fn load(&mut self, place: u32, before: &mut Order) -> (Box<Touched>, bool) {
        let trace = self.touched[place as usize];
        let mut touched = self.fresh(trace.number);
        touched.place = place;
        touched.id.push_str(self.kept.get(trace.id));
        unpack(self.packed(trace.number), &mut touched.order);
        if let Some(birth) = trace.birth {
            self.kept.birth(birth, &mut touched.birth);
        }
        let mut event = trace.last_event;
        while let Some(at) = event {
            let (kept, earlier) = self.kept.events[at as usize];
            touched.events.push(kept);
            event = earlier;
        }
        touched.events.reverse();
        touched.cause = trace
            .cause
            .map(|at| std::mem::take(&mut self.kept.causes[at as usize]));
        if let Some(slot) = trace.before {
            unpack(self.slots.get(slot), before);
        }
        (touched, trace.before.is_some())
    }

    /// Packs a touched order, as [`Book::load`] gave it, away for good.
    pub fn settle(&mut self, touched: Box<Touched>) {
        let whole = self.slot(touched.number);
        self.slots.free(whole);
        if let Some(before) = self.touched[touched.place as usize].before {
            self.slots.free(before);
        }
        self.put_away(&touched);
        self.spare = Some(touched);
    }

    /// Forgets the epoch, all of whose touched orders are settled.
    pub fn end(&mut self) {
        self.touched.clear();
        self.kept.clear();
    }

    /// How many orders there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots_of.len()
    }

    /// Bytes of memory that all orders take, tables included, deadlines not.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.slots_of.size_bytes() + self.slots.size_bytes()
    }
}
