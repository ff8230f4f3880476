//! Bodies: read within a limit and a time, of a known type, and never unpacked.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use contract::decode::VALUE_BYTES_MAX;
use http_body_util::BodyExt as _;

use crate::problem::{Kind, Problem};

/// A body in parts, as they arrive.
pub(crate) struct Incoming {
    body: Body,
    arrival: Duration,
    left: u64,
    max: u64,
}

impl Incoming {
    /// Reads `body`, of at most `bytes_max`; each part must arrive within `arrival`.
    pub(crate) fn new(body: Body, bytes_max: u64, arrival: Duration) -> Incoming {
        Incoming {
            body,
            arrival,
            left: bytes_max,
            max: bytes_max,
        }
    }

    /// The next part; `None`: that was all.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            let frame = tokio::time::timeout(self.arrival, self.body.frame()).await;
            let slow = |_| Problem::new(Kind::Slow, "the body stopped arriving");
            let Some(frame) = frame.map_err(slow)? else {
                return Ok(None);
            };
            let broken = |_| Problem::new(Kind::BadRequest, "the body ended before its end");
            let Ok(data) = frame.map_err(broken)?.into_data() else {
                continue;
            };
            let len = data.len() as u64;
            self.left = self.left.checked_sub(len).ok_or_else(|| {
                Problem::new(Kind::TooLarge, format!("a body has at most {} bytes", self.max))
                    .with("reason", "too_large")
            })?;
            return Ok(Some(data));
        }
    }
}

/// A whole body: one JSON object's text, or nothing where nothing was sent.
pub(crate) async fn object(headers: &HeaderMap, body: Body, arrival: Duration) -> Result<Bytes, Problem> {
    let read = async {
        let mut incoming = Incoming::new(body, VALUE_BYTES_MAX as u64, arrival);
        let mut whole = BytesMut::new();
        while let Some(part) = incoming.next().await? {
            whole.extend_from_slice(&part);
        }
        Ok::<_, Problem>(whole.freeze())
    };
    check_encoding(headers)?;
    let whole = tokio::time::timeout(arrival, read).await;
    let slow = |_| Problem::new(Kind::Slow, "the body took too long to arrive");
    let whole = whole.map_err(slow)??;
    if !whole.is_empty() {
        check_type(headers, &["application/json"])?;
    }
    Ok(whole)
}

/// Refuses what would have to be unpacked.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Err(Problem::new(
            Kind::MediaType,
            "Content-Encoding: bodies are taken as they are, without an encoding",
        )),
        _ => Ok(()),
    }
}

/// Refuses bodies of other types. One without a type is taken for what is expected.
pub(crate) fn check_type(headers: &HeaderMap, known: &[&str]) -> Result<(), Problem> {
    let Some(given) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let given = given
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    if known.iter().any(|known| given.trim().eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    let detail = format!("Content-Type: expected {}", known.join(" or "));
    Err(Problem::new(Kind::MediaType, detail))
}
