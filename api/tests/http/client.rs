//! A small HTTP/1.1 client: one request a connection, so that tests see exactly what is sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use millrace_api::routes::{ROUTES, Route};
use serde_json::Value as Json;

/// Sends requests to a server.
#[derive(Clone, Debug)]
pub struct Client {
    pub address: SocketAddr,
    token: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The epoch of the header.
    pub fn epoch(&self) -> u64 {
        let epoch = self
            .header("millrace-epoch")
            .unwrap_or_else(|| panic!("{self:?}"));
        epoch.parse().expect("an epoch is a number")
    }
}

impl Client {
    pub fn new(address: SocketAddr, token: Option<String>) -> Client {
        Client { address, token }
    }

    /// A connection on which a request was sent.
    pub fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let chunked = headers.iter().any(|(name, _)| *name == "transfer-encoding");
        if !chunked && (!body.is_empty() || method == "POST") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.raw(&[head.as_bytes(), body].concat())
    }

    /// A connection on which some bytes were sent.
    pub fn raw(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("it can be set");
        // The server may have answered and closed before it has read everything.
        let _ = stream.write_all(bytes);
        stream
    }

    /// Sends a request and reads the answer, whose status is one that openapi.json declares.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let reply = read(self.open(method, path, headers, body), method == "HEAD");
        assert!(
            is_declared(method, path, reply.status),
            "{method} {path}: {reply:?}"
        );
        reply
    }

    /// Reads.
    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }
}

/// Whether a path may answer with a status. Paths and methods that there are not say so.
fn is_declared(method: &str, path: &str, status: u16) -> bool {
    let path: Vec<&str> = path.split('?').next().unwrap_or_default().split('/').collect();
    let fits = |pattern: &str| {
        let parts: Vec<&str> = pattern.split('/').collect();
        parts.len() == path.len()
            && parts
                .iter()
                .zip(&path)
                .all(|(part, text)| part.starts_with('{') || part == text)
    };
    let route = |route: &&Route| route.method.eq_ignore_ascii_case(method) && fits(route.path);
    let Some(route) = ROUTES.iter().find(route) else {
        return matches!(status, 401 | 404 | 405 | 503);
    };
    let answered = route.answers.iter().any(|(known, _)| *known == status);
    answered || route.problems.contains(&status)
}

/// The status and headers of an answer.
pub fn head(reader: &mut BufReader<TcpStream>) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    reader.read_line(&mut line).expect("an answer");
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("a status line: {line:?}"));
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).expect("headers");
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return (status, headers);
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Reads an answer to its end.
pub fn read(stream: TcpStream, no_body: bool) -> Reply {
    let mut reader = BufReader::new(stream);
    let (status, headers) = head(&mut reader);
    let mut body = Vec::new();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    if !no_body {
        match length.and_then(|(_, length)| length.parse::<u64>().ok()) {
            Some(length) => {
                reader.take(length).read_to_end(&mut body).expect("a body");
            }
            None => while chunk(&mut reader, &mut body) {},
        }
    }
    let body = String::from_utf8(body).expect("a body is UTF-8");
    Reply {
        status,
        headers,
        body,
    }
}

/// Reads a chunk; whether there may be more.
pub fn chunk(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> bool {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a chunk's size");
    let size = u64::from_str_radix(line.trim(), 16).unwrap_or(0);
    reader.take(size).read_to_end(body).expect("a chunk");
    let mut end = String::new();
    reader.read_line(&mut end).expect("a chunk's end");
    size > 0
}
