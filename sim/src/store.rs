//! A transactional view store in memory, which fails before, inside and after commits as it is told to.
//!
//! It outlives the processes that write to it: clones share what it holds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::delta::{Delta, Op, ValueRef};
use contract::digest::Digest;
use contract::log::Epoch;
use contract::tables::Tables;
use contract::value::Value;
use contract::views::View;
use sinks::decide::{fence, is_kept};
use sinks::{Commit, Frontier, Hold, Sink, SinkError};

use crate::canary::Canary;
use crate::file_store::{Directory, FileStore};

/// The views of the job.
pub const VIEWS: &[View] = View::ALL;

/// What becomes of the next commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFault {
    /// It fails before it changes anything.
    Retry,
    /// The machine stops inside it: nothing was changed.
    CrashInside,
    /// It counts, but is said to be in doubt.
    DoubtKept,
    /// It does not count, and is said to be in doubt.
    DoubtLost,
    /// The machine stops after it.
    CrashAfter,
}

/// What it holds.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Rows.
    pub tables: Tables,
    /// Where it stands.
    pub frontier: Option<Frontier>,
    /// The digest after each epoch that was committed, in the order of the commits.
    pub digests: Vec<(Epoch, Digest)>,
}

#[derive(Debug, Default)]
struct State {
    kept: Kept,
    /// As it would be found after a crash of the machine, at worst.
    held: Kept,
    /// Copies of it, as a backup has them.
    copies: Vec<Kept>,
    fault: Option<CommitFault>,
    crashed: bool,
    /// What no store should ever be asked.
    wrong: Option<String>,
    /// The frontier before the last commit.
    before: Option<Frontier>,
    /// Commits since it was opened.
    commits: u64,
    /// Commits are taken wherever they go on: a part of some bugs that are planted.
    unchecked: bool,
}

/// The store.
#[derive(Clone, Debug)]
pub struct Store {
    state: Arc<Mutex<State>>,
    /// Where the real one lies, if it is in a file: then this holds what was read back from it.
    directory: Option<Arc<Directory>>,
    canary: Option<Canary>,
}

impl Store {
    /// An empty one, in memory or in a file.
    #[must_use]
    pub fn new(is_file: bool, canary: Option<Canary>) -> Store {
        let directory = if is_file { Directory::new() } else { None };
        Store {
            state: Arc::default(),
            directory: directory.map(Arc::new),
            canary,
        }
    }

