//! Bad input, for every path: a problem object that says what is wrong, never a failure of the server's.

use millrace_api::Config;
use millrace_api::routes::ROUTES;
use serde_json::json;

use crate::shop::{Shop, order};

pub const JSON: (&str, &str) = ("content-type", "application/json");

/// The head of a request whose body is still to come.
pub const HEAD: &str = "POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                    content-length: 9\r\n\r\n";

/// Method, path, headers, body; the status, and a word of the answer.
type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a [u8], u16, &'a str);

fn check(shop: &Shop, cases: &[Case<'_>]) {
    for (method, path, headers, body, status, word) in cases {
        let reply = shop.client.send(method, path, headers, body);
        assert_eq!(reply.status, *status, "{method} {path}: {reply:?}");
        let problem = reply.json();
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json"),
            "{path}"
        );
        assert_eq!(problem["status"], json!(status));
        assert!(problem["type"].is_string() && problem["title"].is_string() && problem["detail"].is_string());
        assert!(reply.body.contains(word), "{method} {path}: {word} in {reply:?}");
        assert!(reply.header("x-request-id").is_some());
    }
}

#[test]
fn reads_that_make_no_sense_are_refused_by_name() {
    let shop = Shop::open();
    let get = |path, status, word| ("GET", path, vec![], &b""[..], status, word);
    let with = |name, value, path, status, word| ("GET", path, vec![(name, value)], &b""[..], status, word);
    check(
        &shop,
        &[
            get("/", 404, "path"),
            get("/v1/nothing", 404, "path"),
            get("/v1/orders/none", 404, "none"),
            get("/v1/orders/none/timeline", 404, "none"),
            get("/v1/orders/none/explain", 404, "none"),
            get("/v1/orders/%00", 404, "order"),
            get("/v1/orders/%ff", 400, "UTF-8"),
            get("/v1/customers/%C2%84/orders", 404, "customer"),
            get("/v1/orders?x=%ff", 400, "UTF-8"),
            get("/v1/orders?limit=0", 400, "limit"),
            get("/v1/orders?limit=1000000000", 400, "limit"),
            get("/v1/orders?limit=-1", 400, "limit"),
            get("/v1/orders?limit=1&limit=2", 400, "limit"),
            get("/v1/orders?status=lost", 400, "awaiting_payment"),
            get("/v1/orders?after=x", 400, "after"),
            get("/v1/orders?after=W10", 400, "after"),
            get("/v1/orders?after=WzEsMl0", 400, "after"),
            get("/v1/orders?order_id=o1", 400, "order_id"),
            get("/v1/stock/none", 404, "none"),
            get("/v1/coupons/none", 404, "none"),
            get("/v1/wallets/none", 404, "none"),
            get("/v1/dashboards/none", 404, "none"),
            get("/v1/dashboards/revenue?day=yesterday", 400, "YYYY-MM-DD"),
            get("/v1/dashboards/revenue?from=2026-02-30", 400, "from"),
            get("/v1/dashboards/revenue?until=2026-1-1", 400, "until"),
            get("/v1/dashboards/revenue?currency=won", 400, "three capitals"),
            get("/v1/dashboards/low-stock?currency=KRW", 400, "currency"),
            get("/v1/dashboards/top-products?from=2026-01-01", 400, "from"),
            get("/v1/dashboards/vip-customers?limit=0", 400, "limit"),
            get("/v1/products/none", 404, "none"),
            get("/v1/products/%00", 404, "product"),
            get("/v1/products/none/reviews", 404, "none"),
            get("/v1/products?limit=1001", 400, "limit"),
            get("/v1/products?after=x", 400, "after"),
            get("/v1/products?colour=red", 400, "colour"),
            get("/v1/carts/none", 404, "none"),
            get("/v1/views/none", 404, "none"),
            get("/v1/views/products?tags=x", 400, "tags"),
            get("/v1/views/product_ratings?mean=1", 400, "mean"),
            get("/v1/views/orders?nothing=1", 400, "order_id"),
            get("/v1/views/orders?total=much", 400, "whole number"),
            get("/v1/views/orders?placed_at=now", 400, "RFC 3339"),
            get("/v1/views/payments?main=maybe", 400, "true or false"),
            get("/v1/views/orders?reason_detail=x", 400, "reason_detail"),
            get("/v1/views/none/changes", 404, "none"),
            get("/v1/views/orders/changes?after=x", 400, "after"),
            with(
                "last-event-id",
                "-1",
                "/v1/views/orders/changes",
                400,
                "Last-Event-ID",
            ),
            with("millrace-after", "forged", "/v1/stock/x", 400, "Millrace-After"),
            with("accept", "image/png", "/v1/views/orders", 406, "text/csv"),
            ("DELETE", "/v1/orders/o1", vec![], b"", 405, "method"),
            ("PATCH", "/v1/orders", vec![], b"", 405, "method"),
            ("GET", "/v1/payments/confirm", vec![], b"", 405, "method"),
        ],
    );
    let reply = shop.client.send("DELETE", "/v1/orders/o1", &[], b"");
    assert!(
        reply.header("allow").is_some_and(|allow| allow.contains("GET")),
        "{reply:?}"
    );
}

