//! A frame: one atomic batch as it stands in a segment.
//!
//! ```text
//!  0 u32 magic               4 u32 checksum of all that follows up to the bodies, started from the salt
//!  8 u32 bytes of bodies    12 u32 chunks
//! 16 u64 sequence number    24 u64 where the frame starts in its segment
//! 32 u64 up to where the segment was synced when the frame was written
//! 40 i64 timestamp (ms)
//! 48 per chunk: u32 stream, u32 records, u64 first offset, u32 bytes of its body, u32 checksum of its body
//!    then the chunks' bodies: runs of records, `record.rs`
//! ```
//! Numbers are little-endian. A reader of one stream checks the header and that stream's body, and hops over
//! the other bodies. The frame's place and number are in its checksum: a frame that was written elsewhere or
//! earlier does not pass. What was synced is there so that a torn tail can be told from damage: a bad frame
//! in front of a good one that vouches for it is damage.

use super::layout::{self, u32_at, u64_at};

const MAGIC: u32 = 0x3146_524d; // "MRF1"
/// Bytes of a header without chunks.
pub(super) const HEADER: usize = 48;
/// Bytes that a chunk takes in the header.
pub(super) const CHUNK: usize = 24;
/// Bytes that a frame may have.
pub(super) const FRAME_BYTES_MAX: usize = 64 << 20;

/// What a frame says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) body_bytes: u32,
    pub(super) chunks: u32,
    pub(super) sequence: u64,
    pub(super) position: u64,
    pub(super) synced: u64,
    pub(super) timestamp_ms: i64,
}

/// One stream's part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) stream: u32,
    pub(super) count: u32,
    pub(super) first: u64,
    pub(super) bytes: u32,
    pub(super) checksum: u32,
}

/// A frame's header, in a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) header: Header,
    directory: &'a [u8],
}

/// What a buffer holds at a frame's start.
#[derive(Debug)]
pub(super) enum Parsed<'a> {
    /// A header whose checksum is right.
    Frame(Frame<'a>),
    /// The beginning of what may be a frame: so many bytes are needed to tell.
    Needs(usize),
    /// Anything else.
    Bad(&'static str),
}

impl Header {
    /// Bytes of the header, chunks included.
    pub(super) fn len(&self) -> usize {
        HEADER + CHUNK * self.chunks as usize
    }

    /// Bytes of the whole frame.
    pub(super) fn frame_len(&self) -> usize {
        self.len() + self.body_bytes as usize
    }
}

impl<'a> Frame<'a> {
    /// Its chunks, each with where its body starts in the frame.
    pub(super) fn chunks(&self) -> impl Iterator<Item = (Chunk, usize)> + 'a {
        let mut body = self.header.len();
        self.directory.chunks_exact(CHUNK).map(move |b| {
            let chunk = Chunk {
                stream: u32_at(b, 0),
                count: u32_at(b, 4),
                first: u64_at(b, 8),
                bytes: u32_at(b, 16),
                checksum: u32_at(b, 20),
            };
            let at = body;
            body += chunk.bytes as usize;
            (chunk, at)
        })
    }
}

/// What the header at the start of `bytes` says, if it is one.
#[inline]
fn unchecked(bytes: &[u8]) -> Header {
    Header {
        body_bytes: u32_at(bytes, 8),
        chunks: u32_at(bytes, 12),
        sequence: u64_at(bytes, 16),
        position: u64_at(bytes, 24),
        synced: u64_at(bytes, 32),
        timestamp_ms: i64::from_le_bytes(layout::bytes_at(bytes, 40)),
    }
}

/// Reads the header at the start of `bytes`.
#[inline]
pub(super) fn parse(bytes: &[u8], salt: u32) -> Parsed<'_> {
    if bytes.len() < HEADER {
        return Parsed::Needs(HEADER);
    }
    let header = unchecked(bytes);
    if u32_at(bytes, 0) != MAGIC {
        return Parsed::Bad("no frame starts here");
    }
    if header.chunks as usize > FRAME_BYTES_MAX / CHUNK || header.frame_len() > FRAME_BYTES_MAX {
        return Parsed::Bad("a frame's header says more than a frame can hold");
    }
    let Some(directory) = bytes.get(HEADER..header.len()) else {
        return Parsed::Needs(header.len());
    };
    if layout::checksum(salt, &bytes[8..header.len()]) != u32_at(bytes, 4) {
        return Parsed::Bad("the checksum of a frame's header is wrong");
    }
    let frame = Frame { header, directory };
    let bodies: u64 = frame.chunks().map(|(c, _)| u64::from(c.bytes)).sum();
    if bodies != u64::from(header.body_bytes) {
        return Parsed::Bad("the parts of a frame are not as long as the frame");
    }
    Parsed::Frame(frame)
}

/// Appends a frame to `out`; `bodies` yields the chunks' bodies one after another. Place and what is synced
/// are for [`seal`] to fill in.
pub(super) fn put<'b>(
    out: &mut Vec<u8>,
    sequence: u64,
    timestamp_ms: i64,
    chunks: &[Chunk],
    bodies: impl Iterator<Item = &'b [u8]>,
) {
    let start = out.len();
    let body_bytes: u32 = chunks.iter().map(|c| c.bytes).sum();
    let count = u32::try_from(chunks.len()).expect("a frame's limit leaves no room for so many chunks");
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&body_bytes.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&timestamp_ms.to_le_bytes());
    debug_assert_eq!(out.len() - start, HEADER);
    for chunk in chunks {
        out.extend_from_slice(&chunk.stream.to_le_bytes());
        out.extend_from_slice(&chunk.count.to_le_bytes());
        out.extend_from_slice(&chunk.first.to_le_bytes());
        out.extend_from_slice(&chunk.bytes.to_le_bytes());
        out.extend_from_slice(&chunk.checksum.to_le_bytes());
    }
    for body in bodies {
        out.extend_from_slice(body);
    }
}

/// Fills in where the frame at the start of `frame` will stand, and what is synced; how long it is.
pub(super) fn seal(frame: &mut [u8], position: u64, synced: u64, salt: u32) -> usize {
    let header_len = HEADER + CHUNK * u32_at(frame, 12) as usize;
    frame[24..32].copy_from_slice(&position.to_le_bytes());
    frame[32..40].copy_from_slice(&synced.to_le_bytes());
    let checksum = layout::checksum(salt, &frame[8..header_len]);
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    header_len + u32_at(frame, 8) as usize
}

/// The first place in `bytes`, which stand at `at` in their segment, where a good header starts that says
/// that the segment was synced beyond `beyond` when it was written.
pub(super) fn find_voucher(bytes: &[u8], at: u64, beyond: u64, salt: u32) -> Option<u64> {
    let magic = MAGIC.to_le_bytes();
    let mut from = 0;
    while let Some(found) = bytes[from..].windows(4).position(|w| w == magic) {
        let (position, frame) = (at + (from + found) as u64, &bytes[from + found..]);
        // Asked before the checksum, which may be one of many bytes: records can be full of such places.
        let says = unchecked(frame);
        let vouches = says.position == position && says.synced > beyond;
        if vouches && matches!(parse(frame, salt), Parsed::Frame(_)) {
            return Some(position);
        }
        from += found + 1;
    }
    None
}
