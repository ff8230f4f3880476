//! Bytes that are not UTF-8, and texts that are not one JSON object.

use crate::doc::{Doc, J};
use crate::generator::Draft;
use crate::shape;

fn plain(draft: &mut Draft<'_>, doc: &Doc) -> String {
    String::from_utf8(shape::write(draft.rng, doc)).unwrap_or_default()
}

/// The record with bytes in it that are not UTF-8.
pub(crate) fn utf8(draft: &mut Draft<'_>, doc: &Doc) -> Vec<u8> {
    let mut bytes = shape::write(draft.rng, doc);
    let bad: &[&[u8]] = &[
        &[0xff],
        &[0xc0, 0x80],
        &[0xed, 0xa0, 0x80],
        &[0xf5, 0x80, 0x80, 0x80],
        &[0xe2, 0x82],
        &[0x80],
        &[0xf0, 0x80, 0x80, 0xaf],
    ];
    let bad = draft.rng.one_of(bad);
    let at = draft.rng.index(bytes.len() + 1);
    bytes.splice(at..at, bad.iter().copied());
    bytes
}

/// The record as a text that is not one JSON object, or holds what a record may not.
pub(crate) fn json(draft: &mut Draft<'_>, doc: &Doc) -> Vec<u8> {
    let good = plain(draft, doc);
    let rng = &mut *draft.rng;
    let text = match rng.below(12) {
        0 => {
            let cut = rng.index(good.trim_end().len().max(1));
            let cut = (0..=cut).rev().find(|c| good.is_char_boundary(*c)).unwrap_or(0);
            good[..cut].to_owned()
        }
        1 => format!(
            "{good}{}",
            rng.pick(&["{}", ",", "x", "\u{0}", "//", "null", "}", "\u{a0}"])
        ),
        2 => format!(
            "{}{good}",
            rng.pick(&["\u{feff}", "\u{a0}", "[", ",", "\u{c}", "\u{0}"])
        ),
        3 => (rng.one_of(&[
            "", " ", "1", "null", "\"a\"", "[]", "[{}]", "true", "{", "{]", "nul",
        ]))
        .to_owned(),
        4 | 5 => {
            let (field, again) = twice(draft, doc);
            let pair = format!("{{{field}:{again},");
            good.replacen('{', &pair, 1)
        }
        6 => inner_twice(draft, doc, &good),
        7 => with_member(draft, &good, LONE_SURROGATES),
        8 | 9 => with_member(draft, &good, MALFORMED),
        10 => return deep(draft, doc, 128),
        _ => good.replacen('"', "'", 2),
    };
    text.into_bytes()
}

/// Members with half of a surrogate pair, also where nobody looks.
const LONE_SURROGATES: &[&str] = &[
    "\"x\":\"\\ud800\"",
    "\"x\":\"\\udc00\\ud800\"",
    "\"x\":\"\\ud83dx\"",
    "\"\\uDFFF\":1",
    "\"x\":[{\"y\":\"a\\ud83d\\n\"}]",
    "\"x\":\"\\ud800\\ud800\\udc00\"",
];

/// Members that are not JSON.
const MALFORMED: &[&str] = &[
    "\"x\":01",
    "\"x\":+1",
    "\"x\":.5",
    "\"x\":1.",
    "\"x\":1e",
    "\"x\":-",
    "\"x\":NaN",
    "\"x\":Infinity",
    "\"x\":\"a\nb\"",
    "\"x\":\"\t\"",
    "\"x\":\"\\x41\"",
    "\"x\":\"\\u12\"",
    "\"x\":[1,]",
    "\"x\":{\"a\":1,}",
    "\"x\":{a:1}",
    "x:1",
    "\"x\" 1",
    "\"x\":TRUE",
    "\"x\":undefined",
    "\"x\":1 /* one */",
    "",
    "\"x\":\u{c}1",
    "\"x\":0x10",
    "\"x\":--1",
    "\"x\":'a'",
];

fn with_member(draft: &mut Draft<'_>, good: &str, members: &[&str]) -> String {
    let member = draft.rng.one_of(members);
    if draft.rng.chance(50) {
        return good.replacen('{', &format!("{{{member},"), 1);
    }
    let end = good.rfind('}').unwrap_or(0);
    format!("{},{member}{}", &good[..end], &good[end..])
}

/// A known field and a value for its second time, written in any way.
fn twice(draft: &mut Draft<'_>, doc: &Doc) -> (String, String) {
    let mut names: Vec<&str> = vec!["type"];
    names.extend(doc.fields.iter().map(|f| f.0));
    let name = draft.rng.one_of(&names);
    let first = name.chars().next().unwrap_or('x');
    let written = if draft.rng.chance(30) {
        format!("\"\\u{:04x}{}\"", u32::from(first), &name[first.len_utf8()..])
    } else {
        format!("\"{name}\"")
    };
    let value = draft
        .rng
        .one_of(&["null", "1", "\"x\"", "{}", "\"order_placed\""]);
    (written, value.to_owned())
}

/// A field of an inner object twice; where there is none, the type.
fn inner_twice(draft: &mut Draft<'_>, doc: &Doc, good: &str) -> String {
    let inner: &[&str] = match doc.spec.name {
        "order_placed" => &[
            "[{\"sku\":\"s1\",\"quantity\":1,\"unit_price\":1,\"sku\":\"s1\"}]",
            "[{\"quantity\":1,\"quantity\":1,\"sku\":\"s1\",\"unit_price\":1}]",
            "[{\"sku\":\"s1\",\"quantity\":1,\"unit_price\":1},{\"unit_price\":1,\"unit\\u005fprice\":null}]",
        ],
        "order_lines_cancel_requested" => &[
            "[{\"line_no\":1,\"line_no\":1,\"quantity\":1}]",
            "[{\"line_no\":1,\"quantity\":1,\"quantity\":null}]",
        ],
        "campaign_created" => &[
            "{\"type\":\"amount\",\"value\":1,\"type\":\"amount\"}",
            "{\"type\":\"amount\",\"value\":1,\"max_amount\":null,\"max_amount\":1}",
        ],
        _ => return good.replacen('{', "{\"type\":null,", 1),
    };
    let name = if doc.spec.name == "campaign_created" {
        "discount"
    } else {
        "lines"
    };
    let mut doc = doc.clone();
    doc.set(name, J::Raw(draft.rng.one_of(inner).to_owned()));
    plain(draft, &doc)
}

/// The record with an unknown field so deep that there are `levels` levels, counting the outer object.
pub(crate) fn deep(draft: &mut Draft<'_>, doc: &Doc, levels: usize) -> Vec<u8> {
    let good = plain(draft, doc);
    let inner = levels - 1;
    let (open, close) = if draft.rng.chance(50) {
        ("[", "]")
    } else {
        ("{\"a\":", "}")
    };
    let core = if open == "[" { "" } else { "1" };
    let member = format!("\"deep\":{}{core}{}", open.repeat(inner), close.repeat(inner));
    good.replacen('{', &format!("{{{member},"), 1).into_bytes()
}
