//! Following a view: the copy that the events make is the view.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::TcpStream;

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

#[test]
fn a_resume_point_that_is_gone_or_not_there_yet_is_told() {
    let directory = Shop::open().stop();
    // Room for the keys of a few commits.
    let shop = Shop::at(directory, millrace_api::Config::default(), 200);
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
