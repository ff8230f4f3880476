//! Bad configuration, and topics that were changed under us.

use super::common::{Dir, assert_refused, assert_well, text};
use streams::{Batch, Log as _};

use super::producer::{PARTITIONS, Producer, read};
use super::{Feed, Shop, broker, delete, get, until, wait_for_all, wait_for_log};

#[test]
fn brokers_that_do_not_answer_are_named() {
    let test = "brokers_that_do_not_answer";
    let mut shop = Shop {
        dir: Dir::new(test),
        brokers: "127.0.0.1:1".to_owned(),
        prefix: String::new(),
        partitions: 1,
        environment: vec![("MILLRACE_KAFKA_TIMEOUT_MS", "1500".to_owned())],
    };
    assert_refused(
        &shop.run(&["up", "--listen", "127.0.0.1:0"]),
        3,
        &["127.0.0.1:1", "kafka.brokers", "refused"],
    );
    shop.brokers = "nowhere".to_owned();
    assert_refused(&shop.run(&["up"]), 2, &["kafka.brokers", "nowhere", "HOST:PORT"]);
    shop.brokers = "127.0.0.1:1".to_owned();
    shop.environment
        .push(("MILLRACE_KAFKA_SECURITY", "sasl_ssl".to_owned()));
    assert_refused(
        &shop.run(&["up"]),
        2,
        &["kafka.sasl_mechanism PLAIN", "kafka.user"],
    );
    shop.environment.push(("MILLRACE_KAFKA_USER", "u".to_owned()));
    shop.environment
        .push(("MILLRACE_KAFKA_PASSWORD", "very-s3cret".to_owned()));
    shop.environment
        .push(("MILLRACE_KAFKA_PROPERTIES", "no.such.property=1".to_owned()));
    assert_refused(&shop.run(&["up"]), 2, &["no.such.property"]);
    let shown = assert_well(&shop.run(&["config", "show"]));
    assert!(
        shown.contains("password = \"(hidden)\"") && !shown.contains("very-s3cret"),
        "{shown}"
    );
}

#[test]
fn a_directory_says_where_its_log_is() {
    let test = "a_directory_says";
    let Some(kafka) = broker(test) else { return };
    let embedded = Dir::shop("a_directory_says.embedded");
    let mut shop = Shop::new(kafka, test, test, 1);
    let here = assert_well(&shop.run(&["log", "append", "orders"]));
    assert!(here.contains("0 records"), "{here}");
    assert_refused(&shop.dir.run(&["verify"]), 2, &["is in Kafka", "--kafka"]);
    assert_refused(&shop.dir.run(&["log", "cat", "orders"]), 2, &["is in Kafka"]);
    assert_refused(&shop.run(&["backup", "elsewhere"]), 2, &["in Kafka"]);
    shop.dir = embedded;
    assert_refused(
        &shop.run(&["up", "--listen", "127.0.0.1:0"]),
        2,
        &["not in Kafka", "--data"],
    );
}

#[test]
fn a_log_that_was_deleted_and_made_anew_is_refused_and_nothing_is_written_to_it() {
    let test = "a_log_that_was_deleted";
    let Some(kafka) = broker(test) else { return };
    let shop = Shop::new(kafka, test, test, 1);
    let mut feed = Feed::new(&shop, 5);
    feed.send(3);
    let up = shop.up(&[]);
    wait_for_all(&up, &feed);
    up.stop();
    let cat = text(&shop.run(&["log", "cat", "timeline"]).stdout);
    assert!(cat.lines().next().unwrap().contains("installation"), "{cat}");
    delete(kafka, &format!("{test}.timeline"));
    let said = [
        "timeline in Kafka",
        "deleted and made anew",
        "another data directory",
    ];
    assert_refused(&shop.run(&["up", "--listen", "127.0.0.1:0"]), 3, &said);
    assert_eq!(text(&shop.run(&["log", "cat", "timeline"]).stdout), "");
}

#[test]
fn a_topic_that_can_not_be_read_is_named_and_stalls_only_what_it_decides() {
    let test = "a_topic_that_can_not_be_read";
    let Some(kafka) = broker(test) else { return };
    let shop = Shop::new(kafka, test, test, 1);
    let mut feed = Feed::new(&shop, 6);
    feed.send(5);
    let up = shop.up(&[]);
    wait_for_all(&up, &feed);
    delete(kafka, &format!("{test}.reviews"));
    until("it is named", || {
        get(&up, "/readyz").1.contains(r#""topic":"reviews""#)
    });
    let (status, body) = get(&up, "/readyz");
    assert_eq!(status, 200, "{body}");
    let epoch = up.frontier().unwrap().epoch;
    until("epochs go on", || up.frontier().unwrap().epoch > epoch);
    delete(kafka, &format!("{test}.payments"));
    until("it stalls", || get(&up, "/readyz").0 == 503);
    let (_, body) = get(&up, "/readyz");
    assert!(
        body.contains("payments/0") && body.contains(r#""stalls":true"#),
        "{body}"
    );
    let (_, metrics) = get(&up, "/metrics");
    let line = r#"millrace_partition_unreadable{topic="payments",partition="0",stalls="true"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
    up.kill();
}

/// What others send that is no record of the contract's: it is told by place and reason, and holds up nothing.
#[test]
fn what_is_no_record_is_quarantined_with_its_reason_and_the_rest_goes_on() {
    let test = "what_is_no_record";
    let Some(kafka) = broker(test) else { return };
    let shop = Shop::new(kafka, test, test, PARTITIONS);
    let producer = Producer::new(shop.producer());
    producer.open(0, 900);
    let placed = |id: &str| {
        format!(
            r#"{{"type":"order_placed","order_id":"{id}","customer_id":"c","currency":"KRW","lines":[{{"sku":"s0","quantity":1,"unit_price":100}}]}}"#
        )
    };
    let (well, large) = (placed("o1"), vec![b' '; (1 << 20) + 1]);
    // Key, value, and the reason.
    type Sent<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, Option<&'a str>);
    let sent: [Sent<'_>; 9] = [
        (None, None, Some("bad_json")),
        (Some(b"o1"), None, Some("bad_json")),
        (None, Some(well.as_bytes()), Some("key_mismatch")),
        (Some(b"\xff\x00"), Some(well.as_bytes()), Some("key_mismatch")),
        (Some(b"o1"), Some(b""), Some("bad_json")),
        (Some(b"o1"), Some(b"\xff\xfe"), Some("bad_utf8")),
        (Some(b"o1"), Some(b"{\"type\":7"), Some("bad_json")),
        (Some(b"o1"), Some(&large), Some("too_large")),
        (Some(b"o1"), Some(well.as_bytes()), None),
    ];
    let up = shop.up(&[]);
    for (key, value, _) in sent {
        let mut batch = Batch::new(0);
        batch.push("orders", 0, key, value);
        producer.log.append(&batch).unwrap();
    }
    wait_for_log(&up, &producer.log);
    let rows = read(&up, "/v1/views/quarantine");
    for (offset, (_, _, reason)) in sent.iter().enumerate() {
        let items = rows["items"].as_array().unwrap();
        let row = items
            .iter()
            .find(|row| row["topic"] == "orders" && row["offset"] == offset);
        assert_eq!(
            row.and_then(|row| row["reason"].as_str()),
            *reason,
            "orders/0/{offset}: {rows}"
        );
    }
    assert_eq!(read(&up, "/v1/orders/o1")["status"], "awaiting_payment");
    up.stop();
    shop.verify();
}
