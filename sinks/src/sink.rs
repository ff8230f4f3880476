//! What every sink can do, whatever it keeps its rows in.
//!
//! Calls block: each sink has a thread of its own, so that none slows another.

use contract::delta::Delta;
use contract::digest::Digest;
use contract::installation::Installation;
use contract::log::Epoch;
use contract::time::Time;
use contract::views::View;

/// Up to where a sink has come, and in whose name. Stored in one unit with the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    /// Whose log the rows come from.
    pub installation: Installation,
    /// The generation that wrote last: older ones are fenced off.
    pub generation: u64,
    /// The last epoch whose changes it holds.
    pub epoch: Epoch,
    /// That epoch's clock.
    pub clock: Time,
    /// Per topic (in `Topic::ALL`'s order) the next offset of each partition: what that epoch covers.
    pub ends: [Vec<u64>; 9],
    /// All changes of all epochs so far.
    pub digest: Digest,
    /// The version of the logic that decided them.
    pub logic: u32,
}

/// What a sink takes at once: the changes of one epoch, or of several in a row.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The epoch that the sink must stand at; `None`: it must be empty.
    pub after: Option<Epoch>,
    /// Where it stands afterwards.
    pub frontier: Frontier,
    /// The digest after each epoch of the commit, in order; the last is the frontier's.
    pub digests: Vec<(Epoch, Digest)>,
    /// The changes: at most one delta a view. Of several epochs they are merged, so that a deletion may name
    /// a row that is not there.
    pub deltas: Vec<Delta>,
}

/// Why a sink did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// Nothing was changed; trying again later may help.
    #[error("{sink}: {what}")]
    Retry {
        /// The sink's name.
        sink: String,
        /// What happened.
        what: String,
    },
    /// Whether the commit counts is not known: ask for the frontier.
    #[error("{sink}: whether the last commit counts is not known: {what}")]
    InDoubt {
        /// The sink's name.
        sink: String,
        /// What happened.
        what: String,
    },
    /// A later generation writes here. Nothing was changed, and nothing ever will be by this process.
    #[error("{sink} belongs to generation {found}, ours is {ours}: another process has taken over")]
    Fenced {
        /// The sink's name.
        sink: String,
        /// The generation that it holds.
        found: u64,
        /// Ours.
        ours: u64,
    },
    /// The sink does not stand where the commit goes on. Nothing was changed.
    #[error("{sink} stands at epoch {found:?}, the commit goes on after {expected:?}")]
    Elsewhere {
        /// The sink's name.
        sink: String,
        /// Where it stands.
        found: Option<Epoch>,
        /// Where the commit goes on.
        expected: Option<Epoch>,
    },
    /// It can't go on without a person: says what is wrong and what to do.
    #[error("{sink}: {what}")]
    Refused {
        /// The sink's name.
        sink: String,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// Makes what a sink has committed survive a crash of the machine, from any thread.
pub struct Hold(Box<dyn Fn() -> std::io::Result<()> + Send>);

impl Hold {
    /// What `now` does.
    #[must_use]
    pub fn new(now: impl Fn() -> std::io::Result<()> + Send + 'static) -> Hold {
        Hold(Box::new(now))
    }

    /// Of a sink whose commits survive such a crash by themselves, or that has nothing to survive.
    #[must_use]
    pub fn nothing_to_do() -> Hold {
        Hold::new(|| Ok(()))
    }

    /// Holds all that was committed before the call.
    ///
    /// # Errors
    /// If the system can't.
    pub fn now(&self) -> std::io::Result<()> {
        (self.0)()
    }
}

/// Keeps some views, exactly.
///
/// # Guarantees
/// - Rows and frontier change in one atomic unit: after any crash the rows are those of the frontier's
///   epoch.
/// - A commit that does not go on where the sink stands, or comes from an older generation or another
///   installation, changes nothing. The check is part of the same unit.
pub trait Sink: Send {
    /// Its name, for messages.
    fn name(&self) -> &str;

    /// The views that it keeps.
    fn views(&self) -> &[View];

    /// Where it stands; `None`: it is empty.
    ///
    /// # Errors
    /// If it can't be read, or what is there is not ours.
    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError>;

    /// The digests that it remembers, in the order of their epochs; the last is the frontier's. What a replay
    /// is compared with ([`crate::decide::Replay`]).
    ///
    /// # Errors
    /// As for [`Sink::frontier`].
    fn digests(&mut self) -> Result<Vec<(Epoch, Digest)>, SinkError> {
        let frontier = self.frontier()?;
        Ok(frontier.map(|f| (f.epoch, f.digest)).into_iter().collect())
    }

    /// Takes changes. Deltas of views that it does not keep are passed over.
    ///
    /// # Errors
    /// Nothing of the commit counts, except after [`SinkError::InDoubt`].
    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError>;

    /// Gives up all that it holds and takes the rows of one epoch instead: `rows` yields deltas of upserts,
    /// any number a view, each key once. It is as if it had always stood there; if it fails half-way the
    /// sink is empty or as it was.
    ///
    /// # Errors
    /// As for [`Sink::commit`]; besides, whatever `rows` yields.
    fn refill(
        &mut self,
        frontier: &Frontier,
        rows: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError>;

    /// What makes commits survive a crash of the machine. A commit may be lost in one before that, never a
    /// part of it.
    fn hold(&self) -> Hold;

    /// Told once the log's end is reached and commits follow live: now is the time to build what only
    /// readers need. May be told again.
    ///
    /// # Errors
    /// As for [`Sink::frontier`]. What the sink holds is as before.
    fn caught_up(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}
