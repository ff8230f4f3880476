//! What was shown of things lately: all their rows over several views, in the form in which they were asked
//! for.
//!
//! It stands beside the rows of [`super::cache`] and follows the same three steps around each commit. A
//! change to any row of a thing makes what was shown of it forgotten: it is read again when it is wanted.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::delta::Delta;
use contract::log::Epoch;
use contract::views::{Type, View};

use crate::read::{Form, Shown};

/// How many shards there are.
const SHARDS: usize = 16;
/// What an entry takes besides its key, twice, and what is shown.
const ENTRY_BYTES: usize = 160;

struct Entry {
    form: &'static Form,
    /// `None`: it has changed since.
    shown: Option<Shown>,
    bytes: usize,
    /// Read since the hand of the clock last came by.
    used: bool,
}

#[derive(Default)]
struct Shard {
    /// The epoch at which all that it knows is so; `None`: unknown, nothing is answered.
    at: Option<Epoch>,
    entries: HashMap<Arc<str>, Entry>,
    /// All keys, in the order in which they are looked at when room is needed.
    hand: VecDeque<Arc<str>>,
    bytes: usize,
}

/// Whether the file is as far as we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    /// It is, or it can't be told.
    Well,
    /// The file is ahead: somebody else writes it.
    Ahead,
}

impl Shard {
    fn insert(&mut self, key: &str, entry: Entry, bytes_max: usize) {
        self.bytes += entry.bytes;
        if let Some(before) = self.entries.get_mut(key) {
            self.bytes -= before.bytes;
            *before = entry;
        } else {
            let key: Arc<str> = Arc::from(key);
            self.hand.push_back(Arc::clone(&key));
            self.entries.insert(key, entry);
        }
        // Those that were not read since they were last looked at go first.
        while self.bytes > bytes_max
            && let Some(key) = self.hand.pop_front()
        {
            match self.entries.get_mut(&key) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.hand.push_back(key);
                }
                Some(entry) => {
                    self.bytes -= entry.bytes;
                    self.entries.remove(&key);
                }
                None => {}
            }
        }
    }

    fn change(&mut self, view: View, key: &str) {
        if let Some(entry) = self.entries.get_mut(key)
            && entry.form.views.contains(&view)
            && entry.shown.take().is_some()
        {
            let left = ENTRY_BYTES + 2 * key.len();
            self.bytes -= entry.bytes - left;
            entry.bytes = left;
        }
    }
}

/// A bounded cache of what was shown.
pub(super) struct Forms {
    shards: Vec<Mutex<Shard>>,
    bytes_max_per_shard: usize,
    /// A bit for each view that anything was made of: changes of others need no look.
    views: AtomicU64,
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A panic while a shard is changed ends the process; nothing in here can.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Forms {
    /// A cache that takes at most about `bytes_max` bytes.
    pub(super) fn new(bytes_max: usize) -> Forms {
        Forms {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            bytes_max_per_shard: bytes_max / SHARDS,
            views: AtomicU64::new(0),
        }
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let index = usize::try_from(hash >> 60).expect("4 bits");
        lock(&self.shards[index])
    }

    /// Looks up what was shown.
    pub(super) fn get(&self, form: &'static Form, key: &str) -> Option<(Epoch, Shown)> {
        let mut shard = self.shard(key);
        let at = shard.at?;
        let entry = shard.entries.get_mut(key);
        let entry = entry.filter(|entry| std::ptr::eq(entry.form, form))?;
        entry.used = true;
        Some((at, Arc::clone(entry.shown.as_ref()?)))
    }

    /// Takes what is shown of rows that were read from the file at `epoch`.
    pub(super) fn learn(&self, epoch: Epoch, form: &'static Form, key: &str, shown: &Shown) -> Learned {
        let bits = form.views.iter().fold(0, |bits, view| bits | 1 << (*view as u64));
        // Before the shard is looked at: a commit that follows then looks at these views' changes.
        self.views.fetch_or(bits, Ordering::SeqCst);
        let bytes = ENTRY_BYTES + 2 * key.len() + shown.len();
        let mut shard = self.shard(key);
        match shard.at {
            Some(at) if at < epoch => return Learned::Ahead,
            Some(at) if at == epoch && bytes <= self.bytes_max_per_shard => {
                let entry = Entry {
                    form,
                    shown: Some(Arc::clone(shown)),
                    bytes,
                    used: false,
                };
                shard.insert(key, entry, self.bytes_max_per_shard);
            }
            _ => {}
        }
        Learned::Well
    }

    /// Forgets everything.
    pub(super) fn forget(&self) {
        for shard in &self.shards {
            *lock(shard) = Shard::default();
        }
    }

    /// Before SQLite commits.
    pub(super) fn hold(&self) {
        for shard in &self.shards {
            lock(shard).at = None;
        }
    }

    /// After SQLite has committed.
    pub(super) fn follow(&self, epoch: Epoch, deltas: &[Delta]) {
        let views = self.views.load(Ordering::SeqCst);
        for delta in deltas {
            let view = delta.view();
            let by_text = view.schema().columns[0].ty == Type::Text;
            if !by_text || views & (1 << (view as u64)) == 0 {
                continue;
            }
            for change in delta.changes() {
                // A text ends with a 0.
                let first = change.key_bytes().split(|byte| *byte == 0).next();
                if let Some(Ok(first)) = first.map(std::str::from_utf8) {
                    self.shard(first).change(view, first);
                }
            }
        }
        self.start_at(epoch);
    }

    /// From now on what it knows is so at this epoch.
    pub(super) fn start_at(&self, epoch: Epoch) {
        for shard in &self.shards {
            lock(shard).at = Some(epoch);
        }
    }
}
