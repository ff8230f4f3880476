//! The thread that writes checkpoints, beside everything else. One at a time.
//!
//! A checkpoint that can't be written is a warning: nothing hangs on it but the time of the next start. It is
//! tried again when the next one is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use contract::installation::Installation;
use contract::log::Epoch;
use pipelines::checkout::LOGIC_VERSION;
use sinks::Hold;
use streams::Log;

use super::{Checkpoints, EngineError, spawn};
use crate::checkpoint::{self, Manifest, Take, Taken};
use crate::conductor::Mark;
use crate::delivery::Stand;
use crate::progress::{Held, Shared};
use crate::state::Still;

/// How often it is looked whether the view store has come as far.
const LOOK: Duration = Duration::from_millis(100);

/// Who asks for checkpoints, on delivery's side.
pub struct Keeper {
    /// Where the conductor stood after the epoch whose state was asked for.
    marks: Vec<Mark>,
    to: SyncSender<(Mark, Stand)>,
    busy: Arc<AtomicBool>,
}

impl Keeper {
    /// Hears that the state after an epoch was asked for.
    pub fn expects(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    /// Hands on a state.
    pub fn take(&mut self, stand: Stand) {
        let epoch = Some(stand.binding.epoch);
        let is_its = |mark: &Mark| mark.timeline.last().map(|last| last.epoch) == epoch;
        let mark = self
            .marks
            .iter()
            .position(is_its)
            .map(|at| self.marks.swap_remove(at));
        // Only one is asked for at a time, so that there is room; with nobody there it is not missed.
        let sent = mark.map(|mark| self.to.try_send((mark, stand)).is_ok());
        if sent != Some(true) {
            self.busy.store(false, Ordering::Relaxed);
        }
    }
}

/// What the thread works with.
pub struct Checkpointing {
    pub log: Arc<dyn Log>,
    pub how: Checkpoints,
    pub installation: Installation,
    pub generation: u64,
    pub hold: Hold,
    pub shared: Arc<Shared>,
    pub stop: Arc<AtomicBool>,
    /// A checkpoint was asked for and is not done.
    pub busy: Arc<AtomicBool>,
}

impl Checkpointing {
    /// Starts the thread.
    pub fn start(self) -> Result<(Keeper, JoinHandle<()>), EngineError> {
        let (to, heard) = sync_channel(1);
        let keeper = Keeper {
            marks: Vec::new(),
            to,
            busy: Arc::clone(&self.busy),
        };
        let thread = spawn("checkpoint", move || self.run(&heard))?;
        Ok((keeper, thread))
    }

    fn run(self, heard: &Receiver<(Mark, Stand)>) {
        for (mark, stand) in heard {
            let epoch = stand.binding.epoch;
            let begun = Instant::now();
            let done = self.take(&mark, stand);
            match done {
                Ok(Some(taken)) => {
                    self.tell(epoch, begun, &taken);
                    self.tidy(&taken);
                }
                Ok(None) => tracing::info!(epoch = epoch.0, "a checkpoint was given up: stopping"),
                Err(_) if self.stop.load(Ordering::Relaxed) => {
                    tracing::info!(epoch = epoch.0, "a checkpoint was given up: stopping");
                }
                Err(error) => self.failed(epoch, error),
            }
            self.busy.store(false, Ordering::Relaxed);
        }
    }

    fn take(&self, mark: &Mark, stand: Stand) -> Result<Option<Taken>, String> {
        let epoch = stand.binding.epoch;
        let take = Take {
            installation: self.installation,
            logic: LOGIC_VERSION,
            generation: self.generation,
            binding: stand.binding.as_ref().clone(),
            digest: stand.digest,
            in_force: mark.timeline.generation().cloned(),
            timeline_offset: mark.offset,
            sources: vec![Box::new(Still::new(stand.snapshot, stand.rows))],
        };
        let stored = || self.stored(epoch);
        let go_on = || !self.stop.load(Ordering::Relaxed);
        let done = checkpoint::take(&self.how.place, self.how.policy.keep, take, &go_on, stored);
        done.map_err(|error| error.to_string())
    }

    /// Waits until the view store holds the epoch, and makes that survive a crash of the machine.
    fn stored(&self, epoch: Epoch) -> Result<bool, String> {
        loop {
            let progress = self.shared.wait(LOOK, |progress| {
                progress.visible.is_some_and(|(visible, _)| visible >= epoch)
            });
            if progress.visible.is_some_and(|(visible, _)| visible >= epoch) {
                return self.hold.now().map(|()| true).map_err(|error| error.to_string());
            }
            if progress.has_ended() || self.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
        }
    }

    /// Gives up what is needed no longer. What can't be given up now is after the next checkpoint.
    fn tidy(&self, taken: &Taken) {
        if let Err(error) = &taken.removed {
            tracing::warn!(%error, "older checkpoints were not all removed");
        }
        if !self.how.trims_log {
            return;
        }
        let Manifest { installation, id, .. } = &taken.manifest;
        let place = &self.how.place;
        let trimmed = checkpoint::trim_log(self.log.as_ref(), place, *installation, Some(id.epoch));
        if let Err(error) = trimmed {
            tracing::warn!(%error, "the log was not trimmed");
        }
    }

    fn failed(&self, epoch: Epoch, error: String) {
        let place = self.how.place.name();
        tracing::warn!(epoch = epoch.0, place, %error, "no checkpoint was taken");
        self.shared.update(|progress| {
            progress.checkpoint_failures += 1;
            progress.checkpoint_failed = Some(error);
        });
    }

    fn tell(&self, epoch: Epoch, begun: Instant, taken: &Taken) {
        let (bytes, parts) = (taken.manifest.bytes(), taken.manifest.parts.len());
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let removed = taken.removed.as_ref().map_or(0, Vec::len);
        tracing::info!(epoch = epoch.0, bytes, parts, ms, removed, "checkpoint");
        self.shared.update(|progress| {
            progress.checkpoint = Some(Held {
                took_ms: Some(ms),
                ..Held::of(&taken.manifest)
            });
            progress.checkpoint_failed = None;
        });
    }
}
