//! What happens to every request, whatever it asks for: an id, the bearer token, a place among those under
//! way, and a note for the metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use axum::middleware::Next;
use axum::response::IntoResponse as _;

use crate::app::App;
use crate::problem::Problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Whether two texts are the same; how long that takes tells nothing of where they differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    let differs = left
        .iter()
        .zip(right)
        .fold(0, |differs, (a, b)| differs | (a ^ b));
    left.len() == right.len() && std::hint::black_box(differs) == 0
}

fn is_authorized(token: &str, headers: &HeaderMap) -> bool {
    let given = headers
        .get(AUTHORIZATION)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let Some((scheme, given)) = given.split_at_checked(7) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"bearer ") && same(given.trim_ascii(), token.as_bytes())
}

/// The client's id of a request, if it is a short and plain one, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |id: &&HeaderValue| {
        let id = id.as_bytes();
        (1..=128).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
    };
    if let Some(id) = headers.get(&REQUEST_ID).filter(plain) {
        return id.clone();
    }
    HeaderValue::from_bytes(&new_id()).unwrap_or(HeaderValue::from_static("none"))
}

/// An id of this process's own random number and a count: asking the system for each would cost more.
fn new_id() -> [u8; 32] {
    static PROCESS: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let process = PROCESS.get_or_init(|| {
        let mut random = [0; 8];
        // An id that is not unique is a nuisance, no more.
        let _ = getrandom::fill(&mut random);
        u64::from_be_bytes(random)
    });
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut id = [b'0'; 32];
    let digits = id.iter_mut().rev();
    let mut number = u128::from(*process) << 64 | u128::from(count);
    for digit in digits {
        let nibble = usize::try_from(number & 15).unwrap_or(0);
        *digit = b"0123456789abcdef"[nibble];
        number >>= 4;
    }
    id
}

/// Around every request.
pub(crate) async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response<Body> {
    let began = Instant::now();
    let id = request_id(request.headers());
    let method = known(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("none", MatchedPath::as_str);
    let mut response = answer(&app, request, next).await;
    let status = response.status().as_u16();
    if response.status().is_server_error() {
        tracing::warn!(status, method, route, id = ?id, "answered");
    }
    app.metrics.request(method, route, status, began.elapsed());
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// A method's name. Of those that nobody knows there may be any number.
fn known(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    let found = known.into_iter().find(|known| *known == method.as_str());
    found.unwrap_or("other")
}

async fn answer(app: &App, request: Request, next: Next) -> Response<Body> {
    let path = request.uri().path();
    if path == "/healthz" {
        return next.run(request).await;
    }
    if let Some(token) = &app.config.token
        && !is_authorized(token, request.headers())
    {
        return Problem::unauthorized().into_response();
    }
    let always = matches!(path, "/readyz" | "/metrics");
    match Arc::clone(&app.requests).try_acquire_owned() {
        Ok(_place) => next.run(request).await,
        Err(_) if always => next.run(request).await,
        Err(_) => Problem::overloaded("too many requests are under way").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_is_the_token() {
        let given = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, text.parse().expect("a header's value"));
            is_authorized("secret", &headers)
        };
        assert!(given("Bearer secret") && given("bearer  secret"));
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer secre",
            "Bearer secretx",
            "Basic secret",
            "secret",
        ] {
            assert!(!given(bad), "{bad}");
        }
        assert!(!is_authorized("secret", &HeaderMap::new()));
    }
}
