//! SQL views and analysts: what is computed in the file, who keeps it, and that asking changes nothing.

mod common;

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use contract::views::{Type, View};
use millrace_sinks::Sink as _;
use millrace_sinks::sqlite::{Analyst, AskError, Cell, Rows, SQL_VIEWS};

use common::history::{History, commit_of};
use common::{Directory, Shell};

/// Takes rows as texts.
#[derive(Default)]
struct Taken {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
    rows_max: Option<usize>,
}

impl Rows for Taken {
    fn columns(&mut self, names: &[&str]) -> io::Result<()> {
        self.names = names.iter().map(|name| (*name).to_owned()).collect();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<ControlFlow<()>> {
        if self.rows_max == Some(self.rows.len()) {
            return Ok(ControlFlow::Break(()));
        }
        self.rows
            .push(cells.iter().map(|cell| format!("{cell:?}")).collect());
        Ok(ControlFlow::Continue(()))
    }
}

fn analyst(directory: &Directory) -> Analyst {
    Analyst::open(&directory.config.path, || true).expect("it is a store")
}

fn ask(analyst: &mut Analyst, sql: &str) -> Result<Vec<Vec<String>>, AskError> {
    let mut taken = Taken::default();
    analyst.ask(sql, &mut taken).map(|()| taken.rows)
}

/// A store with some rows in it.
fn filled(directory: &Directory) -> History {
    let mut store = directory.store();
    let mut history = History::new(7, View::ALL, 60);
    for _ in 0..6 {
        let commit = commit_of(&[history.advance()]);
        store.commit(&commit).expect("it is the next");
    }
    store.caught_up().expect("indexes can be made");
    store.close().expect("it closes");
    history
}

/// Chances.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 11) % n
    }
}

/// A random order: its lines (quantity, price, cancelled), discount and what was returned.
fn order(random: &mut Random, price_max: u64) -> (Vec<[i64; 3]>, i64, i64) {
    let number = |n: u64| i64::try_from(n).expect("far below 2^63");
    let lines: Vec<[i64; 3]> = (0..=random.below(6))
        .map(|_| {
            let quantity = 1 + random.below(5);
            let cancelled = if random.below(2) == 0 {
                random.below(quantity + 1)
            } else {
                0
            };
            [
                number(quantity),
                number(random.below(price_max)),
                number(cancelled),
            ]
        })
        .collect();
    let value = |of: fn(&[i64; 3]) -> i64| lines.iter().map(of).sum::<i64>();
    let total = value(|[quantity, price, _]| quantity * price);
    let gone = value(|[_, price, cancelled]| cancelled * price);
    let discount = if random.below(3) == 0 {
        0
    } else {
        number(random.below(total.unsigned_abs() + 1))
    };
    // Rules: what is given back for lines is their value without its part of the discount.
    let part = i128::from(discount) * i128::from(gone) / i128::from(total.max(1));
    (
        lines,
        discount,
        gone - i64::try_from(part).expect("a part of an i64"),
    )
}

