//! `millrace up` and what it leaves: an imported history is decided, what was appended is visible, `verify`
//! agrees, and finds what somebody changed.

use std::fs;

use contract::views::View;

use crate::common::{Dir, Up, assert_refused, assert_well, order, scratch, text};

const HISTORY: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,A HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,71053,A LANTERN,6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom
536366,85123A,A HOLDER,1,2010-12-01 09:26:00,2.95,17850.0,United Kingdom
C536367,85123A,A HOLDER,-1,2010-12-02 09:26:00,2.95,17850.0,United Kingdom
";

#[test]
fn an_imported_history_is_decided_and_goes_on() {
    let dir = Dir::new("import");
    let file = scratch("history.csv", HISTORY.as_bytes());
    let file = file.to_str().expect("the path is UTF-8");
    let said = assert_well(&dir.run(&["import", "online-retail", file]));
    assert!(said.contains("millrace up decides them"), "{said}");
    let imported = dir.orders();
    assert!(imported >= 3, "{imported}");
    let not_yet = dir.run(&["verify"]);
    assert_refused(&not_yet, 3, &["no view store yet", "millrace up"]);
    dir.decide();
    let said = assert_well(&dir.run(&["verify"]));
    assert!(said.contains(" 0 differences, 0 violated audits"), "{said}");
    // Today's order is decided after those of 2010.
    dir.append("orders", &order("o1"));
    dir.decide();
    assert_well(&dir.run(&["verify"]));
    assert_eq!(dir.orders(), imported + 1);
}

#[test]
fn imported_reviews_are_decided_and_what_can_not_be_used_is_told() {
    let dir = Dir::new("reviews");
    let header = "review_id\tmovie_id\trating\tdate\tauthor\treview\n";
    let mut table = header.to_owned();
    for number in 0..50 {
        table.push_str(&format!(
            "{number}\t{}\t{}\t15.02.21\ta{number}***\t재미있어요 👍\n",
            number % 3,
            1 + number % 10
        ));
    }
    table.push_str("50\t1\t11\t15.02.21\ta\tx\n");
    let file = scratch("reviews.tsv", table.as_bytes());
    let args = [
        "import",
        "film-reviews",
        file.to_str().expect("the path is UTF-8"),
    ];
    let said = assert_well(&dir.run(&args));
    for told in [
        "51 lines: 50 reviews",
        "line 52 is left out: the rating is not 1 to 10",
    ] {
        assert!(said.contains(told), "{said}");
    }
    dir.decide();
    let said = assert_well(&dir.run(&["verify"]));
    assert!(said.contains(" 0 differences, 0 violated audits"), "{said}");
    let (_, tables) = dir.stored();
    assert!(tables.rows(View::ReviewDocuments).len() > 40);
    let other = scratch("other.tsv", b"InvoiceNo,Quantity\n536365,6\n");
    let refused = dir.run(&[
        "import",
        "film-reviews",
        other.to_str().expect("the path is UTF-8"),
    ]);
    assert_refused(&refused, 3, &["other.tsv", "review_id"]);
}

#[test]
fn what_was_appended_before_is_visible_after_a_stop() {
    let dir = Dir::shop("stop");
    for round in 2..5 {
        dir.decide();
        let said = assert_well(&dir.run(&["verify"]));
        assert!(
            said.starts_with("compared ") && !said.contains("compared 0 rows"),
            "{said}"
        );
        dir.append("orders", &order(&format!("o{round}")));
    }
}

#[test]
fn a_demo_that_is_kept_verifies_and_is_not_written_over() {
    let dir = Dir::new("kept-demo");
    let file = scratch("kept-demo.csv", HISTORY.as_bytes());
    let args = [
        "demo",
        "--exit",
        "--file",
        file.to_str().expect("the path is UTF-8"),
    ];
    assert_well(&dir.run(&args));
    assert_well(&dir.run(&["verify"]));
    assert_refused(&dir.run(&args), 2, &[dir.text(), "not empty"]);
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn verify_finds_what_somebody_changed() {
    for (edit, named) in [
        ("UPDATE orders SET total = total + 1", "orders o1"),
        ("DELETE FROM orders", "orders o1"),
        (
            "INSERT INTO stock_levels SELECT 'forged', on_hand, held, available, spent FROM stock_levels",
            "stock_levels forged",
        ),
        ("UPDATE order_lines SET quantity = 2", "order_lines o1/1"),
    ] {
        let dir = Dir::shop("tampered");
        dir.decide();
        assert_well(&dir.run(&["verify"]));
        dir.edit(edit);
        let output = dir.run(&["verify"]);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{edit}: {stdout}{stderr}");
        assert!(stdout.contains(named), "{edit}: {stdout}");
        assert!(stdout.contains(" 1 differences"), "{edit}: {stdout}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains("1 rows differ"), "{stderr}");
    }
}

#[test]
fn a_lost_view_store_is_made_anew() {
    let dir = Dir::shop("lost-store");
    dir.decide();
    let before = assert_well(&dir.run(&["verify"]));
    for entry in fs::read_dir(&dir.0).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        if path.is_file() {
            fs::remove_file(path).expect("it can be removed");
        }
    }
    dir.decide();
    let after = assert_well(&dir.run(&["verify"]));
    let rows = |said: &str| said.split(" as of").next().map(str::to_owned);
    assert_eq!(rows(&before), rows(&after));
}

#[test]
fn a_killed_one_goes_on_where_it_was() {
    let dir = Dir::shop("killed");
    let up = Up::start(&dir);
    up.wait_for_orders(1);
    let before = up.frontier().expect("it holds an epoch").epoch;
    up.kill();
    assert_well(&dir.run(&["verify"]));
    let up = Up::start(&dir);
    up.wait_for_orders(1);
    let after = up.frontier().expect("it holds an epoch").epoch;
    assert!(after >= before, "{before:?} {after:?}");
    up.stop();
    assert_well(&dir.run(&["verify"]));
}
