//! A further sink that follows the view store, without slowing it.
//!
//! ```text
//! delivery ─► [Followed ─► view store]
//!                 └─► queue ─► thread of the sink
//! ```
//!
//! [`Followed`] stands around the store: before each commit it puts the changes into a bounded queue. The
//! sink's thread looks at one moment of the store and takes from the queue what leads there: all of it is
//! in the queue by then. It commits that at once, and reads rows that changed in part as of that very
//! moment ([`StoreRows`]). What does not lead from where the sink stands to where the store stands (it was
//! away, or the queue overflowed) is dropped, and the sink is filled from the moment instead.
//!
//! Nothing leaves before the store holds it. What fails and may pass is tried again; what is for good ends
//! the thread, is told, and keeps nobody else.

mod rows;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use contract::delta::{Change, Delta, merge_epochs};
use contract::digest::Digest;
use contract::log::Epoch;
use contract::views::View;

use crate::decide::{FollowQueue, Limits, Size, Taken};
use crate::sqlite::Readers;
use crate::{Commit, Frontier, Hold, Sink, SinkError};

pub use self::rows::StoreRows;

/// Before something that failed, and may not fail again, is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// The longest that the thread sleeps.
const NAP: Duration = Duration::from_secs(1);

/// An encoded row: its columns after the key, as an upsert's are; none: there is no such row.
pub type FoundRow = Result<Option<Vec<u8>>, SinkError>;

/// Where rows are read whole.
pub trait Whole: Send {
    /// The row that `patch` changed, as of the epoch to which the commit leads.
    ///
    /// # Errors
    /// If it can't be read as of that epoch.
    fn row(&mut self, epoch: Epoch, view: View, patch: &Change<'_>) -> FoundRow;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is always whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the store and the sink's thread share.
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

struct Waiting {
    queue: FollowQueue<Arc<Commit>>,
    progress: Progress,
    /// The thread ends once it has come to the store's epoch, or then.
    stop_by: Option<Instant>,
}

/// How far a sink is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The epoch that it holds.
    pub epoch: Option<Epoch>,
    /// What keeps it at the moment.
    pub trouble: Option<String>,
    /// It does not go on by itself.
    pub failed: bool,
    /// How often it was filled since the start.
    pub refills: u64,
}

/// Stands around the view store.
pub struct Followed {
    store: Box<dyn Sink>,
    views: Vec<View>,
    shared: Arc<Shared>,
}

impl Followed {
    fn tell(&self, commit: &Commit) {
        let kept = commit
            .deltas
            .iter()
            .filter(|delta| self.views.contains(&delta.view()));
        let kept = Commit {
            after: commit.after,
            frontier: commit.frontier.clone(),
            digests: commit.digests.clone(),
            deltas: kept.cloned().collect(),
        };
        let size = Size {
            changes: kept.deltas.iter().map(Delta::len).sum(),
            bytes: kept.deltas.iter().map(Delta::size_bytes).sum(),
        };
        let mut waiting = lock(&self.shared.waiting);
        if !waiting.progress.failed {
            waiting.queue.push(kept.frontier.epoch, size, Arc::new(kept));
        }
    }
}

impl Sink for Followed {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn views(&self) -> &[View] {
        self.store.views()
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        self.store.frontier()
    }

    fn digests(&mut self) -> Result<Vec<(Epoch, Digest)>, SinkError> {
        self.store.digests()
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        // Before: who sees it in the store finds it in the queue. Told twice, it is queued once.
        self.tell(commit);
        let done = self.store.commit(commit);
        self.shared.changed.notify_all();
        done
    }

    fn refill(
        &mut self,
        frontier: &Frontier,
        rows: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        lock(&self.shared.waiting).queue.give_up();
        self.store.refill(frontier, rows)?;
        self.shared.changed.notify_all();
        Ok(())
    }

    fn hold(&self) -> Hold {
        self.store.hold()
    }

    fn caught_up(&mut self) -> Result<(), SinkError> {
        self.store.caught_up()
    }
}

/// The sink's thread. Dropped, it stops at once.
pub struct Follower {
    watch: Watch,
    thread: Option<JoinHandle<()>>,
}

/// Lets a sink, called `name`, follow `store`, which `readers` read: `make` makes it, with the rows that it may look at.
/// At most what `limits` say waits for it.
///
/// # Errors
/// If the system has no thread left.
pub fn follow(
    name: &str,
    store: Box<dyn Sink>,
    readers: Readers,
    limits: Limits,
    make: impl FnOnce(StoreRows) -> Box<dyn Sink>,
) -> Result<(Followed, Follower), SinkError> {
    let rows = StoreRows::new(readers)?;
    let sink = make(rows.clone());
    let name: Arc<str> = Arc::from(name);
    let shared = Arc::new(Shared {
        waiting: Mutex::new(Waiting {
            queue: FollowQueue::new(limits, None),
            progress: Progress::default(),
            stop_by: None,
        }),
        changed: Condvar::new(),
    });
    let followed = Followed {
        store,
        views: sink.views().to_vec(),
        shared: Arc::clone(&shared),
    };
    let mut following = Following {
        name: Arc::clone(&name),
        sink,
        rows,
        shared: Arc::clone(&shared),
        known: None,
        held: Vec::new(),
    };
    let thread = thread::Builder::new().name("follow".to_owned());
    let thread = thread
        .spawn(move || following.run())
        .map_err(|error| SinkError::Retry {
            sink: followed.name().to_owned(),
            what: format!("a thread can't be started: {error}"),
        })?;
    let thread = Some(thread);
    let watch = Watch { name, shared };
    Ok((followed, Follower { watch, thread }))
}

/// Looks how far a sink is, from anywhere.
#[derive(Clone)]
pub struct Watch {
    name: Arc<str>,
    shared: Arc<Shared>,
}

impl Watch {
    /// What the sink is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        lock(&self.shared.waiting).progress.clone()
    }
}

