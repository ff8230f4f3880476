//! The manifest: what a checkpoint holds, and where in the log it stands.
//!
//! A line of JSON and a line with its checksum. The first thing looked at is `format`: of one that is not
//! known nothing else is read.

use std::collections::BTreeMap;
use std::fmt;

use contract::digest::Digest;
use contract::installation::Installation;
use contract::log::{Binding, Epoch, Topic};
use contract::time::Time;
use serde_json::{Map, Value, json};
use streams::timeline::{self, Generation};
use xxhash_rust::xxh3::xxh3_128;

/// The format of what is written.
pub const FORMAT: u64 = 1;

/// Which checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// The epoch that it stands at.
    pub epoch: Epoch,
    /// The generation that wrote it.
    pub generation: u64,
}

impl Id {
    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Id> {
        let (epoch, generation) = text.split_once('-')?;
        let id = Id {
            epoch: Epoch(epoch.parse().ok()?),
            generation: generation.parse().ok()?,
        };
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}-{}", self.epoch.0, self.generation)
    }
}

/// A part as it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartFile {
    /// Its name: letters, digits, `-`.
    pub name: String,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// Bytes of the object.
    pub bytes: u64,
    /// Of the object's bytes.
    pub checksum: u128,
}

/// What a checkpoint holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which it is.
    pub id: Id,
    /// Whose log it is.
    pub installation: Installation,
    /// The version of the logic whose state it is.
    pub logic: u32,
    /// Where it stands.
    pub binding: Binding,
    /// All changes of all views up to there.
    pub digest: Digest,
    /// The generation in force there.
    pub in_force: Option<Generation>,
    /// The offset of the timeline that is read next.
    pub timeline_offset: u64,
    /// What it consists of.
    pub parts: Vec<PartFile>,
    /// What is in it, by kind: how many, and bytes.
    pub census: BTreeMap<String, (u64, u64)>,
}

/// Why a manifest can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The format that it says is not known.
    Format(u64),
    /// It is no manifest, or not the one that was written.
    Damaged(String),
}

impl Manifest {
    /// Bytes of all objects.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// As it is written.
    #[must_use]
    pub fn encode(&self) -> String {
        let ends: Map<String, Value> = Topic::ALL
            .iter()
            .map(|topic| (topic.name().to_owned(), json!(self.binding.ends[*topic as usize])))
            .collect();
        let in_force = self
            .in_force
            .as_ref()
            .map(|g| json!({"number": g.number, "owner": g.owner}));
        let parts: Vec<Value> = self
            .parts
            .iter()
            .map(|part| {
                let PartFile {
                    name,
                    raw_bytes,
                    bytes,
                    checksum,
                } = part;
                let checksum = format!("{checksum:032x}");
                json!({"name": name, "raw_bytes": raw_bytes, "bytes": bytes, "checksum": checksum})
            })
            .collect();
        let census: Map<String, Value> = self
            .census
            .iter()
            .map(|(kind, (count, bytes))| (kind.clone(), json!({"count": count, "bytes": bytes})))
            .collect();
        let line = json!({
            "format": FORMAT,
            "installation": self.installation.to_string(),
            "logic": self.logic,
            "epoch": self.id.epoch.0,
            "generation": self.id.generation,
            "clock": self.binding.clock.to_string(),
            "ends": ends,
            "digest": self.digest.to_string(),
            "in_force": in_force,
            "timeline_offset": self.timeline_offset,
            "census": census,
            "parts": parts,
        })
        .to_string();
        format!("{line}\n{:032x}\n", xxh3_128(line.as_bytes()))
    }

    /// Reads what [`Manifest::encode`] wrote.
    ///
    /// # Errors
    /// If it is not what was written, or has another format.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, Unreadable> {
        let damaged = |what: &str| Unreadable::Damaged(format!("the manifest: {what}"));
        let text = std::str::from_utf8(bytes).map_err(|_| damaged("not UTF-8"))?;
        let (line, checksum) = text.split_once('\n').ok_or_else(|| damaged("it is cut"))?;
        let value: Value = serde_json::from_str(line).map_err(|_| damaged("no JSON"))?;
        let format = value["format"].as_u64().ok_or_else(|| damaged("format"))?;
        if format != FORMAT {
            return Err(Unreadable::Format(format));
        }
        if checksum != format!("{:032x}\n", xxh3_128(line.as_bytes())) {
            return Err(damaged("its checksum is another"));
        }
        // The checksum stands: what does not fit now was written so.
        read(&value).ok_or_else(|| damaged("a field is missing or of another kind"))
    }
}

fn read(value: &Value) -> Option<Manifest> {
    let number = |value: &Value| value.as_u64();
    let epoch = Epoch(number(&value["epoch"])?);
    let mut ends = timeline::no_ends();
    for topic in Topic::ALL {
        let list = value["ends"][topic.name()].as_array()?;
        ends[topic as usize] = list.iter().map(number).collect::<Option<_>>()?;
    }
    let in_force = match &value["in_force"] {
        Value::Null => None,
        generation => Some(Generation {
            number: number(&generation["number"])?,
            owner: generation["owner"].as_str()?.to_owned(),
        }),
    };
    let part = |part: &Value| {
        Some(PartFile {
            name: part["name"].as_str().filter(|name| is_name(name))?.to_owned(),
            raw_bytes: number(&part["raw_bytes"])?,
            bytes: number(&part["bytes"])?,
            checksum: u128::from_str_radix(part["checksum"].as_str()?, 16).ok()?,
        })
    };
    let kind =
        |(kind, of): (&String, &Value)| Some((kind.clone(), (number(&of["count"])?, number(&of["bytes"])?)));
    Some(Manifest {
        id: Id {
            epoch,
            generation: number(&value["generation"])?,
        },
        installation: Installation::parse(value["installation"].as_str()?)?,
        logic: u32::try_from(number(&value["logic"])?).ok()?,
        binding: Binding {
            epoch,
            clock: Time::parse(value["clock"].as_str()?)?,
            ends,
        },
        digest: Digest::parse(value["digest"].as_str()?)?,
        in_force,
        timeline_offset: number(&value["timeline_offset"])?,
        parts: value["parts"]
            .as_array()?
            .iter()
            .map(part)
            .collect::<Option<_>>()?,
        census: value["census"]
            .as_object()?
            .iter()
            .map(kind)
            .collect::<Option<_>>()?,
    })
}

/// Whether a part may be called so.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
