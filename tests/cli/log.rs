//! `millrace log`: what is appended comes out again, or nothing was appended.

use serde_json::Value;

use crate::common::{Dir, assert_refused, assert_well};

fn cat(dir: &Dir, args: &[&str]) -> Vec<Value> {
    let printed = assert_well(&dir.run(&[&["log", "cat"], args].concat()));
    let line = |line: &str| serde_json::from_str(line).expect("a line is JSON");
    printed.lines().map(line).collect()
}

#[test]
fn what_is_appended_comes_out_as_it_went_in() {
    let dir = Dir::new("round-trip");
    let lines = [
        r#"{"key":"k","value":"text: ü \u0000 \n"}"#,
        r#"{"key":null,"value":null}"#,
        r#"{"key_base64":"/wA=","value_base64":"gIGC"}"#,
        r#"{"key":"","value_base64":"YWJj"}"#,
        "",
        r#"{"key":"k","value":"the last"}"#,
    ];
    let said = assert_well(&dir.run_with(&["log", "append", "orders"], lines.join("\n").as_bytes()));
    assert_eq!(said, "5 records appended to orders\n");
    let records = cat(&dir, &["orders"]);
    let part = |name: &str| -> Vec<Value> { records.iter().map(|record| record[name].clone()).collect() };
    let null = || Value::Null;
    assert_eq!(part("offset"), [0, 1, 2, 3, 4]);
    assert_eq!(part("partition"), [0, 0, 0, 0, 0]);
    assert_eq!(part("key"), ["k".into(), null(), null(), "".into(), "k".into()]);
    assert_eq!(
        part("key_base64"),
        [null(), null(), "/wA=".into(), null(), null()]
    );
    let values = [
        "text: ü \u{0} \n".into(),
        null(),
        null(),
        "abc".into(),
        "the last".into(),
    ];
    assert_eq!(part("value"), values);
    assert_eq!(records[2]["value_base64"], "gIGC");
    assert!(records[2].get("value").is_none() && records[1].get("value").is_some());
    let time = records[0]["timestamp"].as_str().expect("a text");
    assert!(time.ends_with('Z') && time.len() == 24, "{time}");
    assert_eq!(cat(&dir, &["payments"]), Vec::<Value>::new());
    assert_eq!(cat(&dir, &["timeline"]), Vec::<Value>::new());
}

#[test]
fn a_range_is_what_is_printed() {
    let dir = Dir::new("range");
    let lines: String = (0..6)
        .map(|n| format!("{{\"key\":\"k{n}\",\"value\":\"{n}\"}}\n"))
        .collect();
    dir.append("stock", &lines);
    let offsets = |args: &[&str]| -> Vec<u64> {
        let records = cat(&dir, &[&["stock"], args].concat());
        records
            .iter()
            .filter_map(|record| record["offset"].as_u64())
            .collect()
    };
    assert_eq!(offsets(&["--from", "2", "--until", "4"]), [2, 3]);
    assert_eq!(offsets(&["--from", "4"]), [4, 5]);
    assert_eq!(offsets(&["--until", "1", "--partition", "0"]), [0]);
    assert_eq!(offsets(&["--from", "5", "--until", "99"]), [5]);
    assert_eq!(offsets(&["--from", "6"]), Vec::<u64>::new());
    assert_eq!(offsets(&["--from", "4", "--until", "2"]), Vec::<u64>::new());
    let refused = dir.run(&["log", "cat", "stock", "--partition", "7"]);
    assert_refused(&refused, 2, &["stock has no partition 7", "it has 1"]);
}

#[test]
fn an_unknown_topic_is_named_and_leaves_nothing() {
    let dir = Dir::new("unknown-topic");
    let refused = dir.run_with(&["log", "append", "order"], b"{\"key\":\"k\",\"value\":\"v\"}\n");
    assert_refused(&refused, 2, &["no topic order;", "orders", "timeline"]);
    assert!(!dir.0.exists());
    dir.append("orders", "{\"key\":\"k\",\"value\":\"v\"}\n");
    assert_refused(
        &dir.run(&["log", "cat", "order"]),
        2,
        &["no topic order;", "orders"],
    );
}

#[test]
fn a_bad_line_is_named_and_leaves_nothing() {
    let dir = Dir::new("bad-line");
    for (bad, said) in [
        ("not JSON", "line 2"),
        ("[1]", "no JSON object"),
        (r#"{"key":1,"value":"v"}"#, "key is no text"),
        (r#"{"key":"k","value_base64":"%"}"#, "value_base64"),
        (r#"{"key":"k","key_base64":"aw==","value":"v"}"#, "both there"),
        (r#"{"key":"k","value":"v","topic":"t"}"#, "topic is no field"),
    ] {
        let lines = format!("{{\"key\":\"good\",\"value\":\"v\"}}\n{bad}\n");
        let refused = dir.run_with(&["log", "append", "orders"], lines.as_bytes());
        assert_refused(&refused, 2, &["line 2", said, "nothing was appended"]);
        assert!(!dir.0.exists(), "{bad}");
    }
    dir.append("orders", "{\"key\":\"k\",\"value\":\"v\"}\n");
    assert_refused(
        &dir.run_with(&["log", "append", "orders"], b"{\"value\":\"v\"}\n{"),
        2,
        &["line 2"],
    );
    assert_eq!(cat(&dir, &["orders"]).len(), 1);
}
