//! An independent judge: the rules of section 1 written plainly over another JSON reader, for comparison.
//!
//! serde_json's `RawValue` keeps duplicate fields apart and numbers as they were written.

use std::fmt;

use contract::log::Topic;
use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::spec::{AMOUNT, Kind, Need, PERCENT, POSITIVE, Spec, TYPES};

/// JSON that forgets nothing.
enum Tree {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

struct Parts;

impl<'de> Visitor<'de> for Parts {
    type Value = Vec<(String, Box<RawValue>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = map.next_entry()? {
            parts.push(part);
        }
        Ok(parts)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = seq.next_element()? {
            parts.push((String::new(), part));
        }
        Ok(parts)
    }
}

fn parts(raw: &str) -> Option<Vec<(String, Box<RawValue>)>> {
    serde_json::Deserializer::from_str(raw)
        .deserialize_any(Parts)
        .ok()
}

fn tree(raw: &str, level: usize) -> Option<Tree> {
    Some(match raw.as_bytes()[0] {
        b'{' | b'[' if level > 127 => return None,
        b'{' => {
            let inner = |(name, part): (String, Box<RawValue>)| Some((name, tree(part.get(), level + 1)?));
            Tree::Object(parts(raw)?.into_iter().map(inner).collect::<Option<_>>()?)
        }
        b'[' => {
            let inner = |(_, part): (String, Box<RawValue>)| tree(part.get(), level + 1);
            Tree::List(parts(raw)?.into_iter().map(inner).collect::<Option<_>>()?)
        }
        b'"' => Tree::String(serde_json::from_str(raw).ok()?),
        b'n' => Tree::Null,
        b't' => Tree::Bool(true),
        b'f' => Tree::Bool(false),
        _ => Tree::Number(raw.to_owned()),
    })
}

/// Whether `text` is one JSON value by another reader and by the contract's limits.
pub fn is_json(text: &str) -> bool {
    let raw = serde_json::from_str::<Box<RawValue>>(text);
    raw.is_ok_and(|raw| tree(raw.get(), 1).is_some())
}

/// The canonical JSON of what a valid record says (defaults filled in), or the reason why it is quarantined.
pub fn judge(topic: Topic, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<String, &'static str> {
    let value = value.unwrap_or_default();
    if value.len() > 1_048_576 {
        return Err("too_large");
    }
    let text = std::str::from_utf8(value).map_err(|_| "bad_utf8")?;
    let raw: Box<RawValue> = serde_json::from_str(text).map_err(|_| "bad_json")?;
    let Some(Tree::Object(fields)) = tree(raw.get(), 1) else {
        return Err("bad_json");
    };
    if count(&fields, "type") > 1 {
        return Err("bad_json");
    }
    let kind = match get(&fields, "type") {
        None => return Err("missing_field"),
        Some(Tree::String(kind)) if fits(&Kind::Text(0, 4000), kind) => kind,
        Some(_) => return Err("bad_field"),
    };
    let known = TYPES.iter().find(|t| t.topic == topic && t.name == kind);
    let known = known.ok_or("unknown_type")?;
    if twice(known.fields, &fields) {
        return Err("bad_json");
    }
    let mut out = vec![format!("\"type\":\"{kind}\"")];
    judge_fields(known.fields, &fields, &mut out)?;
    let expected = known.key.map_or("operations", |name| match get(&fields, name) {
        Some(Tree::String(id)) => id,
        _ => panic!("{name} was judged to be an id"),
    });
    if key != Some(expected.as_bytes()) {
        return Err("key_mismatch");
    }
    Ok(format!("{{{}}}", out.join(",")))
}

fn count(fields: &[(String, Tree)], name: &str) -> usize {
    fields.iter().filter(|(n, _)| n == name).count()
}

fn get<'t>(fields: &'t [(String, Tree)], name: &str) -> Option<&'t Tree> {
    let found = fields.iter().find(|(n, _)| n == name)?;
    (!matches!(found.1, Tree::Null)).then_some(&found.1)
}

/// Whether a known field stands there twice, inner ones too.
fn twice(specs: &[Spec], fields: &[(String, Tree)]) -> bool {
    specs.iter().any(|spec| {
        count(fields, spec.name) > 1
            || get(fields, spec.name).is_some_and(|value| twice_in(&spec.kind, value))
    })
}

fn twice_in(kind: &Kind, value: &Tree) -> bool {
    match (kind, value) {
        (Kind::List(_, _, inner), Tree::List(values)) => values.iter().any(|v| twice_in(inner, v)),
        (Kind::Object(specs), Tree::Object(fields)) => twice(specs, fields),
        (Kind::Discount, Tree::Object(fields)) => ["type", "value", "max_amount"]
            .iter()
            .any(|name| count(fields, name) > 1),
        _ => false,
    }
}

fn judge_fields(
    specs: &[Spec],
    fields: &[(String, Tree)],
    out: &mut Vec<String>,
) -> Result<(), &'static str> {
    for spec in specs {
        let json = match (get(fields, spec.name), spec.need) {
            (Some(value), _) => judge_value(&spec.kind, value)?,
            (None, Need::Required) => return Err("missing_field"),
            (None, Need::Optional) => continue,
            (None, Need::Default(json)) => json.to_owned(),
        };
        out.push(format!("\"{}\":{json}", spec.name));
    }
    Ok(())
}

