//! Asking a place again that did not answer.
//!
//! A start that can't reach its checkpoints does not know whether there are newer ones than what it could
//! go on from without them: it asks again for a while, and then gives up. It never goes on from less.

use std::thread;
use std::time::{Duration, Instant};

use super::error::{CheckpointError, Trouble};
use super::place::Place;

/// Before a place is asked again; twice as long each time, up to the last.
const WAIT: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// For how long a place is asked again, all its objects together.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    began: Instant,
    all: Duration,
}

impl Patience {
    /// So much, from now on.
    #[must_use]
    pub fn of(all: Duration) -> Patience {
        let began = Instant::now();
        Patience { began, all }
    }

    /// None: what does not answer at once has failed.
    #[must_use]
    pub fn none() -> Patience {
        Patience::of(Duration::ZERO)
    }

    /// Calls until it is answered, or what is wrong does not pass, or the time is over.
    pub(crate) fn ask<T>(
        self,
        place: &Place,
        mut call: impl FnMut() -> Result<T, CheckpointError>,
    ) -> Result<T, CheckpointError> {
        let mut wait = WAIT;
        loop {
            let error = match call() {
                Err(error) if error.trouble().is_some_and(Trouble::passes) => error,
                answered => return answered,
            };
            let left = self.all.saturating_sub(self.began.elapsed());
            if left.is_zero() || place.is_stopping() {
                return Err(self.given_up(error));
            }
            tracing::warn!(%error, left_s = left.as_secs(), "checkpoints can't be read; trying again");
            sleep(place, wait.min(left));
            wait = (wait * 2).min(WAIT_MAX);
        }
    }

    fn given_up(self, error: CheckpointError) -> CheckpointError {
        match error {
            CheckpointError::Place { place, trouble, what } if !self.all.is_zero() => {
                let tried = self.began.elapsed().as_secs();
                let what = format!("{what}; it was tried for {tried} s (checkpoint.patience_s)");
                CheckpointError::Place { place, trouble, what }
            }
            error => error,
        }
    }
}

fn sleep(place: &Place, time: Duration) {
    let until = Instant::now() + time;
    while !place.is_stopping() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(LOOK));
    }
}
