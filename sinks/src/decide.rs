//! Whether a store that was found is gone on with.

use contract::installation::Installation;
use contract::log::Epoch;

use crate::Frontier;

/// What we have.
#[derive(Clone, Debug)]
pub struct Ours {
    /// Whose log.
    pub installation: Installation,
    /// Our generation.
    pub generation: u64,
    /// The version of our logic.
    pub logic: u32,
    /// The last epoch that was bound when we came.
    pub bound: Epoch,
    /// The log's next offsets.
    pub ends: [Vec<u64>; 9],
}

/// How to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// From the beginning.
    Fresh,
    /// After what the store holds.
    After,
    /// Not at all.
    Refuse(Mismatch),
}

/// Why a store is not gone on with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Another history.
    #[error("its rows are those of another history or logic: the digests differ at epoch {epoch:?}")]
    Digest {
        /// Where it was noticed.
        epoch: Epoch,
    },
}

/// How to go on with what was found.
#[must_use]
pub fn resume(found: Option<&Frontier>, _ours: &Ours) -> Resume {
    if found.is_none() {
        Resume::Fresh
    } else {
        Resume::After
    }
}
