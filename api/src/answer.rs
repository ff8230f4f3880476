//! Answers: rows as JSON, with the epoch that they show.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use contract::value::Value;
use contract::views::View;
use serde_json::{Map, Value as Json, json};

use crate::problem::Problem;

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
pub fn of_type(status: StatusCode, media_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
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
