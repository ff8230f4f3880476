//! Changes of a view as server-sent events.
//!
//! A follower at epoch e waits until the views stand at some s > e, takes the views as of s, and hears of
//! each row whose key changed after e, up to s: the whole row, or that it is gone. Then `progress` with
//! `id: s` says that the copy is whole as of s. Who has been away goes on with `Last-Event-ID`, as long as
//! the keys since then are remembered; else 410 names the oldest epoch, and the follower starts again
//! without `after`: it first gets the whole view as of one epoch.
//!
//! Applying the events up to a `progress`, in any order, to a copy as of an earlier `progress` yields the
//! view as of that epoch: rows are whole, and deleting what is not there changes nothing.
//!
//! A follower that takes no data for too long is dropped with an event `end` that says so.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response};
use bytes::Bytes;
use contract::delta::key_parts;
use contract::log::Epoch;
use contract::value::{Value, ValueRef};
use contract::views::View;
use http_body::Frame;
use serde_json::{Value as Json, json};
use sinks::read::Select;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::views::named;
use crate::answer::{Answer, Object, json as value_json, object};
use crate::app::{App, Ready};
use crate::problem::{Kind, Problem};
use crate::query::{Ids, Query};
use crate::token::Needed;

/// Parts that wait for a follower to take them, at most.
const PARTS_MAX: usize = 16;
/// Bytes of a part, about.
const PART_BYTES: usize = 64 << 10;
/// Rows read at once.
const ROWS: usize = 2_000;

/// Why the events end, as the last event.
type Ending = Arc<Mutex<Option<String>>>;

/// The events, as a body.
struct Events {
    parts: mpsc::Receiver<Bytes>,
    ending: Ending,
    _slot: OwnedSemaphorePermit,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.parts.poll_recv(context).map(|part| {
            let last = || {
                let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
                ending.take().map(Bytes::from)
            };
            part.or_else(last).map(|part| Ok(Frame::data(part)))
        })
    }
}

/// Why following ended.
enum End {
    /// Nobody listens any more.
    Left,
    /// For this reason, which is told.
    Because(String),
}

impl From<Problem> for End {
    fn from(problem: Problem) -> End {
        End::Because(problem.detail().to_owned())
    }
}

/// Sends events to one follower.
struct Follower {
    app: Arc<App>,
    view: View,
    parts: mpsc::Sender<Bytes>,
    text: String,
}

