//! What can be wrong with a checkpoint, or with the place where it lies.
//!
//! The two must never be mistaken for each other. What is damaged stays so, and the checkpoint before it is
//! the way out. A place that does not answer may answer in a minute: whoever took that for damage would go
//! on from an older state, or replay everything, for nothing.

use super::manifest::FORMAT;

/// Why a place does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// We may not.
    Denied,
    /// There is no such bucket.
    NoBucket,
    /// It can't be used as it is configured.
    Unusable,
    /// No answer came in time.
    TimedOut,
    /// The answer ended before all of it had come.
    Cut,
    /// Somebody else answers.
    Garbled,
    /// It has more to do than it can.
    Throttled,
    /// There is nobody at that address.
    Unreachable,
    /// We were asked to stop before it had answered.
    Stopped,
    /// Anything else that it says.
    Failed,
}

impl Trouble {
    /// Whether it may be over by itself when it is tried again.
    #[must_use]
    pub fn passes(self) -> bool {
        match self {
            Trouble::TimedOut
            | Trouble::Cut
            | Trouble::Garbled
            | Trouble::Throttled
            | Trouble::Unreachable
            | Trouble::Failed => true,
            Trouble::Denied | Trouble::NoBucket | Trouble::Unusable | Trouble::Stopped => false,
        }
    }

    /// What is to be done; nothing is known for what is not ours.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Trouble::Denied => {
                "; check who we are (of a bucket: the AWS_ variables) and that we may list, read, write and \
                 delete there"
            }
            Trouble::NoBucket => "; check checkpoint.location, or make the bucket",
            Trouble::TimedOut => "; check the network, or raise checkpoint.timeout_s",
            Trouble::Cut => "; check the network and what stands in between",
            Trouble::Garbled => "; check checkpoint.s3_endpoint and what stands in between",
            Trouble::Throttled => "; it may be asked less often: raise checkpoint.retries or interval_s",
            Trouble::Unreachable => "; check checkpoint.s3_endpoint, checkpoint.s3_region and the network",
            Trouble::Unusable | Trouble::Stopped | Trouble::Failed => "",
        }
    }
}

/// Why a checkpoint can't be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The place does not do what it is asked; it may later.
    #[error("checkpoints in {place}: {what}{}", trouble.remedy())]
    Place {
        /// Where.
        place: String,
        /// Of which kind.
        trouble: Trouble,
        /// What was asked of which object, and what happened.
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
        self.trouble().is_none()
    }

    /// What is wrong with the place; none if it is the checkpoint.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            CheckpointError::Place { trouble, .. } => Some(*trouble),
            CheckpointError::Damaged { .. } | CheckpointError::Format { .. } => None,
        }
    }
}
