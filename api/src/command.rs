//! Commands: a client's body becomes a record, is checked as the job will check it, and is appended.
//!
//! The record is the client's own text. What the path says (its type, an id) is put in front of it; nothing
//! else is added. What would be quarantined for its own content is refused here and not appended; what
//! needs state to be judged is appended, and its fate read from the views.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use bumpalo::Bump;
use bytes::Bytes;
use contract::decode::{Reason, Rejected, decode_value};
use contract::log::Topic;
use contract::value::Value;
use contract::views::{View, quarantine};
use serde_json::{Map, Value as Json};

use crate::app::{App, Look, text};
use crate::append::{New, Stands, TRACEPARENT};
use crate::body;
use crate::problem::{Kind, Problem};
use crate::query::preferred_wait;
use crate::token::{Needed, Token};

/// A request with a record in it.
pub(crate) struct Command {
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body, as it came.
    pub(crate) body: Bytes,
}

impl FromRequest<Arc<App>> for Command {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let body: Body = body;
        let body = body::object(&parts.headers, body, app.config.arrival).await?;
        Ok(Command {
            headers: parts.headers,
            body,
        })
    }
}

/// The longest `traceparent` that is passed on.
const TRACE_MAX: usize = 256;

/// A record that was appended.
pub(crate) struct Placed {
    pub(crate) stands: Stands,
    pub(crate) token: Token,
    /// When it was about to be appended.
    since: Instant,
    /// How long to wait for its fate, if at all.
    pub(crate) wait: Option<Duration>,
}

impl Command {
    /// The members of the body, as far as they can be read.
    pub(crate) fn members(&self) -> Option<Map<String, Json>> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The value of a record of type `kind`: the body with `known` fields in front. A field that the body has
    /// as well must be the same.
    pub(crate) fn value(&self, kind: &str, known: &[(&str, &str)]) -> Result<Vec<u8>, Problem> {
        let known: Vec<(&str, Json)> = known
            .iter()
            .map(|(name, value)| (*name, Json::from(*value)))
            .collect();
        self.value_of(kind, &known)
    }

    /// The same where what is known is not only texts.
    pub(crate) fn value_of(&self, kind: &str, known: &[(&str, Json)]) -> Result<Vec<u8>, Problem> {
        let empty = Bytes::from_static(b"{}");
        let body = if self.body.is_empty() { &empty } else { &self.body };
        let start = body.iter().position(|byte| !byte.is_ascii_whitespace());
        let Some(start) = start.filter(|start| body[*start] == b'{') else {
            return Err(
                Problem::new(Kind::BadJson, "the body is not one JSON object").with("reason", "bad_json")
            );
        };
        let members: Option<Map<String, Json>> = serde_json::from_slice(body).ok();
        let mut front = String::new();
        let mut stripped = None;
        for (name, value) in std::iter::once(&("type", Json::from(kind))).chain(known) {
            match members.as_ref().and_then(|members| members.get(*name)) {
                Some(same) if same == value => continue,
                Some(Json::Null) => {
                    // The same as absent, but a field can't stand there twice.
                    let members: &mut Map<_, _> =
                        stripped.get_or_insert_with(|| members.clone().unwrap_or_default());
                    members.shift_remove(*name);
                }
                Some(_) => {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let detail = format!("{name}: expected {value}, or nothing");
                    return Err(refused(Reason::BadField, &detail));
                }
                None => {}
            }
            let _ = write!(front, "{}:{},", Json::from(*name), value);
        }
        let text = stripped.map(|members| Bytes::from(Json::Object(members).to_string()));
        let (body, start) = text.as_ref().map_or((body, start), |text| (text, 0));
        let rest = &body[start + 1..];
        if rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}') {
            front.pop();
        }
        let mut value = Vec::with_capacity(body.len() + front.len());
        value.push(b'{');
        value.extend_from_slice(front.as_bytes());
        value.extend_from_slice(rest);
        Ok(value)
    }

    /// Whether its client wants to hear what becomes of it.
    pub(crate) fn waits(&self) -> bool {
        preferred_wait(&self.headers).is_some()
    }

    /// Checks a record and appends it.
    pub(crate) async fn append(&self, app: &App, topic: Topic, value: Vec<u8>) -> Result<Placed, Problem> {
        let key = key_of(topic, &value).map_err(|why| rejected(&why))?;
        let since = Instant::now();
        let records = vec![New { key, value }];
        let stands = app
            .appender
            .append(topic, records, traceparent(&self.headers), false)
            .await?;
        let stands = *stands.first().expect("one record stands in one place");
        Ok(Placed {
            stands,
            since,
            token: Token::of(stands.topic, stands.partition, stands.offset + 1),
            wait: preferred_wait(&self.headers),
        })
    }
}

/// The key of a record, if it can be used.
pub(crate) fn key_of(topic: Topic, value: &[u8]) -> Result<String, Rejected> {
    let arena = Bump::new();
    decode_value(topic, value, &arena).map(|record| record.key().to_owned())
}

/// The trace that a request belongs to.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<Vec<u8>> {
    let trace = headers.get(TRACEPARENT)?.as_bytes();
    (1..=TRACE_MAX).contains(&trace.len()).then(|| trace.to_vec())
}

/// The refusal of a record for its own content.
pub(crate) fn rejected(why: &Rejected) -> Problem {
    refused(why.reason, &why.detail)
}

pub(crate) fn refused(reason: Reason, detail: &str) -> Problem {
    let kind = match reason {
        Reason::TooLarge => Kind::TooLarge,
        Reason::BadJson | Reason::BadUtf8 => Kind::BadJson,
        _ => Kind::Quarantined,
    };
    Problem::new(kind, detail).with("reason", reason.name())
}

impl Placed {
    /// Waits until the record's fate is visible; whether it is. It is not if nobody wants to wait.
    pub(crate) async fn is_visible(&self, app: &App) -> bool {
        let Some(wait) = self.wait else { return false };
        let needed = Needed::Token(self.token.clone());
        let is_visible = app.feed.holds(&needed, wait).await;
        if is_visible {
            app.metrics.visible.observe(self.since.elapsed());
        }
        is_visible
    }
}

/// Waits until a record's fate is visible; `None`: it is not in time, or nobody wants to wait.
pub(crate) async fn decided(app: &App, placed: &Placed) -> Result<Option<Look>, Problem> {
    if placed.is_visible(app).await {
        return fate(app, placed).await.map(Some);
    }
    Ok(None)
}

/// The views once a record is decided; the refusal, if it was quarantined.
pub(crate) async fn fate(app: &App, placed: &Placed) -> Result<Look, Problem> {
    let mut look = app.look().await?;
    let Stands {
        topic,
        partition,
        offset,
    } = placed.stands;
    let offset = Value::Int(i64::try_from(offset).unwrap_or(i64::MAX));
    let key = [text(topic.name()), Value::Int(i64::from(partition)), offset];
    let row = look.get(View::Quarantine, &key).await?;
    match row {
        None => Ok(look),
        Some(row) => {
            let reason = row[quarantine::reason].to_string();
            let kind = match (topic, reason.as_str()) {
                (Topic::Carts, "conflict") => Kind::Stale,
                (_, "conflict") => Kind::Conflict,
                _ => Kind::Quarantined,
            };
            let problem = Problem::new(kind, row[quarantine::detail].to_string());
            Err(problem
                .with("reason", reason)
                .with("token", placed.token.text())
                .at(look.epoch))
        }
    }
}
