//! A segment: a file of frames, its header, and walking through it.
//!
//! ```text
//!  0 magic (8)   8 u32 format   12 u32 checksum of the rest of the header   16 installation (16)
//! 32 u64 number  40 u64 sequence number of its first frame   48 u64 bytes of the segment before, 0 if none
//! 56 u32 streams, then per stream u64: its next offset when the segment was begun
//! ```
//! The header is written whole before the file has its name, and not before all of the segment before it is
//! durable. So only the last segment can have a torn tail, and where the others end, in bytes and in
//! offsets, is known from the header that follows: opening reads headers and the last segment.

use super::disk::{self, Disk, File};
use super::frame::{self, Frame, Parsed};
use super::layout::{self, Window, u32_at, u64_at};
use crate::error::{Damage, LogError};
use crate::streams::{STREAMS_MAX, Streams};
use contract::installation::Installation;

const MAGIC: &[u8; 8] = b"MRLOGSEG";
const FIXED: usize = 60;
/// Beyond all that a log can count. What a file says is checked against it, so that adding to it is safe.
const NUMBER_MAX: u64 = 1 << 60;
/// Bytes that are read at once.
pub(super) const READ_BYTES: usize = 512 << 10;

/// A segment's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) number: u64,
    pub(super) first_sequence: u64,
    pub(super) previous_bytes: u64,
    pub(super) bases: Vec<u64>,
}

impl Head {
    /// Where its frames start.
    pub(super) fn len(&self) -> u64 {
        (FIXED + 8 * self.bases.len()) as u64
    }

    /// A stream's next offset when the segment was begun.
    pub(super) fn base(&self, stream: usize) -> u64 {
        self.bases.get(stream).copied().unwrap_or(0)
    }

    fn bytes(&self, installation: Installation) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&super::FORMAT.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&installation.bytes());
        for n in [self.number, self.first_sequence, self.previous_bytes] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        let streams = u32::try_from(self.bases.len()).expect("the number of streams is limited");
        out.extend_from_slice(&streams.to_le_bytes());
        for base in &self.bases {
            out.extend_from_slice(&base.to_le_bytes());
        }
        let checksum = layout::checksum(0, &out[16..]);
        out[12..16].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Makes the segment's file, durably.
    pub(super) fn create(&self, disk: &dyn Disk, installation: Installation) -> std::io::Result<()> {
        disk::write_whole(disk, &file_name(self.number), &self.bytes(installation), true)
    }

    /// Reads the header of segment `number`.
    pub(super) fn read(disk: &dyn Disk, number: u64, installation: Installation) -> Result<Head, LogError> {
        let name = file_name(number);
        let io = |e| LogError::io(format!("reading {name}"), &e);
        let bytes = disk::read_whole(disk, &name, (FIXED + 8 * STREAMS_MAX) as u64).map_err(io)?;
        let damaged = |what| {
            let concerns = "all records of the segment";
            Err(damage(number, 0, what, concerns.to_owned()))
        };
        if bytes.len() < FIXED || &bytes[..8] != MAGIC {
            return damaged("its header is not that of a segment");
        }
        let found = u32_at(&bytes, 8);
        if found > super::FORMAT {
            let known = super::FORMAT;
            return Err(LogError::NewerFormat {
                what: name,
                found,
                known,
            });
        }
        let streams = u32_at(&bytes, 56) as usize;
        let end = FIXED.saturating_add(streams.saturating_mul(8));
        let whole = bytes
            .get(16..end)
            .is_some_and(|b| layout::checksum(0, b) == u32_at(&bytes, 12));
        if !whole || found == 0 || u64_at(&bytes, 32) != number {
            return damaged("the checksum of its header is wrong");
        }
        if bytes[16..32] != installation.bytes() {
            return damaged("it belongs to another installation than the rest of the log");
        }
        let head = Head {
            number,
            first_sequence: u64_at(&bytes, 40),
            previous_bytes: u64_at(&bytes, 48),
            bases: (0..streams).map(|i| u64_at(&bytes, FIXED + 8 * i)).collect(),
        };
        let numbers = [head.first_sequence, head.previous_bytes];
        if head.bases.iter().chain(&numbers).any(|n| *n > NUMBER_MAX) {
            return damaged("its header has numbers that no log gets to");
        }
        Ok(head)
    }
}

/// The name of a segment's file.
pub(super) fn file_name(number: u64) -> String {
    format!("{number:020}.segment")
}

