//! Rows of the file as values: every value is checked, since anybody may have edited the file.

use contract::delta::{DeltaBuilder, key_of};
use contract::time::Time;
use contract::value::{Value, ValueRef};
use contract::views::{Column, Type, View};
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode as _, Row as _, TypeInfo as _, ValueRef as _};

use super::read::ReadError;

/// 8,000 years: the calendar repeats every 400.
const YEARS_8000_MS: i64 = 20 * 146_097 * 86_400_000;

/// A time as the store has it, if `text` is one. Deadlines of the last day of 9999 lie in the year 10000.
#[must_use]
pub fn time(text: &str) -> Option<Time> {
    match (text.len(), text.strip_prefix("10000")) {
        (24, _) => Time::parse(text).filter(|_| text.ends_with('Z')),
        (25, Some(rest)) => Some(Time::parse(&format!("2000{rest}"))?.plus_ms(YEARS_8000_MS)),
        _ => None,
    }
}

/// The value in a row's column number `index`.
pub(super) fn value<'a>(row: &'a SqliteRow, index: usize, column: &Column) -> Option<ValueRef<'a>> {
    let raw = row.try_get_raw(index).ok()?;
    if raw.is_null() {
        return column.nullable.then_some(ValueRef::Null);
    }
    let stored = match column.ty {
        Type::Text | Type::Time | Type::Json => "TEXT",
        Type::Int | Type::Bool => "INTEGER",
        Type::Double => "REAL",
    };
    if raw.type_info().name() != stored {
        return None;
    }
    let text = |raw| <&str>::decode(raw).ok().filter(|text| !text.contains('\0'));
    Some(match column.ty {
        Type::Text => ValueRef::Text(text(raw)?),
        Type::Json => ValueRef::Json(text(raw)?),
        Type::Time => ValueRef::Time(time(text(raw)?)?),
        Type::Int => ValueRef::Int(i64::decode(raw).ok()?),
        Type::Double => ValueRef::Double(f64::decode(raw).ok()?),
        Type::Bool => match i64::decode(raw).ok()? {
            0 => ValueRef::Bool(false),
            1 => ValueRef::Bool(true),
            _ => return None,
        },
    })
}

/// The values of a row that has all columns of `view`, in order.
///
/// # Errors
/// [`ReadError::Edited`] if a value is not one of its column.
pub(super) fn values(view: View, row: &SqliteRow) -> Result<Vec<Value>, ReadError> {
    let values = borrowed(view, row)?;
    Ok(values.into_iter().map(ValueRef::to_value).collect())
}

fn borrowed(view: View, row: &SqliteRow) -> Result<Vec<ValueRef<'_>>, ReadError> {
    let schema = view.schema();
    let columns = schema.columns.iter().enumerate();
    let values = columns.map(|(index, column)| {
        value(row, index, column).ok_or(ReadError::Edited {
            table: schema.name,
            column: column.name,
        })
    });
    values.collect()
}

/// Adds a row that has all columns of `view`, in order, to a delta; its key.
///
/// # Errors
/// [`ReadError::Edited`] if a value is not one of its column.
pub(super) fn put(view: View, row: &SqliteRow, out: &mut DeltaBuilder) -> Result<Option<Vec<u8>>, ReadError> {
    let values = borrowed(view, row)?;
    let (key, columns) = values.split_at(view.schema().key_len);
    out.upsert_values(key, columns);
    Ok(key_of(view, key))
}
