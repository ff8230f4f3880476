//! Sinks: what keeps views elsewhere, and how it goes on after whatever happened.
//!
//! A [`Sink`] stores rows and its [`Frontier`] in one atomic unit and resumes from the frontier that it finds
//! there. Which way it goes on is decided apart from all I/O, in pure functions.

pub mod decide;
mod ends;
pub mod follow;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod read;
mod sink;
pub mod sqlite;

pub use sink::{Commit, Frontier, Hold, Sink, SinkError};
