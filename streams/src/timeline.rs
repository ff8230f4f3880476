//! The timeline: which records belong to which epoch, and what the clock read then.
//!
//! A record says "epoch e holds every record below these ends"; a topic or partition left out is unchanged.
//! Of records for the same epoch the first counts, later ones are void. So two minters, or one that wakes
//! from a pause, can't bind an epoch twice: each acts only on what it read back ([`Timeline::apply`]).
//!
//! A generation (who may write sinks and run connectors) is taken by binding an epoch that says so, and so
//! follows the same rule: of two that take the next one, one succeeds.
//!
//! A record that can't be decided, as an assertion of ours trips at it, can be skipped by a binding that says
//! so. It holds for all replays, also of the epochs before: whoever decides reads the timeline to its end
//! first.
//!
//! Everything here is pure: facts go in, a decision comes out.

mod ahead;
mod generation;
mod minter;
mod slices;

use std::collections::BTreeSet;

use contract::log::{Binding, Epoch, Position, Topic};
use contract::time::Time;
use serde_json::{Map, Value, json};

pub use ahead::{Ahead, Room};
pub use generation::{Takeover, may_act, take_over};
pub use minter::{Decision, Facts, Limits, Minter};
pub use slices::{Pending, slice};

/// The topic's name.
pub const TOPIC: &str = "timeline";

/// Who may write sinks and run connectors from an epoch on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Counts from 1.
    pub number: u64,
    /// The process that holds it, by an id that it made for itself.
    pub owner: String,
}

/// Why a record of the timeline can't be used. The timeline is written by millrace alone: this is never
/// passed over, since every later epoch hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// Not a record of the timeline.
    #[error("a record of the timeline can't be read: {0}")]
    Malformed(String),
    /// An epoch was left out.
    #[error("the timeline goes from epoch {last} to {found}: records of it are missing")]
    Gap {
        /// The last epoch that was bound.
        last: u64,
        /// The epoch that the record binds.
        found: u64,
    },
    /// The clock, an end or a generation goes back.
    #[error("epoch {epoch} goes back: {what}")]
    Backwards {
        /// The epoch.
        epoch: u64,
        /// What goes back.
        what: String,
    },
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It binds its epoch.
    Bound,
    /// Its epoch was bound before: it is void.
    Void,
}

/// The timeline as read so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    last: Option<Binding>,
    generation: Option<Generation>,
    skips: BTreeSet<Position>,
}

impl Timeline {
    /// The timeline that goes on after a binding and the generation in force then.
    #[must_use]
    pub fn after(last: Option<Binding>, generation: Option<Generation>) -> Timeline {
        let skips = BTreeSet::new();
        Timeline {
            last,
            generation,
            skips,
        }
    }

    /// The records that are to be skipped.
    #[must_use]
    pub fn skips(&self) -> &BTreeSet<Position> {
        &self.skips
    }

    /// The last binding.
    #[must_use]
    pub fn last(&self) -> Option<&Binding> {
        self.last.as_ref()
    }

    /// The generation in force.
    #[must_use]
    pub fn generation(&self) -> Option<&Generation> {
        self.generation.as_ref()
    }

    /// The epoch to be bound next.
    #[must_use]
    pub fn next_epoch(&self) -> Epoch {
        Epoch(
            self.last
                .as_ref()
                .map_or(0, |last| last.epoch.0)
                .saturating_add(1),
        )
    }

