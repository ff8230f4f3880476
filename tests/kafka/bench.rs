//! `millrace bench kafka`: it measures, and leaves nothing behind.

use std::process::{Child, Command, Stdio};

use serde_json::Value;
use servers::kafka::Kafka;

use super::common::{assert_refused, assert_well, text};
use super::{LIMIT, broker, until};

/// A bench with so many orders.
fn bench(kafka: &Kafka, orders: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command
        .args(["bench", "kafka", "--brokers", &kafka.brokers()])
        .args(["--orders", orders, "--json"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Topics of a process.
fn left(kafka: &Kafka, id: u32) -> Vec<String> {
    let all = kafka
        .tool("org.apache.kafka.tools.TopicCommand", &["--list"])
        .unwrap();
    let prefix = format!("millrace-bench-{id}-");
    let ours = all.lines().filter(|name| name.starts_with(&prefix));
    ours.map(str::to_owned).collect()
}

#[test]
fn a_bench_measures_every_part_and_removes_its_topics() {
    let test = "a_bench_measures";
    let Some(kafka) = broker(test) else { return };
    let bench = bench(kafka, "300");
    let id = bench.id();
    let said = assert_well(&bench.wait_with_output().unwrap());
    let figures: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for part in [
        "(b) ceiling",
        "(c) read",
        "(d) checkout alone",
        "(d) all jobs",
        "(e)",
        "(f) 2000 orders/s",
    ] {
        let of = |figure: &&Value| figure["metric"].as_str().unwrap().starts_with(part);
        let figure = figures
            .iter()
            .find(of)
            .unwrap_or_else(|| panic!("{part}: {said}"));
        assert!(figure["value"].as_f64().unwrap() > 0.0, "{figure}");
    }
    assert_eq!(left(kafka, id), Vec::<String>::new());
}

#[test]
fn a_bench_without_brokers_that_answer_says_so_once() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    let ended = command
        .args(["bench", "kafka", "--brokers", "127.0.0.1:1"])
        .output();
    assert_refused(
        &ended.unwrap(),
        3,
        &["127.0.0.1:1", "--brokers", "does not answer"],
    );
}

#[test]
fn a_bench_that_is_interrupted_removes_its_topics() {
    let test = "a_bench_that_is_interrupted";
    let Some(kafka) = broker(test) else { return };
    let mut bench = bench(kafka, "1000000");
    let id = bench.id();
    until("the bench has topics", || !left(kafka, id).is_empty());
    let asked = Command::new("kill").args(["-INT", &id.to_string()]).status();
    assert!(asked.unwrap().success());
    let since = std::time::Instant::now();
    while bench.try_wait().unwrap().is_none() {
        assert!(since.elapsed() < LIMIT, "it does not end");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let ended = bench.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(3), "{}", text(&ended.stderr));
    assert!(
        text(&ended.stderr).contains("asked to end"),
        "{}",
        text(&ended.stderr)
    );
    assert_eq!(left(kafka, id), Vec::<String>::new());
}
