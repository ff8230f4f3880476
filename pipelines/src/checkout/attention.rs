//! What a person must act on and that stays until somebody resolves it (rules, section 5).
//!
//! The kinds that end by themselves are not kept here: they follow from the state of orders and accounts
//! and are compared at the end of an epoch. Here a row's `since` is the clock of the last epoch that ended
//! with the row there and began without it.

use std::collections::BTreeMap;

use contract::delta::DeltaBuilder;
use contract::time::Time;
use contract::views::{AttentionRow, Json};

type Key = (String, String);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Raised {
    since: Time,
    detail: Option<String>,
}

/// Raised attention.
#[derive(Debug, Default)]
pub struct Attention {
    raised: BTreeMap<Key, Raised>,
    /// Keys that this epoch touched, with what was there at its start.
    before: BTreeMap<Key, Option<Raised>>,
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
