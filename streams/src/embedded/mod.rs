//! The embedded log: streams in a directory of files, owned by one process.
//!
//! A batch over any partitions is one *frame*; frames are appended to the last of a row of *segments*; one
//! write and one sync serve all batches that wait at that moment. There is a file for the log as such
//! ([`meta`]), one for each segment ([`segment`], [`frame`]) and one for each full segment's index
//! ([`index`]).
//!
//! Others may read it meanwhile ([`ReadOnlyLog`]).
//!
//! # Guarantees
//! - A batch is in the log whole or not at all, whatever happens while it is written.
//! - With [`Fsync::EachGroup`] what [`Log::append`] acknowledged survives a crash of the machine, and
//!   readers see nothing else.
//! - What is read is what was written: every record is under a checksum that is checked when it is read.
//!   What can't be read is an error that says where, what it concerns, and the ways out. Nothing is skipped.
//! - A full disk fails appends cleanly; reading goes on, and so do appends once there is room. After a sync
//!   that failed the log refuses appends until it is opened again.
//! - Memory does not grow with the log, but for a few words per segment.
//!
//! # Non-guarantees
//! - Damage to the very last group of frames, with nothing written after it, can't be told from a torn write
//!   and is cut like one (closing the log leaves a word that vouches for all before it; [`Opened::cut`]
//!   tells). A last segment that is missing as a whole is not noticed here; a sink notices, its frontier is
//!   beyond the log's end.
//! - With [`Fsync::Never`] a crash of the machine may take any part of the last segment's end.
//! - Trimming frees whole segments: one partition that is not trimmed holds the segments that its records
//!   are in.
//!   It needs room for a small file.
//! - A copy made file by file while the log runs opens and holds what was acknowledged before copying began,
//!   if all names are listed before the first file is copied (as `cp -r`, `rsync` and `tar` do; the order
//!   does not matter: all segments but the last one listed are full, and never change) and nothing is
//!   trimmed meanwhile. Where names are listed while files are copied, take the segments from newest to
//!   oldest, then the rest. A listing may miss a segment that is begun meanwhile and have the one after; such
//!   a copy is refused, since what is missing could as well be lost: copy again, or take a snapshot of the
//!   file system.

mod commit;
pub mod disk;
mod frame;
mod index;
mod layout;
mod meta;
mod open;
mod read_only;
mod reader;
mod repair;
mod segment;
mod state;
mod writer;

use std::any::Any;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::commit::Commit;
use self::disk::{Directory, Disk};
use self::meta::Meta;
pub use self::read_only::ReadOnlyLog;
use self::reader::StreamReader;
pub use self::repair::cut_from;
use self::state::{Segment, Shared, lock};
use self::writer::Writer;
use crate::error::LogError;
use crate::log::{Appended, Log, NextOffsets, Place, Reader, TopicPartitions};
use crate::record::Batch;
use contract::installation::Installation;

/// The format of the files.
const FORMAT: u32 = 1;

/// When appended records are made durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fsync {
    /// Before they are acknowledged, once for all that wait.
    #[default]
    EachGroup,
    /// When the system sees fit, when a segment is full, and on closing. A crash of the process loses
    /// nothing, one of the machine may.
    Never,
}

/// How to open a log.
#[derive(Clone, Debug)]
pub struct Config {
    /// The topics that there must be. Those that are not there are made; a topic keeps its number of
    /// partitions.
    pub topics: Vec<TopicPartitions>,
    /// When appended records are made durable.
    pub fsync: Fsync,
    /// A segment that would grow beyond this is followed by another. At least 4 KiB.
    pub segment_bytes_max: u64,
    /// The id of the log, if it is made now.
    pub installation: Installation,
}

impl Config {
    /// The usual: everything synced, segments of 128 MiB.
    #[must_use]
    pub fn new(installation: Installation, topics: &[(&str, u32)]) -> Config {
        let topic = |(name, partitions): &(&str, u32)| TopicPartitions {
            name: (*name).to_owned(),
            partitions: *partitions,
        };
        Config {
            topics: topics.iter().map(topic).collect(),
            fsync: Fsync::default(),
            segment_bytes_max: 128 << 20,
            installation,
        }
    }
}

