//! From where a restart goes on. Facts go in, a decision comes out.

use contract::installation::Installation;
use contract::log::Topic;
use sinks::Frontier;
use streams::timeline;

use super::manifest::{Id, Manifest};
use super::place::Found;

/// What there is.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Whose log it is.
    pub installation: Installation,
    /// The version of our logic.
    pub logic: u32,
    /// Where the view store stands; none if it is empty.
    pub store: Option<&'a Frontier>,
    /// The first offset that the timeline has.
    pub timeline_start: u64,
    /// Per topic and partition the first offset that is there.
    pub starts: &'a [Vec<u64>; 9],
    /// The checkpoints, newest first.
    pub checkpoints: &'a [Found],
}

/// From where it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// From this checkpoint; none: from the beginning of the log.
    pub from: Option<Id>,
    /// Newer ones that can't be used, and why not.
    pub passed_over: Vec<(Id, String)>,
}

/// Why there is no way to go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the beginning of the log was trimmed ({}), so that it can't be decided from there, and {why}; {}",
    gone(begins),
    way_out(passed_over)
)]
pub struct Refusal {
    /// Topic, partition and first offset that is there, of those that were trimmed.
    pub begins: Vec<(&'static str, usize, u64)>,
    /// What is in the way besides.
    pub why: String,
    /// The checkpoints that can't be used, and why not.
    pub passed_over: Vec<(Id, String)>,
}

/// Partitions that are told by name.
const TOLD_MAX: usize = 4;

fn gone(begins: &[(&str, usize, u64)]) -> String {
    let told = begins.iter().take(TOLD_MAX);
    let mut told: Vec<String> = told
        .map(|(topic, partition, start)| format!("{topic}/{partition} begins at offset {start}"))
        .collect();
    if begins.len() > TOLD_MAX {
        told.push(format!("{} more do", begins.len() - TOLD_MAX));
    }
    told.join(", ")
}

fn way_out(passed_over: &[(Id, String)]) -> String {
    let mut text = String::from(
        "bring back what belongs together (millrace restore; of a log in Kafka its records, or a data directory \
         with a newer checkpoint), or begin a new log",
    );
    for (id, why) in passed_over {
        text.push_str(&format!("; checkpoint {id} {why}"));
    }
    text
}

/// Chooses the newest checkpoint that can be used, else the beginning of the log.
///
/// # Errors
/// If there is neither.
pub fn choose(facts: &Facts<'_>) -> Result<Choice, Refusal> {
    let mut passed_over = Vec::new();
    for found in facts.checkpoints {
        match unfit(facts, found) {
            None => {
                return Ok(Choice {
                    from: Some(found.id),
                    passed_over,
                });
            }
            Some(why) => passed_over.push((found.id, why)),
        }
    }
    let begins = begins(facts);
    if begins.is_empty() {
        return Ok(Choice {
            from: None,
            passed_over,
        });
    }
    let why = match (facts.store, passed_over.is_empty()) {
        (_, true) => "there is no checkpoint".to_owned(),
        (None, _) => {
            "the view store is empty, while checkpoints go on from rows that it must hold".to_owned()
        }
        (Some(store), _) => format!(
            "no checkpoint can be used with the view store, which stands at epoch {}",
            store.epoch.0
        ),
    };
    Err(Refusal {
        begins,
        why,
        passed_over,
    })
}

/// Where partitions begin that don't at 0.
fn begins(facts: &Facts<'_>) -> Vec<(&'static str, usize, u64)> {
    let of = |topic: Topic| {
        let starts = facts.starts[topic as usize].iter().enumerate();
        starts.map(move |(partition, start)| (topic.name(), partition, *start))
    };
    let all = Topic::ALL.into_iter().flat_map(of);
    all.chain([(timeline::TOPIC, 0, facts.timeline_start)])
        .filter(|(_, _, start)| *start > 0)
        .collect()
}

/// Why a checkpoint can't be used; none if it can.
fn unfit(facts: &Facts<'_>, found: &Found) -> Option<String> {
    let manifest = match &found.manifest {
        None => return Some("was never completed".to_owned()),
        Some(Err(why)) => return Some(format!("can't be read: {why}")),
        Some(Ok(manifest)) => manifest,
    };
    if manifest.installation != facts.installation {
        return Some(format!(
            "is of installation {}, this is {}",
            manifest.installation, facts.installation
        ));
    }
    if manifest.logic != facts.logic {
        return Some(format!(
            "holds what logic version {} decided, this is {}",
            manifest.logic, facts.logic
        ));
    }
    match facts.store {
        None => return Some("goes on from rows that the view store does not hold: it is empty".to_owned()),
        Some(store) if store.epoch < found.id.epoch => {
            return Some(format!(
                "goes on from rows that the view store, at epoch {}, does not hold",
                store.epoch.0
            ));
        }
        Some(_) => {}
    }
    beyond(facts, manifest)
}

/// Why the log does not go on where the checkpoint ends.
fn beyond(facts: &Facts<'_>, manifest: &Manifest) -> Option<String> {
    let needed = |topic: &str, partition: usize| {
        let ends = Topic::from_name(topic).map(|topic| &manifest.binding.ends[topic as usize]);
        ends.map_or(manifest.timeline_offset, |ends| {
            ends.get(partition).copied().unwrap_or(0)
        })
    };
    let mut begins = begins(facts).into_iter();
    let (topic, partition, start) =
        begins.find(|(topic, partition, start)| *start > needed(topic, *partition))?;
    Some(format!(
        "ends before the log begins, which was trimmed since: it needs {topic}/{partition} from offset {} to {}",
        needed(topic, partition),
        start - 1
    ))
}
