//! Delivery: gathers what the workers yield into whole epochs, in order, and commits them to the view store.
//!
//! An epoch is whole once its binding is known and every worker is through with it. Each whole epoch is added
//! to the digest. Epochs that the store holds already (a replay), and views that it does not keep, go no
//! further. Digests are compared with those that the store remembers: one that other logic or another history
//! has filled is refused, not mixed.
//!
//! Invariants: epochs reach the store in order, each once, as many as are waiting in one commit; a commit
//! goes on exactly where the store stands.
//!
//! It fails for good when the store says so (fenced, refused). What may pass (locked, full) is tried again,
//! for ever: nothing is lost meanwhile, the log holds it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use contract::delta::{Delta, merge_epochs};
use contract::digest::{Digest, Sum};
use contract::log::{Binding, Epoch};
use contract::time::Time;
use pipelines::checkout::snapshot::Snapshot;
use sinks::decide::{Ours, Replay, resume};
use sinks::{Commit, Frontier, Sink, SinkError};

use crate::dataflow::{Changes, Yield};

/// Epochs in one commit, at most.
const COMMIT_EPOCHS_MAX: usize = 4096;
/// Bytes of deltas in one commit; the epoch that passes it is the last of the commit.
const COMMIT_BYTES_MAX: usize = 8 << 20;
/// The same while a replay fills the store. Nobody waits to see these epochs, and a store whose rows come in
/// no order writes each of its pages once a commit: the larger the commit, the fewer the pages.
const FILL_BYTES_MAX: usize = 64 << 20;
/// A fill waits until it has so many bytes, or has come to its end.
const FILL_BYTES_MIN: usize = 48 << 20;

/// An epoch on its way.
#[derive(Debug, Default)]
struct Gathering {
    binding: Option<Arc<Binding>>,
    deltas: Vec<Delta>,
    snapshot: Option<Arc<Snapshot>>,
}

/// The state after an epoch, and what was said up to it.
#[derive(Debug)]
pub struct Stand {
    /// The epoch.
    pub binding: Arc<Binding>,
    /// All changes up to it.
    pub digest: Digest,
    /// The state of `checkout`.
    pub snapshot: Arc<Snapshot>,
    /// What the jobs beside it keep, in parts.
    pub rows: Vec<Vec<u8>>,
}

/// An epoch of which all is known.
#[derive(Debug)]
struct Whole {
    binding: Arc<Binding>,
    deltas: Vec<Delta>,
    digest: Digest,
    bytes: usize,
}

/// What a call of [`Delivery::commit`] has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The store holds this epoch now.
    Through(Epoch, Time),
    /// Nothing waits.
    Nothing,
}

/// Gathers epochs, and commits them.
pub struct Delivery {
    store: Box<dyn Sink>,
    ours: Ours,
    /// What the store held when we came, until our history has come as far.
    found: Option<Frontier>,
    replay: Replay,
    digest: Digest,
    gathering: BTreeMap<Epoch, Gathering>,
    /// Per worker the epoch that it is through with.
    through: Vec<Epoch>,
    decided: Epoch,
    deadline: Option<Time>,
    whole: VecDeque<Whole>,
    /// A commit that is under way, until it is known to count.
    current: Option<Commit>,
    stored: Option<Epoch>,
    pending_bytes: usize,
    /// The store was not told that it has caught up.
    behind: bool,
    /// A state that was asked for.
    stand: Option<Stand>,
    /// The jobs' rows for it, and how many workers have told all of theirs.
    rows: (Vec<Vec<u8>>, usize),
    /// Nothing more comes.
    ends: bool,
    spare: Vec<Delta>,
}

impl Delivery {
    /// Looks where the store stands. The first epoch that comes is the one after `after`, whose digest is
    /// given: the first of all, or that of a checkpoint.
    ///
    /// # Errors
    /// If the store can't be read, or must not be continued.
    pub fn open(
        mut store: Box<dyn Sink>,
        ours: Ours,
        workers: usize,
        (after, digest): (Epoch, Digest),
    ) -> Result<Delivery, SinkError> {
        let found = store.frontier()?;
        resume(found.as_ref(), &ours).map_err(|why| refused(store.as_ref(), &why))?;
        let mut replay = Replay::new(store.digests()?);
        let differs = replay.check(after, digest);
        differs.map_err(|why| refused(store.as_ref(), &why))?;
        Ok(Delivery {
            stored: found.as_ref().map(|found| found.epoch),
            store,
            ours,
            found,
            replay,
            digest,
            gathering: BTreeMap::new(),
            through: vec![after; workers],
            decided: after,
            deadline: None,
            whole: VecDeque::new(),
            current: None,
            pending_bytes: 0,
            behind: true,
            stand: None,
            rows: (Vec::new(), 0),
            ends: false,
            spare: Vec::new(),
        })
    }

