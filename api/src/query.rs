//! What stands in a request's path, query and headers; whatever is wrong there is told by name.

use std::time::Duration;

use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::time::Time;
use contract::value::Value;
use contract::views::{Column, Type};
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;
use sinks::read::{Row, Select};

use crate::answer::json;
use crate::problem::{Kind, Problem};

/// Rows of a page, if nothing else is asked for.
const LIMIT_USUAL: usize = 100;
/// Rows of a page, at most.
pub const LIMIT_MAX: usize = 1_000;
/// The longest that a request may ask to wait.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// The parts of a path.
pub struct Ids<T>(pub T);

impl<S, T> FromRequestParts<S> for Ids<T>
where
    S: Send + Sync,
    Path<T>: FromRequestParts<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(ids)| Ids(ids))
            .map_err(|_| Problem::new(Kind::BadRequest, "a part of the path is not UTF-8"))
    }
}

/// The query's parameters, in their order.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::parse(parts.uri.query().unwrap_or_default())
    }
}

fn decoded(text: &str) -> Result<String, Problem> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    let decoded = decoded.map_err(|_| Problem::new(Kind::BadRequest, "the query is not UTF-8"))?;
    Ok(decoded.into_owned())
}

impl Query {
    /// Reads `a=b&c=d`. A name may stand there once.
    ///
    /// # Errors
    /// If it is not UTF-8, or names something twice.
    pub fn parse(text: &str) -> Result<Query, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Problem::parameter(&name, "it once"));
            }
            pairs.push((name, value));
        }
        Ok(Query(pairs))
    }

    /// Takes a parameter out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Takes all that are left.
    pub fn take_all(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.0)
    }

    /// Refuses what nobody has taken.
    ///
    /// # Errors
    /// Names the first parameter that is left.
    pub fn end(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::parameter(name, "no such parameter")),
        }
    }

    /// Takes `limit` and `after` into what is selected, which then asks for one row more than the page has.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn page(&mut self, select: &mut Select) -> Result<Page, Problem> {
        self.page_of(select, LIMIT_USUAL)
    }

    /// The same, of a page that has `usual` rows if nothing else is asked for.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn page_of(&mut self, select: &mut Select, usual: usize) -> Result<Page, Problem> {
        let limit = match self.take("limit") {
            None => usual,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                limit.ok_or_else(|| {
                    Problem::parameter("limit", &format!("a whole number from 1 to {LIMIT_MAX}"))
                })?
            }
        };
        // Nothing is before the first page.
        if let Some(text) = self.take("after").filter(|text| !text.is_empty()) {
            let after = read_cursor(select, &text);
            let expected = "what \"next\" of the page before said";
            select.after = Some(after.ok_or_else(|| Problem::parameter("after", expected))?);
        }
        select.limit = limit + 1;
        Ok(Page(limit))
    }
}

/// How many rows a page has.
#[derive(Clone, Copy, Debug)]
pub struct Page(usize);

impl Page {
    /// Cuts the row too many off; what `next` says if there was one.
    #[must_use]
    pub fn next(self, select: &Select, rows: &mut Vec<Row>) -> Option<String> {
        if rows.len() <= self.0 {
            return None;
        }
        rows.truncate(self.0);
        let last = rows.last()?;
        let values: Vec<Json> = select.order_columns().iter().map(|c| json(&last[*c])).collect();
        Some(URL_SAFE_NO_PAD.encode(Json::Array(values).to_string()))
    }
}

fn read_cursor(select: &Select, text: &str) -> Option<Vec<Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let Json::Array(values) = serde_json::from_slice(&bytes).ok()? else {
        return None;
    };
    let columns = select.order_columns();
    if values.len() != columns.len() {
        return None;
    }
    let schema = select.view.schema();
    let value = |(value, column): (&Json, &usize)| match (value, schema.columns[*column].ty) {
        (Json::String(text), Type::Text) => Some(Value::Text(text.clone())),
        (Json::String(text), Type::Time) => Time::parse(text).map(Value::Time),
        (Json::Number(number), Type::Int) => number.as_i64().map(Value::Int),
        _ => None,
    };
    values.iter().zip(&columns).map(value).collect()
}

/// The value that a filter on a column asks for.
///
/// # Errors
/// If the column can't have it.
pub fn filter_value(column: &Column, text: &str) -> Result<Value, Problem> {
    let expected = match column.ty {
        Type::Text => return Ok(Value::Text(text.to_owned())),
        _ if column.nullable && text == "null" => return Ok(Value::Null),
        Type::Int => {
            if let Ok(number) = text.parse() {
                return Ok(Value::Int(number));
            }
            "a whole number"
        }
        Type::Bool => match text {
            "true" | "1" => return Ok(Value::Bool(true)),
            "false" | "0" => return Ok(Value::Bool(false)),
            _ => "true or false",
        },
        Type::Time => {
            if let Some(time) = Time::parse(text) {
                return Ok(Value::Time(time));
            }
            "a time as RFC 3339 writes it"
        }
        Type::Json | Type::Double => "no filter: there are none on this column",
    };
    Err(Problem::parameter(column.name, expected))
}

/// How long `Prefer: wait=N` says to wait, if it says so.
#[must_use]
pub fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter();
    let parts = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split([',', ';']));
    let seconds = parts
        .filter_map(|part| part.trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, value)| value.trim().trim_matches('"').parse::<u32>().ok())?;
    Some(Duration::from_secs(u64::from(seconds)).min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_to_wait_is_found_among_others_and_has_a_limit() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", text.parse().expect("a header's value"));
            preferred_wait(&headers).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("wait=5"), Some(5));
        assert_eq!(wait("respond-async, Wait = 10"), Some(10));
        assert_eq!(wait("wait=4000000000"), Some(60));
        for none in ["wait", "wait=", "wait=-1", "wait=5s", "respond-async"] {
            assert_eq!(wait(none), None, "{none}");
        }
    }

    #[test]
    fn a_query_is_read_strictly() {
        let mut query = Query::parse("a=1%2B&b=x+y&c").expect("it is well");
        assert_eq!(query.take("a").as_deref(), Some("1+"));
        assert_eq!(query.take("b").as_deref(), Some("x y"));
        assert_eq!(query.take("c").as_deref(), Some(""));
        assert!(query.end().is_ok());
        for bad in ["a=%ff", "a=1&a=2", "%ff=1"] {
            assert!(Query::parse(bad).is_err(), "{bad}");
        }
        assert!(Query::parse("left=1").expect("it is well").end().is_err());
    }
}
