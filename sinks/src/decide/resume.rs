//! Whether a sink goes on from what it holds, starts over, or must not be touched.

use contract::digest::Digest;
use contract::installation::Installation;
use contract::log::{Epoch, Topic};

use crate::Frontier;

/// What this process has: whose log, how far it reaches, and by which rules it is read.
#[derive(Clone, Debug)]
pub struct Ours {
    /// The log's id.
    pub installation: Installation,
    /// The generation that this process holds.
    pub generation: u64,
    /// The version of the logic.
    pub logic: u32,
    /// The last epoch that the timeline binds.
    pub last: Option<Epoch>,
    /// Per topic (in [`Topic::ALL`]'s order) the offset that the next record of each partition gets.
    pub ends: [Vec<u64>; 9],
}

/// How a sink goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// It is empty: fill it from the start.
    Fill,
    /// It follows from its epoch on.
    Continue {
        /// Its epoch.
        after: Epoch,
        /// All that it holds: a replay that arrives there must have the same (see [`super::Replay`]).
        digest: Digest,
    },
}

/// Why a sink is not touched, and the ways out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was filled from another log.
    #[error(
        "it holds the views of installation {found}, this is {ours}: give it its own log back, \
         or point millrace at another place, or remove it, and it is filled anew"
    )]
    OtherInstallation {
        /// Whose views it holds.
        found: Installation,
        /// Who we are.
        ours: Installation,
    },
    /// A process that started later writes it.
    #[error(
        "generation {found} writes it, ours is {ours}: another process has taken over; stop that one, \
         then start this one, which takes a new generation"
    )]
    LaterGeneration {
        /// The generation that wrote last.
        found: u64,
        /// Ours.
        ours: u64,
    },
    /// Its rows were decided by other rules.
    #[error(
        "its rows were decided by logic version {found}, this is version {ours}: make a new one beside it with \
         millrace rebuild, compare with millrace diff, take it with millrace rebuild --accept; or run the old \
         version"
    )]
    OtherLogic {
        /// The version that decided its rows.
        found: u32,
        /// Ours.
        ours: u32,
    },
    /// It holds records that the log has not.
    #[error(
        "it holds {topic}/{partition} up to offset {found}, but the log's next is {ours}: the log was \
         restored from an older copy or lost its end; restore the whole log, or remove the sink and accept \
         that what it held beyond the log is lost"
    )]
    LogShorter {
        /// The topic's name.
        topic: &'static str,
        /// The partition.
        partition: usize,
        /// The next offset by the sink.
        found: u64,
        /// The log's next offset.
        ours: u64,
    },
    /// It holds epochs that the timeline does not bind.
    #[error(
        "it stands at epoch {}, but the timeline ends at {}: the timeline was restored from an older copy or \
         lost its end; restore it, or remove the sink and accept that its last epochs are bound anew",
        found.0, ours.map_or(0, |epoch| epoch.0)
    )]
    TimelineShorter {
        /// Where it stands.
        found: Epoch,
        /// The last epoch bound.
        ours: Option<Epoch>,
    },
}

/// Decides how a sink goes on that holds `found`. Of several reasons to refuse the first in [`Refusal`]'s
/// order is told: who it belongs to comes before how far it is.
///
/// # Errors
/// If the sink must not be touched.
pub fn resume(found: Option<&Frontier>, ours: &Ours) -> Result<Resume, Refusal> {
    let Some(found) = found else {
        return Ok(Resume::Fill);
    };
    if found.installation != ours.installation {
        return Err(Refusal::OtherInstallation {
            found: found.installation,
            ours: ours.installation,
        });
    }
    if found.generation > ours.generation {
        return Err(Refusal::LaterGeneration {
            found: found.generation,
            ours: ours.generation,
        });
    }
    if found.logic != ours.logic {
        return Err(Refusal::OtherLogic {
            found: found.logic,
            ours: ours.logic,
        });
    }
    for topic in Topic::ALL {
        let ends = &ours.ends[topic as usize];
        for (partition, &next) in found.ends[topic as usize].iter().enumerate() {
            let end = ends.get(partition).copied().unwrap_or(0);
            if next > end {
                return Err(Refusal::LogShorter {
                    topic: topic.name(),
                    partition,
                    found: next,
                    ours: end,
                });
            }
        }
    }
    if Some(found.epoch) > ours.last {
        return Err(Refusal::TimelineShorter {
            found: found.epoch,
            ours: ours.last,
        });
    }
    Ok(Resume::Continue {
        after: found.epoch,
        digest: found.digest,
    })
}
