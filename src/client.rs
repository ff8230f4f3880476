//! A client of a running millrace: one connection, one request after another.
//!
//! What the server refuses for the moment (429, 503) is sent again after the time that it asks for, and
//! counted. A connection that is lost is made anew; what was under way is sent again, which is safe because
//! every record carries its own id. Where nobody answers, it fails.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::Failure;

/// The longest that an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(90);
/// Before a lost connection is made anew.
const RECONNECT: Duration = Duration::from_millis(200);
/// How often that is tried.
const RECONNECTS_MAX: u32 = 5;
/// The longest time that a server is believed to want before it is tried again.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Where a millrace listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host and port.
    address: String,
    token: Option<String>,
}

impl Target {
    /// Reads `http://HOST:PORT`.
    pub fn parse(url: &str, token: Option<String>) -> Result<Target, String> {
        let wrong =
            || format!("{url} can't be used; it is http:// with a host and a port, as http://127.0.0.1:8080");
        let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
        let address = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (address, 80_u16),
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(wrong());
        }
        if token
            .as_deref()
            .is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err("the token is printable ASCII without spaces".to_owned());
        }
        let address = format!("{host}:{port}");
        Ok(Target { address, token })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}", self.address)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    body: Bytes,
}

impl Reply {
    /// Whether it was done, or will be.
    pub fn is_well(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Its body; null where that is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Why it was refused, in a word or two.
    pub fn reason(&self) -> String {
        let body = self.json();
        let word = body["reason"].as_str().or(body["type"].as_str());
        word.map_or_else(|| format!("status {}", self.status), str::to_owned)
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Ask {
    /// Reads.
    pub fn get(path: impl Into<String>) -> Ask {
        Ask {
            method: "GET",
            path: path.into(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Sends a JSON object.
    pub fn post(path: impl Into<String>, body: &Value) -> Ask {
        Ask {
            method: "POST",
            body: Bytes::from(body.to_string()),
            ..Ask::get(path)
        }
        .with(CONTENT_TYPE.as_str(), "application/json")
    }

    /// Sends a record a line.
    pub fn lines(topic: &str, lines: String) -> Ask {
        Ask {
            method: "POST",
            body: Bytes::from(lines),
            ..Ask::get(format!("/v1/streams/{topic}"))
        }
        .with(CONTENT_TYPE.as_str(), "application/x-ndjson")
    }

    /// With a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Ask {
        self.headers.push((name, value.into()));
        self
    }
}

/// One connection.
pub struct Client {
    target: Target,
    connection: Option<SendRequest<Full<Bytes>>>,
    /// How often any client that shares it was told to come again.
    retried: Rc<Cell<u64>>,
}

impl Client {
    /// To be connected when it is first used.
    pub fn new(target: &Target, retried: &Rc<Cell<u64>>) -> Client {
        Client {
            target: target.clone(),
            connection: None,
            retried: Rc::clone(retried),
        }
    }

    /// Sends, until it is answered with anything but "later".
    ///
    /// # Errors
    /// If nobody answers, or the server wants a token that we don't have.
    pub async fn send(&mut self, ask: &Ask) -> Result<Reply, Failure> {
        let mut lost = 0;
        loop {
            let (reply, retry) = match tokio::time::timeout(ANSWER_MAX, self.once(ask)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(why)) => {
                    self.connection = None;
                    lost += 1;
                    if lost == RECONNECTS_MAX {
                        return Err(self.nobody(&why));
                    }
                    tokio::time::sleep(RECONNECT).await;
                    continue;
                }
                Err(_) => return Err(self.nobody("no answer in time")),
            };
            match reply.status {
                429 | 503 => {
                    self.retried.set(self.retried.get() + 1);
                    tokio::time::sleep(retry).await;
                }
                401 => {
                    return Err(Failure::Usage(format!(
                        "{} wants a token, or another one: give it with --token or in MILLRACE_API_TOKEN",
                        self.target
                    )));
                }
                _ => return Ok(reply),
            }
        }
    }

    /// Opens an answer that comes in parts, and may never end.
    ///
    /// # Errors
    /// If nobody answers, or with anything but that.
    pub async fn open(&mut self, ask: &Ask) -> Result<Incoming, Failure> {
        let opened = tokio::time::timeout(ANSWER_MAX, self.answer(ask)).await;
        let answer = opened.map_err(|_| self.nobody("no answer in time"))?;
        let answer = answer.map_err(|why| self.nobody(&why))?;
        let status = answer.status().as_u16();
        if status == 200 {
            return Ok(answer.into_body());
        }
        let body = answer.into_body().collect().await;
        let body = body.map_err(|error| self.nobody(&error.to_string()))?.to_bytes();
        let reply = Reply { status, body };
        let detail = reply.json()["detail"]
            .as_str()
            .map_or(reply.reason(), str::to_owned);
        Err(Failure::Undone(format!("{}{}: {detail}", self.target, ask.path)))
    }

    fn nobody(&self, why: &str) -> Failure {
        let target = &self.target;
        Failure::Undone(format!(
            "{target} does not answer ({why}); is a millrace running there? Start one with millrace up"
        ))
    }

    /// Sends once; what begins to come back.
    async fn answer(&mut self, ask: &Ask) -> Result<Response<Incoming>, String> {
        if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
            self.connection = Some(connect(&self.target.address).await?);
        }
        let connection = self.connection.as_mut().ok_or("no connection")?;
        let mut request = Request::builder()
            .method(ask.method)
            .uri(&ask.path)
            .header(HOST, &self.target.address);
        if let Some(token) = &self.target.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(ask.body.clone()));
        let request = request.map_err(|error| error.to_string())?;
        let said = |error: hyper::Error| error.to_string();
        connection.ready().await.map_err(said)?;
        connection.send_request(request).await.map_err(said)
    }

    /// Sends once; the answer, and after how long to come again if it says so.
    async fn once(&mut self, ask: &Ask) -> Result<(Reply, Duration), String> {
        let answer = self.answer(ask).await?;
        let said = |error: hyper::Error| error.to_string();
        let number = |name: &str| {
            let value = answer.headers().get(name)?;
            value.to_str().ok()?.trim().parse::<u64>().ok()
        };
        let status = answer.status().as_u16();
        let retry = number(RETRY_AFTER.as_str()).map_or(Duration::from_secs(1), Duration::from_secs);
        let body = answer.into_body().collect().await.map_err(said)?.to_bytes();
        Ok((Reply { status, body }, retry.min(RETRY_MAX)))
    }
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| error.to_string())?;
    // Requests are small: they must not wait for one another.
    let _ = stream.set_nodelay(true);
    let made = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        // Who sends hears of it.
        let _ = connection.await;
    });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_hosts_with_ports() {
        let shown = |url| Target::parse(url, None).map(|target| target.to_string());
        for (url, address) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:1/", "http://localhost:1"),
            ("http://shop.example", "http://shop.example:80"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[::1]", "http://[::1]:80"),
        ] {
            assert_eq!(shown(url).as_deref(), Ok(address));
        }
        for url in [
            "127.0.0.1:8080",
            "https://shop.example",
            "http://",
            "http://a:b",
            "http://a:99999",
            "http://a/v1",
            "http://a b:1",
            "http://:80",
        ] {
            let refused = shown(url).expect_err(url);
            assert!(refused.starts_with(url) && refused.contains("http://127.0.0.1:8080"));
        }
        assert!(Target::parse("http://a:1", Some("two words".to_owned())).is_err());
    }
}
