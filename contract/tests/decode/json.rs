//! Everything that JSON can do.

use contract::log::Topic;

use crate::of;

/// The verdict on a review with `fields` added.
fn review(fields: &str) -> &'static str {
    of(
        Topic::Reviews,
        &format!(r#"{{"type":"review_edited","review_id":"k",{fields}}}"#),
    )
}

/// The verdict on a campaign whose discount has `fields`.
fn discount(fields: &str) -> &'static str {
    let value = format!(
        r#"{{"type":"campaign_created","campaign_id":"k","name":"n","quota":1,"currency":"KRW",
            "discount":{{{fields}}}}}"#
    );
    of(Topic::Coupons, &value)
}

/// The verdict on an order whose only line has `fields`.
fn line(fields: &str) -> &'static str {
    let value = format!(
        r#"{{"type":"order_placed","order_id":"k","customer_id":"c","currency":"KRW",
            "lines":[{{{fields}}}]}}"#
    );
    of(Topic::Orders, &value)
}

#[test]
fn a_known_field_stands_there_once() {
    assert_eq!(review(r#""rating":1,"rating":1"#), "bad_json");
    assert_eq!(review(r#""rating":null,"rating":1"#), "bad_json");
    assert_eq!(review(r#""rating":1,"rating":null"#), "bad_json");
    assert_eq!(review(r#""text":"","\u0074ext":"""#), "bad_json");
    assert_eq!(review(r#""type":"review_edited""#), "bad_json");
    assert_eq!(review(r#""type":null"#), "bad_json");
    assert_eq!(review(r#""x":1,"x":2"#), "ok");
    assert_eq!(review(r#""x":{"a":1,"a":2,"type":1,"type":2}"#), "ok");
    // A field of another type is unknown here.
    assert_eq!(review(r#""images":1,"images":2"#), "ok");
}

#[test]
fn a_known_field_stands_once_in_lines_and_in_discounts() {
    let whole = r#""sku":"s","quantity":1,"unit_price":1"#;
    assert_eq!(line(whole), "ok");
    assert_eq!(line(&format!(r#"{whole},"x":1,"x":1,"type":1,"type":2"#)), "ok");
    assert_eq!(line(&format!(r#"{whole},"sku":"s""#)), "bad_json");
    assert_eq!(line(&format!(r#"{whole},"\u0073ku":null"#)), "bad_json");
    assert_eq!(line(r#""quantity":null,"quantity":1"#), "bad_json");
    let whole = r#""type":"percent","value":1"#;
    assert_eq!(discount(whole), "ok");
    assert_eq!(discount(&format!(r#"{whole},"x":1,"x":1"#)), "ok");
    assert_eq!(discount(&format!(r#"{whole},"value":1"#)), "bad_json");
    assert_eq!(
        discount(&format!(r#"{whole},"max_amount":null,"max_amount":null"#)),
        "bad_json"
    );
    assert_eq!(discount(r#""type":7,"type":7"#), "bad_json");
}

#[test]
fn null_is_the_same_as_absent() {
    assert_eq!(review(r#""rating":null,"text":null"#), "ok");
    assert_eq!(
        line(r#""sku":"s","quantity":1,"unit_price":null"#),
        "missing_field"
    );
    assert_eq!(discount(r#""type":"amount","value":1,"max_amount":null"#), "ok");
    assert_eq!(
        discount(r#""type":"amount","value":null,"max_amount":1"#),
        "missing_field"
    );
    assert_eq!(discount(r#""type":null,"value":1"#), "missing_field");
}

#[test]
fn a_discounts_value_depends_on_its_type() {
    for (reason, fields) in [
        ("ok", r#""type":"amount","value":9007199254740991,"max_amount":0"#),
        ("bad_field", r#""type":"amount","value":9007199254740992"#),
        ("bad_field", r#""type":"amount","value":0"#),
        (
            "ok",
            r#""value":100,"type":"percent","max_amount":9007199254740991"#,
        ),
        ("bad_field", r#""type":"percent","value":101"#),
        ("bad_field", r#""type":"percent","value":0"#),
        ("bad_field", r#""type":"percent","value":1,"max_amount":-1"#),
        (
            "bad_field",
            r#""type":"percent","value":1,"max_amount":9007199254740992"#,
        ),
        ("bad_field", r#""type":"Percent","value":1"#),
        ("bad_field", r#""type":1"#),
        ("missing_field", r#""value":0"#),
        ("missing_field", r#""type":"amount","max_amount":-1"#),
        ("missing_field", ""),
    ] {
        assert_eq!(discount(fields), reason, "{fields}");
    }
}

#[test]
fn a_lone_surrogate_is_not_json_wherever_it_stands() {
    for bad in [
        r#""text":"\ud800""#,
        r#""text":"\udfff""#,
        r#""text":"a\udbff\ud800b""#,
        r#""text":"\ud83d\n""#,
        r#""text":"\ud83dx""#,
        r#""text":"\ud83d\u0041""#,
        r#""x":"\udc00\ud800""#,
        r#""x":[{"y":"\ud800"}]"#,
        r#""\ud800":1"#,
        r#""x":{"\udc00":1}"#,
    ] {
        assert_eq!(review(bad), "bad_json", "{bad}");
    }
    assert_eq!(review(r#""text":"\ud83d\ude00","\uD83D\uDE00":1"#), "ok");
}

#[test]
fn numbers_are_those_of_json_and_ours_are_whole() {
    for whole in ["1", "5"] {
        assert_eq!(review(&format!(r#""rating":{whole}"#)), "ok");
    }
    for bad in [
        "0",
        "6",
        "-1",
        "-0",
        "1.0",
        "1e0",
        "1E0",
        "10e-1",
        "-0.0",
        "1e999",
        "0e0",
        "99999999999999999999",
        "1.5",
        "\"1\"",
        "true",
        "[1]",
        "{}",
    ] {
        assert_eq!(review(&format!(r#""rating":{bad}"#)), "bad_field", "{bad}");
    }
    assert_eq!(
        review(&format!(r#""rating":1{}"#, "0".repeat(100_000))),
        "bad_field"
    );
    for any in ["-0", "1.0", "1e3", "1e999", "-1E-999", "0.0e+00"] {
        assert_eq!(review(&format!(r#""x":{any}"#)), "ok", "{any}");
    }
    assert_eq!(review(&format!(r#""x":{}"#, "9".repeat(100_000))), "ok");
    for not in [
        "01", "00", "+1", "-", ".1", "1.", "1e", "1e+", "0x1", "1_0", "NaN", "Infinity", "- 1", "1 2", "١",
    ] {
        assert_eq!(review(&format!(r#""rating":{not}"#)), "bad_json", "{not}");
        assert_eq!(review(&format!(r#""x":{not}"#)), "bad_json", "{not}");
    }
}

#[test]
fn objects_and_lists_lie_127_deep_at_most() {
    let lists = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels| {
        format!(
            "{}{}{}",
            "{\"a\":".repeat(levels - 1),
            "{}",
            "}".repeat(levels - 1)
        )
    };
    // The record is one level itself.
    for (levels, unknown, known) in [(126, "ok", "bad_field"), (127, "bad_json", "bad_json")] {
        for deep in [
            lists(levels),
            objects(levels),
            format!("[{}]", objects(levels - 1)),
        ] {
            assert_eq!(review(&format!(r#""x":{deep}"#)), unknown, "{levels}");
            assert_eq!(review(&format!(r#""text":{deep}"#)), known, "{levels}");
        }
    }
    assert_eq!(of(Topic::Reviews, &lists(127)), "bad_json");
    assert_eq!(of(Topic::Reviews, &"[".repeat(1_000_000)), "bad_json");
    assert_eq!(of(Topic::Reviews, &"{\"a\":".repeat(200_000)), "bad_json");
    let lines = format!(
        r#"[{{"sku":"s","quantity":1,"unit_price":1,"x":{}}}]"#,
        lists(124)
    );
    let order = |lines: &str| {
        format!(
            r#"{{"type":"order_placed","order_id":"k","customer_id":"c","currency":"KRW","lines":{lines}}}"#
        )
    };
    assert_eq!(of(Topic::Orders, &order(&lines)), "ok");
    assert_eq!(
        of(
            Topic::Orders,
            &order(&lines.replace("[[", "[[[").replace("]]", "]]]"))
        ),
        "bad_json"
    );
}

#[test]
fn a_value_is_one_object_and_nothing_else() {
    let whole = r#"{"type":"review_deleted","review_id":"k"}"#;
    let spaced = r#"{ "type" : "review_deleted" , "review_id" : "k" }"#;
    for ok in [
        whole,
        spaced,
        &spaced.replace(' ', " \t\r\n"),
        &format!("\n{whole}\t\r\n "),
    ] {
        assert_eq!(of(Topic::Reviews, ok), "ok", "{ok}");
    }
    for bad in [
        format!("\u{feff}{whole}"),
        format!("{whole}{whole}"),
        format!("{whole},"),
        format!("{whole}x"),
        format!("{whole}\0"),
        format!("\0{whole}"),
        format!("[{whole}]"),
        format!("{whole}\u{a0}"),
        format!("{whole}\u{b}"),
        format!("//\n{whole}"),
        whole.replace('}', ",}"),
        whole.replace(',', ",,"),
        whole.replace('{', "{,"),
        whole.replace(':', "="),
        whole.replace('"', "'"),
        whole.replace("\"k\"", "k"),
        whole.replace("\"review_id\"", "review_id"),
        whole.replace("\"k\"", "\"k"),
        whole.replace("review_id\"", "review_id\n\""),
        whole.replace("\"review_id", "\"\treview_id"),
        whole.replace("type\"", "type \n\""),
        whole.replace("\"k\"", "\"k\u{0}\""),
        whole.replace("\"k\"", "\"k\u{1f}\""),
        whole.replace("\"k\"", r#""\k""#),
        whole.replace("\"k\"", r#""\u00k0""#),
        whole.replace("\"k\"", r#""\u+06b""#),
        whole.replace("\"k\"", r#""\U006b""#),
        whole.replace("\"k\"", "nulL"),
        "null".to_owned(),
        "\"type\"".to_owned(),
        "7".to_owned(),
    ] {
        assert_eq!(of(Topic::Reviews, &bad), "bad_json", "{bad}");
    }
    assert_eq!(of(Topic::Reviews, &whole.replace("\"k\"", r#""\u006b""#)), "ok");
    assert_eq!(of(Topic::Reviews, &whole.replace("\"k\"", r#""\u006B""#)), "ok");
    assert_eq!(
        of(Topic::Reviews, &whole.replace("review_id", r"review\u005fid")),
        "ok"
    );
    assert_eq!(of(Topic::Reviews, "{}"), "missing_field");
}

#[test]
fn u_0000_is_json_but_no_part_of_a_text() {
    assert_eq!(review(r#""text":"a\u0000""#), "bad_field");
    assert_eq!(review(r#""x":"\u0000","\u0000":1"#), "ok");
    assert_eq!(review("\"text\":\"a\u{0}\""), "bad_json");
    assert_eq!(review("\"x\":\"\u{0}\""), "bad_json");
    assert_eq!(review("\"text\":\"\u{1}\""), "bad_json");
    assert_eq!(review(r#""text":"\u0001\u001f""#), "ok");
    assert_eq!(
        review("\"text\":\"\u{7f}\u{80}\u{2028}\u{feff}\u{ffff}\u{10ffff}\""),
        "ok"
    );
}

#[test]
fn a_long_unknown_string_is_passed_over() {
    assert_eq!(review(&format!(r#""x":"{}""#, "x".repeat(1_000_000))), "ok");
    assert_eq!(review(&format!(r#""x":"{}""#, r"\n".repeat(500_000))), "ok");
    assert_eq!(
        review(&format!(r#""text":"{}""#, "x".repeat(1_000_000))),
        "bad_field"
    );
}