    /// Notes the generation that we hold.
    pub fn holds(&mut self, generation: u64) {
        self.ours.generation = generation;
    }

    /// The epoch and clock that the store held when we came, while it holds no more.
    #[must_use]
    pub fn found(&self) -> Option<(Epoch, Time)> {
        self.found.as_ref().map(|found| (found.epoch, found.clock))
    }

    /// The last epoch that is decided, and the earliest deadline after it.
    #[must_use]
    pub fn decided(&self) -> (Epoch, Option<Time>) {
        (self.decided, self.deadline)
    }

    /// Bytes of deltas that are on their way.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// The state after an epoch of which it was asked for, once that is whole.
    pub fn take_stand(&mut self) -> Option<Stand> {
        let is_whole = self.rows.1 == self.through.len();
        let stand = self.stand.take_if(|_| is_whole)?;
        let (rows, _) = std::mem::take(&mut self.rows);
        Some(Stand { rows, ..stand })
    }

    /// Deltas that nobody needs any more.
    pub fn take_spare(&mut self) -> Vec<Delta> {
        std::mem::take(&mut self.spare)
    }

    /// Hears that an epoch was handed out to be decided.
    pub fn bound(&mut self, binding: Arc<Binding>) {
        let gathering = self.gathering.entry(binding.epoch).or_default();
        gathering.binding = Some(binding);
    }

    /// Hears what a worker yields.
    ///
    /// # Errors
    /// If the store was filled by another history or other logic.
    pub fn hear(&mut self, yielded: Yield) -> Result<(), SinkError> {
        match yielded {
            Yield::Changes(changes) => {
                let Changes {
                    epoch,
                    deltas,
                    deadline,
                    snapshot,
                } = changes;
                self.gathering.entry(epoch).or_default().snapshot = snapshot;
                self.part(epoch, deltas);
                self.deadline = deadline;
                Ok(())
            }
            Yield::Part(epoch, deltas) => {
                self.part(epoch, deltas);
                Ok(())
            }
            Yield::Rows(rows) => {
                self.rows.0.push(rows);
                Ok(())
            }
            Yield::AllRows(_) => {
                self.rows.1 += 1;
                Ok(())
            }
            Yield::Through(worker, epoch) => {
                self.through[worker] = epoch;
                self.complete()
            }
        }
    }

    fn part(&mut self, epoch: Epoch, deltas: Vec<Delta>) {
        self.pending_bytes += deltas.iter().map(Delta::size_bytes).sum::<usize>();
        self.gathering.entry(epoch).or_default().deltas.extend(deltas);
    }

    /// Moves on the epochs that every worker is through with.
    fn complete(&mut self) -> Result<(), SinkError> {
        let through = self.through.iter().min().copied().unwrap_or(Epoch(0));
        while let Some(first) = self
            .gathering
            .first_entry()
            .filter(|first| *first.key() <= through)
        {
            let Some(binding) = first.get().binding.clone() else {
                // The workers are faster than the word that it was handed out.
                break;
            };
            let Gathering { deltas, snapshot, .. } = first.remove();
            let deltas = whole(deltas);
            let mut sum = Sum::default();
            deltas.iter().for_each(|delta| sum.add(delta));
            self.digest = self.digest.after(binding.epoch, binding.clock, sum);
            self.decided = binding.epoch;
            if let Some(snapshot) = snapshot {
                self.stand = Some(Stand {
                    binding: Arc::clone(&binding),
                    digest: self.digest,
                    snapshot,
                    rows: Vec::new(),
                });
            }
            self.whole(binding, deltas)?;
        }
        Ok(())
    }

    fn whole(&mut self, binding: Arc<Binding>, mut deltas: Vec<Delta>) -> Result<(), SinkError> {
        let (epoch, digest) = (binding.epoch, self.digest);
        let differs = self.replay.check(epoch, digest);
        differs.map_err(|why| refused(self.store.as_ref(), &why))?;
        self.found.take_if(|found| epoch >= found.epoch);
        let held = self.stored.is_some_and(|stored| epoch <= stored);
        let (views, spare) = (self.store.views(), &mut self.spare);
        let of_use = |delta: &Delta| !held && views.contains(&delta.view());
        let passed_over = deltas.extract_if(.., |delta| !of_use(delta));
        self.pending_bytes -= passed_over
            .map(|delta| {
                let bytes = delta.size_bytes();
                spare.push(delta);
                bytes
            })
            .sum::<usize>();
        if held {
            return Ok(());
        }
        let bytes = deltas.iter().map(Delta::size_bytes).sum();
        self.whole.push_back(Whole {
            binding,
            deltas,
            digest,
            bytes,
        });
        Ok(())
    }

