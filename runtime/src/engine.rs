//! The engine: conductor, workers and delivery in threads of their own.
//!
//! ```text
//! log ─► [conductor] ─► [workers] ─► [delivery] ─► view store
//!            ▲                           │
//!            └── how far it is ──────────┘
//! ```
//!
//! Threads: `conductor`; `watch`, which wakes it when records come; one per worker; `delivery`. Queues, each
//! bounded: `chunks` before the workers (by number), `deltas` before the view store (by bytes and epochs: the
//! conductor hands out no further epoch while it is full).
//!
//! Stopping is graceful: what was handed out is decided and committed, then the threads end. What fails for
//! good stops the engine in the same way and is told ([`State::Failed`]); what may pass is tried again, and
//! told meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use contract::delta::Delta;
use contract::installation::Installation;
use contract::log::{Binding, Epoch};
use contract::time::Time;
use pipelines::checkout::LOGIC_VERSION;
use sinks::decide::Ours;
use sinks::{Sink, SinkError};
use streams::timeline::Limits;
use streams::{Log, LogError};

use crate::clock::{Clock, Now};
use crate::conductor::{Conductor, ConductorError, Turn};
use crate::dataflow::{Dataflow, WORKERS_MAX, Yield};
use crate::delivery::{Delivered, Delivery};
use crate::latency::Latencies;
use crate::progress::{Progress, Shared, State};
use crate::queue::Depth;

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
}

/// Why it could not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Too few or too many workers were asked for.
    #[error("there can be 1 to {WORKERS_MAX} workers, not {0}")]
    Workers(usize),
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
}

