//! A thread that looks at all ends, round after round: soon when something may have come, and when somebody
//! wants to bind; else now and then.
//!
//! A round is one request to each broker, on a connection of its own: on the readers' it would wait behind
//! requests for records, which brokers keep until there are some.
//!
//! An end is the last stable offset: below it nothing is undecided, and all that counts can be read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::Offset;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::asking::{Leaderless, Looker, ROUND_MAX, number};
use super::client::unanswered;
use super::staged::{Round, Staged, decides, rounds_back};
use crate::error::LogError;
use crate::growth::Growth;
use crate::log::Trouble;
use crate::streams::Streams;

/// Between rounds when nothing happens.
const IDLE: Duration = Duration::from_millis(50);
/// Between rounds when something does.
const PACE: Duration = Duration::from_millis(2);
/// After a round that failed.
const FAILED: Duration = Duration::from_millis(200);
/// How old the first of three rounds may be when they are bound.
const FRESH: Duration = Duration::from_millis(20);
/// Between commits of the group's offsets.
const COMMIT: Duration = Duration::from_secs(5);
/// How long an end may be before where it was seen before that is no replica that lags.
const BACK_MAX: Duration = Duration::from_secs(10);

/// What is known of all streams.
#[derive(Debug)]
pub struct Known {
    pub staged: Staged,
    /// Ends that were found otherwise: asked for, or of records that were acknowledged. Readers wait for what is
    /// below them; they are bound only once a round sees them.
    found: Vec<u64>,
    /// When the rounds of `staged` began, the first one first.
    began: [Instant; 3],
    /// When everything that is decided on was seen last.
    sighted: Instant,
    /// The longest time between two such sights, since it was told last.
    blind: Duration,
    /// Streams whose end can't be had.
    troubles: BTreeMap<usize, String>,
    /// Streams that end before where they were seen: since when.
    back: BTreeMap<usize, Instant>,
    /// Somebody wants a round.
    kicked: bool,
    rounds: u64,
}

impl Known {
    /// How long nobody could look, at most, since this was asked last.
    pub fn take_blind_ms(&mut self) -> u64 {
        u64::try_from(std::mem::take(&mut self.blind).as_millis()).unwrap_or(u64::MAX)
    }

    /// Notes that everything that is decided on was seen.
    fn sight(&mut self) {
        self.blind = self.blind.max(self.sighted.elapsed());
        self.sighted = Instant::now();
    }
}

/// Shared between the thread, who binds, and readers.
#[derive(Debug)]
pub struct Ends {
    pub streams: Streams,
    known: Mutex<Known>,
    moved: Condvar,
    pub growth: Growth,
    /// Per stream and client that reads it: up to where.
    consumed: Mutex<BTreeMap<(usize, usize), u64>>,
    stop: AtomicBool,
}

impl Ends {
    pub fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes up to where a client has read a stream; none: it reads it no more.
    pub fn consumed(&self, stream: usize, lane: usize, to: Option<u64>) {
        let mut consumed = self.consumed.lock().unwrap_or_else(PoisonError::into_inner);
        match to {
            Some(to) => drop(consumed.insert((stream, lane), to)),
            None => drop(consumed.remove(&(stream, lane))),
        }
    }

    /// Wants a round soon.
    pub fn kick(&self) {
        self.lock().kicked = true;
        self.moved.notify_all();
    }

    /// The newest known end of a stream.
    pub fn newest(&self, stream: usize) -> u64 {
        let known = self.lock();
        known.staged.newest()[stream].max(known.found[stream])
    }

    /// Notes an end that was asked for, or is that of a record that was acknowledged.
    pub fn found(&self, stream: usize, end: u64) {
        let found = &mut self.lock().found[stream];
        *found = end.max(*found);
    }

