//! Any bytes as a record: never a panic, both ways of reading agree, the independent judge agrees, and what
//! is valid is read back from what it is written as.
//!
//! The first byte chooses the topic, the second the key: `k` the one that the record must have, `n` none,
//! else the byte itself.

#![no_main]

use bumpalo::Bump;
use contract::decode::{Reason, VALUE_BYTES_MAX, careful, decode, quick};
use contract::log::Topic;
use libfuzzer_sys::fuzz_target;
use millrace_fuzz::judge::judge;

fuzz_target!(|data: &[u8]| {
    let [topic, key, value @ ..] = data else { return };
    let topic = Topic::ALL[usize::from(*topic) % Topic::ALL.len()];
    let arena = Bump::new();
    let expected = match decode(topic, None, Some(value), &arena) {
        Err(e) if e.reason == Reason::KeyMismatch => {
            e.detail.strip_prefix("key: expected ").map(str::to_owned)
        }
        Err(_) => None,
        Ok(record) => panic!("{record:?} was accepted without a key"),
    };
    let key = match key {
        b'k' => expected.as_deref().map(str::as_bytes),
        b'n' => None,
        other => Some(std::slice::from_ref(other)),
    };
    check(topic, key, value);
});

fn check(topic: Topic, key: Option<&[u8]>, value: &[u8]) {
    let arena = Bump::new();
    let result = decode(topic, key, Some(value), &arena);
    assert_eq!(result, careful(topic, key, Some(value), &arena), "both ways");
    if value.len() <= VALUE_BYTES_MAX
        && let Ok(text) = std::str::from_utf8(value)
        && let Some(record) = quick(topic, text, &arena)
    {
        let again = careful(topic, Some(record.key().as_bytes()), Some(value), &arena);
        assert_eq!(again, Ok(record), "what the quick way accepts");
    }
    let said = result.as_ref().map(contract::records::Record::to_json);
    assert_eq!(
        said.map_err(|e| e.reason.name()),
        judge(topic, key, Some(value)),
        "the judge"
    );
    if let Ok(record) = result {
        let json = record.to_json();
        assert_eq!(
            decode(topic, key, Some(json.as_bytes()), &arena),
            Ok(record),
            "read back"
        );
    }
}
