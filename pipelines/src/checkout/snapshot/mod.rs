//! The job's state at the end of an epoch: taken in no time, written by others, read back.
//!
//! [`Checkout::snapshot`] shares all state with the job: what the job changes afterwards it copies first, in
//! pieces of 64 KiB ([`operators::share`]), so that the snapshot stays what it was while another thread
//! writes it. It is written in parts ([`Snapshot::parts`], [`Snapshot::encode`]), each on its own; each is
//! read on its own ([`decode`]), and [`Checkout::restore`] makes the job of all of them. Restored, it yields
//! the same deltas for all that follows.
//!
//! The same state has the same bytes. Indexes and deadlines are not written; they follow from the rest.
//! Any bytes can be read: what can't be a part, and parts that don't fit together, are [`Damaged`]. What
//! is wrong and yet could be right is not found here: whoever keeps the bytes keeps a checksum.

mod check;
mod lists;
mod orders;
mod state;
mod wire;

use std::fmt;
use std::ops::Range;

use operators::index::Run;
use operators::varint::Reader;

use super::Checkout;
use crate::wire::{Wire, get_text, put_text};
use lists::{Body, Gathered, Kind, Lists};

pub use orders::{Census, Counted};

/// The version of the bytes. Another one is not read: the state is then made anew from the log.
pub const FORMAT_VERSION: u16 = 1;

/// The state of the job at the end of an epoch.
#[derive(Debug)]
pub struct Snapshot {
    epoch: u64,
    lists: Lists,
}

/// A part of a snapshot. Shown as its name: `orders-000012`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartName {
    kind: Kind,
    number: usize,
    /// Which items of the list, and how many it has.
    items: Range<usize>,
    total: usize,
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:06}", self.kind.name(), self.number)
    }
}

/// What is no part of a snapshot, or parts that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("checkpoint part {part}: {what}")]
pub struct Damaged {
    /// The part, or the list.
    pub part: String,
    /// What is wrong with it.
    pub what: String,
}

impl Damaged {
    fn new(part: impl fmt::Display, what: impl Into<String>) -> Self {
        Damaged {
            part: part.to_string(),
            what: what.into(),
        }
    }
}

/// A part that was read.
#[derive(Debug)]
pub struct Part {
    epoch: u64,
    name: PartName,
    body: Body,
}

impl Checkout {
    /// The state as it is now, between two epochs. Takes as long as counting its pieces of 64 KiB.
    ///
    /// # Panics
    /// If an epoch was begun and not ended.
    pub fn snapshot(&mut self) -> Snapshot {
        Snapshot {
            epoch: self.desk.epoch.0,
            lists: self.share(),
        }
    }

    /// The job that all parts of one snapshot describe, in any order. `run` lends threads for building
    /// indexes; [`operators::index::in_turn`] does without.
    ///
    /// # Errors
    /// Parts are missing, doubled, of several snapshots, or contradict each other.
    pub fn restore(mut parts: Vec<Part>, run: Run<'_>) -> Result<Checkout, Damaged> {
        parts.sort_by_key(|part| (part.name.kind, part.name.number));
        let mut gathered = Gathered::default();
        let mut parts = parts.into_iter().peekable();
        let epoch = parts.peek().map_or(0, |part| part.epoch);
        for kind in Kind::ALL {
            let (mut count, mut known, mut total) = (0, 0, None);
            while let Some(part) = parts.next_if(|part| part.name.kind == *kind) {
                let Part {
                    epoch: of,
                    name,
                    body,
                } = part;
                if (name.number, name.items.start) != (count, known) {
                    return Err(Damaged::new(
                        &name,
                        "it is there twice, or the one before it is missing",
                    ));
                }
                if of != epoch || total.is_some_and(|total| total != name.total) {
                    return Err(Damaged::new(
                        &name,
                        "it belongs to another checkpoint than the others",
                    ));
                }
                (count, known, total) = (count + 1, name.items.end, Some(name.total));
                gathered
                    .append(body)
                    .ok_or_else(|| Damaged::new(&name, "with it there is more than can be kept"))?;
            }
            if total != Some(known) {
                let missing = format!("part {count:06} is missing: {known} entries are there of {total:?}");
                return Err(Damaged::new(kind.name(), missing));
            }
        }
        gathered.checkout(epoch, run)
    }
}

