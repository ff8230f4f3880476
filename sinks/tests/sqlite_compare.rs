//! Copies of a view store, and two stores side by side, against what their rows say in memory.

mod common;

use std::collections::BTreeSet;

use contract::views::View;
use millrace_sinks::Sink;
use millrace_sinks::sqlite::{Pair, Readers, copy};

use common::conformance::Place as _;
use common::history::{History, commit_of};
use common::{Directory, Shell};

#[test]
fn exactly_the_rows_that_differ_are_found() {
    for seed in 0..6 {
        println!("SEED={seed}");
        let (first, second) = (Directory::new(View::ALL), Directory::new(View::ALL));
        let mut history = History::new(seed, View::ALL, 40);
        let (mut a, mut b) = (first.store(), second.store());
        for _ in 0..4 {
            let commit = commit_of(&[history.advance()]);
            a.commit(&commit).expect("it is taken");
            b.commit(&commit).expect("it is taken");
        }
        let compare = |shown| {
            let mut pair = Pair::open(&first.config.path, &second.config.path).expect("both open");
            pair.compare(shown, |_| {}).expect("both can be read")
        };
        let same = compare(20);
        assert_eq!((same.count, same.shown, same.left_out), (0, vec![], vec![]));
        for _ in 0..2 {
            b.commit(&commit_of(&[history.advance()])).expect("it is taken");
        }
        let (mine, theirs) = (first.read().1, second.read().1);
        let mut expected = 0;
        for view in View::ALL {
            let (mine, theirs) = (mine.rows(*view), theirs.rows(*view));
            let keys: BTreeSet<_> = mine.keys().chain(theirs.keys()).collect();
            expected += keys
                .iter()
                .filter(|key| mine.get(**key) != theirs.get(**key))
                .count();
        }
        let found = compare(7);
        assert!(expected > 7, "{expected}");
        assert_eq!(found.count, expected as u64);
        assert_eq!(found.rows, mine.count(View::ALL) as u64);
        assert_eq!((found.views, found.shown.len()), (View::ALL.len(), 7));
        assert_eq!(compare(usize::MAX).shown.len(), expected);
    }
}

#[test]
fn a_row_that_differs_is_named_with_its_columns_and_what_only_one_has_is_told() {
    let (first, second) = (Directory::new(View::ALL), Directory::new(View::ALL));
    for directory in [&first, &second] {
        drop(directory.store());
        let mut shell = Shell::open(&directory.config.path);
        shell.run("INSERT INTO stock_levels VALUES ('s1', 5, 0, 5, 0), ('s2', 1, 0, 1, 0)");
    }
    let mut shell = Shell::open(&second.config.path);
    shell.run("UPDATE stock_levels SET held = 2, available = 3 WHERE sku = 's1'");
    shell.run("DELETE FROM stock_levels WHERE sku = 's2'");
    shell.run("INSERT INTO wallets VALUES ('c', 'KRW', 1, 0, 1)");
    shell.run("ALTER TABLE orders ADD COLUMN later TEXT");
    shell.run("DELETE FROM millrace_views WHERE name = 'payments'");
    let mut pair = Pair::open(&first.config.path, &second.config.path).expect("both open");
    let found = pair.compare(20, |_| {}).expect("both can be read");
    let expected = [
        "stock_levels s1: held 0 | 2; available 5 | 3",
        "stock_levels s2: only in the first",
        "wallets c/KRW: only in the second",
    ];
    assert_eq!(
        (found.count, found.shown),
        (3, expected.map(str::to_owned).to_vec())
    );
    let left_out = [
        "orders.later, which only the second has",
        "view payments, which only the first has",
    ];
    assert_eq!(found.left_out, left_out);
}

#[test]
fn a_copy_made_while_the_store_commits_stands_at_one_epoch() {
    let (directory, place) = (Directory::new(View::ALL), Directory::new(View::ALL));
    let mut history = History::new(9, View::ALL, 60);
    let mut store = directory.store();
    store
        .commit(&commit_of(&[history.advance()]))
        .expect("it is taken");
    let (from, to) = (directory.config.path.clone(), place.path.join("copied"));
    let copying = std::thread::spawn(move || {
        let mut copies = Vec::new();
        for number in 0..8 {
            let to = to.with_extension(number.to_string());
            let frontier = copy(&from, &to, || true).expect("there is room");
            copies.push((to, frontier));
        }
        copies
    });
    let mut moments = vec![directory.read()];
    while !copying.is_finished() {
        store
            .commit(&commit_of(&[history.advance()]))
            .expect("it is taken");
        moments.push(directory.read());
    }
    for (path, frontier) in copying.join().expect("it ends") {
        let mut config = directory.config.clone();
        config.path = path;
        let (found, tables) = Readers::new(&config).tables(View::ALL).expect("it can be read");
        assert_eq!(found, frontier);
        let (_, expected) = moments
            .iter()
            .find(|(at, _)| *at == frontier)
            .expect("it was there");
        assert!(tables == *expected, "{frontier:?}");
    }
    let given_up = copy(&directory.config.path, &place.path.join("given-up"), || false);
    assert!(
        given_up.is_err() || moments[0].1.count(View::ALL) < 1000,
        "{given_up:?}"
    );
}
