//! The story of orders, as clients and providers tell it.

use serde_json::{Value as Json, json};

use crate::shop::{Shop, order};

fn payment(kind: &str, order: &str, key: &str, amount: i64) -> Json {
    json!({"type": kind, "order_id": order, "payment_key": key, "amount": amount, "currency": "KRW"})
}

#[test]
fn an_order_is_placed_paid_cancelled_and_refunded() {
    let shop = Shop::open();
    shop.product("tea", 500, 10);
    let placed = shop.post("/v1/orders", &order("o1", "tea", 2, 500));
    assert_eq!(placed.status, 201, "{placed:?}");
    let body = placed.json();
    assert_eq!(body["status"], "awaiting_payment");
    assert_eq!(body["payable"], 1000);
    assert_eq!(body["lines"][0]["sku"], "tea");
    assert_eq!(body["payments"], json!([]));
    assert_eq!(body["as_of"], placed.epoch());
    assert_eq!(shop.client.get("/v1/stock/tea").json()["held"], 2);
    let explained = shop.client.get("/v1/orders/o1/explain").json();
    assert_eq!(explained["waits_for"][0]["for"], "payment");
    assert_eq!(explained["waits_for"][0]["until"], body["deadline"]);

    // Nobody answers as the provider: the wait ends with what is known, that it was taken.
    let headers = [("content-type", "application/json"), ("prefer", "wait=1")];
    let pay = json!({"order_id": "o1", "payment_key": "k1", "amount": 1000}).to_string();
    let paying = shop
        .client
        .send("POST", "/v1/payments/confirm", &headers, pay.as_bytes());
    assert_eq!(paying.status, 202, "{paying:?}");
    let token = paying.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!(shop.get_after("/v1/orders/o1", &token).json()["status"], "paying");
    let explained = shop.client.get("/v1/orders/o1/explain").json();
    assert_eq!(explained["waits_for"][0]["idempotency_key"], "confirm:o1:1");

    // While somebody waits, the provider answers.
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let pay = json!({"order_id": "o1", "payment_key": "k1", "amount": 1000, "currency": "KRW"});
            shop.post("/v1/payments/confirm", &pay)
        });
        shop.stream("payments", &[payment("payment_confirmed", "o1", "k1", 1000)]);
        waiting.join().expect("it answers")
    });
    assert_eq!(waiting.status, 200, "{waiting:?}");
    assert_eq!(waiting.json()["status"], "confirmed");
    assert_eq!(waiting.json()["payments"][0]["status"], "captured");

    let cancelled = shop.post("/v1/orders/o1/cancel", &json!({"reason": "changed my mind"}));
    assert_eq!(
        (cancelled.status, &cancelled.json()["status"]),
        (200, &json!("refunding")),
        "{cancelled:?}"
    );
    let mut refund = payment("payment_refunded", "o1", "k1", 1000);
    refund["refund_id"] = json!("o1:r1");
    let token = shop.stream("payments", &[refund]);
    let order = shop.get_after("/v1/orders/o1", &token).json();
    assert_eq!(order["status"], "cancelled");
    assert_eq!(order["reason_detail"], json!({"text": "changed my mind"}));
    assert_eq!(shop.client.get("/v1/stock/tea").json()["available"], 10);
    let timeline = shop.client.get("/v1/orders/o1/timeline").json();
    let path: Vec<&str> = timeline["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter(|row| row["from_status"] != row["to_status"])
        .map(|row| row["to_status"].as_str().expect("a status"))
        .collect();
    assert_eq!(
        path,
        [
            "awaiting_payment",
            "paying",
            "confirmed",
            "refunding",
            "cancelled"
        ]
    );
    assert_eq!(shop.client.get("/v1/audits").json()["ok"], true);
}

#[test]
fn a_repeat_gets_the_standing_answer_and_other_content_is_a_conflict() {
    let shop = Shop::open();
    shop.product("tea", 500, 3);
    assert_eq!(shop.post("/v1/orders", &order("o1", "tea", 2, 500)).status, 201);
    assert_eq!(shop.post("/v1/orders", &order("o1", "tea", 2, 500)).status, 201);
    assert_eq!(shop.client.get("/v1/stock/tea").json()["held"], 2);
    let other = shop.post("/v1/orders", &order("o1", "tea", 1, 500));
    assert_eq!(
        (other.status, &other.json()["reason"]),
        (409, &json!("conflict")),
        "{other:?}"
    );
    for _ in 0..2 {
        let rejected = shop.post("/v1/orders", &order("o2", "tea", 2, 500));
        assert_eq!(rejected.status, 409);
        assert_eq!(rejected.json()["reason"], "out_of_stock");
        let detail = json!({"skus": [{"sku": "tea", "asked": 2, "available": 1}]});
        assert_eq!(rejected.json()["reason_detail"], detail);
    }
}

#[test]
fn an_id_comes_from_the_body_the_header_or_is_made() {
    let shop = Shop::open();
    shop.product("tea", 500, 100);
    let mut without = order("", "tea", 1, 500);
    without.as_object_mut().expect("an object").remove("order_id");
    let send = |body: &Json, key: Option<&str>| {
        let mut headers = vec![("content-type", "application/json"), ("prefer", "wait=10")];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        shop.client
            .send("POST", "/v1/orders", &headers, body.to_string().as_bytes())
    };
    let made = send(&without, None).json()["order_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!((made.len(), &made[14..15]), (36, "7"), "{made}");
    assert_eq!(send(&without, Some("key-1")).json()["order_id"], "key-1");
    assert_eq!(
        send(&order("o1", "tea", 1, 500), Some("key-2")).json()["order_id"],
        "o1"
    );
    without["order_id"] = Json::Null;
    assert_eq!(send(&without, Some("key-3")).json()["order_id"], "key-3");
    assert_eq!(send(&without, Some("a key")).status, 400);
}

#[test]
fn a_coupon_is_granted_once_and_then_exhausted() {
    let shop = Shop::open();
    let campaign = |id: &str, quota: i64| {
        json!({"type": "campaign_created", "campaign_id": id, "name": id, "quota": quota, "currency": "KRW",
               "discount": {"type": "percent", "value": 10}})
    };
    let mut later = campaign("later", 5);
    later["starts_at"] = json!("2999-01-01T00:00:00Z");
    shop.stream("coupons", &[campaign("spring", 1), later]);
    let claim = |campaign: &str, customer: &str| {
        shop.post(
            &format!("/v1/coupons/{campaign}/claim"),
            &json!({"customer_id": customer}),
        )
    };
    let granted = claim("spring", "c1");
    assert_eq!(
        (granted.status, &granted.json()["rank"]),
        (201, &json!(1)),
        "{granted:?}"
    );
    let again = claim("spring", "c1");
    assert_eq!((again.status, &again.json()["rank"]), (200, &json!(1)));
    let refused = claim("spring", "c2");
    assert_eq!(
        (refused.status, &refused.json()["reason"]),
        (409, &json!("exhausted"))
    );
    let early = claim("later", "c2");
    assert_eq!((early.status, &early.json()["reason"]), (409, &json!("not_open")));
    let unknown = claim("none", "c2");
    assert_eq!(
        (unknown.status, &unknown.json()["reason"]),
        (422, &json!("unknown_campaign"))
    );
    let state = shop.client.get("/v1/coupons/spring").json();
    assert_eq!((&state["granted"], &state["refused"]), (&json!(1), &json!(1)));
}