/// A torn tail that was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment.
    pub segment: u64,
    /// Where the torn part began in it.
    pub position: u64,
    /// How many bytes it had.
    pub bytes: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cut {
            segment,
            position,
            bytes,
        } = self;
        write!(
            f,
            "the last {bytes} bytes of segment {segment}, from {position} on, were part of a write that was \
             never acknowledged, and were cut off"
        )
    }
}

/// What was met on opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// There was no log; it was made.
    pub created: bool,
    /// The last segment ended in bytes that were never acknowledged.
    pub cut: Option<Cut>,
}

/// A log in a directory.
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    commit: Commit,
    meta: Mutex<Meta>,
    opened: Opened,
    /// Held while the log is open.
    _lock: Box<dyn Any + Send + Sync>,
}

impl EmbeddedLog {
    /// Opens the log in `directory`, or makes it there if the directory is empty or missing.
    ///
    /// # Errors
    /// If the directory is in use, holds something else, can't be written to, or the log is damaged or
    /// newer.
    pub fn open(directory: &Path, config: &Config) -> Result<EmbeddedLog, LogError> {
        let disk = Directory::new(directory).map_err(|e| not_made(directory, &e))?;
        EmbeddedLog::open_on(Box::new(disk), config)
    }

    /// The same on any [`Disk`].
    ///
    /// # Errors
    /// As [`EmbeddedLog::open`].
    pub fn open_on(disk: Box<dyn Disk>, config: &Config) -> Result<EmbeddedLog, LogError> {
        if config.segment_bytes_max < 4096 {
            let what = "segments of less than 4096 bytes are of no use".to_owned();
            return Err(LogError::BadConfiguration { what });
        }
        open::refuse_foreign(disk.as_ref())?;
        let guard = disk
            .lock()
            .map_err(|e| LogError::io(format!("locking {}", disk.name()), &e))?;
        let directory = disk.name();
        let guard = guard.ok_or(LogError::Locked { directory })?;
        let found = open::open(disk.as_ref(), config)?;
        let segment = found.state.segments.last().map(Arc::clone);
        let segment = segment.expect("a log that was opened has a segment");
        let (position, ends) = (found.state.bytes, found.state.ends.clone());
        let writer = Writer {
            file: found.file,
            segment,
            position,
            synced: position,
            segment_bytes_max: config.segment_bytes_max,
            fsync: config.fsync,
            syncs: 0,
        };
        let (installation, streams) = (found.meta.installation, found.meta.streams.clone());
        Ok(EmbeddedLog {
            shared: Shared::new(disk, installation, streams, found.state),
            commit: Commit::new(writer, ends, found.sequence),
            meta: Mutex::new(found.meta),
            opened: found.opened,
            _lock: guard,
        })
    }

    /// The log's id.
    #[must_use]
    pub fn installation(&self) -> Installation {
        self.shared.installation
    }

