//! Lines of records: the good ones are kept, the bad ones told.

use serde_json::json;

use crate::shop::Shop;

fn received(id: &str) -> String {
    json!({"type": "stock_received", "receipt_id": id, "sku": "tea", "quantity": 1}).to_string()
}

#[test]
fn bad_lines_are_refused_with_their_number_and_the_good_ones_kept() {
    let shop = Shop::open();
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(1 << 20));
    let lines = [
        received("r1"),
        "not json".to_owned(),
        String::new(),
        "{\"type\":\"stock_received\",\"receipt_id\":\"r2\",\"sku\":\"tea\",\"quantity\":0}".to_owned(),
        long,
        "{\"type\":\"stock_vanished\"}".to_owned(),
        received("r3"),
    ];
    // The last line ends without a line's end.
    let reply = shop
        .client
        .send("POST", "/v1/streams/stock", &[], lines.join("\r\n").as_bytes());
    assert_eq!(reply.status, 202, "{reply:?}");
    let body = reply.json();
    assert_eq!(body["accepted"], 2);
    let rejected: Vec<_> = body["rejected"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|line| {
            (
                line["line"].as_u64().expect("a number"),
                line["reason"].as_str().expect("a word"),
            )
        })
        .collect();
    let expected = [
        (2, "bad_json"),
        (4, "bad_field"),
        (5, "too_large"),
        (6, "unknown_type"),
    ];
    assert_eq!(rejected, expected);
    let token = body["token"].as_str().expect("a token");
    let stock = shop.get_after("/v1/stock/tea", token);
    assert_eq!(stock.json()["on_hand"], 2, "{stock:?}");
    // What was refused is not in the log.
    let counts = shop.client.get("/v1/views/stream_counts?topic=stock").json();
    assert_eq!(counts["items"][0]["received"], 2, "{counts}");
}

#[test]
fn lines_are_the_same_however_the_body_is_cut() {
    let shop = Shop::open();
    let mut body = Vec::new();
    let text: String = (0..50).map(|n| received(&format!("r{n}")) + "\n").collect();
    for part in text.as_bytes().chunks(7) {
        body.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    let chunked = [("transfer-encoding", "chunked")];
    let reply = shop.client.send("POST", "/v1/streams/stock", &chunked, &body);
    assert_eq!(
        (reply.status, &reply.json()["accepted"]),
        (202, &json!(50)),
        "{reply:?}"
    );
    let token = reply.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!(shop.get_after("/v1/stock/tea", &token).json()["on_hand"], 50);
}

#[test]
fn a_record_keeps_the_trace_and_the_text_of_its_request() {
    let shop = Shop::open();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let text = "{ \"order_id\" : \"o1\", \"extra\": 1.50, \"customer_id\":\"c\",\"currency\":\"KRW\",\
                \"lines\":[{\"sku\":\"tea\",\"quantity\":1,\"unit_price\":1}]}";
    let headers = [("content-type", "application/json"), ("traceparent", trace)];
    let reply = shop.client.send("POST", "/v1/orders", &headers, text.as_bytes());
    assert_eq!(reply.status, 202, "{reply:?}");
    let mut found = 0;
    for partition in 0..2 {
        let mut reader = shop
            .log
            .read("orders", partition, 0)
            .expect("the partition is there");
        while let Some(records) = reader.next_run(u64::MAX).expect("it can be read") {
            for record in records {
                found += 1;
                assert_eq!(record.key, Some(&b"o1"[..]));
                assert_eq!(record.headers.get("traceparent"), Some(trace.as_bytes()));
                let value = String::from_utf8(record.value.expect("a value").to_vec()).expect("UTF-8");
                assert_eq!(value, format!("{{\"type\":\"order_placed\",{}", &text[1..]));
            }
        }
    }
    assert_eq!(found, 1);
}
