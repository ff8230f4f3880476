//! What holds while brokers and network fail, in a random order of a seed: against librdkafka's own mock cluster,
//! which refuses requests, is slow, moves leaders and goes away; and against a real broker behind a proxy, which
//! cuts connections and swallows answers, so that what was appended is not acknowledged.
//!
//! The oracle is what writers were told, and what a fresh reader finds once all is well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use brokers::Brokers;
use millrace_streams::kafka::Config;
use millrace_streams::{Batch, KafkaLog, Log, LogError, Reader};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use servers::proxy::{Proxy, Way};

use crate::common::{Rng, seeds};
use crate::{broker, config, open, read_to, until};

/// The longest that an acknowledgement is waited for, and a request.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The longest that an append takes: it gives up somewhat later than librdkafka does.
const APPEND_MAX: Duration = Duration::from_secs(9);
/// The longest that a reader or who binds waits in vain.
const READ_MAX: Duration = Duration::from_secs(9);
const PARTITIONS: u32 = 3;
const WRITERS: u32 = 4;

/// What a writer was told of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    At(u64),
    Refused,
    Doubtful,
}

/// Topic, partition, value and what was told, in the order of one writer.
type Sent = Vec<(&'static str, u32, Vec<u8>, Told)>;

/// What everybody saw.
#[derive(Default)]
struct Seen {
    sent: Mutex<Vec<Sent>>,
    /// Per partition of orders what a reader read that stood there all the time.
    held: Mutex<Vec<Vec<crate::Fields>>>,
    /// Stock and orders as they could be bound.
    bounds: Mutex<Vec<[Vec<u64>; 2]>>,
    stop: AtomicBool,
}

impl Seen {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

fn one(topic: &str, partition: u32, value: &[u8]) -> Batch {
    let mut batch = Batch::new(1_700_000_000_000);
    batch.push(topic, partition, None, Some(value));
    batch
}

fn send(log: &KafkaLog, topic: &'static str, partition: u32, value: Vec<u8>, sent: &mut Sent) -> Told {
    let since = Instant::now();
    let told = match log.append(&one(topic, partition, &value)) {
        Ok(appended) => Told::At(appended[0].first),
        Err(LogError::InDoubt { .. }) => Told::Doubtful,
        Err(LogError::Io { .. } | LogError::TooLarge { .. }) => Told::Refused,
        Err(other) => panic!("{other:?}"),
    };
    assert!(
        since.elapsed() < APPEND_MAX,
        "an append took {:?}",
        since.elapsed()
    );
    sent.push((topic, partition, value, told));
    told
}

/// Appends stock, and once it is acknowledged an order that goes by it.
fn write(writer: u32, log: &KafkaLog, seen: &Seen) {
    let (mut sent, mut n) = (Vec::new(), 0_u32);
    while seen.goes_on() {
        n += 1;
        let partition = (writer + n) % PARTITIONS;
        let value = [writer.to_le_bytes(), n.to_le_bytes()].concat();
        if let Told::At(_) = send(log, "stock", partition, value.clone(), &mut sent) {
            send(log, "orders", partition, value, &mut sent);
        }
        thread::sleep(Duration::from_millis(2));
    }
    seen.sent.lock().unwrap().push(sent);
}

/// Reads on and on; what fails is asked again.
fn hold(log: &KafkaLog, mut readers: Vec<Box<dyn Reader>>, seen: &Seen) {
    let mut all = vec![Vec::new(); readers.len()];
    let mut ends = None::<Vec<u64>>;
    loop {
        for (reader, all) in readers.iter_mut().zip(&mut all) {
            let since = Instant::now();
            if let Ok(Some(run)) = reader.next_run(u64::MAX) {
                all.extend(run.map(|record| crate::fields(&record)));
            }
            assert!(
                since.elapsed() < READ_MAX,
                "a reader waited {:?}",
                since.elapsed()
            );
        }
        if !seen.goes_on() {
            ends = ends.or_else(|| log.ends("orders").ok());
            let are_there = |ends: &Vec<u64>| readers.iter().zip(ends).all(|(r, end)| r.offset() >= *end);
            if ends.as_ref().is_some_and(are_there) {
                break;
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    *seen.held.lock().unwrap() = all;
}

/// Looks at what can be bound, and binds it.
fn bind(log: &KafkaLog, seen: &Seen) {
    while seen.goes_on() {
        let mut bound = None;
        let since = Instant::now();
        let done = log.append_after(1, &mut |next| {
            bound = Some(["stock", "orders"].map(|topic| next.ends(topic).unwrap().to_vec()));
            Some(one("timeline", 0, b"{}"))
        });
        assert!(
            since.elapsed() < APPEND_MAX + READ_MAX,
            "binding took {:?}",
            since.elapsed()
        );
        assert!(
            !matches!(done, Err(LogError::InDoubt { .. })),
            "what counts is read back"
        );
        seen.bounds.lock().unwrap().extend(bound);
        thread::sleep(Duration::from_millis(5));
    }
}

/// Lets everybody work while `fail` makes faults and mends them in the end; then judges.
fn work(config: &Config, fail: impl FnOnce()) -> BTreeMap<&'static str, u64> {
    let log = open(config);
    let readers = (0..PARTITIONS)
        .map(|partition| log.read("orders", partition, 0).unwrap())
        .collect();
    let seen = Seen::default();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (log, seen) = (&log, &seen);
            scope.spawn(move || write(writer, log, seen));
        }
        scope.spawn(|| bind(&log, &seen));
        scope.spawn(|| hold(&log, readers, &seen));
        // Whoever fails here is not waited for for ever.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _stop = Stop(&seen.stop);
        fail();
        // What is well goes on.
        let before = log.ends("orders").unwrap();
        until("appends go on", || {
            log.ends("orders").is_ok_and(|ends| ends != before)
        });
        until("what is appended can be bound", || {
            log.seen_ends("orders").unwrap() > before
        });
    });
    judge(&KafkaLog::open(config.clone()).unwrap(), &seen)
}

fn judge(fresh: &KafkaLog, seen: &Seen) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    let mut count = |what| *counts.entry(what).or_insert(0) += 1;
    let mut logs = BTreeMap::new();
    for topic in ["stock", "orders"] {
        for partition in 0..PARTITIONS {
            let (records, end) = read_to(fresh, topic, partition, 0, u64::MAX);
            assert_eq!(end, records.len() as u64, "every offset holds a record");
            logs.insert((topic, partition), records);
        }
    }
    let sent = seen.sent.lock().unwrap();
    let mut expected = BTreeMap::new();
    for writer in sent.iter() {
        let mut last = BTreeMap::new();
        for (topic, partition, value, told) in writer {
            let records = &logs[&(*topic, *partition)];
            match told {
                Told::At(offset) => {
                    count("acknowledged");
                    let at = records.get(*offset as usize).and_then(|record| record.2.as_ref());
                    assert_eq!(
                        at,
                        Some(value),
                        "{topic}/{partition}: it stands where it was told"
                    );
                    let before = last.insert((topic, partition), *offset);
                    assert!(before < Some(*offset), "in the order of its writer");
                }
                Told::Refused => count("refused"),
                Told::Doubtful => count("doubtful"),
            }
            expected.insert((*topic, *partition, value.clone()), *told);
        }
    }
    for ((topic, partition), records) in &logs {
        let mut once = BTreeSet::new();
        for (_, _, value) in records {
            let value = value.clone().unwrap();
            assert!(
                once.insert(value.clone()),
                "{topic}/{partition}: {value:?} is there twice"
            );
            match expected.get(&(*topic, *partition, value)) {
                Some(Told::At(_)) => {}
                Some(Told::Doubtful) => count("doubtful, and kept"),
                other => panic!("{topic}/{partition} holds a record of which was told: {other:?}"),
            }
        }
    }
    for (partition, held) in (0..).zip(seen.held.lock().unwrap().iter()) {
        let all = &logs[&("orders", partition)];
        assert_eq!(
            held[..],
            all[..held.len()],
            "orders/{partition}: who read all the time"
        );
    }
    let bounds = seen.bounds.lock().unwrap();
    let stood: BTreeMap<(u32, &Vec<u8>), u64> = logs
        .iter()
        .filter(|((topic, _), _)| *topic == "stock")
        .flat_map(|((_, partition), all)| all.iter().map(|r| ((*partition, r.2.as_ref().unwrap()), r.0)))
        .collect();
    for partition in 0..PARTITIONS {
        for [stock, orders] in bounds.iter() {
            let all = &logs[&("orders", partition)];
            assert!(
                orders[partition as usize] as usize <= all.len(),
                "what is not there is bound"
            );
            let newest = all[..orders[partition as usize] as usize].last();
            let needs = newest.map(|order| stood[&(partition, order.2.as_ref().unwrap())]);
            assert!(
                needs < Some(stock[partition as usize]),
                "an order is bound without its stock"
            );
        }
    }
    counts
}

