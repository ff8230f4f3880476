//! The book of orders: every order ever decided, packed, and a trace of those that the current epoch touches.
//!
//! An order has a number (dense, in the order of decision) that deadlines and holders of rights refer to.
//! Its entry is its fingerprint and the slot of its packed bytes. To work on an order it is taken out,
//! unpacked, and given back, packed; what it was at the start of the epoch stays in a slot of its own until
//! the epoch's end. What only the epoch's rows need (timeline rows, columns that never change, reasons) is
//! kept in buffers of the epoch, one behind another. So an epoch of any size works on one unpacked order at
//! a time, which stays in the processor's cache.

use contract::content::Fingerprint;
use contract::log::Position;
use contract::time::Time;
use contract::words::{Note, Status};
use hashbrown::HashTable;
use operators::slots::{Slot, Slots};

use super::order::Order;
use super::pack::{Form, Glance, content, glance, kept_id, pack, unpack};

/// One row of an order's timeline.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Status before; none at first.
    pub from: Option<Status>,
    /// Status after.
    pub to: Status,
    /// The record that did it and its type; none for a deadline.
    pub cause: Option<(Position, &'static str)>,
    /// What was noted.
    pub note: Option<Note>,
}

/// The columns of an order's row that never change, kept for the epoch in which it was placed.
#[derive(Clone, Debug, Default)]
pub struct Birth {
    /// Who placed it.
    pub customer_id: String,
    /// The coupon's campaign, as asked.
    pub campaign_id: Option<String>,
    /// What the wallet was to pay, as asked.
    pub wallet_amount: i64,
    /// Sum of quantity x unit_price; none above 2^53-1.
    pub total: Option<i64>,
    /// The record's time, at most the clock.
    pub placed_at: Time,
    /// Its lines as asked.
    pub lines: Vec<BirthLine>,
    /// The lines' skus, one behind another: one that no product has is nowhere else.
    pub skus: String,
}

impl Birth {
    /// The sku of a line.
    #[must_use]
    pub fn sku(&self, line: &BirthLine) -> &str {
        &self.skus[line.sku.0..line.sku.1]
    }

    fn reset(&mut self) {
        self.customer_id.clear();
        self.campaign_id = None;
        self.lines.clear();
        self.skus.clear();
    }
}

/// A line of an order as it was placed.
#[derive(Clone, Copy, Debug)]
pub struct BirthLine {
    /// Where the sku stands in [`Birth::skus`].
    pub sku: (usize, usize),
    /// Units ordered.
    pub quantity: i64,
    /// Price of a unit.
    pub unit_price: i64,
    /// The product's store, by number of its text.
    pub store: Option<u32>,
    /// The product's category, by number of its text.
    pub category: Option<u32>,
}

/// Why an order's status is what it is.
#[derive(Clone, Debug, Default)]
pub struct Cause {
    /// The reason.
    pub reason: String,
    /// Its details, as JSON.
    pub detail: Option<String>,
}

/// An order that is taken out of the book.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// Its number.
    pub number: u32,
    /// Its id; empty if nothing named it (then nothing of it is shown).
    pub id: String,
    /// Its state.
    pub order: Order,
    /// If it was placed in this epoch: what never changes.
    pub birth: Birth,
    /// What happened to it since it was taken out.
    pub events: Vec<Event>,
    /// Set when its status came to have a reason.
    pub cause: Option<Cause>,
    /// Its place among the touched.
    place: u32,
}

/// What an epoch remembers of an order that it touched.
#[derive(Clone, Copy, Debug)]
struct Trace {
    number: u32,
    /// Where its id stands in the epoch's texts.
    id: (usize, usize),
    /// Where its state at the start of the epoch lies; none if it was placed since.
    before: Option<Slot>,
    /// Index of its birth, if it was placed in this epoch.
    birth: Option<u32>,
    /// Index of its last event.
    last_event: Option<u32>,
    /// Index of its cause.
    cause: Option<u32>,
    /// Whether its slot holds what this epoch made of it.
    given: bool,
}

/// A birth, its texts in the epoch's texts and its lines in the epoch's lines.
#[derive(Clone, Copy, Debug)]
struct KeptBirth {
    customer_id: (usize, usize),
    campaign_id: Option<(usize, usize)>,
    wallet_amount: i64,
    total: Option<i64>,
    placed_at: Time,
    lines: (usize, usize),
    skus: (usize, usize),
}

/// Buffers of the epoch.
#[derive(Debug, Default)]
struct Kept {
    texts: String,
    /// Events, each with the index of the same order's event before it.
    events: Vec<(Event, Option<u32>)>,
    births: Vec<KeptBirth>,
    lines: Vec<BirthLine>,
    causes: Vec<Cause>,
}

