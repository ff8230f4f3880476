//! The engine: conductor, workers and delivery in threads of their own.
//!
//! ```text
//! log ─► [conductor] ─► [workers] ─► [delivery] ─► view store
//!            ▲                           │
//!            └── how far it is ──────────┘
//! ```
//!
//! Threads: `conductor`; `watch`, which wakes it when records come; one per worker; `delivery`; `checkpoint`,
//! which writes checkpoints beside everything else. Queues, each
//! bounded: `chunks` before the workers (by number), `deltas` before the view store (by bytes and epochs: the
//! conductor hands out no further epoch while it is full).
//!
//! Stopping is graceful: what was handed out is decided and committed, then the threads end. What fails for
//! good stops the engine in the same way and is told ([`State::Failed`]); what may pass is tried again, and
//! told meanwhile.

mod checkpointing;
mod conducting;
mod delivering;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use contract::installation::Installation;
use contract::log::{Binding, Epoch, Position};
use pipelines::checkout::LOGIC_VERSION;
use sinks::decide::Ours;
use sinks::{Frontier, Sink, SinkError};
use streams::Log;
use streams::timeline::{self, Limits};

use crate::checkpoint::{Due, Patience, Place, Policy};
use crate::clock::Clock;
use crate::conductor::{Conductor, ConductorError, Mark, check_skips};
use crate::dataflow::{Dataflow, WORKERS_MAX, Yield};
use crate::delivery::Delivery;
use crate::latency::Latencies;
use crate::progress::{Progress, Shared, State};
use crate::queue::Depth;
use crate::restart::{self, RestartError, Start};
use checkpointing::Checkpointing;
use conducting::Conducting;
use delivering::Delivering;

/// Before something that failed, and may not fail again, is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// The longest that anybody sleeps.
const NAP: Duration = Duration::from_secs(1);

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many workers: 1 to [`WORKERS_MAX`].
    pub workers: usize,
    /// Whose log it is.
    pub installation: Installation,
    /// The id of this process among those that may want the generation.
    pub me: String,
    /// Whether it takes the generation and binds epochs; else it decides what is bound, and no more.
    pub binds: bool,
    /// The limits of binding.
    pub limits: Limits,
    /// Records that can't be decided and are to be skipped, by whoever binds.
    pub skips: Vec<Position>,
    /// Where checkpoints are kept; none: every start decides the whole log.
    pub checkpoints: Option<Checkpoints>,
    /// No epoch after this one is decided; none: whatever is bound.
    pub until: Option<Epoch>,
}

/// Checkpoints.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    /// Where they lie.
    pub place: Place,
    /// When they are taken, and how many are kept.
    pub policy: Policy,
    /// Whether the log is trimmed up to the oldest of them.
    pub trims_log: bool,
    /// How long a start asks again where it gets no answer, in milliseconds.
    pub patience_ms: u64,
}

