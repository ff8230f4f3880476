//! The changelog: chosen views as compacted topics of Apache Kafka, and what payment providers are to be
//! asked for.
//!
//! | topic | key | value |
//! |---|---|---|
//! | `PREFIXview-NAME` (compacted) | the row's key, an object | the row as REST shows it; null: it is gone |
//! | `PREFIXpayment-commands` | the order's id | `confirm` or `refund`, whenever one is issued |
//! | `PREFIXmillrace-frontier` (compacted) | the sink's name | where the sink stands |
//!
//! Each record has the header `epoch`: that of the commit which wrote it. The keys are those of
//! `/v1/views/NAME/changes`.
//!
//! **One unit.** Rows and frontier go out in one transaction. Who reads a partition with `read_committed`
//! sees each commit whole; by default a topic has one partition. Several partitions or topics are read one
//! beside the other: the record of the frontier tells which commit is through.
//!
//! **Start.** First the transactions are begun under the sink's id (`init_transactions`): that fences off
//! whoever wrote under it and settles what it left. Only then is the frontier read, with `read_committed`.
//! Nobody else can move it from there on without fencing us off. So the frontier that we know is that of
//! the topic, or our next transaction fails.
//!
//! **Doubt.** After a failure before the end of a transaction it is taken back. After an end whose outcome
//! is not known, the producer is discarded; the next one begins as at a start, and the frontier tells.
//!
//! **Patches.** A topic needs whole rows. They are read where the view store has them ([`Whole`]), as of
//! the very epoch that is committed; nothing is kept here. So there is nothing that a crash could make
//! stale: what is written follows from the frontier's topic and the view store alone.
//!
//! **Refill.** The topics are read back; rows that differ are written, and those that are gone get a
//! tombstone. So who follows sees what changed, however the sink came to lag. It takes the keys' room in
//! memory.
//!
//! # Guarantees
//! - Those of [`Sink`].
//! - A command is written as its row appears, and again whenever it is issued again without an answer
//!   (a redrive), under the same idempotency key. At a refill what the topic lacks of that is written.
//!
//! # Non-guarantees
//! - Epochs that wait are committed together: of a row that changed twice meanwhile the last value is seen.
//! - A process that was fenced off, whose generation is not older, takes the topics back. What it then
//!   writes goes on from the frontier that it finds: nothing is doubled; but two get in each other's way.
//! - Issues of one command that are committed together go out as one; a refill may make up for them.
//! - Of commands that were removed from their topic (its retention is for ever) a refill repeats those
//!   without an answer. Their idempotency keys are the same.

mod client;
mod commands;
mod text;
mod topics;
mod writing;

use std::time::Duration;

use brokers::Brokers;
use contract::delta::Delta;
use contract::views::View;

use self::client::{Fault, Writer};
use self::topics::Topics;
use self::writing::{Failure, Parts};
use crate::decide::{fence, fence_refill};
use crate::follow::Whole;
use crate::{Commit, Frontier, Hold, Sink, SinkError};

/// Where Kafka is, and what goes there.
#[derive(Clone, Debug)]
pub struct Config {
    /// How its brokers are reached. A refill takes as many requests as it needs.
    pub brokers: Brokers,
    /// What all topics' names begin with.
    pub prefix: String,
    /// The sink's name: its key in the topic of frontiers, and with the prefix its transactional id.
    pub name: String,
    /// The views whose rows go out.
    pub views: Vec<View>,
    /// Whether commands to payment providers go out.
    pub commands: bool,
    /// Partitions of a topic that is made; that of frontiers has one.
    pub partitions: u32,
    /// Replicas of a topic that is made; 0: what the brokers do by default.
    pub replication: u16,
    /// When brokers take a transaction back whose writer says nothing more. Meanwhile nobody reads on. A
    /// refill must be through by then.
    pub transaction_timeout: Duration,
}

impl Config {
    /// Some views and the commands, at `brokers`, everything else as usual.
    #[must_use]
    pub fn new(brokers: Brokers, views: &[View]) -> Config {
        Config {
            brokers,
            prefix: String::new(),
            name: "changelog".to_owned(),
            views: views.to_vec(),
            commands: true,
            partitions: 1,
            replication: 0,
            transaction_timeout: Duration::from_secs(600),
        }
    }
}

/// Keeps views in topics.
pub struct Changelog {
    config: Config,
    name: String,
    /// Those of the topics, and that of the commands.
    takes: Vec<View>,
    topics: Topics,
    whole: Box<dyn Whole>,
    /// Begun; then `known` is what the topic of frontiers says.
    writer: Option<Writer>,
    known: Option<Frontier>,
    /// A later generation was met: from now on we only look.
    fenced: bool,
}

impl Changelog {
    /// A sink that reads patched rows from `whole`. Nobody is asked anything yet.
    #[must_use]
    pub fn new(config: Config, whole: Box<dyn Whole>) -> Changelog {
        let mut takes = config.views.clone();
        if config.commands && !takes.contains(&View::PaymentCommands) {
            takes.push(View::PaymentCommands);
        }
        Changelog {
            name: format!("Kafka's topics {}view-* ({})", config.prefix, config.name),
            takes,
            topics: Topics::new(&config),
            whole,
            writer: None,
            known: None,
            fenced: false,
            config,
        }
    }

