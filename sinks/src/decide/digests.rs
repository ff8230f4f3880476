//! Whether a replay is the history that a sink holds.
//!
//! Digests are chained: once two histories differ, all their later digests do. A sink keeps the digest after
//! each of its last epochs, and of older ones every 256th, so a replay that goes wrong is stopped at the
//! first epoch that differs, or, far back, within 256 epochs of it.

use std::fmt;

use contract::digest::Digest;
use contract::log::Epoch;

/// The digests of so many epochs before the frontier are all kept.
pub const KEPT_EXACTLY: u64 = 65_536;

/// Of older epochs those that this divides.
pub const KEPT_EVERY: u64 = 256;

/// Whether a sink at `frontier` keeps the digest after `epoch`.
#[must_use]
pub fn is_kept(epoch: Epoch, frontier: Epoch) -> bool {
    frontier.0.saturating_sub(epoch.0) < KEPT_EXACTLY || epoch.0.is_multiple_of(KEPT_EVERY)
}

/// Where a replay became another history than the sink's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differs {
    /// The last epoch at which both were known to be the same; `None`: none was.
    pub same_at: Option<Epoch>,
    /// The first at which they are known to differ.
    pub differs_at: Epoch,
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.same_at.map_or(1, |same| same.0 + 1);
        if first == self.differs_at.0 {
            write!(f, "epoch {first} replays otherwise than the sink has it")?;
        } else {
            write!(
                f,
                "one of the epochs {first} to {} replays otherwise than the sink has it",
                self.differs_at.0
            )?;
        }
        f.write_str(
            ": the rules were changed without a new logic version, the log was changed, or deciding is not \
             deterministic; compare both, then rebuild the sink beside the old one",
        )
    }
}

impl std::error::Error for Differs {}

/// Compares a replay with the digests that a sink keeps, epoch by epoch.
#[derive(Debug)]
pub struct Replay {
    kept: std::iter::Peekable<std::vec::IntoIter<(Epoch, Digest)>>,
    same_at: Option<Epoch>,
}

impl Replay {
    /// A replay to be compared with `kept`, the sink's digests in the order of their epochs.
    #[must_use]
    pub fn new(kept: Vec<(Epoch, Digest)>) -> Self {
        Replay {
            kept: kept.into_iter().peekable(),
            same_at: None,
        }
    }

    /// Takes the replay's digest after its next epoch. A replay that goes on from a checkpoint begins with
    /// the checkpoint's own.
    ///
    /// # Errors
    /// If the sink has another one.
    pub fn check(&mut self, epoch: Epoch, digest: Digest) -> Result<(), Differs> {
        while self.kept.next_if(|(kept, _)| *kept < epoch).is_some() {}
        let Some((_, theirs)) = self.kept.next_if(|(kept, _)| *kept == epoch) else {
            return Ok(());
        };
        if theirs != digest {
            return Err(Differs {
                same_at: self.same_at,
                differs_at: epoch,
            });
        }
        self.same_at = Some(epoch);
        Ok(())
    }

    /// Whether the replay has come as far as the sink.
    #[must_use]
    pub fn arrived(&mut self) -> bool {
        self.kept.peek().is_none()
    }
}
