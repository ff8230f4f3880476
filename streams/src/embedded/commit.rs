//! Group commit: appenders put their frames into one buffer; the first of them writes and syncs it for all,
//! while the next group gathers.
//!
//! Offsets are given when a frame is put into the buffer, under the lock. So a batch can speak of offsets
//! that are not durable yet ([`crate::Log::append_after`]), and a group that fails takes with it the group
//! that is gathering behind it, whose offsets followed on: both are told, nothing of either counts.
//!
//! The buffer has a limit; an appender waits while it is full.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::frame::{self, CHUNK, Chunk, FRAME_BYTES_MAX, HEADER};
use super::layout;
use super::state::{Shared, lock};
use super::writer::{Failure, Writer};
use crate::error::LogError;
use crate::growth::Growth;
use crate::log::{Appended, NextOffsets};
use crate::record::{Batch, Part};

/// Bytes that may wait to be written.
const PENDING_BYTES_MAX: usize = 2 * FRAME_BYTES_MAX;

/// A group that failed, until everybody who belongs to it has been told.
#[derive(Debug)]
struct Failed {
    error: LogError,
    untold: usize,
}

/// What is waiting to be written.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Where each frame starts in `bytes`.
    starts: Vec<usize>,
    /// The number of the group that is gathering.
    group: u64,
    /// All groups below this have been written, or have failed.
    done_below: u64,
    failed: BTreeMap<u64, Failed>,
    /// Somebody is writing.
    writing: bool,
    /// Per stream the offset that the next record gets.
    ends: Vec<u64>,
    sequence: u64,
    refusing: Option<String>,
    /// A buffer to use again.
    spare: Vec<u8>,
}

/// Where appenders meet.
pub(super) struct Commit {
    queue: Mutex<Queue>,
    moved: Condvar,
    writer: Mutex<Writer>,
    growth: Growth,
}

impl Commit {
    pub(super) fn new(writer: Writer, ends: Vec<u64>, sequence: u64) -> Commit {
        let queue = Queue {
            ends,
            sequence,
            ..Queue::default()
        };
        Commit {
            queue: Mutex::new(queue),
            moved: Condvar::new(),
            writer: Mutex::new(writer),
            growth: Growth::default(),
        }
    }

    /// How often a segment was synced for a group.
    pub(super) fn syncs(&self) -> u64 {
        lock(&self.writer).syncs
    }

    /// Waits until something was appended.
    pub(super) fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.growth.wait(seen, timeout)
    }

    /// Appends a batch.
    pub(super) fn append(&self, shared: &Shared, batch: &Batch) -> Result<Vec<Appended>, LogError> {
        let chunks = Chunks::new(shared, batch)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.put(shared, self.room()?, chunks, batch, batch.timestamp_ms)
    }

    /// Appends what `make` makes of the next offsets.
    pub(super) fn append_after(
        &self,
        shared: &Shared,
        timestamp_ms: i64,
        make: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Vec<Appended>, LogError> {
        let queue = self.room()?;
        let batch = make(&NextOffsets::new(&shared.streams, &queue.ends)).unwrap_or_default();
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let chunks = Chunks::new(shared, &batch)?;
        self.put(shared, queue, chunks, &batch, timestamp_ms)
    }

    /// The queue, once any batch fits into it.
    fn room(&self) -> Result<MutexGuard<'_, Queue>, LogError> {
        let mut queue = lock(&self.queue);
        while queue.bytes.len() > PENDING_BYTES_MAX - FRAME_BYTES_MAX {
            queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.refuse()?;
        Ok(queue)
    }

    /// Gives a batch its offsets, puts it into the queue, and waits until it is written.
    fn put(
        &self,
        shared: &Shared,
        mut queue: MutexGuard<'_, Queue>,
        mut chunks: Chunks,
        batch: &Batch,
        timestamp_ms: i64,
    ) -> Result<Vec<Appended>, LogError> {
        let appended = chunks.place(shared, &mut queue.ends);
        let (start, sequence, group) = (queue.bytes.len(), queue.sequence, queue.group);
        queue.starts.push(start);
        queue.sequence += 1;
        let bodies = chunks.parts.iter().map(|&i| batch.parts[i].bytes.as_slice());
        frame::put(&mut queue.bytes, sequence, timestamp_ms, &chunks.chunks, bodies);
        self.growth.grow();
        self.wait_for(shared, queue, group)?;
        Ok(appended)
    }

    /// Waits until `group` is done, writing it if nobody else does.
    fn wait_for<'q>(
        &'q self,
        shared: &Shared,
        mut queue: MutexGuard<'q, Queue>,
        group: u64,
    ) -> Result<(), LogError> {
        loop {
            if group < queue.done_below {
                return queue.outcome(group);
            }
            if queue.writing {
                queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
            } else {
                queue = self.write(shared, queue);
            }
        }
    }

    /// Writes the group that has gathered.
    fn write<'q>(&'q self, shared: &Shared, mut queue: MutexGuard<'q, Queue>) -> MutexGuard<'q, Queue> {
        let spare = std::mem::take(&mut queue.spare);
        let mut bytes = std::mem::replace(&mut queue.bytes, spare);
        let starts = std::mem::take(&mut queue.starts);
        let group = queue.group;
        queue.group += 1;
        queue.writing = true;
        drop(queue);
        let written = lock(&self.writer).write(shared, &mut bytes, &starts);
        let mut queue = lock(&self.queue);
        queue.writing = false;
        queue.done_below = group + 1;
        bytes.clear();
        if bytes.capacity() <= FRAME_BYTES_MAX / 8 {
            queue.spare = bytes;
        }
        if let Err(failure) = written {
            queue.fail(shared, group, &starts, failure);
        }
        self.moved.notify_all();
        self.growth.grow();
        queue
    }

    /// Makes everything durable and leaves word of it; nothing is appended afterwards.
    pub(super) fn close(&self, shared: &Shared) -> Result<(), LogError> {
        let mut queue = lock(&self.queue);
        if queue.refusing.is_some() {
            return Ok(());
        }
        queue.refusing = Some("it was closed".to_owned());
        while queue.writing || !queue.starts.is_empty() {
            queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let sequence = queue.sequence;
        match lock(&self.writer).close(shared, sequence) {
            Ok(()) => Ok(()),
            Err(Failure::Clean(error) | Failure::InDoubt(error)) => Err(error),
        }
    }
}

