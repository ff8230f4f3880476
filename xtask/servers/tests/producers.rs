//! What `docs/producers.md` says of other clients works: its examples are run as they stand against a real
//! broker, and Kafka's own consumer reads what they wrote.
//!
//! It needs what runs them: java and Kafka's jars; for Python `confluent-kafka`, which is installed once
//! from PyPI (or whatever pip is configured for). What is not there is said by name.

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Directory, python, well};
use millrace_servers::kafka::{Kafka, hindrance, jars};
use millrace_servers::skipped;

/// The version that examples in Python are run with.
const CONFLUENT_KAFKA: &str = "confluent-kafka==2.16.1";

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/producers.md");
    fs::read_to_string(path).expect("the page is there")
}

/// The only block of a language on the page.
fn block(language: &str) -> String {
    let page = page();
    let blocks: Vec<&str> = page.split(&format!("```{language}\n")).skip(1).collect();
    assert_eq!(blocks.len(), 1, "blocks of {language}");
    let (block, _) = blocks[0].split_once("```").expect("a block ends");
    block.to_owned()
}

/// A broker with the topic `stock`; none where there can be none, which is said.
fn stock(test: &str) -> Option<Kafka> {
    if let Some(why) = hindrance() {
        skipped(test, &why);
        return None;
    }
    let kafka = Kafka::start().expect("the broker starts");
    let topic = ["--create", "--topic", "stock", "--partitions", "3"];
    kafka
        .tool("org.apache.kafka.tools.TopicCommand", &topic)
        .expect("the topic is made");
    Some(kafka)
}

/// The committed records of the topic: key, value, and whether all lie in one partition.
fn read(kafka: &Kafka, count: usize) -> Vec<(String, String)> {
    let count = count.to_string();
    let args = [
        "--topic",
        "stock",
        "--from-beginning",
        "--isolation-level",
        "read_committed",
        "--max-messages",
        &count,
        "--timeout-ms",
        "20000",
        "--property",
        "print.key=true",
        "--property",
        "print.partition=true",
        "--property",
        "key.separator=|",
    ];
    let said = kafka
        .tool("org.apache.kafka.tools.consumer.ConsoleConsumer", &args)
        .expect("the consumer reads");
    let records = said.lines().filter(|line| line.starts_with("Partition:"));
    let mut partitions = std::collections::BTreeSet::new();
    let records = records.map(|line| {
        let mut parts = line.splitn(3, '|').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        partitions.insert(next());
        (next(), next())
    });
    let records: Vec<_> = records.collect();
    assert_eq!(partitions.len(), 1, "one key is in one partition: {said}");
    records
}

fn member<'a>(value: &'a str, name: &str) -> &'a str {
    let (_, rest) = value.split_once(&format!("\"{name}\":")).unwrap_or_default();
    rest.trim_start_matches([' ', '"'])
        .split([',', '"', '}'])
        .next()
        .unwrap_or_default()
}

/// All examples on one topic, whose records of one sku come to lie in one partition, whichever client sent
/// them.
#[test]
fn clients_of_other_languages_produce_as_the_page_says() {
    let test = "clients_of_other_languages_produce";
    let Some(kafka) = stock(test) else { return };
    let directory = Directory::new("producers");
    let mut wanted = Vec::new();

    let java = directory.0.join("Produce.java");
    fs::write(&java, block("java")).expect("the example is written");
    let mut command = Command::new("java");
    command.arg("-cp").arg(jars()).arg(&java).arg(kafka.brokers());
    well("Java", &command.output().expect("java was there"));
    wanted.extend((1..=3).map(|n| ("receipt_id", format!("java-{n}"), "5")));

    match python("producers", &[CONFLUENT_KAFKA]) {
        Err(why) => skipped(&format!("{test} (Python)"), &why),
        Ok(python) => {
            let example = directory.0.join("produce.py");
            fs::write(&example, block("py")).expect("the example is written");
            let mut command = Command::new(python);
            command.arg(&example).arg(kafka.brokers());
            well("Python", &command.output().expect("python was made"));
            wanted.extend((1..=3).map(|n| ("receipt_id", format!("py-{n}"), "10")));
        }
    }

    // The script that comes with Kafka starts this class; only the jars are here.
    let tool = directory.0.join("kafka-console-producer.sh");
    let class = "org.apache.kafka.tools.ConsoleProducer";
    let script = format!("#!/bin/sh\nexec java -cp '{}' {class} \"$@\"\n", jars());
    fs::write(&tool, script).expect("the script is written");
    let said = block("console")
        .replace("kafka-console-producer.sh", &format!("sh {}", tool.display()))
        .replace("localhost:9092", &kafka.brokers());
    let mut shell = Command::new("sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is a shell");
    let mut input = shell.stdin.take().expect("it was asked for");
    input.write_all(said.as_bytes()).expect("the shell reads");
    drop(input);
    well("shell", &shell.wait_with_output().expect("the shell ends"));
    wanted.push(("adjustment_id", "sh-1".to_owned(), "-2"));

    let records = read(&kafka, wanted.len());
    assert_eq!(records.len(), wanted.len(), "{records:?}");
    for ((key, value), (name, id, amount)) in records.iter().zip(&wanted) {
        assert_eq!(key, "mug");
        assert_eq!(member(value, name), id, "{value}");
        assert_eq!(member(value, "sku"), "mug");
        let (quantity, delta) = (member(value, "quantity"), member(value, "delta"));
        assert!(quantity == *amount || delta == *amount, "{value}");
    }
}
