//! Requests that want too much: bodies without end, packed bombs, tokens and resume points that nobody gave.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use millrace_api::Config;
use serde_json::json;

use crate::bad_input::{HEAD, JSON};
use crate::client::read;
use crate::shop::{Shop, order};

#[test]
fn bodies_have_a_limit_and_a_time() {
    let config = Config {
        arrival: Duration::from_millis(300),
        stream_bytes_max: 3 << 20,
        ..Config::default()
    };
    let shop = Shop::with(config);
    let big = vec![b' '; 100 << 20];
    let reply = shop.client.send("POST", "/v1/orders", &[JSON], &big[..2 << 20]);
    assert_eq!(reply.status, 413, "{reply:?}");
    // Lines that came before the limit are kept.
    let line = json!({"type": "stock_received", "receipt_id": "r1", "sku": "tea", "quantity": 1}).to_string();
    let long = [line.as_bytes(), b"\n", &big[..4 << 20]].concat();
    let reply = shop.client.send("POST", "/v1/streams/stock", &[], &long);
    assert_eq!(
        (reply.status, &reply.json()["accepted"]),
        (413, &json!(1)),
        "{reply:?}"
    );
    // A head, or a body, that never ends.
    let endless = format!("{HEAD}{{");
    let reply = read(shop.client.raw(endless.as_bytes()), false);
    assert_eq!(reply.status, 408, "{reply:?}");
    let mut slow = shop.client.raw(b"GET /v1/orders HTTP/1.1\r\nhost:");
    let mut nothing = Vec::new();
    let closed = slow.read_to_end(&mut nothing);
    assert!(closed.is_ok(), "it is closed: {closed:?}");
}

#[test]
fn a_body_of_100_mb_is_refused_unread_or_as_one_line_too_long() {
    let shop = Shop::open();
    let big = vec![b'7'; 100 << 20];
    let reply = shop.client.send("POST", "/v1/orders", &[JSON], &big);
    assert_eq!(
        (reply.status, &reply.json()["reason"]),
        (413, &json!("too_large")),
        "{reply:?}"
    );
    let reply = shop.client.send("POST", "/v1/streams/stock", &[], &big);
    assert_eq!(
        (reply.status, &reply.json()["accepted"]),
        (202, &json!(0)),
        "{reply:?}"
    );
    assert_eq!(reply.json()["rejected"][0]["reason"], "too_large", "{reply:?}");
    assert_eq!(shop.client.get("/v1/orders").status, 200);
}

