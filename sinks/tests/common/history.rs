//! Random histories of views: any operation, any value that a column can have, epoch after epoch.
//!
//! A history is a function of its seed, so that another process can tell what the rows were at any epoch.

use contract::delta::{Delta, DeltaBuilder, Tables, Value, ValueRef, merge_epochs};
use contract::digest::{Digest, Sum};
use contract::installation::Installation;
use contract::log::Epoch;
use contract::time::Time;
use contract::views::{Column, Type, View};

use millrace_sinks::{Commit, Frontier};

/// Texts that somebody gets wrong: quoting, escaping, numbers, wildcards, order of bytes, length.
const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "ab",
    "a'b",
    "\"",
    "\\",
    "--;",
    "%_",
    "null",
    "NULL",
    "1",
    "01",
    "1e5",
    " 1 ",
    "true",
    "\n\r\t",
    "\u{1}",
    "\u{7f}",
    "é",
    "e\u{301}",
    "한국어",
    "\u{1f980}",
    "\u{ffff}",
    "\u{10ffff}",
    "?",
    "$1",
    ":x",
    "{}",
];
const NUMBERS: &[i64] = &[
    i64::MIN,
    i64::MIN + 1,
    -(1 << 53) - 1,
    -1,
    0,
    1,
    255,
    1 << 31,
    (1 << 53) - 1,
    i64::MAX,
];
const DOUBLES: &[f64] = &[
    0.0,
    1.0,
    -1.5,
    4.333_333_333_333_333,
    f64::MAX,
    f64::MIN_POSITIVE,
    1e-300,
];
const JSONS: &[&str] = &[
    "[]",
    "{}",
    "[\"é\",\"\\\"\"]",
    "{\"sku\":\"a'b\"}",
    "[1,9007199254740991]",
    "\"\"",
    "0",
];
/// Milliseconds of 1970, of a leap day, and of the last that there is.
const TIMES_MS: &[i64] = &[0, 1, 951_782_400_123, 1_700_000_000_000, 253_402_300_799_999];

/// Random numbers from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 1).unwrap_or(0) % sides
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.roll(values.len())]
    }

    fn text(&mut self) -> String {
        match self.roll(12) {
            0 => "x".repeat(self.roll(5_000)),
            1 => format!("{}-{}", self.of(TEXTS), self.roll(1_000)),
            _ => self.of(TEXTS).to_owned(),
        }
    }

    /// A part of a key: from few, so that rows meet again; or any.
    fn key_part(&mut self, ty: Type) -> Value {
        match (ty, self.roll(4)) {
            (Type::Int, 0) => Value::Int(self.of(NUMBERS)),
            (Type::Int, _) => Value::Int(i64::try_from(self.roll(40)).unwrap_or(0)),
            (_, 0) => Value::Text(self.of(TEXTS).to_owned()),
            (_, 1) => Value::Text(format!("{}{}", "k".repeat(self.roll(250)), self.roll(9))),
            _ => Value::Text(format!("id-{}", self.roll(60))),
        }
    }

    fn value(&mut self, column: &Column) -> Value {
        if column.nullable && self.roll(3) == 0 {
            return Value::Null;
        }
        match column.ty {
            Type::Text => Value::Text(self.text()),
            Type::Int => Value::Int(self.of(NUMBERS)),
            Type::Bool => Value::Bool(self.roll(2) == 0),
            Type::Time => Value::Time(Time::default().plus_ms(self.of(TIMES_MS))),
            Type::Json => Value::Json(self.of(JSONS).to_owned()),
            Type::Double => Value::Double(self.of(DOUBLES)),
        }
    }
}

/// What an epoch changed, and where it led.
#[derive(Clone, Debug)]
pub struct EpochChanges {
    /// At most one delta a view.
    pub deltas: Vec<Delta>,
    /// Where a sink stands after it.
    pub frontier: Frontier,
}

/// A history of some views.
#[derive(Clone, Debug)]
pub struct History {
    dice: Dice,
    views: Vec<View>,
    tables: Tables,
    frontier: Frontier,
    /// At most so many changes a view and epoch.
    changes_max: usize,
}

