//! What waits for a sink that follows.
//!
//! A sink never slows anybody: its queue is bounded, and when it overflows everything in it is dropped, the
//! sink is filled again from the view store's rows at one epoch, and follows from there.

use std::collections::VecDeque;

use contract::log::Epoch;

/// How much there is in an epoch's changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Changed rows.
    pub changes: usize,
    /// Bytes of their encoding.
    pub bytes: usize,
}

/// How much may be in a queue, or in a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At most so many epochs.
    pub epochs: usize,
    /// At most so many changed rows.
    pub changes: usize,
    /// At most so many bytes.
    pub bytes: usize,
}

impl Limits {
    fn hold(&self, epochs: usize, size: Size) -> bool {
        epochs <= self.epochs && size.changes <= self.changes && size.bytes <= self.bytes
    }
}

/// What is to be done for the sink next.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<T> {
    /// Nothing waits.
    Nothing,
    /// Commit these epochs, in order; there is at least one.
    Commit(Vec<(Epoch, T)>),
    /// The queue overflowed: fill the sink again, then call [`FollowQueue::refilled`].
    Refill,
}

/// A bounded queue of epochs for one sink.
#[derive(Debug)]
pub struct FollowQueue<T> {
    limits: Limits,
    waiting: VecDeque<(Epoch, Size, T)>,
    size: Size,
    overflowed: bool,
    /// The last epoch that the sink holds or that was queued; an earlier one is not queued again.
    last: Option<Epoch>,
}

impl<T> FollowQueue<T> {
    /// An empty queue for a sink that holds everything up to `last`.
    #[must_use]
    pub fn new(limits: Limits, last: Option<Epoch>) -> Self {
        FollowQueue {
            limits,
            waiting: VecDeque::new(),
            size: Size::default(),
            overflowed: false,
            last,
        }
    }

    /// Queues an epoch's changes. `false`: the queue has overflowed, now or before, and holds nothing.
    /// Epochs that the sink holds already are passed over.
    pub fn push(&mut self, epoch: Epoch, size: Size, changes: T) -> bool {
        if self.overflowed {
            return false;
        }
        if Some(epoch) <= self.last {
            return true;
        }
        let sum = plus(self.size, size);
        // What is larger than the limits all by itself still has to get through.
        if !self.waiting.is_empty() && !self.limits.hold(self.waiting.len() + 1, sum) {
            self.waiting.clear();
            self.size = Size::default();
            self.overflowed = true;
            return false;
        }
        self.size = sum;
        self.last = Some(epoch);
        self.waiting.push_back((epoch, size, changes));
        true
    }

    /// Takes as many epochs as go into one commit: at least one, and as many more as the limits allow.
    pub fn take(&mut self, commit: &Limits) -> Taken<T> {
        if self.overflowed {
            return Taken::Refill;
        }
        let mut taken = Vec::new();
        let mut size = Size::default();
        while let Some((_, next, _)) = self.waiting.front() {
            let sum = plus(size, *next);
            if !taken.is_empty() && !commit.hold(taken.len() + 1, sum) {
                break;
            }
            size = sum;
            let (epoch, _, changes) = self.waiting.pop_front().expect("there is a front");
            taken.push((epoch, changes));
        }
        self.size.changes -= size.changes;
        self.size.bytes -= size.bytes;
        if taken.is_empty() {
            Taken::Nothing
        } else {
            Taken::Commit(taken)
        }
    }

    /// The sink was filled with the rows at `epoch`: it follows from there. Whoever pushes must go on with
    /// the epoch after it, or an earlier one.
    pub fn refilled(&mut self, epoch: Epoch) {
        self.waiting.clear();
        self.size = Size::default();
        self.overflowed = false;
        self.last = Some(epoch);
    }

    /// How many epochs wait, and how much is in them.
    #[must_use]
    pub fn waiting(&self) -> (usize, Size) {
        (self.waiting.len(), self.size)
    }
}

fn plus(a: Size, b: Size) -> Size {
    Size {
        changes: a.changes.saturating_add(b.changes),
        bytes: a.bytes.saturating_add(b.bytes),
    }
}
