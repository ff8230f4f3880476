//! Reads: one moment an answer, which never goes back; pages; waiting.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value as Json, json};

use crate::shop::{Shop, order};

#[test]
fn what_was_written_is_read_and_epochs_never_go_back_under_load() {
    let shop = Shop::open();
    shop.product("tea", 500, 1_000_000);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let shop = &shop;
                scope.spawn(move || {
                    for n in 0..25 {
                        let id = format!("w{writer}-{n}");
                        let headers = [("content-type", "application/json")];
                        let body = order(&id, "tea", 1, 500).to_string();
                        let reply = shop.client.send("POST", "/v1/orders", &headers, body.as_bytes());
                        assert_eq!(reply.status, 202, "{reply:?}");
                        let token = reply.json()["token"].as_str().expect("a token").to_owned();
                        let read = shop.get_after(&format!("/v1/orders/{id}"), &token);
                        assert_eq!(read.status, 200, "{read:?}");
                        assert_eq!(read.json()["status"], "awaiting_payment");
                    }
                })
            })
            .collect();
        for path in [
            "/v1/stock/tea",
            "/v1/orders?limit=3",
            "/v1/views/stock_levels",
            "/v1/orders",
        ] {
            let (shop, done) = (&shop, &done);
            scope.spawn(move || {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let reply = shop.client.get(path);
                    assert_eq!(reply.status, 200, "{reply:?}");
                    assert!(reply.epoch() >= last, "{path}: {} after {last}", reply.epoch());
                    assert_eq!(reply.json()["as_of"], reply.epoch());
                    last = reply.epoch();
                }
            });
        }
        writers
            .into_iter()
            .for_each(|writer| writer.join().expect("a writer ends well"));
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn pages_hold_every_order_once_newest_first() {
    let shop = Shop::open();
    shop.product("tea", 500, 1_000);
    let mut lines = Vec::new();
    for n in 0..25 {
        let mut placed = order(&format!("o{n:02}"), "tea", 1, 500);
        placed["type"] = json!("order_placed");
        // Some at the same time.
        placed["placed_at"] = json!(format!("2020-01-01T00:00:{:02}Z", n / 3));
        placed["customer_id"] = json!(format!("c{}", n % 2));
        lines.push(placed);
    }
    let token = shop.stream("orders", &lines);
    shop.get_after("/v1/stock/tea", &token);
    for (path, count) in [
        ("/v1/orders?", 25),
        ("/v1/orders?status=awaiting_payment&", 25),
        ("/v1/orders?status=confirmed&", 0),
        ("/v1/customers/c1/orders?", 12),
        ("/v1/views/orders?customer_id=c0&", 13),
        ("/v1/views/order_lines?", 25),
    ] {
        let mut all: Vec<Json> = Vec::new();
        let mut after = String::new();
        loop {
            let page = shop.client.get(&format!("{path}limit=4{after}"));
            assert_eq!(page.status, 200, "{page:?}");
            let page = page.json();
            all.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(all.len(), count, "{path}");
        let ids: BTreeSet<String> = all.iter().map(|row| row["order_id"].to_string()).collect();
        assert_eq!(ids.len(), count, "{path}");
        if path.starts_with("/v1/orders") || path.starts_with("/v1/customers") {
            let mut expected = all.clone();
            expected.sort_by_key(|row| {
                let time = row["placed_at"].as_str().expect("a time").to_owned();
                (std::cmp::Reverse(time), row["order_id"].to_string())
            });
            assert_eq!(all, expected, "{path}");
        }
    }
}

#[test]
fn a_read_waits_for_what_it_was_told_to_and_says_when_it_is_not_there() {
    let shop = Shop::open();
    let future = (shop.feed.epoch().0 + 1_000_000).to_string();
    let headers = [("millrace-after", future.as_str()), ("prefer", "wait=1")];
    let reply = shop.client.send("GET", "/v1/orders", &headers, b"");
    assert_eq!(
        (reply.status, &reply.json()["type"]),
        (504, &json!("not-yet-visible")),
        "{reply:?}"
    );
    let soon = (shop.feed.epoch().0 + 1).to_string();
    let reply = shop.get_after("/v1/orders", &soon);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.epoch() >= soon.parse().expect("a number"));
}

#[test]
fn a_view_is_read_as_csv_too() {
    let shop = Shop::open();
    let raised = json!({"type": "attention_raised", "kind": "look", "subject": "a,\"b\"", "note": "x"});
    let token = shop.stream("operations", &[raised]);
    let headers = [("millrace-after", token.as_str()), ("accept", "text/csv")];
    let reply = shop.client.send("GET", "/v1/views/attention", &headers, b"");
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8"));
    let mut lines = reply.body.split("\r\n");
    assert_eq!(lines.next(), Some("kind,subject,since,detail"));
    assert!(
        lines.next().expect("a row").starts_with("look,\"a,\"\"b\"\"\","),
        "{reply:?}"
    );
    let list = shop.client.get("/v1/views").json();
    assert_eq!(
        list["items"].as_array().expect("items").len(),
        contract::views::View::ALL.len()
    );
}