impl History {
    /// The history of `seed`, before its first epoch.
    #[must_use]
    pub fn new(seed: u64, views: &[View], changes_max: usize) -> History {
        History {
            dice: Dice(seed),
            views: views.to_vec(),
            tables: Tables::new(),
            frontier: Frontier {
                installation: Installation::new(1, [7; 10]),
                generation: 1,
                epoch: Epoch(0),
                clock: Time::default(),
                ends: Default::default(),
                digest: Digest::default(),
                logic: 1,
            },
            changes_max,
        }
    }

    /// All rows after the last epoch.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Where a sink stands after the last epoch.
    #[must_use]
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The generation that makes the following epochs.
    pub fn set_generation(&mut self, generation: u64) {
        self.frontier.generation = generation;
    }

    /// The next epoch.
    pub fn advance(&mut self) -> EpochChanges {
        let epoch = Epoch(self.frontier.epoch.0 + 1);
        let views = self.views.clone();
        let mut deltas = Vec::new();
        for view in views {
            if self.dice.roll(3) > 0 {
                deltas.push(self.delta(view, epoch));
            }
        }
        let mut sum = Sum::default();
        deltas.iter().for_each(|delta| sum.add(delta));
        let frontier = &mut self.frontier;
        frontier.epoch = epoch;
        frontier.clock = frontier.clock.plus_ms(1_234);
        frontier.digest = frontier.digest.after(epoch, frontier.clock, sum);
        let topic = self.dice.roll(9);
        let partition = self.dice.roll(3);
        let ends = &mut frontier.ends[topic];
        ends.resize(ends.len().max(partition + 1), 0);
        ends[partition] += 5;
        EpochChanges {
            deltas,
            frontier: frontier.clone(),
        }
    }

    fn delta(&mut self, view: View, epoch: Epoch) -> Delta {
        let schema = view.schema();
        let (key_columns, columns) = schema.columns.split_at(schema.key_len);
        let mut builder = DeltaBuilder::new(view);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..=self.dice.roll(self.changes_max) {
            let key: Vec<Value> = key_columns.iter().map(|c| self.dice.key_part(c.ty)).collect();
            if !seen.insert(key.clone()) {
                continue;
            }
            let parts: Vec<ValueRef<'_>> = key.iter().map(Value::as_ref).collect();
            let row: Vec<Value> = columns.iter().map(|column| self.dice.value(column)).collect();
            let row: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
            let there = self.tables.rows(view).contains_key(&key);
            match self.dice.roll(4) {
                0 if there => builder.delete_values(&parts),
                1 | 2 if there => {
                    // Of few sets of columns, as real patches are.
                    let every = 2 + self.dice.roll(2);
                    let all = row
                        .iter()
                        .zip(schema.key_len..)
                        .map(|(value, column)| (column, *value));
                    let some: Vec<_> = all.filter(|(column, _)| column % every == 0).collect();
                    builder.patch_values(&parts, &some);
                }
                _ => builder.upsert_values(&parts, &row),
            }
        }
        let delta = builder.finish(epoch);
        self.tables.apply(&delta);
        delta
    }

    /// All rows after the last epoch as deltas of upserts, several a view, as a sink is filled with them.
    #[must_use]
    pub fn rows(&self) -> Vec<Delta> {
        let mut deltas = Vec::new();
        for view in &self.views {
            let rows: Vec<_> = self.tables.rows(*view).iter().collect();
            for some in rows.chunks(17) {
                let mut builder = DeltaBuilder::new(*view);
                for (key, row) in some {
                    let key: Vec<_> = key.iter().map(Value::as_ref).collect();
                    let row: Vec<_> = row.iter().map(Value::as_ref).collect();
                    builder.upsert_values(&key, &row);
                }
                deltas.push(builder.finish(self.frontier.epoch));
            }
        }
        deltas
    }
}

/// The commit that takes a sink over some epochs in a row.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn commit_of(epochs: &[EpochChanges]) -> Commit {
    let (first, last) = (&epochs[0], &epochs[epochs.len() - 1]);
    let before = first.frontier.epoch.0 - 1;
    Commit {
        after: (before > 0).then_some(Epoch(before)),
        frontier: last.frontier.clone(),
        digests: epochs
            .iter()
            .map(|e| (e.frontier.epoch, e.frontier.digest))
            .collect(),
        deltas: merge_epochs(epochs.iter().map(|epoch| epoch.deltas.as_slice())),
    }
}
