//! Random records: valid ones of every type, then bent at their fields and at their bytes.

use crate::corpus::{CHARS, NAMES, NASTY};
use crate::spec::{AMOUNT, Kind, Need, PERCENT, POSITIVE, Spec, TYPES, Type};

/// SplitMix64: a seed names a case.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("below a usize")
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'t, T: ?Sized>(&mut self, of: &[&'t T]) -> &'t T {
        of[self.below(of.len())]
    }
}

/// A value to be written as JSON.
#[derive(Clone, Debug)]
pub enum Doc {
    /// As it stands here.
    Raw(String),
    String(String),
    List(Vec<Doc>),
    Object(Vec<(String, Doc)>),
}

pub fn raw(text: &str) -> Doc {
    Doc::Raw(text.to_owned())
}

fn string(rng: &mut Rng, of: &[char], len: usize) -> Doc {
    Doc::String((0..len).map(|_| of[rng.below(of.len())]).collect())
}

fn length(rng: &mut Rng, min: usize, max: usize) -> usize {
    match rng.below(40) {
        0 => min,
        1 => max,
        _ => min.max(1) + rng.below(max.min(20)),
    }
    .min(max)
}

fn integer(rng: &mut Rng, min: i64, max: i64) -> Doc {
    let number = match rng.below(10) {
        0 => min,
        1 => max,
        2 => min + i64::try_from(rng.next() >> 1).expect("63 bits") % (max - min + 1),
        _ => min + i64::try_from(rng.below(100_000)).expect("small") % (max - min + 1),
    };
    raw(&number.to_string())
}

fn time(rng: &mut Rng) -> Doc {
    let fraction: String = (0..rng.below(8))
        .map(|_| char::from(b'0' + (rng.next() % 10) as u8))
        .collect();
    let offset = match rng.below(4) {
        0 => format!("+{:02}:{:02}", rng.below(24), rng.below(60)),
        1 => format!("-{:02}:{:02}", rng.below(24), rng.below(60)),
        _ => (*rng.pick(&["Z", "Z", "z"])).to_owned(),
    };
    Doc::String(format!(
        "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{fraction}{offset}",
        1971 + rng.below(8028),
        1 + rng.below(12),
        1 + rng.below(28),
        rng.pick(&["T", "T", "t"]),
        rng.below(24),
        rng.below(60),
        rng.below(60),
        if fraction.is_empty() { "" } else { "." },
    ))
}

/// A random valid value.
pub fn value(rng: &mut Rng, kind: &Kind) -> Doc {
    let ids: Vec<char> = ('a'..='z')
        .chain('A'..='Z')
        .chain('0'..='9')
        .chain("_.:@+=-".chars())
        .collect();
    match kind {
        Kind::Id(max) => {
            let len = length(rng, 1, *max);
            string(rng, &ids, len)
        }
        Kind::PaymentKey => {
            let len = length(rng, 1, 200);
            string(rng, &('!'..='~').collect::<Vec<_>>(), len)
        }
        Kind::Currency => string(rng, &['A', 'K', 'Z'], 3),
        Kind::Int(min, max) => integer(rng, *min, *max),
        Kind::Delta if rng.one_in(2) => integer(rng, 1, 1_000_000),
        Kind::Delta => integer(rng, -1_000_000, -1),
        Kind::Bool => raw(rng.pick(&["true", "false"])),
        Kind::Text(min, max) => {
            let len = length(rng, *min, *max);
            let of = if rng.one_in(3) { CHARS } else { &CHARS[..3] };
            string(rng, of, len)
        }
        Kind::Time => time(rng),
        Kind::List(min, max, inner) => {
            let len = (*min + rng.below(4)).min(*max);
            Doc::List((0..len).map(|_| value(rng, inner)).collect())
        }
        Kind::Object(specs) => Doc::Object(fields(rng, specs)),
        Kind::Discount => {
            let (name, range) = if rng.one_in(2) {
                ("amount", POSITIVE)
            } else {
                ("percent", PERCENT)
            };
            let mut fields = vec![
                ("type".to_owned(), Doc::String(name.to_owned())),
                ("value".to_owned(), value(rng, &range)),
            ];
            if rng.one_in(2) {
                fields.push(("max_amount".to_owned(), value(rng, &AMOUNT)));
            }
            Doc::Object(fields)
        }
    }
}

fn fields(rng: &mut Rng, specs: &[Spec]) -> Vec<(String, Doc)> {
    let mut fields = Vec::new();
    for spec in specs {
        if spec.need == Need::Required || !rng.one_in(3) {
            fields.push((spec.name.to_owned(), value(rng, &spec.kind)));
        } else if rng.one_in(4) {
            fields.push((spec.name.to_owned(), raw("null")));
        }
    }
    fields
}

