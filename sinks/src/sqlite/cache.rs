//! Rows that were read lately, kept in memory and kept up with the store's commits.
//!
//! The cache is cut into shards, each under a lock of its own; each knows the epoch at which all its rows are
//! so, or that it can't tell. Around each commit:
//!
//! 1. *Before* SQLite commits, every shard forgets its epoch ([`Cache::hold`]): from now on every read goes
//!    to the file.
//! 2. SQLite commits; a reader may see the new epoch from now on, and not earlier.
//! 3. Every shard applies the changes to the rows that it has and takes the new epoch ([`Cache::follow`]).
//!
//! So no answer is older than what any reader has seen. An answer of epoch e comes from a shard before its
//! step 1 of the commit after e, when nobody can have seen more than e; after step 3 its answers are of the
//! later epoch. A row that a reader brings is kept only if its shard stands at the very epoch that it was
//! read at.
//!
//! Another process may write the file (it has taken over). A reader that sees an epoch above its shard's
//! makes the whole cache forget everything: it stays so until this store commits again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::delta::{Change, Delta, Op, patched};
use contract::log::Epoch;
use contract::views::View;

use super::forms::{Forms, Learned};
use super::read::FoundRow;
use crate::read::{Form, Shown};

/// How many shards there are.
const SHARDS: usize = 16;

/// What an entry takes besides its key, twice, and its row.
const ENTRY_BYTES: usize = 160;

/// What the cache knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cached {
    /// The row is so at this epoch; `None`: there is no such row.
    Found(Epoch, FoundRow),
    /// It does not know.
    Unknown,
}

struct Entry {
    row: FoundRow,
    /// Read since the hand of the clock last came by.
    used: bool,
}

#[derive(Default)]
struct Shard {
    /// The epoch at which all its rows are so; `None`: unknown, nothing is answered.
    at: Option<Epoch>,
    /// By view, then key.
    rows: HashMap<View, HashMap<Arc<[u8]>, Entry>>,
    /// All keys, in the order in which they are looked at when room is needed.
    hand: VecDeque<(View, Arc<[u8]>)>,
    bytes: usize,
}

impl Shard {
    fn find(&mut self, view: View, key: &[u8]) -> Option<&mut Entry> {
        self.rows.get_mut(&view)?.get_mut(key)
    }

    fn insert(&mut self, view: View, key: &[u8], row: FoundRow, bytes_max: usize) {
        if let Some(entry) = self.find(view, key) {
            // Of one epoch both are the same.
            entry.used = true;
            return;
        }
        let room = size(key, &row);
        if room > bytes_max {
            return;
        }
        let key: Arc<[u8]> = Arc::from(key);
        self.bytes += room;
        self.hand.push_back((view, Arc::clone(&key)));
        let entry = Entry { row, used: false };
        self.rows.entry(view).or_default().insert(key, entry);
        self.make_room(bytes_max);
    }

    /// Drops rows until the rest fits: the first that was not read since it was last looked at.
    fn make_room(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let Some((view, key)) = self.hand.pop_front() else {
                return;
            };
            let rows = self.rows.entry(view).or_default();
            match rows.get_mut(&key) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.hand.push_back((view, key));
                }
                Some(entry) => {
                    self.bytes -= size(&key, &entry.row);
                    rows.remove(&key);
                }
                None => {}
            }
        }
    }

    /// Changes a row that is there.
    fn apply(&mut self, view: View, change: &Change<'_>) {
        let key = change.key_bytes();
        let Some(entry) = self.find(view, key) else {
            return;
        };
        let before = size(key, &entry.row);
        entry.row = match (change.op, &entry.row) {
            (Op::Upsert, _) => Some(Arc::from(change.column_bytes())),
            (Op::Patch, Some(row)) => Some(Arc::from(patched(view, row, change))),
            // A patch of no row: the file would have refused the commit.
            (Op::Patch, None) | (Op::Delete, _) => None,
        };
        let after = size(key, &entry.row);
        self.bytes = self.bytes - before + after;
    }
}