impl Snapshot {
    /// The last epoch that it holds.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// All parts. Each can be encoded by itself; takes a look at every order.
    #[must_use]
    pub fn parts(&self) -> Vec<PartName> {
        let mut parts = Vec::new();
        for kind in Kind::ALL {
            let (total, cuts) = self.lists.cuts(*kind);
            let mut start = 0;
            for (number, end) in cuts.into_iter().enumerate() {
                parts.push(PartName {
                    kind: *kind,
                    number,
                    items: start..end,
                    total,
                });
                start = end;
            }
        }
        parts
    }

    /// Appends a part's bytes.
    ///
    /// # Panics
    /// If the part is of another snapshot that has more.
    pub fn encode(&self, part: &PartName, out: &mut Vec<u8>) {
        FORMAT_VERSION.put(out);
        put_text(&part.to_string(), out);
        self.epoch.put(out);
        for number in [part.items.start, part.items.len(), part.total] {
            (number as u64).put(out);
        }
        self.lists.put(part.kind, part.items.clone(), out);
    }

    /// Counts orders by where they are in their lives; takes a look at each.
    #[must_use]
    pub fn census(&self) -> Census {
        self.lists.orders.census()
    }
}

/// Reads the part called `name`.
///
/// # Errors
/// If `bytes` are not that part.
pub fn decode(name: &str, bytes: &[u8]) -> Result<Part, Damaged> {
    let damaged = |what: &str| Damaged::new(name, what);
    let mut from = Reader::new(bytes);
    let version = u16::get(&mut from).ok_or_else(|| damaged("it is empty"))?;
    if version != FORMAT_VERSION {
        let what =
            format!("its format is {version}, this program reads {FORMAT_VERSION}: rebuild from the log");
        return Err(damaged(&what));
    }
    let (epoch, part) = header(name, &mut from)?;
    let body = part.kind.read(part.items.start, part.items.len(), &mut from);
    let body = body.ok_or_else(|| damaged("an entry ends too early or has a value that it can't have"))?;
    if !from.rest().is_empty() {
        return Err(damaged("there are bytes behind its last entry"));
    }
    Ok(Part {
        epoch,
        name: part,
        body,
    })
}

/// Reads what stands before a part's entries.
fn header(name: &str, from: &mut Reader<'_>) -> Result<(u64, PartName), Damaged> {
    let damaged = |what: &str| Damaged::new(name, what);
    let short = || damaged("it ends within its header");
    let said = get_text(from).ok_or_else(short)?;
    if said != name {
        return Err(damaged("it is another part than its name says"));
    }
    let unknown = || damaged("there is no part of that name");
    let (kind, number) = name.rsplit_once('-').ok_or_else(unknown)?;
    let kind = Kind::ALL.iter().find(|known| known.name() == kind);
    let (kind, number) = kind.copied().zip(number.parse().ok()).ok_or_else(unknown)?;
    let mut next = || u64::get(from).ok_or_else(short);
    let (epoch, first, count, total) = (next()?, next()?, next()?, next()?);
    let items = || {
        let (first, count) = (usize::try_from(first).ok()?, usize::try_from(count).ok()?);
        let (end, total) = (first.checked_add(count)?, usize::try_from(total).ok()?);
        (end <= total && total <= u32::MAX as usize).then_some((first..end, total))
    };
    let (items, total) = items().ok_or_else(|| damaged("its entries are numbered beyond the list's end"))?;
    let part = PartName {
        kind,
        number,
        items,
        total,
    };
    if part.to_string() != name {
        return Err(unknown());
    }
    Ok((epoch, part))
}
