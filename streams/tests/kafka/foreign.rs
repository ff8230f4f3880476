//! What others write is read as it is, and what they took back is not read.

use std::time::Duration;

use millrace_streams::kafka::RECORD_BYTES_MAX;
use millrace_streams::{Batch, Log as _};
use rdkafka::producer::Producer as _;

use crate::common::Rng;
use crate::{broker, config, create, fields, flush, open, producer, read_to, send, until};

#[test]
fn records_of_any_compression_with_headers_and_without_key_or_value_are_read_as_they_are() {
    let test = "records_of_any_compression";
    let Some(kafka) = broker(test) else { return };
    let log = open(&config(kafka, test));
    let topic = format!("{test}.orders");
    let mut expected = Vec::new();
    for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let producer = producer(kafka, &[("compression.type", compression), ("linger.ms", "50")]);
        let long = vec![b'x'; 20_000];
        for (key, value) in [
            (Some(&b"k"[..]), Some(&b"{}"[..])),
            (None, Some(b"")),
            (Some(b""), None),
            (None, None),
            (Some(b"\xff\x00"), Some(b"\x00\xfe")),
            (Some(b"long"), Some(&long)),
        ] {
            send(&producer, &topic, 2, key, value);
            let owned = |bytes: &[u8]| bytes.to_vec();
            expected.push((expected.len() as u64, key.map(owned), value.map(owned)));
        }
        flush(&producer);
    }
    assert_eq!(read_to(log.as_ref(), "orders", 2, 0, u64::MAX).0, expected);
}

/// Records, and batches, larger than what is asked for of a partition at once, in all partitions of a topic, whose
/// readers wait for each other's turns.
#[test]
fn what_is_larger_than_what_is_asked_for_at_once_comes_whole() {
    let test = "what_is_larger";
    let Some(kafka) = broker(test) else { return };
    let log = open(&config(kafka, test));
    let topic = format!("{test}.orders");
    let most = RECORD_BYTES_MAX.to_string();
    let large = [
        ("message.max.bytes", most.as_str()),
        ("batch.size", "3000000"),
        ("linger.ms", "50"),
    ];
    let producer = producer(kafka, &large);
    let mut rng = Rng(23);
    let mut expected: [Vec<_>; 3] = Default::default();
    for _ in 0..4 {
        for (partition, expected) in (0..).zip(&mut expected) {
            // One at the limit, then as many small ones as fill a batch.
            for bytes in [&[RECORD_BYTES_MAX - 1000, 700_000][..], &[1000; 1500]].concat() {
                // Of what can't be compressed.
                let value: Vec<u8> = (0..bytes.div_ceil(8))
                    .flat_map(|_| rng.next().to_le_bytes())
                    .collect();
                send(&producer, &topic, partition, None, Some(&value));
                expected.push((expected.len() as u64, None, Some(value)));
            }
        }
        flush(&producer);
    }
    let mut readers: Vec<_> = (0..3).map(|p| log.read("orders", p, 0).unwrap()).collect();
    let mut seen: [Vec<_>; 3] = Default::default();
    for bound in (0..).step_by(700).take(10) {
        for (reader, seen) in readers.iter_mut().zip(&mut seen) {
            while let Some(run) = reader.next_run(bound).unwrap() {
                seen.extend(run.map(|record| fields(&record)));
            }
        }
    }
    for (seen, expected) in seen.iter().zip(&expected) {
        assert_eq!(seen.len(), expected.len());
        assert!(seen == expected, "what was read is what was sent");
    }
}

