//! Reading a partition: messages as they come, encoded once into runs.
//!
//! A run ends where an offset is left out, and where the time of appending changes.
//!
//! *How far is far enough.* Offsets at the end of what is bound may hold no record: markers of transactions,
//! records that were aborted. Nothing arrives for them. What proves that all records below an end were seen
//! is a record at or above it, or the broker's word that a partition ends here, given to a request that was
//! sent after the end was known. librdkafka passes that word on without saying to which request it is the
//! answer; so, once there is such a word and nothing else comes, everything is asked for once more
//! from where we stand, and the next word counts. It takes up to the time that brokers keep a request for
//! records ([`super::config`]), and happens only where there are such offsets.
//!
//! Headers are not read: rdkafka panics at a name that is not UTF-8, and nobody asks for them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};

use super::Shared;
use super::client::unanswered;
use super::lanes::Tap;
use crate::error::LogError;
use crate::log::Reader;
use crate::record::{Records, put_record};

/// Bytes that are encoded at once, about.
const BYTES: usize = 1 << 20;
/// Records that are encoded at once, at most.
const RECORDS: usize = 8192;
/// After the word that a partition ends, how long records that are on their way are waited for.
const SETTLE: Duration = Duration::from_millis(10);
/// How long nothing at all may come before everything is asked for once more.
const QUIET: Duration = Duration::from_millis(300);
/// How long that may take.
const SEEK_MAX: Duration = Duration::from_secs(1);
/// How long what is known to be there may stay away.
const AWAY_MAX: Duration = Duration::from_secs(5);
/// How long one look at the queue takes.
const LOOK: Duration = Duration::from_millis(100);

/// Records with one time of appending and no offset left out, encoded.
#[derive(Debug)]
struct Run {
    first: u64,
    count: u64,
    timestamp_ms: i64,
    /// Where its bytes begin and end.
    from: usize,
    to: usize,
}

/// Reads a partition.
pub struct KafkaReader {
    shared: Arc<Shared>,
    stream: usize,
    tap: Tap,
    next: u64,
    bytes: Vec<u8>,
    runs: VecDeque<Run>,
    /// What failed is asked for anew.
    broken: bool,
    /// Since when the partition was said to end, with no record since.
    ended: Option<Instant>,
}

/// What was found in the queue.
enum Found {
    Records,
    /// The partition ends.
    End,
    Nothing,
}

impl KafkaReader {
    /// Readers of streams, each from an offset on.
    pub fn open_all(shared: &Arc<Shared>, places: &[(usize, u64)]) -> Result<Vec<KafkaReader>, LogError> {
        let taps = shared.lanes.open_all(&shared.looking.ends, places)?;
        let reader = |(tap, (stream, from)): (Tap, &(usize, u64))| KafkaReader {
            shared: Arc::clone(shared),
            stream: *stream,
            tap,
            next: *from,
            bytes: Vec::new(),
            runs: VecDeque::new(),
            broken: false,
            ended: None,
        };
        Ok(taps.into_iter().zip(places).map(reader).collect())
    }

