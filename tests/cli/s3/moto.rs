//! A real S3-compatible server: moto, as `cargo xtask services --install` has it from PyPI.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Moto asks that somebody signs, and does not look who.
const ANYBODY: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, \
                       SignedHeaders=host, Signature=0";
/// The bucket that there is.
pub const BUCKET: &str = "shop";

/// Where `cargo xtask services` keeps what it installs.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target
        .expect("it is in the target directory")
        .join("services/s3/venv/bin/python")
}

/// A running server, gone with the value.
pub struct Moto {
    child: Child,
    address: SocketAddr,
}

impl Moto {
    /// Starts one, with a bucket; none where it is not installed, which it says.
    pub fn start(test: &str) -> Option<Moto> {
        let python = python();
        if !python.is_file() {
            println!("skipped: {test} needs an S3 server: cargo xtask services --install");
            return None;
        }
        let mut command = Command::new(python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = quiet.stderr(Stdio::piped()).spawn().expect("python starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once("Running on http://")?;
            address.trim().parse().ok()
        });
        // What it says from there on is of no interest, but it must be able to say it.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let address = address.expect("moto says where it listens");
        let moto = Moto { child, address };
        let made = request(moto.address, "PUT", &format!("/{BUCKET}"), b"").expect("it answers");
        assert_eq!(made.0, 200);
        Some(moto)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bytes of an object.
    pub fn get(&self, path: &str) -> Vec<u8> {
        let (status, body) =
            request(self.address, "GET", &format!("/{BUCKET}/{path}"), b"").expect("it answers");
        assert_eq!(status, 200, "{path}");
        body
    }

    /// Writes an object.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let (status, _) =
            request(self.address, "PUT", &format!("/{BUCKET}/{path}"), bytes).expect("it answers");
        assert_eq!(status, 200, "{path}");
    }

    /// Removes an object.
    pub fn delete(&self, path: &str) {
        let (status, _) =
            request(self.address, "DELETE", &format!("/{BUCKET}/{path}"), b"").expect("it answers");
        assert_eq!(status, 204, "{path}");
    }

    /// All objects.
    pub fn list(&self) -> Vec<String> {
        let (_, body) =
            request(self.address, "GET", &format!("/{BUCKET}?list-type=2"), b"").expect("it answers");
        let text = String::from_utf8(body).expect("lists are text");
        let keys = text
            .split("<Key>")
            .skip(1)
            .filter_map(|rest| rest.split("</Key>").next());
        keys.map(str::to_owned).collect()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request of ours, past everything under test; status and body.
fn request(to: SocketAddr, method: &str, path: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nAuthorization: {ANYBODY}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let broken = || std::io::Error::other("no answer of HTTP");
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .ok_or_else(broken)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(broken)?, answer.split_off(end + 4)))
}
