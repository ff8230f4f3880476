//! `millrace log`: what is in a log, and how something gets there, while nothing runs.

mod append;
mod cat;

use contract::log::Topic;
use streams::timeline;

use crate::Failure;

pub use append::append;
#[cfg(feature = "kill-points")]
pub use append::{object, parts};
pub use cat::{Range, cat};

/// That there is such a topic.
fn known(topic: &str) -> Result<(), Failure> {
    if Topic::from_name(topic).is_some() || topic == timeline::TOPIC {
        return Ok(());
    }
    let names = Topic::ALL.map(Topic::name);
    Err(Failure::Usage(format!(
        "there is no topic {topic}; there are {} and {}",
        names.join(", "),
        timeline::TOPIC
    )))
}
