//! Appending: what commands wait in, and who writes them to the log.
//!
//! The log's appends block until they are durable, and make whatever waits durable at once. So a few threads
//! take all commands that wait, write them as one batch, and tell each where its records stand. What waits is
//! bounded in number and bytes: when it is full a command is refused before anything of it is done, and a
//! stream of lines waits.
//!
//! Where the log can't vouch for a batch as a whole, it tells what it knows of each record: a command is answered
//! by its own.
//!
//! Invariant: the records of one [`Appender::append`] stand one behind another in each partition; two of one
//! caller, the second made after the first was answered, stand in that order.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use contract::log::Topic;
use streams::{Appended, Batch, Log, LogError, partition_of};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::problem::Problem;

/// Commands that wait, at most.
const JOBS_MAX: usize = 8_192;
/// Bytes that wait, at most.
const BYTES_MAX: usize = 64 << 20;
/// Bytes in one batch, from which on no other command joins it.
const BATCH_BYTES: usize = 2 << 20;
/// Threads that write: while one waits for the disk the other gathers.
const THREADS: usize = 2;
/// The header in which a trace is passed on.
pub const TRACEPARENT: &str = "traceparent";

/// A record to be appended; its value was decoded, its key is the entity's.
#[derive(Clone, Debug)]
pub struct New {
    /// Its key.
    pub key: String,
    /// Its value, as the client sent it.
    pub value: Vec<u8>,
}

/// Where one record came to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Its topic.
    pub topic: Topic,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
}

struct Job {
    topic: Topic,
    records: Vec<New>,
    traceparent: Option<Vec<u8>>,
    reply: oneshot::Sender<Result<Vec<Stands>, LogError>>,
    _room: OwnedSemaphorePermit,
}

/// What the threads take.
enum Work {
    Job(Job),
    /// To one of them: end.
    Stop,
}

/// Appends commands.
pub struct Appender {
    work: mpsc::Sender<Work>,
    room: Arc<Semaphore>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Appender {
    /// Starts the threads that write to `log`, until [`Appender::stop`].
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start(log: &Arc<dyn Log>) -> std::io::Result<Appender> {
        let (work, waiting) = mpsc::channel(JOBS_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        let mut threads = Vec::new();
        for number in 0..THREADS {
            let (log, waiting) = (Arc::clone(log), Arc::clone(&waiting));
            let thread = std::thread::Builder::new().name(format!("append-{number}"));
            threads.push(thread.spawn(move || while write_next(log.as_ref(), &waiting).is_some() {})?);
        }
        Ok(Appender {
            work,
            room: Arc::new(Semaphore::new(BYTES_MAX)),
            threads: Mutex::new(threads),
        })
    }

    /// Writes what waits, ends the threads and lets go of the log. Blocks; later appends are refused.
    pub fn stop(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in threads.iter() {
            // If they have ended, nothing waits.
            let _ = self.work.blocking_send(Work::Stop);
        }
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
    }

    /// How many commands wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.work.max_capacity() - self.work.capacity()
    }

    /// Bytes of commands that wait or are being written.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        BYTES_MAX.saturating_sub(self.room.available_permits())
    }

    /// Appends records of one topic and tells where each stands. `patient`: waits for room, else refuses at
    /// once where there is none.
    ///
    /// # Errors
    /// If there is no room, or the log fails. Unless the problem says otherwise nothing was kept.
    pub async fn append(
        &self,
        topic: Topic,
        records: Vec<New>,
        traceparent: Option<Vec<u8>>,
        patient: bool,
    ) -> Result<Vec<Stands>, Problem> {
        let bytes: usize = records
            .iter()
            .map(|new| new.key.len() + new.value.len() + 64)
            .sum();
        let permits = u32::try_from(bytes.min(BYTES_MAX)).expect("64 MiB fit 32 bits");
        let full = || Problem::overloaded("too many commands wait for the log");
        let room = Arc::clone(&self.room);
        let room = if patient {
            room.acquire_many_owned(permits).await.map_err(|_| full())?
        } else {
            room.try_acquire_many_owned(permits).map_err(|_| full())?
        };
        let (reply, answer) = oneshot::channel();
        let job = Job {
            topic,
            records,
            traceparent,
            reply,
            _room: room,
        };
        if patient {
            self.work.send(Work::Job(job)).await.map_err(|_| full())?;
        } else {
            self.work.try_send(Work::Job(job)).map_err(|_| full())?;
        }
        let stopped = || Problem::overloaded("the server stops");
        Ok(answer.await.map_err(|_| stopped())??)
    }
}

