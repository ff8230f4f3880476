//! Appending: one idempotent producer, every record acknowledged by all replicas in sync.
//!
//! No transactions. A batch of several records could be one, and would then be whole or nothing over a crash,
//! too; but each commit would cost all readers a control marker in every partition, hold back what others
//! append there meanwhile, and take several round trips. Nobody here needs it: what speaks of other records, a
//! binding, is one record; and any other counts once by its own id, so that a client sends it again. A batch of
//! one record is whole or nothing as it is.
//!
//! An error says what is known. What the brokers refused for good was not kept. What they did not answer in
//! time is in doubt.

use std::io::ErrorKind;
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use brokers::Ear;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};

use super::client::{Deliveries, unanswered};
use super::config::{self, RECORD_BYTES_MAX};
use crate::error::LogError;
use crate::log::Appended;
use crate::record::{Batch, Part, Records};

/// Beyond the time after which librdkafka gives up on a record.
const GRACE: Duration = Duration::from_secs(5);

/// What the brokers said to one record: its offset, or why not.
pub type Answer = Result<u64, Code>;

/// What is done with all answers to a batch. It must be quick: the client's thread does it.
pub type Done = Box<dyn Fn(&[Option<Answer>]) + Send + Sync>;

/// Where the answers to a batch gather.
pub struct Answers {
    all: Mutex<(usize, Vec<Option<Answer>>)>,
    complete: Condvar,
    done: Option<Done>,
}

/// Goes with a record and brings the answer to it.
pub struct Ticket {
    answers: Arc<Answers>,
    index: usize,
}

impl Ticket {
    /// Notes what was said.
    pub fn delivered(&self, result: &DeliveryResult<'_>) {
        let answer = match result {
            Ok(message) => u64::try_from(message.offset()).map_err(|_| Code::Unknown),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(Code::Unknown)),
        };
        self.answers.take(self.index, answer);
    }
}

impl Answers {
    fn new(records: usize, done: Option<Done>) -> Arc<Answers> {
        Arc::new(Answers {
            all: Mutex::new((records, vec![None; records])),
            complete: Condvar::new(),
            done,
        })
    }

    /// The answers, as far as they came.
    fn so_far(&self) -> Vec<Option<Answer>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    fn take(&self, index: usize, answer: Answer) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, answers) = &mut *all;
        if answers[index].replace(answer).is_none() {
            *left -= 1;
        }
        if *left == 0 {
            if let Some(done) = &self.done {
                done(answers);
            }
            self.complete.notify_all();
        }
    }

    /// All answers; none where none came.
    fn wait(&self, timeout: Duration) -> Vec<Option<Answer>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .complete
            .wait_timeout_while(all, timeout, |(left, _)| *left > 0);
        let (all, _) = waited.unwrap_or_else(PoisonError::into_inner);
        all.1.clone()
    }
}

/// Appends.
pub struct Appending {
    config: ClientConfig,
    context: Deliveries,
    timeout: Duration,
    producer: RwLock<Arc<ThreadedProducer<Deliveries>>>,
}

impl Appending {
    pub fn new(config: ClientConfig, ear: Ear, timeout: Duration) -> Result<Appending, LogError> {
        let context = Deliveries(ear);
        let producer = make(&config, &context)?;
        Ok(Appending {
            config,
            context,
            timeout,
            producer: RwLock::new(Arc::new(producer)),
        })
    }

    /// Appends the records of a batch to the topics whose names `name` makes of its own, and waits until all are
    /// acknowledged.
    pub fn append(&self, batch: &Batch, name: &dyn Fn(&str) -> String) -> Result<Vec<Appended>, LogError> {
        let producer = self.producer();
        let answers = self.send_by(&producer, batch, name, None)?;
        let answers = answers.wait(self.timeout + GRACE);
        self.told(batch, &answers).inspect_err(|_| self.renew(&producer))
    }

