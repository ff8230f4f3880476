//! A record's content: known fields, defaults filled in, times as instants.

use std::collections::BTreeMap;

use bumpalo::Bump;
use contract::content::{Content, Fingerprint};
use contract::decode::decode;
use contract::log::Topic;

use crate::judge::judge;
use crate::random::{Rng, bend, record, shuffle, write};
use crate::spec::TYPES;

fn digest(topic: Topic, key: &str, value: &str) -> u64 {
    let arena = Bump::new();
    let record = decode(topic, Some(key.as_bytes()), Some(value.as_bytes()), &arena);
    let mut content = Content::new();
    record
        .unwrap_or_else(|e| panic!("{value}: {e}"))
        .feed(&mut content);
    content.digest()
}

fn order(fields: &str) -> u64 {
    digest(
        Topic::Orders,
        "k",
        &format!(r#"{{"type":"order_placed","order_id":"k",{fields}}}"#),
    )
}

const LINES: &str = r#""customer_id":"c","currency":"KRW","lines":[{"sku":"s","quantity":1,"unit_price":2}]"#;

#[test]
fn defaults_field_order_instants_escapes_and_unknown_fields_make_no_difference() {
    let plain = order(LINES);
    for same in [
        r#""wallet_amount":0"#,
        r#""wallet_amount":null,"campaign_id":null,"placed_at":null"#,
        r#""x":{"y":[1]}"#,
    ] {
        assert_eq!(order(&format!("{LINES},{same}")), plain, "{same}");
        assert_eq!(order(&format!("{same},{LINES}")), plain, "{same}");
    }
    assert_eq!(
        order(
            r#" "lines" : [ {"unit_price":2,"x":1,"quantity":1,"sku":"\u0073"} ],
            "currency":"KRW","customer_id":"c""#
        ),
        plain
    );
    let at = |time: &str| order(&format!(r#"{LINES},"placed_at":"{time}""#));
    let noon = at("2026-11-21T12:00:00Z");
    assert_eq!(at("2026-11-21T21:00:00.0000+09:00"), noon);
    assert_eq!(at("2026-11-21t12:00:00.0009z"), noon);
    assert_ne!(at("2026-11-21T12:00:00.001Z"), noon);
    assert_ne!(plain, noon);
}

#[test]
fn lists_and_discounts_count_with_their_shape() {
    let review = |images: &str| {
        let value = format!(
            r#"{{"type":"review_posted","review_id":"k","customer_id":"c","sku":"s","rating":1,
                "text":""{images}}}"#
        );
        digest(Topic::Reviews, "k", &value)
    };
    assert_eq!(review(""), review(r#","images":[]"#));
    let all = [
        "",
        r#","images":[""]"#,
        r#","images":["",""]"#,
        r#","images":["a"]"#,
        r#","images":["a",""]"#,
        r#","images":["","a"]"#,
    ];
    let distinct: BTreeMap<_, _> = all.iter().map(|images| (review(images), images)).collect();
    assert_eq!(distinct.len(), all.len());
    let campaign = |discount: &str| {
        let value = format!(
            r#"{{"type":"campaign_created","campaign_id":"k","name":"n","quota":1,"currency":"KRW",
                "discount":{discount}}}"#
        );
        digest(Topic::Coupons, "k", &value)
    };
    let all = [
        r#"{"type":"amount","value":5}"#,
        r#"{"type":"percent","value":5}"#,
        r#"{"type":"amount","value":5,"max_amount":0}"#,
        r#"{"type":"amount","value":5,"max_amount":5}"#,
    ];
    let distinct: BTreeMap<_, _> = all
        .iter()
        .map(|discount| (campaign(discount), discount))
        .collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(
        campaign(all[0]),
        campaign(r#"{"max_amount":null,"x":1,"value":5,"type":"\u0061mount"}"#)
    );
}

/// The judge's canonical JSON stands for the content: equal digests exactly where it is equal.
#[test]
fn every_changed_field_changes_the_content_and_nothing_else_does() {
    let mut changed = 0;
    for seed in 0..20_000 {
        let mut rng = Rng(seed);
        let of = &TYPES[rng.below(TYPES.len())];
        let (doc, key) = record(&mut rng, of);
        let (mut plain, mut other) = (String::new(), String::new());
        write(&mut rng, &doc, false, &mut plain);
        let mut bent = doc.clone();
        shuffle(&mut rng, &mut bent);
        if rng.one_in(2) {
            bend(&mut rng, &mut bent);
        }
        write(&mut rng, &bent, true, &mut other);
        let canonical = |json: &str| judge(of.topic, Some(key.as_bytes()), Some(json.as_bytes()));
        let (Ok(one), Ok(two)) = (canonical(&plain), canonical(&other)) else {
            continue;
        };
        let kind = |json: &str| json.split(',').next().map(str::to_owned);
        if kind(&one) != kind(&two) {
            continue;
        }
        let same = digest(of.topic, &key, &plain) == digest(of.topic, &key, &other);
        assert_eq!(same, one == two, "seed {seed}: {plain} {other}");
        changed += usize::from(!same);
    }
    assert!(changed > 500, "{changed}");
}

#[test]
fn fingerprints_are_the_same_in_every_build() {
    assert_ne!(Fingerprint::of(b"o-1"), Fingerprint::of(b"o-2"));
    assert_eq!(
        format!("{:032x}", Fingerprint::of(b"o-1").0),
        "cfb12b0caf597d024d6852d1253b24f5"
    );
    assert_eq!(format!("{:016x}", order(LINES)), "0f53e665464ed405");
}
