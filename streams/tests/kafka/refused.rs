//! What can't be used is refused by name, with the way out.

use std::time::Duration;

use brokers::Brokers;
use millrace_streams::kafka::{Config, RECORD_BYTES_MAX};
use millrace_streams::{Batch, KafkaLog, Log as _, LogError};
use servers::kafka::USER;

use crate::common::Rng;
use crate::{broker, config, create, delete, id, now, open, until};

/// What opening says.
fn refusal(config: Config) -> String {
    match KafkaLog::open(config) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_broker_that_is_not_there_is_named() {
    let mut config = Config::new(Brokers::new("127.0.0.1:1"));
    config.brokers.timeout = Duration::from_secs(2);
    let said = refusal(config);
    assert!(
        said.contains("127.0.0.1:1") && said.contains("kafka.brokers"),
        "{said}"
    );
    assert!(said.contains("refused"), "{said}");
}

#[test]
fn credentials_open_it_if_they_are_right_and_are_never_told() {
    let test = "credentials_open_it";
    let Some(kafka) = broker(test) else { return };
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let mut config = config(kafka, test);
        config.brokers.addresses = kafka.sasl_brokers();
        config.brokers.timeout = Duration::from_secs(5);
        config.brokers.security.protocol = "sasl_plaintext".to_owned();
        config.brokers.security.mechanism = mechanism.to_owned();
        config.brokers.security.user = USER.0.to_owned();
        config.brokers.security.password = USER.1.to_owned();
        let log = open(&config);
        let mut batch = Batch::new(1);
        batch.push("orders", 0, None, Some(b"{}"));
        log.append(&batch).unwrap();
        drop(log);
        config.brokers.security.password = "wr0ng-password".to_owned();
        assert!(!format!("{config:?}").contains("wr0ng"));
        let said = refusal(config);
        assert!(said.to_lowercase().contains("authentication failed"), "{said}");
        assert!(!said.contains("wr0ng"), "{said}");
    }
}

