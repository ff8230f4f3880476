//! Giving up the beginning of the log, as far as no kept checkpoint needs it.
//!
//! What is trimmed can't be decided again: the views can't be made anew any more, nor by another version of
//! the logic. That is the price of the disk that it frees.

use contract::installation::Installation;
use contract::log::{Epoch, Topic};
use streams::{Log, timeline};

use super::place::Place;

/// What was given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// The epoch of the oldest checkpoint: the log begins after it.
    pub epoch: Epoch,
    /// Records.
    pub records: u64,
}

/// Trims every stream up to the oldest complete checkpoint, the timeline last. Without a checkpoint nothing;
/// nothing either while the view store, at `store`, has not reached it: it is an older copy, which needs what
/// comes before.
///
/// # Errors
/// If place or log fail: says what happened. It can be called again.
pub fn trim_log(
    log: &dyn Log,
    place: &Place,
    installation: Installation,
    store: Option<Epoch>,
) -> Result<Trimmed, String> {
    let found = place.list().map_err(|error| error.to_string())?;
    // The oldest stands last.
    let mut ours = found.iter().rev().filter_map(|found| found.whole());
    let Some(oldest) = ours
        .find(|manifest| manifest.installation == installation)
        .filter(|oldest| Some(oldest.id.epoch) <= store)
    else {
        return Ok(Trimmed::default());
    };
    let mut trimmed = Trimmed {
        epoch: oldest.id.epoch,
        records: 0,
    };
    for topic in Topic::ALL {
        for (partition, end) in (0u32..).zip(&oldest.binding.ends[topic as usize]) {
            trimmed.records += trim(log, topic.name(), partition, *end)?;
        }
    }
    trim(log, timeline::TOPIC, 0, oldest.timeline_offset)?;
    Ok(trimmed)
}

fn trim(log: &dyn Log, topic: &str, partition: u32, before: u64) -> Result<u64, String> {
    let starts = log.starts(topic).map_err(|error| error.to_string())?;
    let start = starts.get(partition as usize).copied().unwrap_or(0);
    if start >= before {
        return Ok(0);
    }
    log.trim(topic, partition, before)
        .map_err(|error| error.to_string())?;
    Ok(before - start)
}