    /// Sends the records of a batch, and does not wait; `done` hears all answers.
    pub fn send(
        &self,
        batch: &Batch,
        name: &dyn Fn(&str) -> String,
        done: Done,
    ) -> Result<Arc<Answers>, LogError> {
        self.send_by(&self.producer(), batch, name, Some(done))
    }

    /// What is known of a batch of one record that was sent: none if it is nothing yet.
    pub fn known(&self, answers: &Answers) -> Option<Result<(), LogError>> {
        let answer = answers.so_far().into_iter().next().flatten()?;
        Some(answer.map(drop).map_err(|code| {
            self.renew(&self.producer());
            if is_definite(code) {
                refused(code)
            } else {
                self.in_doubt(&KafkaError::MessageProduction(code).to_string(), Vec::new())
            }
        }))
    }

    fn send_by(
        &self,
        producer: &Arc<ThreadedProducer<Deliveries>>,
        batch: &Batch,
        name: &dyn Fn(&str) -> String,
        done: Option<Done>,
    ) -> Result<Arc<Answers>, LogError> {
        let records = usize::try_from(batch.len()).unwrap_or(usize::MAX);
        check_sizes(batch)?;
        let answers = Answers::new(records, done);
        let until = Instant::now() + self.timeout;
        let mut index = 0;
        for part in &batch.parts {
            let topic = name(&part.topic);
            for record in records_of(part, batch.timestamp_ms) {
                let ticket = Ticket {
                    answers: Arc::clone(&answers),
                    index,
                };
                let mut sent = message(&topic, part.partition, &record, Box::new(ticket));
                index += 1;
                while let Err((error, back)) = producer.send(sent) {
                    let full = matches!(error, KafkaError::MessageProduction(Code::QueueFull));
                    if full && Instant::now() < until {
                        std::thread::sleep(Duration::from_millis(1));
                        sent = back;
                        continue;
                    }
                    self.renew(producer);
                    return Err(not_sent(&error, full, index > 1));
                }
            }
        }
        Ok(answers)
    }

    fn producer(&self) -> Arc<ThreadedProducer<Deliveries>> {
        Arc::clone(&self.producer.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes another producer where this one has failed for good.
    fn renew(&self, failed: &Arc<ThreadedProducer<Deliveries>>) {
        if failed.client().fatal_error().is_none() {
            return;
        }
        let mut producer = self.producer.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&producer, failed)
            && let Ok(new) = make(&self.config, &self.context)
        {
            *producer = Arc::new(new);
        }
    }

    /// Where the batch stands, or what is known of it.
    fn told(&self, batch: &Batch, answers: &[Option<Answer>]) -> Result<Vec<Appended>, LogError> {
        let refusal = |answer: &Option<Answer>| matches!(answer, Some(Err(code)) if is_definite(*code));
        if answers.iter().all(refusal)
            && let Some(Some(Err(code))) = answers.first()
        {
            return Err(refused(*code));
        }
        let mut offsets = Vec::with_capacity(answers.len());
        for answer in answers {
            match answer {
                Some(Ok(offset)) => offsets.push(*offset),
                Some(Err(code)) => {
                    let why = KafkaError::MessageProduction(*code).to_string();
                    return Err(self.in_doubt(&why, kept(batch, answers)));
                }
                None => return Err(self.in_doubt("no answer came", kept(batch, answers))),
            }
        }
        let mut rest = offsets.as_slice();
        let appended = batch.parts.iter().map(|part| {
            let (ours, more) = rest.split_at(usize::try_from(part.count).unwrap_or(rest.len()));
            rest = more;
            stands(part, ours)
        });
        Ok(appended.collect())
    }

    /// That something takes long.
    pub fn late(&self, what: &str) -> LogError {
        unanswered(what, format!("no answer yet{}", self.context.0.complaints.last()))
    }

    fn in_doubt(&self, why: &str, kept: Vec<Vec<Option<u64>>>) -> LogError {
        LogError::InDoubt {
            kept,
            what: format!(
                "Kafka did not acknowledge a batch: {why}{}",
                self.context.0.complaints.last()
            ),
        }
    }
}

fn make(config: &ClientConfig, context: &Deliveries) -> Result<ThreadedProducer<Deliveries>, LogError> {
    let made = config.create_with_context(context.clone());
    made.map_err(|error| config::refused(&error))
}

fn records_of(part: &Part, timestamp_ms: i64) -> Records<'_> {
    Records::left_of(&part.bytes, 0, part.count, timestamp_ms)
}

