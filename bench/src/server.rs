//! A server in a process of its own: this same program, told to serve.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::process;

/// Longer than any server needs to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a server that is ready says, with its address behind it.
const SAYS: &str = "listening on http://";

/// The process; ended when this goes.
pub struct Serving {
    child: Child,
    address: SocketAddr,
}

impl Serving {
    /// `millrace up` on a new directory, with everything as it is by default.
    pub fn millrace(directory: &Path) -> Result<Serving, String> {
        Serving::up(directory, &[], &[])
    }

    /// The same with its log in Kafka, in topics whose names begin with `prefix`.
    #[cfg(feature = "kafka")]
    pub fn millrace_on_kafka(directory: &Path, brokers: &str, prefix: &str) -> Result<Serving, String> {
        let settings = [
            ("MILLRACE_KAFKA_TOPIC_PREFIX", prefix),
            ("MILLRACE_KAFKA_GROUP", prefix),
        ];
        Serving::up(directory, &["--kafka", brokers], &settings)
    }

    fn up(directory: &Path, flags: &[&str], settings: &[(&str, &str)]) -> Result<Serving, String> {
        let data = directory.join("data");
        let data = data.to_str().ok_or("the system's folder is not UTF-8")?;
        let arguments = [&["up", "--data", data, "--listen", "127.0.0.1:0"], flags].concat();
        Serving::start(directory, &arguments, settings)
    }

    /// A bare axum route that answers with so many bytes of JSON.
    pub fn bare(directory: &Path, bytes: usize) -> Result<Serving, String> {
        Serving::start(directory, &["bench", "read", "--bare", &bytes.to_string()], &[])
    }

    fn start(directory: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Result<Serving, String> {
        let program = std::env::current_exe().map_err(|e| format!("this program can't be found: {e}"))?;
        let mut command = Command::new(program);
        // No settings of whoever runs the bench.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"MILLRACE_"))
        {
            command.env_remove(name);
        }
        let mut child = command
            .args(arguments)
            .envs(settings.iter().copied())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("a server can't be started: {e}"))?;
        let told = BufReader::new(child.stderr.take().ok_or("a server has no stderr")?);
        let (tell, hear) = channel();
        // Its words are read to the end, so that it never waits for a reader.
        std::thread::spawn(move || {
            let mut last = String::new();
            for line in told.lines().map_while(Result::ok) {
                if let Some(address) = address_in(&line) {
                    let _ = tell.send(Ok(address));
                }
                last = line;
            }
            let _ = tell.send(Err(format!("a server ended: {last}")));
        });
        let mut serving = Serving {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let told = hear.recv_timeout(PATIENCE);
        serving.address = told.map_err(|_| "a server does not say where it listens".to_owned())??;
        Ok(serving)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Processor time of all its threads so far, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        process::cpu_seconds_of(&self.child.id().to_string())
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(SAYS)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Its directory goes with it: nothing is to be kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
