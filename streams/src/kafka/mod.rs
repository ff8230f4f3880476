//! Apache Kafka as the log: topics that others write to and read, too.
//!
//! **Reading.** Partitions are assigned, not subscribed to, and offsets are ours: the timeline is the only truth of
//! progress. The group's offsets are committed now and then for who watches the lag; nobody here reads them.
//! Readers see what is committed (`read_committed`), and no offset that a transaction may still take back.
//! Offsets have holes where transactions ended or were aborted, or others' records were compacted away
//! ([`reader`]).
//!
//! **Appending.** An idempotent producer, acknowledged by all replicas in sync ([`appending`] says why there are no
//! transactions). A record that is not acknowledged in time is in doubt, and may be sent again: it counts once
//! by its own id.
//!
//! **Binding.** What can be bound comes from rounds of looking at all ends ([`staged`], [`ends`]); a binding is one
//! record in a topic of one partition, and counts if it is the first for its epoch. One that is in doubt is
//! no doubt: what counts is what is read back. Several may be under way ([`binding`]).
//!
//! **Whose log it is.** Each record of the timeline carries the log's id and how many partitions each topic had
//! when it began; the first that is there says what they are. So every instance finds the same, and a
//! timeline that was deleted and made anew, or another cluster's, is another log.
//!
//! # Guarantees
//! - Those of [`Log`], for batches of one record; nothing that was acknowledged is lost as long as one replica that
//!   was in sync remains.
//! - What is bound holds, with an order, all prices and stock that its sender had seen acknowledged; with a clock,
//!   all that was acknowledged by then.
//!
//! # Non-guarantees
//! - A producer with transactions is told of its commit before all readers see it. What it sends elsewhere
//!   at once, without a transaction, can be bound an epoch earlier.
//! - A topic that is deleted, made anew and filled beyond its old end within a moment is not noticed.
//! - Of an election of a leader that was not in sync (`unclean.leader.election.enable`) only that a topic ends
//!   earlier is noticed; then nothing goes on.

mod appending;
mod asking;
mod binding;
mod client;
mod config;
mod ends;
mod lanes;
mod reader;
mod staged;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brokers::Complaints;
use contract::installation::Installation;
use contract::time::Time;
use rdkafka::Offset;
use rdkafka::topic_partition_list::TopicPartitionList;
use serde_json::{Value, json};

use crate::error::LogError;
use crate::log::{
    Appended, Log, NextOffsets, Place, Reader, Sent, TopicPartitions, Trouble, Waited, first_time,
};
use crate::record::Batch;
use crate::streams::Streams;
use crate::timeline::{self, Timeline, no_ends};
use appending::Appending;
use asking::{Looker, number};
use binding::Sending;
use client::unanswered;
use contract::log::{Binding, Epoch};
use ends::Looking;
use lanes::Lanes;
use reader::KafkaReader;
use topics::Admin;

pub use config::{Config, RECORD_BYTES_MAX};

/// What a record of the timeline says of the log.
const LOG: &str = "log";

/// How long leaders are waited for by who asks where a partition begins or ends.
const LEADERS_MAX: Duration = Duration::from_secs(3);

/// What readers and the log share.
struct Shared {
    config: Config,
    complaints: Arc<Complaints>,
    looking: Looking,
    lanes: Lanes,
    looker: Looker,
}

impl Shared {
    fn streams(&self) -> &Streams {
        &self.looking.ends.streams
    }

    /// Topic and partition of a stream.
    fn name(&self, stream: usize) -> (String, u32) {
        let (topic, partition) = self.streams().name(stream).unwrap_or_default();
        (topic.to_owned(), partition)
    }

    /// Asks where streams begin or end.
    fn ask(&self, streams: &[usize], which: Offset) -> Result<Vec<u64>, LogError> {
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        self.looker
            .ask_all(streams, which, self.config.brokers.timeout, LEADERS_MAX)
    }

