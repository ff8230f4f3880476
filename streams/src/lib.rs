//! Streams: what is written to millrace and in which order.
//!
//! A [`Log`] keeps topics of records. [`EmbeddedLog`] keeps them in a directory, [`MemoryLog`] in memory,
//! `KafkaLog` (feature `kafka`) in Apache Kafka. The
//! [`timeline`] binds them to epochs; [`history`] is what is bound, as plain data.
//!
//! This crate does I/O, and blocks while it does. Decisions are apart from it, as pure functions.

pub mod embedded;
mod error;
mod growth;
pub mod history;
#[cfg(feature = "kafka")]
pub mod kafka;
mod log;
mod memory;
mod record;
mod streams;
pub mod timeline;

pub use contract::installation::Installation;
pub use embedded::{EmbeddedLog, ReadOnlyLog};
pub use error::{Damage, LogError};
#[cfg(feature = "kafka")]
pub use kafka::KafkaLog;
pub use log::{Appended, Log, NextOffsets, Place, Reader, TopicPartitions, Trouble, first_time};
pub use memory::MemoryLog;
pub use record::{Batch, Headers, Record, Records, partition_of};
