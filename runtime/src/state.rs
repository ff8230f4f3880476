//! The state of all jobs at the end of an epoch: taken apart for a checkpoint, put together again from one.
//!
//! The names of a job's parts begin with the job's. Parts don't know how many workers there were.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use contract::delta::Delta;
use contract::log::Epoch;
use contract::time::Time;
use operators::index::Job;
use pipelines::checkout::Checkout;
use pipelines::checkout::snapshot::{Counted, Part, PartName, Snapshot, decode};
use pipelines::jobs::{self, BaseRows};
use pipelines::news::News;

use crate::checkpoint::Source;
use crate::dataflow::Begin;

const CHECKOUT: &str = "checkout-";
const ROWS: &str = "rows-";

/// The state that jobs begin with.
#[derive(Debug, Default)]
pub struct State {
    /// The epoch after which it stands.
    epoch: u64,
    checkout: Checkout,
    /// What the jobs beside it keep, in parts.
    rows: Vec<BaseRows>,
}

/// A part of it.
#[derive(Debug)]
pub enum Piece {
    /// Of `checkout`.
    Checkout(Part),
    /// Of the jobs beside it.
    Rows(BaseRows),
}

impl State {
    /// The earliest deadline that is left.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.checkout.next_deadline()
    }

    /// Makes of a part's name and bytes what [`State::restore`] takes.
    ///
    /// # Errors
    /// If the bytes are not such a part: says what is wrong.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Piece, String> {
        if let Some(name) = name.strip_prefix(CHECKOUT) {
            decode(name, bytes)
                .map(Piece::Checkout)
                .map_err(|damaged| damaged.to_string())
        } else if name.starts_with(ROWS) {
            let rows = BaseRows::read(bytes);
            rows.map(Piece::Rows).map_err(|damaged| damaged.to_string())
        } else {
            Err("no job has such a part".to_owned())
        }
    }

    /// Puts all parts of a checkpoint after `epoch` together, with so many threads.
    ///
    /// # Errors
    /// If they don't make a whole: says what is wrong.
    pub fn restore(epoch: Epoch, pieces: Vec<Piece>, threads: usize) -> Result<State, String> {
        let (mut parts, mut rows) = (Vec::new(), Vec::new());
        for piece in pieces {
            match piece {
                Piece::Checkout(part) => parts.push(part),
                Piece::Rows(of_part) => rows.push(of_part),
            }
        }
        let run = |jobs: Vec<Job<'_>>| side_by_side(jobs, threads);
        let checkout = Checkout::restore(parts, &run).map_err(|damaged| damaged.to_string())?;
        Ok(State {
            epoch: epoch.0,
            checkout,
            rows,
        })
    }

    /// What each of so many workers begins with; `spares` are the buffers that come back to worker 0.
    pub(crate) fn begin(self, workers: usize, spares: Receiver<Vec<Delta>>) -> Vec<Begin> {
        let State {
            epoch: start,
            mut checkout,
            rows,
        } = self;
        let restored = if start > 0 {
            checkout.restored()
        } else {
            News::default()
        };
        let begins = jobs::begins(start, restored, rows, workers);
        let mut job = Some((checkout, spares));
        let begin = |news| Begin {
            job: job.take(),
            start,
            news,
        };
        begins.into_iter().map(begin).collect()
    }
}

fn side_by_side(jobs: Vec<Job<'_>>, threads: usize) {
    let threads = threads.clamp(1, jobs.len().max(1));
    let jobs = Mutex::new(jobs.into_iter());
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(job) = next() {
                    job();
                }
            });
        }
    });
}

/// State that stands still.
pub struct Still {
    snapshot: Arc<Snapshot>,
    parts: Vec<PartName>,
    rows: Vec<Vec<u8>>,
}

impl Still {
    /// The state of `checkout`, and what the jobs beside it keep, as they told it.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, rows: Vec<Vec<u8>>) -> Still {
        let parts = snapshot.parts();
        Still {
            snapshot,
            parts,
            rows,
        }
    }
}

impl Source for Still {
    fn parts(&self) -> Vec<String> {
        let parts = self.parts.iter().map(|part| format!("{CHECKOUT}{part}"));
        let rows = (0..self.rows.len()).map(|number| format!("{ROWS}{number:06}"));
        parts.chain(rows).collect()
    }

    fn encode(&self, part: usize, out: &mut Vec<u8>) {
        match self.parts.get(part) {
            Some(part) => self.snapshot.encode(part, out),
            None => out.extend_from_slice(&self.rows[part - self.parts.len()]),
        }
    }

    fn census(&self) -> BTreeMap<String, (u64, u64)> {
        let census = self.snapshot.census();
        let counted = |counted: Counted| (counted.orders as u64, counted.bytes as u64);
        let kinds = [
            ("open orders", census.open),
            ("cancellable orders", census.cancellable),
            ("closed orders", census.closed),
        ];
        kinds
            .into_iter()
            .map(|(kind, of)| (kind.to_owned(), counted(of)))
            .collect()
    }
}