fn index(n: usize) -> u32 {
    u32::try_from(n).expect("an epoch has fewer than 2^32 records")
}

impl Kept {
    fn text(&mut self, text: &str) -> (usize, usize) {
        let start = self.texts.len();
        self.texts.push_str(text);
        (start, self.texts.len())
    }

    fn get(&self, at: (usize, usize)) -> &str {
        &self.texts[at.0..at.1]
    }

    fn keep_birth(&mut self, birth: &Birth) -> u32 {
        let start = self.lines.len();
        self.lines.extend_from_slice(&birth.lines);
        let kept = KeptBirth {
            customer_id: self.text(&birth.customer_id),
            campaign_id: birth.campaign_id.as_deref().map(|id| self.text(id)),
            wallet_amount: birth.wallet_amount,
            total: birth.total,
            placed_at: birth.placed_at,
            lines: (start, self.lines.len()),
            skus: self.text(&birth.skus),
        };
        self.births.push(kept);
        index(self.births.len() - 1)
    }

    fn birth(&self, at: u32, birth: &mut Birth) {
        let kept = self.births[at as usize];
        birth.customer_id.push_str(self.get(kept.customer_id));
        birth.campaign_id = kept.campaign_id.map(|at| self.get(at).to_owned());
        birth.wallet_amount = kept.wallet_amount;
        birth.total = kept.total;
        birth.placed_at = kept.placed_at;
        birth
            .lines
            .extend_from_slice(&self.lines[kept.lines.0..kept.lines.1]);
        birth.skus.push_str(self.get(kept.skus));
    }

    fn clear(&mut self) {
        self.texts.clear();
        self.events.clear();
        self.births.clear();
        self.lines.clear();
        self.causes.clear();
    }
}

/// All orders.
#[derive(Debug, Default)]
pub struct Book {
    table: HashTable<u32>,
    prints: Vec<Fingerprint>,
    slots_of: Vec<u32>,
    slots: Slots,
    touched: Vec<Trace>,
    kept: Kept,
    /// The order that is taken out next: a buffer.
    spare: Option<Box<Touched>>,
    bytes: Vec<u8>,
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "half of a fingerprint is a good hash"
)]
fn half(print: Fingerprint) -> u64 {
    print.0 as u64
}

impl Book {
    /// The number of the order with this id.
    #[must_use]
    #[inline]
    pub fn find(&self, id: &str) -> Option<u32> {
        let print = Fingerprint::of(id.as_bytes());
        self.table
            .find(half(print), |&number| self.prints[number as usize] == print)
            .copied()
    }

    fn packed(&self, number: u32) -> &[u8] {
        self.slots.get(Slot::from_u32(self.slots_of[number as usize]))
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
        let slot = Slot::from_u32(self.slots_of[number as usize]);
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
        let print = Fingerprint::of(id.as_bytes());
        let number = u32::try_from(self.slots_of.len()).expect("fewer than 2^32 orders");
        self.prints.push(print);
        self.slots_of.push(0);
        let prints = &self.prints;
        self.table
            .insert_unique(half(print), number, |&n| half(prints[n as usize]));
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
        let slot = &mut self.slots_of[t.number as usize];
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
        let slot = Slot::from_u32(self.slots_of[number as usize]);
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
        self.slots_of[t.number as usize] = self.slots.put(&self.bytes).to_u32();
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
        let whole = Slot::from_u32(self.slots_of[touched.number as usize]);
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
        self.table.allocation_size()
            + self.prints.capacity() * size_of::<Fingerprint>()
            + self.slots_of.capacity() * size_of::<u32>()
            + self.slots.size_bytes()
    }
}

impl Touched {
    fn reset(&mut self) {
        self.id.clear();
        self.order.reset();
        self.birth.reset();
        self.events.clear();
        self.cause = None;
    }

    /// Adds a timeline row without a change of status.
    pub fn note(&mut self, cause: Option<(Position, &'static str)>, note: Note) {
        let status = self.order.status;
        self.events.push(Event {
            from: Some(status),
            to: status,
            cause,
            note: Some(note),
        });
        self.order.seq += 1;
    }

    /// Changes the status, with a timeline row.
    pub fn to(&mut self, cause: Option<(Position, &'static str)>, status: Status, note: Option<Note>) {
        self.events.push(Event {
            from: Some(self.order.status),
            to: status,
            cause,
            note,
        });
        self.order.status = status;
        self.order.seq += 1;
    }
}
