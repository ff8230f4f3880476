//! Checkpoints: the jobs' state at one epoch, from which a restart goes on instead of deciding the whole log
//! once more.
//!
//! A checkpoint is a folder of objects, in a directory or a bucket: parts (compressed, each with a checksum)
//! and a manifest that names them, written last. Its place names the epoch and the generation of who wrote
//! it, so that two processes never write into one.
//!
//! Invariants:
//! - A checkpoint without a manifest doesn't exist. With one it is whole: the manifest is written only once
//!   every part is, and once the view store holds its epoch in a way that survives a crash of the machine.
//! - It holds what no view does, and the views hold what it does not (texts of closed orders): so it is of
//!   use only to a view store that stands at its epoch or after it.
//! - What is read from it was checked: a part that was cut, swapped or changed is told, never used.
//!
//! It is not a backup: the view store and the log are not in it.

mod answer;
mod bucket;
mod call;
mod choose;
mod error;
mod load;
mod manifest;
mod patience;
mod place;
mod take;
mod trim;

pub use bucket::{Bucket, is_bucket};
pub use choose::{Choice, Facts, Refusal, choose};
pub use error::{CheckpointError, Trouble};
pub use load::load;
pub use manifest::{FORMAT, Id, Manifest, PartFile};
pub use patience::Patience;
pub use place::{Found, Place};
pub use take::{Due, Policy, Source, Take, TakeError, Taken, prune, take};
pub use trim::{Trimmed, trim_log};
