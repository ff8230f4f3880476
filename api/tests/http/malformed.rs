//! Records that can't be used, sent over HTTP: each field of each type, and each reason of the contract.

use contract::decode::Reason;
use contract::log::Topic;
use contract::records::Record;
use serde_json::{Value as Json, json};

use crate::shop::Shop;

/// A good record of each type.
fn samples() -> Vec<(&'static str, Json)> {
    let lines = json!([{"sku": "tea", "quantity": 1, "unit_price": 500}]);
    let discount = json!({"type": "percent", "value": 10, "max_amount": 100});
    let paid = json!({"order_id": "o1", "payment_key": "k1", "amount": 500, "currency": "KRW"});
    let with = |base: &Json, more: Json| {
        let mut value = base.clone();
        let members = value.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        value
    };
    let code = json!({"code": "no", "message": "no"});
    let failed = with(&json!({"order_id": "o1", "payment_key": "k1"}), code);
    let order = json!({"type": "order_placed", "order_id": "o1", "customer_id": "c1", "currency": "KRW"});
    let topped = json!({"topup_id": "t1", "customer_id": "c1", "amount": 5, "currency": "KRW"});
    let drawn = json!({"withdrawal_id": "w1", "customer_id": "c1", "amount": 5, "currency": "KRW"});
    let rules = json!({
        "type": "rules_activated", "version": 2, "payment_window_s": 60, "payment_attempts_max": 3,
        "cancel_window_s": 60, "payment_answer_max_s": 60, "low_stock_default": 5,
    });
    let raised = json!({"kind": "call", "subject": "c1", "note": "x"});
    vec![
        ("operations", rules),
        ("operations", with(&raised, json!({"type": "attention_raised"}))),
        ("operations", with(&raised, json!({"type": "attention_resolved"}))),
        (
            "products",
            json!({"type": "product_upserted", "sku": "tea", "name": "Tea", "price": 500, "currency": "KRW"}),
        ),
        ("products", json!({"type": "product_withdrawn", "sku": "cup"})),
        (
            "stock",
            json!({"type": "stock_received", "receipt_id": "r1", "sku": "tea", "quantity": 9}),
        ),
        (
            "stock",
            json!({"type": "stock_adjusted", "adjustment_id": "a1", "sku": "tea", "delta": 1, "reason": "x"}),
        ),
        (
            "coupons",
            json!({
                "type": "campaign_created", "campaign_id": "s1", "name": "S", "quota": 9, "currency": "KRW",
                "discount": discount, "min_order_amount": 1,
            }),
        ),
        (
            "coupons",
            json!({"type": "coupon_claimed", "campaign_id": "s1", "customer_id": "c1"}),
        ),
        ("coupons", json!({"type": "campaign_closed", "campaign_id": "s1"})),
        ("wallets", with(&topped, json!({"type": "wallet_topped_up"}))),
        ("wallets", with(&drawn, json!({"type": "wallet_withdrawn"}))),
        ("orders", with(&order, json!({"lines": lines}))),
        (
            "orders",
            json!({"type": "order_redrive_requested", "order_id": "o1"}),
        ),
        ("payments", with(&paid, json!({"type": "payment_submitted"}))),
        ("payments", with(&failed, json!({"type": "payment_declined"}))),
        ("payments", with(&paid, json!({"type": "payment_confirmed"}))),
        (
            "payments",
            with(&paid, json!({"type": "payment_refunded", "refund_id": "x1"})),
        ),
        (
            "payments",
            with(&failed, json!({"type": "refund_failed", "refund_id": "x2"})),
        ),
        (
            "orders",
            json!({
                "type": "order_lines_cancel_requested", "cancellation_id": "l1", "order_id": "o1",
                "lines": [{"line_no": 1, "quantity": 1}], "reason": "x",
            }),
        ),
        (
            "orders",
            json!({"type": "order_cancel_requested", "order_id": "o1", "reason": "x"}),
        ),
        (
            "carts",
            json!({"type": "cart_item_set", "customer_id": "c1", "sku": "tea", "quantity": 1}),
        ),
        ("carts", json!({"type": "cart_cleared", "customer_id": "c1"})),
        (
            "reviews",
            json!({
                "type": "review_posted", "review_id": "v1", "customer_id": "c1", "sku": "tea",
                "rating": 5, "text": "x",
            }),
        ),
        (
            "reviews",
            json!({"type": "review_edited", "review_id": "v1", "rating": 4}),
        ),
        ("reviews", json!({"type": "review_deleted", "review_id": "v1"})),
    ]
}

/// Sends lines; how many were accepted, and of the others number, reason and detail.
fn sent(shop: &Shop, topic: &str, lines: &[String]) -> (u64, Vec<(u64, String, String)>) {
    let path = format!("/v1/streams/{topic}");
    let reply = shop.client.send("POST", &path, &[], lines.join("\n").as_bytes());
    assert_eq!(reply.status, 202, "{reply:?}");
    let answer = reply.json();
    let rejected = answer["rejected"].as_array().expect("a list").iter();
    let word = |line: &Json, name: &str| line[name].as_str().expect("a text").to_owned();
    let rejected = rejected.map(|line| {
        let number = line["line"].as_u64().expect("a number");
        (number, word(line, "reason"), word(line, "detail"))
    });
    (answer["accepted"].as_u64().expect("a number"), rejected.collect())
}

