//! What travels on the streams and what can be read: records in, views out.
//!
//! This crate does no I/O. Everything else in millrace speaks through its types.

pub mod delta;
pub mod log;
pub mod time;
pub mod views;