/// Why it could not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Too few or too many workers were asked for.
    #[error("there can be 1 to {WORKERS_MAX} workers, not {0}")]
    Workers(usize),
    /// Log, view store and checkpoints don't go together.
    #[error(transparent)]
    Restart(#[from] RestartError),
    /// The log.
    #[error(transparent)]
    Conductor(#[from] ConductorError),
    /// The view store.
    #[error(transparent)]
    Store(#[from] SinkError),
    /// The system has no thread left.
    #[error("a thread can't be started: {0}")]
    Thread(String),
}

/// The running system.
pub struct Engine {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    accept: Arc<AtomicBool>,
    chunks: Depth,
    conductor: Thread,
    threads: Vec<JoinHandle<()>>,
    bound: Epoch,
}

/// What delivery hears.
enum Heard {
    /// An epoch was handed out; where the conductor stood then, if the state after it is to be kept.
    Bound(Arc<Binding>, Option<Box<Mark>>),
    /// A worker yielded something.
    Yield(Yield),
}

impl From<Yield> for Heard {
    fn from(yielded: Yield) -> Heard {
        Heard::Yield(yielded)
    }
}

impl Engine {
    /// Starts. The view store must keep all views that the jobs make.
    ///
    /// # Errors
    /// If the log or the store can't be read, or don't belong together.
    pub fn start(
        log: Arc<dyn Log>,
        mut store: Box<dyn Sink>,
        clock: Arc<dyn Clock>,
        options: &Options,
    ) -> Result<Engine, EngineError> {
        if !(1..=WORKERS_MAX).contains(&options.workers) {
            return Err(EngineError::Workers(options.workers));
        }
        let found = store.frontier()?;
        let start = begin(log.as_ref(), found.as_ref(), options)?;
        let now = clock.now();
        let mut conductor = Conductor::open(Arc::clone(&log), &options.me, options.limits, now, start.mark)?;
        if let Some(until) = options.until {
            conductor.ends_at(until);
        }
        let ours = Ours {
            installation: options.installation,
            generation: conductor.generation().number,
            logic: LOGIC_VERSION,
            last: Some(conductor.bound_before()).filter(|last| last.0 > 0),
            ends: conductor.log_ends().map_err(ConductorError::from)?,
        };
        let hold = store.hold();
        let mut delivery = Delivery::open(store, ours, options.workers, (start.epoch, start.digest))?;
        if options.binds {
            let log_ends = conductor.log_ends().map_err(ConductorError::from)?;
            let decided = found
                .as_ref()
                .map_or_else(timeline::no_ends, |found| found.ends.clone());
            check_skips(&options.skips, &decided, &log_ends)?;
            delivery.holds(conductor.take(clock.now(), &options.skips)?.number);
        }
        let bound = conductor.bound_before();
        let shared = Arc::new(Shared::new(start.epoch, bound));
        shared.update(|progress| {
            progress.visible = delivery.found();
            progress.deadline = start.state.next_deadline();
            progress.checkpoint = start.checkpoint;
        });
        let chunks = Depth::default();
        let (tell, heard) = channel();
        let dataflow = Dataflow::start(options.workers, chunks.clone(), tell.clone(), start.state);
        let dataflow = dataflow.map_err(EngineError::Thread)?;
        let spare = dataflow.spare();
        let (stop, accept, busy): (Arc<AtomicBool>, _, _) = (Arc::default(), Arc::default(), Arc::default());
        let checkpointing = options.checkpoints.clone().map(|how| Checkpointing {
            log: Arc::clone(&log),
            how: Checkpoints {
                place: how.place.until(Arc::clone(&stop)),
                ..how
            },
            installation: options.installation,
            generation: conductor.generation().number,
            hold,
            shared: Arc::clone(&shared),
            stop: Arc::clone(&stop),
            busy: Arc::clone(&busy),
        });
        let checkpointing = checkpointing.map(Checkpointing::start).transpose()?;
        let (keeper, keeping) = checkpointing.unzip();
        let policy = options.checkpoints.as_ref().map(|how| how.policy);
        let conducting = Conducting {
            records: conductor.records_before(),
            conductor,
            dataflow,
            due: policy.map(|policy| Due::new(policy, clock.now().monotonic_ms)),
            clock,
            tell,
            shared: Arc::clone(&shared),
            stop: Arc::clone(&stop),
            accept: Arc::clone(&accept),
            busy,
        };
        let conducting = spawn("conductor", move || conducting.run())?;
        let conductor = conducting.thread().clone();
        let delivering = Delivering {
            delivery,
            spare,
            shared: Arc::clone(&shared),
            conductor: conductor.clone(),
            stop: Arc::clone(&stop),
            keeper,
        };
        let delivering = spawn("delivery", move || delivering.run(&heard))?;
        let watching = spawn("watch", {
            let (stop, conductor) = (Arc::clone(&stop), conductor.clone());
            move || watch(log.as_ref(), &conductor, &stop)
        })?;
        let threads = [conducting, delivering, watching]
            .into_iter()
            .chain(keeping)
            .collect();
        Ok(Engine {
            shared,
            stop,
            accept,
            chunks,
            conductor,
            threads,
            bound,
        })
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.shared.get()
    }

    /// How long epochs took until they were visible.
    #[must_use]
    pub fn latencies(&self) -> Latencies {
        self.shared.latencies()
    }

    /// The last epoch that was bound when it started, or that it is to end at: up to there it is a replay.
    #[must_use]
    pub fn bound(&self) -> Epoch {
        self.bound
    }

    /// How many chunks of records are on their way to be decided.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.chunks.get()
    }

    /// Waits until `done`, or it has ended, or the time is out; how it stands then.
    pub fn wait(&self, timeout: Duration, done: impl Fn(&Progress) -> bool) -> Progress {
        self.shared.wait(timeout, done)
    }

    /// Accepts the wall clock as it is, where that has stopped it.
    pub fn accept_clock(&self) {
        self.accept.store(true, Ordering::Relaxed);
        self.conductor.unpark();
    }

    /// Finishes what is under way and stops; how it stood at the end.
    #[must_use]
    pub fn stop(mut self) -> Progress {
        self.end();
        self.shared.update(|progress| progress.state = State::Stopped);
        self.shared.get()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.conductor.unpark();
        for thread in self.threads.drain(..) {
            // A thread that panics ends the process.
            let _ = thread.join();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
    }
}

/// Finds where to begin.
fn begin(log: &dyn Log, found: Option<&Frontier>, options: &Options) -> Result<Start, RestartError> {
    let how = options.checkpoints.as_ref();
    let patience = Duration::from_millis(how.map_or(0, |how| how.patience_ms));
    restart::find(
        how.map(|how| &how.place),
        log,
        options.installation,
        found,
        options.workers,
        Patience::of(patience),
    )
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EngineError> {
    let named = thread::Builder::new().name(name.to_owned());
    named
        .spawn(run)
        .map_err(|error| EngineError::Thread(error.to_string()))
}

/// The longest that `watch` waits: it hears of a stop only in between.
const WATCH: Duration = Duration::from_millis(50);

/// Wakes the conductor when there may be records.
fn watch(log: &dyn Log, conductor: &Thread, stop: &AtomicBool) {
    let mut seen = 0;
    while !stop.load(Ordering::Relaxed) {
        let now = log.wait(seen, WATCH);
        if now != seen {
            seen = now;
            conductor.unpark();
        }
    }
}