/// A bounded cache of rows.
pub(super) struct Cache {
    shards: Vec<Mutex<Shard>>,
    bytes_max_per_shard: usize,
    /// What was shown of things; it follows the same steps.
    forms: Forms,
}

fn size(key: &[u8], row: &FoundRow) -> usize {
    ENTRY_BYTES + 2 * key.len() + row.as_ref().map_or(0, |row| row.len())
}

impl Cache {
    /// A cache that takes at most about `bytes_max` bytes, half of it for forms.
    pub(super) fn new(bytes_max: usize) -> Cache {
        Cache {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            bytes_max_per_shard: bytes_max / 2 / SHARDS,
            forms: Forms::new(bytes_max / 2),
        }
    }

    /// What was shown of a thing.
    pub(super) fn shown(&self, form: &'static Form, first: &str) -> Option<(Epoch, Shown)> {
        self.forms.get(form, first)
    }

    /// Takes what is shown of a thing as of `epoch`.
    pub(super) fn learn_shown(&self, epoch: Epoch, form: &'static Form, first: &str, shown: &Shown) {
        if self.forms.learn(epoch, form, first, shown) == Learned::Ahead {
            self.forget();
        }
    }

    fn shard(&self, view: View, key: &[u8]) -> MutexGuard<'_, Shard> {
        let start = view as u64 ^ 0xcbf2_9ce4_8422_2325;
        let hash = key.iter().fold(start, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let index = usize::try_from(hash >> 60).expect("4 bits");
        lock(&self.shards[index])
    }

    /// Looks a row up.
    pub(super) fn get(&self, view: View, key: &[u8]) -> Cached {
        let mut shard = self.shard(view, key);
        let Some(at) = shard.at else {
            return Cached::Unknown;
        };
        match shard.find(view, key) {
            Some(entry) => {
                entry.used = true;
                Cached::Found(at, entry.row.clone())
            }
            None => Cached::Unknown,
        }
    }

    /// Takes a row that was read from the file at `epoch`.
    pub(super) fn learn(&self, epoch: Epoch, view: View, key: &[u8], row: FoundRow) {
        let mut shard = self.shard(view, key);
        match shard.at {
            Some(at) if at == epoch => {
                shard.insert(view, key, row, self.bytes_max_per_shard);
            }
            Some(at) if at < epoch => {
                drop(shard);
                self.forget();
            }
            _ => {}
        }
    }

    /// How many rows it has, and the bytes that they take.
    pub(super) fn size(&self) -> (usize, usize) {
        let sizes = self.shards.iter().map(|shard| {
            let shard = lock(shard);
            (shard.hand.len(), shard.bytes)
        });
        sizes.fold((0, 0), |sum, shard| (sum.0 + shard.0, sum.1 + shard.1))
    }

    /// Forgets everything: the file may hold what this store did not write.
    pub(super) fn forget(&self) {
        for shard in &self.shards {
            *lock(shard) = Shard::default();
        }
        self.forms.forget();
    }

    /// Before SQLite commits: nothing is answered until [`Cache::follow`]. If the commit fails, call
    /// [`Cache::forget`].
    pub(super) fn hold(&self) {
        for shard in &self.shards {
            lock(shard).at = None;
        }
        self.forms.hold();
    }

    /// After SQLite has committed: takes the changes that lead to `epoch`.
    pub(super) fn follow(&self, epoch: Epoch, deltas: &[Delta]) {
        for delta in deltas {
            for change in delta.changes() {
                let view = delta.view();
                self.shard(view, change.key_bytes()).apply(view, &change);
            }
        }
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.make_room(self.bytes_max_per_shard);
            shard.at = Some(epoch);
        }
        self.forms.follow(epoch, deltas);
    }

    /// After SQLite has committed rows that are not told one by one.
    pub(super) fn start_at(&self, epoch: Epoch) {
        self.forget();
        for shard in &self.shards {
            lock(shard).at = Some(epoch);
        }
        self.forms.start_at(epoch);
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A panic while a shard is changed ends the process; nothing in here can.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
