//! Views as topics, against a real broker: one for all tests, topics with a prefix of each test's own.

#![allow(
    clippy::unwrap_used,
    clippy::large_types_passed_by_value,
    reason = "a test that panics fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod faults;
mod following;
mod mirror;
mod reading;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use brokers::Brokers;
use contract::delta::Tables;
use contract::views::View;
use millrace_sinks::kafka::{Changelog, Config};
use millrace_sinks::{Frontier, Sink};
use servers::kafka::{Kafka, shared as broker};

use common::conformance::{self, Place};
use mirror::{Mirror, Mirrored};

/// Keys of several parts and types, every type of column.
const VIEWS: &[View] = &[
    View::Orders,
    View::OrderLines,
    View::PaymentCommands,
    View::ProductRatings,
];

/// Topics of their own.
struct Topics {
    config: Config,
    mirror: Mirror,
}

impl Topics {
    fn new(kafka: &Kafka, test: &str, views: &[View]) -> Topics {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mut config = Config::new(Brokers::new(&kafka.brokers()), views);
        config.prefix = format!("{test}.{}.", NEXT.fetch_add(1, Ordering::Relaxed));
        config.commands = false;
        config.brokers.timeout = Duration::from_secs(20);
        Topics {
            config,
            mirror: Mirror::default(),
        }
    }

    fn sink(&self) -> Mirrored {
        let inner = Changelog::new(self.config.clone(), Box::new(self.mirror.clone()));
        Mirrored::new(inner, self.mirror.clone())
    }
}

impl Place for Topics {
    fn open(&self) -> Box<dyn Sink> {
        Box::new(self.sink())
    }

    fn views(&self) -> Vec<View> {
        self.config.views.clone()
    }

    fn read(&self) -> (Option<Frontier>, Tables) {
        reading::tables(&self.config)
    }
}

#[test]
fn it_does_what_every_sink_must() {
    let test = "it_does_what_every_sink_must";
    let Some(kafka) = broker(test) else { return };
    let seeds = std::env::var("MILLRACE_SEEDS").ok();
    let seeds = seeds.and_then(|seeds| seeds.parse().ok()).unwrap_or(1);
    conformance::all(|| Topics::new(kafka, test, VIEWS), 0..seeds);
}
