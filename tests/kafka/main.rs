//! `millrace up --kafka`, as a user meets it, against a real broker: one for all tests, topics with a prefix of
//! each test's own. What came of it is judged by `millrace verify`: the oracle reads the same topics and timeline.

#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

#[expect(dead_code, reason = "the other tests use all of it")]
#[path = "../cli/common.rs"]
mod common;

mod bench;
mod changelog;
mod clock;
mod crashes;
mod feed;
mod instances;
mod outage;
mod producer;
#[path = "../../sinks/tests/kafka/reading.rs"]
mod reading;
mod refused;
mod retention;

extern crate sinks as millrace_sinks;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use brokers::Brokers;
use common::{Dir, Up, assert_well};
use contract::log::Topic;
use feed::Feed;
use servers::kafka::{Kafka, shared as broker};
use streams::kafka::Config;
use streams::{KafkaLog, Log as _};

/// `MILLRACE_SEED`, or else this one; printed, so that a run can be had again.
fn seed(usual: u64) -> u64 {
    let said = std::env::var("MILLRACE_SEED").ok();
    let seed = said.and_then(|seed| seed.parse().ok()).unwrap_or(usual);
    println!("MILLRACE_SEED={seed}");
    seed
}

/// The longest that anything takes.
const LIMIT: Duration = Duration::from_secs(90);

/// A shop in Kafka: its brokers, its prefix, and a data directory.
struct Shop {
    dir: Dir,
    brokers: String,
    prefix: String,
    partitions: u32,
    environment: Vec<(&'static str, String)>,
}

impl Shop {
    fn new(kafka: &Kafka, test: &str, prefix: &str, partitions: u32) -> Shop {
        Shop {
            dir: Dir::new(test),
            brokers: kafka.brokers(),
            prefix: format!("{prefix}."),
            partitions,
            environment: vec![
                ("MILLRACE_KAFKA_TOPIC_PREFIX", format!("{prefix}.")),
                ("MILLRACE_KAFKA_PARTITIONS", partitions.to_string()),
                // So that nobody waits long for a process that is gone.
                ("MILLRACE_TIMELINE_HEARTBEAT_MS", "100".to_owned()),
                ("MILLRACE_CHANGELOG_VIEWS", changelog::names()),
            ],
        }
    }

    /// Its log as another producer's client has it.
    fn producer(&self) -> KafkaLog {
        let mut config = Config::new(Brokers::new(&self.brokers));
        config.prefix.clone_from(&self.prefix);
        config.partitions = self.partitions;
        config.brokers.timeout = Duration::from_secs(10);
        KafkaLog::open(config).unwrap()
    }

    /// Starts it.
    fn up(&self, flags: &[&str]) -> Up {
        let environment: Vec<_> = self
            .environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let flags = [&["--kafka", &self.brokers], flags].concat();
        Up::with(&self.dir, &environment, &flags)
    }

    /// Runs another command on it.
    fn run(&self, args: &[&str]) -> std::process::Output {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_millrace"));
        command
            .args(args)
            .args(["--data", self.dir.text(), "--kafka", &self.brokers]);
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command.env("MILLRACE_LOGGING_FILTER", "error");
        command.stdin(std::process::Stdio::null()).output().unwrap()
    }

    /// Verifies it, once it is stopped: the views are those of the log, no audit is violated, and the topics hold
    /// the views.
    fn verify(&self) {
        let said = assert_well(&self.run(&["verify"]));
        assert!(said.contains(": 0 differences, 0 violated audits"), "{said}");
        changelog::assert_topics_hold_the_views(self);
    }
}

/// Waits until everything that was fed is visible.
fn wait_for_all(up: &Up, feed: &Feed) {
    wait_for_log(up, &feed.log);
}

/// Waits until everything that is in the log is visible.
fn wait_for_log(up: &Up, log: &KafkaLog) {
    until("everything is visible", || {
        up.frontier().is_some_and(|frontier| {
            Topic::ALL.into_iter().all(|topic| {
                let visible = frontier.ends[topic as usize].iter().copied();
                // A leader may be on its way.
                let ends = log.ends(topic.name());
                ends.is_ok_and(|ends| {
                    let mut both = ends.into_iter().zip(visible.chain(std::iter::repeat(0)));
                    both.all(|(end, visible)| visible >= end)
                })
            })
        })
    });
}

/// Waits until it is so.
fn until(what: &str, so: impl Fn() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Deletes a topic, with Kafka's own tool.
fn delete(kafka: &Kafka, topic: &str) {
    let tool = "org.apache.kafka.tools.TopicCommand";
    kafka.tool(tool, &["--delete", "--topic", topic]).unwrap();
}

/// What a path answers: the status and the body.
fn get(up: &Up, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(up.address()).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: millrace\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// Random records of all topics, garbage and tombstones among them, come while it runs, and some before: its views
/// are the oracle's, with any number of partitions and workers.
#[test]
fn the_views_are_the_oracles_with_any_number_of_partitions_and_workers() {
    let test = "the_views_are_the_oracles";
    let Some(kafka) = broker(test) else { return };
    for (seed, partitions, workers) in [(1, 1, "1"), (2, 3, "2"), (3, 12, "4")] {
        println!("seed {seed}, {partitions} partitions, {workers} workers");
        let prefix = format!("{test}.{partitions}");
        let shop = Shop::new(kafka, &prefix, &prefix, partitions);
        let mut feed = Feed::new(&shop, seed);
        feed.send(15);
        let up = shop.up(&["--workers", workers]);
        for _ in 0..15 {
            feed.send(1);
            std::thread::sleep(Duration::from_millis(20));
        }
        wait_for_all(&up, &feed);
        up.stop();
        shop.verify();
        // What comes while nobody is there is bound in slices.
        feed.send(10);
        let up = shop.up(&["--workers", workers]);
        wait_for_all(&up, &feed);
        up.stop();
        shop.verify();
    }
}