impl Queue {
    fn refuse(&self) -> Result<(), LogError> {
        match self.refusing.clone() {
            Some(why) => Err(LogError::Refusing { why }),
            None => Ok(()),
        }
    }

    /// How a group that is done went, told to one of those who belong to it.
    fn outcome(&mut self, group: u64) -> Result<(), LogError> {
        let Some(failed) = self.failed.get_mut(&group) else {
            return Ok(());
        };
        failed.untold -= 1;
        let error = failed.error.clone();
        if failed.untold == 0 {
            self.failed.remove(&group);
        }
        Err(error)
    }

    /// Notes that a group failed, and with it the one that is gathering, whose offsets followed on.
    fn fail(&mut self, shared: &Shared, group: u64, starts: &[usize], failure: Failure) {
        let (error, behind) = match failure {
            Failure::Clean(error) => (error.clone(), error),
            Failure::InDoubt(error) => {
                let why = error.to_string();
                self.refusing = Some(why.clone());
                (error, LogError::Refusing { why })
            }
        };
        let gone = starts.len() + self.starts.len();
        let untold = starts.len();
        self.failed.insert(group, Failed { error, untold });
        if !self.starts.is_empty() {
            let untold = self.starts.len();
            self.failed.insert(
                self.group,
                Failed {
                    error: behind,
                    untold,
                },
            );
            self.group += 1;
            self.done_below = self.group;
            self.bytes.clear();
            self.starts.clear();
        }
        self.sequence -= gone as u64;
        self.ends.clone_from(&shared.state().ends);
    }
}

/// What a frame's header says about the parts of a batch.
struct Chunks {
    chunks: Vec<Chunk>,
    /// Which part of the batch each of them is.
    parts: Vec<usize>,
}

impl Chunks {
    /// Those of a batch, whose offsets are not known yet.
    fn new(shared: &Shared, batch: &Batch) -> Result<Chunks, LogError> {
        let bytes = batch.bytes() + (HEADER + CHUNK * batch.parts.len()) as u64;
        if bytes > FRAME_BYTES_MAX as u64 {
            let bytes_max = FRAME_BYTES_MAX as u64;
            return Err(LogError::TooLarge { bytes, bytes_max });
        }
        let chunk = |part: &Part| {
            let stream = shared.streams.number(&part.topic, part.partition)?;
            let small = "what fits a frame fits 32 bits, as do the number of records and that of streams";
            Ok(Chunk {
                stream: u32::try_from(stream).expect(small),
                count: u32::try_from(part.count).expect(small),
                first: 0,
                bytes: u32::try_from(part.bytes.len()).expect(small),
                checksum: layout::checksum(shared.salt, &part.bytes),
            })
        };
        Ok(Chunks {
            chunks: batch.parts.iter().map(chunk).collect::<Result<_, LogError>>()?,
            parts: (0..batch.parts.len()).collect(),
        })
    }

    /// Gives them their offsets, in the order of the batch's parts, and brings them into the order of
    /// streams.
    fn place(&mut self, shared: &Shared, ends: &mut [u64]) -> Vec<Appended> {
        let place = |chunk: &mut Chunk| {
            let end = &mut ends[chunk.stream as usize];
            chunk.first = *end;
            *end += u64::from(chunk.count);
            let (topic, partition) = shared.streams.name(chunk.stream as usize).unwrap_or_default();
            Appended {
                topic: topic.to_owned(),
                partition,
                first: chunk.first,
                end: *end,
                scattered: Vec::new(),
            }
        };
        let appended = self.chunks.iter_mut().map(place).collect();
        let chunks = &self.chunks;
        self.parts.sort_unstable_by_key(|&i| chunks[i].stream);
        self.chunks.sort_unstable_by_key(|chunk| chunk.stream);
        appended
    }
}
