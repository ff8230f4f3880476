//! The book of orders: every order ever decided, packed, and those that the current epoch touches, unpacked.
//!
//! An order has a number (dense, in the order of decision) that deadlines and holders of rights refer to. Its entry is
//! its fingerprint and the slot of its packed bytes, or, while it is touched, its place among the touched.

use contract::content::Fingerprint;
use contract::log::Position;
use contract::time::Time;
use contract::words::{Note, Status};
use hashbrown::HashTable;
use operators::slots::{Slot, Slots};

use super::order::Order;
use super::pack::{Glance, content, glance, pack, unpack};

/// Entries from this value on are places among the touched.
const TOUCHED: u32 = 3 << 30;
/// The entry of an order that has no slot yet.
const NO_SLOT: u32 = u32::MAX;

/// How many unpacked orders are kept for the next epochs' use.
const SPARE_MAX: usize = 4096;

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

/// An order that the current epoch touches.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// Its number.
    pub number: u32,
    /// Its id; empty if nothing named it (then nothing of it is shown).
    pub id: String,
    /// Its state.
    pub order: Order,
    /// Where it lay at the start of the epoch; none if it was placed in this one.
    pub before: Option<Slot>,
    /// If it was placed in this epoch (nothing is `before`): what never changes.
    pub birth: Birth,
    /// What happened to it.
    pub events: Vec<Event>,
    /// Set when its status came to have a reason.
    pub cause: Option<Cause>,
}

/// All orders.
#[derive(Debug, Default)]
pub struct Book {
    table: HashTable<u32>,
    prints: Vec<Fingerprint>,
    entries: Vec<u32>,
    slots: Slots,
    touched: Vec<Option<Box<Touched>>>,
    #[expect(clippy::vec_box, reason = "an order is taken out and given back by its box")]
    spare: Vec<Box<Touched>>,
    bytes: Vec<u8>,
    /// An order that is being put away.
    closing: Order,
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

    /// Takes an order out to be worked on; [`Book::give`] puts it back. `id` is empty if no record names it.
    pub fn take(&mut self, number: u32, id: &str) -> Box<Touched> {
        let entry = self.entries[number as usize];
        if entry >= TOUCHED {
            let mut touched = self.touched[(entry - TOUCHED) as usize]
                .take()
                .expect("it was given back");
            if touched.id.is_empty() {
                touched.id.push_str(id);
            }
            return touched;
        }
        let mut touched = self.fresh(number);
        let slot = Slot::from_u32(entry);
        touched.before = Some(slot);
        let kept_id = unpack(self.slots.get(slot), &mut touched.order);
        touched.id.push_str(if id.is_empty() { kept_id } else { id });
        touched
    }

    /// Puts an order back that [`Book::take`] or [`Book::open`] gave.
    pub fn give(&mut self, touched: Box<Touched>) {
        let place = (self.entries[touched.number as usize] - TOUCHED) as usize;
        self.touched[place] = Some(touched);
    }

    /// Opens an order with an id that the book does not have.
    pub fn open(&mut self, id: &str) -> Box<Touched> {
        let print = Fingerprint::of(id.as_bytes());
        let number = u32::try_from(self.entries.len()).expect("fewer than 2^32 orders");
        self.prints.push(print);
        self.entries.push(NO_SLOT);
        let prints = &self.prints;
        self.table
            .insert_unique(half(print), number, |&n| half(prints[n as usize]));
        let mut touched = self.fresh(number);
        touched.id.push_str(id);
        touched
    }

    fn fresh(&mut self, number: u32) -> Box<Touched> {
        let place = u32::try_from(self.touched.len()).expect("an epoch touches fewer than 2^30 orders");
        assert!(
            place < NO_SLOT - TOUCHED,
            "an epoch touches fewer than 2^30 orders"
        );
        self.entries[number as usize] = TOUCHED + place;
        self.touched.push(None);
        let mut touched = self.spare.pop().unwrap_or_default();
        touched.number = number;
        touched
    }

    /// What a deadline looks at first.
    #[must_use]
    pub fn glance(&self, number: u32) -> Glance {
        let entry = self.entries[number as usize];
        if entry < TOUCHED {
            return glance(self.slots.get(Slot::from_u32(entry)));
        }
        let touched = self.touched((entry - TOUCHED) as usize);
        Glance {
            status: touched.order.status,
            open_refunds: touched.order.has_open_refunds(),
        }
    }

    /// The digest of the content of an order's order_placed.
    #[must_use]
    pub fn content(&self, number: u32) -> u64 {
        let entry = self.entries[number as usize];
        if entry < TOUCHED {
            return content(self.slots.get(Slot::from_u32(entry)));
        }
        self.touched((entry - TOUCHED) as usize).order.content
    }

    /// The id of an order that is touched.
    #[must_use]
    pub fn id(&self, number: u32) -> Option<&str> {
        let place = self.entries[number as usize].checked_sub(TOUCHED)?;
        self.touched[place as usize]
            .as_ref()
            .map(|touched| touched.id.as_str())
    }

    /// The places of the touched orders, sorted by id.
    #[must_use]
    pub fn touched_by_id(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.touched.len()).collect();
        places.sort_by(|a, b| self.touched(*a).id.cmp(&self.touched(*b).id));
        places
    }

    /// The touched order at a place.
    #[must_use]
    pub fn touched(&self, place: usize) -> &Touched {
        self.touched[place].as_ref().expect("it was given back")
    }

    /// The state of a touched order at the start of the epoch, into `before`. False if it was placed in this epoch.
    pub fn before(&self, touched: &Touched, before: &mut Order) -> bool {
        let Some(slot) = touched.before else { return false };
        unpack(self.slots.get(slot), before);
        true
    }

    /// Makes a confirmed order a closed record. Nothing of it is shown, so it isn't touched by that.
    pub fn close(&mut self, number: u32) {
        let entry = self.entries[number as usize];
        if entry >= TOUCHED {
            let touched = self.touched[(entry - TOUCHED) as usize].as_mut();
            touched.expect("it was given back").order.closed = true;
            return;
        }
        let slot = Slot::from_u32(entry);
        let id = unpack(self.slots.get(slot), &mut self.closing).to_owned();
        self.closing.closed = true;
        self.put_away(number, Some(slot), &id);
    }

    /// Packs the order in `closing` away.
    fn put_away(&mut self, number: u32, before: Option<Slot>, id: &str) {
        self.bytes.clear();
        pack(&self.closing, id, &mut self.bytes);
        if let Some(slot) = before {
            self.slots.free(slot);
        }
        self.entries[number as usize] = self.slots.put(&self.bytes).to_u32();
    }

    /// Packs all touched orders away.
    pub fn settle(&mut self) {
        let mut all = std::mem::take(&mut self.touched);
        for touched in all.drain(..) {
            let mut touched = touched.expect("it was given back");
            std::mem::swap(&mut self.closing, &mut touched.order);
            self.put_away(touched.number, touched.before, &touched.id);
            std::mem::swap(&mut self.closing, &mut touched.order);
            if self.spare.len() < SPARE_MAX {
                touched.reset();
                self.spare.push(touched);
            }
        }
        self.touched = all;
    }

    /// How many orders there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of memory that all orders take, tables included, deadlines not.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.table.allocation_size()
            + self.prints.capacity() * size_of::<Fingerprint>()
            + self.entries.capacity() * size_of::<u32>()
            + self.slots.size_bytes()
    }
}

impl Touched {
    fn reset(&mut self) {
        self.id.clear();
        self.order.reset();
        self.before = None;
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
