//! The command line as a user meets it: what the docs say, the demo's output, and a clear answer to wrong
//! usage.

mod backup;
mod bad_input;
mod checkpoints;
mod common;
mod copies;
mod demo;
mod diff;
mod docs;
mod export;
mod full_disk;
mod generate;
mod log;
mod python;
mod query;
mod rebuild;
mod reference;
#[cfg(feature = "s3")]
mod s3;
mod up;

use std::path::Path;

use common::{assert_refused, millrace, scratch, text};

#[test]
fn the_demo_shows_a_month_that_the_oracle_agrees_on() {
    let output = millrace(&["demo", "--exit"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let figure = |what: &str| {
        let line = stdout.lines().find(|line| line.trim_start().starts_with(what));
        let line = line.unwrap_or_else(|| panic!("a line for {what}: {stdout}"));
        line.trim_start()[what.len()..].trim().to_owned()
    };
    assert_eq!(figure("lines read"), "42,481");
    assert_eq!(figure("audits"), "empty");
    assert_eq!(figure("records quarantined"), "0");
    assert!(figure("oracle, on").ends_with("agrees"));
    for what in [
        "confirmed",
        "rejected: out_of_stock",
        "cancelled: requested",
        "with cancelled lines",
    ] {
        let orders: u64 = figure(what).replace(',', "").parse().expect("a count");
        assert!(orders > 0, "{what}");
    }
    for what in ["reviews", "of a verified purchase", "carts left behind"] {
        let made_up: u64 = figure(what).replace(',', "").parse().expect("a count");
        assert!(made_up > 10, "{what}");
    }
    let mean: f64 = figure("mean rating").parse().expect("a number");
    assert!((3.0..5.0).contains(&mean), "{mean}");
    assert!(figure("money refunded").starts_with("GBP "));
    assert!(figure("all days").starts_with("GBP "));
    for heading in ["Orders", "Best sellers", "What a person must act on", "Checks"] {
        assert!(stdout.lines().any(|line| line.starts_with(heading)), "{heading}");
    }
    assert!(stdout.trim_end().ends_with("records/s."), "{stdout}");
}

#[test]
fn every_bench_in_the_docs_exists_and_every_bench_is_in_the_docs() {
    let docs = std::fs::read_to_string("docs/performance.md").expect("docs/performance.md is there");
    let help = text(&millrace(&["bench", "--help"]).stdout);
    let refused = text(&millrace(&["bench", "no-such-bench"]).stderr);
    let names = refused
        .split("there are ")
        .nth(1)
        .expect("the refusal names all benches");
    for name in names.trim().split(", ") {
        assert!(docs.contains(&format!("## `millrace bench {name}`")), "{name}");
        assert!(help.contains(name), "{name}");
    }
    for named in docs
        .split("## `millrace bench ")
        .skip(1)
        .filter_map(|rest| rest.split('`').next())
    {
        assert!(names.contains(named), "{named}");
    }
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    assert_refused(&millrace(&[]), 2, &["command", "--help"]);
    assert_refused(&millrace(&["sell"]), 2, &["sell"]);
    assert_refused(&millrace(&["demo", "--fast"]), 2, &["--fast"]);
    assert_refused(&millrace(&["bench"]), 2, &["--help"]);
    assert_refused(
        &millrace(&["bench", "speed"]),
        2,
        &["speed", "decide", "ledger", "memory"],
    );
    let needed = if cfg!(feature = "kafka") {
        "--brokers"
    } else {
        "--features kafka"
    };
    assert_refused(&millrace(&["bench", "kafka"]), 2, &[needed]);
}

#[test]
fn help_and_version_are_answers() {
    for args in [
        &["--help"][..],
        &["demo", "--help"],
        &["generate", "--help"],
        &["--version"],
        &["help", "bench"],
    ] {
        let output = millrace(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(!output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_file_that_cannot_be_imported_is_one_line_and_status_3() {
    let demo = |path: &Path| {
        millrace(&[
            "demo",
            "--exit",
            "--file",
            path.to_str().expect("a path in UTF-8"),
        ])
    };
    let month = std::fs::read("importers/data/online-retail-2010-12.csv.gz").expect("the month is there");
    let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
    assert_refused(&demo(Path::new("no-such-file.csv")), 3, &["no-such-file.csv"]);
    assert_refused(&demo(&scratch("empty.csv", b"")), 3, &["empty.csv"]);
    assert_refused(
        &demo(&scratch("cut.csv.gz", &month[..month.len() / 2])),
        3,
        &["cut.csv.gz"],
    );
    let line = "536365,85123A,A HOLDER,6,2010-12-01 08:26:00,2.5";
    assert_refused(
        &demo(&scratch("cut.csv", format!("{header}{line}").as_bytes())),
        3,
        &["cut.csv"],
    );
    assert_refused(
        &demo(&scratch("columns.csv", b"InvoiceNo,Quantity\n536365,6\n")),
        3,
        &["StockCode"],
    );
    let latin_1 = [
        header.as_bytes(),
        b"536365,85123A,CAF\xc9,6,2010-12-01 08:26:00,2.55,17850.0,France\n",
    ]
    .concat();
    assert_refused(&demo(&scratch("latin-1.csv", &latin_1)), 3, &["UTF-8"]);
}

#[test]
fn the_documented_default_file_is_the_program_s() {
    let output = millrace(&["config", "default"]);
    let file = std::fs::read_to_string("docs/millrace.toml").expect("docs/millrace.toml is there");
    assert_eq!(
        text(&output.stdout),
        file,
        "write it anew: millrace config default > docs/millrace.toml"
    );
}