    /// The same of a topic's partitions.
    fn ask_topic(&self, topic: &str, which: Offset) -> Result<Vec<u64>, LogError> {
        let streams: Vec<usize> = self.streams().of_topic(topic)?.collect();
        self.ask(&streams, which)
    }

    fn starts(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        self.ask_topic(topic, Offset::Beginning)
    }

    fn ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        let ends = self.ask_topic(topic, Offset::End)?;
        for (stream, end) in self.streams().of_topic(topic)?.zip(&ends) {
            self.looking.ends.found(stream, *end);
        }
        Ok(ends)
    }
}

/// A log in Apache Kafka.
pub struct KafkaLog {
    shared: Arc<Shared>,
    appending: Option<Appending>,
    binding: Option<Arc<Appending>>,
    admin: Admin,
    /// As the timeline says; none before it is begun.
    installation: Mutex<Option<Installation>>,
}

impl KafkaLog {
    /// Finds the topics, makes those that are missing, and looks at how they are set.
    ///
    /// # Errors
    /// If nobody answers, if settings or topics can't be used, or if the topics are others than those that the
    /// timeline was begun with.
    pub fn open(config: Config) -> Result<KafkaLog, LogError> {
        let ear = config.brokers.ear();
        let complaints = Arc::clone(&ear.complaints);
        let admin = Admin::new(&config, &ear)?;
        let mut found = admin.found(&config)?;
        if !config.read_only {
            found = admin.make(&config, &found)?;
        }
        let streams = topics::streams(&config, &found)?;
        admin.check(&config)?;
        let reading = config.reading(streams.len());
        let looker = |commits| -> Result<Looker, LogError> {
            let consumer = ear.consumer(&reading);
            Ok(Looker {
                consumer: Arc::new(consumer.map_err(|error| config::refused(&error))?),
                complaints: Arc::clone(&complaints),
                prefix: config.prefix.clone(),
                streams: streams.clone(),
                commits,
            })
        };
        let looking = Looking::start(looker(!config.read_only)?, config.brokers.timeout)?;
        let looker = looker(false)?;
        let appending = (!config.read_only)
            .then(|| Appending::new(config.appending(), ear.clone(), config.brokers.timeout))
            .transpose()?;
        let binding = (!config.read_only)
            .then(|| Appending::new(binding::client(&config), ear.clone(), config.brokers.timeout))
            .transpose()?;
        let lanes = Lanes::new(reading, ear, &config.prefix);
        let log = KafkaLog {
            shared: Arc::new(Shared {
                config,
                complaints,
                looking,
                lanes,
                looker,
            }),
            appending,
            binding: binding.map(Arc::new),
            admin,
            installation: Mutex::new(None),
        };
        let installation = log.recorded()?;
        *log.known() = installation;
        Ok(log)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Installation>> {
        self.installation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log's id; none while its timeline is empty ([`KafkaLog::begin`]).
    #[must_use]
    pub fn installation(&self) -> Option<Installation> {
        *self.known()
    }

    /// Begins the timeline with an epoch that binds nothing, and so gives the log its id: `id`, unless another
    /// process is faster.
    ///
    /// # Errors
    /// If the log fails.
    pub fn begin(&self, id: Installation, now: Time) -> Result<Installation, LogError> {
        if let Some(known) = self.installation() {
            return Ok(known);
        }
        // Of a log that nobody has bound yet the clock starts with its first record.
        let clock = first_time(self)?.map_or(now, |first| first.min(now));
        let binding = Binding {
            epoch: Epoch(1),
            clock,
            ends: no_ends(),
        };
        let value = Timeline::default().encode(&binding, None);
        let mut batch = Batch::new(now.ms());
        batch.push(
            timeline::TOPIC,
            0,
            Some(timeline::TOPIC.as_bytes()),
            Some(value.as_bytes()),
        );
        self.produce(&self.marked(&batch, Some(id)))?;
        let recorded = self
            .recorded()?
            .ok_or_else(|| unanswered("beginning the timeline", "what was appended to it is not there"))?;
        *self.known() = Some(recorded);
        Ok(recorded)
    }

    /// What the first record of the timeline says of the log.
    fn recorded(&self) -> Result<Option<Installation>, LogError> {
        let start = self.starts(timeline::TOPIC)?.first().copied().unwrap_or(0);
        let mut reader = self.read(timeline::TOPIC, 0, start)?;
        let Some(record) = reader.next_run(u64::MAX)?.and_then(|mut run| run.next()) else {
            return Ok(None);
        };
        let value: Value = record
            .value
            .and_then(|v| serde_json::from_slice(v).ok())
            .unwrap_or_default();
        let says = &value[LOG];
        let installation = says["installation"].as_str().and_then(Installation::parse);
        let name = topics::full(&self.shared.config, timeline::TOPIC);
        let installation = installation.ok_or_else(|| LogError::NotOurs {
            what: format!(
                "Kafka's topic {name}, offset {}, holds what is no record of a timeline; choose another \
                 kafka.topic_prefix",
                record.offset
            ),
        })?;
        let partitions = says["partitions"].as_array().map_or(&[][..], Vec::as_slice);
        for (topic, recorded) in self.topics().into_iter().zip(partitions) {
            let recorded = recorded.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
            if recorded != topic.partitions {
                let (found, asked) = (topic.partitions, recorded);
                return Err(LogError::PartitionsDiffer {
                    topic: topics::full(&self.shared.config, &topic.name),
                    found,
                    asked,
                });
            }
        }
        Ok(Some(installation))
    }

    /// The batch, its records of the timeline with what they say of the log.
    fn marked(&self, batch: &Batch, id: Option<Installation>) -> Batch {
        let Some(id) = id.filter(|_| batch.parts.iter().any(|part| part.topic == timeline::TOPIC)) else {
            return batch.clone();
        };
        let partitions: Vec<u32> = self.topics().iter().map(|topic| topic.partitions).collect();
        let says = json!({"installation": id.to_string(), "partitions": partitions}).to_string();
        let mut marked = Batch::new(batch.timestamp_ms);
        for part in &batch.parts {
            for record in crate::record::Records::left_of(&part.bytes, 0, part.count, 0) {
                let open = record.value.and_then(|value| value.strip_suffix(b"}"));
                let value = open
                    .filter(|_| part.topic == timeline::TOPIC)
                    .map(|open| [open, b",\"", LOG.as_bytes(), b"\":", says.as_bytes(), b"}"].concat());
                let headers: Vec<(&str, &[u8])> = record.headers.collect();
                let value = value.as_deref().or(record.value);
                marked.push_with_headers(&part.topic, part.partition, record.key, value, &headers);
            }
        }
        marked
    }

    /// What `make` makes of what can be bound now.
    fn make(
        &self,
        timestamp_ms: i64,
        make: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Option<Batch>, LogError> {
        let ends = &self.shared.looking.ends;
        let mut known = ends.fresh(self.shared.config.brokers.timeout)?;
        ends.check(&known)?;
        let blind_ms = known.take_blind_ms();
        let (next, as_of_ms) = (known.staged.ends(), known.staged.as_of_ms());
        drop(known);
        let mut batch = make(&NextOffsets::seen_from(&ends.streams, &next, as_of_ms, blind_ms));
        if let Some(batch) = &mut batch {
            batch.timestamp_ms = timestamp_ms;
        }
        Ok(batch)
    }

    /// Appends a batch as it is.
    fn produce(&self, batch: &Batch) -> Result<Vec<Appended>, LogError> {
        let Some(appending) = &self.appending else {
            return Err(only_read());
        };
        for part in &batch.parts {
            self.shared.streams().number(&part.topic, part.partition)?;
        }
        let appended = appending.append(batch, &|topic| topics::full(&self.shared.config, topic))?;
        for part in &appended {
            let stream = self.shared.streams().number(&part.topic, part.partition)?;
            self.shared.looking.ends.found(stream, part.end);
        }
        self.shared.looking.ends.kick();
        Ok(appended)
    }
}

fn only_read() -> LogError {
    LogError::Refusing {
        why: "it is open to be read only".to_owned(),
    }
}

impl Log for KafkaLog {
    fn topics(&self) -> Vec<TopicPartitions> {
        self.shared.streams().topics().cloned().collect()
    }

    fn append(&self, batch: &Batch) -> Result<Vec<Appended>, LogError> {
        self.produce(&self.marked(batch, self.installation()))
    }

    fn append_after(
        &self,
        timestamp_ms: i64,
        make: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Vec<Appended>, LogError> {
        let Some(batch) = self.make(timestamp_ms, make)? else {
            return Ok(Vec::new());
        };
        self.append(&batch).map_err(|error| match error {
            // What counts is what is read back: it may be asked for again.
            LogError::InDoubt { what, .. } => unanswered("binding an epoch", what),
            other => other,
        })
    }

    fn ahead_max(&self) -> u64 {
        binding::AHEAD_MAX
    }

    fn send_after(
        &self,
        timestamp_ms: i64,
        make: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Box<dyn Sent>, LogError> {
        let Some(binding) = &self.binding else {
            return Err(only_read());
        };
        let Some(batch) = self.make(timestamp_ms, make)? else {
            return Ok(Box::new(Waited));
        };
        let batch = self.marked(&batch, self.installation());
        Ok(Box::new(Sending::begin(&self.shared, binding, &batch)?))
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.shared.lanes.serve();
        self.shared.looking.ends.growth.wait(seen, timeout)
    }

    fn starts(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        self.shared.starts(topic)
    }

    fn ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        self.shared.ends(topic)
    }

    fn seen_ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        let streams = self.shared.streams().of_topic(topic)?;
        Ok(self.shared.looking.ends.lock().staged.ends()[streams].to_vec())
    }

    fn troubles(&self) -> Vec<Trouble> {
        self.shared.looking.ends.troubles()
    }

    fn read_all(&self, places: &[Place<'_>]) -> Result<Vec<Box<dyn Reader>>, LogError> {
        let streams = self.shared.streams();
        let number = |place: &Place<'_>| streams.number(place.topic, place.partition);
        let numbers = places.iter().map(number).collect::<Result<Vec<usize>, _>>()?;
        let asked: Vec<usize> = numbers
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let starts = self.shared.ask(&asked, Offset::Beginning)?;
        let ends = self.shared.ask(&asked, Offset::End)?;
        let bounds: BTreeMap<usize, (u64, u64)> =
            asked.into_iter().zip(starts.into_iter().zip(ends)).collect();
        let mut begin = Vec::with_capacity(places.len());
        for (stream, place) in numbers.into_iter().zip(places) {
            let (start, end) = bounds[&stream];
            self.shared.looking.ends.found(stream, end);
            streams.within(stream, place.from, start, end)?;
            begin.push((stream, place.from));
        }
        let readers = KafkaReader::open_all(&self.shared, &begin)?;
        let boxed = readers
            .into_iter()
            .map(|reader| Box::new(reader) as Box<dyn Reader>);
        Ok(boxed.collect())
    }

    fn trim(&self, topic: &str, partition: u32, before: u64) -> Result<(), LogError> {
        let stream = self.shared.streams().number(topic, partition)?;
        let end = self.ends(topic)?.get(partition as usize).copied().unwrap_or(0);
        self.shared.streams().within(stream, before, 0, end)?;
        let mut list = TopicPartitionList::new();
        let full = topics::full(&self.shared.config, topic);
        let offset = Offset::Offset(i64::try_from(before).unwrap_or(i64::MAX));
        let added = list.add_partition_offset(&full, number(partition), offset);
        added.map_err(|error| unanswered(format!("trimming {full}"), error))?;
        self.admin.trim(&list, &full)
    }
}
