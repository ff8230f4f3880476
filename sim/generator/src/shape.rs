//! Ways of writing the same record: JSON that differs in bytes and not in meaning.
//!
//! Order of fields, white space, fields that nobody knows, escapes, `null` for what is absent, defaults
//! written out or left out, and the many texts of one instant.

use contract::time::Time;

use crate::doc::{Doc, J};
use crate::rng::Rng;
use crate::schema::{Field, Kind, Need, TYPES};

/// How much a writing deviates from the plain one; percentages.
#[derive(Clone, Copy, Debug)]
struct Style {
    spaces: u64,
    shuffle: u64,
    strangers: u64,
    escapes: u64,
    nulls: u64,
    defaults: u64,
    times: u64,
}

const PLAIN: Style = Style {
    spaces: 0,
    shuffle: 0,
    strangers: 0,
    escapes: 0,
    nulls: 0,
    defaults: 0,
    times: 0,
};

/// Values of fields that nobody knows: valid JSON, and traps for readers that read too much of it.
const STRANGE: &[&str] = &[
    "null",
    "true",
    "1e400",
    "-0",
    "0.1e-7",
    "123456789012345678901234567890",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "{\"sku\":1,\"sku\":2}",
    "{\"a\":[1,2,{\"b\":null}],\"type\":\"order_placed\",\"type\":7}",
    "[[[[[[]]]]]]",
    "\"\u{2028}\\/\\b\\f\"",
    "[{},{\"\":\"\"}]",
];

/// Names that no type and no inner object knows.
const STRANGERS: &[&str] = &[
    "x",
    "Type",
    "SKU",
    "order-id",
    "",
    "타입",
    "note2",
    "__proto__",
    "type ",
];

/// Writes a record's value.
pub(crate) fn write(rng: &mut Rng, doc: &Doc) -> Vec<u8> {
    write_as(rng, doc, Some(J::text(doc.spec.name)))
}

/// Writes a record's value with another type, or without one.
pub(crate) fn write_as(rng: &mut Rng, doc: &Doc, name: Option<J>) -> Vec<u8> {
    let style = choose(rng);
    let mut fields: Vec<_> = name.into_iter().map(|name| ("type", name)).collect();
    fields.extend(doc.fields.iter().cloned());
    let mut out = String::new();
    space(rng, style, &mut out);
    object(rng, style, &mut out, &fields, doc.spec.fields, true);
    space(rng, style, &mut out);
    out.into_bytes()
}

fn choose(rng: &mut Rng) -> Style {
    if rng.chance(45) {
        return PLAIN;
    }
    let mut some = |most: u64| if rng.chance(50) { rng.below(most + 1) } else { 0 };
    Style {
        spaces: some(60),
        shuffle: some(100),
        strangers: some(100),
        escapes: some(40),
        nulls: some(100),
        defaults: some(100),
        times: some(100),
    }
}

fn object(
    rng: &mut Rng,
    style: Style,
    out: &mut String,
    fields: &[(&'static str, J)],
    known: &[Field],
    outer: bool,
) {
    let mut fields: Vec<(String, J)> = fields.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    drop_or_add(rng, style, &mut fields, known);
    if outer && rng.chance(style.strangers / 2) {
        let spec = rng.pick(TYPES);
        if let Some(field) = rng.pick_from(spec.fields) {
            let free = known.iter().all(|k| k.name != field.name);
            if free && fields.iter().all(|f| f.0 != field.name) {
                fields.push((field.name.to_owned(), J::Raw((rng.one_of(STRANGE)).to_owned())));
            }
        }
    }
    while rng.chance(style.strangers / 2) {
        let name = (rng.one_of(STRANGERS)).to_owned();
        fields.push((name, J::Raw((rng.one_of(STRANGE)).to_owned())));
    }
    if rng.chance(style.shuffle) {
        rng.shuffle(&mut fields);
    }
    out.push('{');
    for (i, (name, value)) in fields.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        space(rng, style, out);
        text(rng, style, out, name);
        space(rng, style, out);
        out.push(':');
        space(rng, style, out);
        let inner = known
            .iter()
            .find(|f| f.name == name)
            .map_or(&[][..], |f| match f.kind {
                Kind::Object(inner) | Kind::List(inner) => inner,
                _ => &[],
            });
        put(rng, style, out, value, inner);
        space(rng, style, out);
    }
    out.push('}');
}

/// Writes what is absent as null or as its default, and leaves out or nulls what is the default.
fn drop_or_add(rng: &mut Rng, style: Style, fields: &mut Vec<(String, J)>, known: &[Field]) {
    for field in known.iter().filter(|f| f.need != Need::Must) {
        let at = fields.iter().position(|f| f.0 == field.name);
        let default = match field.need {
            Need::Or(default) => Some(default),
            _ => None,
        };
        match (at, default) {
            (None, Some(default)) if rng.chance(style.defaults) => {
                fields.push((field.name.to_owned(), J::Raw(default.to_owned())));
            }
            (None, _) if rng.chance(style.nulls / 2) => fields.push((field.name.to_owned(), J::Null)),
            (Some(at), Some(default)) if is_default(&fields[at].1, default) && rng.chance(style.defaults) => {
                fields.remove(at);
            }
            (Some(at), Some(default)) if is_default(&fields[at].1, default) && rng.chance(style.nulls) => {
                fields[at].1 = J::Null;
            }
            _ => {}
        }
    }
}

fn is_default(value: &J, default: &str) -> bool {
    match value {
        J::Bool(value) => *value == (default == "true"),
        J::Int(value) => *value == 0 && default == "0",
        J::List(value) => value.is_empty() && default == "[]",
        _ => false,
    }
}

fn put(rng: &mut Rng, style: Style, out: &mut String, value: &J, known: &[Field]) {
    match value {
        J::Null => out.push_str("null"),
        J::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        J::Int(value) => out.push_str(&value.to_string()),
        J::Raw(value) => out.push_str(value),
        J::Text(value) => text(rng, style, out, value),
        J::At(time) => {
            let written = if rng.chance(style.times) {
                instant(rng, *time)
            } else {
                time.to_string()
            };
            text(rng, style, out, &written);
        }
        J::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                space(rng, style, out);
                put(rng, style, out, item, known);
                space(rng, style, out);
            }
            out.push(']');
        }
        J::Object(fields) => object(rng, style, out, fields, known, false),
    }
}