fn message<'a>(
    topic: &'a str,
    partition: u32,
    record: &crate::record::Record<'a>,
    ticket: Box<Ticket>,
) -> BaseRecord<'a, [u8], [u8], Box<Ticket>> {
    let mut message = BaseRecord::with_opaque_to(topic, ticket);
    message.partition = i32::try_from(partition).ok();
    message.key = record.key;
    message.payload = record.value;
    message.timestamp = Some(record.timestamp_ms).filter(|ms| *ms > 0);
    if !record.headers.is_empty() {
        let add = |headers: OwnedHeaders, (key, value): (&str, &[u8])| {
            let value = Some(value);
            headers.insert(Header { key, value })
        };
        message.headers = Some(record.headers.fold(OwnedHeaders::new(), add));
    }
    message
}

/// That each record can be taken. The brokers may still take less.
fn check_sizes(batch: &Batch) -> Result<(), LogError> {
    for record in batch.parts.iter().flat_map(|part| records_of(part, 0)) {
        let headers: usize = record
            .headers
            .map(|(name, value)| name.len() + value.len() + 10)
            .sum();
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers + 100;
        if bytes > RECORD_BYTES_MAX {
            return Err(too_large(bytes));
        }
    }
    Ok(())
}

fn too_large(bytes: usize) -> LogError {
    let wide = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    LogError::TooLarge {
        bytes: wide(bytes),
        bytes_max: wide(RECORD_BYTES_MAX),
    }
}

/// Which records of a batch were acknowledged, and where.
fn kept(batch: &Batch, answers: &[Option<Answer>]) -> Vec<Vec<Option<u64>>> {
    let mut offsets = answers.iter().map(|answer| answer.and_then(Result::ok));
    let of = |part: &Part| (0..part.count).map(|_| offsets.next().flatten()).collect();
    batch.parts.iter().map(of).collect()
}

/// Where a part stands, whose records have these offsets.
fn stands(part: &Part, offsets: &[u64]) -> Appended {
    let first = offsets.first().copied().unwrap_or_default();
    let is_whole = offsets
        .iter()
        .zip(first..)
        .all(|(offset, dense)| *offset == dense);
    Appended {
        topic: part.topic.clone(),
        partition: part.partition,
        first,
        end: offsets.iter().max().map_or(first, |last| last + 1),
        scattered: if is_whole { Vec::new() } else { offsets.to_vec() },
    }
}

/// Whether an answer says that the record was not kept, and won't be.
fn is_definite(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::InvalidTopic
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::PolicyViolation
            | Code::InvalidRequiredAcks
    )
}

fn refused(code: Code) -> LogError {
    match code {
        Code::MessageSizeTooLarge => too_large(RECORD_BYTES_MAX),
        code => LogError::Io {
            what: "Kafka refused a batch".to_owned(),
            kind: ErrorKind::PermissionDenied,
            text: format!("{code}; nothing of it was kept"),
        },
    }
}

/// A record that was not even taken on its way.
fn not_sent(error: &KafkaError, full: bool, in_part: bool) -> LogError {
    if in_part {
        let what = format!("Kafka took a part of a batch: {error}");
        let kept = Vec::new();
        return LogError::InDoubt { what, kept };
    }
    match error {
        KafkaError::MessageProduction(code) if is_definite(*code) => refused(*code),
        _ => LogError::Io {
            what: "appending to Kafka".to_owned(),
            kind: if full {
                ErrorKind::WouldBlock
            } else {
                ErrorKind::Other
            },
            text: error.to_string(),
        },
    }
}
