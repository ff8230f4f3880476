//! `millrace query`: what it answers, in every form, and what it refuses.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::common::{Dir, Up, assert_refused, assert_well, order, scratch, text, wait_until};

/// A question without an end.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/// A shop with three orders that wait, of customers whose names are long and short.
fn shop(test: &str) -> Dir {
    let dir = Dir::shop(test);
    dir.append("orders", &order("o2"));
    dir.append("orders", &order("o3"));
    dir.decide();
    dir
}

#[test]
fn an_answer_comes_in_four_forms_as_of_an_epoch() {
    let dir = shop("query-forms");
    let sql = "SELECT order_id, payable, reason, 'a \"b\", 값' AS words FROM orders WHERE order_id <> 'o2' \
               ORDER BY 1";
    let run = |format: &str| dir.run(&["query", sql, "--format", format]);
    let table = assert_well(&dir.run(&["query", sql]));
    let expected = "order_id  payable  reason  words\n\
                    --------  -------  ------  ---------\n\
                    o1              5    null  a \"b\", 값\n\
                    o3              5    null  a \"b\", 값\n";
    assert_eq!(table, expected);
    assert_eq!(assert_well(&run("table")), expected);
    let expected =
        "order_id,payable,reason,words\r\no1,5,,\"a \"\"b\"\", 값\"\r\no3,5,,\"a \"\"b\"\", 값\"\r\n";
    assert_eq!(assert_well(&run("csv")), expected);
    let row = |id: &str| json!({"order_id": id, "payable": 5, "reason": null, "words": "a \"b\", 값"});
    let array: Json = serde_json::from_str(&assert_well(&run("json"))).expect("it is JSON");
    assert_eq!(array, json!([row("o1"), row("o3")]));
    let lines = assert_well(&run("ndjson"));
    let lines: Vec<Json> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    assert_eq!(lines, [row("o1"), row("o3")]);
    let epoch = dir.stored().0.expect("it is not empty").epoch.0;
    let said = text(&run("csv").stderr);
    assert!(said.starts_with(&format!("as of epoch {epoch}, ")), "{said}");
    let with = dir.run(&["query", "SELECT 1 AS a", "--epoch", "--quiet", "--format", "csv"]);
    assert_eq!(assert_well(&with), format!("a,as_of\r\n1,{epoch}\r\n"));
    assert_eq!(text(&with.stderr), "");
}

#[test]
fn sql_comes_from_an_argument_a_file_or_stdin() {
    let dir = shop("query-sources");
    let sql = "SELECT count(*) AS n\nFROM orders; -- all\n";
    let file = scratch("count.sql", sql.as_bytes());
    let file = file.to_str().expect("the path is UTF-8");
    let expected = "n\n-\n3\n";
    assert_eq!(assert_well(&dir.run(&["query", sql])), expected);
    assert_eq!(assert_well(&dir.run(&["query", "--file", file])), expected);
    assert_eq!(
        assert_well(&dir.run_with(&["query", "-"], sql.as_bytes())),
        expected
    );
    assert_refused(&dir.run(&["query"]), 2, &["--help"]);
    assert_refused(&dir.run(&["query", sql, "--tables"]), 2, &["--tables"]);
    assert_refused(&dir.run(&["query", "--file", "no-such.sql"]), 3, &["no-such.sql"]);
    let long = " ".repeat((1 << 20) + 1);
    assert_refused(&dir.run_with(&["query", "-"], long.as_bytes()), 2, &["1048576"]);
}

#[test]
fn tables_and_columns_are_listed_with_their_meaning() {
    let dir = shop("query-tables");
    let all = assert_well(&dir.run(&["query", "--tables"]));
    for view in contract::views::View::ALL {
        let schema = view.schema();
        assert!(
            all.contains(&format!("{}: {}", schema.name, schema.meaning.trim())),
            "{}",
            schema.name
        );
        let one = assert_well(&dir.run(&["query", "--tables", schema.name, "--format", "json"]));
        let one: Json = serde_json::from_str(&one).expect("it is JSON");
        let columns: Vec<&str> = one
            .as_array()
            .expect("an array")
            .iter()
            .filter_map(|row| row["column"].as_str())
            .collect();
        let expected: Vec<&str> = schema.columns.iter().map(|column| column.name).collect();
        assert_eq!(columns[1..], expected, "in the contract's order");
    }
    assert!(all.contains("order_facts (SQL view): "), "{all}");
    assert!(all.contains("net_minor"), "{all}");
    assert_refused(
        &dir.run(&["query", "--tables", "no_such"]),
        2,
        &["no_such", "--tables"],
    );
}

