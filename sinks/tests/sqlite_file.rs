//! The file of the SQLite view store: what it looks like to others, and which files are refused.

mod common;

use contract::delta::{Delta, Op, Tables};
use contract::log::Epoch;
use contract::value::ValueRef;
use contract::views::{CHECKOUT_VIEWS, Type, View};
use millrace_sinks::sqlite::{ReadError, Readers, SqliteViews};
use millrace_sinks::{Frontier, Sink, SinkError};

use common::history::{History, commit_of};
use common::{Directory, Shell};

const VIEWS: &[View] = View::ALL.split_at(CHECKOUT_VIEWS).0;

fn refusal(directory: &Directory) -> String {
    match SqliteViews::open(directory.config.clone()) {
        Err(SinkError::Refused { sink, what }) => {
            assert!(sink.ends_with("views.sqlite"), "{sink}");
            what
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("the file is taken"),
    }
}

#[test]
fn foreign_files_are_refused_and_stay_as_they_are() {
    type Case = (fn(&std::path::Path), &'static str);
    let cases: [Case; 4] = [
        (
            |path| std::fs::write(path, "order_id,status\n".repeat(1000)).unwrap(),
            "no SQLite database",
        ),
        (
            |path| drop(Shell::open(path).run("CREATE TABLE orders (x)")),
            "another program's",
        ),
        (
            |path| drop(Shell::open(path).run("PRAGMA application_id = 5")),
            "another program's",
        ),
        (
            |path| drop(Shell::open(path).run("PRAGMA user_version = 5")),
            "another program's",
        ),
    ];
    for (make, message) in cases {
        let directory = Directory::new(VIEWS);
        make(&directory.config.path);
        let before = std::fs::read(&directory.config.path).unwrap();
        let what = refusal(&directory);
        assert!(what.contains(message), "{what}");
        assert!(
            std::fs::read(&directory.config.path).unwrap() == before,
            "{message}"
        );
    }
}

#[test]
fn files_of_another_version_are_refused_with_a_way_out() {
    for (edit, message) in [
        ("PRAGMA user_version = 2", "newer millrace"),
        ("PRAGMA user_version = 0", "older millrace"),
        ("ALTER TABLE orders ADD COLUMN mine TEXT", "other columns"),
        ("ALTER TABLE orders DROP COLUMN reason", "other columns"),
        ("DROP TABLE payments", "missing"),
        ("DROP TABLE millrace_epochs", "missing"),
    ] {
        let directory = Directory::new(VIEWS);
        drop(directory.store());
        Shell::open(&directory.config.path).run(edit);
        let what = refusal(&directory);
        assert!(
            what.contains(message) && what.contains("move it away"),
            "{edit}: {what}"
        );
    }
}

#[test]
fn what_views_have_gained_since_is_added_to_rows_of_the_same_logic() {
    const DESCRIBED: &str =
        "SELECT name || column || type || meaning FROM millrace_views ORDER BY name, column";
    const SCHEMA: &str = "SELECT sql FROM sqlite_schema ORDER BY name";
    let mut directory = Directory::new(VIEWS);
    let mut history = History::new(3, VIEWS, 20);
    let mut store = directory.store();
    for _ in 0..4 {
        store.commit(&commit_of(&[history.advance()])).unwrap();
    }
    let frontier = store.frontier().unwrap().unwrap();
    store.close().unwrap();
    let mut shell = Shell::open(&directory.config.path);
    let described = shell.say(DESCRIBED);
    // As a version made it that knew neither the column nor the view.
    shell.run("ALTER TABLE orders DROP COLUMN reason");
    shell.run("DROP TABLE wallets");
    shell.run("DELETE FROM millrace_views WHERE name || column = 'ordersreason' OR name = 'wallets'");
    let older = shell.say(SCHEMA);
    for other in [None, Some(frontier.logic + 1)] {
        directory.config.logic = other;
        let what = refusal(&directory);
        assert!(what.contains("millrace rebuild"), "{what}");
        assert_eq!(older, shell.say(SCHEMA));
    }
    directory.config.logic = Some(frontier.logic);
    let mut store = directory.store();
    assert_eq!(store.frontier().unwrap().as_ref(), Some(&frontier));
    assert_eq!(shell.say(DESCRIBED), described);
    assert_eq!(
        shell.say("SELECT count(*) FROM orders WHERE reason IS NOT NULL"),
        "0"
    );
    assert_ne!(shell.say("SELECT count(*) FROM orders"), "0");
    assert_eq!(shell.say("SELECT count(*) FROM wallets"), "0");
    // What is written afterwards lies in its columns, though they stand in another order now.
    let other = Frontier {
        epoch: Epoch(1000),
        ..frontier
    };
    let upserts = |seed| -> Vec<_> {
        let mut rows = History::new(seed, VIEWS, 20);
        let filled = commit_of(&[rows.advance(), rows.advance(), rows.advance()]);
        let all_new = |delta: &Delta| delta.changes().all(|change| change.op == Op::Upsert);
        filled.deltas.into_iter().filter(all_new).collect()
    };
    let has_orders = |upserts: &Vec<Delta>| upserts.iter().any(|delta| delta.view() == View::Orders);
    let upserts = (0..100).map(upserts).find(has_orders);
    let upserts = upserts.expect("orders come in some of a hundred histories");
    let mut expected = Tables::new();
    upserts.iter().for_each(|delta| expected.apply(delta));
    store.refill(&other, &mut upserts.into_iter().map(Ok)).unwrap();
    store.close().unwrap();
    // It is opened without more ado.
    directory.config.logic = None;
    directory.store().close().unwrap();
    let (_, tables) = Readers::new(&directory.config).tables(VIEWS).unwrap();
    assert_eq!(tables, expected);
}

#[test]
fn a_column_that_may_not_be_null_is_not_added() {
    let mut directory = Directory::new(VIEWS);
    directory.config.logic = Some(1);
    drop(directory.store());
    Shell::open(&directory.config.path).run("ALTER TABLE payment_commands DROP COLUMN amount");
    let what = refusal(&directory);
    assert!(
        what.contains("other columns") && what.contains("millrace rebuild"),
        "{what}"
    );
}

#[test]
fn an_empty_file_is_filled_and_an_analyst_may_add_to_it() {
    let directory = Directory::new(VIEWS);
    std::fs::write(&directory.config.path, "").unwrap();
    let mut store = directory.store();
    let mut history = History::new(1, VIEWS, 20);
    store.commit(&commit_of(&[history.advance()])).unwrap();
    let mut shell = Shell::open(&directory.config.path);
    shell.run("CREATE INDEX mine ON orders (campaign_id)");
    shell.run("CREATE VIEW late AS SELECT * FROM orders WHERE status = 'expired'");
    drop(store);
    directory
        .store()
        .commit(&commit_of(&[history.advance()]))
        .unwrap();
    assert_eq!(shell.say("PRAGMA journal_mode"), "wal");
}

#[test]
fn every_value_is_stored_in_its_column_s_type() {
    let directory = Directory::new(View::ALL);
    let mut history = History::new(5, View::ALL, 60);
    let mut store = directory.store();
    for _ in 0..6 {
        store.commit(&commit_of(&[history.advance()])).unwrap();
    }
    let mut shell = Shell::open(&directory.config.path);
    for view in View::ALL {
        let schema = view.schema();
        for column in schema.columns {
            let (name, table) = (column.name, schema.name);
            let good = match column.ty {
                Type::Text => format!("typeof(\"{name}\") = 'text'"),
                Type::Json => format!("typeof(\"{name}\") = 'text' AND json_valid(\"{name}\")"),
                Type::Int => format!("typeof(\"{name}\") = 'integer'"),
                Type::Bool => format!("\"{name}\" IN (0, 1) AND typeof(\"{name}\") = 'integer'"),
                Type::Double => format!("typeof(\"{name}\") = 'real'"),
                // Its own rendering of the same instant.
                Type::Time => format!("strftime('%Y-%m-%dT%H:%M:%fZ', \"{name}\") = \"{name}\""),
            };
            let null = if column.nullable {
                format!(" OR \"{name}\" IS NULL")
            } else {
                String::new()
            };
            let sql = format!("SELECT CAST(count(*) AS TEXT) FROM {table} WHERE NOT ({good}{null})");
            assert_eq!(shell.say(&sql), "0", "{table}.{name}");
        }
        let described = shell.run(&format!(
            "SELECT column, meaning FROM millrace_views WHERE name = '{}' AND column <> ''",
            schema.name
        ));
        assert_eq!(described.len(), schema.columns.len());
        assert!(schema.columns.iter().all(|column| {
            let row = vec![Some(column.name.to_owned()), Some(column.meaning.to_owned())];
            described.contains(&row)
        }));
    }
    let frontier = history.frontier();
    let row =
        shell.run("SELECT installation, CAST(epoch AS TEXT), clock, digest, ends FROM millrace_frontier");
    let ends = row[0][4].as_deref().unwrap();
    assert!(
        ends.starts_with("{\"operations\":[") && ends.ends_with("]}"),
        "{ends}"
    );
    let texts = [
        frontier.installation.to_string(),
        frontier.epoch.0.to_string(),
        frontier.clock.to_string(),
        frontier.digest.to_string(),
    ];
    assert_eq!(row.len(), 1);
    assert!(
        row[0]
            .iter()
            .zip(texts)
            .all(|(found, text)| found.as_deref() == Some(&text))
    );
}

#[test]
fn the_api_s_reads_seek_and_never_sort() {
    let directory = Directory::new(VIEWS);
    let mut store = directory.store();
    store.caught_up().unwrap();
    let mut shell = Shell::open(&directory.config.path);
    for sql in [
        "SELECT * FROM orders WHERE customer_id = 'a' ORDER BY placed_at DESC, order_id LIMIT 50",
        "SELECT * FROM orders WHERE customer_id = 'a' \
         AND (placed_at < 't' OR placed_at = 't' AND order_id > 'o') \
         ORDER BY placed_at DESC, order_id LIMIT 50",
        "SELECT * FROM orders WHERE status = 'paying' ORDER BY placed_at DESC, order_id LIMIT 50",
        "SELECT * FROM orders ORDER BY placed_at DESC, order_id LIMIT 50",
        "SELECT * FROM order_lines WHERE order_id = 'a' ORDER BY line_no",
        "SELECT * FROM order_timeline WHERE order_id = 'a' ORDER BY seq",
        "SELECT * FROM payments WHERE order_id = 'a' ORDER BY payment_key",
        "SELECT * FROM payment_commands WHERE answered = 0 ORDER BY idempotency_key LIMIT 100",
        "SELECT * FROM coupon_grants WHERE campaign_id = 'a' ORDER BY rank LIMIT 50",
        "SELECT * FROM wallets WHERE customer_id = 'a'",
        "SELECT * FROM wallet_entries WHERE customer_id = 'a' ORDER BY kind, entry_id",
        "SELECT * FROM attention WHERE kind = 'a' ORDER BY subject",
        "SELECT * FROM quarantine WHERE topic = 'orders' ORDER BY \"partition\", \"offset\" LIMIT 50",
    ] {
        let plan = shell.run(&format!("EXPLAIN QUERY PLAN {sql}"));
        let plan: Vec<String> = plan
            .into_iter()
            .filter_map(|mut row| row.pop().flatten())
            .collect();
        let plan = plan.join("; ");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        let all = sql.starts_with("SELECT * FROM orders ORDER") || sql.contains("answered");
        assert!(all || !plan.contains("SCAN"), "{sql}: {plan}");
        assert!(!all || plan.contains("USING INDEX"), "{sql}: {plan}");
    }
}

#[test]
fn what_somebody_edited_is_told_and_never_shown() {
    let directory = Directory::new(VIEWS);
    let mut history = History::new(3, VIEWS, 60);
    let mut store = directory.store();
    while history.tables().rows(View::Orders).is_empty() || history.tables().rows(View::Coupons).is_empty() {
        store.commit(&commit_of(&[history.advance()])).unwrap();
    }
    let mut shell = Shell::open(&directory.config.path);
    for (edit, table, column) in [
        ("UPDATE orders SET placed_at = 'yesterday'", "orders", "placed_at"),
        (
            "UPDATE orders SET placed_at = '2024-02-30T00:00:00.000Z'",
            "orders",
            "placed_at",
        ),
        ("UPDATE orders SET status = 'a' || char(0)", "orders", "status"),
        (
            "UPDATE orders SET status = CAST(x'ff' AS TEXT)",
            "orders",
            "status",
        ),
        ("UPDATE coupons SET closed = 2", "coupons", "closed"),
    ] {
        let view = if table == "orders" {
            View::Orders
        } else {
            View::Coupons
        };
        shell.run("BEGIN");
        shell.run(edit);
        shell.run("COMMIT");
        let error = store.readers().tables(&[view]).unwrap_err();
        assert_eq!(error, ReadError::Edited { table, column }, "{edit}");
        let history_row = history.tables().rows(view).keys().next().unwrap();
        let key: Vec<ValueRef<'_>> = history_row.iter().map(contract::value::Value::as_ref).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(store.readers().get(view, &key));
        assert_eq!(found.unwrap_err(), ReadError::Edited { table, column }, "{edit}");
        // Refilled, it is well again.
        let rows = history.rows();
        store
            .refill(history.frontier(), &mut rows.into_iter().map(Ok))
            .unwrap();
        assert!(store.readers().tables(&[view]).is_ok());
    }
    shell.run("UPDATE millrace_frontier SET digest = 'x'");
    let error = store.frontier().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("millrace_frontier was edited (digest)"),
        "{error}"
    );
}

#[test]
fn a_row_that_was_removed_by_somebody_is_not_patched_silently() {
    let directory = Directory::new(VIEWS);
    let mut history = History::new(3, VIEWS, 60);
    let mut store = directory.store();
    let mut shell = Shell::open(&directory.config.path);
    for _ in 0..3 {
        store.commit(&commit_of(&[history.advance()])).unwrap();
    }
    for view in VIEWS {
        shell.run(&format!("DELETE FROM {}", view.schema().name));
    }
    let error = loop {
        if let Err(error) = store.commit(&commit_of(&[history.advance()])) {
            break error;
        }
    };
    assert!(
        matches!(&error, SinkError::Refused { what, .. } if what.contains("are not there")),
        "{error}"
    );
}

#[test]
fn digests_of_old_epochs_are_thinned_out() {
    use millrace_sinks::decide::{KEPT_EXACTLY, is_kept};
    let directory = Directory::new(&[View::Oversold]);
    let mut store = directory.store();
    let mut history = History::new(1, &[View::Oversold], 1);
    let (mut all, mut epochs) = (Vec::new(), Vec::new());
    while history.frontier().epoch.0 < KEPT_EXACTLY + 1_000 {
        epochs.push(history.advance());
        if epochs.len() == 10_007 || history.frontier().epoch.0 > KEPT_EXACTLY + 990 {
            let commit = commit_of(&epochs);
            store.commit(&commit).unwrap();
            all.extend(commit.digests);
            epochs.clear();
        }
    }
    all.retain(|(epoch, _)| is_kept(*epoch, history.frontier().epoch));
    assert_eq!(store.digests().unwrap(), all);
}
