//! Products: joined with stock and ratings at one moment; reviews; pages; CSV.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::shop::{Shop, order};

fn product(sku: &str, more: &Json) -> Json {
    let mut record = json!({
        "type": "product_upserted", "sku": sku, "name": format!("The {sku}"), "price": 5, "currency": "KRW",
    });
    let members = more.as_object().expect("an object").clone();
    record.as_object_mut().expect("an object").extend(members);
    record
}

fn review(id: &str, sku: &str, rating: i64) -> Json {
    json!({
        "type": "review_posted", "review_id": id, "customer_id": "c1", "sku": sku, "rating": rating,
        "text": "좋아요, \"really\"",
    })
}

/// All items of a list, page by page.
fn pages(shop: &Shop, path: &str, limit: usize) -> Vec<Json> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let page = shop.client.get(&format!("{path}{separator}limit={limit}{after}"));
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= limit);
        all.extend(items.iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

#[test]
fn a_product_shows_what_can_be_had_and_how_it_is_rated() {
    let shop = Shop::open();
    shop.product("tea", 500, 10);
    let fee = product("wrap", &json!({"stocked": false}));
    let made = product(
        "pot",
        &json!({"category": "kitchen", "tags": ["clay", "o\"ne"], "store_id": "s1"}),
    );
    shop.stream("products", &[fee, made]);
    let token = shop.stream("reviews", &[review("r1", "tea", 5), review("r2", "tea", 4)]);
    let tea = shop.get_after("/v1/products/tea", &token);
    assert_eq!(tea.json()["available"], 10, "{tea:?}");
    assert_eq!(tea.json()["rating"], json!({"count": 2, "mean": 4.5}));
    assert_eq!(tea.json()["as_of"], tea.epoch());
    let wrap = shop.client.get("/v1/products/wrap").json();
    assert_eq!(wrap["available"], Json::Null);
    assert_eq!(wrap["rating"], json!({"count": 0, "mean": null}));
    let pot = shop.client.get("/v1/products/pot").json();
    assert_eq!(pot["available"], 0);
    assert_eq!(
        (&pot["tags"], &pot["withdrawn"]),
        (&json!(["clay", "o\"ne"]), &json!(false))
    );
    let tagged = shop.client.get("/v1/products?tag=o%22ne").json();
    assert_eq!(tagged["items"][0]["sku"], "pot", "{tagged}");
    // A sale is seen at once; what is withdrawn is still known.
    let placed = shop.post("/v1/orders", &order("o1", "tea", 3, 500));
    assert_eq!(placed.status, 201, "{placed:?}");
    let gone = json!({"type": "product_withdrawn", "sku": "tea"});
    let token = shop.stream("products", &[gone]);
    let tea = shop.get_after("/v1/products/tea", &token).json();
    assert_eq!((&tea["available"], &tea["withdrawn"]), (&json!(7), &json!(true)));
    // The list shows each product as its own page does.
    for listed in pages(&shop, "/v1/products", 2) {
        let sku = listed["sku"].as_str().expect("a sku").to_owned();
        let mut alone = shop.client.get(&format!("/v1/products/{sku}")).json();
        alone.as_object_mut().expect("an object").remove("as_of");
        assert_eq!(listed, alone);
    }
}

#[test]
fn lists_of_products_are_filtered_and_pages_hold_each_once() {
    let shop = Shop::open();
    let one = |n: usize| {
        product(
            &format!("p{n:02}"),
            &json!({
                "category": format!("c{}", n % 3),
                "store_id": if n.is_multiple_of(2) { json!("even") } else { json!(null) },
                "tags": if n.is_multiple_of(5) { json!(["five", "차"]) } else { json!(["fiv", "five2"]) },
            }),
        )
    };
    let records: Vec<Json> = (0..30).map(one).collect();
    let token = shop.stream("products", &records);
    shop.get_after("/v1/products/p29", &token);
    let divides = |by: usize| move |n: &usize| n.is_multiple_of(by);
    let cases: [(&str, Vec<usize>); 8] = [
        ("/v1/products", (0..30).collect()),
        ("/v1/products?category=c0", (0..30).filter(divides(3)).collect()),
        ("/v1/products?store_id=even", (0..30).filter(divides(2)).collect()),
        ("/v1/products?tag=five", (0..30).filter(divides(5)).collect()),
        (
            "/v1/products?tag=%EC%B0%A8&store_id=even",
            (0..30).filter(divides(10)).collect(),
        ),
        ("/v1/products?tag=five&store_id=even&category=c0", vec![0]),
        ("/v1/products?tag=FIVE", vec![]),
        ("/v1/products?category=%00'%22", vec![]),
    ];
    for (path, expected) in cases {
        for limit in [1, 4, 1000] {
            let found = pages(&shop, path, limit);
            let found: Vec<&str> = found.iter().filter_map(|item| item["sku"].as_str()).collect();
            let expected: Vec<String> = expected.iter().map(|n| format!("p{n:02}")).collect();
            assert_eq!(found, expected, "{path} by {limit}");
        }
    }
}

#[test]
fn reviews_come_in_pages_with_the_rating_of_all() {
    let shop = Shop::open();
    shop.product("tea", 500, 10);
    let posted: Vec<Json> = (0..12)
        .map(|n| review(&format!("r{n:02}"), "tea", 1 + i64::from(n % 4)))
        .collect();
    shop.stream("reviews", &posted);
    let deleted = json!({"type": "review_deleted", "review_id": "r00"});
    let unknown = review("r99", "later", 5);
    let token = shop.stream("reviews", &[deleted, unknown]);
    let path = "/v1/products/tea/reviews";
    let reply = shop.get_after(path, &token);
    // As text: a client's parser may round.
    let rating = format!(
        "{{\"count\":11,\"mean\":{},\"histogram\":[2,3,3,3,0]}}",
        29.0 / 11.0
    );
    assert!(reply.body.contains(&rating), "{reply:?}");
    let reply = reply.json();
    assert_eq!(reply["items"][0]["product_name"], "tea");
    assert_eq!(reply["items"][0]["author"], "c1***");
    let ids: BTreeSet<String> = pages(&shop, path, 4)
        .iter()
        .map(|item| item["review_id"].to_string())
        .collect();
    assert_eq!(ids, (1..12).map(|n| format!("\"r{n:02}\"")).collect());
    // Nobody knows the product yet; once it is there, so is its review.
    assert_eq!(shop.client.get("/v1/products/later/reviews").status, 404);
    let token = shop.stream(
        "products",
        &[product("later", &json!({})), product("bare", &json!({}))],
    );
    let later = shop.get_after("/v1/products/later/reviews", &token).json();
    assert_eq!(later["items"][0]["product_name"], "The later");
    let bare = shop.client.get("/v1/products/bare/reviews").json();
    assert_eq!(bare["items"], json!([]));
    assert_eq!(
        bare["rating"],
        json!({"count": 0, "mean": null, "histogram": [0, 0, 0, 0, 0]})
    );
}

#[test]
fn lists_nulls_and_means_are_read_as_csv_too() {
    let shop = Shop::open();
    let pot = product("pot", &json!({"tags": ["a,b", "\"c\""], "description": ""}));
    shop.stream("products", &[pot]);
    let token = shop.stream("reviews", &[review("r1", "pot", 5), review("r2", "pot", 4)]);
    shop.get_after("/v1/products/pot", &token);
    let csv = |view: &str| {
        let path = format!("/v1/views/{view}");
        let reply = shop.client.send("GET", &path, &[("accept", "text/csv")], b"");
        assert_eq!(reply.status, 200, "{reply:?}");
        let mut lines = reply.body.split("\r\n").map(str::to_owned);
        (lines.next().expect("names"), lines.next().expect("a row"))
    };
    let (names, row) = csv("products");
    assert!(names.starts_with("sku,name,price,currency,stocked,store_id,category,description,tags,images"));
    let expected = "pot,The pot,5,KRW,true,,,\"\",\"[\"\"a,b\"\",\"\"\\\"\"c\\\"\"\"\"]\",[],,false,";
    assert!(row.starts_with(expected), "{row}");
    assert_eq!(csv("product_ratings").1, "pot,2,4.5,0,0,0,1,1");
    assert!(csv("review_documents").1.contains("\"좋아요, \"\"really\"\"\""));
}
