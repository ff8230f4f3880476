//! Many at once: nobody's order is lost or mixed up with another's, and nobody reads less than was written.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value as Json, json};

use crate::client::read;
use crate::shop::{Shop, order};

/// How many connections this process can have with itself, besides its other files.
fn connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    soft.map_or(1_000, |soft| (soft.saturating_sub(200) / 2).min(1_000))
}

#[test]
fn a_thousand_who_wait_at_once_each_get_their_own_order() {
    let count = connections();
    println!("{count} posts wait at once");
    let shop = Shop::open();
    shop.product("tea", 500, i64::try_from(count).expect("a small number"));
    let all: Vec<(String, i64)> = (0..count)
        .map(|n| (format!("o{n:04}"), if n % 10 == 0 { 499 } else { 500 }))
        .collect();
    let headers = [("content-type", "application/json"), ("prefer", "wait=60")];
    let streams: Vec<TcpStream> = all
        .iter()
        .map(|(id, price)| {
            let body = order(id, "tea", 1, *price).to_string();
            shop.client.open("POST", "/v1/orders", &headers, body.as_bytes())
        })
        .collect();
    let mut tokens = BTreeSet::new();
    for ((id, price), stream) in all.iter().zip(streams) {
        let reply = read(stream, false);
        let body = reply.json();
        assert_eq!(body["order_id"], json!(id), "{reply:?}");
        assert_eq!(body["as_of"], json!(reply.epoch()));
        if *price == 500 {
            assert_eq!(reply.status, 201, "{reply:?}");
            assert_eq!(body["status"], "awaiting_payment");
            assert_eq!(body["lines"][0]["sku"], "tea");
            assert_eq!(body["payments"], json!([]));
        } else {
            assert_eq!(reply.status, 409, "{reply:?}");
            assert_eq!(body["reason"], "price_changed");
        }
        assert!(tokens.insert(body["token"].to_string()), "{reply:?}");
        // What was answered is what is read, but for its token and its moment.
        let mut again = shop.client.get(&format!("/v1/orders/{id}")).json();
        if *price == 500 {
            let mut body = body;
            for answer in [&mut body, &mut again] {
                let answer = answer.as_object_mut().expect("an object");
                answer.remove("token");
                answer.remove("as_of");
            }
            assert_eq!(body, again);
        }
    }
    let good = all.iter().filter(|(_, price)| *price == 500).count();
    let stock = shop.client.get("/v1/stock/tea").json();
    assert_eq!(stock["held"], json!(good), "{stock}");
}

#[test]
fn the_same_order_posted_by_many_at_once_is_one_order() {
    let shop = Shop::open();
    shop.product("tea", 500, 100);
    let headers = [("content-type", "application/json"), ("prefer", "wait=60")];
    let streams: Vec<(i64, TcpStream)> = (0..40)
        .map(|n| {
            let quantity = 1 + n % 2;
            let body = order("o", "tea", quantity, 500).to_string();
            let stream = shop.client.open("POST", "/v1/orders", &headers, body.as_bytes());
            (quantity, stream)
        })
        .collect();
    let replies: Vec<_> = streams
        .into_iter()
        .map(|(quantity, stream)| (quantity, read(stream, false)))
        .collect();
    let stands = shop.client.get("/v1/orders/o").json()["lines"][0]["quantity"].clone();
    for (quantity, reply) in replies {
        if json!(quantity) == stands {
            assert_eq!(reply.status, 201, "{reply:?}");
            assert_eq!(reply.json()["order_id"], "o");
        } else {
            assert_eq!(reply.status, 409, "{reply:?}");
            assert_eq!(reply.json()["reason"], "conflict");
        }
    }
    assert_eq!(shop.client.get("/v1/stock/tea").json()["held"], stands);
}

#[test]
fn whoever_has_a_token_reads_what_it_names_and_all_that_was_acknowledged_before() {
    let shop = Shop::open();
    shop.product("tea", 500, 1_000_000);
    let placed: Mutex<Vec<(usize, usize, String)>> = Mutex::default();
    let done = AtomicBool::new(false);
    let headers = [("content-type", "application/json")];
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (shop, placed) = (&shop, &placed);
                scope.spawn(move || {
                    for n in 0..60 {
                        let body = order(&format!("w{writer}-{n}"), "tea", 1, 500).to_string();
                        let reply = shop.client.send("POST", "/v1/orders", &headers, body.as_bytes());
                        assert_eq!(reply.status, 202, "{reply:?}");
                        let token = reply.json()["token"].as_str().expect("a token").to_owned();
                        placed.lock().expect("nobody panicked").push((writer, n, token));
                    }
                })
            })
            .collect();
        for reader in 0..3 {
            let (shop, placed, done) = (&shop, &placed, &done);
            scope.spawn(move || {
                let mut turn = reader;
                while !done.load(Ordering::Relaxed) {
                    turn += 1;
                    let last = placed.lock().expect("nobody panicked").last().cloned();
                    if let Some((writer, n, token)) = last {
                        check(shop, turn, writer, n, &token);
                    }
                }
            });
        }
        writers
            .into_iter()
            .for_each(|writer| writer.join().expect("a writer ends well"));
        done.store(true, Ordering::Relaxed);
    });
    for (writer, n, token) in placed.into_inner().expect("nobody panicked") {
        check(&shop, n, writer, n, &token);
    }
    assert_eq!(shop.client.get("/v1/stock/tea").json()["held"], json!(180));
}

/// Under the token of a writer's order number `n` it and all that this writer had placed before are there.
fn check(shop: &Shop, turn: usize, writer: usize, n: usize, token: &str) {
    match turn % 3 {
        0 => {
            let any = turn * 31 % (n + 1);
            for n in [n, any] {
                let order = shop.get_after(&format!("/v1/orders/w{writer}-{n}"), token);
                assert_eq!(order.status, 200, "{order:?}");
                assert_eq!(order.json()["status"], "awaiting_payment");
            }
        }
        1 => {
            let stock = shop.get_after("/v1/stock/tea", token).json();
            let held = stock["held"].as_u64().expect("a number");
            assert!(held > n as u64, "{stock} after {n}");
        }
        _ => {
            let list = shop.get_after("/v1/orders?limit=1000", token).json();
            let items = list["items"].as_array().expect("items");
            let ours = format!("w{writer}-");
            let is_ours = |row: &&Json| row["order_id"].as_str().is_some_and(|id| id.starts_with(&ours));
            let seen = items.iter().filter(is_ours).count();
            assert!(seen > n, "{seen} after {n}");
        }
    }
}
