//! Reading one stream: out of a big buffer, frame after frame, hopping over what belongs to others.
//!
//! Where the next records are is known from the segment's index to within [`STEP`] bytes, so a stream with
//! few records among many is read without reading the many. Every record that is yielded was checked; one
//! that is missing is damage, since offsets have no holes. A wrong index leads to where the records are not, so
//! before damage is reported the index is made anew, and if it was wrong the records are looked for again.

use std::sync::Arc;

use super::disk::File;
use super::frame::{self, Parsed};
use super::index::{self, Entry, STEP};
use super::layout::{self, Window};
use super::segment::{self, READ_BYTES};
use super::state::{Segment, Shared};
use crate::error::LogError;
use crate::log::Reader;
use crate::record::Records;

/// Reads a stream.
pub(super) struct StreamReader {
    shared: Arc<Shared>,
    stream: usize,
    /// The offset that is read next.
    next: u64,
    /// Offsets below this are in the segment.
    known_end: u64,
    at: Option<Place>,
    /// What is left of the run that is being handed out.
    run: Option<Run>,
    window: Window,
}

/// Where it reads.
struct Place {
    segment: Arc<Segment>,
    file: Box<dyn File>,
    entries: Vec<Entry>,
    /// Whether `entries` is all there will be.
    full: bool,
    position: u64,
    until: u64,
}

/// A run of the stream, in the window.
#[derive(Clone, Copy)]
struct Run {
    position: u64,
    bytes: usize,
    first: u64,
    count: u64,
    timestamp_ms: i64,
    frame_end: u64,
}

impl StreamReader {
    /// A reader of a partition, from an offset on that is there, or comes next.
    pub(super) fn open(
        shared: &Arc<Shared>,
        topic: &str,
        partition: u32,
        from: u64,
    ) -> Result<Box<dyn Reader>, LogError> {
        let stream = shared.streams.number(topic, partition)?;
        let state = shared.state();
        let (start, end) = (state.starts[stream], state.ends[stream]);
        shared.streams.within(stream, from, start, end)?;
        Ok(Box::new(StreamReader {
            shared: Arc::clone(shared),
            stream,
            next: from,
            known_end: 0,
            at: None,
            run: None,
            window: Window::default(),
        }))
    }

    /// Finds the segment with the next record, and how far it may be read.
    fn refresh(&mut self) -> Result<(), LogError> {
        let shared = Arc::clone(&self.shared);
        let state = shared.state();
        let (start, end) = (state.starts[self.stream], state.ends[self.stream]);
        shared.streams.within(self.stream, self.next, start, end)?;
        if self.next >= end {
            return Ok(());
        }
        let after = state
            .segments
            .partition_point(|s| s.head.base(self.stream) <= self.next);
        let found = after.checked_sub(1).and_then(|i| state.segments.get(i));
        let segment = Arc::clone(found.ok_or_else(|| self.damaged(None, 0, "the segment is missing"))?);
        let after = state.segments.get(after).map(|s| s.head.base(self.stream));
        let full = segment.full_bytes.get().copied();
        let same = self
            .at
            .take()
            .filter(|at| at.segment.head.number == segment.head.number);
        let have = same.as_ref().map_or(0, |at| at.entries.len());
        let new = state.index.of(self.stream).get(have..).unwrap_or_default();
        let last = full.is_none().then(|| (state.bytes, new.to_vec()));
        drop(state);
        let known_end = after.unwrap_or(end);
        let mut place = match same {
            Some(place) => place,
            None => {
                self.window.clear();
                self.enter(segment)?
            }
        };
        match (full, last) {
            (Some(bytes), _) if !place.full => {
                let (disk, streams, head) = (shared.disk.as_ref(), &shared.streams, &place.segment.head);
                place.entries = index::load(disk, streams, head, bytes, shared.salt, self.stream)?;
                (place.until, place.full) = (bytes, true);
            }
            (None, Some((bytes, entries))) => {
                place.until = bytes;
                place.entries.extend(entries);
            }
            _ => {}
        }
        place.jump(self.next);
        self.at = Some(place);
        self.known_end = known_end;
        Ok(())
    }

    fn enter(&self, segment: Arc<Segment>) -> Result<Place, LogError> {
        let name = segment::file_name(segment.head.number);
        let file = self.shared.disk.open(&name, false);
        Ok(Place {
            file: file.map_err(|e| LogError::io(format!("opening {name}"), &e))?,
            position: segment.head.len(),
            segment,
            entries: Vec::new(),
            full: false,
            until: 0,
        })
    }

    /// Finds the next run.
    fn find(&mut self) -> Result<Option<Run>, LogError> {
        if self.next >= self.known_end {
            self.refresh()?;
            if self.next >= self.known_end {
                return Ok(None);
            }
        }
        let Some(mut place) = self.at.take() else {
            return Ok(None);
        };
        let mut found = self.find_in(&mut place);
        if matches!(found, Err(LogError::Damaged(_))) && self.index_was_wrong(&mut place) {
            found = self.find_in(&mut place);
        }
        if found.is_err() {
            // The next call looks again: the damage may be gone, or the log have been trimmed.
            self.known_end = 0;
        } else {
            self.at = Some(place);
        }
        found.map(Some)
    }

    /// Whether the index of the full segment is not what its frames say. Then it is put right, and the place
    /// is the one where the right one leads.
    fn index_was_wrong(&mut self, place: &mut Place) -> bool {
        let Some(bytes) = place.segment.full_bytes.get() else {
            return false;
        };
        let (shared, head) = (&self.shared, &place.segment.head);
        let made = index::make(shared.disk.as_ref(), &shared.streams, head, *bytes, shared.salt);
        // Otherwise the segment itself is damaged, which is what the caller has found.
        let Some(index) = made.ok().filter(|index| index.of(self.stream) != place.entries) else {
            return false;
        };
        index.write(shared.disk.as_ref(), head.number);
        place.entries = index.of(self.stream).to_vec();
        place.position = head.len();
        place.jump(self.next);
        self.window.clear();
        true
    }

