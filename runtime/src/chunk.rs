//! Chunks: how records travel from the log to the worker that decides on them.
//!
//! An epoch's records, in log order, are cut into [`Raw`] chunks of at most [`RECORDS_MAX`] records, or
//! [`BYTES_MAX`] bytes; each is decoded as a whole by some worker ([`Decoded`]) and stays in the buffers that
//! it was decoded from, so that a record is copied once, out of the log, and never again. How an epoch is
//! cut shows nowhere: chunks are numbered, and decided in the order of their numbers.

use bumpalo::Bump;
use contract::decode::{Rejected, decode};
use contract::log::{Position, Topic};
use contract::records::Record;
use self_cell::self_cell;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Records in a chunk, at most.
pub const RECORDS_MAX: usize = 512;
/// Bytes of keys and values in a chunk, at most; a record that is larger has a chunk of its own.
pub const BYTES_MAX: usize = 256 << 10;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Entry {
    topic: u8,
    partition: u32,
    offset: u64,
    /// Length plus one; zero is "none".
    key: u32,
    value: u32,
    skipped: bool,
}

/// Records as they stand in the log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Raw {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Raw {
    /// Has the record that was added last skipped.
    pub fn skip_last(&mut self) {
        if let Some(last) = self.entries.last_mut() {
            last.skipped = true;
        }
    }

    /// Adds the next record.
    pub fn push(&mut self, at: Position, key: Option<&[u8]>, value: Option<&[u8]>) {
        if self.entries.is_empty() {
            self.entries.reserve(RECORDS_MAX.min(64));
        }
        let len = |part: Option<&[u8]>| {
            let len = part.map_or(0, |part| part.len() + 1);
            u32::try_from(len).expect("a log's batch has less than 4 GiB")
        };
        self.entries.push(Entry {
            topic: at.topic as u8,
            partition: at.partition,
            offset: at.offset,
            key: len(key),
            value: len(value),
            skipped: false,
        });
        self.bytes.extend_from_slice(key.unwrap_or_default());
        self.bytes.extend_from_slice(value.unwrap_or_default());
    }

    /// Whether another record belongs into the next chunk.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= RECORDS_MAX || self.bytes.len() >= BYTES_MAX
    }

    /// Cuts it before its record number `at`, counted from 0: what comes before, and the rest.
    #[must_use]
    pub fn cut(mut self, at: usize) -> (Raw, Raw) {
        let entries = self.entries.split_off(at.min(self.entries.len()));
        let part = |len: u32| len.saturating_sub(1) as usize;
        let before = self.entries.iter().map(|e| part(e.key) + part(e.value)).sum();
        let bytes = self.bytes.split_off(before);
        (self, Raw { bytes, entries })
    }

    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

type Verdict<'a> = (Position, Result<Record<'a>, Rejected>);
type Verdicts<'a> = Vec<Verdict<'a>>;

struct Source {
    raw: Raw,
    arena: Bump,
}

self_cell!(
    /// Records, decoded, together with what they were decoded from.
    struct Cell {
        owner: Source,
        #[covariant]
        dependent: Verdicts,
    }
);

/// Records, decoded or rejected.
pub struct Decoded(Cell);

impl Decoded {
    /// Decodes records.
    #[must_use]
    pub fn new(raw: Raw) -> Decoded {
        let arena = Bump::new();
        Decoded(Cell::new(Source { raw, arena }, |source| {
            let Raw { bytes, entries } = &source.raw;
            let mut rest = bytes.as_slice();
            let mut take = |len: u32| {
                let (part, after) = rest.split_at(len.saturating_sub(1) as usize);
                rest = after;
                (len > 0).then_some(part)
            };
            let verdict = |entry: &Entry| {
                let topic = Topic::ALL[usize::from(entry.topic)];
                let (key, value) = (take(entry.key), take(entry.value));
                let at = Position {
                    topic,
                    partition: entry.partition,
                    offset: entry.offset,
                };
                let decoded = if entry.skipped {
                    Err(Rejected::skipped())
                } else {
                    decode(topic, key, value, &source.arena)
                };
                (at, decoded)
            };
            entries.iter().map(verdict).collect()
        }))
    }

    /// The records, in log order.
    pub fn records(&self) -> &[Verdict<'_>] {
        self.0.borrow_dependent()
    }
}

/// Within a process chunks are moved, never encoded; between processes they travel as they stand in the log.
impl Serialize for Decoded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.borrow_owner().raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Raw::deserialize(deserializer).map(Decoded::new)
    }
}

impl Clone for Decoded {
    fn clone(&self) -> Self {
        Decoded::new(self.0.borrow_owner().raw.clone())
    }
}
