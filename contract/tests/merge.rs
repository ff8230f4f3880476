//! Merged deltas do what the deltas do one after another, whatever the changes and wherever they are cut.

use millrace_contract::delta::{
    Delta, DeltaBuilder, Op, Tables, Value, ValueRef, key_of, merge, merge_epochs, patched,
};
use millrace_contract::log::Epoch;
use millrace_contract::time::Time;
use millrace_contract::views::{Type, View};
use proptest::prelude::*;

/// Key parts and values are few, so that epochs meet in the same rows; some keys agree in their first 8
/// bytes.
const TEXTS: &[&str] = &[
    "",
    "a",
    "order-1",
    "order-12",
    "order-123456789",
    "order-12345678\u{1f980}",
    "\u{1}",
];
const NUMBERS: &[i64] = &[i64::MIN, -1, 0, 1, 255, 256, i64::MAX];

/// Numbers from a seed: what proptest shrinks is the seed list.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ z >> 31) >> 1).expect("63 bits") % sides
    }

    fn value(&mut self, ty: Type, nullable: bool) -> Value {
        if nullable && self.roll(3) == 0 {
            return Value::Null;
        }
        match ty {
            Type::Text => Value::Text(TEXTS[self.roll(TEXTS.len())].to_owned()),
            Type::Int => Value::Int(NUMBERS[self.roll(NUMBERS.len())]),
            Type::Bool => Value::Bool(self.roll(2) == 0),
            Type::Time => Value::Time(Time::default().plus_ms(i64::from(u32::MAX) * 7)),
            Type::Json => Value::Json("[\"x\",1]".to_owned()),
            Type::Double => Value::Double([0.1, -3.5, f64::MAX][self.roll(3)]),
        }
    }

    /// An epoch's changes of a view whose rows are as in `tables`; applies them there.
    fn delta(&mut self, view: View, epoch: u64, tables: &mut Tables) -> Delta {
        let schema = view.schema();
        let (key_columns, columns) = schema.columns.split_at(schema.key_len);
        let mut builder = DeltaBuilder::new(view);
        let mut seen = Vec::new();
        for _ in 0..self.roll(12) {
            let key: Vec<Value> = key_columns.iter().map(|c| self.value(c.ty, false)).collect();
            if seen.contains(&key) {
                continue;
            }
            let parts: Vec<ValueRef<'_>> = key.iter().map(Value::as_ref).collect();
            let mut row = || {
                columns
                    .iter()
                    .map(|c| self.value(c.ty, c.nullable))
                    .collect::<Vec<_>>()
            };
            let row = row();
            let row: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
            match self.roll(3) {
                0 if tables.rows(view).contains_key(&key) => builder.delete_values(&parts),
                1 if tables.rows(view).contains_key(&key) => {
                    let all = row
                        .iter()
                        .zip(schema.key_len..)
                        .map(|(value, column)| (column, *value));
                    let some: Vec<_> = all.filter(|_| self.roll(3) == 0).collect();
                    builder.patch_values(&parts, &some);
                }
                _ => builder.upsert_values(&parts, &row),
            }
            seen.push(key);
        }
        let delta = builder.finish(Epoch(epoch));
        tables.apply(&delta);
        delta
    }
}

/// The same changes without deletions of rows that are not there.
fn without_void_deletions(delta: &Delta, tables: &Tables) -> Delta {
    let mut builder = DeltaBuilder::new(delta.view());
    for change in delta.changes() {
        let parts: Vec<ValueRef<'_>> = change.key().collect();
        let key: Vec<Value> = parts.iter().map(|part| part.to_value()).collect();
        let columns: Vec<_> = change.columns().collect();
        let values: Vec<_> = columns.iter().map(|(_, value)| *value).collect();
        match change.op {
            Op::Upsert => builder.upsert_values(&parts, &values),
            Op::Patch => builder.patch_values(&parts, &columns),
            Op::Delete if tables.rows(delta.view()).contains_key(&key) => builder.delete_values(&parts),
            Op::Delete => {}
        }
    }
    builder.finish(delta.epoch())
}

