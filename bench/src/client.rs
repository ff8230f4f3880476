//! A client that costs little: HTTP/1.1 with keep-alive by hand, all connections on one thread.
//!
//! Open loop: each request has a time at which it is meant to be sent, whatever has become of those before,
//! and its latency counts from that time. If no connection is free it waits, and the wait counts.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// An answer.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
}

/// A connection: requests go out, answers come back in their order.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes at the buffer's start that belong to answers given out.
    used: usize,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Connection, String> {
        let stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Connection {
            stream,
            buffer: Vec::with_capacity(16 << 10),
            used: 0,
        })
    }

    /// Sends a whole request.
    pub async fn send(&mut self, request: &[u8]) -> Result<(), String> {
        self.stream.write_all(request).await.map_err(|e| e.to_string())
    }

    /// The next answer.
    pub async fn answer(&mut self) -> Result<Answer<'_>, String> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let (head, status, length) = loop {
            if let Some(head) = head(&self.buffer)? {
                break head;
            }
            self.more().await?;
        };
        while self.buffer.len() < head + length {
            self.more().await?;
        }
        self.used = head + length;
        Ok(Answer {
            status,
            body: &self.buffer[head..self.used],
        })
    }

    async fn more(&mut self) -> Result<(), String> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err("the server closed a connection".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Where the head of an answer ends, its status, and the length of its body; `None`: it is not all there.
fn head(bytes: &[u8]) -> Result<Option<(usize, u16, usize)>, String> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|e| e.to_string())?;
    let unclear = || format!("an answer that is not understood: {text}");
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok())?
    });
    Ok(Some((
        end + 4,
        status.ok_or_else(unclear)?,
        length.ok_or_else(unclear)?,
    )))
}

/// A request; `extra` are further lines of its head, each with its end.
pub fn request(method: &str, path: &str, extra: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: bench\r\n{extra}");
    if method == "POST" {
        bytes.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    bytes.push_str("\r\n");
    [bytes.as_bytes(), body].concat()
}

/// Runs something on this thread alone.
pub fn block_on<T>(what: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
    LocalSet::new().block_on(&runtime, what)
}

/// Sends one request and checks that it is answered with `status`; the answer's body.
pub fn once(address: SocketAddr, status: u16, request: &[u8]) -> Result<Vec<u8>, String> {
    block_on(async {
        let mut connection = Connection::open(address).await?;
        connection.send(request).await?;
        let answer = tokio::time::timeout(PATIENCE, connection.answer()).await;
        let answer = answer.map_err(|_| "the server does not answer".to_owned())??;
        if answer.status == status {
            return Ok(answer.body.to_vec());
        }
        let body = String::from_utf8_lossy(answer.body);
        Err(format!("answered {} instead of {status}: {body}", answer.status))
    })
}

/// What an open loop is to do.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Requests a second.
    pub rate: f64,
    /// How many requests.
    pub count: usize,
    /// Of these so many come first and are not measured.
    pub warm_up: usize,
    /// Connections, at most.
    pub connections: usize,
    /// The status that every answer must have.
    pub status: u16,
}

/// What waits to be sent: its number, and when it was meant to be.
#[derive(Default)]
struct Due {
    queue: RefCell<VecDeque<(usize, Instant)>>,
    came: Notify,
}

/// Sends `make`'s requests at a steady rate; the latencies in milliseconds, sorted, and how many seconds it
/// took from the first intended time to the last answer.
pub async fn open_loop(
    address: SocketAddr,
    load: Load,
    make: Rc<dyn Fn(usize) -> Vec<u8>>,
) -> Result<(Vec<f64>, f64), String> {
    let due = Rc::new(Due::default());
    let mut workers = JoinSet::new();
    for _ in 0..load.connections {
        let mut connection = Connection::open(address).await?;
        let (due, make) = (Rc::clone(&due), Rc::clone(&make));
        workers.spawn_local(async move {
            let mut took = Vec::new();
            loop {
                let next = due.queue.borrow_mut().pop_front();
                let Some((number, intended)) = next else {
                    due.came.notified().await;
                    continue;
                };
                if number == usize::MAX {
                    return Ok::<_, String>(took);
                }
                connection.send(&make(number)).await?;
                let answer = connection.answer().await?;
                if answer.status != load.status {
                    let body = String::from_utf8_lossy(answer.body);
                    return Err(format!("answered {}: {body}", answer.status));
                }
                if number >= load.warm_up {
                    took.push(intended.elapsed().as_secs_f64() * 1000.0);
                }
            }
        });
    }
    let start = Instant::now();
    let mut sent = 0;
    while sent < load.count {
        // What is due by now goes out; the clock of the runtime ticks once a millisecond.
        while sent < load.count {
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            let intended = start + Duration::from_secs_f64(sent as f64 / load.rate);
            if intended > Instant::now() {
                break;
            }
            due.queue.borrow_mut().push_back((sent, intended));
            due.came.notify_one();
            sent += 1;
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
        if let Some(ended) = workers.try_join_next() {
            ended.map_err(|e| e.to_string())??;
        }
    }
    for _ in 0..load.connections {
        due.queue.borrow_mut().push_back((usize::MAX, start));
        due.came.notify_one();
    }
    let mut all = Vec::new();
    while let Some(ended) = tokio::time::timeout(PATIENCE, workers.join_next())
        .await
        .map_err(|_| "the server does not answer".to_owned())?
    {
        all.extend(ended.map_err(|e| e.to_string())??);
    }
    all.sort_by(f64::total_cmp);
    Ok((all, start.elapsed().as_secs_f64()))
}

/// Each connection sends a request when the one before is answered, for so long; answers a second.
pub async fn closed_loop(
    address: SocketAddr,
    connections: usize,
    lasts: Duration,
    make: Rc<dyn Fn(usize) -> Vec<u8>>,
) -> Result<f64, String> {
    let mut workers = JoinSet::new();
    let start = Instant::now();
    for worker in 0..connections {
        let mut connection = Connection::open(address).await?;
        let make = Rc::clone(&make);
        workers.spawn_local(async move {
            let mut count = 0_usize;
            while start.elapsed() < lasts {
                connection.send(&make(count * connections + worker)).await?;
                let answer = connection.answer().await?;
                if answer.status != 200 {
                    let body = String::from_utf8_lossy(answer.body);
                    return Err(format!("answered {}: {body}", answer.status));
                }
                count += 1;
            }
            Ok(count)
        });
    }
    let mut all = 0;
    while let Some(ended) = workers.join_next().await {
        all += ended.map_err(|e| e.to_string())??;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    Ok(all as f64 / start.elapsed().as_secs_f64())
}
