//! The order of the reasons: the first that applies is given.

use contract::decode::Reason;
use contract::log::Topic;

use crate::{of, rejected, verdict};

const LIMIT: usize = 1_048_576;

/// A valid review of `len` bytes, all of it in an unknown field.
fn padded(len: usize) -> String {
    let record = r#"{"type":"review_deleted","review_id":"k","x":""}"#;
    record.replace(
        r#""x":"""#,
        &format!(r#""x":"{}""#, "é".repeat((len - record.len()) / 2)),
    )
}

#[test]
fn a_value_has_at_most_1_mib_and_size_comes_first() {
    let fits = padded(LIMIT);
    assert_eq!((fits.len(), of(Topic::Reviews, &fits)), (LIMIT, "ok"));
    assert_eq!(of(Topic::Reviews, &format!("{fits} ")), "too_large");
    assert_eq!(
        verdict(Topic::Reviews, None, Some(&vec![b' '; LIMIT])),
        "bad_json"
    );
    assert_eq!(
        verdict(Topic::Reviews, None, Some(&vec![0xff; LIMIT])),
        "bad_utf8"
    );
    assert_eq!(
        verdict(Topic::Reviews, None, Some(&vec![0xff; LIMIT + 1])),
        "too_large"
    );
}

#[test]
fn a_missing_or_empty_value_is_not_json() {
    for value in [None, Some(b"".as_slice()), Some(b" ")] {
        assert_eq!(verdict(Topic::Orders, Some(b"k"), value), "bad_json");
        assert_eq!(verdict(Topic::Orders, None, value), "bad_json");
    }
}

#[test]
fn bytes_that_are_not_utf8_come_before_json() {
    for bad in [
        b"{\"type\":\xff".as_slice(),
        b"\xff",
        b"{\"x\":\"\xed\xa0\x80\"}",
        b"{\"x\":\"\xc0\x80\"}",
        b"{\"x\":\"\xf4\x90\x80\x80\"}",
        b"{\"type\":\"review_deleted\",\"review_id\":\"k\"}\xc3",
    ] {
        assert_eq!(verdict(Topic::Reviews, Some(b"k"), Some(bad)), "bad_utf8");
    }
}

#[test]
fn each_reason_hides_the_later_ones() {
    let steps = [
        // Not JSON, though its type is missing too.
        ("bad_json", r#"{"reason":1,"reason":1,"order_id":2"#),
        // A known field twice comes before everything about fields, whatever it holds.
        (
            "bad_json",
            r#"{"type":"order_cancel_requested","reason":1,"reason":1,"order_id":2}"#,
        ),
        (
            "bad_json",
            r#"{"reason":1,"type":"order_cancel_requested","reason":null}"#,
        ),
        ("bad_json", r#"{"type":null,"type":5}"#),
        ("bad_json", r#"{"type":"no_such","type":"no_such"}"#),
        // Of an unknown type only `type` is known.
        ("missing_field", r#"{"reason":1,"reason":1,"order_id":2}"#),
        ("missing_field", r#"{"type":null,"order_id":2}"#),
        ("bad_field", r#"{"type":7,"reason":1,"reason":1}"#),
        ("bad_field", r#"{"type":["order_cancel_requested"]}"#),
        ("unknown_type", r#"{"type":"order_cancel","reason":1,"reason":1}"#),
        ("unknown_type", r#"{"type":""}"#),
        // What has no range of its own is a text, `type` too.
        ("bad_field", r#"{"type":"\u0000"}"#),
        ("unknown_type", r#"{"type":"payment_submitted"}"#),
        // Field by field, in the contract's order and not in the record's.
        ("missing_field", r#"{"type":"order_cancel_requested","reason":1}"#),
        ("bad_field", r#"{"type":"order_cancel_requested","order_id":""}"#),
        (
            "missing_field",
            r#"{"type":"order_cancel_requested","order_id":"other","reason":null}"#,
        ),
        (
            "bad_field",
            r#"{"reason":0,"type":"order_cancel_requested","order_id":"other"}"#,
        ),
        (
            "key_mismatch",
            r#"{"type":"order_cancel_requested","order_id":"other","reason":""}"#,
        ),
        (
            "ok",
            r#"{"type":"order_cancel_requested","order_id":"k","reason":""}"#,
        ),
    ];
    for (reason, value) in steps {
        assert_eq!(of(Topic::Orders, value), reason, "{value}");
    }
    for (reason, length) in [("unknown_type", 4000), ("bad_field", 4001)] {
        let value = format!(r#"{{"type":"{}"}}"#, "é".repeat(length));
        assert_eq!(of(Topic::Orders, &value), reason, "{length}");
    }
}

#[test]
fn inner_fields_are_judged_where_their_outer_field_stands() {
    let order = |fields: &str| {
        let value = format!(r#"{{"type":"order_placed","order_id":"k","customer_id":"c",{fields}}}"#);
        let (reason, detail, kind) = rejected(Topic::Orders, &value);
        assert_eq!(kind, Some("order_placed"));
        (reason, detail.split(':').next().expect("a field").to_owned())
    };
    let at = |reason, name: &str| (reason, name.to_owned());
    assert_eq!(order(r#""lines":7"#), at(Reason::MissingField, "currency"));
    assert_eq!(order(r#""currency":"KRW""#), at(Reason::MissingField, "lines"));
    assert_eq!(
        order(r#""currency":"KRW","lines":[]"#),
        at(Reason::BadField, "lines")
    );
    assert_eq!(
        order(r#""currency":"KRW","lines":[{"sku":"s","quantity":1,"unit_price":1},null]"#),
        at(Reason::BadField, "lines[1]")
    );
    assert_eq!(
        order(r#""currency":"KRW","wallet_amount":-1,"lines":[{"unit_price":-1,"quantity":0,"sku":null}]"#),
        at(Reason::MissingField, "lines[0].sku")
    );
    assert_eq!(
        order(r#""currency":"KRW","lines":[{"unit_price":-1,"quantity":0,"sku":"s"},{}]"#),
        at(Reason::BadField, "lines[0].quantity")
    );
    assert_eq!(
        order(r#""currency":"KRW","campaign_id":"","lines":[{"unit_price":-1,"quantity":1,"sku":"s"}]"#),
        at(Reason::BadField, "lines[0].unit_price")
    );
    assert_eq!(
        order(
            r#""currency":"KRW","lines":[{"sku":"s","quantity":1,"unit_price":1}],"placed_at":1,
            "wallet_amount":-1"#
        ),
        at(Reason::BadField, "wallet_amount")
    );
    // Twice inside a later line comes before a fault in an earlier one, and before a missing type's field.
    assert_eq!(
        order(r#""lines":[{},{"sku":"s","quantity":1,"quantity":1}]"#),
        at(Reason::BadJson, "lines[1].quantity")
    );
}

#[test]
fn the_key_must_be_the_entitys_id() {
    let value = Some(br#"{"type":"order_redrive_requested","order_id":"o-1"}"#.as_slice());
    let keys: [(Option<&[u8]>, _); 7] = [
        (Some(b"o-1"), "ok"),
        (None, "key_mismatch"),
        (Some(b""), "key_mismatch"),
        (Some(b"o-2"), "key_mismatch"),
        (Some(b"o-1 "), "key_mismatch"),
        (Some(b"\"o-1\""), "key_mismatch"),
        (Some(b"\xff"), "key_mismatch"),
    ];
    for (key, reason) in keys {
        assert_eq!(verdict(Topic::Orders, key, value), reason, "{key:?}");
    }
    let value = Some(br#"{"type":"attention_raised","kind":"","subject":"","note":""}"#.as_slice());
    assert_eq!(verdict(Topic::Operations, Some(b"operations"), value), "ok");
    assert_eq!(verdict(Topic::Operations, None, value), "key_mismatch");
}

#[test]
fn the_kind_is_told_wherever_the_type_can_be_read() {
    let kind = |value| rejected(Topic::Payments, value).2;
    assert_eq!(kind(r#"{"type":"payment_confirmed"}"#), Some("payment_confirmed"));
    assert_eq!(
        kind(r#"{"type":"payment_submitted","amount":1,"amount":1}"#),
        Some("payment_submitted")
    );
    assert_eq!(
        kind(r#"{"type":"payment_submitted","type":"payment_submitted"}"#),
        None
    );
    assert_eq!(kind(r#"{"type":"payment_submitted""#), None);
    assert_eq!(kind(r#"{"type":"order_placed"}"#), None);
}