impl Follower {
    /// How far it is.
    #[must_use]
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Stops once it has come to where the store stands, or `patience` is over; how far it is then.
    #[must_use]
    pub fn stop(mut self, patience: Duration) -> Progress {
        self.end(patience);
        self.watch.progress()
    }

    fn end(&mut self, patience: Duration) {
        lock(&self.watch.shared.waiting).stop_by = Some(Instant::now() + patience);
        self.watch.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panics ends the process.
            let _ = thread.join();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// The thread's own.
struct Following {
    name: Arc<str>,
    sink: Box<dyn Sink>,
    rows: StoreRows,
    shared: Arc<Shared>,
    /// Where the sink stands; none: it is to be asked.
    known: Option<Option<Frontier>>,
    /// What was taken from the queue and is not committed.
    held: Vec<Arc<Commit>>,
}

impl Following {
    fn run(&mut self) {
        loop {
            let step = self.step();
            self.rows.end();
            let mut waiting = lock(&self.shared.waiting);
            let progress = &mut waiting.progress;
            progress.epoch = self.known.as_ref().and_then(|known| Some(known.as_ref()?.epoch));
            let (nap, is_there) = match &step {
                Ok(true) => (Duration::ZERO, false),
                Ok(false) => (NAP, true),
                Err(_) => (RETRY, false),
            };
            progress.failed = matches!(step, Err(SinkError::Fenced { .. } | SinkError::Refused { .. }));
            let told = progress.trouble.take();
            progress.trouble = step.err().map(|error| error.to_string());
            match &progress.trouble {
                Some(trouble) if progress.failed => {
                    tracing::error!(
                        sink = &*self.name,
                        trouble,
                        "a sink follows no longer, and won't by itself"
                    );
                }
                // Once, not at every try.
                Some(trouble) if told != progress.trouble => {
                    tracing::warn!(sink = &*self.name, trouble, "a sink does not follow");
                }
                None if told.is_some() => tracing::info!(sink = &*self.name, "a sink follows again"),
                _ => {}
            }
            let is_over = waiting.stop_by.is_some_and(|by| is_there || Instant::now() >= by);
            if waiting.progress.failed || is_over {
                return;
            }
            if !nap.is_zero() {
                // What comes first: a commit of the store's, the end of the nap.
                drop(self.shared.changed.wait_timeout(waiting, nap));
            }
        }
    }

    /// Takes the sink to where the store stands; whether there was anything to do.
    fn step(&mut self) -> Result<bool, SinkError> {
        let known = match &self.known {
            Some(known) => known.clone(),
            None => self.known.insert(self.sink.frontier()?).clone(),
        };
        let at = known.as_ref().map(|known| known.epoch);
        let Some(store) = self.rows.look()? else {
            return Ok(false);
        };
        if at > Some(store.epoch) {
            // The store lost its last commits, and gets them again.
            return Ok(false);
        }
        let taken = lock(&self.shared.waiting).queue.take_until(store.epoch);
        match taken {
            Taken::Refill => return self.refill(&store),
            Taken::Nothing => {}
            Taken::Commit(epochs) => self.held.extend(epochs.into_iter().map(|(_, commit)| commit)),
        }
        self.held.retain(|commit| Some(commit.frontier.epoch) > at);
        let ends = self.held.first().zip(self.held.last());
        match ends {
            None if at == Some(store.epoch) => match known {
                Some(known) if known.digest != store.digest => Err(self.differs(&store)),
                _ => Ok(false),
            },
            Some((first, last)) if first.after == at && last.frontier.epoch == store.epoch => self.commit(at),
            _ => {
                let mut waiting = lock(&self.shared.waiting);
                waiting.queue.give_up();
                let _ = waiting.queue.take_until(store.epoch);
                drop(waiting);
                self.refill(&store)
            }
        }
    }

    fn differs(&self, store: &Frontier) -> SinkError {
        SinkError::Refused {
            sink: self.sink.name().to_owned(),
            what: format!(
                "at epoch {} it holds another history than the view store: remove it, and it is filled anew",
                store.epoch.0
            ),
        }
    }

    fn commit(&mut self, after: Option<Epoch>) -> Result<bool, SinkError> {
        let Some(last) = self.held.last() else {
            return Ok(false);
        };
        let commit = Commit {
            after,
            frontier: last.frontier.clone(),
            digests: self
                .held
                .iter()
                .flat_map(|commit| commit.digests.iter().copied())
                .collect(),
            deltas: merge_epochs(self.held.iter().map(|commit| commit.deltas.as_slice())),
        };
        // Asked again, if it fails.
        self.known = None;
        self.sink.commit(&commit)?;
        self.known = Some(Some(commit.frontier));
        self.held.clear();
        Ok(true)
    }

    fn refill(&mut self, store: &Frontier) -> Result<bool, SinkError> {
        self.held.clear();
        self.known = None;
        let mut rows = self.rows.all(self.sink.views().to_vec());
        self.sink.refill(store, &mut rows)?;
        self.known = Some(Some(store.clone()));
        let mut waiting = lock(&self.shared.waiting);
        waiting.progress.refills += 1;
        waiting.queue.refilled(store.epoch);
        Ok(true)
    }
}
