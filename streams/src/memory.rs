//! A log in memory: for tests and simulations, which wrap it where something is to fail.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::error::LogError;
use crate::log::{Appended, Log, Reader, TopicPartitions};
use crate::record::{Batch, Records};
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
}

impl Shared {
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
        let data = RwLock::new(data);
        Ok(MemoryLog(Arc::new(Shared { streams, data })))
    }
}

impl Log for MemoryLog {
    fn topics(&self) -> Vec<TopicPartitions> {
        self.0.streams.topics().cloned().collect()
    }

    fn append(&self, batch: &Batch) -> Result<Vec<Appended>, LogError> {
        let number = |p: &crate::record::Part| self.0.streams.number(&p.topic, p.partition);
        let numbers = batch.parts.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let mut data = self.0.data.write().unwrap_or_else(PoisonError::into_inner);
        let append = |(part, number): (&crate::record::Part, usize)| {
            let stream = &mut data[number];
            let first = stream.end;
            stream.end += part.count;
            stream.runs.push(Arc::new(Run {
                first,
                count: part.count,
                timestamp_ms: batch.timestamp_ms,
                bytes: part.bytes.as_slice().into(),
            }));
            let (topic, partition, end) = (part.topic.clone(), part.partition, stream.end);
            Appended {
                topic,
                partition,
                first,
                end,
            }
        };
        Ok(batch.parts.iter().zip(numbers).map(append).collect())
    }

    fn starts(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        let streams = self.0.streams.of_topic(topic)?;
        Ok(self.0.data()[streams].iter().map(|s| s.start).collect())
    }

    fn ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        let streams = self.0.streams.of_topic(topic)?;
        Ok(self.0.data()[streams].iter().map(|s| s.end).collect())
    }

    fn read(&self, topic: &str, partition: u32, from: u64) -> Result<Box<dyn Reader>, LogError> {
        let number = self.0.streams.number(topic, partition)?;
        let stream = &self.0.data()[number];
        self.0.streams.within(number, from, stream.start, stream.end)?;
        Ok(Box::new(MemoryReader {
            shared: Arc::clone(&self.0),
            number,
            next: from,
            run: None,
        }))
    }

    fn trim(&self, topic: &str, partition: u32, before: u64) -> Result<(), LogError> {
        let number = self.0.streams.number(topic, partition)?;
        let mut data = self.0.data.write().unwrap_or_else(PoisonError::into_inner);
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
    run: Option<Arc<Run>>,
}

impl Reader for MemoryReader {
    fn next_run(&mut self) -> Result<Option<Records<'_>>, LogError> {
        {
            let stream = &self.shared.data()[self.number];
            self.shared
                .streams
                .within(self.number, self.next, stream.start, stream.end)?;
            let at = stream
                .runs
                .partition_point(|run| run.first + run.count <= self.next);
            self.run = stream.runs.get(at).cloned();
        }
        let Some(run) = &self.run else {
            return Ok(None);
        };
        let records = Records::checked(&run.bytes, run.first, run.count, run.timestamp_ms)
            .expect("a batch encodes its records")
            .starting(self.next);
        self.next = run.first + run.count;
        Ok(Some(records))
    }

    fn offset(&self) -> u64 {
        self.next
    }
}
