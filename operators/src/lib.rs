//! Generic machinery of the jobs: it knows no domain, does no I/O, and yields the same for the same input,
//! always.
//!
//! - [`ledger`]: accounts and holds, decided one after another.
//! - [`once`]: what counts once by its own id.
//! - [`deadlines`]: what falls due, in order.
//! - [`interner`]: texts as small numbers.
//! - [`prints`]: values by fingerprint.
//! - [`slots`]: many small blobs of bytes, compactly.
//! - [`epochs`]: the changes of a collection, an epoch at a time.
//! - [`keyed`]: keyed records to a collection.
//! - [`base`]: collections that are dumped at an epoch and fed in again.
//! - [`ranking`]: an incremental top k.
//! - [`route`]: which worker does what.
//!
//! The former can be shared with a snapshot in no time ([`share`], [`paged`]) and built anew from one
//! ([`mod@index`]).

pub mod base;
pub mod deadlines;
pub mod epochs;
pub mod index;
pub mod interner;
pub mod keyed;
pub mod ledger;
pub mod once;
pub mod paged;
pub mod prints;
pub mod ranking;
pub mod route;
pub mod share;
pub mod slots;
pub mod varint;
