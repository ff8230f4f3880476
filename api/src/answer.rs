//! Answers: rows as JSON, with the epoch that they show.

use std::io::Write as _;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use contract::value::Value;
use contract::views::View;
use serde_json::{Map, Value as Json, json};

use crate::problem::Problem;
use crate::token::Token;

/// The header with the epoch that an answer shows.
pub const EPOCH: &str = "millrace-epoch";

/// A JSON object, its members in the order in which they were put.
pub type Object = Map<String, Json>;

/// What a handler answers.
pub type Answer = Result<Response<Body>, Problem>;

/// A value of a column.
#[must_use]
pub fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int(number) => json!(number),
        Value::Bool(flag) => json!(flag),
        Value::Text(text) => json!(text),
        Value::Time(time) => json!(time.to_string()),
        // Jobs write only whole JSON.
        Value::Json(text) => serde_json::from_str(text).unwrap_or(Json::Null),
        Value::Double(number) => json!(number),
    }
}

/// A row: a member for each column.
#[must_use]
pub fn object(view: View, row: &[Value]) -> Object {
    let columns = view.schema().columns.iter();
    columns
        .zip(row)
        .map(|(c, v)| (c.name.to_owned(), json(v)))
        .collect()
}

/// Writes the members of a row from column number `from` on, without braces: what [`object`] makes, as text.
fn put_members(out: &mut Vec<u8>, view: View, row: &[Value], from: usize) {
    let columns = view.schema().columns.iter().zip(row).skip(from);
    for (index, (column, value)) in columns.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.push(b'"');
        // Names of columns need no escapes.
        out.extend_from_slice(column.name.as_bytes());
        out.extend_from_slice(b"\":");
        put(out, value);
    }
}

/// Writes a value of a column.
fn put(out: &mut Vec<u8>, value: &Value) {
    // Writing to memory does not fail.
    let _ = match value {
        Value::Null => out.write_all(b"null"),
        Value::Int(number) => serde_json::to_writer(out, number).map_err(Into::into),
        Value::Text(text) => serde_json::to_writer(out, text).map_err(Into::into),
        Value::Bool(true) => out.write_all(b"true"),
        Value::Bool(false) => out.write_all(b"false"),
        Value::Time(time) => write!(out, "\"{time}\""),
        Value::Json(_) | Value::Double(_) => write!(out, "{}", json(value)),
    };
}

/// An object of rows that is written as it is answered: for what is read often.
pub(crate) struct Text(Vec<u8>);

impl Text {
    /// Begins with a row's members.
    pub(crate) fn of(view: View, row: &[Value]) -> Text {
        let mut out = Vec::with_capacity(1024);
        out.push(b'{');
        put_members(&mut out, view, row, 0);
        Text(out)
    }

    /// Begins with what was made before.
    pub(crate) fn again(made: &[u8]) -> Text {
        let mut out = Vec::with_capacity(made.len() + 32);
        out.extend_from_slice(made);
        Text(out)
    }

    /// What was made so far, for [`Text::again`].
    pub(crate) fn made(self) -> Vec<u8> {
        self.0
    }

    fn name(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// Adds a list of rows, each without its first column.
    pub(crate) fn rows(mut self, name: &str, view: View, rows: &[Vec<Value>]) -> Text {
        self.name(name);
        self.0.push(b'[');
        for (index, row) in rows.iter().enumerate() {
            self.0.extend_from_slice(if index > 0 { b",{" } else { b"{" });
            put_members(&mut self.0, view, row, 1);
            self.0.push(b'}');
        }
        self.0.push(b']');
        self
    }

    /// Adds a token, if there is one.
    pub(crate) fn token(mut self, token: Option<&Token>) -> Text {
        if let Some(token) = token {
            self.name("token");
            put(&mut self.0, &Value::Text(token.text()));
        }
        self
    }

    /// The answer, with the epoch that it shows.
    pub(crate) fn shown(mut self, status: StatusCode, epoch: u64) -> Response<Body> {
        self.name("as_of");
        let _ = write!(self.0, "{epoch}}}");
        let mut response = of_type(status, "application/json", self.0);
        let name = HeaderName::from_static(EPOCH);
        response.headers_mut().insert(name, HeaderValue::from(epoch));
        response
    }
}

/// Rows, one object each.
#[must_use]
pub fn items(view: View, rows: &[Vec<Value>]) -> Json {
    rows.iter().map(|row| Json::Object(object(view, row))).collect()
}

/// An object with the epoch that it shows.
#[must_use]
pub fn shown(status: StatusCode, epoch: u64, mut object: Object) -> Response<Body> {
    object.insert("as_of".to_owned(), json!(epoch));
    let mut response = plain(status, &Json::Object(object));
    let name = HeaderName::from_static(EPOCH);
    response.headers_mut().insert(name, HeaderValue::from(epoch));
    response
}

/// An answer that shows no views.
#[must_use]
pub fn plain(status: StatusCode, body: &Json) -> Response<Body> {
    of_type(status, "application/json", body.to_string())
}

/// An answer of any type.
#[must_use]
pub fn of_type(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// An object of some members.
#[must_use]
pub fn members<const N: usize>(members: [(&str, Json); N]) -> Object {
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