    /// What was met on opening.
    #[must_use]
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// How often a segment was synced so that batches could be acknowledged.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.commit.syncs()
    }

    /// Reads everything there is and checks it; how many records there are.
    ///
    /// # Errors
    /// The first damage found.
    pub fn check(&self) -> Result<u64, LogError> {
        let shared = &self.shared;
        let (segments, bytes) = {
            let state = shared.state();
            (state.segments.clone(), state.bytes)
        };
        let mut records = 0;
        for (i, segment) in segments.iter().enumerate() {
            let name = segment::file_name(segment.head.number);
            let file = shared.disk.open(&name, false);
            let file = file.map_err(|e| LogError::io(format!("opening {name}"), &e))?;
            let until = segment.full_bytes.get().copied().unwrap_or(bytes);
            let mut ends: Vec<u64> = (0..shared.streams.len()).map(|s| segment.head.base(s)).collect();
            let mut count = |frame: &frame::Frame<'_>| {
                records += frame.chunks().map(|(c, _)| u64::from(c.count)).sum::<u64>();
            };
            let head = &segment.head;
            let stop = segment::walk(
                file.as_ref(),
                head,
                until,
                shared.salt,
                true,
                &mut ends,
                &mut count,
            )?;
            let goes_on = |next: &Arc<Segment>| {
                let same = ends.iter().enumerate().all(|(s, end)| next.head.base(s) == *end);
                same && next.head.first_sequence == stop.sequence
            };
            let gap = segments.get(i + 1).filter(|next| !goes_on(next));
            let gap = gap.map(|_| "it does not end where the next one begins");
            if let Some(bad) = stop.bad.or(gap) {
                let concerns = segment::concerning(&shared.streams, &ends);
                return Err(segment::damage(head.number, stop.position, bad, concerns));
            }
        }
        Ok(records)
    }

    /// Makes everything durable and closes the log. Dropping it does the same, but can't tell of a failure.
    ///
    /// # Errors
    /// If the last records can't be made durable, where that was not done already.
    pub fn close(self) -> Result<(), LogError> {
        self.commit.close(&self.shared)
    }

    /// Removes the segments that were trimmed as a whole.
    fn free(&self) -> Result<(), LogError> {
        let gone: Vec<_> = {
            let mut state = self.shared.state_mut();
            let trimmed = state
                .segments
                .windows(2)
                .take_while(|w| open::ends_within(&w[1].head, &state.starts))
                .count();
            state.segments.drain(..trimmed).collect()
        };
        for segment in &gone {
            open::remove(self.shared.disk.as_ref(), segment.head.number)?;
        }
        if !gone.is_empty() {
            let synced = self.shared.disk.sync_directory();
            synced.map_err(|e| LogError::io("syncing the directory", &e))?;
        }
        Ok(())
    }
}

/// Why there is no directory to open.
fn not_made(directory: &Path, error: &std::io::Error) -> LogError {
    let name = directory.display();
    match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            let what = format!("{name} is not a directory");
            LogError::NotOurs { what }
        }
        ErrorKind::NotFound => {
            let what = format!(
                "{name} can't be made: the directory that it is to be in is not there; make that first"
            );
            LogError::BadConfiguration { what }
        }
        _ => LogError::io(format!("making {name}"), error),
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        // What was acknowledged is durable already, where it was asked to be.
        let _ = self.commit.close(&self.shared);
    }
}

impl Log for EmbeddedLog {
    fn topics(&self) -> Vec<TopicPartitions> {
        self.shared.streams.topics().cloned().collect()
    }

    fn append(&self, batch: &Batch) -> Result<Vec<Appended>, LogError> {
        self.commit.append(&self.shared, batch)
    }

    fn append_after(
        &self,
        timestamp_ms: i64,
        make: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Vec<Appended>, LogError> {
        self.commit.append_after(&self.shared, timestamp_ms, make)
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.commit.wait(seen, timeout)
    }

    fn starts(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        let streams = self.shared.streams.of_topic(topic)?;
        Ok(self.shared.state().starts[streams].to_vec())
    }

    fn ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        let streams = self.shared.streams.of_topic(topic)?;
        Ok(self.shared.state().ends[streams].to_vec())
    }

    fn read_all(&self, places: &[Place<'_>]) -> Result<Vec<Box<dyn Reader>>, LogError> {
        let open =
            |place: &Place<'_>| StreamReader::open(&self.shared, place.topic, place.partition, place.from);
        places.iter().map(open).collect()
    }

    fn trim(&self, topic: &str, partition: u32, before: u64) -> Result<(), LogError> {
        let stream = self.shared.streams.number(topic, partition)?;
        // Held throughout: the file says what was trimmed before anything is removed.
        let mut meta = lock(&self.meta);
        let end = self.shared.state().ends[stream];
        self.shared.streams.within(stream, before, 0, end)?;
        if before <= meta.starts[stream] {
            return Ok(());
        }
        let mut trimmed = meta.clone();
        trimmed.starts[stream] = before;
        trimmed.write(self.shared.disk.as_ref())?;
        *meta = trimmed;
        self.shared.state_mut().starts[stream] = before;
        self.free()
    }
}
