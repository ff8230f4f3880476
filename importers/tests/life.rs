//! Carts and reviews made up over the data set: nothing else changes, and they are a shop's.

use contract::delta::{Tables, Value};
use contract::log::{History, Topic};
use contract::views::{View, product_ratings};
use millrace_importers::online_retail::life::{MadeUp, enliven};
use millrace_importers::online_retail::{Options, december_2010, import};
use oracle::replay;

const MADE_UP: [Topic; 2] = [Topic::Carts, Topic::Reviews];

fn december() -> History {
    let input = december_2010().expect("it comes with the crate");
    import(&input, &Options::default(), |_, _| {}).log
}

/// Everything that the wanted topics hold, epoch by epoch.
fn records(log: &History, is_wanted: impl Fn(Topic) -> bool) -> Vec<String> {
    let mut all = Vec::new();
    for (index, binding) in log.timeline().iter().enumerate() {
        all.push(format!("{:?} {}", binding.epoch, binding.clock));
        let records = log.records(index).filter(|record| is_wanted(record.at.topic));
        all.extend(records.map(|record| format!("{record:?}")));
    }
    all
}

fn tables(log: &History) -> Tables {
    replay(log).tables().clone()
}

fn int(row: &[Value], view: View, column: usize) -> i64 {
    match row[column - view.schema().key_len] {
        Value::Int(number) => number,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_data_tells_stays_what_it_is() {
    let (plain, options) = (december(), Options::default());
    let (lively, made) = enliven(&plain, &options);
    let others = |topic| !MADE_UP.contains(&topic);
    assert!(records(&plain, others) == records(&lively, others));
    assert!(records(&plain, |topic| !others(topic)).len() == plain.timeline().len());
    let (again, made_again) = enliven(&plain, &options);
    assert!(records(&lively, |_| true) == records(&again, |_| true));
    assert_eq!(made, made_again);
    let seeded = Options { seed: 1, ..options };
    assert_ne!(enliven(&plain, &seeded).1, made);
    let (before, after) = (tables(&plain), tables(&lively));
    for view in View::ALL {
        let is_new = matches!(
            view,
            View::Carts | View::CartItems | View::ReviewDocuments | View::ProductRatings | View::StreamCounts
        );
        assert!(
            is_new || before.rows(*view) == after.rows(*view),
            "{}",
            view.schema().name
        );
    }
}

#[test]
fn reviews_and_carts_are_those_of_a_shop() {
    for seed in 0..3 {
        let options = Options {
            seed,
            ..Options::default()
        };
        let (lively, made) = enliven(&december(), &options);
        check(&tables(&lively), &made);
    }
}

fn check(tables: &Tables, made: &MadeUp) {
    assert!(
        tables.rows(View::Quarantine).is_empty(),
        "{:?}",
        tables.rows(View::Quarantine)
    );
    assert!(tables.rows(View::Audits).is_empty());
    let documents = tables.rows(View::ReviewDocuments);
    assert_eq!(documents.len() as u64, made.reviews - made.deleted, "{made:?}");
    assert!(
        made.reviews > 1_000 && made.edited > 20 && made.deleted > 10,
        "{made:?}"
    );
    assert!(made.carts > 100 && made.abandoned > 20, "{made:?}");
    let column = |name: &str| View::ReviewDocuments.schema().column(name).expect("a column") - 1;
    let (verified, text) = (column("verified_purchase"), column("text"));
    let bought = documents
        .values()
        .filter(|row| row[verified] == Value::Bool(true))
        .count();
    assert!(
        bought * 100 > documents.len() * 95,
        "{bought} of {}",
        documents.len()
    );
    let korean = documents.values().filter(|row| {
        let text = row[text].to_string();
        text.chars().any(|letter| ('가'..='힣').contains(&letter))
    });
    let korean = korean.count();
    assert!(
        (documents.len() / 4..documents.len() * 3 / 4).contains(&korean),
        "{korean}"
    );
    let mut by_rating = [0_i64; 5];
    for row in tables.rows(View::ProductRatings).values() {
        for (sum, column) in by_rating.iter_mut().zip(product_ratings::r1..) {
            *sum += int(row, View::ProductRatings, column);
        }
    }
    let [one, two, three, four, five] = by_rating;
    assert!(by_rating.iter().all(|count| *count > 20), "{by_rating:?}");
    assert!(
        five > four && four > three && four + five > one + two + three,
        "{by_rating:?}"
    );
    let left: std::collections::BTreeSet<_> =
        tables.rows(View::CartItems).keys().map(|key| &key[0]).collect();
    assert!(
        (10..=made.abandoned).contains(&(left.len() as u64)),
        "{}: {made:?}",
        left.len()
    );
}