/// What delivery hears.
enum Heard {
    Bound(Arc<Binding>),
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
        store: Box<dyn Sink>,
        clock: Arc<dyn Clock>,
        options: &Options,
    ) -> Result<Engine, EngineError> {
        if !(1..=WORKERS_MAX).contains(&options.workers) {
            return Err(EngineError::Workers(options.workers));
        }
        let mut conductor = Conductor::open(Arc::clone(&log), &options.me, options.limits, clock.now())?;
        let ours = Ours {
            installation: options.installation,
            generation: conductor.generation().number,
            logic: LOGIC_VERSION,
            last: Some(conductor.bound_before()).filter(|last| last.0 > 0),
            ends: conductor.log_ends().map_err(ConductorError::from)?,
        };
        let mut delivery = Delivery::open(store, ours, options.workers)?;
        if options.binds {
            delivery.holds(conductor.take(clock.now())?.number);
        }
        let shared = Arc::new(Shared::new(conductor.bound_before()));
        shared.update(|progress| progress.visible = delivery.found());
        let chunks = Depth::default();
        let (tell, heard) = channel();
        let dataflow = Dataflow::start(options.workers, chunks.clone(), tell.clone());
        let dataflow = dataflow.map_err(EngineError::Thread)?;
        let spare = dataflow.spare();
        let (stop, accept) = (Arc::default(), Arc::default());
        let conducting = Conducting {
            conductor,
            dataflow,
            clock,
            tell,
            shared: Arc::clone(&shared),
            stop: Arc::clone(&stop),
            accept: Arc::clone(&accept),
        };
        let conducting = spawn("conductor", move || conducting.run())?;
        let conductor = conducting.thread().clone();
        let delivering = Delivering {
            delivery,
            spare,
            shared: Arc::clone(&shared),
            conductor: conductor.clone(),
            stop: Arc::clone(&stop),
        };
        let threads = vec![
            conducting,
            spawn("delivery", move || delivering.run(&heard))?,
            spawn("watch", {
                let (stop, conductor) = (Arc::clone(&stop), conductor.clone());
                move || watch(log.as_ref(), &conductor, &stop)
            })?,
        ];
        Ok(Engine {
            shared,
            stop,
            accept,
            chunks,
            conductor,
            threads,
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

struct Conducting {
    conductor: Conductor,
    dataflow: Dataflow,
    clock: Arc<dyn Clock>,
    tell: Sender<Heard>,
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    accept: Arc<AtomicBool>,
}

impl Conducting {
    fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.clock.now();
            if self.accept.swap(false, Ordering::Relaxed) {
                self.conductor.accept_clock(now);
            }
            if let Err(error) = self.turn(now) {
                self.failed(&error);
            }
        }
        self.dataflow.stop();
    }

    fn turn(&mut self, now: Now) -> Result<(), ConductorError> {
        match self.conductor.turn(now, self.shared.flight())? {
            Turn::Epoch(binding) => {
                self.moves(binding.epoch);
                self.hand_out(&binding);
            }
            Turn::WaitUntil { monotonic_ms } => {
                self.moves(self.conductor.handed_out());
                let ms = monotonic_ms.saturating_sub(now.monotonic_ms);
                thread::park_timeout(Duration::from_millis(ms).min(NAP));
            }
            Turn::Full => thread::park_timeout(NAP),
            Turn::Stopped { wall, limit } => {
                let state = State::ClockStopped { wall, limit };
                if self.shared.get().state != state {
                    tracing::error!(%wall, %limit, "the clock jumped ahead; nothing is bound until it is accepted");
                }
                self.shared.update(|progress| progress.state = state);
                thread::park_timeout(RETRY);
            }
        }
        Ok(())
    }

    /// Notes that the log and the clock are well.
    fn moves(&self, epoch: Epoch) {
        let until = self.conductor.bound_before();
        let state = if epoch < until {
            State::CatchingUp { until }
        } else {
            State::Live
        };
        let is_new = |progress: &Progress| match &progress.state {
            State::StoreWaiting(_) => false,
            other => *other != state,
        };
        if is_new(&self.shared.get()) {
            tracing::info!(epoch = epoch.0, ?state, "moving");
            self.shared.update(|progress| progress.state = state);
        }
    }

    /// Hands an epoch and its records to the workers.
    fn hand_out(&mut self, binding: &Arc<Binding>) {
        let epoch = binding.epoch;
        self.shared.update(|progress| progress.handed_out = epoch);
        // Delivery is there as long as this thread.
        let _ = self.tell.send(Heard::Bound(Arc::clone(binding)));
        self.dataflow.clock(epoch, binding.clock);
        loop {
            let dataflow = &mut self.dataflow;
            match self.conductor.records(&mut |chunk| dataflow.feed(epoch, chunk)) {
                Ok(()) => break self.dataflow.close(epoch),
                // An epoch that was begun is never ended without its records.
                Err(error) => self.failed(&error),
            }
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
    }

    /// Tells of a failure, and waits before it is tried again, or ends.
    fn failed(&self, error: &ConductorError) {
        let passing = matches!(error, ConductorError::Log(log) if may_pass(log));
        let what = error.to_string();
        if passing {
            if self.shared.get().state != State::LogWaiting(what.clone()) {
                tracing::warn!(error = what, "the log does not go on; trying again");
            }
            self.shared
                .update(|progress| progress.state = State::LogWaiting(what));
            thread::park_timeout(RETRY);
        } else {
            tracing::error!(error = what, "stopping");
            self.shared
                .update(|progress| progress.state = State::Failed(what));
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether a failure of the log may pass by itself.
fn may_pass(error: &LogError) -> bool {
    matches!(error, LogError::Io { .. } | LogError::DiskFull { .. })
}

struct Delivering {
    delivery: Delivery,
    spare: Sender<Vec<Delta>>,
    shared: Arc<Shared>,
    conductor: Thread,
    stop: Arc<AtomicBool>,
}

impl Delivering {
    /// Gathers and commits until nobody is left to be heard.
    fn run(mut self, heard: &Receiver<Heard>) {
        let mut failed = false;
        let mut nap = NAP;
        loop {
            let mut next = heard.recv_timeout(nap);
            let ended = matches!(next, Err(RecvTimeoutError::Disconnected));
            if ended {
                self.delivery.ends();
            }
            let done = self.hear(&mut next, heard, failed);
            let done = done.and_then(|()| {
                if failed {
                    Ok(Delivered::Nothing)
                } else {
                    self.delivery.commit()
                }
            });
            nap = match done {
                Ok(Delivered::Through(epoch, clock)) => {
                    self.through(epoch, clock);
                    Duration::ZERO
                }
                Ok(Delivered::Nothing) => NAP,
                Err(SinkError::Retry { what, .. } | SinkError::InDoubt { what, .. }) => {
                    self.waits(what);
                    // What the store did not take is in the log: the next start brings it.
                    failed |= ended;
                    RETRY
                }
                Err(error) => {
                    failed = true;
                    self.failed(&error);
                    NAP
                }
            };
            if ended && nap == NAP {
                return;
            }
        }
    }

    /// Hears everything that waits.
    fn hear(
        &mut self,
        next: &mut Result<Heard, RecvTimeoutError>,
        heard: &Receiver<Heard>,
        failed: bool,
    ) -> Result<(), SinkError> {
        while let Ok(event) = std::mem::replace(next, Err(RecvTimeoutError::Timeout)) {
            match event {
                Heard::Bound(binding) if !failed => self.delivery.bound(binding),
                Heard::Yield(yielded) if !failed => self.delivery.hear(yielded)?,
                _ => {}
            }
            *next = heard.try_recv().map_err(|_| RecvTimeoutError::Timeout);
        }
        self.tell();
        Ok(())
    }

    /// Says how far it is.
    fn tell(&mut self) {
        let (decided, deadline) = self.delivery.decided();
        let pending = self.delivery.pending_bytes() as u64;
        let spare = self.delivery.take_spare();
        if !spare.is_empty() {
            // The decider may be gone already.
            let _ = self.spare.send(spare);
        }
        self.shared.update(|progress| {
            progress.decided = decided;
            progress.deadline = deadline;
            progress.pending_bytes = pending;
        });
        self.conductor.unpark();
    }

    fn through(&mut self, epoch: Epoch, clock: Time) {
        self.shared.update(|progress| {
            progress.visible = Some((epoch, clock));
            if matches!(progress.state, State::StoreWaiting(_)) {
                tracing::info!(epoch = epoch.0, "the view store goes on");
                progress.state = State::Live;
            }
        });
        self.tell();
    }

    fn waits(&self, what: String) {
        if self.shared.get().state != State::StoreWaiting(what.clone()) {
            tracing::warn!(error = what, "the view store does not take changes; trying again");
        }
        self.shared
            .update(|progress| progress.state = State::StoreWaiting(what));
    }

    fn failed(&self, error: &SinkError) {
        let what = error.to_string();
        tracing::error!(error = what, "stopping");
        self.shared
            .update(|progress| progress.state = State::Failed(what));
        self.stop.store(true, Ordering::Relaxed);
        self.conductor.unpark();
    }
}