    /// What a process writes to.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn sink(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(match &self.directory {
            Some(directory) => Box::new(FileStore::open(self.clone(), directory)?),
            None => Box::new(self.clone()),
        })
    }

    /// Whether it lies in a file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.directory.is_some()
    }

    /// What the next commit meets.
    pub(crate) fn take_fault(&self) -> Option<CommitFault> {
        self.state().fault.take()
    }

    /// What is said of a commit that met a fault.
    pub(crate) fn failed(&self, fault: CommitFault) -> SinkError {
        let (sink, what) = (Store::name(), "simulated".to_owned());
        match fault {
            CommitFault::Retry => SinkError::Retry { sink, what },
            CommitFault::DoubtKept | CommitFault::DoubtLost => SinkError::InDoubt { sink, what },
            CommitFault::CrashInside | CommitFault::CrashAfter => {
                self.state().crashed = true;
                Store::retry("the machine stops")
            }
        }
    }

    /// What a file holds after a commit.
    pub(crate) fn found(&self, frontier: Option<Frontier>, tables: Tables, digests: &[(Epoch, Digest)]) {
        let mut state = self.state();
        if let Some(frontier) = frontier {
            state.moves_to(&frontier);
        }
        state.kept.tables = tables;
        state.kept.digests.extend(digests);
    }

    /// Something is wrong that never should be.
    pub(crate) fn went_wrong(&self, what: String) {
        self.state().wrong.get_or_insert(what);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at what it holds.
    pub fn with<T>(&self, look: impl FnOnce(&Kept) -> T) -> T {
        look(&self.state().kept)
    }

    /// The next commit fares so.
    pub fn arm(&self, fault: CommitFault) {
        self.state().fault = Some(fault);
    }

    /// Nothing is armed any more.
    pub fn disarm(&self) {
        self.state().fault = None;
    }

    /// Whether the machine has stopped meanwhile.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Notes what it holds, for somebody to bring back later.
    pub fn copy(&self) {
        let mut state = self.state();
        let kept = state.kept.clone();
        state.copies.push(kept);
    }

    /// The machine stops, and takes what was not held for good.
    pub fn lose_tail(&self) {
        if !self.is_file() {
            let held = self.state().held.clone();
            self.put(held);
        }
    }

    /// Brings back one of the copies, the number being modulo theirs, or empties it.
    pub fn bring_back(&self, number: usize) {
        let copies = self.state().copies.len();
        let copy = self.state().copies.get(number % (copies + 1)).cloned();
        self.put(copy.unwrap_or_default());
    }

    /// Has it hold something else.
    pub fn put(&self, kept: Kept) {
        let mut state = self.state();
        (state.held, state.before) = (kept.clone(), None);
        state.kept = kept;
    }

    /// The epoch that it shows, and the one that a crash of the machine can't take.
    #[must_use]
    pub fn epochs(&self) -> (Option<Epoch>, Option<Epoch>) {
        let state = self.state();
        let of = |kept: &Kept| kept.frontier.as_ref().map(|frontier| frontier.epoch);
        (of(&state.kept), of(&state.held))
    }

    /// Another process opens it.
    pub fn reopen(&self) {
        let mut state = self.state();
        (state.crashed, state.commits, state.unchecked) = (false, 0, false);
    }

    /// What it was asked that no store should ever be asked, if anything.
    #[must_use]
    pub fn take_wrong(&self) -> Option<String> {
        self.state().wrong.take()
    }

    fn name() -> String {
        "store".to_owned()
    }

    fn retry(what: &str) -> SinkError {
        let (sink, what) = (Store::name(), what.to_owned());
        SinkError::Retry { sink, what }
    }

    /// What is said of a commit whose fate is not known.
    fn doubt(&self, state: &mut State, kept: bool) -> Result<(), SinkError> {
        let (sink, what) = (Store::name(), "simulated".to_owned());
        match (self.canary, kept) {
            (Some(Canary::CommittedTwice), true) => {
                state.unchecked = true;
                Err(SinkError::Retry { sink, what })
            }
            (Some(Canary::CommitLost), false) => {
                state.unchecked = true;
                Ok(())
            }
            _ => Err(SinkError::InDoubt { sink, what }),
        }
    }
}

impl State {
    fn apply(&mut self, commit: &Commit, with_rows: bool) {
        for delta in commit.deltas.iter().filter(|_| with_rows) {
            if let Err(what) = apply(&mut self.kept.tables, delta) {
                self.wrong.get_or_insert(what);
            }
        }
        self.moves_to(&commit.frontier);
        self.kept.digests.extend(&commit.digests);
    }

    /// The frontier moves: forward, in every respect.
    fn moves_to(&mut self, frontier: &Frontier) {
        let last = self.kept.frontier.as_ref();
        if let Some(last) = last.filter(|last| last.epoch >= frontier.epoch) {
            let (last, next) = (last.epoch.0, frontier.epoch.0);
            self.wrong.get_or_insert(format!(
                "the frontier goes from epoch {last} to {next}: epochs are committed once, in order"
            ));
        }
        if let Some(last) = last.filter(|last| last.clock > frontier.clock) {
            let (last, next) = (last.clock, frontier.clock);
            self.wrong
                .get_or_insert(format!("the frontier's clock goes back, from {last} to {next}"));
        }
        if let Some(last) = last.filter(|last| last.generation > frontier.generation) {
            let (last, next) = (last.generation, frontier.generation);
            self.wrong.get_or_insert(format!(
                "generation {next} has written to the store after generation {last}"
            ));
        }
        self.before = self.kept.frontier.replace(frontier.clone());
    }
}