    /// Takes what waits in the queue; waits for the first of it until `wait` is over.
    fn take(&mut self, wait: Duration) -> Result<Found, LogError> {
        debug_assert!(self.runs.is_empty(), "everything was handed out");
        self.bytes.clear();
        let Some(queue) = self.tap.queue() else {
            return Ok(Found::Nothing);
        };
        let mut left = RECORDS;
        let mut wait = wait;
        while left > 0 && self.bytes.len() < BYTES {
            match queue.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    self.ended = None;
                    put(&mut self.bytes, &mut self.runs, &message);
                    (left, wait) = (left - 1, Duration::ZERO);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.ended = Some(Instant::now());
                    if self.runs.is_empty() {
                        return Ok(Found::End);
                    }
                    break;
                }
                Some(Err(error)) => return Err(self.failed(&error)),
            }
        }
        Ok(if self.runs.is_empty() {
            Found::Nothing
        } else {
            Found::Records
        })
    }

    /// What an error of the queue means.
    fn failed(&mut self, error: &KafkaError) -> LogError {
        self.broken = true;
        self.runs.clear();
        let (topic, partition) = self.shared.name(self.stream);
        let code = error.rdkafka_error_code();
        let out = [
            RDKafkaErrorCode::OffsetOutOfRange,
            RDKafkaErrorCode::AutoOffsetReset,
        ];
        if code.is_some_and(|code| out.contains(&code))
            && let (Ok(starts), Ok(ends)) = (self.shared.starts(&topic), self.shared.ends(&topic))
        {
            let at = |offsets: &[u64]| offsets.get(partition as usize).copied().unwrap_or(0);
            let within = self
                .shared
                .streams()
                .within(self.stream, self.next, at(&starts), at(&ends));
            if let Err(error) = within {
                return error;
            }
        }
        let why = format!("{error}{}", self.shared.complaints.last());
        unanswered(
            format!("reading {topic}/{partition} from offset {}", self.next),
            why,
        )
    }

    /// Waits until there are records, or `target` is known to be reached.
    fn fill(&mut self, target: u64) -> Result<(), LogError> {
        let since = Instant::now();
        // When everything was asked for once more.
        let mut sought = None::<Instant>;
        while self.runs.is_empty() && self.next < target {
            if self.broken {
                self.tap.begin(self.next)?;
                (self.broken, self.ended, sought) = (false, None, None);
            }
            let wait = if self.ended.is_some() { SETTLE } else { LOOK };
            match self.take(wait)? {
                Found::Records => self.drop_known(),
                // The answer to what was asked when the target was known: nothing is below it.
                Found::End if sought.is_some() => self.next = target,
                Found::End => {}
                Found::Nothing if since.elapsed() >= AWAY_MAX => {
                    // Perhaps a word was lost with its connection.
                    self.broken = true;
                    return Err(self.away(target));
                }
                Found::Nothing => {
                    let settled = self.ended.is_some_and(|ended| ended.elapsed() >= SETTLE);
                    let again =
                        sought.map_or(settled || since.elapsed() >= QUIET, |at| at.elapsed() >= SEEK_MAX);
                    if again {
                        self.broken = self.tap.seek(self.next, SEEK_MAX).is_err();
                        (sought, self.ended) = (Some(Instant::now()), None);
                    }
                }
            }
        }
        Ok(())
    }

    /// Drops what lies below where we stand: it can come again after a new beginning.
    fn drop_known(&mut self) {
        let next = self.next;
        let bytes = &self.bytes;
        self.runs.retain_mut(|run| {
            let records = Records::left_of(&bytes[run.from..run.to], run.first, run.count, run.timestamp_ms);
            let (known, len) = records.below(next);
            run.first += known.left();
            run.count -= known.left();
            run.from += len;
            run.count > 0
        });
    }

    fn away(&self, target: u64) -> LogError {
        let (topic, partition) = self.shared.name(self.stream);
        let why = format!("nothing comes{}", self.shared.complaints.last());
        let next = self.next;
        unanswered(
            format!("reading {topic}/{partition} from offset {next} to {target}"),
            why,
        )
    }
}

/// Adds a message to the runs.
fn put(bytes: &mut Vec<u8>, runs: &mut VecDeque<Run>, message: &BorrowedMessage<'_>) {
    let offset = u64::try_from(message.offset()).unwrap_or_default();
    let timestamp_ms = message.timestamp().to_millis().unwrap_or_default();
    let from = bytes.len();
    put_record(bytes, message.key(), message.payload(), &[]);
    match runs.back_mut() {
        Some(run) if run.first + run.count == offset && run.timestamp_ms == timestamp_ms => {
            run.count += 1;
            run.to = bytes.len();
        }
        _ => runs.push_back(Run {
            first: offset,
            count: 1,
            timestamp_ms,
            from,
            to: bytes.len(),
        }),
    }
}

impl Reader for KafkaReader {
    fn next_run(&mut self, until: u64) -> Result<Option<Records<'_>>, LogError> {
        if self.runs.is_empty() {
            let known = self.shared.looking.ends.newest(self.stream);
            self.fill(known.min(until))?;
        }
        let Some(run) = self.runs.front_mut() else {
            return Ok(None);
        };
        if run.first >= until {
            // What is left out up to there holds no record.
            self.next = self.next.max(until);
            return Ok(None);
        }
        let all = Records::left_of(
            &self.bytes[run.from..run.to],
            run.first,
            run.count,
            run.timestamp_ms,
        );
        let (records, len) = all.below(until);
        run.first += records.left();
        run.count -= records.left();
        run.from += len;
        self.next = run.first;
        if run.count == 0 {
            self.runs.pop_front();
        }
        self.tap.consumed(self.next);
        Ok(Some(records))
    }

    fn offset(&self) -> u64 {
        self.next
    }
}
