//! `millrace generate`: what it says was taken is what the views hold.

use std::path::Path;

use contract::value::Value;
use contract::views::View;

use crate::common::{Dir, Up, assert_refused, assert_well, millrace, scratch};
use crate::demo::{Demo, HISTORY};

/// The figures of a line of the table.
fn figures(said: &str, what: &str) -> Vec<u64> {
    let line = said.lines().find(|line| line.trim_start().starts_with(what));
    let line = line.unwrap_or_else(|| panic!("a line for {what}: {said}"));
    let rest = line.trim_start()[what.len()..].replace(',', "");
    rest.split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

fn count(dir: &Dir, view: View) -> u64 {
    dir.stored().1.rows(view).len() as u64
}

fn url(up: &Up) -> String {
    format!("http://{}", up.address())
}

#[test]
fn orders_over_http_are_in_the_views_when_it_has_ended() {
    let dir = Dir::new("generate-http");
    let up = Up::start(&dir);
    let url = url(&up);
    let args = [
        "generate",
        "--url",
        &url,
        "--products",
        "20",
        "--customers",
        "30",
        "--seed",
        "7",
    ];
    let said = assert_well(&millrace(
        &[&args[..], &["--rate", "max", "--orders", "300"]].concat(),
    ));
    assert_eq!(figures(&said, "orders"), [300, 300, 0]);
    assert!(
        said.contains("p50") && said.contains("p99") && said.contains("rate reached"),
        "{said}"
    );
    assert!(said.contains("all of it"), "{said}");
    let (_, tables) = dir.stored();
    assert_eq!(tables.rows(View::Orders).len(), 300);
    assert_eq!(tables.rows(View::Quarantine).len(), 0);
    // Two records of each payment.
    let payments = 2 * tables.rows(View::Payments).len() as u64;
    assert_eq!(figures(&said, "payment records"), [payments, payments, 0]);
    assert!(payments > 500, "{payments}");
    // Nothing ran out, and every price was right.
    let is_rejected = |row: &[Value]| row.contains(&Value::Text("rejected".to_owned()));
    assert_eq!(
        tables
            .rows(View::Orders)
            .values()
            .filter(|row| is_rejected(row))
            .count(),
        0
    );

    // The same seed sends the same records, which count once; at a rate, and from fewer connections.
    let slow = ["--rate", "200", "--orders", "100", "--connections", "3"];
    let said = assert_well(&millrace(&[&args[..], &slow].concat()));
    assert_eq!(figures(&said, "orders"), [100, 100, 0]);
    assert_eq!(count(&dir, View::Orders), 300);
    let other = ["--seed", "8", "--rate", "50", "--seconds", "1"];
    let said = assert_well(&millrace(&[&args[..7], &other].concat()));
    let sent = figures(&said, "orders")[0];
    assert!((1..=50).contains(&sent), "{said}");
    assert_eq!(count(&dir, View::Orders), 300 + sent);
    up.stop();
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn a_flash_sale_grants_exactly_its_quota() {
    let dir = Dir::new("generate-flash");
    let up = Up::start(&dir);
    let url = url(&up);
    let sale = [
        "--flash-sale",
        "--claims",
        "5000",
        "--customers",
        "900",
        "--quota",
        "70",
    ];
    let said = assert_well(&millrace(&[&["generate", "--url", &url], &sale[..]].concat()));
    assert_eq!(figures(&said, "claims"), [5000, 5000, 0]);
    assert_eq!(figures(&said, "granted"), [70]);
    assert_eq!(count(&dir, View::CouponGrants), 70);
    up.stop();
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn what_goes_straight_into_the_log_is_decided_later() {
    let dir = Dir::new("generate-log");
    let orders = ["generate", "--orders", "500", "--products", "10", "--skew", "0"];
    let said = assert_well(&dir.run(&orders));
    assert_eq!(figures(&said, "orders"), [500, 500, 0]);
    let sale = [
        "generate",
        "--flash-sale",
        "--claims",
        "400",
        "--customers",
        "100",
        "--quota",
        "9",
    ];
    assert_well(&dir.run(&sale));
    assert!(dir.orders() >= 500);
    dir.decide();
    assert_well(&dir.run(&["verify"]));
    assert_eq!(
        (count(&dir, View::Orders), count(&dir, View::CouponGrants)),
        (500, 9)
    );
    assert_eq!(count(&dir, View::Quarantine), 0);
    let up = Up::start(&dir);
    assert_refused(&dir.run(&orders), 3, &["in use by another process"]);
    up.stop();
}

/// A demo takes nothing while it replays its month: that is to be tried again, and then all is taken.
#[test]
fn what_is_refused_for_the_moment_is_sent_again() {
    let dir = Dir::new("generate-later");
    let file = scratch("generate-later.csv", HISTORY.as_bytes());
    let file = file.to_str().expect("the path is UTF-8");
    let data = ["--file", file, "--data", dir.text(), "--speed", "3s"];
    let demo = Demo::start(Path::new(env!("CARGO_TARGET_TMPDIR")), &data);
    let said = demo.wait_for("read along at http://");
    let url = said
        .last()
        .and_then(|line| line.split("http://").nth(1)?.split('/').next());
    let url = format!("http://{}", url.expect("it says where"));
    let args = [
        "generate",
        "--url",
        &url,
        "--rate",
        "max",
        "--orders",
        "20",
        "--products",
        "5",
    ];
    let said = assert_well(&millrace(&args));
    assert_eq!(figures(&said, "orders"), [20, 20, 0]);
    assert!(figures(&said, "503s retried")[0] > 0, "{said}");
    demo.stop("INT");
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", free.local_addr().expect("it has an address"));
    drop(free);
    let refused = millrace(&["generate", "--url", &url]);
    assert_refused(&refused, 3, &[&url, "does not answer", "millrace up"]);
}

#[test]
fn flags_of_generate_that_cannot_be_used_are_told() {
    for (args, said) in [
        (&["--rate", "fast"][..], &["--rate", "max"][..]),
        (&["--rate", "0"], &["--rate", "0.01"]),
        (&["--rate", "-5"], &["--rate", "0.01"]),
        (&["--orders", "0"], &["--orders"]),
        (&["--seconds", "x"], &["--seconds"]),
        (&["--skew", "-1"], &["--skew"]),
        (&["--skew", "NaN"], &["0 to 5"]),
        (&["--products", "0"], &["--products"]),
        (&["--customers", "0"], &["--customers"]),
        (&["--connections", "0"], &["--connections"]),
        (&["--claims", "5"], &["--flash-sale"]),
        (&["--flash-sale", "--orders", "5"], &["--orders"]),
        (&["--flash-sale", "--quota", "0"], &["--quota"]),
        (
            &["--url", "https://shop.example"],
            &["https://shop.example", "http://127.0.0.1:8080"],
        ),
        (&["--url", "nowhere"], &["nowhere"]),
        (&["--url", "http://127.0.0.1:1", "--data", "x"], &["--data"]),
        (&["--token", "two words"], &["token"]),
    ] {
        assert_refused(&millrace(&[&["generate"], args].concat()), 2, said);
    }
}
