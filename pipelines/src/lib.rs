//! The jobs: pure functions from streams to views. No I/O, no clock, no randomness.

pub mod carts;
pub mod catalog;
pub mod checkout;
pub mod dashboards;
pub mod jobs;
pub mod news;
pub mod reviews;
pub mod show;
pub mod wire;
