//! Section 1 of the contract: what is quarantined and why, and what counts once.

mod common;

use common::Shop;
use contract::log::Topic;
use contract::views::View;
use serde_json::json;

/// The reason for which a value under `key` is quarantined; empty if it isn't.
fn reason(topic: Topic, key: &str, value: &[u8]) -> String {
    let mut shop = Shop::new();
    shop.raw(topic, Some(key.as_bytes()), Some(value));
    shop.end(1);
    shop.quarantine().pop().unwrap_or_default()
}

/// A reason and a value under the key `o`, a line each. `ORDER` stands for the first fields of an
/// order, `LINE` for a line of one.
const VALUES: &str = r#"
ok            {ORDER,"order_id":"o","lines":[LINE]}
key_mismatch  {ORDER,"order_id":"p","lines":[LINE]}
bad_field     {ORDER,"order_id":"p","lines":[LINE,1]}
bad_field     {ORDER,"order_id":"p","lines":[]}
missing_field {ORDER,"order_id":"p","lines":null}
bad_field     {ORDER,"order_id":"o","lines":{"sku":"pen","sku":"pen"}}
bad_json      {ORDER,"order_id":"a b","order_id":"o","lines":[LINE]}
bad_json      {ORDER,"order_id":"o","lines":[LINE],"campaign_id":null,"campaign_id":null}
ok            {ORDER,"order_id":"o","lines":[LINE],"x":1,"x":2}
bad_json      {ORDER,"order_id":"o","lines":[LINE],"x":"\ud800"}
bad_json      {ORDER,"order_id":"o","lines":[LINE],"\udfff":1}
ok            {ORDER,"order_id":"o","lines":[LINE],"x":1e999}
bad_json      {ORDER,"order_id":"o","lines":[{"sku":"pen","\u0073ku":"pen"}]}
ok            {ORDER,"order_id":"o","lines":[{"x":1,"x":1,"sku":"pen","quantity":1,"unit_price":100}]}
missing_field {ORDER,"order_id":"o","lines":[{"sku":"pen"}]}
bad_field     {ORDER,"order_id":"o","lines":[{"sku":"p n"}]}
bad_field     {ORDER,"order_id":"o","lines":[LINE],"wallet_amount":-0}
bad_field     {ORDER,"order_id":"o","lines":[LINE],"wallet_amount":0.0}
bad_field     {ORDER,"order_id":"o","lines":[LINE],"wallet_amount":0e0}
bad_field     {ORDER,"order_id":"o","lines":[LINE],"wallet_amount":1e999}
bad_field     {ORDER,"order_id":"o","lines":[LINE],"placed_at":"2024-01-01"}
missing_field {}
missing_field {"type":null}
bad_field     {"type":7,"order_id":1,"order_id":2}
bad_json      {"type":"x","type":"x"}
unknown_type  {"type":"payment_confirmed","amount":1,"amount":1}
missing_field {"type":"order_cancel_requested","order_id":"o"}
unknown_order {"type":"order_cancel_requested","order_id":"o","reason":""}
bad_field     {"type":"order_cancel_requested","order_id":"o","reason":"\u0000"}
bad_json      [{"type":"order_placed"}]
bad_json      {} {}
"#;

#[test]
fn the_first_reason_that_applies_is_given() {
    for case in VALUES.lines().filter(|case| !case.is_empty()) {
        let (expected, value) = case.split_once(' ').unwrap();
        let value = value
            .trim()
            .replace(
                "ORDER",
                r#""type":"order_placed","customer_id":"ann","currency":"KRW""#,
            )
            .replace("LINE", r#"{"sku":"pen","quantity":1,"unit_price":100}"#);
        let reason = reason(Topic::Orders, "o", value.as_bytes());
        assert_eq!(
            if reason.is_empty() { "ok" } else { &reason },
            expected,
            "{value}"
        );
    }
    assert_eq!(reason(Topic::Orders, "o", b""), "bad_json");
    assert_eq!(reason(Topic::Orders, "o", b"{\"type\":\"\xff\"}"), "bad_utf8");
    assert_eq!(reason(Topic::Orders, "o", &b" ".repeat(1_048_576)), "bad_json");
    assert_eq!(
        reason(Topic::Orders, "o", &b"\xff".repeat(1_048_577)),
        "too_large"
    );
}

#[test]
fn values_nest_at_most_127_levels_also_in_unknown_fields() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"type":"order_redrive_requested","order_id":"o","x":{open}{close}}}"#)
    };
    assert_eq!(
        reason(Topic::Orders, "o", nested(127).as_bytes()),
        "unknown_order"
    );
    assert_eq!(reason(Topic::Orders, "o", nested(128).as_bytes()), "bad_json");
}

