//! The `checkout` job: orders, payments, stock, coupons and wallets, decided one record after another in
//! log order.
//!
//! It reads every stream (of carts and reviews it only says which records count) and yields the deltas of
//! the views from `orders` to `audits` (contract, section 2). Rules are those of rules.md; each section has
//! its file:
//!
//! - [`place`]: section 3, orders; the rest of section 3 is in [`mod@intake`].
//! - [`saga`]: section 4, the table; [`refunds`]: 4.1; [`lines`]: 4.2.
//! - [`attention`] and [`rows`]: section 5.
//! - [`book`], [`touched`], [`order`], [`pack`]: what is remembered of orders, and how compactly.
//! - [`snapshot`]: all that is remembered, at the end of an epoch, as bytes and back.
//! - [`facts`]: products, campaigns, rights, wallets, rules in force. [`audit`]: the books checked by
//!   another path. [`tell`]: what the other jobs hear.
//!
//! Invariant: the deltas are a function of the records and clocks alone; there is no clock, no randomness
//! and no map whose order shows. It does not fail: a record that can't be used becomes a row of
//! `quarantine`, and an accounting assertion that trips is a bug of ours.

mod attention;
mod audit;
mod book;
mod desk;
mod facts;
mod intake;
mod json;
mod lines;
mod low_stock;
mod order;
mod pack;
mod place;
mod refunds;
mod rows;
mod saga;
mod settle;
pub mod snapshot;
mod tell;
mod touched;

use bumpalo::Bump;
use contract::decode::{Rejected, decode};
use contract::delta::Delta;
use contract::log::{Epoch, RawRecord};
use contract::time::Time;

pub use desk::Fate;

use book::Book;
use desk::Desk;
use intake::Intake;
use low_stock::LowStock;
use order::Order;
use rows::Rows;
use tell::Teller;

/// The version of the logic: another one decides some log differently. A view store that was filled by
/// another version is not continued, since its rows and ours would not belong together.
pub const LOGIC_VERSION: u32 = 2;

/// The job and all its state.
#[derive(Debug, Default)]
pub struct Checkout {
    desk: Desk,
    book: Book,
    intake: Intake,
    rows: Rows,
    teller: Teller,
    low_stock: LowStock,
    /// State of an order at the epoch's start: a buffer.
    before: Order,
}

impl Checkout {
    /// Nothing decided yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides one whole epoch: its records in log order, then what falls due. Decodes by itself.
    pub fn epoch<'r>(
        &mut self,
        epoch: Epoch,
        clock: Time,
        records: impl IntoIterator<Item = RawRecord<'r>>,
        arena: &mut Bump,
    ) -> Vec<Delta> {
        self.begin(epoch, clock);
        for record in records {
            let decoded = if record.skipped {
                Err(Rejected::skipped())
            } else {
                decode(record.at.topic, record.key, record.value, arena)
            };
            self.record(record.at, decoded.as_ref());
            if arena.allocated_bytes() > ARENA_BYTES_MAX {
                arena.reset();
            }
        }
        arena.reset();
        let deltas = self.end();
        // Nobody else listens.
        drop(self.take_news());
        deltas
    }

    /// Takes back the buffers of deltas that nobody needs any more.
    pub fn recycle(&mut self, deltas: Vec<Delta>) {
        for delta in deltas {
            self.rows.of(delta.view()).recycle(delta);
        }
    }

    /// The earliest instant at which something falls due: an epoch whose clock has reached it changes
    /// something even without records.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let desk = &self.desk;
        let next = [desk.expiries.next(), desk.windows.next(), desk.answers.next()];
        let next = next.into_iter().flatten().min();
        next.map(|ms| Time::default().plus_ms(ms))
    }

    /// How many orders were decided.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.book.len()
    }

    /// Bytes of memory that orders take, their tables and deadlines included.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let desk = &self.desk;
        let due = desk.expiries.len() + desk.windows.len() + desk.answers.len();
        self.book.size_bytes() + due * size_of::<u32>()
    }
}

/// Beyond this the arena that records are decoded into is emptied between two records.
const ARENA_BYTES_MAX: usize = 1 << 20;