#[test]
fn topics_that_would_make_the_views_wrong_are_refused() {
    let test = "topics_that_would_make";
    let Some(kafka) = broker(test) else { return };
    for (name, topic, partitions, settings, words) in [
        (
            "several",
            "timeline",
            2,
            &[][..],
            &["timeline", "2 partitions", "delete it"][..],
        ),
        (
            "compacted",
            "orders",
            3,
            &[("cleanup.policy", "compact")],
            &["orders", "compacted", "cleanup.policy"],
        ),
    ] {
        let config = config(kafka, &format!("{test}.{name}"));
        create(kafka, &format!("{}{topic}", config.prefix), partitions, settings);
        let said = refusal(config);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
}

#[test]
fn a_log_that_is_only_read_makes_nothing_and_says_what_is_missing() {
    let test = "a_log_that_is_only_read";
    let Some(kafka) = broker(test) else { return };
    let mut config = config(kafka, test);
    config.read_only = true;
    let said = refusal(config.clone());
    assert!(said.contains(&format!("no topic {test}.operations")), "{said}");
    config.read_only = false;
    let written = open(&config);
    config.read_only = true;
    let log = KafkaLog::open(config).unwrap();
    assert_eq!(log.installation(), written.installation());
    assert!(matches!(
        log.append(&Batch::new(1)),
        Err(LogError::Refusing { .. })
    ));
}

#[test]
fn a_topic_with_other_partitions_than_recorded_is_refused() {
    let test = "a_topic_with_other_partitions";
    let Some(kafka) = broker(test) else { return };
    let config = config(kafka, test);
    drop(open(&config));
    delete(kafka, &[&format!("{test}.carts")]);
    create(kafka, &format!("{test}.carts"), 5, &[]);
    let said = refusal(config);
    assert_eq!(
        said,
        format!("topic {test}.carts has 5 partitions, not 3; their number is fixed at creation")
    );
}

#[test]
fn a_timeline_that_was_made_anew_is_another_log() {
    let test = "a_timeline_that_was_made_anew";
    let Some(kafka) = broker(test) else { return };
    let config = config(kafka, test);
    let first = open(&config).installation();
    assert_eq!(open(&config).installation(), first, "it is found again");
    delete(kafka, &[&format!("{test}.timeline")]);
    let log = KafkaLog::open(config.clone()).unwrap();
    assert_eq!(log.installation(), None);
    assert_eq!(log.begin(id(2), now()).unwrap(), id(2));
    assert_ne!(Some(id(2)), first);
}

#[test]
fn a_timeline_of_something_else_is_not_ours() {
    let test = "a_timeline_of_something_else";
    let Some(kafka) = broker(test) else { return };
    let config = config(kafka, test);
    create(kafka, &format!("{test}.timeline"), 1, &[]);
    let producer = crate::producer(kafka, &[]);
    crate::send(
        &producer,
        &format!("{test}.timeline"),
        0,
        None,
        Some(b"\xff no timeline"),
    );
    crate::flush(&producer);
    let said = refusal(config);
    assert!(
        said.contains("no record of a timeline") && said.contains("kafka.topic_prefix"),
        "{said}"
    );
}

#[test]
fn a_record_that_is_too_large_is_refused_and_nothing_of_it_is_kept() {
    let test = "a_record_that_is_too_large";
    let Some(kafka) = broker(test) else { return };
    let config = config(kafka, test);
    create(
        kafka,
        &format!("{test}.orders"),
        1,
        &[("max.message.bytes", "100000")],
    );
    let log = open(&config);
    for bytes in [200_000, RECORD_BYTES_MAX + 1] {
        let mut batch = Batch::new(1);
        // Of what can't be compressed.
        let mut rng = Rng(bytes as u64);
        let value: Vec<u8> = (0..bytes).map(|_| rng.next() as u8).collect();
        batch.push("orders", 0, None, Some(&value));
        let refused = log.append(&batch);
        assert!(matches!(refused, Err(LogError::TooLarge { .. })), "{refused:?}");
        // The log goes on.
        let mut batch = Batch::new(1);
        batch.push("orders", 0, None, Some(b"{}"));
        log.append(&batch).unwrap();
    }
    assert_eq!(log.ends("orders").unwrap(), [2]);
    // Of what comes with such a record each is told for itself.
    let mut batch = Batch::new(1);
    let large: Vec<u8> = (0..200_000).map(|_| Rng(3).next() as u8).collect();
    let large = [large, (0..200_000_u64).map(|n| Rng(n).next() as u8).collect()].concat();
    batch.push("stock", 2, None, Some(b"{}"));
    batch.push("orders", 0, None, Some(&large));
    batch.push("stock", 2, None, Some(b"[]"));
    let told = log.append(&batch);
    let Err(LogError::InDoubt { kept, .. }) = told else {
        panic!("{told:?}");
    };
    assert_eq!(kept, [vec![Some(0), Some(1)], vec![None]]);
    assert_eq!(log.ends("stock").unwrap(), [0, 0, 2]);
    assert_eq!(log.ends("orders").unwrap(), [2]);
}

#[test]
fn a_reader_that_what_it_needs_is_taken_from_says_where_the_log_begins_now() {
    let test = "a_reader_that_what_it_needs";
    let Some(kafka) = broker(test) else { return };
    let log = open(&config(kafka, test));
    let mut batch = Batch::new(1);
    for _ in 0..10 {
        batch.push("orders", 0, None, Some(b"{}"));
    }
    log.append(&batch).unwrap();
    log.trim("orders", 0, 7).unwrap();
    let gone = log.read("orders", 0, 3).err();
    let trimmed = |error: &Option<LogError>| matches!(error, Some(LogError::Trimmed { offset: 3, start: 7, topic, .. }) if topic == "orders");
    assert!(trimmed(&gone), "{gone:?}");
    assert_eq!(crate::read_to(log.as_ref(), "orders", 0, 7, u64::MAX).0.len(), 3);
    // Of one that stands there already.
    let log = open(&config(kafka, &format!("{test}.held")));
    let mut held = log.read("orders", 0, 0).unwrap();
    log.append(&batch).unwrap();
    log.trim("orders", 0, 7).unwrap();
    let mut told = None;
    until("it is told", || log.ends("orders").unwrap()[0] == 10);
    for _ in 0..10 {
        match held.next_run(10) {
            // What it had already it may hand out.
            Ok(Some(run)) => assert_eq!(run.first(), 0),
            Ok(None) => break,
            Err(error) => {
                told = Some(error);
                break;
            }
        }
    }
    assert!(
        held.offset() == 10 || matches!(told, Some(LogError::Trimmed { start: 7, .. })),
        "{told:?}"
    );
}
