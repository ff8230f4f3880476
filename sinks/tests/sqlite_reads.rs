//! Reads while commits go on: every answer is a row of the epoch that it names, and time never goes back,
//! whether it comes from the file or from memory.

mod common;

use std::collections::BTreeMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use contract::delta::{Tables, row};
use contract::log::Epoch;
use contract::value::{Value, ValueRef};
use contract::views::{View, products};
use millrace_sinks::Sink;
use millrace_sinks::read::{Form, Select};
use millrace_sinks::sqlite::Readers;

use common::Directory;
use common::history::{Dice, History, commit_of};

const VIEWS: &[View] = &[View::Orders, View::OrderLines, View::Oversold];

/// The rows after each commit.
type Past = RwLock<BTreeMap<Epoch, Tables>>;

fn key(dice: &mut Dice, view: View) -> Vec<Value> {
    let text = Value::Text(format!("id-{}", dice.roll(60)));
    match view {
        View::OrderLines => vec![text, Value::Int(i64::try_from(dice.roll(40)).unwrap_or(0))],
        _ => vec![text],
    }
}

/// Reads until told to stop; how many reads found a row.
fn read(readers: &Readers, past: &Past, seen: &AtomicU64, stop: &AtomicBool, seed: u64) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime can be made");
    let mut dice = Dice(seed);
    let mut found_some = 0;
    while !stop.load(Ordering::SeqCst) {
        if dice.roll(3) == 0 {
            found_some += u64::from(read_order(readers, past, seen, &runtime, &mut dice));
            continue;
        }
        let view = VIEWS[dice.roll(VIEWS.len())];
        let key = key(&mut dice, view);
        let parts: Vec<ValueRef<'_>> = key.iter().map(Value::as_ref).collect();
        // What anybody has seen before this read begins.
        let seen_before = seen.load(Ordering::SeqCst);
        let (epoch, found) = runtime
            .block_on(readers.get(view, &parts))
            .expect("it can be read");
        let epoch = epoch.expect("the store is not empty");
        assert!(
            epoch.0 >= seen_before,
            "epoch {} after {seen_before} was seen",
            epoch.0
        );
        seen.fetch_max(epoch.0, Ordering::SeqCst);
        let found: Option<Vec<Value>> =
            found.map(|bytes| row(view, &bytes).map(|(_, value)| value.to_value()).collect());
        let past = past.read().expect("nobody panicked");
        let tables = past
            .get(&epoch)
            .unwrap_or_else(|| panic!("epoch {} was never committed", epoch.0));
        assert_eq!(
            found.as_ref(),
            tables.rows(view).get(&key),
            "{view:?} {key:?} at {}",
            epoch.0
        );
        found_some += u64::from(found.is_some());
    }
    found_some
}

/// An order with its lines, in words.
static ORDER: Form = Form {
    views: &[View::Orders, View::OrderLines],
    show: |rows| format!("{rows:?}").into_bytes(),
};

/// Reads all rows of an order; whether there were any.
fn read_order(
    readers: &Readers,
    past: &Past,
    seen: &AtomicU64,
    runtime: &tokio::runtime::Runtime,
    dice: &mut Dice,
) -> bool {
    let id = format!("id-{}", dice.roll(60));
    let seen_before = seen.load(Ordering::SeqCst);
    let (epoch, found) = runtime
        .block_on(readers.shown(&ORDER, &id))
        .expect("it can be read");
    let epoch = epoch.expect("the store is not empty");
    assert!(
        epoch.0 >= seen_before,
        "epoch {} after {seen_before} was seen",
        epoch.0
    );
    seen.fetch_max(epoch.0, Ordering::SeqCst);
    let past = past.read().expect("nobody panicked");
    let tables = past
        .get(&epoch)
        .unwrap_or_else(|| panic!("epoch {} was never committed", epoch.0));
    let rows = |view: &View| -> Vec<Vec<Value>> {
        let rows = tables.rows(*view).iter();
        let ours = rows.filter(|(key, _)| key[0] == Value::Text(id.clone()));
        ours.map(|(key, columns)| [key.as_slice(), columns].concat())
            .collect()
    };
    let expected: Vec<Vec<Vec<Value>>> = ORDER.views.iter().map(rows).collect();
    let found = String::from_utf8(found.to_vec()).expect("words");
    assert_eq!(found, format!("{expected:?}"), "{id} at {}", epoch.0);
    expected.iter().any(|rows| !rows.is_empty())
}

#[test]
fn answers_are_of_the_epoch_that_they_name_and_time_never_goes_back() {
    for (seed, cache_bytes) in [(1, 64 << 20), (2, 40_000), (3, 0)] {
        let mut directory = Directory::new(VIEWS);
        directory.config.row_cache_bytes = cache_bytes;
        directory.config.readers = 3;
        let mut store = directory.store();
        let mut history = History::new(seed, VIEWS, 30);
        let (past, seen, stop) = (Past::default(), AtomicU64::new(0), AtomicBool::new(false));
        let commit = |store: &mut dyn Sink, history: &mut History, count: usize| {
            let epochs: Vec<_> = (0..count).map(|_| history.advance()).collect();
            let (epoch, tables) = (history.frontier().epoch, history.tables().clone());
            past.write().unwrap().insert(epoch, tables);
            store.commit(&commit_of(&epochs)).unwrap();
        };
        commit(&mut store, &mut history, 1);
        let readers = store.readers();
        let found = std::thread::scope(|scope| {
            let (readers, past, seen, stop) = (&readers, &past, &seen, &stop);
            let threads = (0..4).map(|n| scope.spawn(move || read(readers, past, seen, stop, seed * 10 + n)));
            let threads: Vec<_> = threads.collect();
            let mut dice = Dice(seed);
            for _ in 0..150 {
                commit(&mut store, &mut history, 1 + dice.roll(2));
                if dice.roll(4) == 0 {
                    std::thread::yield_now();
                }
                if threads.iter().any(std::thread::ScopedJoinHandle::is_finished) {
                    break;
                }
            }
            stop.store(true, Ordering::SeqCst);
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum::<u64>()
        });
        assert!(found > 100, "only {found} reads found a row");
        let (rows, bytes) = readers.cached();
        assert_eq!(rows > 0, cache_bytes > 0, "{rows} rows in memory");
        assert!(bytes <= cache_bytes, "{bytes} of {cache_bytes}");
    }
}

