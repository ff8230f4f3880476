//! `millrace export`: what is in the files is what is in the views, and a file is there as a whole or not.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use contract::value::Value;
use contract::views::{Type, View};
use serde_json::Value as Json;

use crate::common::{Dir, assert_refused, assert_well, order, text, wait_until};

/// The demo's month, once.
fn month(test: &str) -> Dir {
    let dir = Dir::new(test);
    assert_well(&dir.run(&["demo", "--exit"]));
    dir
}

fn export(dir: &Dir, view: &str, output: &Path, more: &[&str]) -> Output {
    let output = output.to_str().expect("the path is UTF-8");
    dir.run(&[&["export", view, "--output", output], more].concat())
}

/// What a directory has besides log and views.
fn others(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("it can be listed");
    let names = entries.map(|entry| entry.expect("it can be listed").file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

/// A value as NDJSON has it.
fn as_json(value: &Value, ty: Type) -> Json {
    match (value, ty) {
        (Value::Null, _) => Json::Null,
        (Value::Int(number), _) => Json::from(*number),
        (Value::Bool(flag), _) => Json::from(*flag),
        (Value::Double(number), _) => Json::from(*number),
        (value, Type::Json) => serde_json::from_str(&value.to_string()).expect("it is JSON"),
        (value, _) => Json::from(value.to_string()),
    }
}

#[test]
fn every_view_comes_out_of_ndjson_and_csv_as_it_is() {
    let dir = month("export-text");
    let (frontier, tables) = dir.stored();
    let epoch = frontier.expect("it is not empty").epoch.0;
    for view in View::ALL {
        let schema = view.schema();
        let file = dir.0.join(format!("{}.ndjson", schema.name));
        let said = export(&dir, schema.name, &file, &[]);
        assert_well(&said);
        let rows = tables.rows(*view);
        let said = text(&said.stderr);
        let rows_said = said.split(' ').next().unwrap_or_default().replace(',', "");
        assert_eq!(rows_said, rows.len().to_string(), "{said}");
        assert!(said.contains(&format!("as of epoch {epoch}, ")), "{said}");
        let content = fs::read_to_string(&file).expect("it was written");
        let mut lines = content.lines();
        for ((key, row), line) in rows.iter().zip(&mut lines) {
            let found: Json = serde_json::from_str(line).expect("it is JSON");
            let columns = schema.columns.iter().zip(key.iter().chain(row));
            let expected = columns.map(|(c, value)| (c.name.to_owned(), as_json(value, c.ty)));
            assert_eq!(found, Json::Object(expected.collect()), "{}", schema.name);
        }
        assert_eq!(
            (lines.next(), content.lines().count()),
            (None, rows.len()),
            "{}",
            schema.name
        );
        let file = dir.0.join(format!("{}.csv", schema.name));
        assert_well(&export(&dir, schema.name, &file, &[]));
        let content = fs::read_to_string(&file).expect("it was written");
        let names: Vec<&str> = schema.columns.iter().map(|column| column.name).collect();
        assert_eq!(content.lines().next(), Some(&*names.join(",")));
        assert!(content.ends_with("\r\n"));
    }
    assert!(
        others(&dir.0).iter().all(|name| !name.contains(".part")),
        "{:?}",
        others(&dir.0)
    );
}

#[test]
fn stdout_conditions_and_replacing() {
    let dir = Dir::shop("export-how");
    dir.append("orders", &order("o2"));
    dir.decide();
    let stdout = dir.run(&[
        "export",
        "orders",
        "--output",
        "-",
        "--format",
        "csv",
        "--where",
        "order_id = 'o2' -- only",
    ]);
    let lines = assert_well(&stdout);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(lines.contains("\no2,c1,"), "{lines}");
    let file = dir.0.join("o.csv");
    assert_well(&export(&dir, "orders", &file, &[]));
    let before = fs::read(&file).expect("it was written");
    let path = file.to_str().expect("the path is UTF-8").to_owned();
    assert_refused(
        &export(&dir, "orders", &file, &["--where", "0"]),
        2,
        &[&path, "--force"],
    );
    assert!(fs::read(&file).expect("it is there") == before);
    assert_well(&export(&dir, "orders", &file, &["--where", "0", "--force"]));
    assert_eq!(fs::read_to_string(&file).expect("it is there").lines().count(), 1);
    assert!(others(&dir.0).iter().all(|name| !name.contains(".part")));
}

#[test]
fn what_cannot_be_exported_is_told_and_leaves_nothing() {
    let dir = Dir::shop("export-refused");
    dir.decide();
    let file = dir.0.join("x.csv");
    for (view, more, status, said) in [
        ("no_such", &[][..], 2, &["no_such", "orders", "order_facts"][..]),
        ("millrace_frontier", &[], 2, &["millrace_frontier"]),
        (
            "orders",
            &["--where", "statu = 1"],
            2,
            &["no such column: statu\n"],
        ),
        ("orders", &["--where", "1) UNION SELECT (2"], 2, &["--where"]),
        ("orders", &["--where", "1; DELETE FROM orders"], 2, &["--where"]),
        ("orders", &["--format", "xlsx"], 2, &["xlsx"]),
    ] {
        assert_refused(&export(&dir, view, &file, more), status, said);
    }
    assert_refused(&dir.run(&["export", "orders"]), 2, &["--format", "ndjson"]);
    assert_refused(
        &export(&dir, "orders", &dir.0.join("log"), &["--format", "csv"]),
        2,
        &["no plain file"],
    );
    assert_refused(
        &export(&dir, "orders", &dir.0.join("no/such/x.csv"), &[]),
        3,
        &["no/such/x.csv"],
    );
    let nowhere = Dir::new("export-nowhere");
    assert_refused(&export(&nowhere, "orders", &file, &[]), 2, &[nowhere.text()]);
    // On a full disk nothing is left but the message.
    if Path::new("/dev/full").exists() {
        let full = Command::new("sh")
            .args([
                "-c",
                "exec \"$0\" export orders --output - --format csv --data \"$1\" > /dev/full",
            ])
            .args([env!("CARGO_BIN_EXE_millrace"), dir.text()])
            .output()
            .expect("there is a shell");
        assert_eq!(full.status.code(), Some(3), "{}", text(&full.stderr));
        assert!(text(&full.stderr).contains("stdout"), "{}", text(&full.stderr));
    }
    dir.edit("UPDATE orders SET placed_at = 'yesterday'");
    assert_refused(
        &export(&dir, "orders", &file, &[]),
        3,
        &["orders.placed_at", "edited"],
    );
    assert!(!file.exists());
    assert!(others(&dir.0).iter().all(|name| !name.contains(".part")));
}

#[test]
fn an_export_that_is_interrupted_leaves_nothing() {
    let dir = Dir::shop("export-interrupted");
    dir.decide();
    let file = dir.0.join("x.csv");
    let endless = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n)";
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.args([
        "export",
        "orders",
        "--data",
        dir.text(),
        "--where",
        endless,
        "--output",
    ]);
    let child = command.arg(&file).stderr(Stdio::piped()).spawn();
    let child = child.expect("the command that was just built starts");
    let is_under_way = || others(&dir.0).iter().any(|name| name.contains(".part"));
    wait_until("the file that is written aside", is_under_way);
    let pid = child.id().to_string();
    // Until signals are heard the first one ends it: the file aside is made after that.
    let kill = Command::new("kill").args(["-s", "INT", &pid]).status();
    assert!(kill.expect("there is a kill").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("interrupted"),
        "{}",
        text(&output.stderr)
    );
    assert!(!file.exists() && !is_under_way());
}

#[test]
#[cfg(not(feature = "parquet"))]
fn a_program_without_parquet_says_so() {
    let dir = Dir::shop("export-without");
    dir.decide();
    let file = dir.0.join("x.parquet");
    assert_refused(
        &export(&dir, "orders", &file, &[]),
        3,
        &["feature parquet", "csv"],
    );
    assert_eq!(
        others(&dir.0)
            .iter()
            .filter(|name| name.contains(".part"))
            .count(),
        0
    );
}

#[cfg(feature = "parquet")]
mod parquet {
    use std::collections::BTreeMap;
    use std::fs;
    use std::process::Command;

    use contract::views::View;

    use super::{export, month};
    use crate::common::{Dir, analysts_python, assert_well, millrace, text};

    /// Every view, and the SQL views, in the two programs that analysts open them with.
    #[test]
    fn parquet_is_read_by_duckdb_and_pandas_as_what_the_views_hold() {
        let python = match analysts_python() {
            Ok(python) => python,
            Err(why) => {
                println!("skipped: parquet_is_read_by_duckdb_and_pandas_as_what_the_views_hold: {why}");
                return;
            }
        };
        let dir = month("export-parquet");
        let files = dir.0.join("files");
        fs::create_dir(&files).expect("it can be made");
        let names = View::ALL.iter().map(|view| view.schema().name);
        let mut kinds = BTreeMap::new();
        for view in View::ALL {
            let schema = view.schema();
            let columns = schema.columns.iter();
            let columns: BTreeMap<_, _> = columns.map(|c| (c.name, format!("{:?}", c.ty))).collect();
            kinds.insert(schema.name, columns);
        }
        for view in sinks::sqlite::SQL_VIEWS {
            let columns = view.columns.iter().map(|c| &c.column);
            let columns: BTreeMap<_, _> = columns.map(|c| (c.name, format!("{:?}", c.ty))).collect();
            kinds.insert(view.name, columns);
        }
        for name in names.chain(sinks::sqlite::SQL_VIEWS.iter().map(|view| view.name)) {
            assert_well(&export(&dir, name, &files.join(format!("{name}.parquet")), &[]));
        }
        let epoch = dir.stored().0.expect("it is not empty").epoch.0.to_string();
        fs::write(files.join("kinds.json"), serde_json::json!(kinds).to_string()).expect("it can be written");
        let mut compare = Command::new(python);
        compare.arg("tests/clients/analysts/compare.py");
        let output = compare.arg(dir.store()).arg(&files).arg(&epoch).output();
        let said = assert_well(&output.expect("python was there"));
        assert!(said.contains(&format!("{} views", kinds.len())), "{said}");
    }

    #[test]
    fn parquet_goes_through_a_pipe_too() {
        let dir = Dir::shop("export-pipe");
        dir.decide();
        let output = millrace(&[
            "export",
            "orders",
            "--output",
            "-",
            "--format",
            "parquet",
            "--data",
            dir.text(),
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(output.stdout.starts_with(b"PAR1") && output.stdout.ends_with(b"PAR1"));
    }
}