type Mock = MockCluster<'static, DefaultProducerContext>;

const BROKERS: i32 = 3;

/// Errors of brokers that say: not now, or not here.
const PRODUCE: &[RDKafkaRespErr] = &[
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED,
];
/// Errors after which a producer is of no more use, and those that refuse for good.
const PRODUCE_FATAL: &[RDKafkaRespErr] = &[
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
];
const FETCH: &[RDKafkaRespErr] = &[
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
];
const LIST: &[RDKafkaRespErr] = &[
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
];
const ELSE: &[RDKafkaRespErr] = &[
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
];

/// One fault of the mock's, mended or to be forgotten when it is over.
fn fault(mock: &Mock, prefix: &str, rng: &mut Rng) {
    let errors = |rng: &mut Rng, from: &[RDKafkaRespErr], most: u64| -> Vec<RDKafkaRespErr> {
        (0..=rng.below(most))
            .map(|_| from[rng.below(from.len() as u64) as usize])
            .collect()
    };
    let broker = 1 + rng.below(BROKERS as u64) as i32;
    let dwell = Duration::from_millis(50 + rng.below(400));
    match rng.below(10) {
        0 | 1 => {
            mock.broker_down(broker).unwrap();
            // Longer than an acknowledgement is waited for, now and then.
            thread::sleep(if rng.below(4) == 0 { TIMEOUT * 3 / 2 } else { dwell });
            mock.broker_up(broker).unwrap();
        }
        2 | 3 => {
            for topic in ["stock", "orders", "timeline"] {
                let partition = if topic == "timeline" {
                    0
                } else {
                    rng.below(PARTITIONS.into()) as i32
                };
                mock.partition_leader(&format!("{prefix}{topic}"), partition, Some(broker))
                    .unwrap();
            }
        }
        4 => mock.request_errors(RDKafkaApiKey::Produce, &errors(rng, PRODUCE, 5)),
        5 => mock.request_errors(RDKafkaApiKey::Produce, &errors(rng, PRODUCE_FATAL, 1)),
        6 => mock.request_errors(RDKafkaApiKey::Fetch, &errors(rng, FETCH, 6)),
        7 => mock.request_errors(RDKafkaApiKey::ListOffsets, &errors(rng, LIST, 6)),
        8 => {
            let which = [
                RDKafkaApiKey::InitProducerId,
                RDKafkaApiKey::OffsetCommit,
                RDKafkaApiKey::Metadata,
            ];
            for key in which {
                mock.request_errors(key, &errors(rng, ELSE, 3));
            }
        }
        _ => {
            let slow = Duration::from_millis(rng.below(300));
            mock.broker_round_trip_time(broker, slow).unwrap();
            thread::sleep(dwell);
            mock.broker_round_trip_time(broker, Duration::ZERO).unwrap();
            // Of what is on its way nothing is lost with its answer: the mock does not know what it was sent twice.
            thread::sleep(slow);
        }
    }
    thread::sleep(dwell / 4);
}

