//! What can be wrong with a checkpoint.

use super::manifest::FORMAT;

/// Why a checkpoint can't be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The place does not do what it is asked; it may later.
    #[error("checkpoints in {place}: {what}")]
    Place {
        /// Where.
        place: String,
        /// What happened.
        what: String,
    },
    /// What was written is not what is read.
    #[error("checkpoint {id} in {place} is damaged: {what}")]
    Damaged {
        /// Where.
        place: String,
        /// Which.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// A version of millrace wrote it that this one does not know.
    #[error(
        "checkpoint {id} in {place} has format {found}, this millrace reads {FORMAT}: start the version that \
         wrote it, or make the state anew from the log (millrace rebuild)"
    )]
    Format {
        /// Where.
        place: String,
        /// Which.
        id: String,
        /// The format that it says.
        found: u64,
    },
}

impl CheckpointError {
    /// Whether what is there can't be used, rather than that the place does not answer.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        !matches!(self, CheckpointError::Place { .. })
    }
}