/// Against exact arithmetic; where doubles have to help, each part is within a unit of it, and the sum is exact.
#[test]
fn parts_of_a_discount_add_up_to_it() {
    let directory = Directory::new(View::ALL);
    directory.store().close().unwrap();
    let mut shell = Shell::open(&directory.config.path);
    let mut random = Random(std::process::id().into());
    println!("seed {}", random.0);
    let mut orders = Vec::new();
    shell.run("BEGIN");
    for number in 0..300 {
        let price_max = [10, 10_000, 200_000_000_000_000][number % 3];
        let (lines, discount, returned) = order(&mut random, price_max);
        let total: i64 = lines.iter().map(|[quantity, price, _]| quantity * price).sum();
        shell.run(&format!(
            "INSERT INTO orders (order_id, customer_id, status, currency, total, discount, wallet_amount, \
             payable, returned, attempts, paid, refunded, placed_at, rules, epoch) VALUES ('o{number}', 'c', \
             'confirmed', 'KRW', {total}, {discount}, 0, 0, {returned}, 0, 0, 0, \
             '2024-01-01T00:00:00.000Z', 1, 1)"
        ));
        for (line, [quantity, price, cancelled]) in lines.iter().enumerate() {
            shell.run(&format!(
                "INSERT INTO order_lines VALUES ('o{number}', {}, 's', {quantity}, {price}, {cancelled}, '', '')",
                line + 1
            ));
        }
        orders.push((lines, total - discount - returned));
    }
    shell.run("COMMIT");
    let mut analyst = analyst(&directory);
    let mut rows = ask(
        &mut analyst,
        "SELECT gross_minor, discount_minor, net_minor FROM order_facts \
         ORDER BY CAST(substr(order_id, 2) AS INTEGER), line_no",
    )
    .unwrap()
    .into_iter();
    for (number, (lines, net)) in orders.iter().enumerate() {
        let gross: Vec<i128> = lines
            .iter()
            .map(|[quantity, price, cancelled]| i128::from((quantity - cancelled) * price))
            .collect();
        let whole: i128 = gross.iter().sum();
        let off = whole - i128::from(*net);
        let (mut before, mut sum) = (0_i128, 0_i128);
        for value in &gross {
            let row = rows.next().unwrap();
            let int = |index: usize| -> i128 {
                let text = row[index]
                    .strip_prefix("Int(")
                    .unwrap()
                    .strip_suffix(')')
                    .unwrap();
                text.parse().unwrap()
            };
            let part = |of: i128| if whole == 0 { 0 } else { off * of / whole };
            let exact = part(before + value) - part(before);
            let slack = i128::from(number % 3 == 2);
            assert_eq!(int(0), *value, "order {number}");
            assert!(
                (int(1) - exact).abs() <= slack,
                "order {number}: {} for {exact}",
                int(1)
            );
            assert_eq!(int(2), value - int(1), "order {number}");
            before += value;
            sum += int(2);
        }
        if whole > 0 {
            assert_eq!(sum, i128::from(*net), "order {number}");
        }
    }
    assert!(rows.next().is_none());
}

#[test]
fn every_value_of_a_sql_view_is_of_its_column_s_type() {
    let directory = Directory::new(View::ALL);
    filled(&directory);
    let mut shell = Shell::open(&directory.config.path);
    // The rows are random: amounts are brought to where a shop's are, so that they can be multiplied.
    shell.run(
        "UPDATE order_lines SET quantity = quantity % 1000, cancelled = 0, unit_price = unit_price % 1000",
    );
    // An order whose total is not known has no discount.
    shell.run(
        "UPDATE orders SET total = total % 1000, returned = 0, \
         discount = CASE WHEN total IS NULL THEN 0 ELSE discount % 2 END",
    );
    for view in SQL_VIEWS {
        let rows = shell.say(&format!("SELECT CAST(count(*) > 0 AS TEXT) FROM {}", view.name));
        for column in view.columns.iter().map(|column| &column.column) {
            let name = column.name;
            let good = match column.ty {
                Type::Text | Type::Json | Type::Time => format!("typeof({name}) = 'text'"),
                Type::Int => format!("typeof({name}) = 'integer'"),
                Type::Bool => format!("{name} IN (0, 1) AND typeof({name}) = 'integer'"),
                Type::Double => format!("typeof({name}) = 'real'"),
            };
            let null = if column.nullable {
                format!(" OR {name} IS NULL")
            } else {
                String::new()
            };
            let sql = format!(
                "SELECT CAST(count(*) AS TEXT) FROM {} WHERE NOT ({good}{null})",
                view.name
            );
            assert_eq!(shell.say(&sql), "0", "{}.{name}", view.name);
        }
        assert_eq!((view.name, rows.as_str()), (view.name, "1"));
    }
}

