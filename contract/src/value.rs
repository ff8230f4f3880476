//! Values of columns, of any type: for those who treat all views alike.

use std::fmt;

use crate::time::Time;
use crate::views::Type;

/// A value of a column, owned.
#[derive(Clone, Debug)]
pub enum Value {
    /// Absent.
    Null,
    /// See [`Type::Int`].
    Int(i64),
    /// See [`Type::Bool`].
    Bool(bool),
    /// See [`Type::Text`].
    Text(String),
    /// See [`Type::Time`].
    Time(Time),
    /// See [`Type::Json`].
    Json(String),
    /// See [`Type::Double`].
    Double(f64),
}

/// A value of a column, borrowed from a delta.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// Absent.
    Null,
    /// See [`Type::Int`].
    Int(i64),
    /// See [`Type::Bool`].
    Bool(bool),
    /// See [`Type::Text`].
    Text(&'a str),
    /// See [`Type::Time`].
    Time(Time),
    /// See [`Type::Json`].
    Json(&'a str),
    /// See [`Type::Double`].
    Double(f64),
}

impl Value {
    /// The value, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::Null => ValueRef::Null,
            Value::Int(v) => ValueRef::Int(*v),
            Value::Bool(v) => ValueRef::Bool(*v),
            Value::Text(v) => ValueRef::Text(v),
            Value::Time(v) => ValueRef::Time(*v),
            Value::Json(v) => ValueRef::Json(v),
            Value::Double(v) => ValueRef::Double(*v),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Int(_) => 1,
            Value::Bool(_) => 2,
            Value::Text(_) => 3,
            Value::Time(_) => 4,
            Value::Json(_) => 5,
            Value::Double(_) => 6,
        }
    }
}

impl ValueRef<'_> {
    /// The value, owned.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            ValueRef::Null => Value::Null,
            ValueRef::Int(v) => Value::Int(v),
            ValueRef::Bool(v) => Value::Bool(v),
            ValueRef::Text(v) => Value::Text(v.to_owned()),
            ValueRef::Time(v) => Value::Time(v),
            ValueRef::Json(v) => Value::Json(v.to_owned()),
            ValueRef::Double(v) => Value::Double(v),
        }
    }

    /// The type it has, unless it is null.
    #[must_use]
    pub fn ty(self) -> Option<Type> {
        match self {
            ValueRef::Null => None,
            ValueRef::Int(_) => Some(Type::Int),
            ValueRef::Bool(_) => Some(Type::Bool),
            ValueRef::Text(_) => Some(Type::Text),
            ValueRef::Time(_) => Some(Type::Time),
            ValueRef::Json(_) => Some(Type::Json),
            ValueRef::Double(_) => Some(Type::Double),
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) | (Value::Json(a), Value::Json(b)) => a.cmp(b),
            (Value::Time(a), Value::Time(b)) => a.cmp(b),
            (Value::Double(a), Value::Double(b)) => a.total_cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Int(v) => v.fmt(f),
            Value::Bool(v) => v.fmt(f),
            Value::Text(v) | Value::Json(v) => f.write_str(v),
            Value::Time(v) => v.fmt(f),
            Value::Double(v) => v.fmt(f),
        }
    }
}
