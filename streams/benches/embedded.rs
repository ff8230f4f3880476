//! What appending and reading cost: records of 206 bytes, with and without sync, alone and from 8 threads.
//!
//! `cargo bench -p millrace-streams`; `DIR=...` chooses where the files are (the temporary directory by default).

use std::path::PathBuf;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use millrace_streams::embedded::{Config, Fsync};
use millrace_streams::{Batch, EmbeddedLog, Installation, Log};

const RECORD_BYTES: usize = 206;
const KEY_BYTES: usize = 36;

fn directory(name: &str) -> PathBuf {
    let base = std::env::var_os("DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    base.join(format!("millrace-bench-{}-{name}", std::process::id()))
}

fn open(name: &str, fsync: Fsync) -> (EmbeddedLog, PathBuf) {
    let directory = directory(name);
    let mut config = Config::new(Installation::new(0, [7; 10]), &[("orders", 4)]);
    config.fsync = fsync;
    let log = EmbeddedLog::open(&directory, &config).expect("the directory can be written to");
    (log, directory)
}

fn batch(records: u32) -> Batch {
    let mut batch = Batch::new(1_700_000_000_000);
    let bytes = [b'x'; RECORD_BYTES];
    for i in 0..records {
        let (key, value) = bytes.split_at(KEY_BYTES);
        batch.push("orders", i % 4, Some(key), Some(value));
    }
    batch
}

fn append(log: &EmbeddedLog, batch: &Batch, times: u64) {
    for _ in 0..times {
        log.append(batch).expect("there is room");
    }
}

/// Frees what was appended, so that long runs don't fill the disk.
fn trim(log: &EmbeddedLog) {
    for (partition, end) in (0..).zip(log.ends("orders").expect("the topic is there")) {
        log.trim("orders", partition, end).expect("it is within the log");
    }
}

fn from_threads(log: &EmbeddedLog, batch: &Batch, threads: u64, times: u64) -> Duration {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let times = times / threads + u64::from(thread < times % threads);
            scope.spawn(move || append(log, batch, times));
        }
    });
    begun.elapsed()
}

fn appending(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    group.sample_size(10).warm_up_time(Duration::from_millis(300));
    group.measurement_time(Duration::from_secs(1));
    for (name, fsync) in [("synced", Fsync::EachGroup), ("not synced", Fsync::Never)] {
        for records in [1, 100, 1000] {
            for threads in [1, 8] {
                let (log, directory) = open(&format!("{records}-{threads}"), fsync);
                let batch = batch(records);
                group.throughput(Throughput::Elements(records.into()));
                group.bench_function(
                    format!("{name}, batches of {records}, {threads} threads"),
                    |bencher| {
                        bencher.iter_custom(|times| {
                            let took = from_threads(&log, &batch, threads, times);
                            trim(&log);
                            took
                        });
                    },
                );
                drop(log);
                let _ = std::fs::remove_dir_all(directory);
            }
        }
    }
}

fn reading(criterion: &mut Criterion) {
    const RECORDS: u32 = 1_000_000;
    let mut group = criterion.benchmark_group("read");
    group.sample_size(10).warm_up_time(Duration::from_millis(300));
    group.measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Elements(u64::from(RECORDS)));
    for records in [1, 100, 1000] {
        let (log, directory) = open(&format!("read-{records}"), Fsync::Never);
        append(&log, &batch(records), u64::from(RECORDS / records));
        group.bench_function(format!("every partition, batches of {records}"), |bencher| {
            bencher.iter(|| {
                let mut bytes = 0;
                for partition in 0..4 {
                    let mut reader = log.read("orders", partition, 0).expect("the partition is there");
                    while let Some(run) = reader.next_run(u64::MAX).expect("the log is whole") {
                        bytes += run.map(|r| r.value.map_or(0, <[u8]>::len)).sum::<usize>();
                    }
                }
                assert_eq!(bytes, RECORDS as usize * (RECORD_BYTES - KEY_BYTES));
            });
        });
        drop(log);
        let _ = std::fs::remove_dir_all(directory);
    }
}

criterion_group!(benches, appending, reading);
criterion_main!(benches);
