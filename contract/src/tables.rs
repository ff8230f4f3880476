//! Views as whole tables in memory: what deltas are applied to, what an oracle yields, and how the two are
//! compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::delta::{Delta, Op};
use crate::value::{Value, ValueRef};
use crate::views::View;
use crate::words::AttentionKind;

/// A view's rows at one epoch: key to the columns after it.
pub type Rows = BTreeMap<Vec<Value>, Vec<Value>>;

/// Every row of some views at one epoch: what deltas are applied to, and what an oracle yields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables(BTreeMap<View, Rows>);

impl Tables {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows of a view.
    #[must_use]
    pub fn rows(&self, view: View) -> &Rows {
        static NO_ROWS: Rows = Rows::new();
        self.0.get(&view).unwrap_or(&NO_ROWS)
    }

    /// The rows of a view, to be changed.
    pub fn rows_mut(&mut self, view: View) -> &mut Rows {
        self.0.entry(view).or_default()
    }

    /// Applies a delta.
    ///
    /// # Panics
    /// If it patches or deletes a row that does not exist, or a value has not its column's type.
    pub fn apply(&mut self, delta: &Delta) {
        let schema = delta.view().schema();
        let rows = self.rows_mut(delta.view());
        for change in delta.changes() {
            let key: Vec<Value> = change.key().map(ValueRef::to_value).collect();
            for (column, value) in change.columns() {
                let spec = &schema.columns[column];
                assert!(
                    value.ty().map_or(spec.nullable, |ty| ty == spec.ty),
                    "{}.{}: {value:?}",
                    schema.name,
                    spec.name
                );
            }
            match change.op {
                Op::Upsert => {
                    let row: Vec<Value> = change.columns().map(|(_, v)| v.to_value()).collect();
                    assert_eq!(
                        row.len(),
                        schema.columns.len() - schema.key_len,
                        "{}: {key:?}",
                        schema.name
                    );
                    rows.insert(key, row);
                }
                Op::Patch => {
                    let row = rows.get_mut(&key);
                    let row = row.unwrap_or_else(|| panic!("{}: patch of no row {key:?}", schema.name));
                    for (column, value) in change.columns() {
                        row[column - schema.key_len] = value.to_value();
                    }
                }
                Op::Delete => {
                    assert!(
                        rows.remove(&key).is_some(),
                        "{}: deletion of no row {key:?}",
                        schema.name
                    );
                }
            }
        }
    }
}

/// A row that two tables do not have alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The view.
    pub view: View,
    /// The row's key.
    pub key: Vec<Value>,
    /// The columns that differ: name, this table's value, the other's; or, where one has no such row, its
    /// whole row.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<String> = self.key.iter().map(Value::to_string).collect();
        write!(f, "{} {}: {}", self.view.schema().name, key.join("/"), self.what)
    }
}

fn row_text(row: &[Value]) -> String {
    row.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether a column's text is left to the implementation, so that two of them may differ in it.
fn is_free(view: View, key: &[Value], column: usize) -> bool {
    match view {
        View::Quarantine => view.schema().columns[column].name == "detail",
        View::Attention => {
            let ours = matches!(&key[0], Value::Text(kind) if AttentionKind::from_word(kind).is_some());
            ours && view.schema().columns[column].name == "detail"
        }
        _ => false,
    }
}

impl Tables {
    /// The rows of some views that this and another have differently, in the order of views and keys; not
    /// counting the details that the contract leaves open.
    #[must_use]
    pub fn differences(&self, other: &Tables, views: &[View]) -> Vec<Difference> {
        let mut differences = Vec::new();
        for &view in views {
            let (mine, theirs) = (self.rows(view), other.rows(view));
            let keys: BTreeSet<&Vec<Value>> = mine.keys().chain(theirs.keys()).collect();
            for key in keys {
                if let Some(what) = difference(view, key, mine.get(key), theirs.get(key)) {
                    differences.push(Difference {
                        view,
                        key: key.clone(),
                        what,
                    });
                }
            }
        }
        differences
    }

    /// How many rows some views have.
    #[must_use]
    pub fn count(&self, views: &[View]) -> usize {
        views.iter().map(|view| self.rows(*view).len()).sum()
    }
}

fn difference(
    view: View,
    key: &[Value],
    mine: Option<&Vec<Value>>,
    theirs: Option<&Vec<Value>>,
) -> Option<String> {
    match (mine, theirs) {
        (Some(mine), Some(theirs)) => {
            let schema = view.schema();
            let differing = mine.iter().zip(theirs).enumerate().filter_map(|(index, (a, b))| {
                let column = index + schema.key_len;
                (a != b && !is_free(view, key, column))
                    .then(|| format!("{} is {a}, other {b}", schema.columns[column].name))
            });
            let differing: Vec<String> = differing.collect();
            (!differing.is_empty()).then(|| differing.join("; "))
        }
        (Some(mine), None) => Some(format!("only here: {}", row_text(mine))),
        (None, Some(theirs)) => Some(format!("only there: {}", row_text(theirs))),
        (None, None) => None,
    }
}