#[test]
fn what_cannot_be_asked_is_told_in_one_line() {
    let dir = shop("query-refused");
    let before = dir.stored();
    for (sql, said) in [
        ("DELETE FROM orders", &["SELECT"][..]),
        ("PRAGMA journal_mode = DELETE", &["SELECT"]),
        ("WITH a AS (SELECT 1) UPDATE orders SET total = 0", &["readonly"]),
        ("SELECT 1; SELECT 2", &["more than one", "line 1, column 11"]),
        ("SELECT\n total FORM orders", &["FORM"]),
        (
            "SELECT totl\n FROM orders",
            &["no such column: totl", "line 1, column 8"],
        ),
        ("", &["no statement"]),
        ("/* nothing */", &["no statement"]),
    ] {
        let quiet = dir.run(&["query", sql, "--quiet"]);
        if sql.contains("FORM") {
            // FORM is an alias there; it is the word after it that is wrong.
            assert_refused(&quiet, 2, &["near \"orders\": syntax error (line 2, column 13)"]);
        } else {
            assert_refused(&quiet, 2, said);
        }
    }
    assert_eq!(dir.stored(), before);
    let nowhere = Dir::new("query-nowhere");
    assert_refused(&nowhere.run(&["query", "SELECT 1"]), 2, &[nowhere.text()]);
    let undecided = Dir::shop("query-undecided");
    assert_refused(&undecided.run(&["query", "SELECT 1"]), 3, &["no view store yet"]);
    fs::write(undecided.store(), "x".repeat(5000)).expect("it can be written");
    assert_refused(&undecided.run(&["query", "SELECT 1"]), 3, &["no SQLite database"]);
    let copy = dir.0.join("views.sqlite");
    let copy = copy.to_str().expect("the path is UTF-8");
    assert_well(&crate::common::millrace(&["query", "SELECT 1", "--data", copy]));
    dir.edit("PRAGMA user_version = 9");
    assert_refused(&dir.run(&["query", "SELECT 1"]), 3, &["newer millrace"]);
}

#[test]
fn a_table_has_a_limit_and_says_so() {
    let dir = shop("query-limit");
    let limited = dir.run(&["query", "SELECT order_id FROM orders ORDER BY 1", "--rows", "2"]);
    assert_eq!(assert_well(&limited), "order_id\n--------\no1\no2\n");
    assert!(text(&limited.stderr).contains("more than 2 rows"));
    let all = dir.run(&[
        "query",
        "SELECT order_id FROM orders",
        "--rows",
        "2",
        "--format",
        "csv",
    ]);
    assert_eq!(assert_well(&all).lines().count(), 4);
    assert_refused(&dir.run(&["query", "SELECT 1", "--rows", "0"]), 2, &["--rows"]);
}

#[test]
fn an_endless_question_ends_by_time_or_signal() {
    let dir = shop("query-endless");
    let late = dir.run(&["query", ENDLESS, "--timeout", "1", "--quiet"]);
    assert_refused(&late, 3, &["1 s"]);
    let mut query = Command::new(env!("CARGO_BIN_EXE_millrace"));
    query.args(["query", ENDLESS, "--data", dir.text()]);
    let piped = query.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the command that was just built starts");
    let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    // Signals are heard by the time that it says as of when it answers.
    said.read_line(&mut line).expect("it says something");
    let kill = Command::new("kill")
        .args(["-s", "INT", &child.id().to_string()])
        .status();
    assert!(kill.expect("there is a kill").success());
    let since = Instant::now();
    let status = child.wait().expect("it ends");
    assert!(since.elapsed() < Duration::from_secs(20));
    said.read_to_string(&mut line).expect("it is UTF-8");
    assert_eq!(status.code(), Some(3), "{line}");
    assert!(line.contains("interrupted"), "{line}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let dir = shop("query-pipe");
    let many =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) SELECT i FROM n";
    for format in ["csv", "json", "ndjson"] {
        let mut query = Command::new(env!("CARGO_BIN_EXE_millrace"));
        query.args(["query", many, "--format", format, "--quiet", "--data", dir.text()]);
        let piped = query.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the command that was just built starts");
        let mut first = [0; 8];
        let mut stdout = child.stdout.take().expect("it is piped");
        stdout.read_exact(&mut first).expect("it answers");
        drop(stdout);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(
            output.status.code(),
            Some(0),
            "{format}: {}",
            text(&output.stderr)
        );
        assert_eq!(text(&output.stderr), "", "{format}");
    }
}

/// A line of the log.
fn line(key: &str, value: &Json) -> String {
    format!("{}\n", json!({"key": key, "value": value.to_string()}))
}

