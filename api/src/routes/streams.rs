//! Streams: records by the line, as many as there are.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use contract::decode::{Reason, VALUE_BYTES_MAX};
use contract::log::Topic;
use serde_json::{Value as Json, json};

use crate::answer::{Answer, members, plain};
use crate::app::App;
use crate::append::New;
use crate::body::{Incoming, check_encoding, check_type};
use crate::command::{key_of, traceparent};
use crate::problem::{Kind, Problem};
use crate::query::{Ids, Query};
use crate::token::Token;

/// Bytes that are gathered before they are appended.
const CHUNK_BYTES: usize = 1 << 20;
/// Lines that are told as rejected, at most; of further ones only the number.
const REJECTED_MAX: usize = 1_000;

/// What has become of the lines so far.
struct Lines<'a> {
    app: &'a App,
    topic: Topic,
    trace: Option<Vec<u8>>,
    number: u64,
    good: Vec<New>,
    good_bytes: usize,
    accepted: u64,
    rejected: Vec<Json>,
    rejected_count: u64,
    token: Token,
}

impl Lines<'_> {
    /// Judges a line; empty ones count, but are nothing.
    async fn line(&mut self, line: &[u8]) -> Result<(), Problem> {
        self.number += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        match key_of(self.topic, line) {
            Ok(key) => {
                self.good_bytes += line.len();
                let value = line.to_vec();
                self.good.push(New { key, value });
            }
            Err(why) => self.reject(why.reason, &why.detail),
        }
        if self.good_bytes >= CHUNK_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    fn reject(&mut self, reason: Reason, detail: &str) {
        self.rejected_count += 1;
        if self.rejected.len() < REJECTED_MAX {
            let line = self.number;
            let rejected = json!({"line": line, "reason": reason.name(), "detail": detail});
            self.rejected.push(rejected);
        }
    }

    /// Appends what was gathered.
    async fn flush(&mut self) -> Result<(), Problem> {
        if self.good.is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut self.good);
        self.good_bytes = 0;
        let (topic, trace) = (self.topic, self.trace.clone());
        let stands = self.app.appender.append(topic, records, trace, true).await?;
        self.accepted += stands.len() as u64;
        for stands in stands {
            self.token.add(topic, stands.partition, stands.offset + 1);
        }
        Ok(())
    }

    /// Reads all lines of a body.
    async fn read(&mut self, body: Body) -> Result<(), Problem> {
        let config = &self.app.config;
        let mut incoming = Incoming::new(body, config.stream_bytes_max, config.arrival);
        let mut rest: Vec<u8> = Vec::new();
        // Of a line that is too long only the end is waited for.
        let mut passing = false;
        while let Some(part) = incoming.next().await? {
            let mut lines = part.split(|byte| *byte == b'\n');
            let last = lines.next_back().unwrap_or_default();
            for line in lines {
                if std::mem::take(&mut passing) {
                    continue;
                }
                if rest.is_empty() {
                    self.line(line).await?;
                } else {
                    rest.extend_from_slice(line);
                    self.line(&std::mem::take(&mut rest)).await?;
                }
            }
            if !passing {
                rest.extend_from_slice(last);
            }
            if rest.len() > VALUE_BYTES_MAX {
                self.number += 1;
                let detail = format!("value: expected at most {VALUE_BYTES_MAX} bytes");
                self.reject(Reason::TooLarge, &detail);
                rest = Vec::new();
                passing = true;
            }
        }
        if !rest.is_empty() {
            self.line(&rest).await?;
        }
        self.flush().await
    }
}

/// `POST /v1/streams/{topic}`
pub(crate) async fn append(
    State(app): State<Arc<App>>,
    Ids(name): Ids<String>,
    query: Query,
    request: Request,
) -> Answer {
    query.end()?;
    let topic = Topic::from_name(&name).ok_or_else(|| Problem::not_found("stream", &name))?;
    let (parts, body) = request.into_parts();
    check_encoding(&parts.headers)?;
    check_type(
        &parts.headers,
        &["application/x-ndjson", "application/ndjson", "application/json"],
    )?;
    let slots = Arc::clone(&app.streams);
    let _slot = slots
        .try_acquire_owned()
        .map_err(|_| Problem::overloaded("too many streams are being sent"))?;
    let mut lines = Lines {
        app: &app,
        topic,
        trace: traceparent(&parts.headers),
        number: 0,
        good: Vec::new(),
        good_bytes: 0,
        accepted: 0,
        rejected: Vec::new(),
        rejected_count: 0,
        token: Token::default(),
    };
    let read = lines.read(body).await;
    if read
        .as_ref()
        .is_err_and(|problem| problem.kind() != Kind::Unavailable)
    {
        // What had arrived before is kept, as if the request had ended there.
        lines.flush().await?;
    }
    let token = (lines.accepted > 0).then(|| lines.token.text());
    let mut answer = members([
        ("accepted", json!(lines.accepted)),
        ("rejected", Json::Array(lines.rejected)),
        ("token", json!(token)),
    ]);
    if lines.rejected_count > REJECTED_MAX as u64 {
        answer.insert("rejected_count".to_owned(), json!(lines.rejected_count));
    }
    match read {
        Ok(()) => Ok(plain(StatusCode::ACCEPTED, &Json::Object(answer))),
        Err(problem) => Err(answer
            .into_iter()
            .fold(problem, |problem, (name, value)| problem.with(&name, value))),
    }
}
