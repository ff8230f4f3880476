//! Bindings that are under way: appended, and not read back yet.
//!
//! Until a binding is read back nobody acts on it; but the next one need not wait for that. A minter that has
//! read the timeline up to epoch e may have e + 1 to e + k under way, k being what the log says
//! ([`crate::Log::ahead_max`]). That leaves the rule as it is: of records for the same epoch the first counts.
//! What it leaves to be shown is that whatever counts can come next: that no clock or end goes back and no
//! epoch is left out, though another minter's records come in between. There is another only where somebody
//! takes over from one that stood still and wakes, or whose records are still on their way. Hence:
//!
//! 1. *Each record speaks for itself.* It says what differs from epoch e, the last that its minter had read, not
//!    from those under way, which may turn out void.
//! 2. *The log keeps a minter's records in order, without a gap*: where one was not kept, none after it is.
//! 3. *Who takes over is quiet at first.* It takes the generation by epoch t, and binds epochs that change nothing,
//!    each only once it has read the one before, up to t - 1 + k. Only then it binds records, and ahead.
//! 4. *Who reads that another has taken over* appends nothing more.
//! 5. *Who is told that a record was not kept*, or reads another's in its place, is quiet, too, up to the last
//!    epoch that it had under way.
//!
//! A quiet record for epoch j was made by who had read up to j - 1. If it is the first for j, then j - 1 was the last
//! when it came, so that it fits, and leaves ends and clock as they were. A record of the former minter is for
//! t - 1 + k at most, as that one had not read t (4). So it comes among the quiet ones or is void (3). Among
//! them it follows, but for such as change nothing, a record of its own minter or what that one had read (2),
//! and says all that differs from it (1): it fits. By induction all do.
//!
//! So a binding of the former holder can count after the generation was taken. It binds what it saw, as all
//! would have; that its minter acts no more is the generation's business. k is a promise between all who ever
//! write to one timeline: it must not shrink.

use std::collections::VecDeque;

use contract::log::{Binding, Epoch};

use super::Timeline;

/// What is under way.
#[derive(Clone, Debug)]
pub struct Ahead {
    max: u64,
    under_way: VecDeque<Binding>,
    /// Up to this epoch nothing is changed.
    quiet_to: Epoch,
}

/// What may be appended next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Nothing before something was read back.
    Full,
    /// An epoch that changes nothing.
    Quiet,
    /// Any epoch.
    Any,
}

impl Ahead {
    /// Nothing is under way; so many may be.
    ///
    /// # Panics
    /// If none may.
    #[must_use]
    pub fn new(max: u64) -> Ahead {
        assert!(max > 0, "who may append nothing binds nothing");
        Ahead {
            max,
            under_way: VecDeque::new(),
            quiet_to: Epoch(0),
        }
    }

    /// Notes that the generation was taken by binding an epoch.
    pub fn taken(&mut self, epoch: Epoch) {
        self.quiet_to = Epoch(epoch.0 - 1 + self.max);
    }

    /// What may be appended after what was read.
    #[must_use]
    pub fn room(&self, read: &Timeline) -> Room {
        let under_way = self.under_way.len() as u64;
        if read.next_epoch() <= self.quiet_to {
            if under_way == 0 { Room::Quiet } else { Room::Full }
        } else if under_way < self.max {
            Room::Any
        } else {
            Room::Full
        }
    }

    /// How many are under way.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.under_way.len() as u64
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// The last binding, read or under way.
    #[must_use]
    pub fn last<'a>(&'a self, read: &'a Timeline) -> Option<&'a Binding> {
        self.under_way.back().or_else(|| read.last())
    }

    /// Notes that a binding was appended, which follows the last.
    pub fn sent(&mut self, binding: Binding) {
        debug_assert!(
            self.under_way
                .back()
                .is_none_or(|last| last.epoch.0 + 1 == binding.epoch.0),
            "it follows the last"
        );
        self.under_way.push_back(binding);
    }

    /// Notes what was read; whether it is what we had under way, if we had.
    pub fn read(&mut self, binding: &Binding) -> bool {
        let Some(ours) = self.under_way.pop_front_if(|ours| ours.epoch <= binding.epoch) else {
            return true;
        };
        if ours != *binding {
            self.under_way.push_front(ours);
            self.lost();
            return false;
        }
        true
    }

    /// Notes that something under way was not kept, or may not be.
    pub fn lost(&mut self) {
        let last = self.under_way.back().map_or(Epoch(0), |last| last.epoch);
        self.quiet_to = self.quiet_to.max(last);
        self.under_way.clear();
    }
}

#[cfg(test)]
mod tests;
