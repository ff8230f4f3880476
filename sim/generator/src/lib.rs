//! Random logs that steer towards rare states, and an account of what they reached.
//!
//! A [`Generator`] makes a log epoch by epoch: it reads the tables as of the epoch before, so that it can
//! aim: at an order whose deadline is due this very millisecond, a refund that failed, a campaign with one
//! right left. Everything follows from the seed, the [`Profile`] and the tables. A [`Coverage`] tells from
//! the tables which cells of the rules were reached, and which are still missing. [`describe()`] prints a log
//! for people.
//!
//! No I/O, no clock but the log's.
//!
//! ```
//! use contract::log::History;
//! use contract::tables::Tables;
//! use millrace_generator::{Coverage, Generator, Profile, append};
//!
//! let seed = 7;
//! let mut generator = Generator::new(seed, Profile::from_seed(seed));
//! let (mut log, mut coverage) = (History::new(), Coverage::new());
//! let before = Tables::new();
//! append(&generator.next_epoch(&before), &mut log);
//! let after = Tables::new(); // what an implementation makes of log.records(0)
//! coverage.observe(&before, &after);
//! assert!(!coverage.missing().is_empty());
//! ```

mod actions;
mod cells;
mod clock;
mod coverage;
mod describe;
mod doc;
mod generator;
mod plan;
mod profile;
mod rng;
mod rules;
mod schema;
mod shape;
mod snapshot;

pub use cells::{Cells, rows};
pub use coverage::Coverage;
pub use describe::describe;
pub use generator::Generator;
pub use plan::{EpochPlan, PlannedRecord, append};
pub use profile::Profile;
pub use rng::Rng;
pub use rules::{Rules, of_version as rules_of_version};