#[test]
fn whatever_brokers_refuse_delay_or_hand_over_what_is_acknowledged_is_read_once_and_in_order() {
    for seed in seeds(1) {
        let mut rng = Rng(seed);
        let mock = MockCluster::new(BROKERS).unwrap();
        let mut config = Config::new(Brokers::new(&mock.bootstrap_servers()));
        config.prefix = format!("mock{seed}.");
        config.partitions = PARTITIONS;
        config.brokers.timeout = TIMEOUT;
        for topic in contract::log::Topic::ALL {
            let name = format!("{}{}", config.prefix, topic.name());
            mock.create_topic(&name, PARTITIONS as i32, BROKERS).unwrap();
        }
        mock.create_topic(&format!("{}timeline", config.prefix), 1, BROKERS)
            .unwrap();
        let counts = work(&config, || {
            let until = Instant::now() + Duration::from_secs(12);
            while Instant::now() < until {
                fault(&mock, &config.prefix, &mut rng);
            }
            for key in [
                RDKafkaApiKey::Produce,
                RDKafkaApiKey::Fetch,
                RDKafkaApiKey::ListOffsets,
                RDKafkaApiKey::Metadata,
            ] {
                mock.clear_request_errors(key);
            }
        });
        println!("{counts:?}");
        assert!(counts["acknowledged"] > 200, "{counts:?}");
        assert!(
            counts.keys().any(|what| *what != "acknowledged"),
            "nobody was disturbed: {counts:?}"
        );
    }
}

#[test]
fn answers_that_never_come_and_connections_that_are_cut_lose_and_double_nothing() {
    let test = "answers_that_never_come";
    let Some(kafka) = broker(test) else { return };
    for seed in seeds(1) {
        let mut rng = Rng(seed);
        let proxy = kafka.proxy().unwrap();
        let mut config = config(kafka, &format!("{test}.{seed}"));
        config.brokers.addresses = proxy.brokers();
        config.brokers.timeout = TIMEOUT;
        let counts = work(&config, || disturb(&proxy, &mut rng));
        println!("{counts:?}, {} bytes of answers swallowed", proxy.swallowed());
        assert!(counts["acknowledged"] > 50 && proxy.swallowed() > 0, "{counts:?}");
        assert!(
            counts["doubtful, and kept"] > 0,
            "no acknowledgement was lost: {counts:?}"
        );
    }
}

fn disturb(proxy: &Proxy, rng: &mut Rng) {
    let until = Instant::now() + Duration::from_secs(12);
    while Instant::now() < until {
        let way = [Way::Cut, Way::Deaf][rng.below(2) as usize];
        proxy.set(way);
        // Long enough that who waits gives up, now and then.
        let long = rng.below(3) == 0 && way == Way::Deaf;
        thread::sleep(if long {
            TIMEOUT * 3 / 2
        } else {
            Duration::from_millis(20 + rng.below(300))
        });
        proxy.set(Way::Open);
        thread::sleep(Duration::from_millis(100 + rng.below(400)));
    }
}
