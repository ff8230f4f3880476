//! Another version of the logic: `rebuild` beside the old store, `diff`, and taking the new one.

use std::fs;

use crate::common::{Dir, Up, assert_refused, assert_well, millrace, order, text};

/// A shop with some orders, decided; as an older version of the logic would have left it.
fn older(test: &str) -> Dir {
    let dir = Dir::shop(test);
    for number in 0..30 {
        dir.append("orders", &order(&format!("n{number}")));
    }
    dir.decide();
    dir.edit("UPDATE millrace_frontier SET logic = 0");
    dir
}

fn store(dir: &Dir, name: &str) -> String {
    let path = dir.0.join(name);
    path.to_str().expect("the path is UTF-8").to_owned()
}

#[test]
fn another_version_is_rebuilt_beside_compared_and_taken() {
    let dir = older("rebuild");
    let (old, new) = (store(&dir, "views.sqlite"), store(&dir, "views-next.sqlite"));
    assert_refused(
        &dir.run(&["up"]),
        3,
        &["logic version 0", "millrace rebuild", "millrace diff"],
    );
    assert_refused(
        &dir.run(&["rebuild", "--accept"]),
        2,
        &["views-next.sqlite", "millrace rebuild"],
    );
    // As far as an epoch, and then on from there.
    assert_well(&dir.run(&["rebuild", "--until", "1"]));
    let behind = millrace(&["diff", &old, &new]);
    assert_refused(
        &behind,
        3,
        &["stands at epoch", "at 1", "millrace rebuild --until"],
    );
    assert_refused(
        &dir.run(&["rebuild", "--accept"]),
        3,
        &["at epoch 1", "once more"],
    );
    assert_refused(
        &dir.run(&["rebuild", "--until", "999999"]),
        2,
        &["bound up to epoch"],
    );
    let said = assert_well(&dir.run(&["rebuild"]));
    let epoch = dir.stored().0.expect("it stands somewhere").epoch.0;
    assert!(said.contains(&format!("stands at epoch {epoch},")), "{said}");
    let same = assert_well(&millrace(&["diff", &old, &new, "--at", &epoch.to_string()]));
    assert!(
        same.ends_with(&format!("at epoch {epoch}: 0 differences\n")),
        "{same}"
    );
    assert_refused(
        &millrace(&["diff", &old, &new, "--at", "1"]),
        3,
        &["not both at 1"],
    );
    // Where the old logic said something else, it is named.
    dir.edit("UPDATE orders SET total = 6, reason = 'x' WHERE order_id = 'n7'");
    dir.edit("DELETE FROM orders WHERE order_id = 'n8'");
    let differ = millrace(&["diff", dir.text(), &new]);
    assert_eq!(differ.status.code(), Some(1));
    let listed = text(&differ.stdout);
    let mut lines = listed.lines();
    assert_eq!(
        lines.next(),
        Some("orders n7: reason 'x' | NULL; total 6 | 5"),
        "{listed}"
    );
    assert_eq!(lines.next(), Some("orders n8: only in the second"), "{listed}");
    assert!(listed.ends_with("2 differences\n"), "{listed}");
    let one = millrace(&["diff", dir.text(), &new, "--show", "1"]);
    assert!(
        text(&one.stdout).contains("\nand 1 more\n"),
        "{}",
        text(&one.stdout)
    );
    assert_well(&dir.run(&["rebuild", "--accept"]));
    assert!(dir.0.join("views-before.sqlite").is_file() && !dir.0.join("views-next.sqlite").exists());
    let made = fs::metadata(dir.store())
        .expect("it is there")
        .modified()
        .expect("a time");
    // It is gone on with, not made anew.
    let (orders, up) = (dir.orders(), Up::start(&dir));
    up.wait_for_orders(orders);
    up.stop();
    assert!(fs::metadata(dir.store()).is_ok_and(|file| file.modified().is_ok_and(|at| at >= made)));
    assert!(dir.stored().0.is_some_and(|found| found.epoch.0 > epoch));
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn it_is_rebuilt_while_the_old_version_runs_and_taken_once_that_has_stopped() {
    let dir = Dir::shop("rebuild-live");
    dir.decide();
    let up = Up::start(&dir);
    assert_well(&dir.run(&["rebuild"]));
    assert_well(&dir.run(&["verify"]));
    assert_refused(&dir.run(&["rebuild", "--accept"]), 3, &["in use"]);
    up.stop();
    dir.append("orders", &order("later"));
    dir.decide();
    assert_well(&dir.run(&["rebuild"]));
    assert_well(&dir.run(&["rebuild", "--accept"]));
    dir.decide();
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn a_store_of_an_older_schema_gains_the_column_and_one_of_other_logic_does_not() {
    const OLDER: &str = "ALTER TABLE orders DROP COLUMN reason_detail; DROP TABLE wallets; \
                         DELETE FROM millrace_views WHERE name || column = 'ordersreason_detail'";
    let dir = Dir::shop("older-schema");
    dir.decide();
    let before = dir.stored();
    dir.edit(OLDER);
    dir.decide();
    assert_well(&dir.run(&["verify"]));
    let after = dir.stored();
    assert_eq!(
        after.1.rows(contract::views::View::Orders),
        before.1.rows(contract::views::View::Orders)
    );
    dir.edit(OLDER);
    dir.edit("UPDATE millrace_frontier SET logic = 0");
    assert_refused(
        &dir.run(&["up"]),
        3,
        &["orders", "other columns", "millrace rebuild"],
    );
    assert_well(&dir.run(&["rebuild"]));
    let listed = millrace(&["diff", dir.text(), &store(&dir, "views-next.sqlite")]);
    let listed = assert_well(&listed);
    assert!(
        listed.contains("not compared: orders.reason_detail, which only the second has"),
        "{listed}"
    );
    assert_well(&dir.run(&["rebuild", "--accept"]));
    dir.decide();
    assert_well(&dir.run(&["verify"]));
}

#[test]
fn what_is_no_view_store_is_not_compared() {
    let dir = Dir::shop("diff-wrong");
    let other = Dir::new("diff-wrong-other");
    assert_refused(
        &millrace(&["diff", dir.text(), dir.text()]),
        3,
        &["no view store yet"],
    );
    assert_refused(
        &millrace(&["diff", dir.text(), other.text()]),
        3,
        &["no view store yet"],
    );
    dir.decide();
    assert_refused(
        &millrace(&["diff", dir.text(), other.text()]),
        2,
        &[other.text(), "not there"],
    );
    let same = millrace(&["diff", dir.text(), "Cargo.toml"]);
    assert_refused(&same, 3, &["Cargo.toml", "no SQLite database"]);
}
