//! Taking a checkpoint, beside everything else.

use std::collections::BTreeMap;

use contract::digest::Digest;
use contract::installation::Installation;
use contract::log::{Binding, Epoch};
use streams::timeline::Generation;

use super::error::CheckpointError;
use super::manifest::{Id, Manifest};
use super::place::{Found, Place};

/// When checkpoints are taken, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// After so many milliseconds, if anything but heartbeats was decided.
    pub interval_ms: u64,
    /// After so many records, even before that.
    pub records_max: u64,
    /// So many complete ones are kept.
    pub keep: usize,
}

impl Default for Policy {
    /// Every five minutes or ten million records; two are kept, so that a damaged one costs little.
    fn default() -> Policy {
        Policy {
            interval_ms: 300_000,
            records_max: 10_000_000,
            keep: 2,
        }
    }
}

/// When the next checkpoint is due.
#[derive(Clone, Debug)]
pub struct Due {
    policy: Policy,
    records: u64,
    since_ms: u64,
}

impl Due {
    /// From now on, in monotonic time.
    #[must_use]
    pub fn new(policy: Policy, now_ms: u64) -> Due {
        Due {
            policy,
            records: 0,
            since_ms: now_ms,
        }
    }

    /// Counts an epoch's records; whether the state after it is to be kept. If it can't be (`busy`), the next
    /// epoch's will.
    pub fn epoch(&mut self, records: u64, now_ms: u64, busy: bool) -> bool {
        self.records += records;
        let waited = now_ms.saturating_sub(self.since_ms) >= self.policy.interval_ms;
        let due = self.records > 0 && (waited || self.records >= self.policy.records_max);
        if busy || !due {
            return false;
        }
        *self = Due::new(self.policy, now_ms);
        true
    }
}

/// State that stands still while it is written.
pub trait Source: Send {
    /// Its parts; together with those of others each name comes once.
    fn parts(&self) -> Vec<String>;

    /// The bytes of the part with this number.
    fn encode(&self, part: usize, out: &mut Vec<u8>);

    /// What is in it, by kind: how many, and bytes.
    fn census(&self) -> BTreeMap<String, (u64, u64)> {
        BTreeMap::new()
    }
}

/// A checkpoint that is to be taken.
pub struct Take {
    /// Whose log it is.
    pub installation: Installation,
    /// The version of the logic.
    pub logic: u32,
    /// Our generation.
    pub generation: u64,
    /// Where it stands.
    pub binding: Binding,
    /// All changes up to there.
    pub digest: Digest,
    /// The generation in force there.
    pub in_force: Option<Generation>,
    /// The offset of the timeline that is read next.
    pub timeline_offset: u64,
    /// The state.
    pub sources: Vec<Box<dyn Source>>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// What was written.
    pub manifest: Manifest,
    /// What was removed; or why not all that is not kept could be, which is tried again after the next.
    pub removed: Result<Vec<Id>, CheckpointError>,
}

/// Why no checkpoint was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakeError {
    /// The place of checkpoints.
    #[error(transparent)]
    Place(#[from] CheckpointError),
    /// The view store did not keep for good what it holds.
    #[error("the view store: {0}")]
    Store(String),
}

/// Writes the parts, waits until `stored` says that the view store holds the epoch for good, completes the
/// checkpoint and removes what is not kept any more. Nothing, if `stored` says that it won't, or `go_on`,
/// asked before each part, that we are to stop.
///
/// # Errors
/// If the place fails. What was written of the checkpoint is removed, as far as that can be done; the rest by
/// the next one that is taken.
pub fn take(
    place: &Place,
    keep: usize,
    take: Take,
    go_on: &dyn Fn() -> bool,
    stored: impl FnOnce() -> Result<bool, String>,
) -> Result<Option<Taken>, TakeError> {
    let id = Id {
        epoch: take.binding.epoch,
        generation: take.generation,
    };
    let done = write(place, id, take, go_on, stored);
    if !matches!(done, Ok(Some(_))) {
        let _ = place.remove(id);
    }
    let Some(manifest) = done? else {
        return Ok(None);
    };
    let removed = prune(place, keep, Some(id.epoch));
    Ok(Some(Taken { manifest, removed }))
}

fn write(
    place: &Place,
    id: Id,
    take: Take,
    go_on: &dyn Fn() -> bool,
    stored: impl FnOnce() -> Result<bool, String>,
) -> Result<Option<Manifest>, TakeError> {
    let mut raw = Vec::new();
    let (mut parts, mut census) = (Vec::new(), BTreeMap::new());
    for source in take.sources {
        for (number, name) in source.parts().iter().enumerate() {
            if !go_on() {
                return Ok(None);
            }
            raw.clear();
            source.encode(number, &mut raw);
            parts.push(place.put(id, name, &raw)?);
        }
        census.extend(source.census());
    }
    if !stored().map_err(TakeError::Store)? {
        return Ok(None);
    }
    let manifest = Manifest {
        id,
        installation: take.installation,
        logic: take.logic,
        binding: take.binding,
        digest: take.digest,
        in_force: take.in_force,
        timeline_offset: take.timeline_offset,
        parts,
        census,
    };
    place.complete(&manifest)?;
    Ok(Some(manifest))
}

/// Removes all but the newest `keep` that a view store at `store` can go on from, and what was left over
/// before the newest of them. What can't be used and is newer stays, for a person to look at; so do those that
/// the view store, being an older copy, has yet to reach: in their place nothing that it needs is removed.
///
/// # Errors
/// If the place fails.
pub fn prune(place: &Place, keep: usize, store: Option<Epoch>) -> Result<Vec<Id>, CheckpointError> {
    let found = place.list()?;
    let reached = |found: &&Found| found.whole().is_some() && Some(found.id.epoch) <= store;
    let mut whole = found.iter().filter(reached);
    let Some(newest) = whole.next().map(|found| found.id) else {
        return Ok(Vec::new());
    };
    let kept: Vec<Id> = std::iter::once(newest)
        .chain(whole.map(|found| found.id))
        .take(keep.max(1))
        .collect();
    let mut removed = Vec::new();
    for found in &found {
        if found.id < newest && !kept.contains(&found.id) {
            place.remove(found.id)?;
            removed.push(found.id);
        }
    }
    Ok(removed)
}
