//! What the log says, read independently of the runtime: its bindings, its records, and what the oracle makes
//! of them.

use contract::log::{Epoch, Position, RawRecord, Topic};
use contract::tables::Tables;
use contract::time::Time;
use oracle::Oracle;
use serde_json::Value;
use streams::timeline;

use crate::whole::Whole;

/// A binding as it stands in the timeline, all of it.
#[derive(Clone, Debug, Default)]
struct Bound {
    epoch: u64,
    clock: Time,
    ends: [Vec<u64>; 9],
}

type Owned = (Position, Option<Vec<u8>>, Option<Vec<u8>>);

/// The log as the oracle sees it, up to some epoch.
pub struct Truth {
    /// None: only the fingerprint is of interest.
    oracle: Option<Oracle>,
    last: Bound,
    /// The next offset of the timeline.
    next: u64,
    /// Of all bindings and records so far.
    fingerprint: u64,
}

impl Truth {
    /// Before the first epoch.
    #[must_use]
    pub fn new() -> Truth {
        Truth {
            oracle: Some(Oracle::new()),
            last: Bound::default(),
            next: 0,
            fingerprint: 0,
        }
    }

    /// The last epoch that it has seen.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        Epoch(self.last.epoch)
    }

    /// The offset of the timeline after that epoch's binding.
    #[must_use]
    pub fn timeline_end(&self) -> u64 {
        self.next
    }

    /// The oracle's tables.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        self.oracle.as_ref().expect("it was made with an oracle").tables()
    }

    /// What the oracle's audits find.
    pub fn audit(&mut self) -> &Tables {
        let oracle = self.oracle.as_mut().expect("it was made with an oracle");
        oracle.audit();
        oracle.tables()
    }

    /// Goes on to an epoch.
    ///
    /// # Errors
    /// If the log does not hold it, or its timeline breaks its own rules.
    pub fn go_on(&mut self, log: &Whole, until: Epoch) -> Result<(), String> {
        let end = log.ends(timeline::TOPIC)?[0];
        while self.last.epoch < until.0 {
            if self.next == end {
                let last = self.last.epoch;
                return Err(format!("the log binds epochs up to {last}, not {}", until.0));
            }
            let mut bound = None;
            log.each_record(timeline::TOPIC, 0, self.next..self.next + 1, |record| {
                bound = read(record.value.unwrap_or_default(), &self.last);
            });
            self.next += 1;
            match bound {
                // Of records for the same epoch the first counts.
                Some(bound) if bound.epoch <= self.last.epoch => {}
                Some(bound) if bound.epoch == self.last.epoch + 1 && bound.clock >= self.last.clock => {
                    self.epoch_of(log, bound)?;
                }
                _ => {
                    return Err(format!(
                        "the timeline can't go on after epoch {}",
                        self.last.epoch
                    ));
                }
            }
        }
        Ok(())
    }

    /// That the log still says what it said when it was read.
    ///
    /// # Errors
    /// If it doesn't.
    pub fn reread(&self, log: &Whole) -> Result<(), String> {
        let mut again = Truth {
            oracle: None,
            ..Truth::new()
        };
        again.go_on(log, self.epoch())?;
        if again.fingerprint == self.fingerprint {
            return Ok(());
        }
        Err("what was bound reads differently at the end".to_owned())
    }

    fn epoch_of(&mut self, log: &Whole, bound: Bound) -> Result<(), String> {
        let records = records(log, &self.last, &bound)?;
        self.mix(&bound.epoch.to_be_bytes());
        self.mix(&bound.clock.ms().to_be_bytes());
        for (at, key, value) in &records {
            self.mix(at.topic.name().as_bytes());
            self.mix(&at.offset.to_be_bytes());
            self.mix(key.as_deref().unwrap_or_default());
            self.mix(value.as_deref().unwrap_or_default());
        }
        if let Some(oracle) = &mut self.oracle {
            let raw = records.iter().map(|(at, key, value)| RawRecord {
                at: *at,
                key: key.as_deref(),
                value: value.as_deref(),
                skipped: false,
            });
            oracle.epoch(Epoch(bound.epoch), bound.clock, raw);
        }
        self.last = bound;
        Ok(())
    }

    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.fingerprint = (self.fingerprint ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Reads a binding; what it leaves out is as in `last`.
fn read(value: &[u8], last: &Bound) -> Option<Bound> {
    let value: Value = serde_json::from_slice(value).ok()?;
    let mut bound = Bound {
        epoch: value["epoch"].as_u64()?,
        clock: Time::parse(value["clock"].as_str()?)?,
        ends: last.ends.clone(),
    };
    for (topic, ends) in value["ends"].as_object()? {
        let ends = ends
            .as_array()?
            .iter()
            .map(Value::as_u64)
            .collect::<Option<_>>()?;
        bound.ends[Topic::from_name(topic)? as usize] = ends;
    }
    Some(bound)
}

/// The records of an epoch, in log order.
fn records(log: &Whole, last: &Bound, bound: &Bound) -> Result<Vec<Owned>, String> {
    let mut records = Vec::new();
    for topic in Topic::ALL {
        let there = log.ends(topic.name())?;
        for (partition, end) in (0..).zip(&bound.ends[topic as usize]) {
            let index = partition as usize;
            let start = last.ends[topic as usize].get(index).copied().unwrap_or(0);
            if there.get(index).is_none_or(|there| there < end) {
                let (name, epoch) = (topic.name(), bound.epoch);
                return Err(format!(
                    "epoch {epoch} binds {name}/{partition} up to {end}, which is not there"
                ));
            }
            log.each_record(topic.name(), partition, start..*end, |record| {
                let offset = record.offset;
                let at = Position {
                    topic,
                    partition,
                    offset,
                };
                records.push((
                    at,
                    record.key.map(<[u8]>::to_vec),
                    record.value.map(<[u8]>::to_vec),
                ));
            });
        }
    }
    Ok(records)
}
