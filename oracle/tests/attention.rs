//! Section 5 of the rules, and the stamps `since` and `epoch`.

mod common;

use common::Shop;
use contract::log::Topic;
use contract::views::View;
use serde_json::json;

fn raise(kind: &str, subject: &str) -> serde_json::Value {
    json!({"type": "attention_raised", "kind": kind, "subject": subject, "note": "look"})
}

fn resolve(kind: &str, subject: &str) -> serde_json::Value {
    json!({"type": "attention_resolved", "kind": kind, "subject": subject, "note": "done"})
}

#[test]
fn unanswered_commands_are_seen_at_the_end_of_an_epoch() {
    let mut shop = Shop::new();
    shop.sell("o");
    shop.place("p", &[("pen", 1, 100)], &json!({}));
    shop.submit("p", "k", 100);
    shop.end(0);
    shop.cancel("o", "no");
    shop.end(1);
    shop.end(3599);
    assert_eq!(shop.attention(), Vec::<String>::new());
    shop.end(3600);
    assert_eq!(shop.attention(), ["payment_unanswered p"]);
    shop.end(3601);
    assert_eq!(
        shop.attention(),
        ["payment_unanswered p", "refund_unanswered o:r1"]
    );
    assert_eq!(
        shop.get(View::Attention, &["payment_unanswered", "p"], "since"),
        "2024-01-01T01:00:00.000Z"
    );
    shop.redrive("p");
    shop.refund("o", "k", "theirs", 350);
    shop.end(3602);
    assert_eq!(
        shop.attention(),
        Vec::<String>::new(),
        "redriven; refunded in full"
    );
    shop.capture("p", "k", 100);
    shop.end(9000);
    assert_eq!(shop.attention(), Vec::<String>::new());
}

#[test]
fn what_is_raised_again_keeps_its_since() {
    let mut shop = Shop::new();
    shop.operations(&raise("smoke", "kitchen"));
    shop.operations(&raise("oversold", "pen"));
    shop.operations(&raise("over_refunded", "o/k"));
    shop.end(1);
    assert_eq!(
        shop.rows(View::Attention),
        [r#"smoke kitchen 2024-01-01T00:00:01.000Z {"note":"look"}"#]
    );
    shop.operations(&resolve("smoke", "kitchen"));
    shop.operations(&resolve("smoke", "nowhere"));
    shop.operations(&raise("smoke", "kitchen"));
    shop.end(2);
    let since = |shop: &Shop| shop.get(View::Attention, &["smoke", "kitchen"], "since");
    assert_eq!(
        since(&shop),
        "2024-01-01T00:00:01.000Z",
        "ended and began again within one epoch"
    );
    shop.operations(&resolve("smoke", "kitchen"));
    shop.end(3);
    assert_eq!(shop.attention(), Vec::<String>::new());
    shop.operations(&raise("smoke", "kitchen"));
    shop.end(4);
    assert_eq!(since(&shop), "2024-01-01T00:00:04.000Z");
}

#[test]
fn oversold_ends_by_itself() {
    let mut shop = Shop::new();
    shop.place("o", &[("ink", 4, 250)], &json!({}));
    let lost = |id: &str, delta: i64| {
        json!({"type": "stock_adjusted", "adjustment_id": id, "sku": "ink",
            "delta": delta, "reason": "lost"})
    };
    shop.end(1);
    shop.send(Topic::Stock, "ink", &lost("a", -3));
    shop.end(2);
    assert_eq!(shop.rows(View::Oversold), ["ink 2"]);
    assert_eq!(shop.rows(View::StockLevels)[0], "ink 2 4 -2 0");
    shop.send(Topic::Stock, "ink", &lost("a", -3));
    shop.send(Topic::Stock, "ink", &lost("b", 2));
    shop.operations(&resolve("oversold", "ink"));
    shop.place("p", &[("ink", 1, 250)], &json!({}));
    shop.end(3);
    assert_eq!(shop.attention(), Vec::<String>::new());
    let detail = r#"{"skus":[{"sku":"ink","asked":1,"available":0}]}"#;
    assert_eq!(
        shop.order("p", &["reason", "reason_detail"]),
        format!("out_of_stock {detail}")
    );
}

#[test]
fn a_row_that_changes_and_changes_back_keeps_its_epoch() {
    let mut shop = Shop::new();
    shop.campaign("c", 1, &json!({"type": "amount", "value": 1}));
    shop.claim("c", "ann");
    shop.end(1);
    shop.place("o", &[("pen", 1, 100)], &json!({"campaign_id": "c"}));
    shop.cancel("o", "no");
    shop.product(json!({"sku": "ink", "name": "INK", "price": 250, "currency": "KRW"}));
    shop.product(json!({"sku": "ink", "name": "Ink", "price": 250, "currency": "KRW"}));
    shop.end(2);
    assert_eq!(shop.get(View::CouponGrants, &["c", "ann"], "epoch"), "2");
    assert_eq!(shop.get(View::Products, &["ink"], "epoch"), "1");
    assert_eq!(shop.order("o", &["epoch"]), "3");
    shop.submit("o", "k", 100);
    shop.end(3);
    assert_eq!(
        shop.order("o", &["epoch"]),
        "3",
        "a note is no change of the order"
    );
}
