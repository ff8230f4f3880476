//! Carts: what is in them, at what price, and who may change them.

use serde_json::{Value as Json, json};

use crate::shop::Shop;

const JSON: (&str, &str) = ("content-type", "application/json");

fn product(sku: &str, price: i64, more: &Json) -> Json {
    let mut record = json!({
        "type": "product_upserted", "sku": sku, "name": sku, "price": price, "currency": "KRW",
    });
    let members = more.as_object().expect("an object").clone();
    record.as_object_mut().expect("an object").extend(members);
    record
}

#[test]
fn a_cart_shows_what_it_costs_now() {
    let shop = Shop::open();
    shop.product("tea", 500, 10);
    let fee = product("wrap", 200, &json!({"stocked": false}));
    let import = product("pen", 3, &json!({"currency": "EUR"}));
    let gone = json!({"type": "product_withdrawn", "sku": "old"});
    let token = shop.stream("products", &[fee, import, product("old", 9, &json!({})), gone]);
    shop.get_after("/v1/products/old", &token);
    assert_eq!(shop.client.get("/v1/carts/ann").status, 404);
    for (sku, quantity) in [("wrap", 1), ("tea", 2), ("pen", 4), ("old", 1), ("never", 1)] {
        shop.put("ann", sku, quantity);
    }
    let reply = shop.client.get("/v1/carts/ann");
    let cart = reply.json();
    let item = |sku: &str, quantity: i64, price: Json, currency: Json, available: Json| {
        json!({
            "sku": sku, "quantity": quantity, "unit_price": price, "currency": currency,
            "available": available,
        })
    };
    let expected = json!([
        item("never", 1, json!(null), json!(null), json!(0)),
        item("old", 1, json!(null), json!("KRW"), json!(0)),
        item("pen", 4, json!(3), json!("EUR"), json!(0)),
        item("tea", 2, json!(500), json!("KRW"), json!(10)),
        item("wrap", 1, json!(200), json!("KRW"), json!(null)),
    ]);
    assert_eq!(cart["items"], expected, "{cart}");
    assert_eq!(cart["totals"], json!({"EUR": 12, "KRW": 1200}));
    assert_eq!(
        (&cart["customer_id"], &cart["version"]),
        (&json!("ann"), &json!(5))
    );
    assert_eq!(reply.header("etag"), Some("\"5\""));
    assert_eq!(cart["as_of"], reply.epoch());
    // The price is the product's, whenever it was put there; a quantity of 0 takes it out.
    let token = shop.stream("products", &[product("tea", 600, &json!({}))]);
    let cart = shop.get_after("/v1/carts/ann", &token).json();
    assert_eq!(cart["totals"], json!({"EUR": 12, "KRW": 1400}));
    let cart = shop.put("ann", "wrap", 0).json();
    assert_eq!(cart["totals"], json!({"EUR": 12, "KRW": 1200}), "{cart}");
    assert_eq!(cart["items"].as_array().map(Vec::len), Some(4));
}

#[test]
fn totals_above_what_an_order_may_cost_are_null() {
    let shop = Shop::open();
    let dear = product("palace", 9_007_199_254_740_991, &json!({"stocked": false}));
    let token = shop.stream("products", &[dear]);
    shop.get_after("/v1/products/palace", &token);
    let one = shop.put("ann", "palace", 1).json();
    assert_eq!(one["totals"], json!({"KRW": 9_007_199_254_740_991_i64}));
    let many = shop.put("ann", "palace", 1_000_000).json();
    assert_eq!(many["totals"], json!({"KRW": null}));
}

#[test]
fn who_saw_another_version_changes_nothing() {
    let shop = Shop::open();
    let tea = "/v1/carts/ann/items/tea";
    let put =
        |version: &str, quantity: i64| shop.with_version("PUT", tea, version, &json!({"quantity": quantity}));
    let early = put("\"1\"", 1);
    assert_eq!(early.status, 412, "{early:?}");
    assert_eq!(
        (&early.json()["type"], &early.json()["reason"]),
        (&json!("stale"), &json!("conflict"))
    );
    assert_eq!(shop.client.get("/v1/carts/ann").status, 404);
    let first = put("\"0\"", 1);
    assert_eq!(
        (first.status, first.header("etag")),
        (200, Some("\"1\"")),
        "{first:?}"
    );
    let second = put(first.header("etag").expect("a tag"), 2);
    assert_eq!(
        (second.status, second.header("etag")),
        (200, Some("\"2\"")),
        "{second:?}"
    );
    let stale = put("\"1\"", 5);
    assert_eq!(stale.status, 412, "{stale:?}");
    assert!(stale.json()["detail"].to_string().contains('2'), "{stale:?}");
    let stale = shop.with_version("DELETE", tea, "\"1\"", &Json::Null);
    assert_eq!(stale.status, 412, "{stale:?}");
    let cart = shop.client.get("/v1/carts/ann").json();
    assert_eq!(
        (&cart["version"], &cart["items"][0]["quantity"]),
        (&json!(2), &json!(2))
    );
    // A version without quotes is taken for what it says.
    let gone = shop.with_version("DELETE", tea, "2", &Json::Null);
    assert_eq!(
        (gone.status, &gone.json()["items"]),
        (200, &json!([])),
        "{gone:?}"
    );
    assert_eq!(gone.json()["version"], 3);
}