impl Follower {
    /// Sends what was written.
    async fn send(&mut self) -> Result<(), End> {
        let part = Bytes::from(std::mem::take(&mut self.text));
        let stall = self.app.config.follower_stall;
        match tokio::time::timeout(stall, self.parts.send(part)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Left),
            Err(_) => {
                let dropped = &self.app.metrics.followers_dropped;
                dropped.fetch_add(1, Ordering::Relaxed);
                Err(End::Because(format!(
                    "no data was taken for {} s; go on with Last-Event-ID",
                    stall.as_secs()
                )))
            }
        }
    }

    async fn change(&mut self, epoch: Epoch, key: Object, row: Option<Object>) -> Result<(), End> {
        let op = if row.is_some() { "upsert" } else { "delete" };
        let change = json!({"epoch": epoch.0, "op": op, "key": key, "row": row});
        self.text.push_str("data: ");
        self.text.push_str(&change.to_string());
        self.text.push_str("\n\n");
        if self.text.len() >= PART_BYTES {
            self.send().await?;
        }
        Ok(())
    }

    async fn progress(&mut self, epoch: Epoch) -> Result<(), End> {
        let id = epoch.0;
        self.text.push_str(&format!(
            "event: progress\nid: {id}\ndata: {{\"epoch\":{id}}}\n\n"
        ));
        self.send().await
    }

    fn key(&self, row: &[Value]) -> Object {
        let columns = self.view.schema().columns.iter();
        let key = columns.zip(row).take(self.view.schema().key_len);
        key.map(|(column, value)| (column.name.to_owned(), value_json(value)))
            .collect()
    }

    /// The whole view as of one epoch.
    async fn whole(&mut self) -> Result<Epoch, End> {
        let mut look = self.app.look().await?;
        let epoch = Epoch(look.epoch);
        let mut select = Select::of(self.view, ROWS);
        loop {
            let rows = look.select(&select).await?;
            for row in &rows {
                let key = self.key(row);
                self.change(epoch, key, Some(object(self.view, row))).await?;
            }
            let Some(last) = rows.last().filter(|_| rows.len() == ROWS) else {
                break;
            };
            select.after = Some(last[..self.view.schema().key_len].to_vec());
        }
        drop(look);
        self.progress(epoch).await?;
        Ok(epoch)
    }

    /// What changed after `at`; the epoch that the follower then stands at.
    async fn step(&mut self, at: Epoch) -> Result<Epoch, End> {
        let mut look = self.app.look().await?;
        let until = Epoch(look.epoch);
        // The store may have been a moment ahead of what it told.
        let known = Needed::Epoch(until);
        if !self.app.feed.holds(&known, Duration::from_secs(10)).await {
            return Err(End::Because(
                "the view store stands still; go on with Last-Event-ID".to_owned(),
            ));
        }
        let keys = self.app.feed.changed(self.view, at, until);
        let keys =
            keys.ok_or_else(|| End::Because(format!("changes since {} are gone; start again", at.0)))?;
        for key in keys {
            let parts: Vec<Value> = key_parts(self.view, &key).map(ValueRef::to_value).collect();
            let row = look.get(self.view, &parts).await?;
            let key = self.key(&parts);
            let row = row.map(|row| object(self.view, &row));
            self.change(until, key, row).await?;
        }
        drop(look);
        self.progress(until).await?;
        Ok(until)
    }

    async fn follow(&mut self, from: Option<Epoch>) -> Result<(), End> {
        let mut stopping = self.app.stopping.subscribe();
        let mut at = match from {
            Some(epoch) => epoch,
            None => self.whole().await?,
        };
        loop {
            let next = Needed::Epoch(Epoch(at.0 + 1));
            let (app, heartbeat) = (Arc::clone(&self.app), self.app.config.heartbeat);
            let moved = tokio::select! {
                moved = app.feed.holds(&next, heartbeat) => moved,
                _ = stopping.wait_for(|stopping| *stopping) => {
                    return Err(End::Because("the server stops; go on with Last-Event-ID".to_owned()));
                }
                () = self.parts.closed() => return Err(End::Left),
            };
            if moved {
                at = self.step(at).await?;
            } else {
                self.text.push_str(": nothing new\n\n");
                self.send().await?;
            }
        }
    }
}

/// From which epoch a follower goes on.
fn resume(headers: &HeaderMap, query: &mut Query) -> Result<Option<Epoch>, Problem> {
    let after = query.take("after");
    let last = headers.get("last-event-id");
    let (name, text) = match last {
        Some(last) => (
            "Last-Event-ID",
            Some(last.to_str().unwrap_or_default().to_owned()),
        ),
        None => ("after", after),
    };
    let Some(text) = text else { return Ok(None) };
    let number = text
        .parse()
        .ok()
        .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let epoch = number.ok_or_else(|| Problem::parameter(name, "an epoch, which is a whole number"))?;
    Ok(Some(Epoch(epoch)))
}

/// `GET /v1/views/{view}/changes`
pub(crate) async fn follow(
    State(app): State<Arc<App>>,
    Ids(name): Ids<String>,
    mut query: Query,
    headers: HeaderMap,
    _: Ready,
) -> Answer {
    let view = named(&app, &name)?;
    let from = resume(&headers, &mut query)?;
    query.end()?;
    let slots = Arc::clone(&app.followers);
    let slot = slots
        .try_acquire_owned()
        .map_err(|_| Problem::overloaded("too many follow changes"))?;
    if let Some(from) = from {
        let ((oldest, _), newest) = (app.feed.remembered(), app.feed.epoch());
        if from < oldest || from > newest {
            let what = if from < oldest {
                "not remembered any more"
            } else {
                "not there yet"
            };
            let detail = format!(
                "changes since epoch {} are {what}; start again without it",
                from.0
            );
            let gone = Problem::new(Kind::Gone, detail).with("oldest", oldest.0);
            return Err(gone.with("newest", newest.0));
        }
    }
    let (parts, taken) = mpsc::channel(PARTS_MAX);
    let ending = Ending::default();
    let events = Events {
        parts: taken,
        ending: Arc::clone(&ending),
        _slot: slot,
    };
    let mut follower = Follower {
        app,
        view,
        parts,
        text: ": millrace\n\n".to_owned(),
    };
    tokio::spawn(async move {
        if let Err(End::Because(why)) = follower.follow(from).await {
            let reason: Json = json!({"reason": why});
            let event = format!("event: end\ndata: {reason}\n\n");
            *ending.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
        }
    });
    let mut response = Response::new(Body::new(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
