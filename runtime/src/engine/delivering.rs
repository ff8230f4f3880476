//! Delivery's thread: gathers epochs and commits them to the view store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::Thread;
use std::time::Duration;

use contract::delta::Delta;
use contract::log::Epoch;
use contract::time::Time;
use sinks::SinkError;

use super::checkpointing::Keeper;
use super::{Heard, NAP, RETRY};
use crate::delivery::{Delivered, Delivery};
use crate::progress::{Shared, State};

/// What the thread works with.
pub struct Delivering {
    pub delivery: Delivery,
    pub spare: Sender<Vec<Delta>>,
    pub shared: Arc<Shared>,
    pub conductor: Thread,
    pub stop: Arc<AtomicBool>,
    /// Who takes checkpoints; none if nobody does.
    pub keeper: Option<Keeper>,
}

impl Delivering {
    /// Works until nobody is left to be heard.
    pub fn run(mut self, heard: &Receiver<Heard>) {
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
                Heard::Bound(binding, mark) if !failed => {
                    self.delivery.bound(binding);
                    if let (Some(keeper), Some(mark)) = (&mut self.keeper, mark) {
                        keeper.expects(*mark);
                    }
                }
                Heard::Yield(yielded) if !failed => self.delivery.hear(yielded)?,
                _ => {}
            }
            if let (Some(keeper), Some(stand)) = (&mut self.keeper, self.delivery.take_stand()) {
                keeper.take(stand);
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