/// Also with coupons, and lines cancelled afterwards.
#[test]
fn net_of_sold_lines_adds_up_to_the_revenue() {
    let dir = Dir::shop("query-net");
    let campaign = json!({
        "type": "campaign_created", "campaign_id": "c", "name": "C", "quota": 100, "currency": "KRW",
        "discount": {"type": "percent", "value": 7},
    });
    let (mut coupons, mut orders, mut payments) = (line("c", &campaign), String::new(), String::new());
    let mut cancellations = String::new();
    for number in 0..40_i64 {
        let (id, customer) = (format!("net-{number}"), format!("k-{number}"));
        let lines: Vec<Json> = (0..=number % 5)
            .map(|at| json!({"sku": "s1", "quantity": 5 + (7 * number + at) % 11, "unit_price": 5}))
            .collect();
        let units: i64 = lines.iter().filter_map(|line| line["quantity"].as_i64()).sum();
        let claimed = json!({"type": "coupon_claimed", "campaign_id": "c", "customer_id": customer});
        coupons += &line("c", &claimed);
        let mut placed = json!({
            "type": "order_placed", "order_id": id, "customer_id": customer, "currency": "KRW", "lines": lines,
        });
        let discount = if number % 4 == 0 { 0 } else { units * 5 * 7 / 100 };
        if number % 4 > 0 {
            placed["campaign_id"] = json!("c");
        }
        orders += &line(&id, &placed);
        for kind in ["payment_submitted", "payment_confirmed"] {
            payments += &line(
                &id,
                &json!({
                    "type": kind, "order_id": id, "payment_key": "k", "amount": units * 5 - discount,
                    "currency": "KRW",
                }),
            );
        }
        if number % 3 > 0 {
            let cancelled = json!({
                "type": "order_lines_cancel_requested", "cancellation_id": format!("x-{number}"),
                "order_id": id, "lines": [{"line_no": 1, "quantity": 3 + number % 2}], "reason": "too many",
            });
            cancellations += &line(&id, &cancelled);
        }
    }
    for (topic, lines) in [("coupons", coupons), ("orders", orders), ("payments", payments)] {
        dir.append(topic, &lines);
    }
    let count = |sql: &str| {
        let answer = assert_well(&dir.run(&["query", sql, "--format", "csv", "--quiet"]));
        let number = answer.lines().nth(1).map(str::parse::<i64>);
        number.expect("a row").expect("a number")
    };
    let is = |sql: &'static str, wanted: i64| {
        let up = Up::start(&dir);
        wait_until(sql, || up.frontier().is_some() && count(sql) == wanted);
        up.stop();
    };
    is("SELECT count(*) FROM orders WHERE status = 'confirmed'", 40);
    dir.append("orders", &cancellations);
    is("SELECT count(*) FROM orders WHERE returned > 0", 26);
    let both = "SELECT day, currency, sum(net_minor) FROM order_facts WHERE sold GROUP BY 1, 2";
    let revenue = "SELECT day, currency, revenue FROM revenue_by_day";
    for (one, other) in [(both, revenue), (revenue, both)] {
        assert_eq!(count(&format!("SELECT count(*) FROM ({one} EXCEPT {other})")), 0);
    }
    assert_eq!(count(&format!("SELECT count(*) > 0 FROM ({both})")), 1);
    let given = count("SELECT sum(discount_minor) FROM order_facts WHERE sold");
    assert_eq!(
        given,
        count("SELECT sum(gross_minor - net_minor) FROM order_facts WHERE sold")
    );
    assert!(
        given > 0 && given < count("SELECT sum(discount) FROM orders"),
        "{given}"
    );
}

#[test]
fn answers_beside_a_running_instance_are_of_one_moment() {
    let dir = Dir::shop("query-beside");
    let up = Up::start(&dir);
    let sql = "SELECT (SELECT count(*) FROM orders) AS orders, \
               (SELECT sum(received) FROM stream_counts WHERE topic = 'orders') AS records, \
               (SELECT epoch FROM millrace_frontier) AS epoch";
    let url = format!("http://{}", up.address());
    let load = ["generate", "--url", &url, "--rate", "200", "--orders", "400"];
    let mut load = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(load)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command that was just built starts");
    let mut epochs = Vec::new();
    while load.try_wait().expect("it is ours").is_none() || epochs.is_empty() {
        let answer = dir.run(&["query", sql, "--format", "json"]);
        let said = text(&answer.stderr);
        let rows: Json = serde_json::from_str(&assert_well(&answer)).expect("it is JSON");
        let Some(epoch) = rows[0]["epoch"].as_u64() else {
            assert!(said.starts_with("the view store is empty"), "{said}");
            continue;
        };
        assert!(said.starts_with(&format!("as of epoch {epoch}, ")), "{said}");
        assert!(
            rows[0]["orders"].as_u64() <= rows[0]["records"].as_u64(),
            "{rows}"
        );
        epochs.push(epoch);
    }
    assert!(epochs.is_sorted() && epochs.first() < epochs.last(), "{epochs:?}");
    up.stop();
    assert_well(&dir.run(&["verify"]));
}