fn judge_value(kind: &Kind, value: &Tree) -> Result<String, &'static str> {
    let bad = Err("bad_field");
    match (kind, value) {
        (Kind::Bool, Tree::Bool(b)) => Ok(b.to_string()),
        (Kind::Int(min, max), Tree::Number(n)) => integer(n, *min, *max).ok_or("bad_field"),
        (Kind::Delta, Tree::Number(n)) if n != "0" => integer(n, -1_000_000, 1_000_000).ok_or("bad_field"),
        (Kind::List(min, max, inner), Tree::List(values)) => {
            if values.len() < *min || values.len() > *max {
                return bad;
            }
            let values: Result<Vec<_>, _> = values.iter().map(|v| judge_value(inner, v)).collect();
            Ok(format!("[{}]", values?.join(",")))
        }
        (Kind::Object(specs), Tree::Object(fields)) => {
            let mut out = Vec::new();
            judge_fields(specs, fields, &mut out)?;
            Ok(format!("{{{}}}", out.join(",")))
        }
        (Kind::Discount, Tree::Object(fields)) => discount(fields),
        (Kind::Time, Tree::String(text)) => time(text).ok_or("bad_field"),
        (_, Tree::String(text)) if fits(kind, text) => Ok(serde_json::to_string(text).expect("a string")),
        _ => bad,
    }
}

fn fits(kind: &Kind, text: &str) -> bool {
    let chars = text.chars().count();
    match kind {
        Kind::Id(max) => {
            let ok = |c: char| c.is_ascii_alphanumeric() || "_.:@+=-".contains(c);
            (1..=*max).contains(&chars) && text.chars().all(ok)
        }
        Kind::PaymentKey => (1..=200).contains(&chars) && text.chars().all(|c| ('!'..='~').contains(&c)),
        Kind::Currency => chars == 3 && text.chars().all(|c| c.is_ascii_uppercase()),
        Kind::Text(min, max) => (*min..=*max).contains(&chars) && !text.contains('\0'),
        _ => false,
    }
}

fn discount(fields: &[(String, Tree)]) -> Result<String, &'static str> {
    let kind = match get(fields, "type") {
        None => return Err("missing_field"),
        Some(Tree::String(kind)) if kind == "amount" || kind == "percent" => kind,
        Some(_) => return Err("bad_field"),
    };
    let range = if kind == "amount" { POSITIVE } else { PERCENT };
    let value = judge_value(&range, get(fields, "value").ok_or("missing_field")?)?;
    let limit = match get(fields, "max_amount") {
        Some(limit) => format!(",\"max_amount\":{}", judge_value(&AMOUNT, limit)?),
        None => String::new(),
    };
    Ok(format!("{{\"type\":\"{kind}\",\"value\":{value}{limit}}}"))
}

fn integer(text: &str, min: i64, max: i64) -> Option<String> {
    let plain = text != "-0" && !text.contains(['.', 'e', 'E']);
    let number: i64 = text.parse().ok().filter(|_| plain)?;
    (min..=max).contains(&number).then(|| number.to_string())
}

/// RFC 3339 by its grammar, rendered in UTC with milliseconds; days counted by years and months.
pub fn time(text: &str) -> Option<String> {
    let c: Vec<char> = text.chars().collect();
    let number = |from: usize, len: usize| -> Option<i64> {
        let digits = c.get(from..from + len)?;
        digits
            .iter()
            .try_fold(0, |n, d| Some(n * 10 + i64::from(d.to_digit(10)?)))
    };
    let is = |at: usize, set: &str| c.get(at).is_some_and(|found| set.contains(*found));
    if !(is(4, "-") && is(7, "-") && is(10, "Tt") && is(13, ":") && is(16, ":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let mut at = 19;
    let mut millis = String::new();
    if is(at, ".") {
        at += 1;
        while is(at, "0123456789") {
            millis.push(c[at]);
            at += 1;
        }
        if millis.is_empty() {
            return None;
        }
    }
    let offset = if is(at, "Zz") && c.len() == at + 1 {
        0
    } else if is(at, "+-") && is(at + 3, ":") && c.len() == at + 6 {
        let (hours, minutes) = (number(at + 1, 2)?, number(at + 4, 2)?);
        if hours > 23 || minutes > 59 {
            return None;
        }
        (hours * 60 + minutes) * if c[at] == '-' { -1 } else { 1 }
    } else {
        return None;
    };
    if !(1..=12).contains(&month)
        || day < 1
        || day > month_days(year, month)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let days = days_before(year) - days_before(1970);
    let days = days + (1..month).map(|m| month_days(year, m)).sum::<i64>() + day - 1;
    let seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second;
    let millis = format!("{millis:0<3}")[..3].to_owned();
    render(seconds, &millis)
}

fn render(seconds: i64, millis: &str) -> Option<String> {
    let (mut days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    if days < 0 {
        return None;
    }
    days += days_before(1970);
    let mut year = days / 366;
    while days_before(year + 1) <= days {
        year += 1;
    }
    days -= days_before(year);
    let mut month = 1;
    while days >= month_days(year, month) {
        days -= month_days(year, month);
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let day = days + 1;
    (year <= 9999)
        .then(|| format!("\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis}Z\""))
}

/// Days of all years from 0 (a leap year) that lie before `year`.
fn days_before(year: i64) -> i64 {
    365 * year + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400
}

fn month_days(year: i64, month: i64) -> i64 {
    let leap = year.rem_euclid(4) == 0 && year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0;
    [
        31,
        if leap { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ][usize::try_from(month - 1).expect("a month")]
}
