//! What changed lately: per commit the keys of the rows that it touched, for those who follow a view.
//!
//! A step is one commit of the view store. It may cover several epochs; its epoch is the last of them, and
//! who follows sees whole steps. Only keys are kept: rows are read when they are sent, so that following
//! costs memory for what changed, not for how it looks.
//!
//! Invariant: the steps after [`History::oldest`] are all there, in order. When there are too many bytes, the
//! oldest are dropped.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use contract::delta::Delta;
use contract::log::Epoch;
use contract::views::View;

/// Bytes that a key takes besides itself.
const KEY_BYTES: usize = 24;

/// The changed keys of one commit.
struct Step {
    epoch: Epoch,
    keys: BTreeMap<View, Arc<[Box<[u8]>]>>,
    bytes: usize,
}

/// The steps that are remembered.
pub(crate) struct History {
    /// Every change after this epoch is known.
    oldest: Epoch,
    steps: VecDeque<Step>,
    bytes: usize,
    bytes_max: usize,
}

/// The keys of a view that changed, encoded, in order.
pub type Keys = BTreeSet<Box<[u8]>>;

impl History {
    /// Nothing has changed since `at`.
    pub(crate) fn new(at: Epoch, bytes_max: usize) -> History {
        History {
            oldest: at,
            steps: VecDeque::new(),
            bytes: 0,
            bytes_max,
        }
    }

    /// Notes a commit.
    pub(crate) fn add(&mut self, epoch: Epoch, deltas: &[Delta]) {
        let mut bytes = KEY_BYTES;
        let mut keys: BTreeMap<View, Arc<[Box<[u8]>]>> = BTreeMap::new();
        for delta in deltas.iter().filter(|delta| !delta.is_empty()) {
            let changed: Vec<Box<[u8]>> = delta.changes().map(|c| Box::from(c.key_bytes())).collect();
            bytes += changed.iter().map(|key| key.len() + KEY_BYTES).sum::<usize>();
            keys.insert(delta.view(), changed.into());
        }
        self.steps.push_back(Step { epoch, keys, bytes });
        self.bytes += bytes;
        while self.bytes > self.bytes_max
            && let Some(step) = self.steps.pop_front()
        {
            self.bytes -= step.bytes;
            self.oldest = step.epoch;
        }
    }

    /// The oldest epoch that one can go on from.
    pub(crate) fn oldest(&self) -> Epoch {
        self.oldest
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that it may take.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The keys of a view that changed after `after`, up to `until`; `None`: that is not remembered.
    pub(crate) fn changed(&self, view: View, after: Epoch, until: Epoch) -> Option<Keys> {
        if after < self.oldest {
            return None;
        }
        let first = self.steps.partition_point(|step| step.epoch <= after);
        let steps = self.steps.range(first..).take_while(|step| step.epoch <= until);
        let keys = steps.filter_map(|step| step.keys.get(&view));
        Some(keys.flat_map(|keys| keys.iter().cloned()).collect())
    }
}
