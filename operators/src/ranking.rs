//! An incremental top k: the first `k` of a group by score, then by id.
//!
//! The first `k` stand in a sorted list, all others in an ordered set; a change moves one member between the
//! two, in the logarithm of the group's size. What changed is told against what was told last, place by
//! place, so that members that come and go in between leave no trace.
//!
//! Invariant: every member of the list comes before every one of the set, and the set is empty unless the
//! list is full. A member is there once: adding one that is there, or removing one that is not, is a mistake
//! of the caller's and panics.

use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Greatest score first, then least id.
type Member<S, I> = (Reverse<S>, I);

/// The members of a group, ranked.
#[derive(Clone, Debug)]
pub struct Ranking<S, I> {
    k: usize,
    first: Vec<Member<S, I>>,
    rest: BTreeSet<Member<S, I>>,
    told: Vec<Member<S, I>>,
    /// The list may differ from what was told.
    changed: bool,
}

/// What a place of the list shows now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'r, S, I> {
    /// This member.
    Taken(&'r S, &'r I),
    /// Nobody any more.
    Empty,
}

impl<S: Ord + Clone, I: Ord + Clone> Ranking<S, I> {
    /// Nobody yet; `k` is how many are told.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Ranking {
            k,
            first: Vec::new(),
            rest: BTreeSet::new(),
            told: Vec::new(),
            changed: false,
        }
    }

    /// Adds a member.
    ///
    /// # Panics
    /// If it is there.
    pub fn add(&mut self, score: S, id: I) {
        let member = (Reverse(score), id);
        let place = self.first.binary_search(&member);
        let place = place.expect_err("a member is added once");
        if place == self.first.len() && !self.rest.is_empty() || place == self.k {
            assert!(self.rest.insert(member), "a member is added once");
            return;
        }
        self.changed = true;
        self.first.insert(place, member);
        if self.first.len() > self.k {
            self.rest.extend(self.first.pop());
        }
    }

    /// Removes a member.
    ///
    /// # Panics
    /// If it is not there.
    pub fn remove(&mut self, score: S, id: I) {
        let member = (Reverse(score), id);
        match self.first.binary_search(&member) {
            Ok(place) => {
                self.changed = true;
                self.first.remove(place);
                self.first.extend(self.rest.pop_first());
            }
            Err(_) => assert!(self.rest.remove(&member), "a member is removed once"),
        }
    }

    /// Calls `each` with the places (from 0) that show something else than when this was last called.
    pub fn tell(&mut self, mut each: impl FnMut(usize, Place<'_, S, I>)) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        for (place, (Reverse(score), id)) in self.first.iter().enumerate() {
            if self.told.get(place) != Some(&self.first[place]) {
                each(place, Place::Taken(score, id));
            }
        }
        for place in self.first.len()..self.told.len() {
            each(place, Place::Empty);
        }
        self.told.clone_from(&self.first);
    }
}
