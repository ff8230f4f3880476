//! A producer with transactions, and reading a topic to its end.

use std::time::{Duration, Instant};

use brokers::{Ear, ms};
use contract::log::Epoch;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Config;

/// The header that names the epoch.
pub(super) const EPOCH: &str = "epoch";
/// Bytes of a record, at most.
pub(super) const RECORD_BYTES_MAX: usize = 4 << 20;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing was done; it may pass.
    Passing(String),
    /// Nothing was done: another writes under the same transactional id, or brokers took too long a
    /// transaction back, which can't be told apart.
    Fenced,
    /// The end of a transaction was asked for, and nobody knows what came of it.
    Doubt(String),
    /// Nothing was done, and a person must see to it.
    Final(String),
}

/// What any error means, except of the end of a transaction.
pub(super) fn fault(what: &str, error: &KafkaError) -> Fault {
    use RDKafkaErrorCode as Code;
    let code = match error {
        KafkaError::Transaction(error) => Some(error.code()),
        other => other.rdkafka_error_code(),
    };
    match code {
        Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => Fault::Fenced,
        _ if matches!(
            error,
            KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)
        ) =>
        {
            Fault::Final(format!("Kafka's client does not take the settings: {error}"))
        }
        _ => Fault::Passing(format!("{what}: {error}")),
    }
}

/// With what the client had to say of it.
fn heard(fault: Fault, ear: &Ear) -> Fault {
    match fault {
        Fault::Passing(what) => Fault::Passing(what + &ear.complaints.last()),
        other => other,
    }
}

/// A client of the sink's, tuned.
fn client(config: &Config, tuned: &[(&str, String)]) -> ClientConfig {
    config.brokers.client(&format!("millrace-{}", config.name), tuned)
}

/// A client for administration.
pub(super) fn administering(config: &Config) -> ClientConfig {
    client(config, &[])
}

fn writing(config: &Config) -> ClientConfig {
    let text = str::to_owned;
    let message_timeout = config.brokers.timeout.min(config.transaction_timeout);
    let tuned = [
        (
            "transactional.id",
            format!("{}millrace-{}", config.prefix, config.name),
        ),
        ("transaction.timeout.ms", ms(config.transaction_timeout)),
        ("message.timeout.ms", ms(message_timeout)),
        ("message.max.bytes", RECORD_BYTES_MAX.to_string()),
        ("queue.buffering.max.kbytes", text("65536")),
        ("linger.ms", text("5")),
        ("compression.type", text("lz4")),
        // Where clients in Java put a key.
        ("partitioner", text("murmur2_random")),
    ];
    client(config, &tuned)
}

fn reading(config: &Config) -> ClientConfig {
    let text = str::to_owned;
    let tuned = [
        ("group.id", format!("millrace-{}", config.name)),
        ("enable.auto.commit", text("false")),
        ("enable.auto.offset.store", text("false")),
        ("enable.partition.eof", text("true")),
        ("isolation.level", text("read_committed")),
        ("auto.offset.reset", text("error")),
        ("fetch.wait.max.ms", text("20")),
    ];
    client(config, &tuned)
}

/// Writes in transactions.
pub(super) struct Writer {
    /// Has a thread of its own that hears what became of records: a transaction's end waits for that.
    producer: ThreadedProducer<Ear>,
    timeout: Duration,
}

impl Writer {
    /// Fences off whoever wrote under our transactional id, and waits until what they left is settled.
    pub(super) fn begin(config: &Config) -> Result<Writer, Fault> {
        let timeout = config.brokers.timeout;
        let ear = config.brokers.ear();
        let producer: ThreadedProducer<_> = writing(config)
            .create_with_context(ear.clone())
            .map_err(|error| fault("making a producer", &error))?;
        let begun = producer.init_transactions(timeout);
        begun.map_err(|error| heard(fault("beginning transactions", &error), &ear))?;
        Ok(Writer { producer, timeout })
    }

    /// Does `write` in a transaction. If it fails before its end, it is taken back.
    pub(super) fn transact<E: From<Fault>>(&self, write: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let begun = self.producer.begin_transaction();
        begun.map_err(|error| fault("beginning a transaction", &error))?;
        if let Err(error) = write() {
            self.give_up();
            return Err(error);
        }
        // So that the end is asked for only once all that belongs to it is there.
        if let Err(error) = self.producer.flush(self.timeout) {
            self.give_up();
            return Err(fault("writing a transaction's records", &error).into());
        }
        self.end().map_err(E::from)
    }