fn space(rng: &mut Rng, style: Style, out: &mut String) {
    while rng.chance(style.spaces) {
        out.push(rng.one_of(&[' ', '\n', '\t', '\r']));
    }
}

/// Writes a JSON string; any character may be escaped.
fn text(rng: &mut Rng, style: Style, out: &mut String, value: &str) {
    out.push('"');
    for c in value.chars() {
        let short = match c {
            '"' => Some('"'),
            '\\' => Some('\\'),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            '/' if rng.chance(style.escapes) => Some('/'),
            _ => None,
        };
        if let Some(short) = short.filter(|_| !rng.chance(style.escapes)) {
            out.push('\\');
            out.push(short);
        } else if short.is_some() || u32::from(c) < 0x20 || rng.chance(style.escapes) {
            let upper = rng.chance(50);
            for unit in c.encode_utf16(&mut [0; 2]) {
                let digits = if upper {
                    format!("\\u{unit:04X}")
                } else {
                    format!("\\u{unit:04x}")
                };
                out.push_str(&digits);
            }
        } else {
            out.push(c);
        }
    }
    out.push('"');
}

/// One of the texts that mean the instant (cut to milliseconds).
pub(crate) fn instant(rng: &mut Rng, time: Time) -> String {
    let offset = rng.one_of(&[0, 0, 0, 540, -300, 330, 845, -1, 1439, -1439]);
    let Some(local) = Time::from_ms(time.ms() + offset * 60_000) else {
        return time.to_string();
    };
    let plain = local.to_string();
    let (seconds, ms) = (&plain[..19], &plain[20..23]);
    let fraction = match (ms, rng.below(4)) {
        ("000", 0) => String::new(),
        ("000", 1) => ".0".to_owned(),
        (ms, 2) => format!(".{ms}{}", rng.below(1_000_000)),
        (ms, _) if ms.ends_with('0') && rng.chance(50) => format!(".{}", &ms[..2]),
        (ms, _) => format!(".{ms}"),
    };
    let zone = match offset {
        0 => (rng.one_of(&["Z", "z", "+00:00", "-00:00"])).to_owned(),
        _ => {
            let minutes = i64::abs(offset);
            let sign = if offset < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    };
    let seconds = if rng.chance(20) {
        seconds.replace('T', "t")
    } else {
        seconds.to_owned()
    };
    format!("{seconds}{fraction}{zone}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_writing_of_an_instant_means_the_instant() {
        let mut rng = Rng::new(3);
        for ms in [
            0,
            999,
            1_500_000_000_000,
            1_700_000_000_120,
            1_709_164_799_999,
            253_402_300_799_999,
        ] {
            let time = Time::from_ms(ms).unwrap();
            for _ in 0..500 {
                let written = instant(&mut rng, time);
                assert_eq!(Time::parse(&written), Some(time), "{written}");
            }
        }
    }

    #[test]
    fn every_writing_of_a_record_means_the_record() {
        let mut rng = Rng::new(4);
        let doc = Doc::new("review_posted")
            .text("review_id", "r1")
            .text("customer_id", "c1")
            .text("sku", "s1")
            .int("rating", 3)
            .text("text", "so \"fine\"\\ \u{1F600} \u{1} é/\n");
        for _ in 0..2000 {
            let written = write(&mut rng, &doc);
            let text = std::str::from_utf8(&written).unwrap().replace("1e400", "1");
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(read["type"], "review_posted");
            assert_eq!(read["text"], "so \"fine\"\\ \u{1F600} \u{1} é/\n");
            assert_eq!(read["rating"], 3);
            assert!(read["order_id"].is_null());
            let images = &read["images"];
            assert!(images.is_null() || images.as_array().is_some_and(Vec::is_empty));
        }
    }
}
