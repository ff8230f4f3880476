//! What happens to every request, whatever it asks for: an id, the bearer token, a place among those under
//! way, and a note for the metrics.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
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
    let mut random = [0; 16];
    // An id that is not unique is a nuisance, no more.
    let _ = getrandom::fill(&mut random);
    let id = format!("{:032x}", u128::from_be_bytes(random));
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"))
}

/// Around every request.
pub(crate) async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response<Body> {
    let began = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().as_str().to_owned();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("none", MatchedPath::as_str).to_owned();
    let mut response = answer(&app, request, next).await;
    let status = response.status().as_u16();
    if response.status().is_server_error() {
        tracing::warn!(status, method, route, id = ?id, "answered");
    }
    // Of methods that nobody knows there may be any number.
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"].contains(&method.as_str());
    let method = if known { method.as_str() } else { "other" };
    app.metrics.request(method, &route, status, began.elapsed());
    response.headers_mut().insert(REQUEST_ID, id);
    response
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
