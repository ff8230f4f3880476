//! Section 3 of the rules: deciding orders, claims, wallets.

mod common;

use common::Shop;
use contract::views::View;
use serde_json::json;

const WHY: [&str; 3] = ["status", "reason", "reason_detail"];

#[test]
fn an_order_holds_its_legs_and_waits_for_its_payment() {
    let mut shop = Shop::new();
    shop.place(
        "o",
        &[("pen", 2, 100), ("gift-wrap", 1, 50), ("pen", 1, 100)],
        &json!({}),
    );
    shop.end(10);
    let columns = [
        "status",
        "total",
        "discount",
        "payable",
        "deadline",
        "placed_at",
        "rules",
        "epoch",
    ];
    let expected = "awaiting_payment 350 0 350 2024-01-01T00:15:10.000Z 2024-01-01T00:00:10.000Z 1 2";
    assert_eq!(shop.order("o", &columns), expected);
    assert_eq!(shop.rows(View::StockLevels), ["ink 5 0 5 0", "pen 10 3 7 0"]);
    assert_eq!(
        shop.rows(View::OrderLines),
        [
            "o 1 pen 2 100 0 s1 desk",
            "o 2 gift-wrap 1 50 0  ",
            "o 3 pen 1 100 0 s1 desk"
        ]
    );
    let row = "o 1 2 2024-01-01T00:00:10.000Z null awaiting_payment orders 0 0 order_placed null";
    assert_eq!(shop.rows(View::OrderTimeline), [row]);
}