#[test]
fn sql_views_are_made_anew_where_they_differ_and_what_others_made_stays() {
    let sql = "SELECT name || sql FROM sqlite_schema WHERE name IN ('product_listing', 'order_facts') \
               UNION ALL SELECT name || column || type || meaning FROM millrace_views ORDER BY 1";
    let directory = Directory::new(View::ALL);
    let history = filled(&directory);
    let mut shell = Shell::open(&directory.config.path);
    let as_made = shell.say(sql);
    assert!(as_made.contains("order_factsnet_minor"), "{as_made}");
    let reopened = |shell: &mut Shell| {
        let mut store = directory.store();
        assert_eq!(store.frontier().unwrap().as_ref(), Some(history.frontier()));
        store.close().unwrap();
        shell.say(sql)
    };
    // As a version left it that knew one of them not, and the other otherwise.
    shell.run("DROP VIEW product_listing");
    shell.run("DELETE FROM millrace_views WHERE name = 'product_listing' OR column = 'net_minor'");
    shell.run("DROP VIEW order_facts");
    shell.run("CREATE VIEW order_facts AS /* made by millrace */ SELECT order_id FROM orders");
    assert_eq!(reopened(&mut shell), as_made);
    // An analyst's own table of that name.
    shell.run("DROP VIEW order_facts");
    shell.run("CREATE TABLE order_facts (mine TEXT)");
    shell.run("INSERT INTO order_facts VALUES ('kept')");
    reopened(&mut shell);
    assert_eq!(shell.say("SELECT mine FROM order_facts"), "kept");
}

#[test]
fn the_usual_filters_on_sql_views_seek() {
    let directory = Directory::new(View::ALL);
    filled(&directory);
    let mut shell = Shell::open(&directory.config.path);
    for sql in [
        "SELECT * FROM order_facts WHERE order_id = 'a'",
        "SELECT * FROM order_facts WHERE customer_id = 'a'",
        "SELECT day, sum(net_minor) FROM order_facts WHERE placed_at >= '2024-01-01' AND placed_at < '2024-02' \
         GROUP BY day",
        "SELECT * FROM order_facts WHERE status = 'paying'",
        "SELECT * FROM product_listing WHERE sku = 'a'",
        "SELECT * FROM product_listing WHERE category = 'a' ORDER BY sku",
        "SELECT * FROM product_listing WHERE store_id = 'a' ORDER BY sku",
    ] {
        let plan = shell.run(&format!("EXPLAIN QUERY PLAN {sql}"));
        let plan = plan.into_iter().filter_map(|mut row| row.pop().flatten());
        let plan: Vec<String> = plan.collect();
        // Whole tables are read by nothing; what a line's own order has in it may be.
        let scans: Vec<_> = plan.iter().filter(|step| step.starts_with("SCAN")).collect();
        let own = |step: &&&String| step.ends_with("(subquery-1)") || step.contains("subquery");
        assert_eq!(scans.iter().filter(own).count(), scans.len(), "{sql}: {plan:?}");
        assert!(plan.iter().any(|step| step.contains("USING")), "{sql}: {plan:?}");
    }
    // Columns that nobody asks for cost nothing.
    let plan = shell.run("EXPLAIN QUERY PLAN SELECT units FROM order_facts WHERE order_id = 'a'");
    assert_eq!(plan.len(), 2, "{plan:?}");
}

#[test]
fn an_analyst_changes_nothing() {
    let directory = Directory::new(View::ALL);
    filled(&directory);
    let before = std::fs::read(&directory.config.path).unwrap();
    let mut analyst = analyst(&directory);
    for sql in [
        "DELETE FROM orders",
        "WITH x AS (SELECT 1) DELETE FROM orders",
        "WITH x AS (SELECT 1) INSERT INTO wallets SELECT 'a', 'KRW', 1, 1, 1",
        "CREATE TEMP TABLE t (a)",
        "ATTACH ':memory:' AS a",
        "VACUUM INTO 'copy.sqlite'",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "SELECT 1; DELETE FROM orders",
        "COMMIT",
        "SELECT load_extension('x')",
        "SELECT writefile('x', 'y')",
    ] {
        let refused = ask(&mut analyst, sql).unwrap_err();
        let refused = matches!(refused, AskError::NotAQuery(_) | AskError::Sql { .. });
        assert!(refused, "{sql}");
    }
    let rows = ask(&mut analyst, "SELECT count(*) > 0 FROM orders").unwrap();
    assert_eq!(rows, [["Int(1)"]]);
    drop(analyst);
    assert!(std::fs::read(&directory.config.path).unwrap() == before);
    assert!(!std::path::Path::new("copy.sqlite").exists());
}

