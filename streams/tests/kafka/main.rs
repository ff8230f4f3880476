//! The log in Kafka, against a real broker: one for all tests, topics with a prefix of each test's own.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    reason = "numbers of tests are small; a test that panics fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod binding;
mod faults;
mod foreign;
mod model;
mod opening;
mod refused;
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use brokers::Brokers;
use contract::time::Time;
use millrace_streams::kafka::Config;
use millrace_streams::{Installation, KafkaLog, Log, Record};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use servers::kafka::{Kafka, shared as broker};

fn config(kafka: &Kafka, test: &str) -> Config {
    let mut config = Config::new(Brokers::new(&kafka.brokers()));
    config.prefix = format!("{test}.");
    config.partitions = 3;
    config
}

fn id(n: u64) -> Installation {
    Installation::new(n, [7; 10])
}

fn now() -> Time {
    Time::from_ms(1_700_000_000_000).unwrap()
}

/// A log that is begun.
fn open(config: &Config) -> Arc<KafkaLog> {
    let log = KafkaLog::open(config.clone()).unwrap();
    log.begin(id(1), now()).unwrap();
    Arc::new(log)
}

type Fields = (u64, Option<Vec<u8>>, Option<Vec<u8>>);

fn fields(record: &Record<'_>) -> Fields {
    let owned = |bytes: &[u8]| bytes.to_vec();
    (record.offset, record.key.map(owned), record.value.map(owned))
}

/// All records of a partition from an offset to its end, and where the reader then stands.
fn read_to(log: &dyn Log, topic: &str, partition: u32, from: u64, until: u64) -> (Vec<Fields>, u64) {
    let mut reader = log.read(topic, partition, from).unwrap();
    let mut all = Vec::new();
    while let Some(run) = reader.next_run(until).unwrap() {
        all.extend(run.map(|record| fields(&record)));
    }
    (all, reader.offset())
}

/// Waits until it is so.
fn until(what: &str, so: impl Fn() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Another's client, with properties.
fn client(kafka: &Kafka, properties: &[(&str, &str)]) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", kafka.brokers());
    for (name, value) in properties {
        client.set(*name, *value);
    }
    client
}

/// Another's producer.
fn producer(kafka: &Kafka, properties: &[(&str, &str)]) -> BaseProducer {
    client(kafka, properties).create().unwrap()
}

/// What another sends: partition, key, value.
fn send(producer: &BaseProducer, topic: &str, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) {
    let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition);
    record.key = key;
    record.payload = value;
    record.headers = Some(OwnedHeaders::new().insert(rdkafka::message::Header {
        key: "traceparent",
        value: Some("00-ab"),
    }));
    producer.send(record).map_err(|(error, _)| error).unwrap();
}

fn flush(producer: &BaseProducer) {
    producer.flush(Duration::from_secs(20)).unwrap();
}

fn admin(kafka: &Kafka) -> AdminClient<DefaultClientContext> {
    client(kafka, &[]).create().unwrap()
}

/// Waits for what an administrator asked.
fn done<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = std::pin::pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(done) => return done,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

/// Makes a topic as somebody else would.
fn create(kafka: &Kafka, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for (name, value) in settings {
        new = new.set(name, value);
    }
    let made = done(admin(kafka).create_topics(&[new], &AdminOptions::new())).unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

/// Deletes topics and waits until they are gone.
fn delete(kafka: &Kafka, topics: &[&str]) {
    let admin = admin(kafka);
    done(admin.delete_topics(topics, &AdminOptions::new())).unwrap();
    until("the topics are gone", || {
        let metadata = admin
            .inner()
            .fetch_metadata(None, Duration::from_secs(10))
            .unwrap();
        let gone = |topic: &&str| metadata.topics().iter().all(|found| found.name() != *topic);
        topics.iter().all(gone)
    });
}