/// Takes what waits and writes it; `None`: it was told to end.
fn write_next(log: &dyn Log, waiting: &Mutex<mpsc::Receiver<Work>>) -> Option<()> {
    let mut jobs = Vec::new();
    let mut goes_on = Some(());
    {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = waiting.blocking_recv()?;
        let mut bytes = 0;
        loop {
            match next {
                Work::Job(job) => {
                    bytes += size(&job);
                    jobs.push(job);
                }
                Work::Stop => {
                    goes_on = None;
                    break;
                }
            }
            if bytes >= BATCH_BYTES {
                break;
            }
            let Ok(more) = waiting.try_recv() else { break };
            next = more;
        }
    }
    if !jobs.is_empty() {
        write(log, jobs);
    }
    goes_on
}

fn size(job: &Job) -> usize {
    job.records.iter().map(|new| new.value.len()).sum()
}

fn write(log: &dyn Log, jobs: Vec<Job>) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut batch = Batch::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    let partitions = log.topics();
    let mut counts: Vec<((Topic, u32), u64)> = Vec::new();
    // Where each record stands, as if every partition had been empty.
    let places: Vec<Vec<Stands>> = jobs
        .iter()
        .map(|job| {
            let name = job.topic.name();
            let count = partitions.iter().find(|topic| topic.name == name);
            let count = count.map_or(1, |topic| topic.partitions);
            let trace = job.traceparent.as_deref().map(|trace| (TRACEPARENT, trace));
            let headers: Vec<(&str, &[u8])> = trace.into_iter().collect();
            let place = |new: &New| {
                let (key, value) = (Some(new.key.as_bytes()), Some(new.value.as_slice()));
                let partition = partition_of(key, count);
                batch.push_with_headers(name, partition, key, value, &headers);
                let offset = next(&mut counts, job.topic, partition);
                Stands {
                    topic: job.topic,
                    partition,
                    offset,
                }
            };
            job.records.iter().map(place).collect()
        })
        .collect();
    let appended = log.append(&batch);
    for (job, places) in jobs.into_iter().zip(places) {
        let told = places.into_iter().map(|stands| {
            let same = |((topic, partition), _): &((Topic, u32), u64)| {
                (*topic, *partition) == (stands.topic, stands.partition)
            };
            let part = counts.iter().position(same);
            let part = part.expect("each record was counted in its part");
            let index = usize::try_from(stands.offset).unwrap_or(usize::MAX);
            let offset = offset(&appended, part, index)?;
            Ok(Stands { offset, ..stands })
        });
        // Who asked may have gone; what was appended stays.
        let _ = job.reply.send(told.collect());
    }
}

/// Where a record of a batch came to stand: the one of that number in its part, of that number itself.
fn offset(appended: &Result<Vec<Appended>, LogError>, part: usize, index: usize) -> Result<u64, LogError> {
    match appended {
        Ok(parts) => Ok(parts[part].offset(index)),
        Err(LogError::InDoubt { what, kept }) => {
            let kept = kept.get(part).and_then(|part| part.get(index)).copied();
            kept.flatten().ok_or_else(|| LogError::InDoubt {
                what: what.clone(),
                kept: Vec::new(),
            })
        }
        Err(error) => Err(error.clone()),
    }
}

/// How many records of a partition the batch has had so far.
fn next(counts: &mut Vec<((Topic, u32), u64)>, topic: Topic, partition: u32) -> u64 {
    let at = counts.iter().position(|(place, _)| *place == (topic, partition));
    let at = at.unwrap_or_else(|| {
        counts.push(((topic, partition), 0));
        counts.len() - 1
    });
    let offset = counts[at].1;
    counts[at].1 += 1;
    offset
}

#[cfg(test)]
mod tests {
    use streams::MemoryLog;

    use super::*;