#[test]
fn commands_that_would_be_quarantined_are_refused_and_not_appended() {
    let shop = Shop::open();
    let ends = |topic: &str| {
        shop.log
            .ends(topic)
            .expect("the topic is there")
            .iter()
            .sum::<u64>()
    };
    let post =
        |path, body: &'static str, status, word| ("POST", path, vec![JSON], body.as_bytes(), status, word);
    check(
        &shop,
        &[
            post("/v1/orders", "", 422, "customer_id"),
            post("/v1/orders", "[]", 400, "bad_json"),
            post("/v1/orders", "{", 400, "bad_json"),
            post(
                "/v1/orders",
                "{\"order_id\":\"a\",\"order_id\":\"b\"}",
                400,
                "bad_json",
            ),
            post("/v1/orders", "{}", 422, "missing_field"),
            post("/v1/orders", "{\"order_id\":7}", 422, "bad_field"),
            post("/v1/orders", "{\"type\":\"payment_confirmed\"}", 422, "type"),
            post("/v1/orders/o1/cancel", "{}", 422, "reason"),
            post(
                "/v1/orders/o1/cancel",
                "{\"order_id\":\"o2\",\"reason\":\"x\"}",
                422,
                "order_id",
            ),
            post(
                "/v1/orders/not%20an%20id/cancel",
                "{\"reason\":\"x\"}",
                422,
                "order_id",
            ),
            post(
                "/v1/orders/o1/cancel-lines",
                "{\"reason\":\"x\"}",
                422,
                "cancellation_id",
            ),
            post("/v1/orders/%22/redrive", "", 422, "order_id"),
            post("/v1/payments/confirm", "{}", 422, "order_id"),
            post(
                "/v1/payments/confirm",
                "{\"order_id\":\"none\"}",
                422,
                "unknown_order",
            ),
            post("/v1/coupons/c1/claim", "{}", 422, "customer_id"),
            post(
                "/v1/coupons/c1/claim",
                "{\"customer_id\":\"\"}",
                422,
                "customer_id",
            ),
            post("/v1/streams/none", "{}", 404, "none"),
            post("/v1/streams/timeline", "{}", 404, "timeline"),
            (
                "POST",
                "/v1/orders",
                vec![("content-type", "text/xml")],
                b"<a/>",
                415,
                "application/json",
            ),
            (
                "POST",
                "/v1/orders",
                vec![JSON, ("content-encoding", "gzip")],
                b"{}",
                415,
                "Content-Encoding",
            ),
            (
                "POST",
                "/v1/streams/orders",
                vec![("content-encoding", "br")],
                b"{}",
                415,
                "Content-Encoding",
            ),
            (
                "POST",
                "/v1/orders",
                vec![JSON],
                b"{\"a\":\"\xff\"}",
                400,
                "bad_utf8",
            ),
        ],
    );
    let deep = "[".repeat(200);
    let deep = format!("{{\"x\":{deep}{}}}", "]".repeat(200));
    let reply = shop.client.send("POST", "/v1/orders", &[JSON], deep.as_bytes());
    assert_eq!(reply.status, 400, "{reply:?}");
    for topic in ["orders", "payments", "coupons"] {
        assert_eq!(ends(topic), 0, "{topic}");
    }
}

