//! A process of millrace, driven step by step: the real conductor, workers and delivery, without the threads
//! that the engine gives them.
//!
//! The workers are threads of their own (timely builds several workers in no other way), but they only ever
//! run between [`Node::turn`] and [`Node::decide`], which waits until each of them is through with all that
//! was handed out and puts what they yielded into one order. So nothing of their timing can be observed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use contract::delta::Delta;
use contract::digest::{Digest, Sum};
use contract::installation::Installation;
use contract::log::{Binding, Epoch};
use contract::time::Time;
use generator::Rng;
use pipelines::checkout::LOGIC_VERSION;
use runtime::checkpoint::{Patience, Place};
use runtime::chunk::Raw;
use runtime::clock::Now;
use runtime::conductor::{Conductor, ConductorError, Flight, Mark, Turn};
use runtime::dataflow::{Changes, Dataflow, Yield};
use runtime::delivery::{Delivered, Delivery, Stand};
use runtime::queue::Depth;
use runtime::restart::{self, RestartError};
use sinks::decide::Ours;
use sinks::{Hold, SinkError};
use streams::LogError;
use streams::timeline::Limits;

use crate::canary::Canary;
use crate::faulty_log::FaultyLog;
use crate::plant;
use crate::store::Store;

/// How long the workers may take for what was handed out, in real time.
const STUCK: Duration = Duration::from_secs(20);
/// Epochs that may be handed out before they are gathered.
const UNDECIDED_MAX: u64 = 12;

/// Why a process can't go on.
#[derive(Debug)]
pub enum Down {
    /// The log fails for the moment.
    LogWaits(String),
    /// The store fails for the moment.
    StoreWaits(String),
    /// It has to be started again.
    Restart(String),
    /// Another process has taken over.
    Replaced(String),
    /// It refuses to go on: what it finds does not fit what it knows.
    Refuses(String),
    /// The checkpoints can't be reached for the moment.
    PlaceWaits(String),
    /// There is nothing that it could begin with.
    NoBeginning(String),
}

/// What a turn has done.
#[derive(Debug)]
pub enum Turned {
    /// It handed out an epoch.
    Epoch(Arc<Binding>),
    /// Nothing is to be done.
    Nothing,
    /// The clock has jumped ahead.
    ClockStopped,
}

/// An epoch that was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The epoch.
    pub epoch: Epoch,
    /// The digest after it.
    pub digest: Digest,
}

/// The process.
pub struct Node {
    /// Its id among those that want the generation.
    pub me: String,
    /// How many workers it has.
    pub workers: usize,
    /// The checkpoint that it began with.
    pub begun: Option<(Epoch, u64)>,
    pub(crate) conductor: Conductor,
    dataflow: Dataflow,
    pub(crate) delivery: Delivery,
    pub(crate) hold: Hold,
    /// The last epoch that the store is known to hold.
    pub(crate) visible: Option<Epoch>,
    deadline: Option<Time>,
    pub(crate) takes: Option<Takes>,
    /// Where the conductor stood after the epoch whose state was asked for.
    asked: Option<Mark>,
    /// That state.
    pub(crate) stand: Option<(Mark, Stand)>,
    yields: Receiver<Yield>,
    /// An epoch whose records were not all fed.
    open: Option<Arc<Binding>>,
    /// Handed out and not gathered.
    handed_out: Vec<Arc<Binding>>,
    last: Epoch,
    digest: Digest,
    /// The store was empty when it started.
    is_first: bool,
    pub(crate) canary: Option<Canary>,
}

/// How processes of a run take checkpoints.
#[derive(Clone, Debug)]
pub struct Takes {
    /// Where they lie.
    pub place: Place,
    /// How many are kept.
    pub keep: usize,
    /// Whether the log is trimmed after each.
    pub trims: bool,
    /// In how many of a hundred epochs one is asked for, if none is under way.
    pub percent: u64,
}

fn down_of_log(error: &ConductorError) -> Down {
    let what = error.to_string();
    match error {
        ConductorError::Log(LogError::Io { .. } | LogError::DiskFull { .. }) => Down::LogWaits(what),
        ConductorError::Log(LogError::InDoubt { .. } | LogError::Refusing { .. }) => Down::Restart(what),
        // Of two processes the one that is behind reads what the other has no need of.
        ConductorError::Lost { .. } | ConductorError::Log(LogError::Trimmed { .. }) => Down::Replaced(what),
        _ => Down::Refuses(what),
    }
}

fn down_of_store(error: &SinkError) -> Down {
    let what = error.to_string();
    match error {
        SinkError::Retry { .. } | SinkError::InDoubt { .. } => Down::StoreWaits(what),
        SinkError::Fenced { .. } | SinkError::Elsewhere { .. } => Down::Replaced(what),
        SinkError::Refused { .. } => Down::Refuses(what),
    }
}

