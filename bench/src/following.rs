//! A log that grows by whole epochs with clocks of their own, and an engine that follows it.

use std::sync::Arc;
use std::time::Duration;

use contract::log::Epoch;
use contract::time::Time;
use runtime::{Engine, Progress, State};
use streams::EmbeddedLog;
use streams::timeline::Timeline;

use crate::mix::Mix;
use crate::replay::append;

/// Everything is over by then; if not, something hangs.
pub const PATIENCE: Duration = Duration::from_secs(3600);

/// Both of them.
pub struct Following {
    log: Arc<EmbeddedLog>,
    engine: Engine,
    timeline: Timeline,
    now: Time,
}

impl Following {
    /// Of a log that is empty.
    pub fn new(log: Arc<EmbeddedLog>, engine: Engine) -> Following {
        Following {
            log,
            engine,
            timeline: Timeline::default(),
            now: Time::default().plus_seconds(1_790_000_000),
        }
    }

    /// Appends a mix's epochs, which it then forgets; `step_s` seconds pass with each.
    pub fn add(&mut self, mix: &mut Mix, step_s: i64) -> Result<(), String> {
        let now = &mut self.now;
        append(&self.log, mix, &mut self.timeline, &mut |_| {
            *now = now.plus_seconds(step_s);
            *now
        })?;
        mix.clear();
        Ok(())
    }

    /// So much time passes before the next epoch.
    pub fn wait_s(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
    }

    /// Waits until everything is decided and delivered.
    pub fn settle(&self) -> Result<Progress, String> {
        let last = self.timeline.next_epoch().0 - 1;
        let done = self.wait(PATIENCE, |p| visible(p).0 >= last)?;
        if visible(&done).0 < last {
            return Err(format!("it does not come to epoch {last}: {done:?}"));
        }
        Ok(done)
    }

    /// Waits until `done`, or the time is out; how it stands then.
    pub fn wait(&self, timeout: Duration, done: impl Fn(&Progress) -> bool) -> Result<Progress, String> {
        let progress = self.engine.wait(timeout, done);
        match &progress.state {
            State::Failed(why) => Err(why.clone()),
            _ => Ok(progress),
        }
    }
}

/// The epoch that the view store holds; 0 if it is empty.
pub fn visible(progress: &Progress) -> Epoch {
    progress.visible.map_or(Epoch(0), |(epoch, _)| epoch)
}
