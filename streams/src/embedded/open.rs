//! Opening: whose directory it is, which segments there are, and what the last one's tail is worth.
//!
//! Refuses rather than guesses. The one thing that it cuts is a torn tail: what follows the last whole frame
//! of the last segment, when no later frame says that the segment was synced beyond that place. Such bytes
//! were never acknowledged. (Nor can they be told from damage to the very last group, when nothing was
//! written after it: see the module's non-guarantees. Closing leaves a word behind that vouches for all
//! before it.)

use std::sync::Arc;

use super::disk::{self, Disk, File};
use super::index::{self, Index};
use super::meta::{self, Meta};
use super::segment::{self, Head, READ_BYTES};
use super::state::{Segment, State};
use super::{Config, Cut, Opened, frame, layout};
use crate::error::LogError;

/// A log that was opened.
pub(super) struct Found {
    pub(super) meta: Meta,
    pub(super) state: State,
    pub(super) file: Box<dyn File>,
    pub(super) sequence: u64,
    pub(super) opened: Opened,
}

/// Refuses a directory that holds what is no log, before anything is written to it.
pub(super) fn refuse_foreign(disk: &dyn Disk) -> Result<(), LogError> {
    let names = list(disk)?;
    let ours = |name: &String| {
        let name = name.strip_suffix(".new").unwrap_or(name);
        let numbered = name.len() > 20 && name.as_bytes()[..20].iter().all(u8::is_ascii_digit);
        name == "lock" || name == meta::FILE || numbered && matches!(&name[20..], ".segment" | ".index")
    };
    if names.iter().any(|n| n == meta::FILE) {
        return Ok(());
    }
    match names.iter().find(|name| !ours(name)) {
        None => Ok(()),
        Some(other) => {
            let what = format!("{} is not a log: it holds {other}", disk.name());
            Err(LogError::NotOurs { what })
        }
    }
}

fn list(disk: &dyn Disk) -> Result<Vec<String>, LogError> {
    disk.list()
        .map_err(|e| LogError::io(format!("listing {}", disk.name()), &e))
}

/// Opens the log, or makes it in an empty directory. The directory is locked.
pub(super) fn open(disk: &dyn Disk, config: &Config) -> Result<Found, LogError> {
    let names = list(disk)?;
    for name in names.iter().filter(|n| n.ends_with(".new")) {
        disk.remove(name)
            .map_err(|e| LogError::io(format!("removing {name}"), &e))?;
    }
    let mut numbers: Vec<u64> = names.iter().filter_map(|n| segment::number_of(n)).collect();
    numbers.sort_unstable();
    let created = !names.iter().any(|n| n == meta::FILE);
    let mut meta = if created {
        create(disk, config, &numbers)?
    } else {
        Meta::read(disk)?
    };
    if created {
        numbers = vec![1];
    } else {
        add_topics(disk, config, &mut meta)?;
    }
    let heads = heads(disk, &meta, &numbers)?;
    let (segments, last) = keep(disk, &meta, heads)?;
    let opened = Opened { created, cut: None };
    let mut found = tail(disk, meta, last, opened)?;
    found.state.segments.splice(0..0, segments);
    forget_beyond(disk, &mut found)?;
    Ok(found)
}

/// What may be read of the log on a disk that nothing is changed on: `meta` and `names` are what was seen of it.
/// A torn tail stays where it is, and is not shown.
pub(super) fn open_to_read(disk: &dyn Disk, meta: Meta, names: &[String]) -> Result<State, LogError> {
    let mut numbers: Vec<u64> = names.iter().filter_map(|n| segment::number_of(n)).collect();
    numbers.sort_unstable();
    let heads = heads(disk, &meta, &numbers)?;
    let (segments, last) = keep(disk, &meta, heads)?;
    let name = segment::file_name(last.number);
    let file = disk.open(&name, false);
    let file = file.map_err(|e| LogError::io(format!("opening {name}"), &e))?;
    let tail = Tail::read(file.as_ref(), &meta, &last)?;
    let mut state = tail.state(last, meta.starts);
    for (start, end) in state.starts.iter_mut().zip(&state.ends) {
        *start = (*start).min(*end);
    }
    state.segments.splice(0..0, segments);
    Ok(state)
}

/// Forgets that records were trimmed which are beyond the end: a repair, or a crash without syncs, took more
/// than was trimmed. Durably, before their offsets are given again: what gets them was not trimmed.
fn forget_beyond(disk: &dyn Disk, found: &mut Found) -> Result<(), LogError> {
    let State { starts, ends, .. } = &mut found.state;
    if starts.iter().zip(&*ends).all(|(start, end)| start <= end) {
        return Ok(());
    }
    for (start, end) in starts.iter_mut().zip(ends) {
        *start = (*start).min(*end);
    }
    found.meta.starts.clone_from(starts);
    found.meta.write(disk)
}