fn down_of_start(error: RestartError) -> Down {
    match error {
        RestartError::Log(error) => down_of_log(&ConductorError::Log(error)),
        RestartError::Place(error) => Down::PlaceWaits(error.to_string()),
        RestartError::Refused(error) => Down::NoBeginning(error.to_string()),
    }
}

/// Whose log it is, in all simulations.
#[must_use]
pub fn installation() -> Installation {
    Installation::new(1_700_000_000_000, *b"0123456789")
}

impl Node {
    /// Starts a process.
    ///
    /// # Errors
    /// If it can't start, or must not.
    pub fn start(
        log: &FaultyLog,
        store: &Store,
        takes: Option<Takes>,
        now: Now,
        (me, workers): (String, usize),
        canary: Option<Canary>,
    ) -> Result<Node, Down> {
        let mut sink = store.sink().map_err(|error| down_of_store(&error))?;
        let found = sink.frontier().map_err(|error| down_of_store(&error))?;
        let place = takes.as_ref().map(|takes| &takes.place);
        let patience = Patience::none();
        let start = restart::find(place, log, installation(), found.as_ref(), workers, patience);
        let start = start.map_err(down_of_start)?;
        let conductor = Conductor::open(Arc::new(log.clone()), &me, Limits::default(), now, start.mark);
        let mut conductor = conductor.map_err(|error| down_of_log(&error))?;
        let ours = Ours {
            installation: installation(),
            generation: conductor.generation().number,
            logic: LOGIC_VERSION,
            last: Some(conductor.bound_before()).filter(|last| last.0 > 0),
            ends: conductor
                .log_ends()
                .map_err(|error| down_of_log(&ConductorError::Log(error)))?,
        };
        let hold = sink.hold();
        let delivery = Delivery::open(sink, ours, workers, (start.epoch, start.digest));
        let mut delivery = delivery.map_err(|error| down_of_store(&error))?;
        let is_first = delivery.found().is_none();
        let taken = conductor.take(now, &[]).map_err(|error| down_of_log(&error))?;
        delivery.holds(taken.number);
        let deadline = start.state.next_deadline();
        let (tell, yields) = channel();
        let dataflow =
            Dataflow::start(workers, Depth::default(), tell, start.state).map_err(Down::Restart)?;
        Ok(Node {
            me,
            workers,
            begun: start.checkpoint.map(|held| (held.id.epoch, held.id.generation)),
            conductor,
            dataflow,
            visible: delivery.found().map(|(epoch, _)| epoch),
            delivery,
            hold,
            deadline,
            takes,
            asked: None,
            stand: None,
            yields,
            open: None,
            handed_out: Vec::new(),
            last: start.epoch,
            digest: start.digest,
            is_first,
            canary,
        })
    }

    /// The last epoch that was bound when it started.
    #[must_use]
    pub fn bound_before(&self) -> Epoch {
        self.conductor.bound_before()
    }

    /// The last epoch that it has handed out.
    #[must_use]
    pub fn last(&self) -> Epoch {
        self.last
    }

    /// The earliest deadline after the last epoch decided.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Whether an epoch is neither decided nor fed whole.
    #[must_use]
    pub fn is_within_an_epoch(&self) -> bool {
        self.open.is_some()
    }

