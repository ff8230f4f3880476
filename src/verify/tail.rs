//! Verifying where the beginning of the log was trimmed: the oracle can't begin in the middle, so the jobs
//! decide once more what has come since the oldest checkpoint.
//!
//! Two things are compared: the digest of all changes, at every epoch that the store remembers, which speaks
//! for all rows of all views since the checkpoint; and each row that has changed since. What had its last
//! change before the checkpoint is taken on trust.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};

use contract::delta::{Delta, Op, Tables, Value, ValueRef};
use contract::digest::Digest;
use contract::log::Epoch;
use contract::views::View;
use pipelines::checkout::LOGIC_VERSION;
use runtime::checkpoint::{Found, Place};
use runtime::clock::{Clock as _, SystemClock};
use runtime::conductor::{Conductor, Flight, Turn};
use runtime::dataflow::{Dataflow, Yield};
use runtime::delivery::{Delivered, Delivery};
use runtime::queue::Depth;
use runtime::restart::{self, Start};
use sinks::decide::Ours;
use sinks::sqlite::SqliteViews;
use sinks::{Commit, Frontier, Hold, Sink, SinkError};
use streams::timeline::Limits;

use super::Verdict;
use crate::Failure;
use crate::data::{AnyLog, VIEWS};
use crate::progress::bar;

fn undone(error: impl std::fmt::Display) -> Failure {
    Failure::Undone(error.to_string())
}

/// Verifies what has come since the oldest checkpoint that can be used; its epoch, and what came out.
pub fn verify(
    log: &AnyLog,
    store: &mut SqliteViews,
    place: &Place,
    workers: usize,
) -> Result<(Epoch, Verdict), Failure> {
    let (frontier, tables) = store.readers().tables(VIEWS).map_err(undone)?;
    let Some(frontier) = frontier else {
        let why = "the view store is empty, and the beginning of the log was trimmed: nothing to compare";
        return Err(Failure::Undone(why.to_owned()));
    };
    let start = oldest(log, place, &frontier, workers)?;
    let after = start.epoch;
    let last = Ours {
        installation: frontier.installation,
        generation: frontier.generation,
        logic: frontier.logic,
        last: Some(frontier.epoch),
        ends: frontier.ends.clone(),
    };
    let decided = Arc::new(Mutex::new(Again {
        frontier: Frontier {
            epoch: after,
            digest: start.digest,
            ..frontier.clone()
        },
        tables: tables.clone(),
    }));
    let sink = Compared {
        again: Arc::clone(&decided),
        digests: store.digests().map_err(undone)?,
    };
    let delivery = Delivery::open(Box::new(sink), last, workers, (after, start.digest));
    let delivery = delivery.map_err(|error| Failure::Bad(error.to_string()))?;
    replay(log, delivery, start, frontier.epoch, workers)?;
    let again = decided.lock().unwrap_or_else(PoisonError::into_inner);
    let verdict = Verdict {
        epoch: Some(frontier.epoch),
        differences: tables.differences(&again.tables, VIEWS),
        tables,
    };
    Ok((after, verdict))
}

/// Begins at the oldest checkpoint that log and store go on from.
fn oldest(log: &AnyLog, place: &Place, frontier: &Frontier, threads: usize) -> Result<Start, Failure> {
    let mut found = place.list().map_err(undone)?;
    let choose = |found: &[Found]| {
        restart::choose(
            found,
            log.log.as_ref(),
            log.installation,
            LOGIC_VERSION,
            Some(frontier),
        )
    };
    choose(&found).map_err(undone)?;
    found.retain(|found| {
        let choice = choose(std::slice::from_ref(found));
        choice.is_ok_and(|choice| choice.from.is_some())
    });
    while let Some(oldest) = found.pop() {
        let manifest = oldest.whole().expect("what can be used is whole");
        match restart::read(place, manifest, threads) {
            Ok(start) => return Ok(start),
            Err(error) if error.is_damage() => {
                tracing::warn!(checkpoint = %oldest.id, %error, "passed over");
            }
            Err(error) => return Err(undone(error)),
        }
    }
    Err(Failure::Undone(format!(
        "the beginning of the log was trimmed, and no checkpoint in {} can be used with the view store at \
         epoch {}",
        place.name(),
        frontier.epoch.0
    )))
}