/// A random valid record of `of`, `type` first, fields in the contract's order; and its key.
pub fn record(rng: &mut Rng, of: &Type) -> (Doc, String) {
    let mut all = vec![("type".to_owned(), Doc::String(of.name.to_owned()))];
    all.extend(fields(rng, of.fields));
    let key = of.key.map_or("operations", |name| {
        let found = all.iter().find(|(n, _)| n == name);
        let Some((_, Doc::String(id))) = found else {
            panic!("{name} is an id")
        };
        id
    });
    let key = key.to_owned();
    (Doc::Object(all), key)
}

/// A random type.
pub fn kind(rng: &mut Rng) -> &'static Type {
    &TYPES[rng.below(TYPES.len())]
}

/// Another order of fields, and unknown ones: still the same record.
pub fn shuffle(rng: &mut Rng, doc: &mut Doc) {
    match doc {
        Doc::Object(fields) => {
            for at in 1..fields.len() {
                fields.swap(at, rng.below(at + 1));
            }
            for (_, field) in fields.iter_mut() {
                shuffle(rng, field);
            }
            if rng.one_in(3) {
                let unknown = [
                    "null",
                    "[{\"type\":1}]",
                    "\"\\u0000\"",
                    "1.5e3",
                    "{\"lines\":[],\"lines\":[]}",
                    "12",
                ];
                let at = rng.below(fields.len() + 1);
                fields.insert(at, ("x_unknown".to_owned(), raw(rng.pick(&unknown))));
            }
        }
        Doc::List(docs) => docs.iter_mut().for_each(|doc| shuffle(rng, doc)),
        Doc::Raw(_) | Doc::String(_) => {}
    }
}

/// Changes one random place.
pub fn bend(rng: &mut Rng, doc: &mut Doc) {
    let down = !rng.one_in(3);
    match doc {
        Doc::Object(fields) if !fields.is_empty() => {
            let at = rng.below(fields.len());
            if down {
                return bend(rng, &mut fields[at].1);
            }
            match rng.below(6) {
                0 => drop(fields.remove(at)),
                1 => {
                    let field = fields[at].clone();
                    fields.insert(rng.below(fields.len() + 1), field);
                }
                2 => fields[at].0 = (*rng.pick(NAMES)).to_owned(),
                3 => fields[at].1 = raw(rng.pick(NASTY)),
                4 => {
                    let field = ((*rng.pick(NAMES)).to_owned(), raw(rng.pick(NASTY)));
                    fields.insert(rng.below(fields.len() + 1), field);
                }
                _ => {
                    let other = rng.below(fields.len());
                    fields.swap(at, other);
                }
            }
        }
        Doc::List(docs) if !docs.is_empty() && down => {
            let at = rng.below(docs.len());
            bend(rng, &mut docs[at]);
        }
        Doc::String(text) if rng.one_in(3) => text.push(CHARS[rng.below(CHARS.len())]),
        _ => *doc = raw(rng.pick(NASTY)),
    }
}

/// Writes `doc`; `noise` adds white space and escapes that mean the same.
pub fn write(rng: &mut Rng, doc: &Doc, noise: bool, out: &mut String) {
    let space = |rng: &mut Rng, out: &mut String| {
        if noise && rng.one_in(4) {
            out.push_str(rng.pick(&[" ", "\t", "\n", "\r\n", "  "]));
        }
    };
    space(rng, out);
    match doc {
        Doc::Raw(text) => out.push_str(text),
        Doc::String(text) => write_string(rng, text, noise, out),
        Doc::List(docs) => {
            out.push('[');
            for (at, doc) in docs.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write(rng, doc, noise, out);
            }
            out.push(']');
        }
        Doc::Object(fields) => {
            out.push('{');
            for (at, (name, doc)) in fields.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                space(rng, out);
                write_string(rng, name, noise, out);
                space(rng, out);
                out.push(':');
                write(rng, doc, noise, out);
            }
            out.push('}');
        }
    }
    space(rng, out);
}

fn write_string(rng: &mut Rng, text: &str, noise: bool, out: &mut String) {
    out.push('"');
    let escapes = noise && rng.one_in(3);
    for c in text.chars() {
        if c < ' ' || c == '"' || c == '\\' || escapes && rng.one_in(3) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out.push('"');
}

/// Changes some bytes.
pub fn scratch(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(4) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 if at < bytes.len() => bytes[at] = rng.next().to_le_bytes()[0],
            _ => {
                let of: &[&[u8]] = &[
                    b"{",
                    b"}",
                    b"[",
                    b"]",
                    b",",
                    b":",
                    b"\"",
                    b"\\",
                    b" ",
                    b"\n",
                    b"0",
                    b"-",
                    b"e",
                    b"\0",
                    b"\xff",
                    b"\xef\xbb\xbf",
                    b"\\u0000",
                    b"null",
                    b"\xed\xa0\x80",
                ];
                let insert = rng.pick(of);
                bytes.splice(at..at, insert.iter().copied());
            }
        }
    }
}