    /// Whether epochs were handed out that nobody knows to be decided.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        !self.handed_out.is_empty()
    }

    /// The clock is accepted as it is.
    pub fn accept_clock(&mut self, now: Now) {
        self.conductor.accept_clock(now);
    }

    /// Takes the next epoch, if there is one, and hands it to the workers with its records, cut at random.
    ///
    /// # Errors
    /// If the log fails; after [`Down::LogWaits`] it can be asked again.
    pub fn turn(&mut self, now: Now, rng: &mut Rng) -> Result<Turned, Down> {
        if let Some(binding) = self.open.clone() {
            return self.feed(binding, rng);
        }
        if self.canary == Some(Canary::UnnoticedJump) {
            self.conductor.accept_clock(now);
        }
        let epochs = self.last.0 - self.delivery.decided().0.0;
        let flight = Flight {
            epochs,
            room: epochs < UNDECIDED_MAX,
            deadline: self.deadline(),
        };
        let turn = self.conductor.turn(now, flight);
        match turn.map_err(|error| down_of_log(&error))? {
            Turn::Epoch(binding) => {
                let binding = plant::binding(self.canary, binding, now, self.bound_before());
                self.delivery.bound(Arc::clone(&binding));
                let is_free = self.asked.is_none() && self.stand.is_none();
                let percent = self.takes.as_ref().map_or(0, |takes| takes.percent);
                let asks = percent > 0 && rng.chance(percent) && is_free;
                self.asked = asks.then(|| self.conductor.mark()).or(self.asked.take());
                self.dataflow.clock(binding.epoch, binding.clock, asks);
                self.open = Some(Arc::clone(&binding));
                self.feed(binding, rng)
            }
            Turn::WaitUntil { .. } | Turn::Full => Ok(Turned::Nothing),
            Turn::Stopped { .. } => Ok(Turned::ClockStopped),
        }
    }

    fn feed(&mut self, binding: Arc<Binding>, rng: &mut Rng) -> Result<Turned, Down> {
        let epoch = binding.epoch;
        let mut pieces = Vec::new();
        let read = self.conductor.records(&mut |chunk| cut(chunk, rng, &mut pieces));
        plant::chunks(self.canary, epoch, &mut pieces);
        for piece in pieces {
            self.dataflow.feed(epoch, piece);
        }
        read.map_err(|error| down_of_log(&error))?;
        self.dataflow.close(epoch);
        self.open = None;
        self.last = epoch;
        self.handed_out.push(Arc::clone(&binding));
        Ok(Turned::Epoch(binding))
    }

    /// Waits until all that was handed out is decided, and gives it to delivery.
    ///
    /// # Errors
    /// If the store was filled by another history, or the workers are stuck.
    pub fn decide(&mut self) -> Result<Vec<Decided>, Down> {
        let Some(last) = self.handed_out.last().map(|binding| binding.epoch) else {
            return Ok(Vec::new());
        };
        let mut changes: Vec<Changes> = Vec::new();
        let mut parts: BTreeMap<Epoch, Vec<Vec<Delta>>> = BTreeMap::new();
        let mut through = vec![Epoch(0); self.workers];
        // What jobs keep is told by each worker of the epoch whose state was asked for, once that has ended.
        let asked = self.asked.as_ref().and_then(|mark| mark.timeline.last());
        let mut untold = if asked.is_some_and(|asked| asked.epoch <= last) {
            self.workers
        } else {
            0
        };
        let mut rows: Vec<Vec<u8>> = Vec::new();
        while untold > 0 || through.iter().any(|epoch| *epoch < last) {
            let stuck = |error| Down::Refuses(format!("the workers don't decide epoch {}: {error}", last.0));
            match self.yields.recv_timeout(STUCK).map_err(stuck)? {
                Yield::Changes(of_epoch) => changes.push(of_epoch),
                Yield::Rows(of_part) => rows.push(of_part),
                Yield::AllRows(_) => untold = untold.saturating_sub(1),
                Yield::Part(epoch, deltas) => parts.entry(epoch).or_default().push(deltas),
                Yield::Through(worker, epoch) => through[worker] = through[worker].max(epoch),
            }
        }
        changes.sort_by_key(|changes| changes.epoch);
        let mut decided = Vec::new();
        for (mut changes, binding) in changes.into_iter().zip(std::mem::take(&mut self.handed_out)) {
            plant::changes(self.canary, self.is_first, &mut changes);
            let mut sum = Sum::default();
            let parts = parts.remove(&changes.epoch).unwrap_or_default();
            let deltas = changes.deltas.iter().chain(parts.iter().flatten());
            deltas.for_each(|delta: &Delta| sum.add(delta));
            self.digest = self.digest.after(changes.epoch, binding.clock, sum);
            let (epoch, digest) = (changes.epoch, self.digest);
            decided.push(Decided { epoch, digest });
            self.hear(Yield::Changes(changes))?;
            for part in parts {
                self.hear(Yield::Part(epoch, part))?;
            }
        }
        for worker in 0..self.workers {
            self.hear(Yield::Through(worker, last))?;
        }
        rows.sort_unstable();
        for of_part in rows {
            self.hear(Yield::Rows(of_part))?;
        }
        if let Some(asked) = self.asked.as_ref().and_then(|mark| mark.timeline.last())
            && asked.epoch <= last
        {
            let epoch = asked.epoch;
            (0..self.workers).try_for_each(|_| self.hear(Yield::AllRows(epoch)))?;
        }
        self.deadline = self.delivery.decided().1;
        if let Some(stand) = self.delivery.take_stand() {
            self.stand = self.asked.take().map(|mark| (mark, stand));
        }
        Ok(decided)
    }

    fn hear(&mut self, yielded: Yield) -> Result<(), Down> {
        self.delivery.hear(yielded).map_err(|error| down_of_store(&error))
    }

    /// Commits what waits, if anything.
    ///
    /// # Errors
    /// If the store fails; after [`Down::StoreWaits`] it can be asked again.
    pub fn commit(&mut self) -> Result<bool, Down> {
        let delivered = self.delivery.commit().map_err(|error| down_of_store(&error))?;
        if let Delivered::Through(epoch, _) = delivered {
            self.visible = Some(epoch);
        }
        Ok(delivered != Delivered::Nothing)
    }

    /// Ends it, wherever it stands. Nothing that was under way is kept.
    pub fn stop(self) {
        self.dataflow.stop();
    }
}

/// Cuts a chunk into pieces.
fn cut(mut chunk: Raw, rng: &mut Rng, pieces: &mut Vec<Raw>) {
    while chunk.len() > 1 && rng.chance(50) {
        let at = 1 + rng.index(chunk.len() - 1);
        let (piece, rest) = chunk.cut(at);
        pieces.push(piece);
        chunk = rest;
    }
    pieces.push(chunk);
}
