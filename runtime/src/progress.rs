//! How far the running system is, shared between its threads and with whoever asks.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contract::log::Epoch;
use contract::time::Time;

use crate::checkpoint::{self, Manifest};
use crate::conductor::Flight;
use crate::latency::{Latencies, Stopwatch};

/// Epochs handed out and not yet decided, at most.
const DECIDING_MAX: u64 = 64;
/// Epochs handed out and not yet in the view store, at most.
const EPOCHS_MAX: u64 = 8192;
/// Bytes of deltas that are not yet in the view store; above this no further epoch is handed out.
const BYTES_MAX: u64 = 96 << 20;

/// What the system is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Epochs that were bound before we came are decided again.
    CatchingUp {
        /// The last of them.
        until: Epoch,
    },
    /// Epochs are bound as records come.
    Live,
    /// The wall clock jumped ahead: nothing is bound until it is accepted, or has come back.
    ClockStopped {
        /// What it reads.
        wall: Time,
        /// What it may read at most.
        limit: Time,
    },
    /// The log does not take or give records at the moment; it is tried again. Says why.
    LogWaiting(String),
    /// The view store does not take changes at the moment; it is tried again. Says why.
    StoreWaiting(String),
    /// It was asked to stop, and has.
    Stopped,
    /// It can't go on. Says why, and what to do.
    Failed(String),
}

/// A checkpoint that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub id: checkpoint::Id,
    /// Its epoch's clock.
    pub clock: Time,
    /// Bytes of its parts, as they lie there.
    pub bytes: u64,
    /// How long it took, in milliseconds; none if another process has taken it.
    pub took_ms: Option<u64>,
}

impl Held {
    /// A checkpoint of which nothing but the manifest is known.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Held {
        Held {
            id: manifest.id,
            clock: manifest.binding.clock,
            bytes: manifest.bytes(),
            took_ms: None,
        }
    }
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub state: State,
    /// The last epoch handed out to be decided.
    pub handed_out: Epoch,
    /// Up to which offset the timeline was read for that.
    pub timeline_read: u64,
    /// The last epoch decided.
    pub decided: Epoch,
    /// The epoch that the view store holds, and its clock; none if it is empty.
    pub visible: Option<(Epoch, Time)>,
    /// Bytes of deltas on their way to the view store.
    pub pending_bytes: u64,
    /// The earliest deadline after the last epoch decided.
    pub deadline: Option<Time>,
    /// The newest checkpoint; none if there is none.
    pub checkpoint: Option<Held>,
    /// Why the last checkpoint was not taken; none if it was.
    pub checkpoint_failed: Option<String>,
    /// How many were not taken since the start.
    pub checkpoint_failures: u64,
}

impl Progress {
    /// What the conductor needs to know.
    pub(crate) fn flight(&self) -> Flight {
        let epochs = self.handed_out.0 - self.decided.0;
        let visible = self.visible.map_or(0, |(epoch, _)| epoch.0);
        // While the store is ahead of a replay it needs nothing.
        let undelivered = self.handed_out.0.saturating_sub(visible);
        Flight {
            epochs,
            room: epochs < DECIDING_MAX && undelivered < EPOCHS_MAX && self.pending_bytes < BYTES_MAX,
            deadline: self.deadline,
        }
    }

    /// Whether nothing moves any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Stopped | State::Failed(_))
    }
}

/// The progress that threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    progress: Mutex<Progress>,
    moved: Condvar,
    stopwatch: Mutex<Stopwatch>,
}

impl Shared {
    /// At the start: after `after`, with bound epochs to decide up to `until`.
    pub(crate) fn new(after: Epoch, until: Epoch) -> Shared {
        let progress = Progress {
            state: State::CatchingUp { until },
            handed_out: after,
            timeline_read: 0,
            decided: after,
            visible: None,
            pending_bytes: 0,
            deadline: None,
            checkpoint: None,
            checkpoint_failed: None,
            checkpoint_failures: 0,
        };
        Shared {
            progress: Mutex::new(progress),
            moved: Condvar::new(),
            stopwatch: Mutex::default(),
        }
    }

    /// How long epochs took so far.
    pub(crate) fn latencies(&self) -> Latencies {
        self.stopwatch().latencies()
    }

    fn stopwatch(&self) -> MutexGuard<'_, Stopwatch> {
        self.stopwatch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self) -> Progress {
        self.lock().clone()
    }

    pub(crate) fn flight(&self) -> Flight {
        self.lock().flight()
    }

    /// Changes something, and wakes those who wait. After the end nothing changes any more.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.lock();
        if !progress.has_ended() {
            let (handed_out, visible) = (progress.handed_out, progress.visible);
            change(&mut progress);
            if progress.handed_out != handed_out && progress.state == State::Live {
                self.stopwatch().handed_out(progress.handed_out);
            }
            if let Some((epoch, _)) = progress.visible.filter(|_| progress.visible != visible) {
                self.stopwatch().visible(epoch);
            }
            self.moved.notify_all();
        }
    }

    /// Waits until `done`, or the time is out; how it stands then.
    pub(crate) fn wait(&self, timeout: Duration, done: impl Fn(&Progress) -> bool) -> Progress {
        let until = Instant::now() + timeout;
        let mut progress = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || progress.has_ended() || done(&progress) {
                return progress.clone();
            }
            progress = self
                .moved
                .wait_timeout(progress, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}