fn create(disk: &dyn Disk, config: &Config, numbers: &[u64]) -> Result<Meta, LogError> {
    let mut meta = Meta {
        installation: config.installation,
        streams: crate::streams::Streams::default(),
        starts: Vec::new(),
    };
    for topic in &config.topics {
        meta.streams.add(&topic.name, topic.partitions)?;
    }
    meta.starts = vec![0; meta.streams.len()];
    let head = Head {
        number: 1,
        first_sequence: 1,
        previous_bytes: 0,
        bases: meta.starts.clone(),
    };
    if !numbers.is_empty() && (numbers != [1] || !unused(disk)?) {
        let what = "it is missing";
        return Err(LogError::damaged_file(meta::FILE, 0, what, "the whole log"));
    }
    let name = segment::file_name(1);
    head.create(disk, config.installation)
        .map_err(|e| LogError::io(format!("making {name}"), &e))?;
    meta.write(disk)?;
    Ok(meta)
}

/// Whether the first segment is a header without a record: making the log was cut short.
fn unused(disk: &dyn Disk) -> Result<bool, LogError> {
    let name = segment::file_name(1);
    let len = disk.open(&name, false).and_then(|f| f.len());
    let len = len.map_err(|e| LogError::io(format!("opening {name}"), &e))?;
    let head = disk::read_whole(disk, &name, 64);
    Ok(head.is_ok_and(|b| u64::from(layout::u32_at(&b, 56)) * 8 + 60 == len))
}

fn add_topics(disk: &dyn Disk, config: &Config, meta: &mut Meta) -> Result<(), LogError> {
    let before = meta.streams.len();
    for topic in &config.topics {
        meta.streams.add(&topic.name, topic.partitions)?;
    }
    if meta.streams.len() > before {
        meta.starts.resize(meta.streams.len(), 0);
        meta.write(disk)?;
    }
    Ok(())
}

/// The headers of all segments, oldest first, that follow on each other up to the last.
fn heads(disk: &dyn Disk, meta: &Meta, numbers: &[u64]) -> Result<Vec<Head>, LogError> {
    let mut heads: Vec<Head> = Vec::new();
    for &number in numbers.iter().rev() {
        let head = Head::read(disk, number, meta.installation)?;
        if head.bases.len() > meta.streams.len() {
            let what = "it knows more partitions than there are";
            return Err(segment::damage(number, 0, what, "the whole log".to_owned()));
        }
        if let Some(next) = heads.last() {
            if number + 1 != next.number {
                // A hole: fine only in front of what has been trimmed away as a whole.
                break;
            }
            check_follows(disk, meta, &head, next)?;
        }
        heads.push(head);
    }
    heads.reverse();
    let Some(first) = heads.first() else {
        return Err(LogError::damaged_file(
            "the log",
            0,
            "all segments are missing",
            "the whole log",
        ));
    };
    if (0..meta.streams.len()).any(|s| first.base(s) > meta.starts[s]) {
        let concerns = segment::concerning(&meta.streams, &meta.starts);
        let what = "the segment is missing";
        return Err(segment::damage(first.number.saturating_sub(1), 0, what, concerns));
    }
    for number in numbers.iter().take_while(|n| **n < first.number) {
        remove(disk, *number)?;
    }
    Ok(heads)
}

/// Checks that a full segment is as long as the next one says.
fn check_follows(disk: &dyn Disk, meta: &Meta, head: &Head, next: &Head) -> Result<(), LogError> {
    let name = segment::file_name(head.number);
    let len = disk.open(&name, false).and_then(|f| f.len());
    let len = len.map_err(|e| LogError::io(format!("opening {name}"), &e))?;
    let streams = 0..meta.streams.len();
    let backwards = streams.clone().any(|s| head.base(s) > next.base(s));
    if len == next.previous_bytes && len >= head.len() && !backwards {
        return Ok(());
    }
    let what = format!(
        "it has {len} bytes, but had {} when it was full",
        next.previous_bytes
    );
    let bases: Vec<_> = streams.map(|s| head.base(s)).collect();
    let concerns = segment::concerning(&meta.streams, &bases);
    Err(segment::damage(
        head.number,
        len.min(next.previous_bytes),
        &what,
        concerns,
    ))
}

