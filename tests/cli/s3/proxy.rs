//! A proxy in front of the server, which does to requests what networks and busy servers do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is never answered.
    Silent,
    /// It is answered with a status and a code, and nothing is done.
    Says(u16, &'static str),
    /// It is done, and half of the answer's body comes.
    Half,
    /// It is answered with something else, by somebody else.
    Garbage,
    /// It is done, and the connection ends without an answer.
    Lost,
}

/// Which requests fare so: those with this method whose path holds this text; and how many of them.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub method: &'static str,
    pub path: &'static str,
    pub fault: Fault,
    pub times: u32,
}

/// For as long as the rule stands.
pub const ALWAYS: u32 = u32::MAX;

/// A proxy, gone with the value.
pub struct Proxy {
    address: SocketAddr,
    rule: Arc<Mutex<Option<Rule>>>,
    ended: Arc<AtomicBool>,
}

impl Proxy {
    /// In front of a server; nothing is done to requests yet.
    pub fn start(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has one");
        let rule: Arc<Mutex<Option<Rule>>> = Arc::default();
        let ended = Arc::new(AtomicBool::new(false));
        let (rules, end) = (Arc::clone(&rule), Arc::clone(&ended));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let (rules, end) = (Arc::clone(&rules), Arc::clone(&end));
                // What fails here fails for the client, too.
                thread::spawn(move || serve(client, server, &rules, &end));
            }
        });
        Proxy { address, rule, ended }
    }

    /// As settings want it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on.
    pub fn rule(&self, rule: Option<Rule>) {
        *self.rule.lock().expect("nobody panics") = rule;
    }

    /// How many more requests the rule is for.
    pub fn left(&self) -> u32 {
        self.rule
            .lock()
            .expect("nobody panics")
            .map_or(0, |rule| rule.times)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // It waits for one more.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    client: TcpStream,
    server: SocketAddr,
    rules: &Mutex<Option<Rule>>,
    ended: &AtomicBool,
) -> std::io::Result<()> {
    let mut from = BufReader::new(client.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a client says a number");
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    let fault = fault_of(&head, rules);
    let mut client = client;
    match fault {
        Some(Fault::Silent) => {
            while !ended.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        Some(Fault::Says(status, code)) => {
            let body =
                format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
            answer(&mut client, status, &body)
        }
        Some(Fault::Garbage) => answer(&mut client, 200, "<html>Please log in to this network.</html>"),
        None | Some(Fault::Half | Fault::Lost) => {
            let answer = forward(server, &head, &body)?;
            let start = answer
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
                .map_or(0, |at| at + 4);
            let sent = match fault {
                None => answer.len(),
                Some(Fault::Half) => start + (answer.len() - start) / 2,
                _ => 0,
            };
            client.write_all(&answer[..sent])
        }
    }
}

fn fault_of(head: &str, rules: &Mutex<Option<Rule>>) -> Option<Fault> {
    let mut words = head.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let mut rules = rules.lock().expect("nobody panics");
    let rule = rules.as_mut()?;
    if rule.times == 0 || method != rule.method || !path.contains(rule.path) {
        return None;
    }
    if rule.times != ALWAYS {
        rule.times -= 1;
    }
    Some(rule.fault)
}

/// Has the server answer; all that it says.
fn forward(server: SocketAddr, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    let (first, rest) = head.split_once("\r\n").expect("a request has lines");
    stream.write_all(format!("{first}\r\nConnection: close\r\n{rest}\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn answer(client: &mut TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    client.write_all(format!("{head}{body}").as_bytes())
}