#[test]
fn an_analyst_s_answers_are_of_one_epoch() {
    let directory = Directory::new(View::ALL);
    let mut history = filled(&directory);
    let mut store = directory.store();
    let mut first = analyst(&directory);
    let count = "SELECT (SELECT count(*) FROM orders), (SELECT epoch FROM millrace_frontier)";
    let before = ask(&mut first, count).unwrap();
    let frontier = first.frontier().cloned().unwrap();
    assert_eq!(&frontier, history.frontier());
    for _ in 0..5 {
        store.commit(&commit_of(&[history.advance()])).unwrap();
    }
    assert_eq!(ask(&mut first, count).unwrap(), before);
    let mut later = analyst(&directory);
    assert_ne!(ask(&mut later, count).unwrap(), before);
    assert_eq!(later.frontier(), Some(history.frontier()));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let directory = Directory::new(View::ALL);
    filled(&directory);
    let mut analyst = analyst(&directory);
    for (sql, said) in [
        (
            "SELECT statu FROM orders",
            "no such column: statu (line 1, column 8)",
        ),
        (
            "\n SELECT '값',\n nme FROM orders",
            "no such column: nme (line 3, column 2)",
        ),
        (
            "SELECT * FROM ordres",
            "no such table: ordres (line 1, column 15)",
        ),
        (
            "SELECT count(*) FROM orders FROM orders",
            "near \"FROM\": syntax error (line 1, column 29)",
        ),
        ("SELECT nosuch()", "no such function: nosuch (line 1, column 8)"),
        ("SELECT (1", "incomplete input"),
    ] {
        let refused = ask(&mut analyst, sql).unwrap_err().to_string();
        assert_eq!(refused, said, "{sql}");
    }
    assert!(ask(&mut analyst, "SELECT 1").is_ok(), "and it goes on");
}

#[test]
fn values_come_as_they_are_and_rows_end_when_no_more_are_wanted() {
    let directory = Directory::new(View::ALL);
    filled(&directory);
    let mut analyst = analyst(&directory);
    let mut taken = Taken {
        rows_max: Some(2),
        ..Taken::default()
    };
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                   SELECT i, 0.5 AS half, NULL AS none, x'00ff' AS bytes, '값' AS text FROM n";
    analyst.ask(endless, &mut taken).unwrap();
    assert_eq!(taken.names, ["i", "half", "none", "bytes", "text"]);
    let row = |i| {
        vec![
            format!("Int({i})"),
            "Real(0.5)".into(),
            "Null".into(),
            "Blob([0, 255])".into(),
            "Text(\"값\")".into(),
        ]
    };
    assert_eq!(taken.rows, [row(1), row(2)]);
    // No rows have columns too.
    let mut taken = Taken::default();
    analyst.ask("SELECT 1 AS a WHERE 0", &mut taken).unwrap();
    assert_eq!((taken.names.len(), taken.rows.len()), (1, 0));
}

#[test]
fn a_question_ends_when_somebody_says_so() {
    let directory = Directory::new(View::ALL);
    filled(&directory);
    let go_on = Arc::new(AtomicBool::new(true));
    let heard = Arc::clone(&go_on);
    let mut analyst = Analyst::open(&directory.config.path, move || heard.load(Ordering::Relaxed)).unwrap();
    go_on.store(false, Ordering::Relaxed);
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    assert!(matches!(ask(&mut analyst, endless), Err(AskError::Stopped)));
}

#[test]
fn other_files_are_told_from_view_stores() {
    let directory = Directory::new(View::ALL);
    let path = &directory.config.path;
    let refused = || match Analyst::open(path, || true) {
        Err(AskError::Store { what, .. }) => what,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it is opened"),
    };
    assert!(refused().contains("can't be opened"));
    std::fs::write(path, "a,b\n".repeat(1000)).unwrap();
    assert!(refused().contains("no SQLite database"));
    std::fs::remove_file(path).unwrap();
    Shell::open(path).run("CREATE TABLE orders (a)");
    assert!(refused().contains("no view store"));
    std::fs::remove_file(path).unwrap();
    filled(&directory);
    Shell::open(path).run("PRAGMA user_version = 2");
    assert!(refused().contains("newer millrace"));
}
