//! Importers: real data, as a log that millrace can read.
//!
//! An importer is a pure mapping: a reader in, a [`contract::log::History`] and an exact account of every
//! line out. It binds its own epochs, at the data's own times; whoever calls it appends the log to real
//! streams. The same bytes and options give the same log, on every machine.

mod draw;
pub mod film_reviews;
mod ids;
pub mod online_retail;
