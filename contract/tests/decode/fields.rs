//! Every field of every type: absent, null, of a wrong type, out of range, at its bounds.

use bumpalo::Bump;
use contract::decode::decode;
use contract::log::Topic;

use crate::judge::judge;
use crate::random::{Doc, Rng, raw, record, write};
use crate::spec::{AMOUNT_MAX, Kind, Need, TYPES, Type};
use crate::{of, verdict};

/// A record of `of` with all fields and the one named `name` replaced; and its key.
fn with(of: &Type, name: &str, value: Option<&str>) -> (String, String) {
    let mut rng = Rng(7);
    let (Doc::Object(mut fields), key) = record(&mut rng, of) else {
        unreachable!("a record is an object")
    };
    fields.retain(|(n, _)| n != name);
    if let Some(value) = value {
        fields.push((name.to_owned(), raw(value)));
    }
    let mut out = String::new();
    write(&mut rng, &Doc::Object(fields), false, &mut out);
    (out, key)
}

/// The verdict, and the judge's, who must agree. A changed id is its own key's mismatch, which is no
/// field's fault.
fn verdict_with(of: &Type, name: &str, value: Option<&str>) -> &'static str {
    let (json, key) = with(of, name, value);
    let said = verdict(of.topic, Some(key.as_bytes()), Some(json.as_bytes()));
    let judged = judge(of.topic, Some(key.as_bytes()), Some(json.as_bytes()))
        .err()
        .unwrap_or("ok");
    assert_eq!(said, judged, "{json}");
    if said == "key_mismatch" && of.key == Some(name) {
        return "ok";
    }
    if said != "ok" {
        let arena = Bump::new();
        let rejected = decode(of.topic, Some(key.as_bytes()), Some(json.as_bytes()), &arena);
        let detail = rejected.expect_err("it was rejected").detail;
        assert!(
            detail.starts_with(name) && detail.contains("expected "),
            "{name}: {detail}"
        );
    }
    said
}

fn quoted(text: &str, times: usize) -> String {
    format!("\"{}\"", text.repeat(times))
}

fn list(inner: &str, times: usize) -> String {
    format!("[{}]", vec![inner; times].join(","))
}

