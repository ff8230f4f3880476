//! Damage is told, never read; what is not ours, newer, in use or not writable is refused by name.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "numbers of tests are small; a test that panics fails"
)]

mod common;

use common::sim_disk::{Fault, SimDisk};
use common::{Model, Rng, config, open, random_batch, seeds};
use millrace_streams::embedded::cut_from;
use millrace_streams::{EmbeddedLog, Log, LogError};

fn filled(seed: u64, batches: i64) -> (SimDisk, Model) {
    let (mut rng, mut model, disk) = (Rng(seed), Model::default(), SimDisk::default());
    let log = open(disk.clone()).unwrap();
    for step in 0..batches {
        let (batch, expected) = random_batch(&mut rng, step, 150);
        log.append(&batch).unwrap();
        model.add(&expected);
    }
    log.close().unwrap();
    (disk, model)
}

#[test]
fn a_flipped_byte_anywhere_is_told_or_does_not_matter_and_yields_no_wrong_record() {
    for seed in seeds(1) {
        let (disk, model) = filled(seed, 40);
        let mut told = 0;
        for (name, bytes) in disk.files() {
            for at in 0..bytes.len() {
                let copy = disk.copy();
                copy.tamper(&name, |file| file[at] ^= 1 << (at % 8));
                let held = match open(copy) {
                    Ok(log) => model.check(&log),
                    Err(e) => Err(e.to_string()),
                };
                told += u64::from(held.is_err());
                let words = held.err().unwrap_or_default();
                // A model's own words begin with the partition's name.
                assert!(!words.starts_with('('), "{name} {at}: {words}");
            }
        }
        assert!(told > 5000, "{told}");
    }
}

#[test]
fn damage_says_where_and_cutting_there_opens_the_log_with_what_came_before() {
    let (disk, model) = filled(3, 60);
    let name = format!("{:020}.segment", 2);
    disk.tamper(&name, |file| file[2000] ^= 1);
    let log = open(disk.clone()).unwrap();
    let Err(LogError::Damaged(damage)) = log.check() else {
        panic!("damage was not found");
    };
    drop(log);
    assert_eq!((damage.segment, damage.file.as_str()), (Some(2), name.as_str()));
    cut_from(&disk, 2, damage.position).unwrap();
    let log = open(disk.clone()).unwrap();
    let mut before = Model::default();
    for (partition, records) in &model.records {
        let end = log.ends(&partition.0).unwrap()[partition.1 as usize] as usize;
        before.records.insert(partition.clone(), records[..end].to_vec());
    }
    before.check(&log).unwrap();
    assert!(log.check().unwrap() > 0);
    assert!(disk.files().keys().any(|name| name.ends_with(".tail.cut")));
}

#[test]
fn an_index_of_another_log_in_a_segments_place_loses_nothing_and_is_put_right() {
    let ((disk, model), (other, _)) = (filled(4, 400), filled(5, 400));
    let index_of = |disk: &SimDisk, name: &str| disk.files().get(name).cloned();
    let read_all = |disk: &SimDisk| model.check(&open(disk.copy()).unwrap());
    read_all(&disk).unwrap();
    let mut wrong = 0;
    for (name, theirs) in other.files() {
        let ours = index_of(&disk, &name);
        if !name.ends_with(".index") || ours.is_none() || ours.as_ref() == Some(&theirs) {
            continue;
        }
        let mixed = disk.copy();
        mixed.tamper(&name, |file| *file = theirs.clone());
        let log = open(mixed.clone()).unwrap();
        for ((topic, partition), records) in &model.records {
            let start = log.starts(topic).unwrap()[*partition as usize];
            for from in start..records.len() as u64 {
                let mut reader = log.read(topic, *partition, from).unwrap();
                let run = reader.next_run(from + 1).unwrap().expect("it is there");
                assert_eq!(run.count(), 1, "{name} {topic}/{partition} {from}");
            }
        }
        log.close().unwrap();
        wrong += u64::from(index_of(&mixed, &name) != Some(theirs));
    }
    assert!(wrong > 0, "no index led astray");
}

#[test]
fn what_is_appended_after_cutting_trimmed_records_off_stays() {
    let (disk, model) = filled(8, 60);
    let log = open(disk.clone()).unwrap();
    for (partition, records) in &model.records {
        log.trim(&partition.0, partition.1, records.len() as u64 - 1)
            .unwrap();
    }
    drop(log);
    let last = disk.files().into_keys().rfind(|name| name.ends_with(".segment"));
    let number = last.and_then(|name| name[..20].parse().ok()).unwrap();
    // Where its first frame is: the partitions end before what was trimmed.
    cut_from(&disk, number, 60 + 8 * 6).unwrap();
    let log = open(disk.clone()).unwrap();
    let before = log.ends("orders").unwrap();
    assert_eq!(log.starts("orders").unwrap(), before);
    let mut model = Model::default();
    let (batch, added) = random_batch(&mut Rng(1), 0, 10);
    log.append(&batch).unwrap();
    model.add(&added);
    drop(log);
    let log = open(disk).unwrap();
    for ((topic, partition), records) in &model.records {
        let start = log.starts(topic).unwrap()[*partition as usize];
        let read = common::read_all(&log, topic, *partition, start).unwrap();
        assert_eq!(read, *records);
    }
}