#[test]
fn of_many_who_change_what_they_saw_one_does() {
    let shop = Shop::open();
    shop.put("ann", "tea", 1);
    for version in 1..5 {
        let tag = format!("\"{version}\"");
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let put = |n: i64| {
                let (shop, tag) = (&shop, &tag);
                let path = format!("/v1/carts/ann/items/sku{n}");
                scope.spawn(move || {
                    shop.with_version("PUT", &path, tag, &json!({"quantity": n}))
                        .status
                })
            };
            let threads: Vec<_> = (1..=6).map(put).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("it ends well"))
                .collect()
        });
        let done = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(done, 1, "{statuses:?}");
        assert!(
            statuses.iter().all(|status| [200, 412].contains(status)),
            "{statuses:?}"
        );
        assert_eq!(shop.client.get("/v1/carts/ann").json()["version"], version + 1);
    }
}

#[test]
fn what_was_put_is_read_under_its_token() {
    let shop = Shop::open();
    for n in 1..=20_i64 {
        let body = json!({"quantity": n}).to_string();
        let reply = shop
            .client
            .send("PUT", "/v1/carts/ann/items/tea", &[JSON], body.as_bytes());
        assert_eq!(reply.status, 202, "{reply:?}");
        let token = reply.json()["token"].as_str().expect("a token").to_owned();
        let cart = shop.get_after("/v1/carts/ann", &token).json();
        assert_eq!(
            (&cart["version"], &cart["items"][0]["quantity"]),
            (&json!(n), &json!(n))
        );
    }
    let reply = shop.client.send("DELETE", "/v1/carts/ann/items/tea", &[], b"");
    assert_eq!(reply.status, 202, "{reply:?}");
    let token = reply.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!(shop.get_after("/v1/carts/ann", &token).json()["items"], json!([]));
}

#[test]
fn changes_of_a_cart_that_make_no_sense_are_refused_and_not_appended() {
    let shop = Shop::open();
    let tea = "/v1/carts/ann/items/tea";
    for (body, status, word) in [
        ("", 422, "quantity"),
        ("{}", 422, "quantity"),
        ("[]", 400, "bad_json"),
        ("{\"quantity\":1", 400, "bad_json"),
        ("{\"quantity\":1,\"quantity\":1}", 400, "bad_json"),
        ("{\"quantity\":1000001}", 422, "quantity"),
        ("{\"quantity\":-1}", 422, "quantity"),
        ("{\"quantity\":1.0}", 422, "quantity"),
        ("{\"quantity\":\"1\"}", 422, "quantity"),
        ("{\"quantity\":1,\"sku\":\"pen\"}", 422, "sku"),
        ("{\"quantity\":1,\"customer_id\":\"ben\"}", 422, "customer_id"),
        ("{\"quantity\":1,\"if_version\":-1}", 422, "if_version"),
    ] {
        let reply = shop.client.send("PUT", tea, &[JSON], body.as_bytes());
        assert_eq!(reply.status, status, "{body}: {reply:?}");
        assert!(reply.body.contains(word), "{body}: {reply:?}");
    }
    for tag in [
        "",
        "x",
        "\"x\"",
        "W/\"1\"",
        "*",
        "\"1\", \"2\"",
        "\"-1\"",
        "\"1",
        "\"9007199254740992\"",
        "+1",
    ] {
        let headers = [JSON, ("if-match", tag)];
        let reply = shop.client.send("PUT", tea, &headers, b"{\"quantity\":1}");
        assert_eq!(reply.status, 400, "{tag}: {reply:?}");
        assert_eq!(reply.json()["parameter"], "If-Match");
    }
    let two = [JSON, ("if-match", "\"0\""), ("if-match", "\"0\"")];
    assert_eq!(
        shop.client.send("PUT", tea, &two, b"{\"quantity\":1}").status,
        400
    );
    let other = [JSON, ("if-match", "\"0\"")];
    let reply = shop
        .client
        .send("PUT", tea, &other, b"{\"quantity\":1,\"if_version\":3}");
    assert_eq!(reply.status, 422, "{reply:?}");
    for path in [
        "/v1/carts/no%20id/items/tea",
        "/v1/carts/ann/items/%22",
        "/v1/carts/ann/items/%00",
    ] {
        let reply = shop.client.send("PUT", path, &[JSON], b"{\"quantity\":1}");
        assert_eq!(reply.status, 422, "{path}: {reply:?}");
    }
    let reply = shop.client.send("DELETE", tea, &[JSON], b"{\"quantity\":2}");
    assert_eq!(reply.status, 422, "{reply:?}");
    assert_eq!(shop.log.ends("carts").expect("it is there"), [0, 0]);
}
