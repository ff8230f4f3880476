//! The one who writes: groups of frames into the last segment, a new segment when it is full.
//!
//! Fails in two ways. *Clean*: nothing of the group counts, the file is as it was before, the next group may
//! succeed (a full disk). *In doubt*: what is on disk can't be told (a sync failed: the system may have
//! dropped the pages and call the next sync a success), so nothing more is appended before the log is opened
//! again, which reads what is there, writes its tail once more and syncs that.

use std::sync::Arc;

use super::Fsync;
use super::disk::{self, File};
use super::frame::{self, Parsed};
use super::segment::{self, Head};
use super::state::{Segment, Shared};
use crate::error::LogError;

/// Appends to the last segment. Whoever holds it writes.
pub(super) struct Writer {
    pub(super) file: Box<dyn File>,
    pub(super) segment: Arc<Segment>,
    /// Where the next frame goes.
    pub(super) position: u64,
    /// Up to where the segment is known to be durable.
    pub(super) synced: u64,
    pub(super) segment_bytes_max: u64,
    pub(super) fsync: Fsync,
    /// How often a segment was synced for a group.
    pub(super) syncs: u64,
}

/// How writing failed.
pub(super) enum Failure {
    /// As if it had not been tried.
    Clean(LogError),
    /// The log must not go on.
    InDoubt(LogError),
}

impl Writer {
    /// Writes a group of frames, each begun at one of `starts`, syncs it, and shows it to readers.
    pub(super) fn write(
        &mut self,
        shared: &Shared,
        group: &mut [u8],
        starts: &[usize],
    ) -> Result<(), Failure> {
        let full = self.position + group.len() as u64 > self.segment_bytes_max;
        if full && self.position > self.segment.head.len() {
            let sequence = starts
                .first()
                .map_or(0, |at| super::layout::u64_at(group, at + 16));
            self.roll(shared, sequence)?;
        }
        for &start in starts {
            let position = self.position + start as u64;
            frame::seal(&mut group[start..], position, self.synced, shared.salt);
        }
        if let Err(e) = disk::write_all(self.file.as_ref(), group, self.position) {
            return Err(self.undo(&e));
        }
        let end = self.position + group.len() as u64;
        if self.fsync == Fsync::EachGroup {
            self.sync(end)?;
            self.syncs += 1;
        }
        self.position = end;
        self.publish(shared, group, starts);
        Ok(())
    }

    /// Makes everything up to `end` durable.
    fn sync(&mut self, end: u64) -> Result<(), Failure> {
        let name = segment::file_name(self.segment.head.number);
        let synced = self.file.sync();
        synced.map_err(|e| in_doubt(&format!("syncing {name} failed: {e}")))?;
        self.synced = end;
        Ok(())
    }

    /// Makes everything that was written durable.
    pub(super) fn sync_all(&mut self) -> Result<(), Failure> {
        if self.synced < self.position {
            self.sync(self.position)
        } else {
            Ok(())
        }
    }

    /// Takes back a write that failed.
    fn undo(&self, error: &std::io::Error) -> Failure {
        let name = segment::file_name(self.segment.head.number);
        let what = format!("writing to {name}");
        // Synced, so that a crash does not bring back what an appender was told had failed.
        match self.file.set_len(self.position).and_then(|()| self.file.sync()) {
            Ok(()) => Failure::Clean(LogError::io(what, error)),
            Err(e) => in_doubt(&format!(
                "{what} failed ({error}), and so did taking it back: {e}"
            )),
        }
    }

    fn publish(&self, shared: &Shared, group: &[u8], starts: &[usize]) {
        let mut state = shared.state_mut();
        for &start in starts {
            let Parsed::Frame(frame) = frame::parse(&group[start..], shared.salt) else {
                debug_assert!(false, "a frame that was just written can be read");
                continue;
            };
            state.index.note(&frame);
            for (chunk, _) in frame.chunks() {
                state.ends[chunk.stream as usize] += u64::from(chunk.count);
            }
        }
        state.bytes = self.position;
    }

    /// Goes on in a new segment, whose first frame will have that sequence number.
    fn roll(&mut self, shared: &Shared, first_sequence: u64) -> Result<(), Failure> {
        self.sync_all()?;
        let disk = shared.disk.as_ref();
        let old = &self.segment.head;
        let (ends, index) = {
            let mut state = shared.state_mut();
            (state.ends.clone(), std::mem::take(&mut state.index))
        };
        index.write(disk, old.number);
        let head = Head {
            number: old.number + 1,
            first_sequence,
            previous_bytes: self.position,
            bases: ends,
        };
        let name = segment::file_name(head.number);
        let made = head
            .create(disk, shared.installation)
            .and_then(|()| disk.open(&name, true));
        let file = match made {
            Ok(file) => file,
            Err(e) => {
                shared.state_mut().index = index;
                return Err(not_made(shared, &name, &e));
            }
        };
        let (position, segment) = (head.len(), Segment::new(head));
        let mut state = shared.state_mut();
        let full = self.segment.full_bytes.set(self.position);
        debug_assert!(full.is_ok(), "a segment becomes full once");
        state.segments.push(Arc::clone(&segment));
        state.bytes = position;
        (self.file, self.segment, self.position, self.synced) = (file, segment, position, position);
        Ok(())
    }

    /// Leaves word that all before it is durable: a frame without records.
    pub(super) fn close(&mut self, shared: &Shared, sequence: u64) -> Result<(), Failure> {
        self.sync_all()?;
        let mut group = Vec::new();
        frame::put(&mut group, sequence, 0, &[], std::iter::empty());
        match self.write(shared, &mut group, &[0]) {
            // What matters is durable; the word is a convenience, for which there is no room.
            Err(Failure::Clean(_)) => Ok(()),
            written => written.and_then(|()| self.sync_all()),
        }
    }
}

/// The failure to make a segment. Unless its file is surely not there, the log must not go on: it would
/// append to a segment that is followed by another.
fn not_made(shared: &Shared, name: &str, error: &std::io::Error) -> Failure {
    let there = shared.disk.list().map(|names| names.iter().any(|n| n == name));
    match there {
        Ok(false) => Failure::Clean(LogError::io(format!("making {name}"), error)),
        _ => in_doubt(&format!("making {name} failed: {error}")),
    }
}

fn in_doubt(what: &str) -> Failure {
    let (what, kept) = (what.to_owned(), Vec::new());
    Failure::InDoubt(LogError::InDoubt { what, kept })
}
