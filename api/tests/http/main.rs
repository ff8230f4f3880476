//! The HTTP interface with the real thing behind it: what a client can rely on.

mod abuse;
mod bad_input;
mod changes;
mod client;
mod load;
mod malformed;
mod metrics;
mod reads;
mod shop;
mod story;
mod streams;