/// The number of the segment whose file is called `name`.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".segment")?.parse().ok()?;
    let known = (1..=NUMBER_MAX).contains(&number) && file_name(number) == name;
    known.then_some(number)
}

/// Damage to a segment.
pub(super) fn damage(number: u64, position: u64, what: &str, concerns: String) -> LogError {
    LogError::Damaged(Box::new(Damage {
        file: file_name(number),
        segment: Some(number),
        position,
        what: what.to_owned(),
        concerns,
    }))
}

/// What is lost from `ends` on, in words.
pub(super) fn concerning(streams: &Streams, ends: &[u64]) -> String {
    const NAMED_MAX: usize = 16;
    let names: Vec<_> = ends
        .iter()
        .enumerate()
        .filter_map(|(stream, end)| {
            let (topic, partition) = streams.name(stream)?;
            Some(format!("{topic}/{partition} from offset {end}"))
        })
        .collect();
    let more = if names.len() > NAMED_MAX {
        ", and further partitions"
    } else {
        ""
    };
    let named = names[..names.len().min(NAMED_MAX)].join(", ");
    format!("what the log holds from there on: {named}{more}")
}

/// Where walking through a segment stopped.
#[derive(Debug)]
pub(super) struct Stop {
    /// The end of the last good frame.
    pub(super) position: u64,
    /// The sequence number of the next frame.
    pub(super) sequence: u64,
    /// Up to where the last good frame says that the segment was synced.
    pub(super) synced: u64,
    /// Why there is no further frame, unless the end was reached.
    pub(super) bad: Option<&'static str>,
}

/// Walks through the frames of a segment up to `until`, moving `ends` along; `visit` sees each frame. Bodies
/// are checked if `bodies` is set.
pub(super) fn walk(
    file: &dyn File,
    head: &Head,
    until: u64,
    salt: u32,
    bodies: bool,
    ends: &mut [u64],
    visit: &mut dyn FnMut(&Frame<'_>),
) -> Result<Stop, LogError> {
    let mut window = Window::default();
    let mut stop = Stop {
        position: head.len(),
        sequence: head.first_sequence,
        synced: head.len(),
        bad: None,
    };
    while stop.position < until {
        let mut need = frame::HEADER;
        let bytes = loop {
            let name = || format!("reading {}", file_name(head.number));
            let bytes = window
                .want(file, stop.position, need, READ_BYTES, until)
                .map_err(|e| LogError::io(name(), &e))?;
            if bytes.len() < need {
                stop.bad = Some("a frame is cut short");
                return Ok(stop);
            }
            need = match frame::parse(bytes, salt) {
                Parsed::Frame(frame) if bytes.len() >= frame.header.frame_len() => break bytes,
                Parsed::Frame(frame) => frame.header.frame_len(),
                Parsed::Needs(more) => more,
                Parsed::Bad(what) => {
                    stop.bad = Some(what);
                    return Ok(stop);
                }
            };
        };
        let Parsed::Frame(frame) = frame::parse(bytes, salt) else {
            return Ok(stop); // It was parsed just before.
        };
        if let Some(bad) = check(&frame, bytes, &stop, salt, bodies, ends) {
            stop.bad = Some(bad);
            return Ok(stop);
        }
        for (chunk, _) in frame.chunks() {
            ends[chunk.stream as usize] += u64::from(chunk.count);
        }
        visit(&frame);
        stop.position += frame.header.frame_len() as u64;
        stop.sequence += 1;
        stop.synced = stop.synced.max(frame.header.synced);
    }
    Ok(stop)
}

/// What is wrong with a frame whose header's checksum is right.
fn check(
    frame: &Frame<'_>,
    bytes: &[u8],
    stop: &Stop,
    salt: u32,
    bodies: bool,
    ends: &[u64],
) -> Option<&'static str> {
    if frame.header.position != stop.position || frame.header.sequence != stop.sequence {
        return Some("a frame stands where it was not written");
    }
    let mut last = None;
    for (chunk, at) in frame.chunks() {
        if last >= Some(chunk.stream) {
            return Some("the parts of a frame are out of order");
        }
        last = Some(chunk.stream);
        let fits = chunk.first.checked_add(chunk.count.into()).is_some();
        if !fits || ends.get(chunk.stream as usize) != Some(&chunk.first) {
            return Some("a frame does not go on where the one before ended");
        }
        let body = bytes.get(at..at + chunk.bytes as usize);
        if bodies && body.is_none_or(|b| layout::checksum(salt, b) != chunk.checksum) {
            return Some("the checksum of a frame's records is wrong");
        }
    }
    None
}
