//! Values that fields may not have.

use crate::doc::{Doc, J};
use crate::rng::Rng;
use crate::schema::{Field, Kind, Need};

fn raw(text: &str) -> J {
    J::Raw(text.to_owned())
}

/// A value that the field may not have.
pub(crate) fn value(rng: &mut Rng, field: &Field) -> J {
    match field.kind {
        Kind::Id => id(rng, 65),
        Kind::RefundId => id(rng, 81),
        Kind::PaymentKey => {
            let long = "k".repeat(201);
            let texts = ["", &long, "a b", "é", "\u{7f}", "a\n", "a\u{0}"];
            text_or(rng, &texts, &["1", "[]", "{\"a\":1}", "false"])
        }
        Kind::Int(from, to) => number(rng, from, to),
        Kind::Delta if rng.chance(40) => J::Int(rng.one_of(&[0, -1_000_001, 1_000_001])),
        Kind::Delta => number(rng, -1_000_000, 1_000_000),
        Kind::Currency => text_or(
            rng,
            &["krw", "KR", "KRWW", "KRÖ", "", "US ", "\u{ff35}SD"],
            &["410", "[\"KRW\"]", "true"],
        ),
        Kind::Time => text_or(rng, TIMES, &["1700000000000", "{}", "false"]),
        Kind::Flag => text_or(rng, &["true", ""], &["0", "1", "[]", "{}"]),
        Kind::Name if rng.chance(35) => J::text(""),
        Kind::Name | Kind::Text => long_text(rng),
        Kind::Texts(count, len) => texts(rng, count, len),
        Kind::DiscountType => text_or(rng, &["Amount", "", "fixed", "percent "], &["1", "null", "[]"]),
        Kind::Object(inner) => object(rng, inner),
        Kind::List(inner) => list(rng, inner),
    }
}

const TIMES: &[&str] = &[
    "",
    "2024-01-01",
    "2024-01-01 00:00:00Z",
    "2016-12-31T23:59:60Z",
    "1969-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59-00:01",
    "10000-01-01T00:00:00Z",
    "2024-02-30T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:00:00",
    "2024-01-01T00:00:00+0900",
    "2024-01-01T00:00:00.Z",
    "2024-01-01T00:00:00+24:00",
    "2024-01-01T00:00Z",
];

fn text_or(rng: &mut Rng, texts: &[&str], raws: &[&str]) -> J {
    if rng.chance(65) {
        J::text(rng.one_of(texts))
    } else {
        raw(rng.one_of(raws))
    }
}

fn id(rng: &mut Rng, long: usize) -> J {
    let long = "i".repeat(long);
    text_or(
        rng,
        &["", &long, "a b", "é", "a/b", "a\u{0}", "#1", "a\n", "ａ"],
        &["1", "[]", "{}", "true"],
    )
}

fn number(rng: &mut Rng, from: i64, to: i64) -> J {
    if rng.chance(35) {
        return J::Int(rng.one_of(&[from - 1, to + 1]));
    }
    let raws = [
        "\"1\"",
        "1.0",
        "1e0",
        "-0",
        "1.5",
        "true",
        "[]",
        "{}",
        "99999999999999999999",
        "1E2",
        "-9223372036854775809",
        "18446744073709551617",
        "1e400",
        "0.0",
    ];
    raw(rng.one_of(&raws))
}

fn long_text(rng: &mut Rng) -> J {
    let (long, wide) = ("x".repeat(4_001), "\u{1F600}".repeat(4_001));
    text_or(
        rng,
        &[&long, &wide, "a\u{0}b", "\u{0}"],
        &["1", "[]", "{\"a\":\"b\"}", "false", "-0"],
    )
}

fn texts(rng: &mut Rng, count: usize, len: usize) -> J {
    match rng.below(6) {
        0 => J::List(vec![J::text("t"); count + 1]),
        1 => J::List(vec![J::text("t"), J::text("é".repeat(len + 1))]),
        2 => J::List(vec![J::text("a\u{0}")]),
        3 => raw(rng.one_of(&["[1]", "[[]]", "[\"a\",{}]", "[true]"])),
        4 => raw("[null]"),
        _ => text_or(rng, &["", "a"], &["{}", "1", "true"]),
    }
}

/// An object in which one field is wrong.
fn object(rng: &mut Rng, inner: &'static [Field]) -> J {
    if rng.chance(20) {
        return text_or(rng, &["", "amount"], &["[]", "1", "[{}]", "true"]);
    }
    if rng.chance(25) {
        let value = rng.one_of(&[101, 0, 1_000]);
        return J::Object(vec![("type", J::text("percent")), ("value", J::Int(value))]);
    }
    let mut fields = vec![
        ("type", J::text("amount")),
        ("value", J::Int(5)),
        ("max_amount", J::Int(3)),
    ];
    spoil(rng, &mut fields, inner);
    J::Object(fields)
}

fn spoil(rng: &mut Rng, fields: &mut [(&'static str, J)], inner: &'static [Field]) {
    let wrong = rng.pick(inner);
    let value = value(rng, wrong);
    if let Some(field) = fields.iter_mut().find(|f| f.0 == wrong.name) {
        field.1 = value;
    }
}

/// A list in which one item is wrong, or which is too long, or empty.
fn list(rng: &mut Rng, inner: &'static [Field]) -> J {
    let good = |f: &Field| match f.kind {
        Kind::Id => J::text("s1"),
        _ => J::Int(1),
    };
    let item = || inner.iter().map(|f| (f.name, good(f))).collect::<Vec<_>>();
    match rng.below(10) {
        0 => J::List(Vec::new()),
        1 if rng.chance(15) => J::List(vec![J::Object(item()); 2_001]),
        1 | 2 => text_or(
            rng,
            &["", "x"],
            &["{}", "1", "[1]", "[null]", "[[]]", "[\"s1\"]", "true"],
        ),
        _ => {
            let mut items = vec![item(); rng.index(3) + 1];
            let at = rng.index(items.len());
            spoil(rng, &mut items[at], inner);
            J::List(items.into_iter().map(J::Object).collect())
        }
    }
}

/// The field's value without one of its inner fields that must be there.
pub(crate) fn without_inner(rng: &mut Rng, doc: &Doc, field: &Field) -> Option<J> {
    let (Kind::Object(inner) | Kind::List(inner)) = field.kind else {
        return None;
    };
    let must: Vec<_> = inner.iter().filter(|f| f.need == Need::Must).collect();
    let gone = rng.pick(&must).name;
    let without =
        |fields: &[(&'static str, J)]| J::Object(fields.iter().filter(|f| f.0 != gone).cloned().collect());
    match doc.get(field.name)? {
        J::Object(fields) => Some(without(fields)),
        J::List(items) => {
            let mut items = items.clone();
            let at = rng.index(items.len());
            if let Some(J::Object(fields)) = items.get(at) {
                items[at] = without(fields);
            }
            Some(J::List(items))
        }
        _ => None,
    }
}
