//! Following a view: the copy that the events make is the view.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::TcpStream;
use std::time::Duration;

use contract::views::View;
use millrace_api::Config;
use serde_json::{Value as Json, json};

use crate::client::{chunk, head};
use crate::shop::{Shop, order};

/// A follower's copy of a view.
struct Copy {
    reader: BufReader<TcpStream>,
    text: String,
    rows: BTreeMap<String, Json>,
}

enum Event {
    Change,
    Progress(u64),
    End(String),
}

impl Copy {
    fn follow(shop: &Shop, view: &str, after: Option<u64>) -> Copy {
        let path = format!("/v1/views/{view}/changes");
        let after = after.map(|epoch| epoch.to_string());
        let headers: Vec<(&str, &str)> = after
            .iter()
            .map(|epoch| ("last-event-id", epoch.as_str()))
            .collect();
        let stream = shop.client.open("GET", &path, &headers, b"");
        let mut reader = BufReader::new(stream);
        let (status, headers) = head(&mut reader);
        assert_eq!(status, 200);
        assert!(headers.contains(&("content-type".to_owned(), "text/event-stream".to_owned())));
        Copy {
            reader,
            text: String::new(),
            rows: BTreeMap::new(),
        }
    }

    fn next(&mut self) -> Event {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(str::trim)
                };
                let Some(data) = field("data:") else { continue };
                let data: Json = serde_json::from_str(data).expect("data is JSON");
                match field("event:") {
                    Some("progress") => {
                        let epoch = field("id:").and_then(|id| id.parse().ok()).expect("an id");
                        assert_eq!(data["epoch"], json!(epoch));
                        return Event::Progress(epoch);
                    }
                    Some("end") => return Event::End(data["reason"].to_string()),
                    _ => self.apply(&data),
                }
                return Event::Change;
            }
            let mut part = Vec::new();
            assert!(chunk(&mut self.reader, &mut part), "the events go on");
            self.text.push_str(&String::from_utf8(part).expect("UTF-8"));
        }
    }

    fn apply(&mut self, data: &Json) {
        let key = data["key"].to_string();
        match data["op"].as_str() {
            Some("upsert") => self.rows.insert(key, data["row"].clone()),
            Some("delete") => self.rows.remove(&key),
            other => panic!("{other:?}"),
        };
    }

    /// Follows until the copy is whole as of `epoch` or later.
    fn until(&mut self, epoch: u64) -> u64 {
        loop {
            match self.next() {
                Event::Progress(at) if at >= epoch => return at,
                Event::End(why) => panic!("{why}"),
                _ => {}
            }
        }
    }

    fn values(&self) -> Vec<Json> {
        self.rows.values().cloned().collect()
    }
}

fn sorted(rows: &Json) -> Vec<String> {
    let mut rows: Vec<String> = rows
        .as_array()
        .expect("items")
        .iter()
        .map(Json::to_string)
        .collect();
    rows.sort();
    rows
}

#[test]
fn a_follower_s_copy_is_the_view_also_after_it_was_away() {
    let shop = Shop::open();
    shop.product("tea", 500, 100);
    for n in 0..5 {
        shop.post("/v1/orders", &order(&format!("before-{n}"), "tea", 1, 500));
    }
    let views = [
        "orders",
        "order_timeline",
        "stock_levels",
        "stream_counts",
        "quarantine",
    ];
    let mut copies: Vec<Copy> = views.iter().map(|view| Copy::follow(&shop, view, None)).collect();
    let starts: Vec<u64> = copies.iter_mut().map(|copy| copy.until(0)).collect();
    let mut last = 0;
    for n in 0..20 {
        let reply = shop.post("/v1/orders", &order(&format!("o{n}"), "tea", 1, 500));
        last = last.max(reply.epoch());
        let reply = shop.post(&format!("/v1/orders/o{n}/cancel"), &json!({"reason": "x"}));
        last = last.max(reply.epoch());
    }
    for ((view, copy), start) in views.iter().zip(&mut copies).zip(starts) {
        copy.until(last);
        let view_now = shop.client.get(&format!("/v1/views/{view}?limit=1000")).json();
        let mut rows: Vec<String> = copy.values().iter().map(Json::to_string).collect();
        rows.sort();
        assert_eq!(rows, sorted(&view_now["items"]), "{view}");
        // Whoever comes back gets what it missed.
        let mut back = Copy::follow(&shop, view, Some(start));
        back.until(last);
        for (key, row) in &back.rows {
            assert_eq!(copy.rows.get(key), Some(row), "{view}");
        }
        assert!(back.rows.len() >= 20 || *view != "orders", "{}", back.rows.len());
    }
}

