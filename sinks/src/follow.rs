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
//! away, or the queue overflowed) is dropped, and the sink is filled from the moment instead. So it is if what
//! the sink holds is none of this store's history as this process has seen it: the store was made anew, of
//! another version of the logic.
//!
//! Nothing leaves before the store holds it. What fails and may pass is tried again; what is for good ends
//! the thread, is told, and keeps nobody else.

mod rows;
mod thread;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use contract::delta::{Change, Delta};
use contract::digest::Digest;
use contract::log::Epoch;
use contract::views::View;

use crate::decide::{FollowQueue, Limits, Size};
use crate::sqlite::Readers;
use crate::{Commit, Frontier, Hold, Sink, SinkError};

pub use self::rows::StoreRows;
use self::thread::Following;

/// After the time to stop, how long the thread has to notice it.
const NOTICE: Duration = Duration::from_secs(1);
/// Between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

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
    /// How often the store has committed.
    commits: u64,
    /// The thread ends once it has come to the store's epoch, or then.
    stop_by: Option<Instant>,
}

impl Shared {
    /// The store may stand elsewhere.
    fn committed(&self) {
        lock(&self.waiting).commits += 1;
        self.changed.notify_all();
    }
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
        self.shared.committed();
        done
    }

    fn refill(
        &mut self,
        frontier: &Frontier,
        rows: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        lock(&self.shared.waiting).queue.give_up();
        self.store.refill(frontier, rows)?;
        self.shared.committed();
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
/// If the store does not say where it stands, or the system has no thread left.
pub fn follow(
    name: &str,
    mut store: Box<dyn Sink>,
    readers: Readers,
    limits: Limits,
    make: impl FnOnce(StoreRows) -> Box<dyn Sink>,
) -> Result<(Followed, Follower), SinkError> {
    let began = store.frontier()?;
    let rows = StoreRows::new(readers)?;
    let sink = make(rows.clone());
    let name: Arc<str> = Arc::from(name);
    let shared = Arc::new(Shared {
        waiting: Mutex::new(Waiting {
            queue: FollowQueue::new(limits, None),
            progress: Progress::default(),
            commits: 0,
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
        seen: began.into_iter().collect(),
        held: Vec::new(),
    };
    let thread = std::thread::Builder::new().name("follow".to_owned());
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

    /// Stops once it has come to where the store stands, or `patience` is over; how far it is then. What it is at by
    /// then (a sink that is being filled may take minutes) is left to itself, and ends with the process: a
    /// commit that was not ended is none.
    #[must_use]
    pub fn stop(mut self, patience: Duration) -> Progress {
        self.ask(patience);
        let until = Instant::now() + patience + NOTICE;
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            if Instant::now() >= until {
                self.thread = None;
            }
            std::thread::sleep(LOOK);
        }
        self.watch.progress()
    }

    /// Asks it to end by then.
    fn ask(&self, patience: Duration) {
        lock(&self.watch.shared.waiting).stop_by = Some(Instant::now() + patience);
        self.watch.shared.changed.notify_all();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.ask(Duration::ZERO);
        if let Some(thread) = self.thread.take() {
            // A thread that panics ends the process.
            let _ = thread.join();
        }
    }
}
