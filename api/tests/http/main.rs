//! The HTTP interface with the real thing behind it: what a client can rely on.

mod abuse;
mod bad_input;
mod carts;
mod changes;
mod checkout;
mod client;
mod dashboards;
mod load;
mod malformed;
mod metrics;
mod products;
mod reads;
mod shop;
mod story;
mod streams;
