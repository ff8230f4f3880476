//! Writing rows: the columns after the key in the contract's order, and the stamps `epoch` and `since`.

use contract::delta::{Tables, Value};
use contract::time::Time;
use contract::views::View;

use crate::records::Int;

/// Writes rows at the end of an epoch.
pub(crate) struct Writer<'a> {
    pub(crate) tables: &'a mut Tables,
    pub(crate) epoch: u64,
    pub(crate) clock: Time,
}

impl Writer<'_> {
    /// Writes a row without stamp.
    pub(crate) fn put(&mut self, view: View, key: Vec<Value>, columns: Vec<Value>) {
        self.tables.rows_mut(view).insert(key, columns);
    }

    /// Writes a row whose last column is `epoch`: it stays as it was at the end of the last epoch
    /// unless another column changed.
    pub(crate) fn put_stamped(&mut self, view: View, key: Vec<Value>, mut columns: Vec<Value>) {
        let rows = self.tables.rows_mut(view);
        if let Some((_, before)) = rows.get(&key).and_then(|row| row.split_last())
            && *before == *columns
        {
            return;
        }
        columns.push(int(Int::from(self.epoch)));
        rows.insert(key, columns);
    }

    /// Writes or removes a row of `attention`: one that stood at the end of the last epoch keeps its
    /// `since`.
    pub(crate) fn put_attention(&mut self, kind: &str, subject: &str, detail: Option<Value>) {
        let key = vec![text(kind), text(subject)];
        let rows = self.tables.rows_mut(View::Attention);
        let since = rows.get(&key).and_then(|row| row.first()).cloned();
        match detail {
            None => {
                rows.remove(&key);
            }
            Some(detail) => {
                rows.insert(key, vec![since.unwrap_or(Value::Time(self.clock)), detail]);
            }
        }
    }

    /// Removes a row, if there is one.
    pub(crate) fn remove(&mut self, view: View, key: &[Value]) {
        self.tables.rows_mut(view).remove(key);
    }

    /// Removes all rows whose key begins with `first`.
    pub(crate) fn remove_all(&mut self, view: View, first: &Value) {
        let rows = self.tables.rows_mut(view);
        let keys = rows.range(vec![first.clone()]..).map(|(key, _)| key.clone());
        let keys: Vec<Vec<Value>> = keys.take_while(|key| key.first() == Some(first)).collect();
        for key in keys {
            rows.remove(&key);
        }
    }
}

pub(crate) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub(crate) fn text_or_null(value: Option<&str>) -> Value {
    value.map_or(Value::Null, text)
}

/// Sums are exact up to 2^63 - 1.
pub(crate) fn int(value: Int) -> Value {
    Value::Int(i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX }))
}

pub(crate) fn int_or_null(value: Option<Int>) -> Value {
    value.map_or(Value::Null, int)
}

pub(crate) fn time_or_null(value: Option<Time>) -> Value {
    value.map_or(Value::Null, Value::Time)
}

pub(crate) fn json_or_null(value: Option<&str>) -> Value {
    value.map_or(Value::Null, |json| Value::Json(json.to_owned()))
}

/// A list of texts, as compact JSON.
pub(crate) fn json_list(texts: &[String]) -> Value {
    Value::Json(serde_json::Value::from(texts).to_string())
}