fn changes(delta: &Delta) -> Vec<(Op, &[u8])> {
    delta
        .changes()
        .map(|change| (change.op, change.bytes()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn merging_is_applying_one_after_another(seed: u64, view in 0..View::ALL.len(), cut in 1..9usize) {
        let view = View::ALL[view];
        let mut dice = Dice(seed);
        let mut tables = Tables::new();
        for epoch in 1..4 {
            dice.delta(view, epoch, &mut tables);
        }
        let mut merged = tables.clone();
        let deltas: Vec<Delta> = (4..14).map(|epoch| dice.delta(view, epoch, &mut tables)).collect();
        let all: Vec<&Delta> = deltas.iter().collect();
        let one = merge(&all);
        prop_assert_eq!(one.epoch(), Epoch(13));
        let keys: Vec<&[u8]> = one.changes().map(|change| change.key_bytes()).collect();
        prop_assert!(keys.windows(2).all(|w| w[0] < w[1]), "sorted, each key once");
        merged.apply(&without_void_deletions(&one, &merged));
        prop_assert_eq!(&merged, &tables);

        let (first, second) = (merge(&all[..cut]), merge(&all[cut..]));
        let both = merge(&[&first, &second]);
        prop_assert_eq!(changes(&both), changes(&one), "cut at {}", cut);
    }

    #[test]
    fn a_patched_row_is_the_row_of_the_table(seed: u64, view in 0..View::ALL.len()) {
        let view = View::ALL[view];
        let mut dice = Dice(seed);
        let mut tables = Tables::new();
        let mut rows: std::collections::BTreeMap<Vec<u8>, Vec<u8>> = Default::default();
        for epoch in 1..12 {
            for change in dice.delta(view, epoch, &mut tables).changes() {
                let key = change.key_bytes().to_vec();
                match change.op {
                    Op::Upsert => rows.insert(key, change.column_bytes().to_vec()),
                    Op::Patch => {
                        let row = patched(view, &rows[&key], &change);
                        rows.insert(key, row)
                    }
                    Op::Delete => rows.remove(&key),
                };
            }
        }
        prop_assert_eq!(rows.len(), tables.rows(view).len());
        for (key, row) in tables.rows(view) {
            let parts: Vec<ValueRef<'_>> = key.iter().map(Value::as_ref).collect();
            let bytes = &rows[&key_of(view, &parts).expect("a row's key")];
            let values = millrace_contract::delta::row(view, bytes).map(|(_, v)| v.to_value());
            let values: Vec<Value> = values.collect();
            prop_assert_eq!(&values, row);
        }
    }
}

#[test]
fn epochs_are_merged_view_by_view() {
    let mut dice = Dice(7);
    let (mut tables, mut epochs) = (Tables::new(), Vec::new());
    for epoch in 1..8 {
        let views = [View::Orders, View::Quarantine]
            .iter()
            .skip(usize::from(epoch == 3));
        epochs.push(
            views
                .map(|view| dice.delta(*view, epoch, &mut tables))
                .collect::<Vec<_>>(),
        );
    }
    let mut merged = Tables::new();
    for delta in merge_epochs(epochs.iter().map(Vec::as_slice)) {
        merged.apply(&without_void_deletions(&delta, &merged));
    }
    assert_eq!(merged, tables);
}

#[test]
fn no_row_has_a_key_of_other_types() {
    let text = ValueRef::Text;
    assert!(key_of(View::Orders, &[text("a")]).is_some());
    assert!(key_of(View::Orders, &[text("a\0b")]).is_none());
    assert!(key_of(View::Orders, &[ValueRef::Int(1)]).is_none());
    assert!(key_of(View::OrderLines, &[text("a")]).is_none());
    assert!(key_of(View::OrderLines, &[text("a"), ValueRef::Int(1)]).is_some());
}
