//! Writing changes from values of any type: for those who treat all views alike, such as who reads rows
//! back from where a sink put them.

use super::{ColumnWriter, DeltaBuilder, KeyWriter, Op, PatchWriter, Put, PutKey};
use crate::value::ValueRef;
use crate::views::{Json, Type, View};

impl Put for ValueRef<'_> {
    fn put(&self, out: &mut ColumnWriter<'_>) {
        match self {
            ValueRef::Null => None::<i64>.put(out),
            ValueRef::Int(value) => value.put(out),
            ValueRef::Bool(value) => value.put(out),
            ValueRef::Text(value) => value.put(out),
            ValueRef::Time(value) => value.put(out),
            ValueRef::Json(value) => Json(value).put(out),
            ValueRef::Double(value) => value.put(out),
        }
    }
}

/// The encoding of a key of `view`, as in [`super::Change::key_bytes`]; `None` if no row can have it: other
/// types or another number of parts, or a text with U+0000.
#[must_use]
pub fn key_of(view: View, parts: &[ValueRef<'_>]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(64);
    put_key(view, parts, &mut bytes).then_some(bytes)
}

fn put_key(view: View, parts: &[ValueRef<'_>], out: &mut Vec<u8>) -> bool {
    let schema = view.schema();
    if parts.len() != schema.key_len {
        return false;
    }
    let out = &mut KeyWriter(out);
    parts.iter().zip(schema.columns).all(|(part, column)| {
        match (part, column.ty) {
            (ValueRef::Text(text), Type::Text) if !text.contains('\0') => text.put_key(out),
            (ValueRef::Int(number), Type::Int) => number.put_key(out),
            _ => return false,
        }
        true
    })
}

/// Whether `value` may stand in column number `column`.
fn fits(view: View, column: usize, value: ValueRef<'_>) -> bool {
    let column = &view.schema().columns[column];
    value.ty().map_or(column.nullable, |ty| ty == column.ty)
}

impl DeltaBuilder {
    /// Adds a whole row: its key, and all columns after it.
    ///
    /// # Panics
    /// If the values are not of the view's types.
    pub fn upsert_values(&mut self, key: &[ValueRef<'_>], columns: &[ValueRef<'_>]) {
        let (start, at) = self.key_values(key);
        let schema = self.view.schema();
        assert_eq!(
            columns.len(),
            schema.columns.len() - schema.key_len,
            "all columns"
        );
        for (value, column) in columns.iter().zip(schema.key_len..) {
            assert!(fits(self.view, column, *value), "{}: {value:?}", schema.name);
            value.put(&mut ColumnWriter(&mut self.bytes));
        }
        self.close(start, at, Op::Upsert);
    }

    /// Adds a patch: a key, and columns by their position in the schema.
    ///
    /// # Panics
    /// If the values are not of the view's types.
    pub fn patch_values(&mut self, key: &[ValueRef<'_>], columns: &[(usize, ValueRef<'_>)]) {
        let (start, at) = self.key_values(key);
        for (column, value) in columns {
            assert!(
                fits(self.view, *column, *value),
                "{}: {value:?}",
                self.view.schema().name
            );
            PatchWriter(&mut self.bytes).set(*column, value);
        }
        self.close(start, at, Op::Patch);
    }

    /// Adds a deletion.
    ///
    /// # Panics
    /// If the values are not of the view's types.
    pub fn delete_values(&mut self, key: &[ValueRef<'_>]) {
        let (start, at) = self.key_values(key);
        self.close(start, at, Op::Delete);
    }

    fn key_values(&mut self, key: &[ValueRef<'_>]) -> (usize, usize) {
        let start = self.bytes.len();
        assert!(
            put_key(self.view, key, &mut self.bytes),
            "{:?}: {key:?}",
            self.view
        );
        (start, self.bytes.len())
    }
}