    fn find_in(&mut self, place: &mut Place) -> Result<Run, LogError> {
        let number = place.segment.head.number;
        let mut need = frame::HEADER;
        loop {
            let bad = |what| self.damaged(Some(number), place.position, what);
            if place.position >= place.until {
                return Err(bad("records are missing"));
            }
            let (ahead, until) = (place.ahead(), place.until);
            let window = self
                .window
                .want(place.file.as_ref(), place.position, need, ahead, until);
            let bytes =
                window.map_err(|e| LogError::io(format!("reading {}", segment::file_name(number)), &e))?;
            if bytes.len() < need {
                return Err(self.damaged(Some(number), place.position, "a frame is cut short"));
            }
            let frame = match frame::parse(bytes, self.shared.salt) {
                Parsed::Frame(frame) => frame,
                Parsed::Needs(more) => {
                    need = more;
                    continue;
                }
                Parsed::Bad(what) => return Err(self.damaged(Some(number), place.position, what)),
            };
            let (len, stands) = (frame.header.frame_len(), frame.header.position);
            if stands != place.position {
                return Err(self.damaged(
                    Some(number),
                    place.position,
                    "a frame stands where it was not written",
                ));
            }
            let chunk = frame.chunks().find(|(c, _)| c.stream as usize == self.stream);
            let Some((chunk, at)) = chunk.filter(|(c, _)| c.first.saturating_add(c.count.into()) > self.next)
            else {
                place.position += len as u64;
                place.jump(self.next);
                need = frame::HEADER;
                continue;
            };
            let Some(body) = bytes.get(at..at + chunk.bytes as usize) else {
                need = at + chunk.bytes as usize;
                continue;
            };
            if chunk.first > self.next {
                return Err(self.damaged(Some(number), place.position, "records are missing"));
            }
            if layout::checksum(self.shared.salt, body) != chunk.checksum {
                let what = "the checksum of a frame's records is wrong";
                return Err(self.damaged(Some(number), place.position, what));
            }
            let (position, timestamp_ms) = (place.position + at as u64, frame.header.timestamp_ms);
            return Ok(Run {
                position,
                bytes: chunk.bytes as usize,
                first: chunk.first,
                count: chunk.count.into(),
                timestamp_ms,
                frame_end: place.position + len as u64,
            });
        }
    }

    fn damaged(&self, number: Option<u64>, position: u64, what: &str) -> LogError {
        let (topic, partition) = self.shared.streams.name(self.stream).unwrap_or_default();
        let concerns = format!("{topic}/{partition} from offset {}", self.next);
        match number {
            Some(number) => segment::damage(number, position, what, concerns),
            None => LogError::damaged_file("the log", position, what, &concerns),
        }
    }
}

impl Place {
    /// Jumps ahead to where `next` is, to within [`STEP`] bytes.
    fn jump(&mut self, next: u64) {
        let after = self.entries.partition_point(|e| e.offset <= next);
        if let Some(entry) = after.checked_sub(1).and_then(|i| self.entries.get(i)) {
            self.position = self.position.max(entry.position);
        }
    }

    /// How much to read from here at once: while the stream's records lie close together, a whole buffer.
    fn ahead(&self) -> usize {
        let limit = self.position + READ_BYTES as u64;
        let mut until = self.position;
        let from = self.entries.partition_point(|e| e.position <= self.position);
        for entry in &self.entries[from..] {
            if entry.position > until + 2 * STEP || until >= limit {
                break;
            }
            until = entry.position;
        }
        usize::try_from((until + STEP).min(limit) - self.position).unwrap_or(READ_BYTES)
    }
}

impl StreamReader {
    /// Finds the run that `next` is in, and checks it.
    fn begin(&mut self) -> Result<Option<Run>, LogError> {
        let Some(found) = self.find()? else {
            return Ok(None);
        };
        let bytes = self.window.bytes(found.position, found.bytes);
        let Some(records) = Records::checked(bytes, found.first, found.count, found.timestamp_ms) else {
            let number = self.at.as_ref().map(|at| at.segment.head.number);
            let what = "the records are not in the form of records";
            return Err(self.damaged(number, found.position, what));
        };
        let (before, bytes) = records.below(self.next);
        if let Some(at) = &mut self.at {
            at.position = found.frame_end;
        }
        Ok(Some(found.after(before.left(), bytes)))
    }
}

impl Run {
    /// What is left of it after so many records, which take so many bytes.
    fn after(self, count: u64, bytes: usize) -> Run {
        Run {
            position: self.position + bytes as u64,
            bytes: self.bytes - bytes,
            first: self.first + count,
            count: self.count - count,
            ..self
        }
    }
}

impl Reader for StreamReader {
    fn next_run(&mut self, until: u64) -> Result<Option<Records<'_>>, LogError> {
        if self.next >= until {
            return Ok(None);
        }
        let run = match self.run.take() {
            Some(run) => run,
            None => match self.begin()? {
                Some(run) => run,
                None => return Ok(None),
            },
        };
        // The window stands still while something is left of a run in it.
        let bytes = self.window.bytes(run.position, run.bytes);
        let (records, len) = Records::left_of(bytes, run.first, run.count, run.timestamp_ms).below(until);
        self.next += records.left();
        self.run = Some(run.after(records.left(), len)).filter(|run| run.count > 0);
        Ok(Some(records))
    }

    fn offset(&self) -> u64 {
        self.next
    }
}