/// Values that fit a kind, and values that don't: bounds from both sides, and wrong types.
fn bounds(kind: &Kind) -> (Vec<String>, Vec<String>) {
    let own = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
    let (mut good, mut bad) = match kind {
        Kind::Id(max) => (
            vec![quoted("a", 1), quoted("=", *max), r#""AZaz09_.:@+=-""#.to_owned()],
            [
                own(&[r#""""#, r#""a b""#, r#""a/b""#, r#""é""#, r#""a,b""#]),
                vec![quoted("a", max + 1)],
            ]
            .concat(),
        ),
        Kind::PaymentKey => (
            vec![quoted("!", 1), quoted("~", 200), r#""a/b?c=d&\"\\""#.to_owned()],
            [
                own(&[r#""""#, r#""a b""#, "\"\u{7f}\"", r#""é""#, r#""\n""#]),
                vec![quoted("a", 201)],
            ]
            .concat(),
        ),
        Kind::Currency => (
            own(&[r#""KRW""#, r#""AAA""#, r#""ZZZ""#]),
            own(&[r#""""#, r#""KR""#, r#""KRWX""#, r#""krw""#, r#""K1W""#, r#""Ä""#]),
        ),
        Kind::Int(min, max) => (
            vec![min.to_string(), max.to_string()],
            [
                vec![
                    (min - 1).to_string(),
                    (max + 1).to_string(),
                    format!("{max}.0"),
                    format!("{max}e0"),
                ],
                own(&[
                    "-0",
                    "1.5",
                    "\"1\"",
                    "9223372036854775808",
                    "-9223372036854775809",
                ]),
            ]
            .concat(),
        ),
        Kind::Delta => (
            own(&["-1000000", "-1", "1", "1000000"]),
            own(&["-1000001", "0", "-0", "1000001", "1.0"]),
        ),
        Kind::Bool => (own(&["true", "false"]), own(&["0", "1", "\"true\""])),
        Kind::Text(min, max) => (
            vec![
                quoted("x", *min),
                quoted("x", *max),
                quoted("😀", *max),
                quoted(r"\ud83d\ude00", *max),
            ],
            [
                vec![
                    quoted("x", max + 1),
                    quoted("é", max + 1),
                    quoted("😀", max + 1),
                    quoted(r"\n", max + 1),
                ],
                own(&[r#""\u0000""#]),
            ]
            .concat(),
        ),
        Kind::Time => (
            own(&[
                r#""1970-01-01T00:00:00Z""#,
                r#""9999-12-31t23:59:59.999999z""#,
                r#""1969-12-31T23:00:00-01:00""#,
            ]),
            own(&[
                r#""""#,
                r#""2026-11-21""#,
                r#""2026-11-21T09:00:60Z""#,
                r#""2026-11-21 09:00:00Z""#,
                "0",
            ]),
        ),
        Kind::List(min, max, inner) => {
            let (fits, not) = bounds(inner);
            let not: Vec<_> = not.iter().map(|value| list(value, min + 1)).collect();
            (
                vec![list(&fits[0], *min), list(&fits[0], *max)],
                [not, vec![list(&fits[0], max + 1), list("null", 1)]].concat(),
            )
        }
        Kind::Object(specs) => {
            let whole: Vec<_> = specs
                .iter()
                .map(|s| format!("\"{}\":{}", s.name, bounds(&s.kind).0[0]))
                .collect();
            (vec![format!("{{{}}}", whole.join(","))], vec![])
        }
        Kind::Discount => (own(&[r#"{"type":"amount","value":1}"#]), own(&["\"amount\""])),
    };
    if !matches!(kind, Kind::Text(0, _)) {
        bad.push(r#""""#.to_owned());
    }
    if matches!(kind, Kind::Text(1, _)) {
        good.retain(|value| value != r#""""#);
    }
    let strings = !matches!(
        kind,
        Kind::Int(..) | Kind::Delta | Kind::Bool | Kind::List(..) | Kind::Object(_) | Kind::Discount
    );
    bad.push(if strings { "1" } else { "\"x\"" }.to_owned());
    bad.push(if matches!(kind, Kind::Bool) { "[]" } else { "true" }.to_owned());
    bad.push(
        if matches!(kind, Kind::List(..)) {
            "{}"
        } else {
            "[]"
        }
        .to_owned(),
    );
    (good, bad)
}

#[test]
fn every_field_of_every_type_is_judged_at_its_bounds() {
    let mut judged = 0;
    for of in TYPES {
        for spec in of.fields {
            let absent = if spec.need == Need::Required {
                "missing_field"
            } else {
                "ok"
            };
            assert_eq!(
                verdict_with(of, spec.name, None),
                absent,
                "{} {}",
                of.name,
                spec.name
            );
            assert_eq!(
                verdict_with(of, spec.name, Some("null")),
                absent,
                "{} {}",
                of.name,
                spec.name
            );
            let (good, bad) = bounds(&spec.kind);
            for value in &good {
                assert_eq!(
                    verdict_with(of, spec.name, Some(value)),
                    "ok",
                    "{} {} {value}",
                    of.name,
                    spec.name
                );
            }
            for value in &bad {
                let said = verdict_with(of, spec.name, Some(value));
                assert_eq!(said, "bad_field", "{} {} {value}", of.name, spec.name);
            }
            judged += good.len() + bad.len() + 2;
        }
    }
    assert!(judged > 1000, "{judged}");
}

#[test]
fn every_field_of_a_line_is_judged_at_its_bounds() {
    for of in TYPES {
        for spec in of.fields {
            let Kind::List(_, _, Kind::Object(inner)) = &spec.kind else {
                continue;
            };
            for (at, field) in inner.iter().enumerate() {
                let line = |value: Option<&str>| {
                    let part = |(n, f): (usize, &crate::spec::Spec)| {
                        let own = bounds(&f.kind).0[0].clone();
                        let value = if n == at {
                            value.map(str::to_owned)
                        } else {
                            Some(own)
                        };
                        value.map(|value| format!("\"{}\":{value}", f.name))
                    };
                    let parts: Vec<_> = inner.iter().enumerate().filter_map(part).collect();
                    verdict_with(of, spec.name, Some(&format!("[{{{}}}]", parts.join(","))))
                };
                assert_eq!(line(None), "missing_field", "{}", field.name);
                assert_eq!(line(Some("null")), "missing_field", "{}", field.name);
                let (good, bad) = bounds(&field.kind);
                good.iter()
                    .for_each(|value| assert_eq!(line(Some(value)), "ok", "{value}"));
                bad.iter()
                    .for_each(|value| assert_eq!(line(Some(value)), "bad_field", "{value}"));
            }
        }
    }
}

fn order(lines: usize) -> String {
    let lines: Vec<_> = (0..lines)
        .map(|n| {
            format!(
                r#"{{"sku":"sku-{n}","quantity":{},"unit_price":{AMOUNT_MAX}}}"#,
                n % 9 + 1
            )
        })
        .collect();
    format!(
        r#"{{"type":"order_placed","order_id":"k","customer_id":"c","currency":"KRW","lines":[{}]}}"#,
        lines.join(",")
    )
}

#[test]
fn an_order_has_1_to_2000_lines() {
    for (lines, reason) in [(0, "bad_field"), (1, "ok"), (2000, "ok"), (2001, "bad_field")] {
        assert_eq!(of(Topic::Orders, &order(lines)), reason, "{lines}");
    }
}

#[test]
fn money_ends_at_2_to_the_53_less_1() {
    for (amount, reason) in [
        ("9007199254740991", "ok"),
        ("9007199254740992", "bad_field"),
        ("9223372036854775807", "bad_field"),
        ("9223372036854775808", "bad_field"),
        ("18446744073709551617", "bad_field"),
        ("999999999999999999", "bad_field"),
        ("1000000000000000000", "bad_field"),
        ("0", "bad_field"),
        ("1", "ok"),
    ] {
        let value = format!(
            r#"{{"type":"payment_confirmed","order_id":"k","payment_key":"p","amount":{amount},
                "currency":"KRW"}}"#
        );
        assert_eq!(of(Topic::Payments, &value), reason, "{amount}");
    }
}

#[test]
fn the_table_of_types_is_the_contracts() {
    for topic in Topic::ALL {
        let names: Vec<_> = TYPES
            .iter()
            .filter(|t| t.topic == topic)
            .map(|t| t.name)
            .collect();
        assert_eq!(names, contract::records::Record::kinds(topic));
    }
    assert_eq!(TYPES.len(), 26);
}
