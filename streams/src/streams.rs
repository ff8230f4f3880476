//! Which topics there are: the table that gives each topic-partition, a *stream*, its number.

use crate::error::LogError;
use crate::log::TopicPartitions;

/// Partitions that a log may have, all topics together.
pub(crate) const STREAMS_MAX: usize = 65_536;

/// Topics in the order in which they were created. A stream's number never changes, since topics are only
/// added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Streams {
    /// Each topic with the number of its first stream.
    topics: Vec<(TopicPartitions, usize)>,
    len: usize,
}

impl Streams {
    /// Adds a topic, unless it is there with as many partitions.
    pub(crate) fn add(&mut self, name: &str, partitions: u32) -> Result<(), LogError> {
        if let Some((topic, _)) = self.topics.iter().find(|(t, _)| t.name == name) {
            let (topic, found, asked) = (name.to_owned(), topic.partitions, partitions);
            return if found == asked {
                Ok(())
            } else {
                Err(LogError::PartitionsDiffer { topic, found, asked })
            };
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let named = (1..=249).contains(&name.len()) && name.bytes().all(allowed);
        let len = self.len + partitions as usize;
        if !named || partitions == 0 || len > STREAMS_MAX {
            let what = format!(
                "topic {name:?} with {partitions} partitions: a name has 1 to 249 of [A-Za-z0-9._-], \
                 a topic at least one partition, all topics together at most {STREAMS_MAX}"
            );
            return Err(LogError::BadConfiguration { what });
        }
        let topic = TopicPartitions {
            name: name.to_owned(),
            partitions,
        };
        self.topics.push((topic, self.len));
        self.len = len;
        Ok(())
    }

    /// How many streams there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The topics.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &TopicPartitions> {
        self.topics.iter().map(|(topic, _)| topic)
    }

    /// The numbers of a topic's streams.
    pub(crate) fn of_topic(&self, name: &str) -> Result<std::ops::Range<usize>, LogError> {
        let found = self.topics.iter().find(|(t, _)| t.name == name);
        let (topic, first) = found.ok_or_else(|| LogError::UnknownPartition {
            topic: name.to_owned(),
            partition: 0,
        })?;
        Ok(*first..*first + topic.partitions as usize)
    }

    /// A partition's number.
    pub(crate) fn number(&self, name: &str, partition: u32) -> Result<usize, LogError> {
        let unknown = || LogError::UnknownPartition {
            topic: name.to_owned(),
            partition,
        };
        let range = self.of_topic(name).map_err(|_| unknown())?;
        let number = range.start + partition as usize;
        range.contains(&number).then_some(number).ok_or_else(unknown)
    }

    /// The topic and partition of a stream's number.
    pub(crate) fn name(&self, stream: usize) -> Option<(&str, u32)> {
        let after = self.topics.partition_point(|(_, first)| *first <= stream);
        let (topic, first) = self.topics.get(after.checked_sub(1)?)?;
        let partition = u32::try_from(stream - first).ok()?;
        (partition < topic.partitions).then_some((topic.name.as_str(), partition))
    }

    /// Checks that `offset` may be read, or trimmed up to.
    pub(crate) fn within(&self, stream: usize, offset: u64, start: u64, end: u64) -> Result<(), LogError> {
        let (topic, partition) = self.name(stream).unwrap_or_default();
        let topic = topic.to_owned();
        if offset < start {
            return Err(LogError::Trimmed {
                topic,
                partition,
                offset,
                start,
            });
        }
        if offset > end {
            return Err(LogError::NotYetThere {
                topic,
                partition,
                offset,
                end,
            });
        }
        Ok(())
    }
}
