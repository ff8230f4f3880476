//! Bindings that are under way, by a producer of their own: one whose records are kept in order and without a gap,
//! as [`crate::timeline::Ahead`] needs it.
//!
//! An idempotent producer keeps the order of what it sends, and a broker takes no batch before the one that it
//! follows. A gap could still come of a record that the client itself gives up, as nobody answered in time,
//! while the next is still on its way. So here none is given up (`message.timeout.ms` 0): a binding waits
//! for the broker as long as it takes, and says that it is late. What is refused for good ends the producer
//! (`enable.gapless.guarantee`), and with it all that comes after.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;

use super::appending::{Answers, Appending};
use super::client::unanswered;
use super::{Config, Shared, topics};
use crate::error::LogError;
use crate::log::{Outcome, Sent};
use crate::record::Batch;
use crate::timeline;

/// How many may be under way. It must not shrink.
pub const AHEAD_MAX: u64 = 4;
/// What takes longer is told.
const LATE: Duration = Duration::from_secs(2);

/// The client that binds.
pub fn client(config: &Config) -> ClientConfig {
    let mut client = config.appending();
    client.set("message.timeout.ms", "0");
    client.set("enable.gapless.guarantee", "true");
    // Each is waited for as it is: there is nothing to gather.
    client.set("linger.ms", "0");
    client
}

/// A binding under way.
pub struct Sending {
    appending: Arc<Appending>,
    answers: Arc<Answers>,
    since: Instant,
}

impl Sending {
    /// Sends a batch of one record of the timeline.
    pub fn begin(
        shared: &Arc<Shared>,
        appending: &Arc<Appending>,
        batch: &Batch,
    ) -> Result<Sending, LogError> {
        let stream = shared.streams().number(timeline::TOPIC, 0)?;
        let ends = Arc::clone(&shared.looking.ends);
        let kept = move |answers: &[Option<Result<u64, _>>]| {
            for offset in answers.iter().flatten().flatten() {
                ends.found(stream, offset + 1);
            }
            ends.growth.grow();
        };
        let name = |topic: &str| topics::full(&shared.config, topic);
        Ok(Sending {
            answers: appending.send(batch, &name, Box::new(kept))?,
            appending: Arc::clone(appending),
            since: Instant::now(),
        })
    }
}

impl Sent for Sending {
    fn outcome(&self) -> Outcome {
        match self.appending.known(&self.answers) {
            Some(Ok(())) => Outcome::Kept,
            Some(Err(error)) => Outcome::Failed(match error {
                // What counts is what is read back: it may be asked for again.
                LogError::InDoubt { what, .. } => unanswered("binding an epoch", what),
                other => other,
            }),
            None if self.since.elapsed() > LATE => Outcome::Late(self.appending.late("binding an epoch")),
            None => Outcome::Waits,
        }
    }
}
