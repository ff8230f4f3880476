//! A reader for each partition, standing where the last epoch ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::log::{Position, Topic};
use streams::{Log, LogError, Place, Reader};

use crate::chunk::Raw;

/// The readers.
pub struct Cursors {
    log: Arc<dyn Log>,
    readers: [Vec<Option<Box<dyn Reader>>>; 9],
    /// Where readers begin.
    from: [Vec<u64>; 9],
    /// Read and not handed out, should reading fail in between.
    chunk: Raw,
}

impl Cursors {
    /// Readers that stand where an epoch ended; what `from` does not name begins at 0.
    pub fn new(log: Arc<dyn Log>, from: [Vec<u64>; 9]) -> Cursors {
        let readers = std::array::from_fn(|_| Vec::new());
        let chunk = Raw::default();
        Cursors {
            log,
            readers,
            from,
            chunk,
        }
    }

    /// Reads on to `ends`, in log order.
    pub fn read_to(
        &mut self,
        ends: &[Vec<u64>; 9],
        skips: &BTreeSet<Position>,
        each: &mut dyn FnMut(Raw),
    ) -> Result<(), LogError> {
        self.open(ends)?;
        for topic in Topic::ALL {
            let readers = self.readers[topic as usize].iter_mut();
            for ((partition, end), reader) in (0u32..).zip(&ends[topic as usize]).zip(readers) {
                let Some(reader) = reader else {
                    continue;
                };
                let mut take = |at: Position, key: Option<&[u8]>, value: Option<&[u8]>| {
                    self.chunk.push(at, key, value);
                    if skips.contains(&at) {
                        self.chunk.skip_last();
                    }
                    if self.chunk.is_full() {
                        each(std::mem::take(&mut self.chunk));
                    }
                };
                read_partition(reader.as_mut(), topic, partition, *end, &mut take)?;
            }
        }
        if !self.chunk.is_empty() {
            each(std::mem::take(&mut self.chunk));
        }
        Ok(())
    }

    /// Opens the readers that have something to read for the first time, all at once.
    fn open(&mut self, ends: &[Vec<u64>; 9]) -> Result<(), LogError> {
        let mut places = Vec::new();
        for (topic, readers) in Topic::ALL.into_iter().zip(&mut self.readers) {
            let ends = &ends[topic as usize];
            readers.resize_with(ends.len().max(readers.len()), || None);
            for ((partition, end), reader) in (0u32..).zip(ends).zip(readers) {
                let from = self.from[topic as usize].get(partition as usize);
                let from = from.copied().unwrap_or(0);
                if reader.is_none() && *end != from {
                    let topic = topic.name();
                    let place = Place {
                        topic,
                        partition,
                        from,
                    };
                    places.push((place, reader));
                }
            }
        }
        let (places, slots): (Vec<_>, Vec<_>) = places.into_iter().unzip();
        if places.is_empty() {
            return Ok(());
        }
        for (slot, reader) in slots.into_iter().zip(self.log.read_all(&places)?) {
            *slot = Some(reader);
        }
        Ok(())
    }
}

/// Takes a record: where it stands, its key, its value.
type Take<'t> = dyn FnMut(Position, Option<&[u8]>, Option<&[u8]>) + 't;

fn read_partition(
    reader: &mut dyn Reader,
    topic: Topic,
    partition: u32,
    end: u64,
    take: &mut Take<'_>,
) -> Result<(), LogError> {
    while reader.offset() < end {
        let Some(run) = reader.next_run(end)? else {
            if reader.offset() >= end {
                // The last offsets hold no record.
                break;
            }
            // Bound records are in the log: [`super::check_ends`], and the log reads what it acknowledged.
            let what = format!(
                "{}/{partition} ends before offset {end}, which is bound",
                topic.name()
            );
            return Err(LogError::Refusing { why: what });
        };
        for record in run {
            let at = Position {
                topic,
                partition,
                offset: record.offset,
            };
            take(at, record.key, record.value);
        }
    }
    Ok(())
}