    /// Reads the next record.
    ///
    /// # Errors
    /// If it can't be what comes next. The timeline stays as it was.
    pub fn apply(&mut self, value: Option<&[u8]>) -> Result<Outcome, TimelineError> {
        let malformed = |what: &str| TimelineError::Malformed(what.to_owned());
        let value: Value = serde_json::from_slice(value.ok_or_else(|| malformed("it has no value"))?)
            .map_err(|e| TimelineError::Malformed(e.to_string()))?;
        let epoch = value["epoch"]
            .as_u64()
            .filter(|e| *e > 0)
            .ok_or_else(|| malformed("epoch"))?;
        let clock = value["clock"]
            .as_str()
            .and_then(Time::parse)
            .ok_or_else(|| malformed("clock"))?;
        let last = self.last.as_ref().map_or(0, |last| last.epoch.0);
        if epoch <= last {
            return Ok(Outcome::Void);
        }
        if epoch - 1 > last {
            return Err(TimelineError::Gap { last, found: epoch });
        }
        let backwards = |what: String| TimelineError::Backwards { epoch, what };
        if let Some(last) = self.last.as_ref().filter(|last| clock < last.clock) {
            return Err(backwards(format!("the clock, from {} to {clock}", last.clock)));
        }
        let mut ends = self.last.as_ref().map_or_else(no_ends, |last| last.ends.clone());
        let changed = value["ends"].as_object().ok_or_else(|| malformed("ends"))?;
        for (name, changed) in changed {
            let topic = Topic::from_name(name).ok_or_else(|| malformed(&format!("topic {name}")))?;
            let changed = changed.as_array().ok_or_else(|| malformed(name))?;
            move_ends(&mut ends[topic as usize], changed)
                .map_err(|partition| backwards(format!("{name}/{partition}, or it is no offset")))?;
        }
        let generation = read_generation(&value["generation"]).map_err(|()| malformed("generation"))?;
        let number = |g: &Option<Generation>| g.as_ref().map_or(0, |g| g.number);
        if generation.is_some() && number(&generation) <= number(&self.generation) {
            return Err(backwards("the generation".to_owned()));
        }
        let skips = read_skips(&value["skips"]).ok_or_else(|| malformed("skips"))?;
        self.skips.extend(skips);
        self.generation = generation.or_else(|| self.generation.take());
        let epoch = Epoch(epoch);
        self.last = Some(Binding { epoch, clock, ends });
        Ok(Outcome::Bound)
    }

    /// The record that binds the next epoch. Says only what changes.
    #[must_use]
    pub fn encode(&self, binding: &Binding, generation: Option<&Generation>) -> String {
        let mut ends = Map::new();
        for topic in Topic::ALL {
            let of = |binding: &Binding| binding.ends[topic as usize].clone();
            let (before, now) = (self.last.as_ref().map(of).unwrap_or_default(), of(binding));
            if now != before {
                ends.insert(topic.name().to_owned(), json!(now));
            }
        }
        let clock = binding.clock.to_string();
        let mut record = json!({"epoch": binding.epoch.0, "clock": clock, "ends": ends});
        if let Some(Generation { number, owner }) = generation {
            record["generation"] = json!({"number": number, "owner": owner});
        }
        record.to_string()
    }

    /// The record that binds the next epoch, takes a generation, and has records skipped.
    #[must_use]
    pub fn encode_skips(&self, binding: &Binding, generation: &Generation, skips: &[Position]) -> String {
        let record = self.encode(binding, Some(generation));
        if skips.is_empty() {
            return record;
        }
        let skip =
            |at: &Position| json!({"topic": at.topic.name(), "partition": at.partition, "offset": at.offset});
        let skips: Vec<Value> = skips.iter().map(skip).collect();
        let open = record.strip_suffix('}').expect("a record is an object");
        format!("{open},\"skips\":{}}}", Value::from(skips))
    }
}

/// No records at all.
#[must_use]
pub fn no_ends() -> [Vec<u64>; 9] {
    std::array::from_fn(|_| Vec::new())
}

/// Moves a topic's ends; the partition whose end goes back, or is no offset. `null` is left out.
fn move_ends(ends: &mut Vec<u64>, changed: &[Value]) -> Result<(), usize> {
    for (partition, end) in changed.iter().enumerate() {
        if ends.len() <= partition {
            ends.push(0);
        }
        if !end.is_null() {
            let end = end.as_u64().filter(|end| *end >= ends[partition]);
            ends[partition] = end.ok_or(partition)?;
        }
    }
    Ok(())
}

fn read_skips(value: &Value) -> Option<Vec<Position>> {
    let skip = |skip: &Value| {
        Some(Position {
            topic: Topic::from_name(skip["topic"].as_str()?)?,
            partition: u32::try_from(skip["partition"].as_u64()?).ok()?,
            offset: skip["offset"].as_u64()?,
        })
    };
    match value {
        Value::Null => Some(Vec::new()),
        value => value.as_array()?.iter().map(skip).collect(),
    }
}