/// A process that has taken over writes the same file: what ours remembers must not hide that.
#[test]
fn memory_does_not_hide_what_another_process_wrote() {
    let directory = Directory::new(VIEWS);
    let mut ours = directory.store();
    let mut history = History::new(8, VIEWS, 30);
    for _ in 0..5 {
        ours.commit(&commit_of(&[history.advance()])).unwrap();
    }
    let readers = ours.readers();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let get = |key: &[Value]| {
        let parts: Vec<ValueRef<'_>> = key.iter().map(Value::as_ref).collect();
        runtime.block_on(readers.get(View::Orders, &parts)).unwrap()
    };
    let keys: Vec<Vec<Value>> = history.tables().rows(View::Orders).keys().cloned().collect();
    for key in &keys {
        assert_eq!(get(key).0, Some(history.frontier().epoch));
    }
    assert!(readers.cached().0 >= keys.len());
    let mut theirs = directory.store();
    history.set_generation(2);
    theirs.commit(&commit_of(&[history.advance()])).unwrap();
    // Whatever was remembered may be answered, until somebody sees the later epoch.
    let unseen = vec![Value::Text("nobody asked for it".to_owned())];
    assert_eq!(get(&unseen).0, Some(history.frontier().epoch));
    for key in &keys {
        let (epoch, found) = get(key);
        assert_eq!(epoch, Some(history.frontier().epoch), "time goes back");
        assert_eq!(
            found.is_some(),
            history.tables().rows(View::Orders).contains_key(key)
        );
    }
}

/// Whether a value is a list that holds a text.
fn holds(value: &Value, text: &str) -> bool {
    let Value::Json(json) = value else { return false };
    let json: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
    let items = json.as_array();
    items.is_some_and(|items| items.iter().any(|item| item == text))
}

#[test]
fn rows_are_found_by_what_their_lists_hold_and_among_many_keys() {
    const VIEWS: &[View] = &[View::Products];
    let directory = Directory::new(VIEWS);
    let mut store = directory.store();
    let mut history = History::new(9, VIEWS, 60);
    for _ in 0..5 {
        store.commit(&commit_of(&[history.advance()])).unwrap();
    }
    let rows = history.tables().rows(View::Products).iter();
    let all: Vec<Vec<Value>> = rows
        .map(|(key, columns)| [key.as_slice(), columns].concat())
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut snapshot = runtime.block_on(store.readers().snapshot()).unwrap();
    let products = || Select::of(View::Products, 1_000);
    let mut select = |wanted: Select| runtime.block_on(snapshot.select(&wanted)).unwrap();
    let mut found = 0;
    for text in ["é", "\"", "\\", "1", "sku", "[]", "%", "'"] {
        let expected = all.iter().filter(|row| holds(&row[products::tags], text));
        let expected: Vec<_> = expected.cloned().collect();
        found += expected.len();
        assert_eq!(
            select(products().holding(products::tags, text.to_owned())),
            expected,
            "{text:?}"
        );
    }
    assert!(found > 0, "no list holds any of the texts");
    let mut dice = Dice(9);
    for _ in 0..20 {
        let some: Vec<_> = all.iter().filter(|_| dice.roll(3) == 0).cloned().collect();
        let mut keys: Vec<String> = some.iter().map(|row| row[0].to_string()).collect();
        keys.extend(["nobody".to_owned(), "\"], nobody'".to_owned()]);
        assert_eq!(select(products().among(keys)), some);
    }
    assert!(select(products().among(Vec::new())).is_empty());
    runtime.block_on(snapshot.end());
}

#[test]
fn a_snapshot_is_one_moment_however_long_it_is_read() {
    let directory = Directory::new(VIEWS);
    let mut store = directory.store();
    let mut history = History::new(6, VIEWS, 60);
    store
        .commit(&commit_of(&[history.advance(), history.advance()]))
        .unwrap();
    let then = history.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut snapshot = runtime.block_on(store.readers().snapshot()).unwrap();
    for _ in 0..5 {
        store.commit(&commit_of(&[history.advance()])).unwrap();
    }
    for view in VIEWS {
        let mut tables = Tables::new();
        let mut after: Option<Vec<u8>> = None;
        while let Some(batch) = runtime.block_on(snapshot.scan(*view, after.as_deref())).unwrap() {
            tables.apply(&batch);
            after = millrace_sinks::sqlite::read::last_key(&batch);
        }
        assert_eq!(tables.rows(*view), then.tables().rows(*view));
        for key in history.tables().rows(*view).keys() {
            let parts: Vec<ValueRef<'_>> = key.iter().map(Value::as_ref).collect();
            let found = runtime.block_on(snapshot.get(*view, &parts)).unwrap();
            assert_eq!(found.is_some(), then.tables().rows(*view).contains_key(key));
        }
    }
    assert_eq!(snapshot.frontier(), Some(then.frontier()));
    let missing = runtime.block_on(snapshot.get(View::Coupons, &[ValueRef::Text("a")]));
    assert!(missing.is_err(), "a view that is not kept");
    runtime.block_on(snapshot.end());
}