#[test]
fn what_needs_state_to_be_refused_is_told_to_who_waits() {
    let shop = Shop::open();
    let reply = shop.post("/v1/orders/none/cancel", &json!({"reason": "x"}));
    assert_eq!(
        (reply.status, &reply.json()["reason"]),
        (422, &json!("unknown_order")),
        "{reply:?}"
    );
    shop.product("tea", 500, 10);
    shop.post("/v1/orders", &order("o1", "tea", 1, 500));
    let pay = json!({"order_id": "o1", "payment_key": "k1", "amount": 499});
    let reply = shop.post("/v1/payments/confirm", &pay);
    assert_eq!(
        (reply.status, &reply.json()["reason"]),
        (409, &json!("amount_mismatch")),
        "{reply:?}"
    );
}

#[test]
fn every_path_needs_the_token_but_one() {
    let config = Config {
        token: Some("s3cret".to_owned()),
        ..Config::default()
    };
    let shop = Shop::with(config);
    let address = shop.client.address;
    let stranger = crate::client::Client::new(address, None);
    let wrong = crate::client::Client::new(address, Some("s3creT".to_owned()));
    for route in ROUTES {
        let path = route.path.replace(['{', '}'], "");
        let method = route.method.to_uppercase();
        for client in [&stranger, &wrong] {
            let reply = client.send(&method, &path, &[], b"");
            let expected = if path == "/healthz" { 200 } else { 401 };
            assert_eq!(reply.status, expected, "{method} {path}");
            assert!(path == "/healthz" || reply.header("www-authenticate") == Some("Bearer"));
        }
    }
    assert_eq!(stranger.get("/nowhere").status, 401);
    assert_eq!(shop.client.get("/v1/orders").status, 200);
}

#[test]
fn too_much_at_once_is_refused_before_anything_is_done() {
    let config = Config {
        requests_max: 1,
        ..Config::default()
    };
    let shop = Shop::with(config);
    // Takes the only place, and keeps it while its body does not come.
    let busy = shop.client.raw(HEAD.as_bytes());
    let refused = std::iter::repeat_with(|| shop.client.get("/v1/orders")).take(1_000);
    let refused = refused
        .into_iter()
        .find(|reply| reply.status != 200)
        .expect("the place is taken");
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1")),
        "{refused:?}"
    );
    assert_eq!(shop.client.get("/healthz").status, 200);
    assert_eq!(shop.client.get("/metrics").status, 200);
    drop(busy);
}

#[test]
fn the_description_covers_every_route_and_says_what_is_answered() {
    let shop = Shop::open();
    let document = shop.client.get("/openapi.json").json();
    let paths = document["paths"].as_object().expect("paths");
    let described: usize = paths
        .values()
        .map(|path| path.as_object().map_or(0, serde_json::Map::len))
        .sum();
    assert_eq!(described, ROUTES.len());
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method];
        assert!(operation["summary"].is_string(), "{}", route.path);
        let path = route.path.replace(['{', '}'], "");
        let reply = shop.client.send(&route.method.to_uppercase(), &path, &[], b"");
        assert!(reply.status < 500 || path == "/readyz", "{path}: {reply:?}");
        let responses = &operation["responses"];
        let response = &responses[reply.status.to_string()];
        let media = reply
            .header("content-type")
            .expect("a type")
            .split(';')
            .next()
            .unwrap_or_default();
        assert!(
            response["content"][media].is_object(),
            "{path}: {media} in {response}"
        );
    }
    let references = serde_json::to_string(&document).expect("JSON");
    for name in references.split("#/components/schemas/").skip(1) {
        let name = name.split('"').next().unwrap_or_default();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    let page = shop.client.get("/docs");
    assert!(page.body.contains("/v1/orders/{order_id}/explain"));
}