fn read_generation(value: &Value) -> Result<Option<Generation>, ()> {
    if value.is_null() {
        return Ok(None);
    }
    let number = value["number"].as_u64().ok_or(())?;
    let owner = value["owner"].as_str().ok_or(())?.to_owned();
    Ok(Some(Generation { number, owner }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(epoch: u64, ms: i64, orders: &[u64]) -> Binding {
        let mut ends = no_ends();
        ends[Topic::Orders as usize] = orders.to_vec();
        let clock = Time::from_ms(ms).unwrap();
        Binding {
            epoch: Epoch(epoch),
            clock,
            ends,
        }
    }

    #[test]
    fn what_is_left_out_is_unchanged_and_what_is_encoded_is_read_back() {
        let mut timeline = Timeline::default();
        let first = r#"{"epoch":1,"clock":"1970-01-01T00:00:00.005Z","ends":{"orders":[3,4]}}"#;
        assert_eq!(timeline.encode(&binding(1, 5, &[3, 4]), None), first);
        assert_eq!(timeline.apply(Some(first.as_bytes())), Ok(Outcome::Bound));
        assert_eq!(timeline.last(), Some(&binding(1, 5, &[3, 4])));
        for (ends, orders) in [
            ("{}", &[3, 4][..]),
            (r#"{"orders":[null,6]}"#, &[3, 6]),
            (r#"{"orders":[7]}"#, &[7, 6]),
        ] {
            let epoch = timeline.next_epoch().0;
            let record = format!(r#"{{"epoch":{epoch},"clock":"1970-01-01T00:00:00.005Z","ends":{ends}}}"#);
            assert_eq!(timeline.apply(Some(record.as_bytes())), Ok(Outcome::Bound));
            assert_eq!(timeline.last(), Some(&binding(epoch, 5, orders)));
        }
        let same = timeline.encode(&binding(5, 6, &[7, 6]), None);
        assert_eq!(
            same,
            r#"{"epoch":5,"clock":"1970-01-01T00:00:00.006Z","ends":{}}"#
        );
    }

    #[test]
    fn skips_are_read_back_and_stay() {
        let mut timeline = Timeline::default();
        let at = |offset| Position {
            topic: Topic::Orders,
            partition: 1,
            offset,
        };
        let ours = Generation {
            number: 1,
            owner: "a".to_owned(),
        };
        let record = timeline.encode_skips(&binding(1, 5, &[3]), &ours, &[at(7), at(9)]);
        timeline.apply(Some(record.as_bytes())).unwrap();
        let next = timeline.encode(&binding(2, 5, &[4]), None);
        timeline.apply(Some(next.as_bytes())).unwrap();
        assert_eq!(
            timeline.skips().iter().copied().collect::<Vec<_>>(),
            [at(7), at(9)]
        );
    }

    #[test]
    fn of_records_for_the_same_epoch_the_first_counts() {
        let mut timeline = Timeline::default();
        let taken = |owner: &str| Generation {
            number: 1,
            owner: owner.to_owned(),
        };
        let ours = timeline.encode(&binding(1, 5, &[3]), Some(&taken("a")));
        let theirs = timeline.encode(&binding(1, 9, &[4]), Some(&taken("b")));
        assert_eq!(timeline.apply(Some(ours.as_bytes())), Ok(Outcome::Bound));
        assert_eq!(timeline.apply(Some(theirs.as_bytes())), Ok(Outcome::Void));
        assert_eq!(timeline.last(), Some(&binding(1, 5, &[3])));
        assert_eq!(timeline.generation(), Some(&taken("a")));
    }

    #[test]
    fn what_can_not_come_next_is_refused_and_changes_nothing() {
        let mut timeline = Timeline::after(Some(binding(1, 5, &[3])), None);
        let before = timeline.clone();
        let refused = [
            r#"{"epoch":3,"clock":"1970-01-01T00:00:00.005Z","ends":{}}"#,
            r#"{"epoch":2,"clock":"1970-01-01T00:00:00.004Z","ends":{}}"#,
            r#"{"epoch":2,"clock":"1970-01-01T00:00:00.005Z","ends":{"orders":[2]}}"#,
            r#"{"epoch":2,"clock":"1970-01-01T00:00:00.005Z","ends":{"orders":[4.5]}}"#,
            r#"{"epoch":2,"clock":"1970-01-01T00:00:00.005Z","ends":{"others":[2]}}"#,
            r#"{"epoch":2,"clock":"1970-01-01T00:00:01Z","ends":{},"generation":{"number":0,"owner":"a"}}"#,
            r#"{"epoch":0,"clock":"1970-01-01T00:00:00.005Z","ends":{}}"#,
            r#"{"epoch":2,"clock":"1970-01-01T00:00:00.005Z"}"#,
            r#"{"epoch":2,"clock":"now","ends":{}}"#,
            r#"{"epoch":2,"clock":"1970-01-01T00:00:01Z","ends":{},"skips":[{"topic":"orders","offset":1}]}"#,
            "[]",
            "",
        ];
        for record in refused {
            assert!(timeline.apply(Some(record.as_bytes())).is_err(), "{record}");
            assert_eq!(timeline, before);
        }
        assert!(timeline.apply(None).is_err());
    }
}