/// Random transactions, committed or aborted, among plain records: every bound is reached by a reader that is
/// held, by one that begins there and by one in small steps; with the records that count, and no other.
#[test]
fn what_was_aborted_is_not_read_and_every_bound_is_reached_past_markers() {
    let test = "what_was_aborted_is_not_read";
    let Some(kafka) = broker(test) else { return };
    let config = config(kafka, test);
    create(kafka, &format!("{test}.orders"), 2, &[]);
    let log = open(&config);
    let topic = format!("{test}.orders");
    let plain = producer(kafka, &[]);
    let wait = Duration::from_secs(20);
    let transactional = producer(kafka, &[("transactional.id", test)]);
    // The coordinator may still be loading.
    until("transactions can begin", || {
        transactional.init_transactions(wait).is_ok()
    });
    let (mut rng, mut expected, mut n) = (Rng(11), [Vec::new(), Vec::new()], 0_u32);
    let mut held: Vec<_> = (0..2)
        .map(|partition| log.read("orders", partition, 0).unwrap())
        .collect();
    let mut seen = [Vec::new(), Vec::new()];
    for _ in 0..25 {
        let in_transaction = rng.below(3) > 0;
        let commits = rng.below(2) == 0;
        if in_transaction {
            transactional.begin_transaction().unwrap();
        }
        for _ in 0..rng.below(4) {
            let partition = rng.below(2) as usize;
            let value = n.to_le_bytes();
            n += 1;
            let producer = if in_transaction { &transactional } else { &plain };
            send(producer, &topic, partition as i32, None, Some(&value));
            if !in_transaction || commits {
                expected[partition].push(value.to_vec());
            }
        }
        flush(if in_transaction { &transactional } else { &plain });
        match (in_transaction, commits) {
            (false, _) => {}
            (true, true) => transactional.commit_transaction(wait).unwrap(),
            (true, false) => transactional.abort_transaction(wait).unwrap(),
        }
        // Of a transaction that was acknowledged the last marker may still be under way.
        let bound = log.ends("orders").unwrap();
        for (partition, (reader, seen)) in held.iter_mut().zip(&mut seen).enumerate() {
            while reader.offset() < bound[partition] {
                if let Some(run) = reader.next_run(bound[partition]).unwrap() {
                    seen.extend(run.map(|record| fields(&record).2.unwrap()));
                }
            }
            assert_eq!(reader.offset(), bound[partition]);
            assert_eq!(expected[partition][..seen.len()], seen[..]);
        }
    }
    until("all that was committed can be read", || {
        let ends = log.ends("orders").unwrap();
        (0..2).all(|partition| {
            let (read, end) = read_to(log.as_ref(), "orders", partition, 0, ends[partition as usize]);
            assert_eq!(end, ends[partition as usize]);
            read.into_iter()
                .map(|(_, _, value)| value.unwrap())
                .eq(expected[partition as usize].iter().cloned())
        })
    });
}

#[test]
fn an_open_transaction_holds_the_end_and_its_records_back() {
    let test = "an_open_transaction_holds_the_end";
    let Some(kafka) = broker(test) else { return };
    let log = open(&config(kafka, test));
    let wait = Duration::from_secs(20);
    let transactional = producer(kafka, &[("transactional.id", test)]);
    until("transactions can begin", || {
        transactional.init_transactions(wait).is_ok()
    });
    transactional.begin_transaction().unwrap();
    send(&transactional, &format!("{test}.stock"), 0, None, Some(b"in it"));
    flush(&transactional);
    let mut batch = Batch::new(1);
    batch.push("stock", 0, None, Some(b"after it"));
    assert_eq!(log.append(&batch).unwrap()[0].first, 1);
    assert_eq!(log.ends("stock").unwrap(), [0, 0, 0]);
    assert_eq!(log.seen_ends("stock").unwrap(), [0, 0, 0]);
    transactional.commit_transaction(wait).unwrap();
    until("it is seen", || log.ends("stock").unwrap() == [3, 0, 0]);
    let (read, end) = read_to(log.as_ref(), "stock", 0, 0, 3);
    let values: Vec<_> = read
        .into_iter()
        .map(|(offset, _, value)| (offset, value.unwrap()))
        .collect();
    assert_eq!(values, [(0, b"in it".to_vec()), (1, b"after it".to_vec())]);
    assert_eq!(end, 3, "past the marker");
}
