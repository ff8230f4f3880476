//! The HTTP interface with the real thing behind it: what a client can rely on.

mod bad_input;
mod changes;
mod client;
mod load;
mod metrics;
mod reads;
mod shop;
mod story;
mod streams;
