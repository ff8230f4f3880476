//! `millrace log`: what is in a log, and how something gets there, while nothing runs.

mod append;
mod cat;

use contract::log::Topic;
use streams::{Log, timeline};

use crate::Failure;

pub use append::append;
pub use cat::{Range, cat};

/// That there is such a topic.
fn known(log: &dyn Log, topic: &str) -> Result<(), Failure> {
    if log.topics().iter().any(|known| known.name == topic) {
        return Ok(());
    }
    let names: Vec<&str> = Topic::ALL.iter().map(|topic| topic.name()).collect();
    Err(Failure::Usage(format!(
        "there is no topic {topic}; there are {} and {}",
        names.join(", "),
        timeline::TOPIC
    )))
}
