//! Any view: which there are, and their rows as JSON or CSV.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use contract::value::Value;
use contract::views::{Type, View};
use serde_json::{Value as Json, json};
use sinks::read::{Row, Select};

use crate::answer::{Answer, EPOCH, items, members, of_type, shown};
use crate::app::{App, Ready};
use crate::problem::{Kind, Problem};
use crate::query::{Ids, Query, filter_value};

/// The view of a name, if it is kept.
pub(crate) fn named(app: &App, name: &str) -> Result<View, Problem> {
    let view = View::ALL.iter().copied().find(|view| view.schema().name == name);
    let view = view.ok_or_else(|| Problem::not_found("view", name))?;
    app.needs(view)?;
    Ok(view)
}

/// The name of a type, for people.
pub(crate) fn type_name(ty: Type) -> &'static str {
    match ty {
        Type::Text => "text",
        Type::Int => "integer",
        Type::Bool => "boolean",
        Type::Time => "time",
        Type::Json => "json",
        Type::Double => "double",
    }
}

/// `GET /v1/views`
pub(crate) async fn list(State(app): State<Arc<App>>, query: Query, _: Ready) -> Answer {
    query.end()?;
    let views = app.views.views().iter().map(|view| {
        let schema = view.schema();
        let columns = schema.columns.iter().map(|column| {
            json!({
                "name": column.name,
                "type": type_name(column.ty),
                "nullable": column.nullable,
                "meaning": column.meaning,
            })
        });
        let key = schema.columns[..schema.key_len].iter().map(|column| column.name);
        json!({
            "name": schema.name,
            "meaning": schema.meaning.trim(),
            "key": key.collect::<Vec<_>>(),
            "columns": columns.collect::<Vec<_>>(),
        })
    });
    let list = members([("items", views.collect())]);
    Ok(shown(StatusCode::OK, app.feed.epoch().0, list))
}

/// In which form rows are asked for.
fn wants_csv(headers: &HeaderMap) -> Result<bool, Problem> {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let types = accept.unwrap_or("*/*").split(',');
    for one in types {
        match one.split(';').next().unwrap_or_default().trim() {
            "text/csv" => return Ok(true),
            "application/json" | "application/*" | "*/*" | "" => return Ok(false),
            _ => {}
        }
    }
    let detail = "Accept: expected application/json or text/csv";
    Err(Problem::new(Kind::NotAcceptable, detail))
}

/// A field as RFC 4180 writes it.
fn field(out: &mut String, value: &Value) {
    let text = match value {
        Value::Null => return,
        Value::Bool(flag) => flag.to_string(),
        Value::Double(number) => json!(number).to_string(),
        other => other.to_string(),
    };
    if text.is_empty() || text.contains(['"', ',', '\n', '\r']) {
        let _ = write!(out, "\"{}\"", text.replace('"', "\"\""));
    } else {
        out.push_str(&text);
    }
}

/// Rows as CSV, the names of columns first. Null is nothing, the empty text is `""`.
fn csv(view: View, rows: &[Row]) -> String {
    let names: Vec<&str> = view.schema().columns.iter().map(|column| column.name).collect();
    let mut out = names.join(",");
    out.push_str("\r\n");
    for row in rows {
        for (index, value) in row.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            field(&mut out, value);
        }
        out.push_str("\r\n");
    }
    out
}

/// `GET /v1/views/{view}`
pub(crate) async fn rows(
    State(app): State<Arc<App>>,
    Ids(name): Ids<String>,
    mut query: Query,
    headers: HeaderMap,
    _: Ready,
) -> Answer {
    let view = named(&app, &name)?;
    let as_csv = wants_csv(&headers)?;
    let mut select = Select::of(view, 0);
    let page = query.page(&mut select)?;
    let schema = view.schema();
    for (name, text) in query.take_all() {
        let Some(column) = schema.column(&name) else {
            let known: Vec<&str> = schema.columns.iter().map(|column| column.name).collect();
            let expected = format!("a column of {}: {}", schema.name, known.join(", "));
            return Err(Problem::parameter(&name, &expected));
        };
        let value = filter_value(&schema.columns[column], &text)?;
        select.filters.push((column, value));
    }
    let mut look = app.look().await?;
    let mut rows = look.select(&select).await?;
    let next = page.next(&select, &mut rows);
    if as_csv {
        let mut response = of_type(StatusCode::OK, "text/csv; charset=utf-8", csv(view, &rows));
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static(EPOCH), HeaderValue::from(look.epoch));
        if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
            headers.insert(HeaderName::from_static("millrace-next"), next);
        }
        return Ok(response);
    }
    let mut list = members([("items", items(view, &rows))]);
    if let Some(next) = next {
        list.insert("next".to_owned(), Json::String(next));
    }
    Ok(shown(StatusCode::OK, look.epoch, list))
}
