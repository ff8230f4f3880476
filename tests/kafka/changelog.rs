//! The topics that other programs follow hold what the views hold.

use std::collections::BTreeMap;
use std::path::Path;

use contract::log::Epoch;
use contract::value::Value;
use contract::views::{View, orders, payment_commands as c};
use serde_json::Value as Json;
use sinks::sqlite::{self, Readers};

use servers::kafka::Kafka;

use super::{Feed, Shop, broker, get, reading, until, wait_for_all};

/// The views that every shop of these tests has as topics.
pub const VIEWS: &[View] = &[View::Orders, View::Payments, View::StockLevels];

/// As `changelog.views` names them.
pub fn names() -> String {
    let names: Vec<&str> = VIEWS.iter().map(|view| view.schema().name).collect();
    names.join(",")
}

/// Asserts it of a shop that is stopped. Who reads the topics with `read_committed` sees the very rows and the frontier
/// of the view store, and every command to a payment provider, under its idempotency key.
pub fn assert_topics_hold_the_views(shop: &Shop) {
    let mut config = sinks::kafka::Config::new(brokers::Brokers::new(&shop.brokers), VIEWS);
    config.prefix.clone_from(&shop.prefix);
    let (frontier, rows) = reading::tables(&config);
    let all: Vec<View> = [VIEWS, &[View::PaymentCommands]].concat();
    let store = sqlite::Config::new(Path::new(shop.dir.text()).join("views.sqlite"), &all);
    let (at, mut kept) = Readers::new(&store).tables(&all).unwrap();
    let commands = std::mem::take(kept.rows_mut(View::PaymentCommands));
    let epoch = |at: &Option<sinks::Frontier>| at.as_ref().map_or(Epoch(0), |at| at.epoch);
    assert_eq!(epoch(&frontier), epoch(&at), "the topics are where the store is");
    assert_eq!(frontier, at);
    for view in VIEWS {
        assert_eq!(rows.rows(*view), kept.rows(*view), "{}", view.schema().name);
    }
    let topic = format!("{}payment-commands", config.prefix);
    let mut sent: BTreeMap<String, i64> = BTreeMap::new();
    for record in reading::all(&config, &[topic]) {
        let value: Json = serde_json::from_str(&record.value.unwrap()).unwrap();
        let key = value["idempotency_key"].as_str().unwrap();
        *sent.entry(key.to_owned()).or_default() += 1;
    }
    for (key, row) in &commands {
        let Value::Text(key) = &key[0] else {
            panic!("a key")
        };
        let Value::Int(issued) = row[c::issued - 1] else {
            panic!("a number")
        };
        let records = sent.remove(key).unwrap_or(0);
        assert!(
            (1..=issued).contains(&records),
            "{key} was issued {issued} times and has {records} records"
        );
    }
    assert_eq!(sent, BTreeMap::new(), "commands that nobody gave");
}

/// What the page's consumer prints: it is run as it stands, but for the address and the topic's prefix.
fn consumed(kafka: &Kafka, prefix: &str, records: usize) -> String {
    let page = std::fs::read_to_string("docs/changelog.md").unwrap();
    let (_, block) = page.split_once("```console\nkafka-console-consumer.sh ").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let block = block
        .replace("\\\n", " ")
        .replace("view-orders", &format!("{prefix}view-orders"));
    let (_, args) = block.split_once("localhost:9092 ").unwrap();
    let records = records.to_string();
    let limits = ["--max-messages", &records, "--timeout-ms", "60000"];
    let args: Vec<&str> = args.split_whitespace().chain(limits).collect();
    kafka
        .tool("org.apache.kafka.tools.consumer.ConsoleConsumer", &args)
        .unwrap()
}

/// Kafka's own consumer, as the page has it, prints the last row of every order; what follows is told.
#[test]
fn other_programs_follow_views_as_the_page_says() {
    let test = "other_programs_follow";
    let Some(kafka) = broker(test) else { return };
    let shop = Shop::new(kafka, test, test, 2);
    let mut feed = Feed::new(&shop, 21);
    feed.send(25);
    let up = shop.up(&[]);
    wait_for_all(&up, &feed);
    until("the topics are where the views are", || {
        let ready: Json = serde_json::from_str(&get(&up, "/readyz").1).unwrap();
        let sink = &ready["following"][0];
        assert_eq!(sink["sink"], "changelog");
        assert_eq!(sink["failed"], false);
        sink["epoch"].as_u64() >= Some(1) && sink["trouble"].is_null() && sink["epoch"] == ready["epoch"]
    });
    let metrics = get(&up, "/metrics").1;
    assert!(
        metrics.contains("millrace_sink_epoch{sink=\"changelog\"}"),
        "{metrics}"
    );
    up.stop();
    shop.verify();
    let prefix = &shop.prefix;
    let config = sinks::kafka::Config::new(brokers::Brokers::new(&shop.brokers), VIEWS);
    let records = reading::all(&config, &[format!("{prefix}view-orders")]).len();
    let said = consumed(kafka, prefix, records);
    let store = sqlite::Config::new(Path::new(shop.dir.text()).join("views.sqlite"), &[View::Orders]);
    let (_, kept) = Readers::new(&store).tables(&[View::Orders]).unwrap();
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    };
    let orders = kept.rows(View::Orders).iter();
    let wanted: BTreeMap<String, String> = orders
        .map(|(key, row)| (text(&key[0]), text(&row[orders::status - 1])))
        .collect();
    let lines = said.lines().filter(|line| line.starts_with("epoch:"));
    let last: BTreeMap<String, String> = lines
        .map(|line| {
            let row: Json = serde_json::from_str(line.splitn(3, '\t').nth(2).unwrap()).unwrap();
            let member = |name: &str| row[name].as_str().unwrap().to_owned();
            (member("order_id"), member("status"))
        })
        .collect();
    assert!(wanted.len() > 5, "{wanted:?}");
    assert_eq!(last, wanted, "{said}");
}
