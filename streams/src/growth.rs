//! A counter that can be waited for: how a log tells that something was appended.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug, Default)]
struct State {
    count: u64,
    /// How many wait: waking nobody would still cost a system call.
    waiting: u64,
}

/// A counter that only grows.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    state: Mutex<State>,
    grew: Condvar,
}

impl Growth {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more, and wakes all who wait.
    pub(crate) fn grow(&self) {
        let mut state = self.state();
        state.count += 1;
        let waiting = state.waiting > 0;
        drop(state);
        if waiting {
            self.grew.notify_all();
        }
    }

    /// Waits until the counter is greater than `seen`, or the time is out; the counter.
    pub(crate) fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        let mut state = self.state();
        if state.count > seen || timeout.is_zero() {
            return state.count;
        }
        state.waiting += 1;
        let waited = self
            .grew
            .wait_timeout_while(state, timeout, |state| state.count <= seen);
        (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.count
    }
}
