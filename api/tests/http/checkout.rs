//! Checkout: what was in the cart is ordered once, at the prices that were seen, or nothing is lost.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::shop::Shop;

const JSON: (&str, &str) = ("content-type", "application/json");

/// Two products in KRW, one in EUR, and a fee.
fn shop() -> Shop {
    let shop = Shop::open();
    shop.product("tea", 500, 10);
    shop.product("pot", 2_000, 5);
    let more = |sku: &str, price: i64, currency: &str| {
        json!({
            "type": "product_upserted", "sku": sku, "name": sku, "price": price, "currency": currency,
            "stocked": false,
        })
    };
    let token = shop.stream("products", &[more("pen", 3, "EUR"), more("wrap", 100, "KRW")]);
    shop.get_after("/v1/products/pen", &token);
    shop
}

fn price(shop: &Shop, sku: &str, price: i64) {
    let token = shop.stream(
        "products",
        &[json!({
            "type": "product_upserted", "sku": sku, "name": sku, "price": price, "currency": "KRW",
        })],
    );
    shop.get_after(&format!("/v1/products/{sku}"), &token);
}

fn cart(shop: &Shop) -> Json {
    shop.client.get("/v1/carts/ann").json()
}

fn checkout(shop: &Shop, body: &Json) -> crate::client::Reply {
    shop.post("/v1/carts/ann/checkout", body)
}

/// How many records a topic has.
fn count(shop: &Shop, topic: &str) -> u64 {
    shop.log.ends(topic).expect("the topic is there").iter().sum()
}

#[test]
fn what_is_in_the_cart_is_ordered_as_it_was_seen_and_taken_out() {
    let shop = shop();
    shop.put("ann", "tea", 2);
    shop.put("ann", "wrap", 1);
    let seen = cart(&shop);
    let body = json!({"order_id": "o1", "items": seen["items"]});
    let tag = format!("\"{}\"", seen["version"]);
    let reply = shop.with_version("POST", "/v1/carts/ann/checkout", &tag, &body);
    assert_eq!(reply.status, 201, "{reply:?}");
    let order = reply.json();
    assert_eq!(
        (&order["order_id"], &order["status"]),
        (&json!("o1"), &json!("awaiting_payment"))
    );
    assert_eq!(
        (&order["customer_id"], &order["total"]),
        (&json!("ann"), &json!(1_100))
    );
    assert_eq!(order["lines"][0]["sku"], "tea");
    let token = order["token"].as_str().expect("a token");
    let after = shop.get_after("/v1/carts/ann", token).json();
    assert_eq!((&after["items"], &after["version"]), (&json!([]), &json!(3)));
    // Sent again, it is the order that stands; nothing is ordered twice, nothing else taken out.
    shop.put("ann", "tea", 1);
    let (orders, carts) = (count(&shop, "orders"), count(&shop, "carts"));
    let again = checkout(&shop, &body);
    assert_eq!(
        (again.status, &again.json()["order_id"]),
        (201, &json!("o1")),
        "{again:?}"
    );
    assert_eq!((count(&shop, "orders"), count(&shop, "carts")), (orders, carts));
    let another = shop.post("/v1/carts/ben/checkout", &body);
    assert_eq!(
        (another.status, &another.json()["type"]),
        (409, &json!("conflict")),
        "{another:?}"
    );
}

#[test]
fn changed_prices_are_told_with_both_and_the_cart_stays() {
    let shop = shop();
    shop.put("ann", "tea", 2);
    let seen = cart(&shop);
    price(&shop, "tea", 550);
    let reply = checkout(&shop, &json!({"items": seen["items"]}));
    assert_eq!(
        (reply.status, &reply.json()["reason"]),
        (409, &json!("price_changed")),
        "{reply:?}"
    );
    let both = json!({"skus": [{"sku": "tea", "asked": 500, "price": 550}]});
    assert_eq!(reply.json()["reason_detail"], both);
    let now = cart(&shop);
    assert_eq!(now["version"], seen["version"]);
    assert_eq!(now["items"][0]["unit_price"], 550);
    let reply = checkout(&shop, &json!({"items": now["items"]}));
    assert_eq!(
        (reply.status, &reply.json()["total"]),
        (201, &json!(1_100)),
        "{reply:?}"
    );
    // Who sends no prices orders at today's.
    shop.put("ann", "tea", 1);
    price(&shop, "tea", 560);
    let reply = shop
        .client
        .send("POST", "/v1/carts/ann/checkout", &[("prefer", "wait=10")], b"");
    assert_eq!(
        (reply.status, &reply.json()["total"]),
        (201, &json!(560)),
        "{reply:?}"
    );
}

