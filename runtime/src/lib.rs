//! The running system: epochs in, dataflow over workers, view deltas out, restart.
//!
//! Its parts know nothing of each other's threads, so that they can be driven one step after another:
//!
//! - [`conductor`] says which epoch comes next: replays the timeline, then binds.
//! - [`dataflow`] decides it on any number of workers.
//! - [`delivery`] gathers what they yield and commits it to the view store.
//! - [`checkpoint`] keeps the jobs' state at one epoch, so that a restart need not decide everything again.
//! - [`engine`] runs the three in threads of their own, and tells how far they are ([`Progress`]).

pub mod checkpoint;
pub mod chunk;
pub mod clock;
pub mod conductor;
pub mod dataflow;
pub mod delivery;
pub mod engine;
mod latency;
pub mod panics;
mod progress;
pub mod queue;
pub mod restart;
pub mod state;

pub use engine::{Checkpoints, Engine, EngineError, Options};
pub use latency::Latencies;
pub use progress::{Held, Progress, State};