/// Applies a delta of one epoch or of several; what is wrong with it.
fn apply(tables: &mut Tables, delta: &Delta) -> Result<(), String> {
    let schema = delta.view().schema();
    let rows = tables.rows_mut(delta.view());
    for change in delta.changes() {
        let key: Vec<Value> = change.key().map(ValueRef::to_value).collect();
        match change.op {
            Op::Upsert => {
                let row = change.columns().map(|(_, value)| value.to_value()).collect();
                rows.insert(key, row);
            }
            Op::Patch => {
                let Some(row) = rows.get_mut(&key) else {
                    return Err(format!("{}: a patch of no row {key:?}", schema.name));
                };
                for (column, value) in change.columns() {
                    row[column - schema.key_len] = value.to_value();
                }
            }
            // Of a merged delta: the row may have come and gone in between.
            Op::Delete => drop(rows.remove(&key)),
        }
    }
    Ok(())
}

impl Sink for Store {
    fn name(&self) -> &str {
        "store"
    }

    fn views(&self) -> &[View] {
        VIEWS
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        let mut state = self.state();
        let early = self.canary == Some(Canary::ResumedEarly) && state.commits == 0;
        if let Some(before) = state.before.clone().filter(|_| early) {
            state.unchecked = true;
            return Ok(Some(before));
        }
        Ok(state.kept.frontier.clone())
    }

    fn digests(&mut self) -> Result<Vec<(Epoch, Digest)>, SinkError> {
        let frontier = self.frontier()?;
        let blind = [Canary::OtherLogic, Canary::OtherDigest]
            .map(Some)
            .contains(&self.canary);
        let Some(frontier) = frontier.filter(|_| !blind) else {
            return Ok(Vec::new());
        };
        let mut digests = self.state().kept.digests.clone();
        digests.retain(|(epoch, _)| *epoch <= frontier.epoch && is_kept(*epoch, frontier.epoch));
        Ok(digests)
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        let mut state = self.state();
        let state = &mut *state;
        if state.crashed {
            return Err(Store::retry("the machine has stopped"));
        }
        let unfenced = self.canary == Some(Canary::NoFence);
        if !unfenced && !state.unchecked {
            fence(&Store::name(), state.kept.frontier.as_ref(), commit)?;
        }
        let fault = state.fault.take();
        match fault {
            Some(CommitFault::Retry) => return Err(Store::retry("simulated")),
            Some(CommitFault::CrashInside) => {
                state.crashed = true;
                match self.canary {
                    Some(Canary::FrontierBeforeRows) => state.apply(commit, false),
                    Some(Canary::RowsBeforeFrontier) => {
                        let rows = commit.deltas.iter();
                        let _ = rows.map(|delta| apply(&mut state.kept.tables, delta)).count();
                    }
                    _ => {}
                }
                return Err(Store::retry("the machine stops"));
            }
            Some(CommitFault::DoubtLost) => return self.doubt(state, false),
            _ => {}
        }
        state.commits += 1;
        let late = self.canary == Some(Canary::ResumedLate) && state.commits == 1 && commit.after.is_some();
        state.apply(commit, !(late && commit.digests.len() == 1));
        match fault {
            Some(CommitFault::DoubtKept) => self.doubt(state, true),
            Some(CommitFault::CrashAfter) => {
                state.crashed = true;
                Err(Store::retry("the machine stops"))
            }
            _ => Ok(()),
        }
    }

    fn refill(
        &mut self,
        _: &Frontier,
        _: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        let (sink, what) = (Store::name(), "the simulated store is never refilled".to_owned());
        Err(SinkError::Refused { sink, what })
    }

    fn hold(&self) -> Hold {
        let store = self.clone();
        Hold::new(move || {
            let mut state = store.state();
            state.held = state.kept.clone();
            Ok(())
        })
    }
}
