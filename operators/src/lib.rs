//! Generic machinery of the jobs: it knows no domain, does no I/O, and yields the same for the same input,
//! always.
//!
//! - [`ledger`]: accounts and holds, decided one after another.
//! - [`once`]: what counts once by its own id.
//! - [`deadlines`]: what falls due, in order.
//! - [`interner`]: texts as small numbers.
//! - [`slots`]: many small blobs of bytes, compactly.

pub mod deadlines;
pub mod interner;
pub mod ledger;
pub mod once;
pub mod slots;
pub mod varint;
