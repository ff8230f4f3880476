//! Readers that are opened together.

use std::time::Instant;

use contract::log::Topic;
use millrace_streams::{Batch, Log as _, LogError, Place, Reader};

use crate::common::Rng;
use crate::{Fields, broker, config, fields, open};

const PARTITIONS: u32 = 12;

fn rest(reader: &mut dyn Reader) -> Vec<Fields> {
    let mut all = Vec::new();
    while let Some(run) = reader.next_run(u64::MAX).unwrap() {
        all.extend(run.map(|record| fields(&record)));
    }
    all
}

/// Of every partition of every topic, some twice, from any offset on: each reads what one that is opened alone
/// does.
#[test]
fn readers_that_are_opened_together_read_what_each_alone_does() {
    let test = "readers_that_are_opened_together";
    let Some(kafka) = broker(test) else { return };
    let mut config = config(kafka, test);
    config.partitions = PARTITIONS;
    let log = open(&config);
    let mut rng = Rng(9);
    let (mut batch, mut places) = (Batch::new(1_700_000_000_000), Vec::new());
    for topic in Topic::ALL.map(Topic::name) {
        for partition in 0..PARTITIONS {
            let records = rng.below(20);
            for _ in 0..records {
                batch.push(topic, partition, None, Some(&rng.next().to_le_bytes()));
            }
            for _ in 0..=rng.below(8) / 7 {
                places.push(Place {
                    topic,
                    partition,
                    from: rng.below(records + 1),
                });
            }
        }
    }
    log.append(&batch).unwrap();
    let since = Instant::now();
    let mut readers = log.read_all(&places).unwrap();
    let opened = since.elapsed();
    let together: Vec<_> = readers.iter_mut().map(|reader| rest(reader.as_mut())).collect();
    println!(
        "{} readers: opened in {opened:?}, read in {:?}",
        places.len(),
        since.elapsed()
    );
    drop(readers);
    let since = Instant::now();
    let mut alone = 0;
    for (
        Place {
            topic,
            partition,
            from,
        },
        together,
    ) in places.iter().zip(&together)
    {
        // Each takes a while.
        if rng.below(4) == 0 {
            let mut reader = log.read(topic, *partition, *from).unwrap();
            assert_eq!(
                rest(reader.as_mut()),
                *together,
                "{topic}/{partition} from {from}"
            );
            alone += 1;
        }
    }
    println!("{alone} readers, one after another: {:?}", since.elapsed());
    let all: usize = together.iter().map(Vec::len).sum();
    assert!(all > 500 && alone > 10, "{all} records, {alone} readers");
    places[7].from = 1000;
    let beyond = log.read_all(&places).err();
    assert!(matches!(beyond, Some(LogError::NotYetThere { .. })), "{beyond:?}");
    assert!(log.read_all(&[]).unwrap().is_empty());
}