#[test]
fn a_rejected_order_leaves_the_cart_as_it_was() {
    let shop = shop();
    shop.put("ann", "tea", 11);
    let before = cart(&shop);
    let reply = checkout(&shop, &json!({}));
    assert_eq!(
        (reply.status, &reply.json()["reason"]),
        (409, &json!("out_of_stock")),
        "{reply:?}"
    );
    let headers = [JSON, ("idempotency-key", "o2")];
    let reply = shop
        .client
        .send("POST", "/v1/carts/ann/checkout", &headers, b"{}");
    assert_eq!(
        (reply.status, &reply.json()["order_id"]),
        (202, &json!("o2")),
        "{reply:?}"
    );
    let token = reply.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!(
        shop.get_after("/v1/orders/o2", &token).json()["status"],
        "rejected"
    );
    // The rejection may be visible a moment before the server is through with the checkout.
    let again = || checkout(&shop, &json!({"wallet_amount": 1, "order_id": "o2"}));
    let until = Instant::now() + Duration::from_secs(10);
    let mut reply = again();
    while reply.json()["reason"] == "under_way" && Instant::now() < until {
        reply = again();
    }
    assert_eq!(
        (reply.status, &reply.json()["reason"]),
        (409, &json!("out_of_stock")),
        "{reply:?}"
    );
    let after = cart(&shop);
    assert_eq!(
        (&after["version"], &after["items"]),
        (&before["version"], &before["items"])
    );
    assert_eq!(count(&shop, "carts"), 1);
}

#[test]
fn nobody_waits_and_the_cart_is_emptied_all_the_same() {
    let shop = shop();
    shop.put("ann", "tea", 2);
    let reply = shop.client.send("POST", "/v1/carts/ann/checkout", &[JSON], b"{}");
    assert_eq!(reply.status, 202, "{reply:?}");
    let token = reply.json()["token"].as_str().expect("a token").to_owned();
    let path = format!("/v1/orders/{}", reply.json()["order_id"].as_str().expect("an id"));
    assert_eq!(shop.get_after(&path, &token).json()["status"], "awaiting_payment");
    let mut epoch = shop.client.get("/v1/carts/ann").epoch();
    while cart(&shop)["items"] != json!([]) {
        epoch += 1;
        assert_eq!(
            shop.get_after("/v1/carts/ann", &epoch.to_string()).status,
            200,
            "it is emptied"
        );
    }
}

#[test]
fn who_asks_often_at_once_orders_once() {
    let shop = shop();
    for round in 1..=5 {
        shop.put("ann", "tea", 1);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let ask = || checkout(&shop, &json!({})).status;
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("it ends well"))
                .collect()
        });
        let placed = statuses.iter().filter(|status| **status == 201).count();
        assert_eq!(placed, 1, "{statuses:?}");
        assert!(
            statuses.iter().all(|status| [201, 409, 422].contains(status)),
            "{statuses:?}"
        );
        assert_eq!(count(&shop, "orders"), round);
    }
}

#[test]
fn an_order_whose_cart_was_not_emptied_empties_it_when_it_is_sent_again() {
    let shop = shop();
    shop.put("ann", "tea", 2);
    shop.put("ann", "pen", 1);
    // As a server that stopped in between leaves it.
    let order = json!({
        "order_id": "o1", "customer_id": "ann", "currency": "KRW",
        "lines": [{"sku": "tea", "quantity": 2, "unit_price": 500}],
    });
    assert_eq!(shop.post("/v1/orders", &order).status, 201);
    let reply = checkout(&shop, &json!({"order_id": "o1", "currency": "KRW"}));
    assert_eq!(reply.status, 201, "{reply:?}");
    let left = cart(&shop);
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1), "{left}");
    assert_eq!(left["items"][0]["sku"], "pen");
}

#[test]
fn of_several_currencies_one_is_ordered_and_the_others_stay() {
    let shop = shop();
    for (sku, quantity) in [("pen", 2), ("pot", 1), ("tea", 2)] {
        shop.put("ann", sku, quantity);
    }
    let reply = checkout(&shop, &json!({}));
    assert_eq!(
        (reply.status, &reply.json()["type"]),
        (422, &json!("not-orderable")),
        "{reply:?}"
    );
    assert_eq!(reply.json()["reason"], "several_currencies");
    assert_eq!(reply.json()["currencies"], json!(["EUR", "KRW"]));
    let reply = checkout(&shop, &json!({"currency": "USD"}));
    assert_eq!(
        (reply.status, &reply.json()["reason"]),
        (422, &json!("empty_cart")),
        "{reply:?}"
    );
    let seen = cart(&shop);
    let reply = checkout(&shop, &json!({"currency": "KRW", "items": seen["items"]}));
    assert_eq!(
        (reply.status, &reply.json()["total"]),
        (201, &json!(3_000)),
        "{reply:?}"
    );
    let left = cart(&shop);
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1), "{left}");
    assert_eq!(
        (&left["items"][0]["sku"], &left["version"]),
        (&json!("pen"), &json!(5))
    );
    let reply = checkout(&shop, &json!({}));
    assert_eq!(
        (reply.status, &reply.json()["currency"]),
        (201, &json!("EUR")),
        "{reply:?}"
    );
}

