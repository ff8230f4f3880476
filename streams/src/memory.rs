//! A log in memory: for tests and simulations, which wrap it where something is to fail.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use crate::error::LogError;
use crate::growth::Growth;
use crate::log::{Appended, Log, NextOffsets, Place, Reader, TopicPartitions};
use crate::record::{Batch, Part, Records};
use crate::streams::Streams;

/// What a batch added to a partition.
#[derive(Debug)]
struct Run {
    first: u64,
    count: u64,
    timestamp_ms: i64,
    bytes: Box<[u8]>,
}

#[derive(Debug, Default)]
struct Stream {
    runs: Vec<Arc<Run>>,
    start: u64,
    end: u64,
}

#[derive(Debug)]
struct Shared {
    streams: Streams,
    data: RwLock<Vec<Stream>>,
    growth: Growth,
}

impl Shared {
    /// Appends a batch.
    fn put(&self, data: &mut [Stream], timestamp_ms: i64, batch: &Batch) -> Result<Vec<Appended>, LogError> {
        let number = |p: &Part| self.streams.number(&p.topic, p.partition);
        let numbers = batch.parts.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let append = |(part, number): (&Part, usize)| {
            let stream = &mut data[number];
            let first = stream.end;
            stream.end += part.count;
            stream.runs.push(Arc::new(Run {
                first,
                count: part.count,
                timestamp_ms,
                bytes: part.bytes.as_slice().into(),
            }));
            let (topic, partition, end) = (part.topic.clone(), part.partition, stream.end);
            Appended {
                topic,
                partition,
                first,
                end,
                scattered: Vec::new(),
            }
        };
        Ok(batch.parts.iter().zip(numbers).map(append).collect())
    }

    fn data_mut(&self) -> RwLockWriteGuard<'_, Vec<Stream>> {
        self.data.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn data(&self) -> RwLockReadGuard<'_, Vec<Stream>> {
        self.data.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log in memory. Clones share it, so one can outlive a "crash" of its user.
#[derive(Clone, Debug)]
pub struct MemoryLog(Arc<Shared>);

impl MemoryLog {
    /// A log without records, with topics of so many partitions.
    ///
    /// # Errors
    /// If a name or number can't be used.
    pub fn new(topics: &[(&str, u32)]) -> Result<MemoryLog, LogError> {
        let mut streams = Streams::default();
        for (name, partitions) in topics {
            streams.add(name, *partitions)?;
        }
        let data = (0..streams.len()).map(|_| Stream::default()).collect();
        Ok(MemoryLog(Arc::new(Shared {
            streams,
            data: RwLock::new(data),
            growth: Growth::default(),
        })))
    }
}

impl Log for MemoryLog {
    fn topics(&self) -> Vec<TopicPartitions> {
        self.0.streams.topics().cloned().collect()
    }

    fn append(&self, batch: &Batch) -> Result<Vec<Appended>, LogError> {
        let appended = self.0.put(&mut self.0.data_mut(), batch.timestamp_ms, batch)?;
        self.0.growth.grow();
        Ok(appended)
    }

    fn append_after(
        &self,
        timestamp_ms: i64,
        make: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Vec<Appended>, LogError> {
        let mut data = self.0.data_mut();
        let ends: Vec<_> = data.iter().map(|s| s.end).collect();
        let Some(batch) = make(&NextOffsets::new(&self.0.streams, &ends)) else {
            return Ok(Vec::new());
        };
        let appended = self.0.put(&mut data, timestamp_ms, &batch)?;
        drop(data);
        self.0.growth.grow();
        Ok(appended)
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.0.growth.wait(seen, timeout)
    }

    fn starts(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        let streams = self.0.streams.of_topic(topic)?;
        Ok(self.0.data()[streams].iter().map(|s| s.start).collect())
    }

    fn ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        let streams = self.0.streams.of_topic(topic)?;
        Ok(self.0.data()[streams].iter().map(|s| s.end).collect())
    }

    fn read_all(&self, places: &[Place<'_>]) -> Result<Vec<Box<dyn Reader>>, LogError> {
        let open = |place: &Place<'_>| -> Result<Box<dyn Reader>, LogError> {
            let number = self.0.streams.number(place.topic, place.partition)?;
            let stream = &self.0.data()[number];
            let (start, end) = (stream.start, stream.end);
            self.0.streams.within(number, place.from, start, end)?;
            Ok(Box::new(MemoryReader {
                shared: Arc::clone(&self.0),
                number,
                next: place.from,
                run: None,
                taken: 0,
            }))
        };
        places.iter().map(open).collect()
    }

    fn trim(&self, topic: &str, partition: u32, before: u64) -> Result<(), LogError> {
        let number = self.0.streams.number(topic, partition)?;
        let mut data = self.0.data_mut();
        let stream = &mut data[number];
        self.0.streams.within(number, before, 0, stream.end)?;
        stream.start = stream.start.max(before);
        let gone = stream
            .runs
            .partition_point(|run| run.first + run.count <= stream.start);
        stream.runs.drain(..gone);
        Ok(())
    }
}

struct MemoryReader {
    shared: Arc<Shared>,
    number: usize,
    next: u64,
    /// The run that `next` was in last.
    run: Option<Arc<Run>>,
    /// How many bytes of it come before `next`.
    taken: usize,
}

impl MemoryReader {
    /// Finds the run that `next` is in.
    fn find(&mut self) -> Result<(), LogError> {
        let stream = &self.shared.data()[self.number];
        self.shared
            .streams
            .within(self.number, self.next, stream.start, stream.end)?;
        if self
            .run
            .as_ref()
            .is_some_and(|run| self.next < run.first + run.count)
        {
            return Ok(());
        }
        let at = stream
            .runs
            .partition_point(|run| run.first + run.count <= self.next);
        self.run = stream.runs.get(at).cloned();
        let before = |run: &Arc<Run>| run.records(0, run.first).below(self.next).1;
        self.taken = self.run.as_ref().map_or(0, before);
        Ok(())
    }
}

impl Run {
    /// Its records from `next` on, before which `taken` bytes come.
    fn records(&self, taken: usize, next: u64) -> Records<'_> {
        let count = self.first + self.count - next;
        Records::left_of(&self.bytes[taken..], next, count, self.timestamp_ms)
    }
}

impl Reader for MemoryReader {
    fn next_run(&mut self, until: u64) -> Result<Option<Records<'_>>, LogError> {
        self.find()?;
        let Some(run) = self.run.as_ref().filter(|_| self.next < until) else {
            return Ok(None);
        };
        let (records, bytes) = run.records(self.taken, self.next).below(until);
        self.next += records.left();
        self.taken += bytes;
        Ok(Some(records))
    }

    fn offset(&self) -> u64 {
        self.next
    }
}