    /// Waits until what can be bound was looked at lately; gives it.
    pub fn fresh(&self, timeout: Duration) -> Result<MutexGuard<'_, Known>, LogError> {
        let until = Instant::now() + timeout;
        let mut known = self.lock();
        let asked = Instant::now();
        while known.began[0] + FRESH < asked {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stop.load(Ordering::Relaxed) {
                let why = known.troubles.values().next().cloned().unwrap_or_default();
                return Err(unanswered("looking where Kafka's topics end", why));
            }
            known.kicked = true;
            self.moved.notify_all();
            known = self
                .moved
                .wait_timeout(known, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(known)
    }

    /// What can't be read, by name.
    pub fn troubles(&self) -> Vec<Trouble> {
        let known = self.lock();
        let of = |(stream, why): (&usize, &String)| {
            let (topic, partition) = self.streams.name(*stream).unwrap_or_default();
            Trouble {
                topic: topic.to_owned(),
                partition,
                why: why.clone(),
                stalls: decides(topic),
            }
        };
        known.troubles.iter().map(of).collect()
    }

    /// That everything that is decided on can be read.
    pub fn check(&self, known: &Known) -> Result<(), LogError> {
        for (stream, why) in &known.troubles {
            let (topic, partition) = self.streams.name(*stream).unwrap_or_default();
            if decides(topic) {
                if known
                    .back
                    .get(stream)
                    .is_some_and(|since| since.elapsed() > BACK_MAX)
                {
                    return Err(LogError::Refusing {
                        why: format!("{topic}/{partition}: {why}"),
                    });
                }
                let what = format!("{topic}/{partition}, without which nothing can be decided");
                return Err(unanswered(what, why));
            }
        }
        Ok(())
    }
}

/// The thread.
pub struct Looking {
    pub ends: Arc<Ends>,
    thread: Option<JoinHandle<()>>,
}

impl Looking {
    /// Looks at all ends once, and then again and again.
    pub fn start(looker: Looker, timeout: Duration) -> Result<Looking, LogError> {
        let streams = looker.streams.clone();
        let len = streams.len();
        let (began, began_ms) = (Instant::now(), now_ms());
        let all: Vec<usize> = (0..len).collect();
        let ends = looker.ask_all(&all, Offset::End, timeout, timeout)?;
        let back = (0..len).map(|stream| rounds_back(streams.name(stream).unwrap_or_default().0));
        let ends = Arc::new(Ends {
            known: Mutex::new(Known {
                staged: Staged::new(back.collect(), &Round { began_ms, ends }),
                found: vec![0; len],
                began: [began; 3],
                sighted: began,
                blind: Duration::ZERO,
                troubles: BTreeMap::new(),
                back: BTreeMap::new(),
                kicked: false,
                rounds: 0,
            }),
            streams,
            moved: Condvar::new(),
            growth: Growth::default(),
            consumed: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let shared = Arc::clone(&ends);
        let thread = thread::Builder::new().name("kafka-ends".to_owned());
        let thread = thread.spawn(move || looker.run(&shared));
        let thread = thread.map_err(|error| LogError::io("starting a thread", &error))?;
        Ok(Looking {
            ends,
            thread: Some(thread),
        })
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.ends.stop.store(true, Ordering::Relaxed);
        self.ends.kick();
        if let Some(thread) = self.thread.take() {
            // One that panicked has ended the process.
            let _ = thread.join();
        }
    }
}

impl Looker {
    fn run(self, ends: &Ends) {
        let mut committed = Instant::now();
        let mut leaderless = Leaderless::default();
        let mut pause = PACE;
        while !ends.stop.load(Ordering::Relaxed) {
            self.wait(ends, pause);
            // Serves what the client wants of us, such as a token.
            let _ = self.consumer.poll(Duration::ZERO);
            pause = if self.round(ends, &mut leaderless) {
                PACE
            } else {
                FAILED
            };
            if self.commits && committed.elapsed() >= COMMIT {
                committed = Instant::now();
                self.commit(ends);
            }
        }
    }

    /// Waits for a reason to look, but at least `pause`.
    fn wait(&self, ends: &Ends, pause: Duration) {
        thread::sleep(pause);
        let known = ends.lock();
        let quiet =
            |known: &mut Known| !known.kicked && !known.staged.waits() && !ends.stop.load(Ordering::Relaxed);
        let waited = ends.moved.wait_timeout_while(known, IDLE, quiet);
        waited.unwrap_or_else(PoisonError::into_inner).0.kicked = false;
    }

    /// Looks once; whether everything answered.
    fn round(&self, ends: &Ends, leaderless: &mut Leaderless) -> bool {
        let (began, began_ms) = (Instant::now(), now_ms());
        leaderless.look(self);
        let asked: Vec<usize> = (0..self.streams.len())
            .filter(|s| !leaderless.found.contains_key(s))
            .collect();
        let answers = if asked.is_empty() {
            Ok(Vec::new())
        } else {
            self.ask(&asked, Offset::End, ROUND_MAX)
        };
        let mut troubles = leaderless.found.clone();
        let mut seen = BTreeMap::new();
        match answers {
            Ok(answers) => {
                for (stream, answer) in asked.into_iter().zip(answers) {
                    match answer {
                        Ok(end) => drop(seen.insert(stream, end)),
                        Err(why) => drop(troubles.insert(stream, why)),
                    }
                }
            }
            Err(error) => {
                leaderless.wanted = true;
                let why = error.to_string();
                troubles.extend(asked.into_iter().map(|stream| (stream, why.clone())));
            }
        }
        let well = troubles.is_empty();
        let mut known = ends.lock();
        let newest = known.staged.newest().to_vec();
        let mut next = newest.clone();
        known
            .back
            .retain(|stream, _| seen.get(stream).is_some_and(|end| *end < newest[*stream]));
        for (stream, end) in seen {
            if end < newest[stream] {
                known.back.entry(stream).or_insert(began);
                troubles.insert(stream, ends_earlier(end, newest[stream]));
            } else {
                next[stream] = end;
            }
        }
        let moved = known.staged.push(Round { began_ms, ends: next }) || known.troubles != troubles;
        known.began.rotate_left(1);
        known.began[2] = began;
        known.rounds += 1;
        let is_decided_on = |stream: &usize| decides(self.streams.name(*stream).unwrap_or_default().0);
        if !troubles.keys().any(is_decided_on) {
            known.sight();
        }
        known.troubles = troubles;
        drop(known);
        ends.moved.notify_all();
        if moved {
            ends.growth.grow();
        }
        well
    }

    /// Shows the group's watchers how far everything was read.
    fn commit(&self, ends: &Ends) {
        let mut list = TopicPartitionList::new();
        // Who looks ahead reads a stream a second time: what counts is who is behind.
        let mut least = BTreeMap::new();
        for ((stream, _), to) in ends
            .consumed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            let at = least.entry(*stream).or_insert(*to);
            *at = (*at).min(*to);
        }
        for (stream, to) in least {
            let (topic, partition) = self.streams.name(stream).unwrap_or_default();
            let (topic, offset) = (
                format!("{}{topic}", self.prefix),
                i64::try_from(to).unwrap_or(i64::MAX),
            );
            let added = list.add_partition_offset(&topic, number(partition), Offset::Offset(offset));
            debug_assert!(added.is_ok(), "an offset of Kafka's is one");
        }
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "the group's offsets are not committed");
        }
    }
}

fn ends_earlier(end: u64, seen: u64) -> String {
    format!(
        "it ends at offset {end}, but was seen up to {seen}: it was deleted and made anew, or has lost records; \
         bring it back, or begin anew with another data directory"
    )
}

/// The wall clock, in milliseconds since 1970.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