    fn end(&self) -> Result<(), Fault> {
        let Err(error) = self.producer.commit_transaction(self.timeout) else {
            return Ok(());
        };
        match (&error, fault("ending a transaction", &error)) {
            (_, Fault::Fenced) => Err(Fault::Fenced),
            (KafkaError::Transaction(why), passing) if why.txn_requires_abort() => {
                // A record was not written, so that the end was not even asked for.
                self.give_up();
                Err(passing)
            }
            _ => Err(Fault::Doubt(error.to_string())),
        }
    }

    /// Takes back what is under way, so that readers need not wait for it. If that fails, whoever begins
    /// next does it.
    fn give_up(&self) {
        if let Err(error) = self.producer.abort_transaction(self.timeout) {
            tracing::debug!(%error, "a transaction could not be taken back");
        }
    }

    /// Adds a record to the transaction.
    pub(super) fn send(
        &self,
        topic: &str,
        key: &str,
        value: Option<&str>,
        epoch: Epoch,
    ) -> Result<(), Fault> {
        let epoch = epoch.0.to_string();
        let header = Header {
            key: EPOCH,
            value: Some(epoch.as_bytes()),
        };
        let mut record = BaseRecord::<str, str>::to(topic)
            .key(key)
            .headers(OwnedHeaders::new().insert(header));
        record.payload = value;
        let since = Instant::now();
        loop {
            let Err((error, back)) = self.producer.send(record) else {
                return Ok(());
            };
            let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            if !is_full || since.elapsed() > self.timeout {
                return Err(fault("writing a record", &error));
            }
            std::thread::sleep(Duration::from_millis(5));
            record = back;
        }
    }
}

/// How many partitions a topic has; waits until its brokers know it.
fn partitions(consumer: &BaseConsumer<Ear>, topic: &str, timeout: Duration) -> Result<Vec<i32>, Fault> {
    let since = Instant::now();
    loop {
        let metadata = consumer.fetch_metadata(Some(topic), timeout);
        let metadata = metadata.map_err(|error| fault("asking for topics", &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let found: Vec<i32> = found.map_or_else(Vec::new, |found| {
            found
                .partitions()
                .iter()
                .map(rdkafka::metadata::MetadataPartition::id)
                .collect()
        });
        if !found.is_empty() {
            return Ok(found);
        }
        if since.elapsed() > timeout {
            return Err(Fault::Passing(format!("Kafka has no topic {topic}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Tells `each` of key and value of every committed record of a topic, to its end as of now; whether
/// records were removed from its beginning.
pub(super) fn read(
    config: &Config,
    topic: &str,
    mut each: impl FnMut(&[u8], Option<&[u8]>),
) -> Result<bool, Fault> {
    let what = format!("reading {topic}");
    let failed = |error: &KafkaError| fault(&what, error);
    let ear = config.brokers.ear();
    let consumer = ear.consumer(&reading(config)).map_err(|error| failed(&error))?;
    let mut open = partitions(&consumer, topic, config.brokers.timeout).map_err(|fault| {
        Ear::listen(&consumer);
        heard(fault, &ear)
    })?;
    let mut list = TopicPartitionList::new();
    let mut trimmed = false;
    for partition in &open {
        let (low, _) = consumer
            .fetch_watermarks(topic, *partition, config.brokers.timeout)
            .map_err(|error| failed(&error))?;
        trimmed |= low > 0;
        let added = list.add_partition_offset(topic, *partition, Offset::Beginning);
        added.map_err(|error| failed(&error))?;
    }
    consumer.assign(&list).map_err(|error| failed(&error))?;
    let mut since = Instant::now();
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                since = Instant::now();
                each(message.key().unwrap_or_default(), message.payload());
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => open.retain(|other| *other != partition),
            Some(Err(error)) if since.elapsed() > config.brokers.timeout => return Err(failed(&error)),
            None if since.elapsed() > config.brokers.timeout => {
                return Err(Fault::Passing(format!("{what}: nobody answers")));
            }
            Some(Err(_)) | None => {}
        }
    }
    Ok(trimmed)
}
