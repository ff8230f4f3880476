//! Decoding against the contract, section 1: the quick way against the careful way, both against an
//! independent judge, every field's bounds, everything that JSON can do, and what counts as the same
//! content.

extern crate millrace_contract as contract;

mod content;
mod corpus;
mod fields;
mod json;
mod judge;
mod order;
mod properties;
mod random;
mod schema;
mod spec;
mod validator;

use bumpalo::Bump;
use contract::decode::{Reason, careful, decode};
use contract::log::Topic;

/// The reason's name, or `ok`; both ways must say the same.
pub fn verdict(topic: Topic, key: Option<&[u8]>, value: Option<&[u8]>) -> &'static str {
    let arena = Bump::new();
    let (result, judged) = (
        decode(topic, key, value, &arena),
        careful(topic, key, value, &arena),
    );
    assert_eq!(result, judged, "{:?}", value.map(String::from_utf8_lossy));
    result.map_or_else(|rejected| rejected.reason.name(), |_| "ok")
}

/// The verdict on a value of `topic` under its right key `k`.
pub fn of(topic: Topic, value: &str) -> &'static str {
    verdict(topic, Some(b"k"), Some(value.as_bytes()))
}

/// What is rejected and what is said of it.
pub fn rejected(topic: Topic, value: &str) -> (Reason, String, Option<&'static str>) {
    let rejected = decode(topic, Some(b"k"), Some(value.as_bytes()), &Bump::new()).expect_err(value);
    (rejected.reason, rejected.detail, rejected.kind)
}
