//! Whether a commit may be taken. Every sink asks this inside the unit that changes it.

use crate::{Commit, Frontier, SinkError};

/// Checks a commit against what the sink named `sink` holds.
///
/// # Errors
/// In this order: [`SinkError::Refused`] if the sink is another installation's, [`SinkError::Fenced`] if a
/// later generation wrote it, [`SinkError::Elsewhere`] if it does not stand where the commit goes on,
/// `Refused` if its rows were decided by another version of the logic, or if the commit does not go forward.
pub fn fence(sink: &str, found: Option<&Frontier>, commit: &Commit) -> Result<(), SinkError> {
    owner(sink, found, &commit.frontier)?;
    let at = found.map(|found| found.epoch);
    if at != commit.after {
        return Err(SinkError::Elsewhere {
            sink: sink.to_owned(),
            found: at,
            expected: commit.after,
        });
    }
    let logic = found.map_or(commit.frontier.logic, |found| found.logic);
    if logic != commit.frontier.logic {
        let what = format!(
            "its rows were decided by logic version {logic}, the commit's by {}: rebuild it beside",
            commit.frontier.logic
        );
        return Err(refused(sink, what));
    }
    let epochs = commit.digests.iter().map(|(epoch, _)| Some(*epoch));
    let forward = std::iter::once(commit.after)
        .chain(epochs)
        .is_sorted_by(|a, b| a < b);
    let last = commit.digests.last();
    if !forward || last != Some(&(commit.frontier.epoch, commit.frontier.digest)) {
        let what = format!(
            "a commit after {:?} that names {} digests does not lead to {:?}: a bug, please report it",
            commit.after,
            commit.digests.len(),
            commit.frontier.epoch
        );
        return Err(refused(sink, what));
    }
    Ok(())
}

/// Checks whether all that the sink named `sink` holds may be given up for the rows at `frontier`.
///
/// # Errors
/// [`SinkError::Refused`] if the sink is another installation's, [`SinkError::Fenced`] if a later generation
/// wrote it. Another version of the logic is no reason: refilling is the way out of that.
pub fn fence_refill(sink: &str, found: Option<&Frontier>, frontier: &Frontier) -> Result<(), SinkError> {
    owner(sink, found, frontier)
}

fn owner(sink: &str, found: Option<&Frontier>, ours: &Frontier) -> Result<(), SinkError> {
    let Some(found) = found else {
        return Ok(());
    };
    if found.installation != ours.installation {
        let what = format!(
            "it holds the views of installation {}, this is {}",
            found.installation, ours.installation
        );
        return Err(refused(sink, what));
    }
    if found.generation > ours.generation {
        return Err(SinkError::Fenced {
            sink: sink.to_owned(),
            found: found.generation,
            ours: ours.generation,
        });
    }
    Ok(())
}

fn refused(sink: &str, what: String) -> SinkError {
    SinkError::Refused {
        sink: sink.to_owned(),
        what,
    }
}