#[test]
fn the_first_check_that_fails_is_the_reason() {
    let mut shop = Shop::new();
    shop.product(json!({"sku": "cap", "name": "Cap", "price": 9, "currency": "USD"}));
    shop.product(json!({"sku": "hat", "name": "Hat", "price": 9, "currency": "KRW"}));
    let withdrawn = json!({"type": "product_withdrawn", "sku": "hat"});
    shop.send(contract::log::Topic::Products, "hat", &withdrawn);
    let big = 9_007_199_254_740_991;
    let all = json!({"campaign_id": "none", "wallet_amount": 5});
    shop.place(
        "o1",
        &[("zzz", 1, 1), ("hat", 1, 1), ("cap", 2, big), ("zzz", 1, 2)],
        &all,
    );
    shop.place("o2", &[("cap", 2, big)], &all);
    shop.place("o3", &[("pen", 2, big)], &all);
    shop.place(
        "o4",
        &[
            ("pen", 99, 7),
            ("ink", 1, 250),
            ("pen", 1, 8),
            ("gift-wrap", 1, 0),
        ],
        &all,
    );
    shop.place("o5", &[("pen", 99, 100)], &all);
    shop.place("o6", &[("pen", 1, 100)], &json!({"wallet_amount": 101}));
    let one = json!({"wallet_amount": 1});
    shop.place("o7", &[("pen", 6, 100), ("ink", 6, 250), ("pen", 5, 100)], &one);
    shop.place("o8", &[("pen", 10, 100)], &one);
    shop.end(1);
    let why = |order: &str| shop.order(order, &WHY);
    assert_eq!(why("o1"), r#"rejected unknown_sku {"skus":["hat","zzz"]}"#);
    assert_eq!(why("o2"), r#"rejected invalid_order {"why":"currency"}"#);
    assert_eq!(why("o3"), r#"rejected invalid_order {"why":"limit"}"#);
    let (fee, pen) = (
        r#"{"sku":"gift-wrap","asked":0,"price":50}"#,
        r#"{"sku":"pen","asked":7,"price":100}"#,
    );
    assert_eq!(
        why("o4"),
        format!(r#"rejected price_changed {{"skus":[{fee},{pen}]}}"#)
    );
    assert_eq!(why("o5"), r#"rejected coupon_invalid {"why":"unknown"}"#);
    assert_eq!(why("o6"), r#"rejected invalid_order {"why":"wallet"}"#);
    let (ink, pen) = (
        r#"{"sku":"ink","asked":6,"available":5}"#,
        r#"{"sku":"pen","asked":11,"available":10}"#,
    );
    assert_eq!(
        why("o7"),
        format!(r#"rejected out_of_stock {{"skus":[{ink},{pen}]}}"#)
    );
    assert_eq!(
        why("o8"),
        r#"rejected insufficient_wallet {"asked":1,"available":0}"#
    );
    let columns = [
        "total",
        "discount",
        "wallet_amount",
        "payable",
        "campaign_id",
        "deadline",
    ];
    assert_eq!(shop.order("o1", &columns), "null 0 5 0 none null");
    assert_eq!(shop.order("o5", &columns), "9900 0 5 0 none null");
    assert_eq!(shop.rows(View::StockLevels), ["ink 5 0 5 0", "pen 10 0 10 0"]);
}

#[test]
fn a_price_holds_from_its_place_in_the_log() {
    let mut shop = Shop::new();
    shop.place("o1", &[("pen", 1, 120)], &json!({}));
    shop.product(json!({"sku": "pen", "name": "Pen", "price": 120, "currency": "KRW"}));
    shop.end(1);
    assert_eq!(
        shop.order("o1", &["status"]),
        "awaiting_payment",
        "products come before orders"
    );
}

#[test]
fn coupons_are_checked_in_order_and_taken_off() {
    let mut shop = Shop::new();
    shop.campaign(
        "ten",
        5,
        &json!({"type": "percent", "value": 15, "max_amount": 40}),
    );
    shop.campaign("big", 5, &json!({"type": "amount", "value": 1000}));
    let campaign = |id: &str, currency: &str, others: serde_json::Value| {
        let mut value = json!({"type": "campaign_created", "campaign_id": id, "name": "x", "quota": 1,
            "currency": currency, "discount": {"type": "amount", "value": 1}});
        for (name, other) in others.as_object().unwrap() {
            value[name] = other.clone();
        }
        value
    };
    let coupons = contract::log::Topic::Coupons;
    shop.send(
        coupons,
        "usd",
        &campaign("usd", "USD", json!({"ends_at": "2020-01-01T00:00:00Z"})),
    );
    let over = json!({"ends_at": "2024-01-01T00:00:01Z", "min_order_amount": 101});
    shop.send(coupons, "over", &campaign("over", "KRW", over));
    shop.send(
        coupons,
        "min",
        &campaign("min", "KRW", json!({"min_order_amount": 101})),
    );
    shop.claim("ten", "ann");
    shop.claim("big", "ann");
    shop.end(1);
    let why = |why: &str| format!("rejected coupon_invalid {{\"why\":\"{why}\"}}");
    for id in ["usd", "over", "min"] {
        shop.place(id, &[("pen", 1, 100)], &json!({"campaign_id": id}));
    }
    shop.place("min2", &[("pen", 2, 100)], &json!({"campaign_id": "min"}));
    shop.place("o1", &[("ink", 1, 250)], &json!({"campaign_id": "ten"}));
    shop.place("o2", &[("pen", 1, 100)], &json!({"campaign_id": "ten"}));
    shop.place("o3", &[("pen", 1, 100)], &json!({"campaign_id": "big"}));
    shop.end(2);
    assert_eq!(shop.order("usd", &WHY), why("currency"));
    assert_eq!(shop.order("over", &WHY), why("window"));
    assert_eq!(shop.order("min", &WHY), why("minimum"));
    assert_eq!(shop.order("min2", &WHY), why("not_granted"));
    assert_eq!(shop.order("o2", &WHY), why("in_use"));
    assert_eq!(
        shop.order("o1", &["status", "discount", "payable"]),
        "awaiting_payment 37 213"
    );
    assert_eq!(
        shop.order("o3", &["status", "discount", "payable", "deadline"]),
        "confirmed 100 0 null"
    );
    assert_eq!(
        shop.rows(View::CouponGrants),
        ["big ann 1 spent o3 0 6 3", "ten ann 1 held o1 0 5 3"]
    );
}

#[test]
fn exactly_the_quota_is_granted() {
    let mut shop = Shop::new();
    shop.campaign("c", 2, &json!({"type": "amount", "value": 1}));
    for customer in ["b", "a", "b", "c", "d"] {
        shop.claim("c", customer);
    }
    shop.end(1);
    assert_eq!(shop.rows(View::Coupons), ["c Sale 2 2 0 2 false null null"]);
    assert_eq!(
        shop.rows(View::CouponGrants),
        ["c a 2 available null 0 2 2", "c b 1 available null 0 1 2"]
    );
    assert_eq!(shop.rows(View::StreamCounts)[0], "coupons 0 6 5 1 0");
}

#[test]
fn a_wallet_pays_what_it_has() {
    let mut shop = Shop::new();
    let withdraw = |id: &str, amount: i64| {
        json!({"type": "wallet_withdrawn", "withdrawal_id": id, "customer_id": "ann", "amount": amount,
            "currency": "KRW"})
    };
    let wallets = contract::log::Topic::Wallets;
    shop.top_up("t", "ann", 300);
    shop.send(wallets, "ann", &withdraw("w1", 301));
    shop.send(wallets, "ann", &withdraw("w2", 100));
    shop.place("o1", &[("pen", 1, 100)], &json!({"wallet_amount": 100}));
    shop.place("o2", &[("pen", 2, 100)], &json!({"wallet_amount": 60}));
    shop.place("o3", &[("pen", 2, 100)], &json!({"wallet_amount": 41}));
    shop.end(1);
    assert_eq!(shop.order("o1", &["status"]), "confirmed");
    assert_eq!(shop.order("o2", &["status", "payable"]), "awaiting_payment 140");
    assert_eq!(
        shop.order("o3", &WHY),
        r#"rejected insufficient_wallet {"asked":41,"available":40}"#
    );
    assert_eq!(shop.rows(View::Wallets), ["ann KRW 100 60 40"]);
    shop.send(wallets, "ann", &withdraw("w1", 301));
    shop.send(wallets, "ann", &withdraw("w1", 30));
    shop.cancel("o1", "oops");
    shop.cancel("o2", "oops");
    shop.end(2);
    assert_eq!(shop.rows(View::Wallets), ["ann KRW 200 0 200"]);
    assert_eq!(
        shop.rows(View::WalletEntries),
        [
            "order o1 ann 100 KRW applied 2",
            "order_returned o1 ann 100 KRW applied 3",
            "top_up t ann 300 KRW applied 2",
            "withdrawal w1 ann 301 KRW refused 2",
            "withdrawal w2 ann 100 KRW applied 2",
        ]
    );
    assert_eq!(shop.quarantine(), ["conflict"]);
}

#[test]
fn placed_at_is_at_most_the_clock() {
    let mut shop = Shop::new();
    shop.place(
        "o1",
        &[("pen", 1, 100)],
        &json!({"placed_at": "2023-12-31T23:00:00.0009+09:00"}),
    );
    shop.place(
        "o2",
        &[("pen", 1, 100)],
        &json!({"placed_at": "2025-01-01T00:00:00Z"}),
    );
    shop.end(1);
    assert_eq!(shop.order("o1", &["placed_at"]), "2023-12-31T14:00:00.000Z");
    assert_eq!(shop.order("o2", &["placed_at"]), "2024-01-01T00:00:01.000Z");
}
