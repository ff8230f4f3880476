//! How many records a second one core decodes: ours beside serde_json, sonic-rs and simd-json, in one run.
//!
//! Those but serde_json take minutes to build: `--features compare` has them.
//! The others do less: they borrow the same fields into structs and check types, but neither ranges, ids,
//! times, duplicates of unknown spelling, nor the key. Compare within one run only.

use std::hint::black_box;
use std::time::Duration;

use bumpalo::Bump;
use contract::decode::{careful, decode};
use contract::log::Topic;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;

/// Records of one kind, each with its key.
struct Mix {
    name: &'static str,
    topic: Topic,
    records: Vec<(String, String)>,
}

const RECORDS: usize = 1000;

/// A UUIDv7 as text, from a counter.
fn uuid(n: usize) -> String {
    let tail = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        "0193{:04x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
        n >> 8,
        n & 0xffff,
        n & 0xfff,
        n & 0x7ff,
        tail & 0xffff_ffff_ffff
    )
}

fn order(n: usize) -> (String, String) {
    let lines: Vec<_> = (0..=n % 3)
        .map(|line| {
            let (sku, quantity, price) = (n * 7 + line, 1 + (n + line) % 4, 100 + n * 37 % 40_000);
            format!(r#"{{"sku":"sku-{sku:06}","quantity":{quantity},"unit_price":{price}}}"#)
        })
        .collect();
    let (id, lines, second, ms) = (uuid(n), lines.join(","), n % 60, n % 1000);
    let value = [
        format!(r#"{{"type":"order_placed","order_id":"{id}","customer_id":"c-{n:06}","currency":"KRW""#),
        format!(r#","lines":[{lines}],"placed_at":"2026-11-21T09:00:{second:02}.{ms:03}Z"}}"#),
    ];
    (id, value.concat())
}

fn payment(kind: &str, n: usize) -> (String, String) {
    let id = uuid(n);
    let (key, amount) = (format!("tviva20261121{n:014}"), 100 + n * 37 % 400_000);
    let value = format!(
        r#"{{"type":"{kind}","order_id":"{id}","payment_key":"{key}","amount":{amount},"currency":"KRW"}}"#
    );
    (id, value)
}

fn mixes() -> [Mix; 2] {
    let kinds = ["payment_submitted", "payment_confirmed"];
    [
        Mix {
            name: "orders",
            topic: Topic::Orders,
            records: (0..RECORDS).map(order).collect(),
        },
        Mix {
            name: "payments",
            topic: Topic::Payments,
            records: (0..RECORDS).map(|n| payment(kinds[n % 2], n)).collect(),
        },
    ]
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is read is what is measured")]
struct Line<'a> {
    sku: &'a str,
    quantity: i64,
    unit_price: i64,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is read is what is measured")]
struct OrderPlaced<'a> {
    order_id: &'a str,
    customer_id: &'a str,
    currency: &'a str,
    #[serde(borrow)]
    lines: Vec<Line<'a>>,
    campaign_id: Option<&'a str>,
    wallet_amount: Option<i64>,
    placed_at: Option<&'a str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what is read is what is measured")]
struct Payment<'a> {
    order_id: &'a str,
    payment_key: &'a str,
    amount: i64,
    currency: &'a str,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "what is read is what is measured")]
enum Tagged<'a> {
    #[serde(borrow)]
    OrderPlaced(OrderPlaced<'a>),
    PaymentSubmitted(Payment<'a>),
    PaymentConfirmed(Payment<'a>),
}

/// Measures one way of reading: `$read` of each value (and key), all of them an iteration.
macro_rules! way {
    ($group:ident, $mix:ident, $name:literal, |$key:ident, $value:ident| $read:expr) => {
        $group.bench_function($name, |b| {
            b.iter(|| {
                for ($key, value) in &$mix.records {
                    let $value = black_box(value.as_bytes());
                    black_box($read).expect("valid");
                }
            });
        });
    };
}

/// Measures the readers that are given the type.
macro_rules! typed {
    ($group:ident, $mix:ident, $ty:ty) => {
        way!($group, $mix, "serde_json, type known", |_key, value| {
            serde_json::from_slice::<$ty>(value)
        });
        #[cfg(feature = "compare")]
        way!($group, $mix, "sonic-rs, type known", |_key, value| {
            sonic_rs::from_slice::<$ty>(value)
        });
        // simd-json writes into what it reads, so that each record is copied first, as a log's reader would
        // have to.
        #[cfg(feature = "compare")]
        let (mut copy, mut buffers) = (Vec::new(), simd_json::Buffers::default());
        #[cfg(feature = "compare")]
        way!($group, $mix, "simd-json, type known", |_key, value| {
            copy.clear();
            copy.extend_from_slice(value);
            simd_json::serde::from_slice_with_buffers::<$ty>(&mut copy, &mut buffers).map(drop)
        });
    };
}

fn decoding(c: &mut Criterion) {
    for mix in mixes() {
        let mut group = c.benchmark_group(mix.name);
        group.throughput(Throughput::Elements(mix.records.len() as u64));
        let mut arena = Bump::new();
        group.bench_function("ours", |b| {
            b.iter(|| {
                arena.reset();
                for (key, value) in &mix.records {
                    let value = black_box(value.as_bytes());
                    black_box(decode(mix.topic, Some(key.as_bytes()), Some(value), &arena)).expect("valid");
                }
            });
        });
        group.bench_function("ours, the careful way", |b| {
            b.iter(|| {
                arena.reset();
                for (key, value) in &mix.records {
                    let value = black_box(value.as_bytes());
                    black_box(careful(mix.topic, Some(key.as_bytes()), Some(value), &arena)).expect("valid");
                }
            });
        });
        if mix.topic == Topic::Orders {
            typed!(group, mix, OrderPlaced<'_>);
        } else {
            typed!(group, mix, Payment<'_>);
        }
        way!(group, mix, "serde_json, tagged enum", |_key, value| {
            serde_json::from_slice::<Tagged<'_>>(value)
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = decoding
}
criterion_main!(benches);
