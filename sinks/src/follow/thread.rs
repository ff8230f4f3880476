//! The sink's thread: takes the sink to where the store stands, again and again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::delta::merge_epochs;
use contract::log::Epoch;

use super::rows::StoreRows;
use super::{Shared, lock};
use crate::decide::Taken;
use crate::{Commit, Frontier, Sink, SinkError};

/// Before something that failed, and may not fail again, is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// Of so many moments of the store it is known that they were. It is more than are tried while nobody knows
/// which of them the sink came to hold.
const SEEN_MAX: usize = 1000;
/// The longest that the thread sleeps.
const NAP: Duration = Duration::from_secs(1);

/// The thread's own.
pub(super) struct Following {
    pub(super) name: Arc<str>,
    pub(super) sink: Box<dyn Sink>,
    pub(super) rows: StoreRows,
    pub(super) shared: Arc<Shared>,
    /// Where the sink stands; none: it is to be asked.
    pub(super) known: Option<Option<Frontier>>,
    /// Where the store was seen to stand, the last last: what is of its history.
    pub(super) seen: VecDeque<Frontier>,
    /// What was taken from the queue and is not committed.
    pub(super) held: Vec<Arc<Commit>>,
}

impl Following {
    /// Until it is over.
    pub(super) fn run(&mut self) {
        loop {
            let commits = lock(&self.shared.waiting).commits;
            let step = self.step();
            self.rows.end();
            let mut waiting = lock(&self.shared.waiting);
            let progress = &mut waiting.progress;
            progress.epoch = self.known.as_ref().and_then(|known| Some(known.as_ref()?.epoch));
            let (nap, is_there) = match &step {
                Ok(true) => (Duration::ZERO, false),
                Ok(false) => (NAP, true),
                Err(_) => (RETRY, false),
            };
            progress.failed = matches!(step, Err(SinkError::Fenced { .. } | SinkError::Refused { .. }));
            let told = progress.trouble.take();
            progress.trouble = step.err().map(|error| error.to_string());
            match &progress.trouble {
                Some(trouble) if progress.failed => {
                    tracing::error!(
                        sink = &*self.name,
                        trouble,
                        "a sink follows no longer, and won't by itself"
                    );
                }
                // Once, not at every try.
                Some(trouble) if told != progress.trouble => {
                    tracing::warn!(sink = &*self.name, trouble, "a sink does not follow");
                }
                None if told.is_some() => tracing::info!(sink = &*self.name, "a sink follows again"),
                _ => {}
            }
            let is_over = waiting.stop_by.is_some_and(|by| is_there || Instant::now() >= by);
            if waiting.progress.failed || is_over {
                return;
            }
            // What comes first: a commit of the store's, the end of the nap.
            if !nap.is_zero() && waiting.commits == commits {
                drop(self.shared.changed.wait_timeout(waiting, nap));
            }
        }
    }

    /// Takes the sink to where the store stands; whether there was anything to do.
    fn step(&mut self) -> Result<bool, SinkError> {
        let known = match &self.known {
            Some(known) => known.clone(),
            None => self.known.insert(self.sink.frontier()?).clone(),
        };
        let at = known.as_ref().map(|known| known.epoch);
        let Some(store) = self.rows.look()? else {
            return Ok(false);
        };
        if at > Some(store.epoch) {
            // The store lost its last commits, and gets them again.
            return Ok(false);
        }
        if self.seen.back() != Some(&store) {
            self.seen.push_back(store.clone());
        }
        if self.seen.len() > SEEN_MAX {
            self.seen.pop_front();
        }
        let is_of_store = known.as_ref().is_none_or(|known| self.has_seen(known));
        let taken = lock(&self.shared.waiting).queue.take_until(store.epoch);
        match taken {
            Taken::Refill => return self.refill(&store),
            Taken::Nothing => {}
            Taken::Commit(epochs) => self.held.extend(epochs.into_iter().map(|(_, commit)| commit)),
        }
        self.held.retain(|commit| Some(commit.frontier.epoch) > at);
        let ends = self.held.first().zip(self.held.last());
        match ends {
            None if is_of_store && at == Some(store.epoch) => Ok(false),
            Some((first, last)) if is_of_store && first.after == at && last.frontier.epoch == store.epoch => {
                self.commit(at)
            }
            _ => {
                let mut waiting = lock(&self.shared.waiting);
                waiting.queue.give_up();
                let _ = waiting.queue.take_until(store.epoch);
                drop(waiting);
                self.refill(&store)
            }
        }
    }

    /// Whether the store stood there while we looked.
    fn has_seen(&self, known: &Frontier) -> bool {
        let at = |seen: &Frontier| (seen.epoch, seen.digest, seen.logic);
        self.seen.iter().any(|seen| at(seen) == at(known))
    }

    fn commit(&mut self, after: Option<Epoch>) -> Result<bool, SinkError> {
        let Some(last) = self.held.last() else {
            return Ok(false);
        };
        let commit = Commit {
            after,
            frontier: last.frontier.clone(),
            digests: self
                .held
                .iter()
                .flat_map(|commit| commit.digests.iter().copied())
                .collect(),
            deltas: merge_epochs(self.held.iter().map(|commit| commit.deltas.as_slice())),
        };
        // Asked again, if it fails.
        self.known = None;
        self.sink.commit(&commit)?;
        self.known = Some(Some(commit.frontier));
        self.held.clear();
        Ok(true)
    }

    fn refill(&mut self, store: &Frontier) -> Result<bool, SinkError> {
        self.held.clear();
        self.known = None;
        let mut rows = self.rows.all(self.sink.views().to_vec());
        self.sink.refill(store, &mut rows)?;
        self.known = Some(Some(store.clone()));
        let mut waiting = lock(&self.shared.waiting);
        waiting.progress.refills += 1;
        waiting.queue.refilled(store.epoch);
        Ok(true)
    }
}