#[test]
fn numbers_that_no_log_gets_to_and_leftovers_without_a_log_are_damage() {
    let (disk, _) = filled(9, 3);
    let name = format!("{:020}.segment", 1);
    // Its first sequence number, the length of the segment before, an offset.
    for at in [40, 48, 60] {
        let forged = disk.copy();
        forged.tamper(&name, |file| {
            file[at..at + 8].fill(0xff);
            let checksum = crc32fast::hash(&file[16..60 + 8 * 6]);
            file[12..16].copy_from_slice(&checksum.to_le_bytes());
        });
        assert!(matches!(open(forged), Err(LogError::Damaged(_))), "{at}");
    }
    let left = SimDisk::default();
    for number in [1, 2] {
        let bytes = disk.files()[&name][..60 + 8 * 6].to_vec();
        left.tamper(&format!("{number:020}.segment"), |file| *file = bytes);
    }
    let Err(LogError::Damaged(damage)) = open(left) else {
        panic!("a log was made among leftovers");
    };
    assert_eq!((damage.file.as_str(), damage.segment), ("millrace-log", None));
}

#[test]
fn a_missing_segment_is_told() {
    let (disk, _) = filled(4, 60);
    for missing in [1, 2] {
        let copy = disk.copy();
        copy.remove_quietly(&format!("{missing:020}.segment"));
        let Err(LogError::Damaged(damage)) = open(copy) else {
            panic!("nothing was told");
        };
        assert_eq!(damage.segment, Some(missing));
    }
}

#[test]
fn what_can_not_be_opened_is_refused_by_name_and_left_alone() {
    let (disk, _) = filled(5, 3);
    let held = open(disk.clone()).unwrap();
    assert!(matches!(open(disk.clone()), Err(LogError::Locked { .. })));
    drop(held);
    let foreign = SimDisk::default();
    foreign.tamper("photo.jpg", |file| file.push(1));
    assert!(matches!(open(foreign.clone()), Err(LogError::NotOurs { .. })));
    assert_eq!(foreign.files().len(), 1);
    let newer = disk.copy();
    newer.tamper("millrace-log", |file| file["millrace-log ".len()] = b'2');
    assert!(matches!(
        open(newer),
        Err(LogError::NewerFormat {
            found: 2,
            known: 1,
            ..
        })
    ));
    let read_only = disk.copy();
    read_only.set_fault(1, Fault::Once(std::io::ErrorKind::ReadOnlyFilesystem));
    assert!(matches!(open(read_only), Err(LogError::ReadOnly { .. })));
    let mut other = config();
    other.topics[0].partitions = 9;
    let differs = EmbeddedLog::open_on(Box::new(disk), &other);
    assert!(matches!(
        differs,
        Err(LogError::PartitionsDiffer {
            found: 3,
            asked: 9,
            ..
        })
    ));
}

#[test]
fn a_directory_of_the_system_is_owned_by_one_opener() {
    let path = std::env::temp_dir().join(format!("millrace-streams-{}", std::process::id()));
    let log = EmbeddedLog::open(&path, &config()).unwrap();
    assert!(log.opened().created);
    let (batch, expected) = random_batch(&mut Rng(1), 0, 100);
    log.append(&batch).unwrap();
    assert!(matches!(
        EmbeddedLog::open(&path, &config()),
        Err(LogError::Locked { .. })
    ));
    drop(log);
    let log = EmbeddedLog::open(&path, &config()).unwrap();
    let mut model = Model::default();
    model.add(&expected);
    model.check(&log).unwrap();
    drop(log);
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn a_topic_that_is_added_later_is_there_and_stays() {
    let (disk, model) = filled(6, 20);
    let mut more = config();
    more.topics.push(millrace_streams::TopicPartitions {
        name: "reviews".to_owned(),
        partitions: 2,
    });
    let log = EmbeddedLog::open_on(Box::new(disk.clone()), &more).unwrap();
    assert_eq!(log.ends("reviews").unwrap(), [0, 0]);
    let mut batch = millrace_streams::Batch::new(0);
    batch.push("reviews", 1, None, None);
    assert_eq!(log.append(&batch).unwrap()[0].end, 1);
    drop(log);
    let log = open(disk).unwrap();
    model.check(&log).unwrap();
    assert_eq!(log.ends("reviews").unwrap(), [0, 1]);
    assert_eq!(
        log.read("reviews", 1, 0)
            .unwrap()
            .next_run(u64::MAX)
            .unwrap()
            .unwrap()
            .left(),
        1
    );
}
