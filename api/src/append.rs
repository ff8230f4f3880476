//! Appending: what commands wait in, and who writes them to the log.
//!
//! The log's appends block until they are durable, and make whatever waits durable at once. So a few threads
//! take all commands that wait, write them as one batch, and tell each where its records stand. What waits is
//! bounded in number and bytes: when it is full a command is refused before anything of it is done, and a
//! stream of lines waits.
//!
//! Invariant: the records of one [`Appender::append`] stand one behind another in each partition; two of one
//! caller, the second made after the first was answered, stand in that order.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use contract::log::Topic;
use streams::{Batch, Log, LogError, partition_of};
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
    for (job, mut places) in jobs.into_iter().zip(places) {
        let told = appended.as_ref().map_err(Clone::clone).map(|parts| {
            for stands in &mut places {
                let same = |part: &&streams::Appended| {
                    part.partition == stands.partition && part.topic == stands.topic.name()
                };
                let part = parts
                    .iter()
                    .find(same)
                    .expect("the log tells where each part stands");
                let index = usize::try_from(stands.offset).unwrap_or(usize::MAX);
                stands.offset = part.offset(index);
            }
            places
        });
        // Who asked may have gone; what was appended stays.
        let _ = job.reply.send(told);
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
