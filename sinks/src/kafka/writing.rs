//! What a transaction writes: rows, tombstones, commands, and where the sink then stands.

use contract::delta::{Change, Delta, Op};
use contract::views::View;

use super::client::{Fault, Writer};
use super::topics::{Held, Topics};
use super::{Config, commands, text};
use crate::follow::Whole;
use crate::{Frontier, SinkError};

/// Why a transaction was not done: Kafka, or what was to be written.
pub(super) enum Failure {
    Kafka(Fault),
    Told(SinkError),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure::Kafka(fault)
    }
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Failure {
        Failure::Told(error)
    }
}

/// What a transaction is written with.
pub(super) struct Parts<'a> {
    pub(super) config: &'a Config,
    pub(super) topics: &'a Topics,
    pub(super) writer: &'a Writer,
    pub(super) whole: &'a mut dyn Whole,
    pub(super) frontier: &'a Frontier,
    pub(super) line: String,
}

impl Parts<'_> {
    pub(super) fn send(&self, topic: &str, key: &str, value: Option<&str>) -> Result<(), Failure> {
        Ok(self.writer.send(topic, key, value, self.frontier.epoch)?)
    }

    /// Writes the changes of a view.
    pub(super) fn changes(&mut self, delta: &Delta) -> Result<(), Failure> {
        let view = delta.view();
        if self.config.commands && view == View::PaymentCommands {
            for change in delta.changes().filter(commands::is_issued) {
                match change.op {
                    Op::Upsert => self.command(&change, change.column_bytes())?,
                    _ => {
                        let row = self.whole_row(view, &change)?;
                        self.command(&change, &row)?;
                    }
                }
            }
        }
        if !self.config.views.contains(&view) {
            return Ok(());
        }
        let topic = self.topics.view(view);
        for change in delta.changes() {
            let key = text::key(view, &change);
            match change.op {
                Op::Delete => self.send(&topic, &key, None)?,
                Op::Upsert => {
                    text::row(&mut self.line, view, &change, change.column_bytes());
                    self.send(&topic, &key, Some(&self.line))?;
                }
                Op::Patch => {
                    let row = self.whole_row(view, &change)?;
                    text::row(&mut self.line, view, &change, &row);
                    self.send(&topic, &key, Some(&self.line))?;
                }
            }
        }
        Ok(())
    }

    /// The columns after the key of a row that was patched.
    fn whole_row(&mut self, view: View, patch: &Change<'_>) -> Result<Vec<u8>, Failure> {
        let found = self.whole.row(self.frontier.epoch, view, patch)?;
        found.ok_or_else(|| self.missing(view, &text::key(view, patch)))
    }

    fn missing(&self, view: View, key: &str) -> Failure {
        let (name, epoch) = (view.schema().name, self.frontier.epoch.0);
        Failure::Told(SinkError::Refused {
            sink: self.config.name.clone(),
            what: format!("{name} {key} changed in epoch {epoch}, but the view store has no such row"),
        })
    }

    fn command(&self, change: &Change<'_>, columns: &[u8]) -> Result<(), Failure> {
        let Some((order, value)) = commands::record(change, columns) else {
            let key = text::key(View::PaymentCommands, change);
            return Err(self.missing(View::PaymentCommands, &key));
        };
        self.send(&self.topics.commands(), &order, Some(&value))
    }

    /// Writes rows that the topics don't have; forgets those that they have from `held`.
    pub(super) fn rows(&mut self, delta: &Delta, held: &mut Held) -> Result<(), Failure> {
        let view = delta.view();
        for change in delta.changes() {
            let is_command = self.config.commands && view == View::PaymentCommands;
            if is_command && held.lacks_command(&change) {
                self.command(&change, change.column_bytes())?;
            }
            if !self.config.views.contains(&view) {
                continue;
            }
            let key = text::key(view, &change);
            text::row(&mut self.line, view, &change, change.column_bytes());
            if !held.take(view, &key, &self.line) {
                self.send(&self.topics.view(view), &key, Some(&self.line))?;
            }
        }
        Ok(())
    }

    /// Writes where the sink stands.
    pub(super) fn frontier(&self) -> Result<(), Failure> {
        let value = text::frontier(self.frontier);
        self.send(&self.topics.frontiers(), &self.config.name, Some(&value))
    }
}
