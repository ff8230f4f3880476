//! The state of all jobs at the end of an epoch: taken apart for a checkpoint, put together again from one.
//!
//! The names of a job's parts begin with the job's. Parts don't know how many workers there were.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use contract::time::Time;
use operators::index::Job;
use pipelines::checkout::Checkout;
use pipelines::checkout::snapshot::{Counted, Part, PartName, Snapshot, decode};

use crate::checkpoint::Source;

const CHECKOUT: &str = "checkout-";

/// The state that jobs begin with.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) checkout: Checkout,
}

/// A part of it.
#[derive(Debug)]
pub enum Piece {
    /// Of `checkout`.
    Checkout(Part),
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
        let Some(name) = name.strip_prefix(CHECKOUT) else {
            return Err("no job has such a part".to_owned());
        };
        let part = decode(name, bytes).map_err(|damaged| damaged.to_string())?;
        Ok(Piece::Checkout(part))
    }

    /// Puts all parts of a checkpoint together, with so many threads.
    ///
    /// # Errors
    /// If they don't make a whole: says what is wrong.
    pub fn restore(pieces: Vec<Piece>, threads: usize) -> Result<State, String> {
        let parts = pieces.into_iter().map(|Piece::Checkout(part)| part).collect();
        let run = |jobs: Vec<Job<'_>>| side_by_side(jobs, threads);
        let checkout = Checkout::restore(parts, &run).map_err(|damaged| damaged.to_string())?;
        Ok(State { checkout })
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

/// State of `checkout` that stands still.
pub struct Still {
    snapshot: Arc<Snapshot>,
    parts: Vec<PartName>,
}

impl Still {
    /// Looks at what there is.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>) -> Still {
        let parts = snapshot.parts();
        Still { snapshot, parts }
    }
}

impl Source for Still {
    fn parts(&self) -> Vec<String> {
        self.parts
            .iter()
            .map(|part| format!("{CHECKOUT}{part}"))
            .collect()
    }

    fn encode(&self, part: usize, out: &mut Vec<u8>) {
        self.snapshot.encode(&self.parts[part], out);
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
