//! The feed: what the view store's commits tell the rest of the server.
//!
//! [`Observed`] stands around the store. After each commit that counts it tells the [`Feed`], in this order:
//! the changed keys, the orders that are waited for, the counts, and last the frontier, which wakes everybody who waits. Who sees an epoch
//! here can read it in the store, and finds its changes remembered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contract::delta::Delta;
use contract::digest::Digest;
use contract::log::Epoch;
use contract::value::ValueRef;
use contract::views::{View, order_timeline};
use sinks::{Commit, Frontier, Hold, Sink, SinkError};
use tokio::sync::watch;

use crate::fresh::Fresh;
use crate::history::{History, Keys};
use crate::metrics::Histogram;
use crate::token::Needed;

/// What the commits have told.
pub struct Feed {
    frontier: watch::Sender<Option<Arc<Frontier>>>,
    history: Mutex<History>,
    /// Orders that somebody waits for.
    pub(crate) fresh: Fresh,
    counts: Mutex<Counts>,
    /// How long commits took, in seconds.
    pub commits: Histogram,
}

/// What is counted from commit to commit, since counting it afresh would mean reading everything.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Orders by status.
    pub orders: BTreeMap<String, i64>,
    /// Epochs committed since the start.
    pub epochs: u64,
    /// Rows changed since the start.
    pub rows: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is always whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    /// A feed of a store that stands at `found`, with so many orders by status; it remembers changed keys up
    /// to `history_bytes`.
    #[must_use]
    pub fn new(found: Option<Frontier>, orders: BTreeMap<String, i64>, history_bytes: usize) -> Feed {
        let at = found.as_ref().map_or(Epoch(0), |found| found.epoch);
        let counts = Counts {
            orders,
            ..Counts::default()
        };
        Feed {
            frontier: watch::Sender::new(found.map(Arc::new)),
            history: Mutex::new(History::new(at, history_bytes)),
            fresh: Fresh::default(),
            counts: Mutex::new(counts),
            commits: Histogram::default(),
        }
    }

    /// Where the views stand.
    #[must_use]
    pub fn frontier(&self) -> Option<Arc<Frontier>> {
        self.frontier.borrow().clone()
    }

    /// Its epoch; 0 while there is nothing.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.frontier.borrow().as_ref().map_or(Epoch(0), |at| at.epoch)
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }

    /// The oldest epoch that one can follow from, and the bytes that the memory of changes takes.
    #[must_use]
    pub fn remembered(&self) -> (Epoch, usize) {
        let history = lock(&self.history);
        (history.oldest(), history.bytes())
    }

    /// The keys that changed after `after`, up to `until`; `None`: that is not remembered any more.
    #[must_use]
    pub fn changed(&self, view: View, after: Epoch, until: Epoch) -> Option<Keys> {
        lock(&self.history).changed(view, after, until)
    }

    /// Waits until something is visible; whether it is before the time is out.
    pub async fn holds(&self, needed: &Needed, timeout: Duration) -> bool {
        let held = |at: &Option<Arc<Frontier>>| at.as_ref().is_some_and(|at| needed.is_held_by(at));
        if held(&self.frontier.borrow()) {
            return true;
        }
        let mut follower = self.frontier.subscribe();
        let waited = tokio::time::timeout(timeout, follower.wait_for(held)).await;
        matches!(waited, Ok(Ok(_)))
    }

    /// Hears of a commit that counts.
    fn committed(&self, frontier: Frontier, deltas: &[Delta], epochs: u64, took: Duration) {
        lock(&self.history).add(frontier.epoch, deltas);
        self.fresh.committed(frontier.epoch, deltas);
        {
            let mut counts = lock(&self.counts);
            counts.epochs += epochs;
            counts.rows += deltas.iter().map(|delta| delta.len() as u64).sum::<u64>();
            let timeline = deltas.iter().find(|delta| delta.view() == View::OrderTimeline);
            timeline.into_iter().for_each(|delta| counts.follow(delta));
        }
        self.commits.observe(took);
        self.frontier.send_replace(Some(Arc::new(frontier)));
    }
}

impl Counts {
    /// Every change of a status is a row of the timeline, written once.
    fn follow(&mut self, timeline: &Delta) {
        for change in timeline.changes() {
            for (column, value) in change.columns() {
                let ValueRef::Text(status) = value else { continue };
                let step = match column {
                    order_timeline::from_status => -1,
                    order_timeline::to_status => 1,
                    _ => continue,
                };
                match self.orders.get_mut(status) {
                    Some(count) => *count += step,
                    None => {
                        self.orders.insert(status.to_owned(), step);
                    }
                }
            }
        }
    }
}

/// A store whose commits are told to a feed.
pub struct Observed {
    store: Box<dyn Sink>,
    feed: Arc<Feed>,
    /// A commit that may count.
    doubtful: Option<Commit>,
}

impl Observed {
    /// Tells `feed` what `store` commits.
    #[must_use]
    pub fn new(store: Box<dyn Sink>, feed: Arc<Feed>) -> Observed {
        Observed {
            store,
            feed,
            doubtful: None,
        }
    }

    fn tell(&self, commit: &Commit, took: Duration) {
        let epochs = commit.digests.len() as u64;
        self.feed
            .committed(commit.frontier.clone(), &commit.deltas, epochs, took);
    }
}

impl Sink for Observed {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn views(&self) -> &[View] {
        self.store.views()
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        let found = self.store.frontier()?;
        if let Some(commit) = self.doubtful.take_if(|_| found.is_some())
            && found.as_ref() == Some(&commit.frontier)
        {
            self.tell(&commit, Duration::ZERO);
        }
        Ok(found)
    }

    fn digests(&mut self) -> Result<Vec<(Epoch, Digest)>, SinkError> {
        self.store.digests()
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        let before = Instant::now();
        let done = self.store.commit(commit);
        match &done {
            Ok(()) => {
                self.doubtful = None;
                self.tell(commit, before.elapsed());
            }
            Err(SinkError::InDoubt { .. }) => self.doubtful = Some(commit.clone()),
            // The one before may have counted: who asks for the frontier finds out.
            Err(_) => {}
        }
        done
    }

    fn refill(
        &mut self,
        frontier: &Frontier,
        rows: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        self.store.refill(frontier, rows)?;
        let mut history = lock(&self.feed.history);
        let bytes_max = history.bytes_max();
        *history = History::new(frontier.epoch, bytes_max);
        drop(history);
        self.feed.frontier.send_replace(Some(Arc::new(frontier.clone())));
        Ok(())
    }

    fn hold(&self) -> Hold {
        self.store.hold()
    }

    fn caught_up(&mut self) -> Result<(), SinkError> {
        self.store.caught_up()
    }
}