    /// Parts of a batch as the log tells of them, and what a record is then told.
    #[test]
    fn a_command_is_answered_by_its_own_records_where_the_log_can_tell() {
        let log: Arc<dyn Log> = {
            let topics = [(Topic::Orders.name(), 2), (Topic::Reviews.name(), 1)];
            Arc::new(Doubtful(MemoryLog::new(&topics).expect("the topics are fine")))
        };
        let mut answers = Vec::new();
        let jobs = (0..40).map(|n| {
            let (reply, answer) = oneshot::channel();
            answers.push(answer);
            let topic = if n % 3 == 0 { Topic::Reviews } else { Topic::Orders };
            let new = |i: usize| New {
                key: format!("k{n}"),
                value: if (n + i).is_multiple_of(7) { "lost" } else { "kept" }.into(),
            };
            Job {
                topic,
                records: (0..1 + n % 4).map(new).collect(),
                traceparent: None,
                reply,
                _room: Arc::new(Semaphore::new(1))
                    .try_acquire_owned()
                    .expect("there is room"),
            }
        });
        let jobs: Vec<Job> = jobs.collect();
        let wanted: Vec<Vec<New>> = jobs.iter().map(|job| job.records.clone()).collect();
        write(log.as_ref(), jobs);
        let mut doubts = 0;
        for (mut answer, records) in answers.into_iter().zip(wanted) {
            let is_lost = records.iter().any(|new| new.value == b"lost");
            match answer.try_recv().expect("everybody is answered") {
                Err(LogError::InDoubt { .. }) => {
                    assert!(is_lost, "all of it was acknowledged");
                    doubts += 1;
                }
                Err(error) => panic!("{error}"),
                Ok(stands) => {
                    assert!(!is_lost && stands.len() == records.len());
                    for (
                        Stands {
                            topic,
                            partition,
                            offset,
                        },
                        new,
                    ) in stands.into_iter().zip(records)
                    {
                        let mut reader = log.read(topic.name(), partition, offset).expect("it is there");
                        let mut run = reader
                            .next_run(offset + 1)
                            .expect("it is read")
                            .expect("it is there");
                        let found = run.next().expect("it is there");
                        assert_eq!(
                            (found.key, found.value),
                            (Some(new.key.as_bytes()), Some(&new.value[..]))
                        );
                    }
                }
            }
        }
        assert!((5..35).contains(&doubts), "{doubts} of 40");
    }

    /// Keeps each record for itself, but those that say that they get lost.
    struct Doubtful(MemoryLog);

    impl Log for Doubtful {
        fn topics(&self) -> Vec<streams::TopicPartitions> {
            self.0.topics()
        }

        fn append(&self, batch: &Batch) -> Result<Vec<Appended>, LogError> {
            // A log of its own says how the batch is divided.
            let topics: Vec<_> = self.topics();
            let topics: Vec<_> = topics
                .iter()
                .map(|topic| (topic.name.as_str(), topic.partitions))
                .collect();
            let divided = MemoryLog::new(&topics)?;
            let mut kept = Vec::new();
            for part in divided.append(batch)? {
                let mut reader = divided.read(&part.topic, part.partition, 0)?;
                let mut offsets = Vec::new();
                while let Some(run) = reader.next_run(u64::MAX)? {
                    for record in run {
                        let mut one = Batch::new(0);
                        one.push(&part.topic, part.partition, record.key, record.value);
                        let is_lost = record.value == Some(b"lost");
                        offsets.push(if is_lost {
                            None
                        } else {
                            Some(self.0.append(&one)?[0].first)
                        });
                    }
                }
                kept.push(offsets);
            }
            let what = "simulated".to_owned();
            Err(LogError::InDoubt { what, kept })
        }

        fn append_after(
            &self,
            _: i64,
            _: &mut dyn FnMut(&streams::NextOffsets<'_>) -> Option<Batch>,
        ) -> Result<Vec<Appended>, LogError> {
            unreachable!("commands are appended as they are")
        }

        fn wait(&self, seen: u64, timeout: std::time::Duration) -> u64 {
            self.0.wait(seen, timeout)
        }

        fn starts(&self, topic: &str) -> Result<Vec<u64>, LogError> {
            self.0.starts(topic)
        }

        fn ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
            self.0.ends(topic)
        }

        fn read_all(&self, places: &[streams::Place<'_>]) -> Result<Vec<Box<dyn streams::Reader>>, LogError> {
            self.0.read_all(places)
        }

        fn trim(&self, topic: &str, partition: u32, before: u64) -> Result<(), LogError> {
            self.0.trim(topic, partition, before)
        }
    }
}