#[test]
fn a_body_in_chunks_without_end_is_cut_off_by_size_and_by_time() {
    let config = Config {
        arrival: Duration::from_secs(2),
        stream_bytes_max: 3 << 20,
        ..Config::default()
    };
    let shop = Shop::with(config);
    let line = json!({"type": "stock_received", "receipt_id": "r1", "sku": "tea", "quantity": 1}).to_string();
    let mut part = format!("10000\r\n{line}\n").into_bytes();
    part.resize(7 + (64 << 10), b' ');
    part.extend_from_slice(b"\r\n");
    for (path, accepted) in [("/v1/orders", None), ("/v1/streams/stock", Some(49))] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\n\r\n"
        );
        let mut stream = shop.client.raw(head.as_bytes());
        // Until the server has had enough.
        while stream.write_all(&part).is_ok() {}
        let stream = shop.client.raw(
            &[
                head.as_bytes(),
                &part.repeat(if accepted.is_some() { 49 } else { 17 }),
            ]
            .concat(),
        );
        let reply = read(stream, false);
        assert_eq!(reply.status, 413, "{path}: {reply:?}");
        if let Some(accepted) = accepted {
            assert!(reply.json()["accepted"].as_u64() < Some(accepted), "{reply:?}");
        }
    }
    // One byte after another, each in time, the whole not.
    let head = "POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let mut stream = shop.client.raw(head.as_bytes());
    let mut writer = stream.try_clone().expect("it can be shared");
    let began = Instant::now();
    let writing = std::thread::spawn(move || {
        while began.elapsed() < Duration::from_secs(30) && writer.write_all(b"1\r\n \r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    drop(stream);
    writing.join().expect("it ends once nobody listens");
}

/// A gzip stream is never unpacked: it is refused where it is named, and no JSON where it is not.
#[test]
fn what_is_packed_is_not_unpacked() {
    let shop = Shop::open();
    // The head of a gzip stream, and a block of zeros that stands for more of them than there is memory.
    let bomb = [
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xed, 0xc1, 1, 1, 0, 0][..],
        &[0; 4096],
    ]
    .concat();
    for encoding in [
        "gzip",
        "GZIP",
        "deflate",
        "br",
        "zstd",
        "gzip, gzip",
        "identity, gzip",
    ] {
        for path in ["/v1/orders", "/v1/streams/stock"] {
            let headers = [JSON, ("content-encoding", encoding)];
            let reply = shop.client.send("POST", path, &headers, &bomb);
            assert_eq!(reply.status, 415, "{encoding} {path}: {reply:?}");
        }
    }
    let reply = shop.client.send("POST", "/v1/orders", &[JSON], &bomb);
    assert_eq!(reply.status, 400, "{reply:?}");
    let reply = shop.client.send("POST", "/v1/streams/stock", &[], &bomb);
    assert_eq!(reply.json()["rejected"][0]["reason"], "bad_utf8", "{reply:?}");
}

#[test]
fn a_forged_token_makes_only_its_owner_wait_and_a_stale_one_nobody() {
    let shop = Shop::open();
    shop.product("tea", 500, 10);
    let stale = shop.post("/v1/orders", &order("o1", "tea", 1, 500)).json()["token"].clone();
    let stale = stale.as_str().expect("a token").to_owned();
    shop.post("/v1/orders", &order("o2", "tea", 1, 500));
    let began = Instant::now();
    let reply = shop.get_after("/v1/orders/o2", &stale);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(began.elapsed() < Duration::from_secs(2));
    for forged in [
        "orders.0.999999999",
        "orders.77.1",
        "reviews.1.1",
        "999999999999",
        &format!("{stale}~stock.0.9999"),
    ] {
        let headers = [("millrace-after", forged), ("prefer", "wait=1")];
        let reply = shop.client.send("GET", "/v1/orders/o2", &headers, b"");
        assert_eq!(
            (reply.status, &reply.json()["type"]),
            (504, &json!("not-yet-visible")),
            "{forged}: {reply:?}"
        );
        assert_eq!(reply.json()["as_of"].as_u64(), reply.epoch().into(), "{reply:?}");
    }
    let long = format!("orders.0.1{}", "~orders.0.1".repeat(1000));
    for broken in [
        "",
        "-1",
        "orders",
        "orders.0",
        "orders.0.1~",
        "nothing.0.1",
        "orders.0.1 x",
        &long,
    ] {
        let reply = shop
            .client
            .send("GET", "/v1/orders/o2", &[("millrace-after", broken)], b"");
        assert_eq!(reply.status, 400, "{broken}: {reply:?}");
    }
}

#[test]
fn a_resume_point_from_the_future_is_gone_however_it_is_said() {
    let shop = Shop::open();
    let changes = "/v1/views/orders/changes";
    for (path, headers) in [
        ("/v1/views/orders/changes?after=1000000000", vec![]),
        (changes, vec![("last-event-id", "1000000000")]),
        (changes, vec![("last-event-id", "18446744073709551615")]),
        (
            "/v1/views/orders/changes?after=0",
            vec![("last-event-id", "1000000000")],
        ),
    ] {
        let reply = shop.client.send("GET", path, &headers, b"");
        assert_eq!(reply.status, 410, "{path}: {reply:?}");
        let problem = reply.json();
        assert!(
            problem["oldest"].is_u64() && problem["newest"].is_u64(),
            "{problem}"
        );
    }
    let past_all = "18446744073709551616";
    let reply = shop
        .client
        .send("GET", changes, &[("last-event-id", past_all)], b"");
    assert_eq!(reply.status, 400, "{reply:?}");
}
