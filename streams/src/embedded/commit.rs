//! Group commit: appenders put their frames into one buffer; the first of them writes and syncs it for all,
//! while the next group gathers.
//!
//! Offsets are given when a frame is put into the buffer, under the lock. So a batch can hold what follows
//! from the offsets of its own records ([`super::EmbeddedLog::append_then`]), and a group that fails takes
//! with it the group that is gathering behind it, whose offsets followed on: both are told, nothing of
//! either counts.
//!
//! The buffer has a limit; an appender waits while it is full.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::frame::{self, CHUNK, Chunk, FRAME_BYTES_MAX, HEADER};
use super::layout;
use super::state::{Shared, lock};
use super::writer::{Failure, Writer};
use crate::error::LogError;
use crate::log::Appended;
use crate::record::Batch;

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
        }
    }

    /// How often a segment was synced for a group.
    pub(super) fn syncs(&self) -> u64 {
        lock(&self.writer).syncs
    }

    /// Appends a batch. `then` sees the next offsets after the batch and may add to it.
    pub(super) fn append(
        &self,
        shared: &Shared,
        batch: &Batch,
        then: Option<Then<'_>>,
    ) -> Result<Vec<Appended>, LogError> {
        let mut parts = Prepared::new(shared, batch)?;
        if parts.chunks.is_empty() && then.is_none() {
            return Ok(Vec::new());
        }
        let mut queue = lock(&self.queue);
        while queue.bytes.len() + parts.frame_len() > PENDING_BYTES_MAX && !queue.bytes.is_empty() {
            queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.refuse()?;
        let more = match then {
            Some(then) => Some(parts.bind(shared, &queue, then)?),
            None => None,
        };
        let (bodies, appended) = parts.place(shared, &mut queue);
        let bodies = bodies.iter().map(|&(added, i)| {
            let from = if added { more.as_ref() } else { Some(batch) };
            let part = from.and_then(|b| b.parts.get(i));
            part.map_or(&[][..], |p| p.bytes.as_slice())
        });
        let (start, sequence) = (queue.bytes.len(), queue.sequence);
        queue.starts.push(start);
        queue.sequence += 1;
        frame::put(
            &mut queue.bytes,
            sequence,
            batch.timestamp_ms,
            &parts.chunks,
            bodies,
        );
        let group = queue.group;
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

/// What may be added to a batch once its offsets are known: sees the log's next offsets after the batch.
pub(super) type Then<'t> = &'t mut dyn FnMut(&NextOffsets<'_>) -> Batch;

/// The offsets that follow a batch that is being appended.
pub struct NextOffsets<'a> {
    shared: &'a Shared,
    ends: &'a [u64],
}

impl NextOffsets<'_> {
    /// Per partition of `topic` the offset after the batch.
    ///
    /// # Errors
    /// If there is no such topic.
    pub fn ends(&self, topic: &str) -> Result<&[u64], LogError> {
        Ok(&self.ends[self.shared.streams.of_topic(topic)?])
    }
}

/// A batch whose chunks are known, but for their offsets.
struct Prepared {
    chunks: Vec<Chunk>,
    /// Per chunk: whether it was added to the batch, and which part of it it is.
    parts: Vec<(bool, usize)>,
    bytes: usize,
}

impl Prepared {
    fn new(shared: &Shared, batch: &Batch) -> Result<Prepared, LogError> {
        let mut prepared = Prepared {
            chunks: Vec::with_capacity(batch.parts.len()),
            parts: Vec::with_capacity(batch.parts.len()),
            bytes: 0,
        };
        prepared.add(shared, batch, false)?;
        Ok(prepared)
    }

    fn add(&mut self, shared: &Shared, batch: &Batch, added: bool) -> Result<(), LogError> {
        let bytes = self.bytes as u64 + batch.bytes();
        let header = HEADER + CHUNK * (self.chunks.len() + batch.parts.len());
        if bytes + header as u64 > FRAME_BYTES_MAX as u64 {
            let bytes_max = FRAME_BYTES_MAX as u64;
            return Err(LogError::TooLarge { bytes, bytes_max });
        }
        for (i, part) in batch.parts.iter().enumerate() {
            let stream = shared.streams.number(&part.topic, part.partition)?;
            let small = "what fits a frame fits 32 bits, as do the number of records and that of streams";
            self.chunks.push(Chunk {
                stream: u32::try_from(stream).expect(small),
                count: u32::try_from(part.count).expect(small),
                first: 0,
                bytes: u32::try_from(part.bytes.len()).expect(small),
                checksum: layout::checksum(shared.salt, &part.bytes),
            });
            self.parts.push((added, i));
        }
        self.bytes += part_bytes(batch);
        Ok(())
    }

    fn frame_len(&self) -> usize {
        HEADER + CHUNK * self.chunks.len() + self.bytes
    }

    /// Adds what follows from the offsets of the batch.
    fn bind(&mut self, shared: &Shared, queue: &Queue, then: Then<'_>) -> Result<Batch, LogError> {
        let mut ends = queue.ends.clone();
        for chunk in &self.chunks {
            ends[chunk.stream as usize] += u64::from(chunk.count);
        }
        let more = then(&NextOffsets { shared, ends: &ends });
        for part in &more.parts {
            let stream = shared.streams.number(&part.topic, part.partition)?;
            if self.chunks.iter().any(|c| c.stream as usize == stream) {
                let what = format!("{}/{} is in the batch already", part.topic, part.partition);
                return Err(LogError::BadConfiguration { what });
            }
        }
        self.add(shared, &more, true)?;
        Ok(more)
    }

    /// Gives the chunks their offsets and brings them into the order of streams; which part each is, and
    /// where the parts came to stand.
    fn place(&mut self, shared: &Shared, queue: &mut Queue) -> (Vec<(bool, usize)>, Vec<Appended>) {
        let mut appended = Vec::with_capacity(self.chunks.len());
        for chunk in &mut self.chunks {
            let end = &mut queue.ends[chunk.stream as usize];
            chunk.first = *end;
            *end += u64::from(chunk.count);
            let (topic, partition) = shared.streams.name(chunk.stream as usize).unwrap_or_default();
            appended.push(Appended {
                topic: topic.to_owned(),
                partition,
                first: chunk.first,
                end: *end,
            });
        }
        let mut order: Vec<_> = self
            .chunks
            .iter()
            .copied()
            .zip(self.parts.iter().copied())
            .collect();
        order.sort_unstable_by_key(|(chunk, _)| chunk.stream);
        self.chunks = order.iter().map(|(chunk, _)| *chunk).collect();
        (order.into_iter().map(|(_, part)| part).collect(), appended)
    }
}

fn part_bytes(batch: &Batch) -> usize {
    batch.parts.iter().map(|p| p.bytes.len()).sum()
}