    fn retry(&self, what: impl Into<String>) -> SinkError {
        SinkError::Retry {
            sink: self.name.clone(),
            what: what.into(),
        }
    }

    fn refused(&self, what: impl Into<String>) -> SinkError {
        SinkError::Refused {
            sink: self.name.clone(),
            what: what.into(),
        }
    }

    fn told(&self, fault: Fault) -> SinkError {
        match fault {
            Fault::Passing(what) => self.retry(what),
            Fault::Fenced => self.retry("another process writes under the same transactional id"),
            Fault::Doubt(what) => SinkError::InDoubt {
                sink: self.name.clone(),
                what,
            },
            Fault::Final(what) => self.refused(what),
        }
    }

    /// What the topic says now.
    fn look(&self) -> Result<Option<Frontier>, SinkError> {
        self.topics.frontier().map_err(|fault| self.told(fault))
    }

    /// Begins to write, unless it has: first whoever wrote is fenced off, then the frontier is read.
    fn begin(&mut self) -> Result<(), SinkError> {
        if self.writer.is_some() {
            return Ok(());
        }
        self.topics.make().map_err(|fault| self.told(fault))?;
        let writer = Writer::begin(&self.config).map_err(|fault| self.told(fault))?;
        self.known = self.look()?;
        self.writer = Some(writer);
        Ok(())
    }

    /// Does something in one transaction, whose last record is the frontier, if `may` allows it where the
    /// sink stands.
    fn transact(
        &mut self,
        frontier: &Frontier,
        may: impl Fn(&str, Option<&Frontier>) -> Result<(), SinkError>,
        write: &mut dyn FnMut(&mut Parts<'_>) -> Result<(), Failure>,
    ) -> Result<(), SinkError> {
        if self.fenced {
            may(&self.name, self.look()?.as_ref())?;
            self.fenced = false;
        }
        let mut tried = false;
        loop {
            self.begin()?;
            if let Err(denied) = self.allowed(&may) {
                // What we know is old if somebody has fenced us off since.
                let found = self.look()?;
                if found == self.known {
                    return Err(denied);
                }
                self.known = found;
                self.writer = None;
                self.allowed(&may)?;
                continue;
            }
            let Some(writer) = &self.writer else {
                return Err(self.retry("nothing is begun"));
            };
            let mut parts = Parts {
                config: &self.config,
                topics: &self.topics,
                writer,
                whole: self.whole.as_mut(),
                frontier,
                line: String::new(),
            };
            let done = writer.transact(|| {
                write(&mut parts)?;
                parts.frontier()
            });
            let fault = match done {
                Ok(()) => {
                    self.known = Some(frontier.clone());
                    return Ok(());
                }
                Err(Failure::Told(error)) => {
                    self.writer = None;
                    // A row may be missing because others have gone on without us.
                    self.known = self.look()?;
                    self.allowed(&may)?;
                    return Err(error);
                }
                Err(Failure::Kafka(fault)) => fault,
            };
            // Whatever it is, a new one finds out where it stands.
            self.writer = None;
            let Fault::Fenced = fault else {
                return Err(self.told(fault));
            };
            self.known = self.look()?;
            self.allowed(&may)?;
            if std::mem::replace(&mut tried, true) {
                return Err(self.told(fault));
            }
        }
    }

    /// Asks whether it may be done where the sink stands.
    fn allowed(
        &mut self,
        may: &impl Fn(&str, Option<&Frontier>) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let asked = may(&self.name, self.known.as_ref());
        if let Err(SinkError::Fenced { .. }) = asked {
            self.fenced = true;
            self.writer = None;
        }
        asked
    }
}

impl Sink for Changelog {
    fn name(&self) -> &str {
        &self.name
    }

    fn views(&self) -> &[View] {
        &self.takes
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        if self.fenced {
            return self.look();
        }
        if self.writer.is_some() {
            // If somebody has fenced us off since, it is another than we know.
            let found = self.look()?;
            if found == self.known {
                return Ok(found);
            }
            self.writer = None;
        }
        self.begin()?;
        Ok(self.known.clone())
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        self.transact(
            &commit.frontier,
            |name, found| fence(name, found, commit),
            &mut |parts| commit.deltas.iter().try_for_each(|delta| parts.changes(delta)),
        )
    }

    fn refill(
        &mut self,
        frontier: &Frontier,
        rows: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        let mut once = Some(rows);
        self.transact(
            frontier,
            |name, found| fence_refill(name, found, frontier),
            &mut |parts| {
                let mut held = parts.topics.held()?;
                // A second try would miss what the first has taken.
                let rows = once.take().ok_or(Fault::Fenced)?;
                for delta in rows {
                    parts.rows(&delta?, &mut held)?;
                }
                for (view, key) in held.rest() {
                    parts.send(&parts.topics.view(view), &key, None)?;
                }
                Ok(())
            },
        )
    }

    /// A commit is acknowledged by all replicas in sync.
    fn hold(&self) -> Hold {
        Hold::nothing_to_do()
    }
}
