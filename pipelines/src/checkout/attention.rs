//! What a person must act on and that stays until somebody resolves it (rules, section 5).
//!
//! The kinds that end by themselves are not kept here: they follow from the state of orders and accounts
//! and are compared at the end of an epoch. Here a row's `since` is the clock of the last epoch that ended
//! with the row there and began without it.
//!
//! What is raised lies in a fixed number of maps by the subject's hash, so that a snapshot costs a counter each
//! and the first change after it copies one of them.

use std::collections::BTreeMap;

use contract::delta::DeltaBuilder;
use contract::time::Time;
use contract::views::{AttentionRow, Json};
use operators::interner::hash;
use operators::share::Share;

pub(super) type Key = (String, String);

const MAPS: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Raised {
    pub(super) since: Time,
    pub(super) detail: Option<String>,
}

/// What is raised, by kind and subject.
#[derive(Debug)]
pub(super) struct Standing([Share<BTreeMap<Key, Raised>>; MAPS]);

impl Default for Standing {
    fn default() -> Self {
        Standing(std::array::from_fn(|_| Share::default()))
    }
}

fn map_of(key: &Key) -> usize {
    usize::from(hash(key.1.as_bytes()).to_le_bytes()[0]) % MAPS
}

impl Standing {
    fn get(&self, key: &Key) -> Option<&Raised> {
        self.0[map_of(key)].get(key)
    }

    /// Raises it; what was raised before.
    pub(super) fn insert(&mut self, key: Key, raised: Raised) -> Option<Raised> {
        self.0[map_of(&key)].get_mut().insert(key, raised)
    }

    fn remove(&mut self, key: &Key) -> Option<Raised> {
        let map = &mut self.0[map_of(key)];
        map.contains_key(key).then(|| map.get_mut().remove(key))?
    }

    /// All of it, in an order that depends on the keys alone.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Raised)> {
        self.0.iter().flat_map(|map| map.iter())
    }

    /// The same once more, cheaply.
    pub(super) fn share(&mut self) -> Self {
        let mut maps = self.0.iter_mut();
        Standing(std::array::from_fn(|_| {
            maps.next().map(Share::share).unwrap_or_default()
        }))
    }
}

/// Raised attention.
#[derive(Debug, Default)]
pub struct Attention {
    pub(super) raised: Standing,
    /// Keys that this epoch touched, with what was there at its start.
    pub(super) before: BTreeMap<Key, Option<Raised>>,
}

impl Attention {
    /// Raises `kind` for `subject`.
    pub fn raise(&mut self, kind: &str, subject: &str, detail: Option<String>, now: Time) {
        let key = (kind.to_owned(), subject.to_owned());
        let current = self.raised.get(&key).cloned();
        let before = self.before.entry(key.clone()).or_insert_with(|| current.clone());
        let standing = current.or_else(|| before.clone());
        let since = standing.map_or(now, |standing| standing.since);
        self.raised.insert(key, Raised { since, detail });
    }

    /// Resolves `kind` for `subject`, if it is raised.
    pub fn resolve(&mut self, kind: &str, subject: &str) {
        let key = (kind.to_owned(), subject.to_owned());
        if let Some(raised) = self.raised.remove(&key) {
            self.before.entry(key).or_insert(Some(raised));
        }
    }

    /// Writes what the epoch changed.
    pub fn write(&mut self, out: &mut DeltaBuilder) {
        for (key, before) in std::mem::take(&mut self.before) {
            let after = self.raised.get(&key);
            if after == before.as_ref() {
                continue;
            }
            let (kind, subject) = (key.0.as_str(), key.1.as_str());
            match after {
                Some(raised) => out.upsert(&AttentionRow {
                    kind,
                    subject,
                    since: raised.since,
                    detail: raised.detail.as_deref().map(Json),
                }),
                None => out.delete(&(kind, subject)),
            }
        }
    }
}
