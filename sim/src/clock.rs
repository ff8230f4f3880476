//! The virtual clocks: they move only when the simulation says so.

use std::sync::{Arc, Mutex, PoisonError};

use contract::time::Time;
use runtime::clock::Now;

/// Both clocks of the simulated machine. Clones share them.
#[derive(Clone, Debug)]
pub struct VirtualClock(Arc<Mutex<Now>>);

impl VirtualClock {
    /// Clocks of which the wall clock reads `wall`.
    #[must_use]
    pub fn new(wall: Time) -> VirtualClock {
        let monotonic_ms = 1_000_000;
        VirtualClock(Arc::new(Mutex::new(Now { wall, monotonic_ms })))
    }

    /// What they read.
    #[must_use]
    pub fn now(&self) -> Now {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time passes.
    pub fn pass(&self, ms: u64) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.monotonic_ms += ms;
        now.wall = moved(now.wall, i64::try_from(ms).unwrap_or(i64::MAX));
    }

    /// The wall clock is set: ahead or back.
    pub fn jump(&self, ms: i64) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.wall = moved(now.wall, ms);
    }
}

/// The time `ms` later, or the same if that is none.
fn moved(time: Time, ms: i64) -> Time {
    Time::from_ms(time.ms().saturating_add(ms)).unwrap_or(time)
}
