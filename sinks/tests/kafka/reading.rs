//! What a consumer of another program sees with `read_committed`.

use std::time::{Duration, Instant};

use contract::delta::Tables;
use contract::digest::Digest;
use contract::installation::Installation;
use contract::log::{Epoch, Topic};
use contract::time::Time;
use contract::value::Value;
use contract::views::{Type, View};
use millrace_sinks::Frontier;
use millrace_sinks::kafka::Config;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value as Json;

/// A record: topic, key, value, and the epoch in its header.
#[derive(Clone, Debug)]
pub struct Seen {
    pub topic: String,
    pub key: String,
    pub value: Option<String>,
    pub epoch: u64,
}

/// A consumer of the first partition of some topics, from their beginning.
pub fn consumer(config: &Config, topics: &[String]) -> BaseConsumer {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &config.brokers.addresses);
    client.set("group.id", "someone");
    client.set("isolation.level", "read_committed");
    client.set("enable.partition.eof", "true");
    client.set("enable.auto.commit", "false");
    client.set("fetch.wait.max.ms", "10");
    let consumer: BaseConsumer = client.create().unwrap();
    let mut list = TopicPartitionList::new();
    for topic in topics {
        list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    consumer
}

/// The next record; none: a topic's end was reached.
pub fn next(consumer: &BaseConsumer) -> Option<Seen> {
    next_within(consumer, Duration::from_secs(60)).expect("somebody answers")
}

/// The same; the outer none: nothing came for so long.
pub fn next_within(consumer: &BaseConsumer, limit: Duration) -> Option<Option<Seen>> {
    let since = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let header = message.headers().unwrap().get(0);
                assert_eq!(header.key, "epoch");
                return Some(Some(Seen {
                    topic: message.topic().to_owned(),
                    key: text(message.key().unwrap()),
                    value: message.payload().map(text),
                    epoch: text(header.value.unwrap()).parse().unwrap(),
                }));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Some(None),
            Some(Err(_)) | None if since.elapsed() > limit => return None,
            Some(Err(_)) | None => {}
        }
    }
}

/// All that some topics hold; none of a topic that is not there.
pub fn all(config: &Config, topics: &[String]) -> Vec<Seen> {
    let there = consumer(config, &[]);
    let metadata = there.fetch_metadata(None, Duration::from_secs(20)).unwrap();
    let there = |topic: &String| metadata.topics().iter().any(|found| found.name() == topic);
    let topics: Vec<String> = topics.iter().filter(|topic| there(topic)).cloned().collect();
    let consumer = consumer(config, &topics);
    let mut seen = Vec::new();
    let mut open = topics.len();
    while open > 0 {
        match next(&consumer) {
            Some(record) => seen.push(record),
            None => open -= 1,
        }
    }
    seen
}

fn value(name: &str, ty: Type, said: &Json, text: &str) -> Value {
    match (ty, said) {
        (_, Json::Null) => Value::Null,
        (Type::Int, _) => Value::Int(said.as_i64().unwrap()),
        (Type::Bool, _) => Value::Bool(said.as_bool().unwrap()),
        (Type::Text, _) => Value::Text(said.as_str().unwrap().to_owned()),
        (Type::Time, _) => Value::Time(Time::parse(said.as_str().unwrap()).unwrap()),
        (Type::Json, _) => Value::Json(said.to_string()),
        (Type::Double, _) => {
            // To the last bit, which serde_json does not promise.
            let (_, number) = text.split_once(&format!("\"{name}\":")).unwrap();
            let number = number.split([',', '}']).next().unwrap();
            Value::Double(number.parse().unwrap())
        }
    }
}

/// The rows in the topics, and the frontier.
pub fn tables(config: &Config) -> (Option<Frontier>, Tables) {
    let name = |view: &View| format!("{}view-{}", config.prefix, view.schema().name);
    let frontiers = format!("{}millrace-frontier", config.prefix);
    let mut topics: Vec<String> = config.views.iter().map(name).collect();
    topics.push(frontiers.clone());
    let (mut frontier, mut tables) = (None, Tables::new());
    for record in all(config, &topics) {
        if record.topic == frontiers {
            assert_eq!(record.key, "changelog");
            frontier = record.value.map(|value| frontier_of(&value));
            assert_eq!(
                frontier.as_ref().map(|frontier: &Frontier| frontier.epoch.0),
                Some(record.epoch)
            );
            continue;
        }
        let view = *config
            .views
            .iter()
            .find(|view| name(view) == record.topic)
            .unwrap();
        let schema = view.schema();
        let (key_columns, columns) = schema.columns.split_at(schema.key_len);
        let key: Json = serde_json::from_str(&record.key).unwrap();
        assert_eq!(key.as_object().unwrap().len(), schema.key_len, "{key}");
        let key = key_columns
            .iter()
            .map(|c| value(c.name, c.ty, &key[c.name], &record.key));
        let key: Vec<Value> = key.collect();
        match &record.value {
            None => tables.rows_mut(view).remove(&key),
            Some(text) => {
                let row: Json = serde_json::from_str(text).unwrap();
                let members: Vec<&String> = row.as_object().unwrap().keys().collect();
                let expected: Vec<&str> = schema.columns.iter().map(|column| column.name).collect();
                assert_eq!(members, expected);
                let value_of = |c: &contract::views::Column| value(c.name, c.ty, &row[c.name], text);
                let again: Vec<Value> = key_columns.iter().map(value_of).collect();
                assert_eq!(again, key, "the key is part of the row");
                tables
                    .rows_mut(view)
                    .insert(key, columns.iter().map(value_of).collect())
            }
        };
    }
    (frontier, tables)
}

fn frontier_of(text: &str) -> Frontier {
    let said: Json = serde_json::from_str(text).unwrap();
    let mut ends: [Vec<u64>; 9] = Default::default();
    for topic in Topic::ALL {
        let offsets = said["ends"][topic.name()].as_array().unwrap();
        ends[topic as usize] = offsets.iter().map(|offset| offset.as_u64().unwrap()).collect();
    }
    Frontier {
        installation: Installation::parse(said["installation"].as_str().unwrap()).unwrap(),
        generation: said["generation"].as_u64().unwrap(),
        epoch: Epoch(said["epoch"].as_u64().unwrap()),
        clock: Time::parse(said["clock"].as_str().unwrap()).unwrap(),
        ends,
        digest: Digest::parse(said["digest"].as_str().unwrap()).unwrap(),
        logic: u32::try_from(said["logic"].as_u64().unwrap()).unwrap(),
    }
}
