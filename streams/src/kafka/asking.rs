//! Asking brokers where partitions begin and end, and who leads them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brokers::{Complaints, Ear};
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::client::unanswered;
use crate::error::LogError;
use crate::streams::Streams;

/// The longest that a round waits for an answer.
pub const ROUND_MAX: Duration = Duration::from_secs(3);
/// Between two looks at which partitions have a leader, while one has none.
const LEADERS: Duration = Duration::from_secs(1);

/// Before partitions without an answer are asked for again.
const AGAIN: Duration = Duration::from_millis(200);

/// Where a stream begins or ends, or why that can't be had.
pub type Answer = Result<u64, String>;

/// What the thread works with.
pub struct Looker {
    pub consumer: Arc<BaseConsumer<Ear>>,
    pub complaints: Arc<Complaints>,
    pub prefix: String,
    pub streams: Streams,
    /// Whether the group's offsets are committed.
    pub commits: bool,
}

impl Looker {
    /// Where these streams begin or end, of each leader at once; in their order.
    ///
    /// librdkafka gives no answer at all where one partition has none: then halves are asked for, down to those
    /// that fail.
    pub fn ask(&self, asked: &[usize], which: Offset, timeout: Duration) -> Result<Vec<Answer>, LogError> {
        match self.ask_once(asked, which, timeout) {
            Ok(answers) => Ok(answers),
            Err(error) if !is_of_partitions(&error) => {
                Ear::listen(&self.consumer);
                let why = format!("{error}{}", self.complaints.last());
                Err(unanswered("looking where Kafka's topics end", why))
            }
            Err(error) if asked.len() == 1 => Ok(vec![Err(error.to_string())]),
            Err(_) => {
                let (some, others) = asked.split_at(asked.len() / 2);
                let mut answers = self.ask(some, which, timeout)?;
                answers.extend(self.ask(others, which, timeout)?);
                Ok(answers)
            }
        }
    }

    /// The same, where all of them must have an answer. A topic that was just made has its leaders a little later,
    /// as have all when a broker comes back: for so long they are waited for.
    pub fn ask_all(
        &self,
        asked: &[usize],
        which: Offset,
        timeout: Duration,
        patience: Duration,
    ) -> Result<Vec<u64>, LogError> {
        let began = Instant::now();
        loop {
            let mut missing = None;
            let answers = self.ask(asked, which, timeout)?;
            let found: Vec<u64> = answers
                .into_iter()
                .zip(asked)
                .filter_map(|(answer, stream)| answer.map_err(|why| missing = Some((*stream, why))).ok())
                .collect();
            let Some((stream, why)) = missing else {
                return Ok(found);
            };
            if began.elapsed() >= patience {
                let (topic, partition) = self.streams.name(stream).unwrap_or_default();
                return Err(unanswered(format!("looking at {topic}/{partition}"), why));
            }
            std::thread::sleep(AGAIN);
        }
    }

    fn ask_once(&self, asked: &[usize], which: Offset, timeout: Duration) -> KafkaResult<Vec<Answer>> {
        let mut list = TopicPartitionList::with_capacity(asked.len());
        let mut at = BTreeMap::new();
        for (index, stream) in asked.iter().enumerate() {
            let (topic, partition) = self.streams.name(*stream).unwrap_or_default();
            let (topic, partition) = (format!("{}{topic}", self.prefix), number(partition));
            list.add_partition_offset(&topic, partition, which)?;
            at.insert((topic, partition), index);
        }
        Ear::listen(&self.consumer);
        let found = self.consumer.offsets_for_times(list, timeout)?;
        let mut answers = vec![Err("no answer".to_owned()); asked.len()];
        for element in found.elements() {
            let place = (element.topic().to_owned(), element.partition());
            let Some(index) = at.get(&place) else {
                continue;
            };
            answers[*index] = match (element.error(), element.offset()) {
                (Err(error), _) => Err(error.to_string()),
                (Ok(()), Offset::Offset(offset)) => u64::try_from(offset).map_err(|_| "no offset".to_owned()),
                (Ok(()), other) => Err(format!("the offset {other:?}")),
            };
        }
        Ok(answers)
    }
}

/// Partitions without a leader: asking for them would hold up the round.
#[derive(Default)]
pub struct Leaderless {
    pub found: BTreeMap<usize, String>,
    /// A round failed as a whole: perhaps because of some.
    pub wanted: bool,
    looked: Option<Instant>,
}

impl Leaderless {
    /// Looks, if there is a reason to, and it is due.
    pub fn look(&mut self, looker: &Looker) {
        let due = self.looked.is_none_or(|looked| looked.elapsed() > LEADERS);
        let is_well = !self.wanted && self.found.is_empty();
        if is_well || !due {
            return;
        }
        self.looked = Some(Instant::now());
        let Ok(metadata) = looker.consumer.fetch_metadata(None, ROUND_MAX) else {
            return;
        };
        self.wanted = false;
        self.found.clear();
        let mut leaders = BTreeMap::new();
        for topic in metadata.topics() {
            for partition in topic.partitions() {
                leaders.insert((topic.name(), partition.id()), partition.leader());
            }
        }
        for stream in 0..looker.streams.len() {
            let (topic, partition) = looker.streams.name(stream).unwrap_or_default();
            let name = format!("{}{topic}", looker.prefix);
            match leaders.get(&(name.as_str(), number(partition))) {
                None => drop(
                    self.found
                        .insert(stream, RDKafkaErrorCode::UnknownTopicOrPartition.to_string()),
                ),
                Some(leader) if *leader < 0 => {
                    self.found.insert(stream, "none of its replicas leads".to_owned());
                }
                Some(_) => {}
            }
        }
    }
}

/// Whether it is a broker's word on one of the partitions, and not that nobody answers.
fn is_of_partitions(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let nobody = [
        Code::OperationTimedOut,
        Code::RequestTimedOut,
        Code::BrokerTransportFailure,
    ];
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| {
        !nobody.contains(&code) && code != Code::AllBrokersDown && code != Code::Authentication
    })
}

/// A partition's number as librdkafka has it.
pub fn number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
