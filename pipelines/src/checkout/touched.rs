//! An order that is taken out of the book, and what an epoch remembers of those that it touched.
//!
//! What only the epoch's rows need (timeline rows, columns that never change, reasons) lies in buffers of the epoch, one
//! behind another, so that a great epoch doesn't scatter it over memory.

use contract::log::Position;
use contract::time::Time;
use contract::words::{Note, Status};
use operators::slots::Slot;

use super::order::Order;

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

    /// Makes it as new, keeping its buffers.
    pub fn reset(&mut self) {
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
    pub place: u32,
}

/// What an epoch remembers of an order that it touched.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    /// Its number.
    pub number: u32,
    /// Where its id stands in the epoch's texts.
    pub id: (usize, usize),
    /// Where its state at the start of the epoch lies; none if it was placed since.
    pub before: Option<Slot>,
    /// Index of its birth, if it was placed in this epoch.
    pub birth: Option<u32>,
    /// Index of its last event.
    pub last_event: Option<u32>,
    /// Index of its cause.
    pub cause: Option<u32>,
    /// Whether its slot holds what this epoch made of it.
    pub given: bool,
}

/// A birth, its texts in the epoch's texts and its lines in the epoch's lines.
#[derive(Clone, Copy, Debug)]
pub struct KeptBirth {
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
pub struct Kept {
    /// Texts of all kinds.
    pub texts: String,
    /// Events, each with the index of the same order's event before it.
    pub events: Vec<(Event, Option<u32>)>,
    /// Births.
    pub births: Vec<KeptBirth>,
    /// Lines of births.
    pub lines: Vec<BirthLine>,
    /// Causes.
    pub causes: Vec<Cause>,
}

/// A length as an index.
pub fn index(n: usize) -> u32 {
    u32::try_from(n).expect("an epoch has fewer than 2^32 records")
}

impl Kept {
    /// Keeps a text; where it stands.
    pub fn text(&mut self, text: &str) -> (usize, usize) {
        let start = self.texts.len();
        self.texts.push_str(text);
        (start, self.texts.len())
    }

    /// A text that was kept.
    pub fn get(&self, at: (usize, usize)) -> &str {
        &self.texts[at.0..at.1]
    }

    /// Keeps a birth; its index.
    pub fn keep_birth(&mut self, birth: &Birth) -> u32 {
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

    /// Reads a birth back.
    pub fn birth(&self, at: u32, birth: &mut Birth) {
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

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        let Kept {
            texts,
            events,
            births,
            lines,
            causes,
        } = self;
        texts.is_empty() && events.is_empty() && births.is_empty() && lines.is_empty() && causes.is_empty()
    }

    /// Forgets the epoch.
    pub fn clear(&mut self) {
        self.texts.clear();
        self.events.clear();
        self.births.clear();
        self.lines.clear();
        self.causes.clear();
    }
}

impl Touched {
    /// Makes it as new, keeping its buffers.
    pub fn reset(&mut self) {
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
