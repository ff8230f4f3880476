//! What travels on the streams and what can be read: records in, views out.
//!
//! This crate does no I/O. Everything else in millrace speaks through its types.

pub mod content;
pub mod decode;
pub mod delta;
pub mod digest;
pub mod discount;
pub mod installation;
pub mod json;
pub mod log;
pub mod records;
pub mod schema;
pub mod tables;
pub mod time;
pub mod value;
pub mod values;
pub mod views;
pub mod words;
