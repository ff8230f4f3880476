//! The conductor's thread: hands out epochs and their records, and tells delivery of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use contract::log::{Binding, Epoch};
use streams::LogError;

use super::{Heard, NAP, RETRY};
use crate::checkpoint::Due;
use crate::clock::{Clock, Now};
use crate::conductor::{Conductor, ConductorError, Turn};
use crate::dataflow::Dataflow;
use crate::progress::{Progress, Shared, State};

/// What the thread works with.
pub struct Conducting {
    pub conductor: Conductor,
    pub dataflow: Dataflow,
    pub clock: Arc<dyn Clock>,
    pub tell: Sender<Heard>,
    pub shared: Arc<Shared>,
    pub stop: Arc<AtomicBool>,
    pub accept: Arc<AtomicBool>,
    /// When the next checkpoint is due; none if none is taken.
    pub due: Option<Due>,
    /// A checkpoint was asked for and is not done.
    pub busy: Arc<AtomicBool>,
    /// Records up to the last epoch.
    pub records: u64,
}

impl Conducting {
    /// Works until it is asked to stop.
    pub fn run(mut self) {
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
        let read = self.conductor.timeline_read();
        self.shared.update(|progress| {
            progress.handed_out = epoch;
            progress.timeline_read = read;
        });
        let is_due = self.is_due(binding);
        let mark = is_due.then(|| Box::new(self.conductor.mark()));
        // Delivery is there as long as this thread.
        let _ = self.tell.send(Heard::Bound(Arc::clone(binding), mark));
        self.dataflow.clock(epoch, binding.clock, is_due);
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

    /// Whether the state after the epoch is to be kept.
    fn is_due(&mut self, binding: &Binding) -> bool {
        let all: u64 = binding.ends.iter().flatten().sum();
        let records = all - std::mem::replace(&mut self.records, all);
        let now_ms = self.clock.now().monotonic_ms;
        let Some(due) = &mut self.due else {
            return false;
        };
        let is_due = due.epoch(records, now_ms, self.busy.load(Ordering::Relaxed));
        if is_due {
            self.busy.store(true, Ordering::Relaxed);
        }
        is_due
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