/// Records that leave rows in the views of carts and reviews, and take some away again.
fn browsed(shop: &Shop) {
    fn item(sku: &str, quantity: i64) -> Json {
        json!({"type": "cart_item_set", "customer_id": "c1", "sku": sku, "quantity": quantity})
    }
    let review = |id: &str| {
        json!({
            "type": "review_posted", "review_id": id, "customer_id": "c1", "sku": "tea", "rating": 4,
            "text": "as it should be",
        })
    };
    let token = shop.stream("carts", &[item("tea", 1), item("pot", 2), item("pen", 3)]);
    shop.get_after("/v1/carts/c1", &token);
    let token = shop.stream("reviews", &[review("r1"), review("r2")]);
    shop.get_after("/v1/products/tea", &token);
    shop.stream("carts", &[item("pot", 0), item("tea", 5)]);
    let deleted = json!({"type": "review_deleted", "review_id": "r1"});
    let edited = json!({"type": "review_edited", "review_id": "r2", "rating": 2});
    shop.stream("reviews", &[deleted, edited]);
}

/// Records that leave a row in every view of money and stock but the audits, and change many.
fn busy(shop: &Shop) -> String {
    let pay = |kind: &str, order: &str, amount: i64, more: &Json| {
        let mut record = json!({
            "type": kind, "order_id": order, "payment_key": format!("k-{order}"), "amount": amount,
            "currency": "KRW",
        });
        let members = more.as_object().expect("an object").clone();
        record.as_object_mut().expect("an object").extend(members);
        record
    };
    let placed = |id: &str, quantity: i64, more: &Json| {
        let mut record = order(id, "tea", quantity, 500);
        let members = record.as_object_mut().expect("an object");
        members.insert("type".to_owned(), json!("order_placed"));
        members.extend(more.as_object().expect("an object").clone());
        record
    };
    let none = json!({});
    let campaign = json!({
        "type": "campaign_created", "campaign_id": "c", "name": "C", "quota": 5, "currency": "KRW",
        "discount": {"type": "amount", "value": 100},
    });
    let claim =
        |customer: &str| json!({"type": "coupon_claimed", "campaign_id": "c", "customer_id": customer});
    let topup = json!({
        "type": "wallet_topped_up", "topup_id": "t1", "customer_id": "c1", "amount": 200, "currency": "KRW",
    });
    let adjusted = json!({
        "type": "stock_adjusted", "adjustment_id": "a1", "sku": "tea", "delta": -99, "reason": "broken",
    });
    let raised = json!({"type": "attention_raised", "kind": "look", "subject": "s", "note": "n"});
    shop.stream("coupons", &[campaign, claim("c1"), claim("c2")]);
    let token = shop.stream("wallets", &[topup]);
    shop.get_after("/v1/wallets/c1", &token);
    let with = json!({"campaign_id": "c", "wallet_amount": 150});
    let token = shop.stream(
        "orders",
        &[
            placed("p1", 2, &with),
            placed("p2", 3, &none),
            placed("p3", 1, &none),
        ],
    );
    shop.get_after("/v1/orders/p1", &token);
    shop.stream(
        "payments",
        &[
            pay("payment_submitted", "p1", 750, &none),
            pay("payment_submitted", "p2", 1500, &none),
            pay("payment_confirmed", "p2", 1500, &none),
            pay("payment_refunded", "nobody", 1, &json!({"refund_id": "r"})),
        ],
    );
    let cancel = json!({"type": "order_cancel_requested", "order_id": "p2", "reason": "x"});
    shop.stream("orders", &[cancel]);
    shop.stream("operations", &[raised]);
    shop.stream("stock", &[adjusted])
}

