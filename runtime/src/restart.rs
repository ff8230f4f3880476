//! Where a start begins: after the newest checkpoint that is of use, or with the first epoch.
//!
//! It fails if there is neither. A checkpoint that turns out to be damaged is passed over, with a warning.
//! One that can't be reached is not: what can't be read now may be whole, so that it is tried again for a
//! while, and then the start fails.

use contract::digest::Digest;
use contract::installation::Installation;
use contract::log::{Epoch, Topic};
use pipelines::checkout::LOGIC_VERSION;
use sinks::Frontier;
use streams::timeline;
use streams::{Log, LogError};

use crate::checkpoint::{self, CheckpointError, Choice, Facts, Found, Manifest, Patience, Place, Refusal};
use crate::conductor::Mark;
use crate::progress::Held;
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
    pub checkpoint: Option<Held>,
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
            checkpoint: Some(Held::of(manifest)),
        }
    }
}

/// Finds where to begin, for a view store that stands at `store`, and reads it with so many threads. A place
/// that does not answer is asked again as long as `patience` lasts.
///
/// # Errors
/// If there is nothing that log and store could go on from, or a place does not answer.
pub fn find(
    place: Option<&Place>,
    log: &dyn Log,
    installation: Installation,
    store: Option<&Frontier>,
    threads: usize,
    patience: Patience,
) -> Result<Start, RestartError> {
    let listed = place.map(|place| patience.ask(place, || place.list()));
    let mut checkpoints = listed.transpose()?.unwrap_or_default();
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
        let manifest = found.whole().expect("what is chosen can be used");
        match patience.ask(place, || read(place, manifest, threads)) {
            Ok(start) => {
                tracing::info!(checkpoint = %id, "going on from a checkpoint");
                return Ok(start);
            }
            Err(damaged) if damaged.is_damage() => found.manifest = Some(Err(damaged)),
            Err(unanswered) => return Err(unanswered.into()),
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
pub fn read(place: &Place, manifest: &Manifest, threads: usize) -> Result<Start, CheckpointError> {
    let decode = |name: &str, bytes: Vec<u8>| State::decode(name, &bytes);
    let pieces = checkpoint::load(place, manifest, threads, &decode)?;
    let state = State::restore(manifest.id.epoch, pieces, threads)
        .map_err(|what| place.damaged(manifest.id, what))?;
    Ok(Start::after(manifest, state))
}
