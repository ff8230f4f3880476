//! What must be in the log.
//!
//! A batch that was acknowledged is there, at the offsets that were told, with the same bytes. The one batch
//! that was under way at a crash is there whole, or not at all. There is nothing else. What the timeline said
//! once it says for ever. Of what was trimmed nothing can be seen but that there was as much of it.

use std::collections::BTreeMap;
use std::path::Path;

use contract::log::Topic;
use streams::embedded::Config;
use streams::{EmbeddedLog, Installation, Log as _, timeline};

use super::load::{Batch, Pair};

/// Where a part of a batch stands: its topic, its first offset, and the offset after its last.
pub type Part = (Topic, u64, u64);

/// A batch that was sent since the log was compared last.
struct Sent {
    batch: Batch,
    /// Where it stands; none if it was not acknowledged.
    acknowledged: Option<Vec<Part>>,
}

/// What is known of the log.
#[derive(Default)]
pub struct Model {
    /// What was found in each topic when it was compared last.
    certain: Found,
    sent: Vec<Sent>,
    /// The timeline's values, as of then.
    timeline: Vec<Seen>,
}

/// A record, or none if it was trimmed before anybody has looked at it.
type Seen = Option<Pair>;
type Found = BTreeMap<Topic, Vec<Seen>>;

impl Model {
    /// Notes a batch that was sent.
    pub fn sent(&mut self, batch: Batch, acknowledged: Option<Vec<Part>>) {
        self.sent.push(Sent { batch, acknowledged });
    }

    /// Records that the log must have.
    pub fn records(&self) -> usize {
        let since = self.sent.iter().filter(|sent| sent.acknowledged.is_some());
        self.certain.values().map(Vec::len).sum::<usize>() + since.map(|s| s.batch.0.len()).sum::<usize>()
    }

    /// Compares the log in `directory`, and remembers what is in it.
    pub fn compare(&mut self, directory: &Path) -> Result<(), String> {
        let config = Config::new(Installation::new(0, [0; 10]), &[]);
        let log = EmbeddedLog::open(directory, &config).map_err(|error| error.to_string())?;
        log.check().map_err(|error| error.to_string())?;
        let mut found = Found::new();
        for topic in Topic::ALL {
            found.insert(topic, read(&log, topic.name())?);
        }
        for (topic, before) in &self.certain {
            if !goes_on(&found[topic], before) {
                return Err(format!(
                    "{topic:?} lost or changed records that it had: {} before, {} now",
                    before.len(),
                    found[topic].len()
                ));
            }
        }
        let at = Topic::ALL.map(|topic| self.certain.get(&topic).map_or(0, Vec::len));
        if !explains(&self.sent, at, &found) {
            let told: Vec<_> = self.sent.iter().map(|sent| &sent.acknowledged).collect();
            let there: Vec<_> = Topic::ALL.iter().map(|topic| found[topic].len()).collect();
            return Err(format!(
                "the log does not hold what was acknowledged: it went on from {at:?} to {there:?}, \
                 acknowledged was {told:?}"
            ));
        }
        let timeline = read(&log, timeline::TOPIC)?;
        if !goes_on(&timeline, &self.timeline) {
            return Err("the timeline lost or changed epochs that it had".to_owned());
        }
        (self.certain, self.timeline) = (found, timeline);
        self.sent.clear();
        Ok(())
    }
}

/// Whether `now` begins with what there was before.
fn goes_on(now: &[Seen], before: &[Seen]) -> bool {
    let same = |(now, before): (&Seen, &Seen)| now.is_none() || before.is_none() || now == before;
    now.len() >= before.len() && now.iter().zip(before).all(same)
}

/// Whether the log from `at` on is what was sent, some of what was not acknowledged left out.
fn explains(sent: &[Sent], at: [usize; 9], found: &Found) -> bool {
    let Some((first, rest)) = sent.split_first() else {
        return Topic::ALL
            .iter()
            .all(|topic| at[*topic as usize] == found[topic].len());
    };
    let left_out = first.acknowledged.is_none() && explains(rest, at, found);
    left_out || after(first, at, found).is_some_and(|at| explains(rest, at, found))
}

/// Where the log goes on after a batch, if that stands at `at`.
fn after(sent: &Sent, at: [usize; 9], found: &Found) -> Option<[usize; 9]> {
    let mut end = at;
    for (topic, pair) in &sent.batch.0 {
        let next = &mut end[*topic as usize];
        let seen = found[topic].get(*next)?;
        if seen.as_ref().is_some_and(|seen| seen != pair) {
            return None;
        }
        *next += 1;
    }
    let as_told = |(topic, first, last): &Part| {
        let index = *topic as usize;
        at[index] as u64 == *first && end[index] as u64 == *last
    };
    let told = sent.acknowledged.as_deref().unwrap_or_default();
    told.iter().all(as_told).then_some(end)
}

fn read(log: &EmbeddedLog, topic: &str) -> Result<Vec<Seen>, String> {
    let failed = |error: streams::LogError| error.to_string();
    let start = log.starts(topic).map_err(failed)?[0];
    let trimmed = usize::try_from(start).map_err(|error| error.to_string())?;
    let mut found = vec![None; trimmed];
    let mut reader = log.read(topic, 0, start).map_err(failed)?;
    while let Some(run) = reader.next_run(u64::MAX).map_err(failed)? {
        let pair = |record: streams::Record<'_>| {
            let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
            Some((key, value))
        };
        found.extend(run.map(pair));
    }
    Ok(found)
}
