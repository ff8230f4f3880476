//! Properties over random records. A failure prints its seed.

use std::collections::BTreeMap;

use bumpalo::Bump;
use contract::decode::{careful, decode, quick};
use contract::json::tree;
use contract::log::Topic;
use contract::time::Time;
use proptest::prelude::*;

use crate::judge::{is_json, judge, time};
use crate::random::{self, Rng, bend, scratch, shuffle, write};

/// A case: topic, key and value.
struct Case(Topic, Option<Vec<u8>>, Vec<u8>);

fn key(rng: &mut Rng, key: String) -> Option<Vec<u8>> {
    match rng.below(30) {
        0 => None,
        1 => Some(b"other".to_vec()),
        2 => Some([key.as_bytes(), b" "].concat()),
        3 => Some(vec![0xff]),
        4 => Some(Vec::new()),
        _ => Some(key.into_bytes()),
    }
}

/// A record that is valid, or bent in its fields, or scratched in its bytes.
fn case(seed: u64) -> Case {
    let mut rng = Rng(seed);
    let of = random::kind(&mut rng);
    let (mut doc, id) = random::record(&mut rng, of);
    if rng.one_in(2) {
        shuffle(&mut rng, &mut doc);
    }
    if rng.one_in(2) {
        for _ in 0..=rng.below(2) {
            bend(&mut rng, &mut doc);
        }
    }
    let mut text = String::new();
    let noise = rng.one_in(2);
    write(&mut rng, &doc, noise, &mut text);
    let mut bytes = text.into_bytes();
    if rng.one_in(4) {
        scratch(&mut rng, &mut bytes);
    }
    let topic = if rng.one_in(20) {
        random::kind(&mut rng).topic
    } else {
        of.topic
    };
    Case(topic, key(&mut rng, id), bytes)
}

/// Everything that must hold of any input; returns the verdict.
fn check(topic: Topic, key: Option<&[u8]>, value: Option<&[u8]>) -> &'static str {
    let arena = Bump::new();
    let result = decode(topic, key, value, &arena);
    assert_eq!(result, careful(topic, key, value, &arena), "decode and careful");
    if let Ok(text) = str::from_utf8(value.unwrap_or_default())
        && text.len() <= contract::decode::VALUE_BYTES_MAX
        && let Some(record) = quick(topic, text, &arena)
    {
        let again = careful(topic, Some(record.key().as_bytes()), value, &arena);
        assert_eq!(again, Ok(record), "what the quick way accepts");
    }
    let said = result.as_ref().map(contract::records::Record::to_json);
    let said = said.map_err(|rejected| rejected.reason.name());
    assert_eq!(said, judge(topic, key, value), "decode and the judge");
    let Ok(record) = result else {
        return said.expect_err("rejected");
    };
    let json = record.to_json();
    assert_eq!(
        decode(topic, key, Some(json.as_bytes()), &arena),
        Ok(record),
        "to_json and back"
    );
    "ok"
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

/// Texts that are times or nearly so.
const LIKE_A_TIME: &str = "[0-9]{1,4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]\
    (\\.[0-9]{0,5})?([Zz]|[+-][0-2][0-9]:[0-6][0-9])?";

proptest! {
    #![proptest_config(config(20_000))]

    #[test]
    fn both_ways_and_the_judge_agree_on_records_and_what_is_like_them(seed in any::<u64>().no_shrink()) {
        let Case(topic, key, value) = case(seed);
        check(topic, key.as_deref(), Some(&value));
    }

    #[test]
    fn the_quick_way_reads_every_plain_record(seed in any::<u64>().no_shrink()) {
        let mut rng = Rng(seed);
        let of = random::kind(&mut rng);
        let (mut doc, key) = random::record(&mut rng, of);
        if rng.one_in(2) {
            // Another order is no reason for the slow way; what is unknown, nested or escaped is.
            if let random::Doc::Object(fields) = &mut doc {
                fields.rotate_left(1);
            }
        }
        let mut text = String::new();
        write(&mut rng, &doc, false, &mut text);
        let arena = Bump::new();
        let record = quick(of.topic, &text, &arena);
        prop_assert!(record.is_some() || text.contains('\\'), "{}", text);
        prop_assert_eq!(check(of.topic, Some(key.as_bytes()), Some(text.as_bytes())), "ok");
    }

    #[test]
    fn the_tree_reads_the_json_that_another_reader_reads(seed in any::<u64>().no_shrink()) {
        let Case(_, _, value) = case(seed);
        if let Ok(text) = str::from_utf8(&value) {
            prop_assert_eq!(tree::parse(text, &Bump::new()).is_ok(), is_json(text), "{}", text);
        }
    }

    #[test]
    fn times_are_read_alike(text in LIKE_A_TIME) {
        prop_assert_eq!(Time::parse(&text).map(|time| format!("\"{time}\"")), time(&text));
    }
}

proptest! {
    #![proptest_config(config(5_000))]

    #[test]
    fn garbage_is_judged_alike(bytes in proptest::collection::vec(any::<u8>(), 0..64), topic in 0..9usize) {
        check(Topic::ALL[topic], Some(b"k"), Some(&bytes));
    }

    #[test]
    fn texts_that_look_like_json_are_judged_alike(
        text in r#"[{]("(type|x)":("a"|1|null|[{]|\[),?){0,3}[}\]"]{0,3}"#, topic in 0..9usize,
    ) {
        check(Topic::ALL[topic], Some(b"k"), Some(text.as_bytes()));
    }
}

#[test]
fn random_cases_meet_every_reason_of_decoding() {
    let mut met = BTreeMap::new();
    for seed in 0..10_000 {
        let Case(topic, key, value) = case(seed);
        *met.entry(check(topic, key.as_deref(), Some(&value))).or_insert(0) += 1;
    }
    let expected = [
        "bad_field",
        "bad_json",
        "bad_utf8",
        "key_mismatch",
        "missing_field",
        "ok",
        "unknown_type",
    ];
    assert_eq!(met.keys().copied().collect::<Vec<_>>(), expected);
    assert!(met.values().all(|count| *count > 50), "{met:?}");
}
