//! What went wrong, as RFC 9457 problem objects: the only form in which this server refuses anything.
//!
//! `type` is the kind's word, `title` says what the kind means, `detail` what happened here and what to do.
//! More members follow where they help: `reason`, `field`, `token`, `as_of`.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use sinks::read::ReadError;
use streams::LogError;

macro_rules! kinds {
    ($( $name:ident $status:ident $word:literal $title:literal; )+) => {
        /// The kinds of problems.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $( #[doc = $title] $name, )+ }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Kind] = &[$( Kind::$name, )+];

            /// Its status, word and title.
            #[must_use]
            pub const fn facts(self) -> (StatusCode, &'static str, &'static str) {
                match self { $( Kind::$name => (StatusCode::$status, $word, $title), )+ }
            }
        }
    };
}

kinds! {
    BadRequest BAD_REQUEST "bad-request" "The request can't be read";
    BadParameter BAD_REQUEST "bad-parameter" "A parameter or header has a value that it can't have";
    BadJson BAD_REQUEST "bad-json" "The body is not one JSON object";
    Unauthorized UNAUTHORIZED "unauthorized" "The request needs a bearer token";
    NotFound NOT_FOUND "not-found" "There is no such thing";
    NotKept NOT_FOUND "not-kept" "The view that would answer is not kept yet";
    MethodNotAllowed METHOD_NOT_ALLOWED "method-not-allowed" "The path does not know this method";
    NotAcceptable NOT_ACCEPTABLE "not-acceptable" "There is no answer of the types asked for";
    Slow REQUEST_TIMEOUT "request-timeout" "The request did not arrive in time";
    Conflict CONFLICT "conflict" "The record contradicts what has counted";
    Refused CONFLICT "refused" "The shop's rules refuse it";
    Rejected CONFLICT "rejected" "The order was rejected";
    Gone GONE "gone" "The changes since then are not remembered";
    Stale PRECONDITION_FAILED "stale" "The version is not the current one";
    TooLarge PAYLOAD_TOO_LARGE "too-large" "The body is too large";
    MediaType UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body's type is not understood";
    Quarantined UNPROCESSABLE_ENTITY "quarantined" "The record can't be used";
    NotOrderable UNPROCESSABLE_ENTITY "not-orderable" "The cart can't be ordered as it is";
    Internal INTERNAL_SERVER_ERROR "internal" "The server failed";
    Overloaded SERVICE_UNAVAILABLE "overloaded" "Too much is under way";
    Unavailable SERVICE_UNAVAILABLE "unavailable" "The server can't do it at the moment";
    NotYetVisible GATEWAY_TIMEOUT "not-yet-visible" "The views do not hold it yet";
}

/// A refusal.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of a kind; `detail` says what happened and what to do.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem(Box::new(Inner {
            kind,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// With a member more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Problem {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.push((name, value));
        }
        self
    }

    /// With the epoch that the answer shows.
    #[must_use]
    pub fn at(self, epoch: u64) -> Problem {
        let name = HeaderName::from_static(super::answer::EPOCH);
        self.with("as_of", epoch).header(name, &epoch.to_string())
    }

    /// Try again after so many seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Problem {
        self.header(RETRY_AFTER, &seconds.to_string())
    }

    /// A parameter or header with a bad value.
    #[must_use]
    pub fn parameter(name: &str, expected: &str) -> Problem {
        Problem::new(Kind::BadParameter, format!("{name}: expected {expected}")).with("parameter", name)
    }

    /// Nothing there.
    #[must_use]
    pub fn not_found(what: &str, id: &str) -> Problem {
        Problem::new(Kind::NotFound, format!("there is no {what} {id}"))
    }

    /// The server is busy; nothing of the request was done.
    #[must_use]
    pub fn overloaded(what: &str) -> Problem {
        let detail = format!("{what}; nothing was done, try again");
        Problem::new(Kind::Overloaded, detail).retry_after(1)
    }

    /// What happened.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// A token is missing or wrong.
    #[must_use]
    pub fn unauthorized() -> Problem {
        let detail = "send the server's token as \"Authorization: Bearer TOKEN\"";
        Problem::new(Kind::Unauthorized, detail).header(WWW_AUTHENTICATE, "Bearer")
    }

    /// A method that the path does not know.
    #[must_use]
    pub fn method(allowed: &str) -> Problem {
        Problem::new(Kind::MethodNotAllowed, format!("the path knows {allowed}")).header(ALLOW, allowed)
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Problem {
        match error {
            ReadError::TooOld { ms_max } => Problem::new(
                Kind::Unavailable,
                format!("reading took longer than {ms_max} ms: ask for less, or filter by a key"),
            )
            .retry_after(1),
            ReadError::NoView { view } => {
                Problem::new(Kind::NotKept, format!("the view {view} is not kept yet"))
            }
            other => {
                tracing::error!(error = %other, "the view store can't be read");
                Problem::new(Kind::Unavailable, "the view store can't be read at the moment").retry_after(5)
            }
        }
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Problem {
        match &error {
            LogError::TooLarge { .. } => Problem::new(Kind::TooLarge, error.to_string()),
            LogError::InDoubt { .. } => {
                tracing::error!(%error, "the log is in doubt");
                let detail = "whether the log kept it is not known; send it again under the same id";
                Problem::new(Kind::Unavailable, detail).retry_after(5)
            }
            _ => {
                if matches!(&error, LogError::Io { kind, .. } if *kind == std::io::ErrorKind::WouldBlock) {
                    tracing::info!(%error, "the log takes no records for now");
                } else {
                    tracing::error!(%error, "the log does not take records");
                }
                let detail = if error.is_full() {
                    "the log's disk is full; nothing was kept"
                } else {
                    "the log does not take records at the moment; nothing was kept"
                };
                Problem::new(Kind::Unavailable, detail).retry_after(5)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let (status, word, title) = self.0.kind.facts();
        let mut members = Map::new();
        members.insert("type".to_owned(), json!(word));
        members.insert("title".to_owned(), json!(title));
        members.insert("status".to_owned(), json!(status.as_u16()));
        members.insert("detail".to_owned(), json!(self.0.detail));
        members.extend(self.0.members);
        let mut response = Response::new(Body::from(Value::Object(members).to_string()));
        *response.status_mut() = status;
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, problem);
        for (name, value) in self.0.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
