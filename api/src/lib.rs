//! The HTTP interface: commands in, views out, live changes, explanations, metrics.
//!
//! ```text
//! client ─► [server] ─► routes ─► [append] ─► log
//!                          │
//!                          ├────► views (one moment an answer)
//!                          └────► [feed] ◄── the view store's commits
//! ```
//!
//! A command is checked as the job will check it, appended, and answered once it is durable; with `Prefer:
//! wait` its fate is read from the views. A read shows one epoch, says which, and never goes back.
//!
//! Queues, each bounded: `commands` before the log, a few parts of events per follower, connections and
//! requests under way. What is full refuses (503, `Retry-After`) before anything is done.

pub mod answer;
pub mod app;
pub mod append;
mod body;
mod command;
pub mod explain;
pub mod feed;
mod fresh;
mod history;
pub mod metrics;
mod middleware;
pub mod openapi;
pub mod problem;
pub mod query;
pub mod routes;
pub mod server;
mod stall;
pub mod token;

pub use app::{App, Checkpoint, Config, Following, Parts, Status};
pub use feed::{Feed, Observed};
pub use server::Server;