#[test]
fn a_follower_s_copy_of_every_view_is_the_view() {
    let shop = Shop::open();
    let views: Vec<&str> = View::ALL.iter().map(|view| view.schema().name).collect();
    shop.product("tea", 500, 100);
    let mut copies: Vec<Copy> = views.iter().map(|view| Copy::follow(&shop, view, None)).collect();
    let starts: Vec<u64> = copies.iter_mut().map(|copy| copy.until(0)).collect();
    browsed(&shop);
    let token = busy(&shop);
    let last = shop.get_after("/v1/audits", &token).epoch();
    for ((view, copy), start) in views.iter().zip(&mut copies).zip(starts) {
        copy.until(last);
        let now = shop.client.get(&format!("/v1/views/{view}?limit=1000")).json();
        let mut rows: Vec<String> = copy.values().iter().map(Json::to_string).collect();
        rows.sort();
        assert_eq!(rows, sorted(&now["items"]), "{view}");
        assert_eq!(rows.is_empty(), *view == "audits", "{view}: {rows:?}");
        // Who was away since the start, with the copy of then, has the same once it is back.
        let mut back = Copy::follow(&shop, view, Some(start));
        back.until(last);
        for (key, row) in &back.rows {
            assert_eq!(copy.rows.get(key), Some(row), "{view}");
        }
    }
}

#[test]
fn a_resume_point_that_is_gone_or_not_there_yet_is_told() {
    let directory = Shop::open().stop();
    // Room for the keys of a few commits.
    let shop = Shop::at(directory, Config::default(), 200);
    shop.product("tea", 500, 100);
    for n in 0..10 {
        shop.post("/v1/orders", &order(&format!("o{n}"), "tea", 1, 500));
    }
    let gone = shop
        .client
        .send("GET", "/v1/views/orders/changes?after=0", &[], b"");
    assert_eq!(gone.status, 410, "{gone:?}");
    assert!(gone.json()["oldest"].as_u64().expect("an epoch") > 0);
    let future = shop
        .client
        .send("GET", "/v1/views/orders/changes?after=999999999", &[], b"");
    assert_eq!(future.status, 410, "{future:?}");
}

#[test]
fn what_is_gone_is_told_as_deleted() {
    let shop = Shop::open();
    let about = |kind: &str| json!({"type": kind, "kind": "look", "subject": "s", "note": "n"});
    let token = shop.stream("operations", &[about("attention_raised")]);
    shop.get_after("/v1/attention", &token);
    let mut copy = Copy::follow(&shop, "attention", None);
    copy.until(0);
    assert_eq!(copy.rows.len(), 1);
    let token = shop.stream("operations", &[about("attention_resolved")]);
    let gone = shop.get_after("/v1/attention", &token);
    assert_eq!(gone.json()["items"], json!([]));
    copy.until(gone.epoch());
    assert_eq!(copy.rows.len(), 0);
}

#[test]
fn a_follower_that_takes_nothing_is_dropped_with_a_reason() {
    let config = Config {
        // Whoever is not quick enough once is too slow.
        follower_stall: Duration::ZERO,
        ..Config::default()
    };
    let shop = Shop::with(config);
    let received = |n: usize| {
        let sku = format!("sku-{n:060}");
        json!({"type": "stock_received", "receipt_id": format!("r{n}"), "sku": sku, "quantity": 1})
    };
    let lines: Vec<Json> = (0..60_000).map(received).collect();
    let token = shop.stream("stock", &lines);
    assert_eq!(shop.get_after("/v1/stock/none", &token).status, 404);
    // More than the system keeps for who does not read.
    let mut copy = Copy::follow(&shop, "stock_levels", None);
    while shop
        .client
        .get("/metrics")
        .body
        .contains("millrace_followers_dropped_total 0")
    {
        std::thread::yield_now();
    }
    let why = loop {
        match copy.next() {
            Event::End(why) => break why,
            Event::Progress(_) => panic!("it was quick enough"),
            Event::Change => {}
        }
    };
    assert!(why.contains("Last-Event-ID"), "{why}");
}

#[test]
fn a_server_that_stops_says_so_to_its_followers() {
    let mut shop = Shop::open();
    let mut copy = Copy::follow(&shop, "orders", None);
    copy.until(0);
    shop.stop_server();
    loop {
        if let Event::End(why) = copy.next() {
            assert!(why.contains("stops"), "{why}");
            break;
        }
    }
}