#[test]
fn no_value_is_bad_json_and_no_key_a_mismatch() {
    let mut shop = Shop::new();
    shop.raw(Topic::Orders, Some(b"o"), None);
    shop.raw(
        Topic::Orders,
        None,
        Some(br#"{"type":"order_redrive_requested","order_id":"o"}"#),
    );
    shop.end(1);
    assert_eq!(
        shop.rows(View::Quarantine),
        ["orders 0 0 bad_json  2", "orders 0 1 key_mismatch  2"]
    );
    assert_eq!(shop.rows(View::StreamCounts)[0], "orders 0 2 0 0 2");
}

#[test]
fn limits_of_values() {
    let product = |fields: &str| {
        let value = format!(
            r#"{{"type":"product_upserted","sku":"a","name":"A","price":1,"currency":"KRW",{fields}}}"#
        );
        reason(Topic::Products, "a", value.as_bytes())
    };
    let (tag, tag_max) = ("é".repeat(101), "é".repeat(100));
    assert_eq!(product(&format!(r#""tags":["{tag_max}"]"#)), "");
    assert_eq!(product(&format!(r#""tags":["{tag}"]"#)), "bad_field");
    assert_eq!(
        product(&format!(r#""tags":[{}1]"#, r#""","#.repeat(50))),
        "bad_field"
    );
    assert_eq!(product(r#""tags":[null]"#), "bad_field");
    assert_eq!(
        product(&format!(r#""images":[{}""]"#, r#""","#.repeat(20))),
        "bad_field"
    );
    assert_eq!(product(&format!(r#""description":"{}""#, "é".repeat(4000))), "");
    assert_eq!(
        product(&format!(r#""description":"{}""#, "é".repeat(4001))),
        "bad_field"
    );
    assert_eq!(product(r#""low_stock":1000001"#), "bad_field");
    assert_eq!(product(r#""stocked":"true""#), "bad_field");
    assert_eq!(product(r#""store_id":"""#), "bad_field");
    let price = |price: &str| {
        let value =
            format!(r#"{{"type":"product_upserted","sku":"a","name":"A","price":{price},"currency":"KRW"}}"#);
        reason(Topic::Products, "a", value.as_bytes())
    };
    assert_eq!(price("9007199254740991"), "");
    assert_eq!(price("9007199254740992"), "bad_field");
    assert_eq!(price("-1"), "bad_field");
    assert_eq!(price(&"9".repeat(400)), "bad_field");
}

#[test]
fn what_counts_once_counts_once() {
    let mut shop = Shop::new();
    let order = json!({"type": "order_placed", "order_id": "o", "customer_id": "ann", "currency": "KRW",
        "lines": [{"sku": "pen", "quantity": 1, "unit_price": 100}], "placed_at": "2024-01-01T00:00:00Z"});
    let same = json!({"note": 1, "lines": [{"unit_price": 100, "quantity": 1, "sku": "pen", "x": 1}],
        "type": "order_placed", "order_id": "o", "customer_id": "ann", "currency": "KRW",
        "campaign_id": null, "wallet_amount": 0, "placed_at": "2024-01-01T09:00:00.0004+09:00"});
    let other = json!({"type": "order_placed", "order_id": "o", "customer_id": "ann", "currency": "KRW",
        "lines": [{"sku": "pen", "quantity": 1, "unit_price": 100}]});
    for value in [&order, &same, &other, &order] {
        shop.send(Topic::Orders, "o", value);
    }
    shop.stock("r-pen", "ink", 10);
    shop.end(1);
    let counts = ["orders 0 4 1 2 1", "products 0 3 3 0 0", "stock 0 3 2 0 1"];
    assert_eq!(shop.rows(View::StreamCounts), counts);
    assert_eq!(shop.life("o"), ["awaiting_payment"], "a duplicate has no row");
}

#[test]
fn changes_that_contradict_what_counted_are_conflicts() {
    let mut shop = Shop::new();
    let rules = |version: i64, window: i64| {
        json!({"type": "rules_activated", "version": version, "payment_window_s": window,
            "payment_attempts_max": 5, "cancel_window_s": 1_209_600, "payment_answer_max_s": 3600,
            "low_stock_default": 10})
    };
    for value in [rules(1, 900), rules(3, 1), rules(2, 1), rules(3, 1), rules(3, 2)] {
        shop.operations(&value);
    }
    shop.product(json!({"sku": "pen", "name": "Pen", "price": 100, "currency": "KRW", "stocked": false}));
    shop.product(json!({"sku": "pen", "name": "Pen", "price": 100, "currency": "USD"}));
    let cart = |version: i64| {
        json!({"type": "cart_item_set", "customer_id": "ann", "sku": "zzz", "quantity": 2,
            "if_version": version})
    };
    for version in [1, 0, 0] {
        shop.send(Topic::Carts, "ann", &cart(version));
    }
    shop.top_up("t1", "ann", 9_007_199_254_740_991);
    shop.top_up("t2", "ann", 1);
    shop.end(1);
    shop.top_up("t2", "bob", 1);
    shop.end(2);
    let counts = [
        "carts 0 3 1 0 2",
        "operations 0 5 1 1 3",
        "products 0 5 3 0 2",
        "stock 0 2 2 0 0",
        "wallets 0 3 2 0 1",
    ];
    assert_eq!(shop.rows(View::StreamCounts), counts);
    let wallets = shop.rows(View::Quarantine).pop().unwrap();
    assert_eq!(wallets, "wallets 0 1 limit  2", "and its id is not used up");
}

#[test]
fn money_in_quarantine_needs_a_person() {
    let mut shop = Shop::new();
    let payments = |type_name: &str| {
        json!({"type": type_name, "order_id": "nobody", "payment_key": "k",
        "amount": 1, "currency": "KRW", "refund_id": "r", "code": "", "message": ""})
    };
    for name in [
        "payment_submitted",
        "payment_declined",
        "refund_failed",
        "payment_confirmed",
        "payment_refunded",
        "x",
    ] {
        shop.send(Topic::Payments, "nobody", &payments(name));
    }
    shop.raw(Topic::Payments, None, Some(b"payment_submitted"));
    shop.raw(
        Topic::Payments,
        None,
        Some(br#"{"type":"payment_submitted","amount":1,"amount":1}"#),
    );
    shop.end(1);
    let subjects = ["payments/0/3", "payments/0/4", "payments/0/5", "payments/0/6"];
    assert_eq!(
        shop.attention(),
        subjects.map(|subject| format!("money_in_quarantine {subject}"))
    );
}
