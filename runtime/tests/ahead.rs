//! Conductors whose bindings arrive late, that stand still and wake, and take over from each other: what they hand
//! out is what the timeline says, and nothing that they append makes it unreadable.

mod common;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::topics;
use contract::log::{Binding, Topic};
use contract::time::Time;
use generator::Rng;
use millrace_runtime::clock::Now;
use millrace_runtime::conductor::{Conductor, ConductorError, Flight, Mark, Turn};
use streams::timeline::{self, Limits};
use streams::{
    Appended, Batch, Log, LogError, MemoryLog, NextOffsets, Outcome, Place, Reader, Sent, TopicPartitions,
    history,
};

/// A log in memory, as one process sees it: what it does not wait for arrives when the test lets it.
#[derive(Clone)]
struct Slow {
    log: MemoryLog,
    way: Arc<Mutex<VecDeque<Batch>>>,
}

struct Unknown;

impl Sent for Unknown {
    fn outcome(&self) -> Outcome {
        Outcome::Waits
    }
}

impl Slow {
    fn new(log: &MemoryLog) -> Slow {
        let (log, way) = (log.clone(), Arc::default());
        Slow { log, way }
    }

    /// Lets the next one arrive; whether there was any.
    fn arrive(&self) -> bool {
        let next = self
            .way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let is_some = next.is_some();
        next.map(|batch| self.log.append(&batch).expect("memory takes everything"));
        is_some
    }
}

impl Log for Slow {
    fn topics(&self) -> Vec<TopicPartitions> {
        self.log.topics()
    }

    fn append(&self, batch: &Batch) -> Result<Vec<Appended>, LogError> {
        self.log.append(batch)
    }

    fn append_after(
        &self,
        timestamp_ms: i64,
        make: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Vec<Appended>, LogError> {
        self.log.append_after(timestamp_ms, make)
    }

    fn ahead_max(&self) -> u64 {
        3
    }

    fn send_after(
        &self,
        timestamp_ms: i64,
        make: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Box<dyn Sent>, LogError> {
        let mut made = None;
        self.log.append_after(timestamp_ms, &mut |next| {
            made = make(next);
            None
        })?;
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        way.extend(made);
        Ok(Box::new(Unknown))
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.log.wait(seen, timeout)
    }

    fn starts(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        self.log.starts(topic)
    }

    fn ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        self.log.ends(topic)
    }

    fn read_all(&self, places: &[Place<'_>]) -> Result<Vec<Box<dyn Reader>>, LogError> {
        self.log.read_all(places)
    }

    fn trim(&self, topic: &str, partition: u32, before: u64) -> Result<(), LogError> {
        self.log.trim(topic, partition, before)
    }
}

/// One process.
struct Process {
    log: Slow,
    conductor: Conductor,
    /// What it handed out, and how many records it read for it.
    handed_out: Vec<(Binding, u64)>,
    lost: bool,
}

impl Process {
    fn start(log: &MemoryLog, name: &str, now: Now) -> Process {
        let log = Slow::new(log);
        let shared: Arc<dyn Log> = Arc::new(log.clone());
        let conductor = Conductor::open(shared, name, Limits::default(), now, Mark::default());
        let mut conductor = conductor.expect("it opens");
        conductor.take(now, &[]).expect("it takes the generation");
        Process {
            log,
            conductor,
            handed_out: Vec::new(),
            lost: false,
        }
    }

    /// What it does next; whether it is anything.
    fn turn(&mut self, now: Now) -> bool {
        let flight = Flight {
            room: true,
            ..Flight::default()
        };
        match self.conductor.turn(now, flight) {
            Ok(Turn::Epoch(binding)) => {
                let mut records = 0;
                let read = self.conductor.records(&mut |chunk| records += chunk.len() as u64);
                read.expect("what is bound can be read");
                self.handed_out.push((binding.as_ref().clone(), records));
                true
            }
            Ok(_) => false,
            Err(ConductorError::Lost { .. }) => {
                self.lost = true;
                false
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn seeds() -> std::ops::Range<u64> {
    let from = std::env::var("MILLRACE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    from.map_or(0..300, |seed| seed..seed + 1)
}

#[test]
fn conductors_that_bind_ahead_and_wake_late_hand_out_what_the_timeline_says() {
    let (mut lost, mut void, mut most) = (0, 0, 0);
    for seed in seeds() {
        println!("MILLRACE_SEED={seed}");
        let mut rng = Rng::new(seed);
        let log = MemoryLog::new(&topics(2)).expect("the topics are fine");
        let start_ms = 1_790_000_000_000;
        let now = |ms: u64| Now {
            wall: Time::from_ms(start_ms + i64::try_from(ms).expect("small")).expect("a time"),
            monotonic_ms: ms,
        };
        let mut processes = vec![Process::start(&log, "p0", now(0))];
        for ms in 1..300 {
            if rng.chance(2) {
                processes.push(Process::start(&log, &format!("p{ms}"), now(ms)));
            }
            if rng.chance(60) {
                let mut batch = Batch::new(now(ms).wall.ms());
                batch.push(
                    Topic::ALL[rng.index(9)].name(),
                    u32::from(rng.chance(50)),
                    None,
                    Some(b"{}"),
                );
                log.append(&batch).expect("memory takes everything");
            }
            // The older, the likelier it stands still.
            let back = rng.index(3).min(rng.index(3)).min(processes.len() - 1);
            let at = processes.len() - 1 - back;
            let process = &mut processes[at];
            if rng.chance(50) && process.log.arrive() {
                continue;
            }
            if !process.lost {
                process.turn(now(ms));
            }
            let way = process
                .log
                .way
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .len();
            most = most.max(way);
        }
        // All wake: what was on its way arrives, and everybody reads to the end.
        for process in &processes {
            while process.log.arrive() {}
        }
        let (all, timeline) = history::read(&log, None).expect("the timeline can be read");
        for process in &mut processes {
            while !process.lost && process.turn(now(300)) {}
            for ((binding, records), (index, bound)) in
                process.handed_out.iter().zip(all.timeline().iter().enumerate())
            {
                assert_eq!((binding.epoch, binding.clock), (bound.epoch, bound.clock));
                assert_eq!(*records, all.records(index).count() as u64);
            }
            lost += usize::from(process.lost);
        }
        let newest = processes.last().expect("there is one");
        assert!(newest.handed_out.len() as u64 + 1 >= timeline.next_epoch().0 && !newest.lost);
        void += log.ends(timeline::TOPIC).expect("it is there")[0] + 1 - timeline.next_epoch().0;
    }
    if seeds().count() > 1 {
        assert!(
            lost > 100 && void > 100 && most == 3,
            "{lost} lost, {void} void, {most} at once"
        );
    }
}