    /// Hears that nothing more comes: what waits is not kept waiting.
    pub fn ends(&mut self) {
        self.ends = true;
    }

    /// Commits the epochs that are waiting, or goes on with a commit whose fate is not known.
    ///
    /// # Errors
    /// After [`SinkError::Retry`] and [`SinkError::InDoubt`] it is to be called again; all else is for good.
    pub fn commit(&mut self) -> Result<Delivered, SinkError> {
        if self.current.is_none() {
            self.current = self.next_commit();
        }
        let Some(commit) = &self.current else {
            self.caught_up()?;
            return Ok(Delivered::Nothing);
        };
        match self.store.commit(commit) {
            Ok(()) => {}
            Err(SinkError::InDoubt { .. } | SinkError::Elsewhere { .. }) => self.settle()?,
            Err(error) => return Err(error),
        }
        let commit = self.current.take().expect("there is one under way");
        let Frontier { epoch, clock, .. } = commit.frontier;
        self.stored = Some(epoch);
        Ok(Delivered::Through(epoch, clock))
    }

    /// Tells the store, once, that it holds all that was bound when we came.
    fn caught_up(&mut self) -> Result<(), SinkError> {
        if self.behind && self.stored >= self.ours.last {
            self.store.caught_up()?;
            self.behind = false;
        }
        Ok(())
    }

    /// Finds out whether the commit under way counts.
    fn settle(&mut self) -> Result<(), SinkError> {
        let found = self.store.frontier()?;
        let Some(commit) = &self.current else {
            return Ok(());
        };
        if found.as_ref() == Some(&commit.frontier) {
            return Ok(());
        }
        let (sink, found) = (self.store.name().to_owned(), found.map(|found| found.epoch));
        if found == commit.after {
            let what = "the last commit did not count; it is made again".to_owned();
            return Err(SinkError::Retry { sink, what });
        }
        let expected = commit.after;
        Err(SinkError::Elsewhere {
            sink,
            found,
            expected,
        })
    }

    /// The epochs that are waiting, as one commit.
    fn next_commit(&mut self) -> Option<Commit> {
        let fills = !self.ends && self.ours.last > Some(self.decided);
        if fills && self.pending_bytes < FILL_BYTES_MIN && self.whole.len() < COMMIT_EPOCHS_MAX {
            return None;
        }
        let bytes_max = if fills { FILL_BYTES_MAX } else { COMMIT_BYTES_MAX };
        let (mut epochs, mut bytes) = (0, 0);
        for whole in self.whole.iter().take(COMMIT_EPOCHS_MAX) {
            epochs += 1;
            bytes += whole.bytes;
            if bytes >= bytes_max {
                break;
            }
        }
        let mut whole: Vec<Whole> = self.whole.drain(..epochs).collect();
        let last = whole.last()?;
        let frontier = Frontier {
            installation: self.ours.installation,
            generation: self.ours.generation,
            epoch: last.binding.epoch,
            clock: last.binding.clock,
            ends: last.binding.ends.clone(),
            digest: last.digest,
            logic: self.ours.logic,
        };
        let digests = whole.iter().map(|w| (w.binding.epoch, w.digest)).collect();
        let deltas = if let [only] = whole.as_mut_slice() {
            std::mem::take(&mut only.deltas)
        } else {
            let merged = merge_epochs(whole.iter().map(|whole| whole.deltas.as_slice()));
            self.spare
                .extend(whole.into_iter().flat_map(|whole| whole.deltas));
            merged
        };
        self.pending_bytes -= bytes;
        Some(Commit {
            after: self.stored,
            frontier,
            digests,
            deltas,
        })
    }
}

/// The deltas of an epoch, one a view, in the order of views.
fn whole(mut deltas: Vec<Delta>) -> Vec<Delta> {
    deltas.sort_by_key(Delta::view);
    if deltas.windows(2).all(|w| w[0].view() != w[1].view()) {
        return deltas;
    }
    let parts = deltas.chunk_by(|a, b| a.view() == b.view());
    let join = |parts: &[Delta]| contract::delta::join(&parts.iter().collect::<Vec<_>>());
    parts.map(join).collect()
}

fn refused(store: &dyn Sink, why: &dyn std::fmt::Display) -> SinkError {
    SinkError::Refused {
        sink: store.name().to_owned(),
        what: why.to_string(),
    }
}