/// Removes segments that were trimmed as a whole; the others, and the last one.
fn keep(disk: &dyn Disk, meta: &Meta, mut heads: Vec<Head>) -> Result<(Vec<Arc<Segment>>, Head), LogError> {
    let trimmed = heads
        .windows(2)
        .take_while(|w| ends_within(&w[1], &meta.starts))
        .count();
    for head in heads.drain(..trimmed) {
        remove(disk, head.number)?;
    }
    let Some(last) = heads.pop() else {
        return Err(LogError::damaged_file(
            "the log",
            0,
            "all segments are missing",
            "the whole log",
        ));
    };
    let mut segments = Vec::new();
    for (i, head) in heads.iter().enumerate() {
        let next = heads.get(i + 1).unwrap_or(&last);
        let segment = Segment::new(head.clone());
        let _ = segment.full_bytes.set(next.previous_bytes);
        segments.push(segment);
    }
    Ok((segments, last))
}

/// Whether all that comes before a segment was trimmed.
pub(super) fn ends_within(next: &Head, starts: &[u64]) -> bool {
    starts.iter().enumerate().all(|(s, start)| next.base(s) <= *start)
}

/// Removes a segment's files.
pub(super) fn remove(disk: &dyn Disk, number: u64) -> Result<(), LogError> {
    let name = segment::file_name(number);
    // Its index may be missing, and is no use without it.
    let _ = disk.remove(&index::file_name(number));
    disk.remove(&name)
        .map_err(|e| LogError::io(format!("removing {name}"), &e))
}

/// The last segment, as far as it is good.
struct Tail {
    stop: segment::Stop,
    /// Its length, with what follows the last good frame.
    len: u64,
    index: Index,
    ends: Vec<u64>,
}

impl Tail {
    /// Reads it.
    fn read(file: &dyn File, meta: &Meta, head: &Head) -> Result<Tail, LogError> {
        let name = segment::file_name(head.number);
        let io = |what: &str, e| LogError::io(format!("{what} {name}"), &e);
        let len = file.len().map_err(|e| io("reading", e))?;
        let salt = layout::salt(meta.installation);
        let mut ends: Vec<u64> = (0..meta.streams.len()).map(|s| head.base(s)).collect();
        let mut index = Index::default();
        let stop = segment::walk(file, head, len, salt, true, &mut ends, &mut |f| index.note(f))?;
        if let Some(bad) = stop.bad {
            let rest = usize::try_from(len - stop.position)
                .map_err(|_| io("reading", std::io::Error::other("its tail does not fit memory")))?;
            let mut bytes = vec![0; rest];
            let filled = disk::read_full(file, &mut bytes, stop.position).map_err(|e| io("reading", e))?;
            if frame::find_voucher(&bytes[..filled], stop.position, stop.position, salt).is_some() {
                let concerns = segment::concerning(&meta.streams, &ends);
                return Err(segment::damage(head.number, stop.position, bad, concerns));
            }
        }
        Ok(Tail {
            stop,
            len,
            index,
            ends,
        })
    }

    /// What may be read of it.
    fn state(self, head: Head, starts: Vec<u64>) -> State {
        State {
            segments: vec![Segment::new(head)],
            bytes: self.stop.position,
            index: self.index,
            starts,
            ends: self.ends,
        }
    }
}

/// Reads the last segment, cuts its torn tail, and makes the rest durable.
fn tail(disk: &dyn Disk, meta: Meta, head: Head, mut opened: Opened) -> Result<Found, LogError> {
    let name = segment::file_name(head.number);
    let io = |what: &str, e| LogError::io(format!("{what} {name}"), &e);
    let file = disk.open(&name, true).map_err(|e| io("opening", e))?;
    let tail = Tail::read(file.as_ref(), &meta, &head)?;
    let (position, sequence, synced) = (tail.stop.position, tail.stop.sequence, tail.stop.synced);
    if tail.stop.bad.is_some() {
        file.set_len(position).map_err(|e| io("cutting", e))?;
        opened.cut = Some(Cut {
            segment: head.number,
            position,
            bytes: tail.len - position,
        });
    }
    write_again(file.as_ref(), synced.min(position), position).map_err(|e| io("writing to", e))?;
    let state = tail.state(head, meta.starts.clone());
    Ok(Found {
        meta,
        state,
        file,
        sequence,
        opened,
    })
}

/// Writes what no frame vouches for once more, and syncs. After a sync that failed, pages may count as clean
/// that never reached the disk: a sync alone would not write them.
fn write_again(file: &dyn File, mut from: u64, to: u64) -> std::io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    while from < to {
        let len = usize::try_from(to - from).unwrap_or(READ_BYTES).min(READ_BYTES);
        let filled = disk::read_full(file, &mut buffer[..len], from)?;
        if filled == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        disk::write_all(file, &buffer[..filled], from)?;
        from += filled as u64;
    }
    file.sync()
}
