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
    /// The queue overflowed: take a snapshot of the view store now, fill the sink with it, then call
    /// [`FollowQueue::refilled`].
    Refill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What waits follows on what the sink holds.
    Following,
    /// Epochs were dropped, and are until the sink begins to be filled.
    Overflowed,
    /// The sink is being filled; what has come since waits.
    Refilling,
}

/// A bounded queue of epochs for one sink.
#[derive(Debug)]
pub struct FollowQueue<T> {
    limits: Limits,
    waiting: VecDeque<(Epoch, Size, T)>,
    size: Size,
    state: State,
    /// The last epoch that the sink holds or that was pushed; an earlier one is not queued again.
    last: Option<Epoch>,
    /// The last epoch that was dropped.
    lost: Option<Epoch>,
}

impl<T> FollowQueue<T> {
    /// An empty queue for a sink that holds everything up to `last`.
    #[must_use]
    pub fn new(limits: Limits, last: Option<Epoch>) -> Self {
        FollowQueue {
            limits,
            waiting: VecDeque::new(),
            size: Size::default(),
            state: State::Following,
            last,
            lost: None,
        }
    }

    /// Queues the next epoch's changes. `false`: they were dropped, as the queue has overflowed, now or
    /// before. Epochs that came already are passed over.
    pub fn push(&mut self, epoch: Epoch, size: Size, changes: T) -> bool {
        if Some(epoch) <= self.last {
            return true;
        }
        self.last = Some(epoch);
        let sum = plus(self.size, size);
        // What is larger than the limits all by itself still has to get through.
        let full = !self.waiting.is_empty() && !self.limits.hold(self.waiting.len() + 1, sum);
        if full || self.state == State::Overflowed {
            self.give_up();
            return false;
        }
        self.size = sum;
        self.waiting.push_back((epoch, size, changes));
        true
    }

    /// Drops everything: what waits does not follow on what the sink holds.
    pub fn give_up(&mut self) {
        self.waiting.clear();
        self.size = Size::default();
        self.state = State::Overflowed;
        self.lost = self.last;
    }

    /// Takes all epochs up to `until`, for a sink that reads rows as of that very epoch.
    pub fn take_until(&mut self, until: Epoch) -> Taken<T> {
        if self.state != State::Following {
            self.state = State::Refilling;
            return Taken::Refill;
        }
        let mut taken = Vec::new();
        while let Some((epoch, size, changes)) = self.waiting.pop_front_if(|(epoch, ..)| *epoch <= until) {
            self.size = minus(self.size, size);
            taken.push((epoch, changes));
        }
        if taken.is_empty() {
            Taken::Nothing
        } else {
            Taken::Commit(taken)
        }
    }

    /// Takes as many epochs as go into one commit: at least one, and as many more as the limits allow.
    pub fn take(&mut self, commit: &Limits) -> Taken<T> {
        if self.state != State::Following {
            // From now on epochs are kept: the snapshot is taken after this.
            self.state = State::Refilling;
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
        self.size = minus(self.size, size);
        if taken.is_empty() {
            Taken::Nothing
        } else {
            Taken::Commit(taken)
        }
    }

    /// The sink was filled with the rows at `epoch`, from a snapshot taken after [`Taken::Refill`] was
    /// answered. `true`: it follows from there. `false`: later epochs than that were dropped, so it has to be
    /// filled again, from a later snapshot.
    pub fn refilled(&mut self, epoch: Epoch) -> bool {
        while self
            .waiting
            .front()
            .is_some_and(|(waiting, ..)| *waiting <= epoch)
        {
            let (_, size, _) = self.waiting.pop_front().expect("there is a front");
            self.size = minus(self.size, size);
        }
        self.last = self.last.max(Some(epoch));
        let whole = self.lost <= Some(epoch);
        if whole {
            self.state = State::Following;
        }
        whole
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

fn minus(a: Size, b: Size) -> Size {
    Size {
        changes: a.changes.saturating_sub(b.changes),
        bytes: a.bytes.saturating_sub(b.bytes),
    }
}