#[test]
fn a_cart_that_is_not_the_one_that_was_seen_is_not_ordered() {
    let shop = shop();
    shop.put("ann", "tea", 2);
    let stale = shop.with_version("POST", "/v1/carts/ann/checkout", "\"7\"", &json!({}));
    assert_eq!(
        (stale.status, &stale.json()["version"]),
        (412, &json!(1)),
        "{stale:?}"
    );
    for items in [
        json!([]),
        json!([{"sku": "pot"}]),
        json!([{"sku": "tea"}, {"sku": "pot"}]),
        json!([{"sku": "tea", "quantity": 1, "unit_price": 500}]),
        json!([{"sku": "tea", "quantity": "2"}]),
    ] {
        let reply = checkout(&shop, &json!({"items": items}));
        assert_eq!(
            (reply.status, &reply.json()["type"]),
            (412, &json!("stale")),
            "{items}: {reply:?}"
        );
    }
    for (body, status, word) in [
        ("[]", 400, "bad_json"),
        ("{", 400, "bad_json"),
        ("{\"items\":{}}", 422, "items"),
        ("{\"items\":[7]}", 422, "items[0].sku"),
        ("{\"items\":[{\"sku\":\"tea\"},{\"sku\":\"tea\"}]}", 422, "twice"),
        (
            "{\"items\":[{\"sku\":\"tea\",\"unit_price\":1.5}]}",
            422,
            "unit_price",
        ),
        (
            "{\"items\":[{\"sku\":\"tea\",\"unit_price\":-1}]}",
            422,
            "unit_price",
        ),
        ("{\"currency\":5}", 422, "currency"),
        ("{\"order_id\":5}", 422, "order_id"),
        ("{\"order_id\":\"not an id\"}", 422, "order_id"),
        ("{\"wallet_amount\":\"1\"}", 422, "wallet_amount"),
        ("{\"campaign_id\":\"\"}", 422, "campaign_id"),
    ] {
        let reply = shop
            .client
            .send("POST", "/v1/carts/ann/checkout", &[JSON], body.as_bytes());
        assert_eq!(reply.status, status, "{body}: {reply:?}");
        assert!(reply.body.contains(word), "{body}: {reply:?}");
    }
    assert_eq!(shop.post("/v1/carts/ben/checkout", &json!({})).status, 404);
    shop.put("ann", "tea", 0);
    let empty = checkout(&shop, &json!({}));
    assert_eq!(
        (empty.status, &empty.json()["reason"]),
        (422, &json!("empty_cart")),
        "{empty:?}"
    );
    assert_eq!(count(&shop, "orders"), 0);
}

#[test]
fn what_nobody_sells_is_refused_and_what_was_withdrawn_is_the_job_s_to_reject() {
    let shop = shop();
    shop.put("ann", "tea", 1);
    shop.put("ann", "never", 1);
    let reply = checkout(&shop, &json!({}));
    assert_eq!(
        (reply.status, &reply.json()["reason"]),
        (409, &json!("unknown_sku")),
        "{reply:?}"
    );
    assert_eq!(reply.json()["reason_detail"], json!({"skus": ["never"]}));
    shop.put("ann", "never", 0);
    let seen = cart(&shop);
    let token = shop.stream("products", &[json!({"type": "product_withdrawn", "sku": "tea"})]);
    assert_eq!(
        shop.get_after("/v1/carts/ann", &token).json()["items"][0]["unit_price"],
        Json::Null
    );
    assert_eq!(count(&shop, "orders"), 0);
    let reply = checkout(&shop, &json!({"items": seen["items"]}));
    assert_eq!(
        (reply.status, &reply.json()["reason"]),
        (409, &json!("unknown_sku")),
        "{reply:?}"
    );
    assert_eq!(count(&shop, "orders"), 1);
    assert_eq!(cart(&shop)["items"].as_array().map(Vec::len), Some(1));
}
