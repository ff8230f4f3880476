//! The clocks, passed in: a simulated run has its own.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use contract::time::Time;

/// What the clocks read at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock; it may jump.
    pub wall: Time,
    /// Milliseconds since some moment; never goes back.
    pub monotonic_ms: u64,
}

/// Reads the clocks.
pub trait Clock: Send + Sync {
    /// What they read now.
    fn now(&self) -> Now;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Monotonic time counts from now on.
    #[must_use]
    pub fn new() -> SystemClock {
        let start = Instant::now();
        SystemClock { start }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        // A clock beyond what a time can be is as good as none: it counts as behind, and time stands still.
        let wall = Time::from_ms(ms).unwrap_or_default();
        let monotonic_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { wall, monotonic_ms }
    }
}
