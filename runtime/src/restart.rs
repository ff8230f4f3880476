//! Where a start begins: after the newest checkpoint that is of use, or with the first epoch.
//!
//! It fails if there is neither. A checkpoint that turns out to be damaged is passed over, with a warning.

use contract::digest::Digest;
use contract::installation::Installation;
use contract::log::{Epoch, Topic};
use pipelines::checkout::LOGIC_VERSION;
use sinks::Frontier;
use streams::timeline;
use streams::{Log, LogError};

use crate::checkpoint::{self, CheckpointError, Choice, Facts, Found, Manifest, Place, Refusal};
use crate::conductor::Mark;
use crate::state::State;

/// Why there is nothing to begin with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestartError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The place of the checkpoints does not answer.
    #[error(transparent)]
    Place(#[from] CheckpointError),
    /// What there is does not belong together.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Where a start begins.
#[derive(Debug, Default)]
pub struct Start {
    /// After this epoch; 0: with the first.
    pub epoch: Epoch,
    /// In the log.
    pub mark: Mark,
    /// All changes of all views up to there.
    pub digest: Digest,
    /// What the jobs know there.
    pub state: State,
    /// The checkpoint.
    pub checkpoint: Option<checkpoint::Id>,
}

impl Start {
    /// After a checkpoint.
    #[must_use]
    pub fn after(manifest: &Manifest, state: State) -> Start {
        Start {
            epoch: manifest.id.epoch,
            mark: Mark::of(manifest),
            digest: manifest.digest,
            state,
            checkpoint: Some(manifest.id),
        }
    }
}

/// Finds where to begin, for a view store that stands at `store`, and reads it with so many threads.
///
/// # Errors
/// If there is nothing that log and store could go on from, or a place does not answer.
pub fn find(
    place: Option<&Place>,
    log: &dyn Log,
    installation: Installation,
    store: Option<&Frontier>,
    threads: usize,
) -> Result<Start, RestartError> {
    let mut checkpoints = place.map_or(Ok(Vec::new()), Place::list)?;
    loop {
        let choice = choose(&checkpoints, log, installation, LOGIC_VERSION, store)?;
        for (id, why) in &choice.passed_over {
            tracing::warn!(checkpoint = %id, "passed over: it {why}");
        }
        let (Some(place), Some(id)) = (place, choice.from) else {
            return Ok(Start::default());
        };
        let found = checkpoints.iter_mut().find(|found| found.id == id);
        let found = found.expect("what is chosen is one of those");
        match read(place, found, threads) {
            Ok(start) => {
                tracing::info!(checkpoint = %id, "going on from a checkpoint");
                return Ok(start);
            }
            Err(damaged) => found.manifest = Some(Err(damaged)),
        }
    }
}

/// Where a start of a version with this logic begins: whether checkpoints (newest first), log and view store
/// go together. Nothing of a checkpoint but its manifest is looked at.
///
/// # Errors
/// If there is nothing that log and store could go on from, or the log does not answer.
pub fn choose(
    checkpoints: &[Found],
    log: &dyn Log,
    installation: Installation,
    logic: u32,
    store: Option<&Frontier>,
) -> Result<Choice, RestartError> {
    let mut starts = timeline::no_ends();
    for topic in Topic::ALL {
        starts[topic as usize] = log.starts(topic.name())?;
    }
    let timeline_start = log.starts(timeline::TOPIC)?.first().copied().unwrap_or(0);
    let choice = checkpoint::choose(&Facts {
        installation,
        logic,
        store,
        timeline_start,
        starts: &starts,
        checkpoints,
    })?;
    Ok(choice)
}

/// Begins after a checkpoint.
///
/// # Errors
/// If it can't be read as it was written.
///
/// # Panics
/// If it is not whole.
pub fn read(place: &Place, found: &Found, threads: usize) -> Result<Start, CheckpointError> {
    let manifest = found.whole().expect("what is chosen can be used");
    let decode = |name: &str, bytes: Vec<u8>| State::decode(name, &bytes);
    let pieces = checkpoint::load(place, manifest, threads, &decode)?;
    let state = State::restore(manifest.id.epoch, pieces, threads)
        .map_err(|what| place.damaged(manifest.id, what))?;
    Ok(Start::after(manifest, state))
}