#[test]
fn every_field_of_every_type_is_refused_by_name_where_it_is_missing_or_of_another_kind() {
    let shop = Shop::open();
    let samples = samples();
    let mut fields = 0;
    for topic in Topic::ALL {
        for (kind, schema) in Record::schemas(topic) {
            let sample = samples
                .iter()
                .find(|(name, value)| *name == topic.name() && value["type"] == kind);
            let (_, sample) = sample.unwrap_or_else(|| panic!("a sample of {kind}"));
            let required = schema["required"].as_array().expect("a list");
            for name in schema["properties"].as_object().expect("an object").keys() {
                let (mut missing, mut other) = (sample.clone(), sample.clone());
                missing.as_object_mut().expect("an object").shift_remove(name);
                // No field of any type is a list of lists.
                other[name] = json!([[7]]);
                let (_, refused) = sent(&shop, topic.name(), &[other.to_string()]);
                let [(1, reason, detail)] = &refused[..] else {
                    panic!("{other}: {refused:?}")
                };
                assert_eq!(reason, "bad_field", "{other}");
                assert!(detail.starts_with(name), "{name}: {detail}");
                fields += 1;
                if required.iter().any(|needed| needed == name) {
                    let (_, refused) = sent(&shop, topic.name(), &[missing.to_string()]);
                    let [(1, reason, detail)] = &refused[..] else {
                        panic!("{missing}: {refused:?}")
                    };
                    assert_eq!(reason, "missing_field", "{missing}");
                    assert!(detail.starts_with(name), "{name}: {detail}");
                }
            }
        }
    }
    assert!(fields > 80, "{fields}");
    for topic in Topic::ALL {
        assert_eq!(
            shop.log.ends(topic.name()).expect("it is there"),
            [0, 0],
            "{topic:?}"
        );
    }
    // The samples themselves are good.
    for (topic, value) in &samples {
        assert_eq!(sent(&shop, topic, &[value.to_string()]), (1, vec![]), "{value}");
    }
}

/// What a record's own content says against it.
fn told_at_once(shop: &Shop) -> Vec<Reason> {
    let cases = [
        (
            Reason::TooLarge,
            format!("{{\"x\":\"{}\"}}", "y".repeat(1 << 20)).into_bytes(),
        ),
        (Reason::BadUtf8, b"{\"type\":\"stock_\xff\"}".to_vec()),
        (
            Reason::BadJson,
            b"{\"type\":\"stock_received\",\"type\":\"stock_received\"}".to_vec(),
        ),
        (Reason::MissingField, b"{}".to_vec()),
        (Reason::BadField, b"{\"type\":1}".to_vec()),
        (Reason::UnknownType, b"{\"type\":\"stock_vanished\"}".to_vec()),
    ];
    let mut told = Vec::new();
    for (reason, line) in cases {
        let reply = shop.client.send("POST", "/v1/streams/stock", &[], &line);
        let answer = reply.json();
        assert_eq!((reply.status, &answer["accepted"]), (202, &json!(0)), "{reply:?}");
        assert_eq!(answer["rejected"][0]["reason"], reason.name(), "{reply:?}");
        told.push(reason);
    }
    told
}

#[test]
fn every_reason_of_the_contract_is_told_at_once_or_in_quarantine() {
    let shop = Shop::open();
    shop.product("tea", 500, 10);
    let paid =
        json!({"order_id": "none", "payment_key": "k1", "amount": 5, "currency": "KRW", "refund_id": "x"});
    let of = |kind: &str, value: &Json| {
        let mut value = value.clone();
        value["type"] = json!(kind);
        value
    };
    let big = 1_i64 << 52;
    let top_up = |id: &str| {
        let what = json!({"topup_id": id, "customer_id": "c1", "amount": big, "currency": "KRW"});
        of("wallet_topped_up", &what)
    };
    let order = of("order_placed", &crate::shop::order("o1", "tea", 1, 500));
    let mut refund = of("payment_refunded", &paid);
    refund["order_id"] = json!("o1");
    let again = json!({"type": "stock_received", "receipt_id": "r-tea", "sku": "tea", "quantity": 11});
    let claim = json!({"type": "coupon_claimed", "campaign_id": "none", "customer_id": "c1"});
    let cases = [
        (
            Reason::UnknownOrder,
            "payments",
            vec![],
            of("payment_confirmed", &paid),
        ),
        (Reason::UnknownCampaign, "coupons", vec![], claim),
        (
            Reason::UnknownReview,
            "reviews",
            vec![],
            json!({"type": "review_deleted", "review_id": "none"}),
        ),
        (
            Reason::UnknownPayment,
            "payments",
            vec![("orders", order)],
            refund,
        ),
        (Reason::Conflict, "stock", vec![], again),
        (
            Reason::Limit,
            "wallets",
            vec![("wallets", top_up("t1"))],
            top_up("t2"),
        ),
    ];
    // Keys are made of the values here, so that none can be another's.
    let mut seen = vec![Reason::KeyMismatch];
    seen.extend(told_at_once(&shop));
    for (reason, topic, before, record) in cases {
        for (topic, record) in before {
            shop.stream(topic, &[record]);
        }
        let token = shop.stream(topic, std::slice::from_ref(&record));
        let path = format!("/v1/views/quarantine?topic={topic}&reason={}", reason.name());
        let rows = shop.get_after(&path, &token).json();
        assert_eq!(
            rows["items"].as_array().map(Vec::len),
            Some(1),
            "{record}: {rows}"
        );
        assert!(rows["items"][0]["detail"].is_string(), "{rows}");
        seen.push(reason);
    }
    // Nobody skips over HTTP.
    for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::Skipped) {
        assert!(seen.contains(reason), "{reason:?}");
    }
    let audits = shop.client.get("/v1/audits").json();
    assert_eq!(audits["ok"], true, "{audits}");
}