/// Decides everything after `start` up to `until` once more.
fn replay(
    log: &AnyLog,
    mut delivery: Delivery,
    start: Start,
    until: Epoch,
    workers: usize,
) -> Result<(), Failure> {
    let clock = SystemClock::new();
    let bar = bar("deciding again", until.0 - start.epoch.0);
    let log = Arc::clone(&log.log);
    let mut conductor =
        Conductor::open(log, "verify", Limits::default(), clock.now(), start.mark).map_err(undone)?;
    let (tell, heard) = channel();
    let mut dataflow =
        Dataflow::start(workers, Depth::default(), tell, start.state).map_err(Failure::Undone)?;
    let room = Flight {
        room: true,
        ..Flight::default()
    };
    while conductor.handed_out() < until {
        let Turn::Epoch(binding) = conductor.turn(clock.now(), room).map_err(undone)? else {
            return Err(Failure::Bad(format!(
                "the view store stands at epoch {}, the log ends at epoch {}: it was restored from an older copy",
                until.0,
                conductor.handed_out().0
            )));
        };
        delivery.bound(Arc::clone(&binding));
        dataflow.clock(binding.epoch, binding.clock, false);
        let feed = &mut |chunk| dataflow.feed(binding.epoch, chunk);
        conductor.records(feed).map_err(undone)?;
        dataflow.close(binding.epoch);
        // Few epochs wait, so that few changes do.
        while delivery.decided().0.0 + 8 < binding.epoch.0 {
            hear(&mut delivery, &heard)?;
        }
        bar.inc(1);
    }
    while delivery.decided().0 < until {
        hear(&mut delivery, &heard)?;
    }
    delivery.ends();
    while delivery.commit().map_err(undone)? != Delivered::Nothing {}
    dataflow.stop();
    bar.finish_and_clear();
    Ok(())
}

fn hear(delivery: &mut Delivery, heard: &Receiver<Yield>) -> Result<(), Failure> {
    let yielded = heard.recv().map_err(undone)?;
    delivery
        .hear(yielded)
        .map_err(|error| Failure::Bad(error.to_string()))?;
    while delivery.commit().map_err(undone)? != Delivered::Nothing {}
    Ok(())
}

/// The store's rows, with what was decided again written over them: they stay what they are if all is well.
struct Again {
    frontier: Frontier,
    tables: Tables,
}

/// Takes the place of the store, as it was at the checkpoint.
struct Compared {
    again: Arc<Mutex<Again>>,
    digests: Vec<(Epoch, Digest)>,
}

impl Sink for Compared {
    fn name(&self) -> &str {
        "the view store"
    }

    fn views(&self) -> &[View] {
        VIEWS
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        let again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(again.frontier.clone()))
    }

    fn digests(&mut self) -> Result<Vec<(Epoch, Digest)>, SinkError> {
        Ok(self.digests.clone())
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        commit
            .deltas
            .iter()
            .for_each(|delta| write(&mut again.tables, delta));
        again.frontier = commit.frontier.clone();
        Ok(())
    }

    fn refill(
        &mut self,
        _: &Frontier,
        _: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        let (sink, what) = (self.name().to_owned(), "it is not refilled".to_owned());
        Err(SinkError::Refused { sink, what })
    }

    fn hold(&self) -> Hold {
        Hold::nothing_to_do()
    }
}

/// Writes changes over rows that are later than they: what they patch or delete may be gone, or not there yet.
fn write(tables: &mut Tables, delta: &Delta) {
    let key_len = delta.view().schema().key_len;
    let rows = tables.rows_mut(delta.view());
    for change in delta.changes() {
        let key: Vec<Value> = change.key().map(ValueRef::to_value).collect();
        match change.op {
            Op::Upsert => {
                let row = change.columns().map(|(_, value)| value.to_value()).collect();
                rows.insert(key, row);
            }
            Op::Patch => {
                let columns = delta.view().schema().columns.len() - key_len;
                let row = rows.entry(key).or_insert_with(|| vec![Value::Null; columns]);
                for (column, value) in change.columns() {
                    row[column - key_len] = value.to_value();
                }
            }
            Op::Delete => drop(rows.remove(&key)),
        }
    }
}
