//! Where in a segment a stream's records are, sparsely.
//!
//! Of each stream that a segment holds, the frames that hold it are noted if they start [`STEP`] or more
//! bytes after the last one noted. So between a noted frame and the next, all records of the stream are in
//! frames that start within [`STEP`] bytes: a reader reads those and jumps on, however little of the segment
//! is its stream.
//!
//! The index of the last segment is in memory. When the segment is full it is written to a file beside it,
//! which is never needed: where it is missing, not whole or wrong, it is made anew from the segment.
//!
//! ```text
//!  0 magic (8)   8 u32 format   12 u32 checksum of what follows, up to the entries   16 u64 segment
//! 24 u32 streams, then per stream: u64 first entry, u32 entries, u32 their checksum
//!    then entries: u64 offset, u64 position
//! ```

use super::disk::{self, Disk};
use super::frame::Frame;
use super::layout::{self, u32_at, u64_at};
use super::segment::{self, Head};
use crate::error::LogError;
use crate::streams::{STREAMS_MAX, Streams};

const MAGIC: &[u8; 8] = b"MRLOGIDX";
const FIXED: usize = 28;
const ENTRY: usize = 16;
/// Bytes between noted frames of a stream.
pub(super) const STEP: u64 = 64 << 10;

/// A noted frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The stream's first offset in it.
    pub(super) offset: u64,
    /// Where it starts in the segment.
    pub(super) position: u64,
}

/// A segment's index.
#[derive(Clone, Debug, Default)]
pub(super) struct Index(Vec<Vec<Entry>>);

impl Index {
    /// Notes a frame.
    pub(super) fn note(&mut self, frame: &Frame<'_>) {
        let position = frame.header.position;
        for (chunk, _) in frame.chunks() {
            let stream = chunk.stream as usize;
            if self.0.len() <= stream {
                self.0.resize_with(stream + 1, Vec::new);
            }
            let entries = &mut self.0[stream];
            if entries.last().is_none_or(|last| position >= last.position + STEP) {
                let offset = chunk.first;
                entries.push(Entry { offset, position });
            }
        }
    }

    /// What is noted of a stream.
    pub(super) fn of(&self, stream: usize) -> &[Entry] {
        self.0.get(stream).map_or(&[], Vec::as_slice)
    }

    fn bytes(&self, number: u64) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&super::FORMAT.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&number.to_le_bytes());
        let count = |n: usize| {
            u32::try_from(n)
                .expect("a segment has fewer frames than that")
                .to_le_bytes()
        };
        out.extend_from_slice(&count(self.0.len()));
        let (mut first, mut all) = (0, Vec::new());
        for entries in &self.0 {
            let from = all.len();
            for entry in entries {
                all.extend_from_slice(&entry.offset.to_le_bytes());
                all.extend_from_slice(&entry.position.to_le_bytes());
            }
            out.extend_from_slice(&u64::to_le_bytes(first));
            out.extend_from_slice(&count(entries.len()));
            out.extend_from_slice(&layout::checksum(0, &all[from..]).to_le_bytes());
            first += entries.len() as u64;
        }
        let checksum = layout::checksum(0, &out[16..]);
        out[12..16].copy_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(&all);
        out
    }

    /// Writes it beside its segment. That may fail: it is made anew when it is needed.
    pub(super) fn write(&self, disk: &dyn Disk, number: u64) {
        let _ = disk::write_whole(disk, &file_name(number), &self.bytes(number), false);
    }
}

/// The name of the file with a segment's index.
pub(super) fn file_name(number: u64) -> String {
    format!("{number:020}.index")
}

/// What is noted of a stream in a full segment of `bytes` bytes.
pub(super) fn load(
    disk: &dyn Disk,
    streams: &Streams,
    head: &Head,
    bytes: u64,
    salt: u32,
    stream: usize,
) -> Result<Vec<Entry>, LogError> {
    if let Some(entries) = read(disk, head.number, stream) {
        return Ok(entries);
    }
    let index = make(disk, streams, head, bytes, salt)?;
    index.write(disk, head.number);
    Ok(index.of(stream).to_vec())
}

/// A stream's part of the file; `None` if it can't be had, or is not whole.
fn read(disk: &dyn Disk, number: u64, stream: usize) -> Option<Vec<Entry>> {
    let file = disk.open(&file_name(number), false).ok()?;
    let mut fixed = [0; FIXED];
    let full = disk::read_full(file.as_ref(), &mut fixed, 0).ok()? == FIXED;
    let streams = u32_at(&fixed, 24) as usize;
    let known = &fixed[..8] == MAGIC && u32_at(&fixed, 8) == super::FORMAT && u64_at(&fixed, 16) == number;
    if !full || !known || streams > STREAMS_MAX {
        return None;
    }
    let mut head = vec![0; FIXED - 16 + 16 * streams];
    let full = disk::read_full(file.as_ref(), &mut head, 16).ok()? == head.len();
    if !full || layout::checksum(0, &head) != u32_at(&fixed, 12) {
        return None;
    }
    if stream >= streams {
        return Some(Vec::new());
    }
    let part = &head[FIXED - 16 + 16 * stream..];
    let (first, count) = (u64_at(part, 0), u32_at(part, 8) as usize);
    let at = (FIXED + 16 * streams) as u64 + first.checked_mul(ENTRY as u64)?;
    let len = count as u64 * ENTRY as u64;
    if at.checked_add(len)? > file.len().ok()? {
        return None;
    }
    let mut entries = vec![0; usize::try_from(len).ok()?];
    let full = disk::read_full(file.as_ref(), &mut entries, at).ok()? == entries.len();
    if !full || layout::checksum(0, &entries) != u32_at(part, 12) {
        return None;
    }
    let entry = |b: &[u8]| Entry {
        offset: u64_at(b, 0),
        position: u64_at(b, 8),
    };
    Some(entries.chunks_exact(ENTRY).map(entry).collect())
}

/// The index of a full segment, made from it.
pub(super) fn make(
    disk: &dyn Disk,
    streams: &Streams,
    head: &Head,
    bytes: u64,
    salt: u32,
) -> Result<Index, LogError> {
    let name = segment::file_name(head.number);
    let file = disk
        .open(&name, false)
        .map_err(|e| LogError::io(format!("opening {name}"), &e))?;
    let mut ends: Vec<u64> = (0..streams.len()).map(|s| head.base(s)).collect();
    let mut index = Index::default();
    let stop = segment::walk(file.as_ref(), head, bytes, salt, false, &mut ends, &mut |f| {
        index.note(f);
    })?;
    match stop.bad {
        None => Ok(index),
        Some(bad) => {
            let concerns = segment::concerning(streams, &ends);
            Err(segment::damage(head.number, stop.position, bad, concerns))
        }
    }
}
