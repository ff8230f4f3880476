//! The program under test: `millrace up` with a load, and `millrace verify`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use contract::log::Topic;
use serde_json::Value;

use super::load::Batch;
use super::model::Part;
use crate::{Failure, Outcome};

/// The size of the log's segments: small, so that one is full every other batch.
const SEGMENT_BYTES: &str = "16384";
/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(60);

/// When to kill.
#[derive(Clone, Debug)]
pub enum Kill {
    /// It kills itself when it passes the point for the N-th time.
    Point(String, u64),
    /// So long after it was started.
    After(Duration),
    /// So long after it has acknowledged so many batches.
    Acknowledged(usize, Duration),
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Ran {
    /// What was acknowledged, in order.
    pub acknowledged: Vec<Vec<Part>>,
    /// The last epoch that it showed.
    pub visible: u64,
    /// It killed itself.
    pub hit: bool,
}

/// The program and where it works.
pub struct Program {
    /// The program.
    pub millrace: PathBuf,
    /// The data directory.
    pub data: PathBuf,
    /// Whether it trims its log, after each checkpoint.
    pub trims: bool,
}

enum Said {
    Appended(Vec<Part>),
    Visible(u64),
}

impl Program {
    /// Runs it with a load until it is killed.
    pub fn crash(&self, batches: &[Batch], kill: &Kill) -> Outcome<Ran> {
        let mut command = self.up();
        if let Kill::Point(name, pass) = kill {
            command.env("MILLRACE_KILL", format!("{name}:{pass}"));
        }
        let mut child = Up::start(&mut command)?;
        let stdin = child.feed(batches);
        let started = Instant::now();
        let mut ran = Ran::default();
        let mut until = match kill {
            Kill::After(after) => started + *after,
            Kill::Point(..) | Kill::Acknowledged(..) => started + LIMIT,
        };
        let by_itself = loop {
            let left = until.saturating_duration_since(Instant::now());
            match child.said.recv_timeout(left) {
                Ok(said) => ran.hear(said),
                Err(RecvTimeoutError::Disconnected) => break true,
                Err(RecvTimeoutError::Timeout) => {
                    child.child.kill().map_err(of_program)?;
                    break false;
                }
            }
            match kill {
                Kill::Acknowledged(count, after) if ran.acknowledged.len() >= *count => {
                    until = until.min(Instant::now() + *after);
                }
                // Some points are passed by what runs without a load too, every second.
                Kill::Point(..) if ran.acknowledged.len() == batches.len() => {
                    until = until.min(Instant::now() + Duration::from_millis(1200));
                }
                _ => {}
            }
        };
        let status = child.child.wait().map_err(of_program)?;
        // What it said before it was killed is still in the pipe.
        child.said.iter().for_each(|said| ran.hear(said));
        drop(stdin.join());
        if status.signal() != Some(9) {
            return Err(self.failed("up", status));
        }
        ran.hit = by_itself;
        Ok(ran)
    }

    /// Runs it until it shows an epoch after `seen`, then stops it in good order. The epoch that it showed
    /// last.
    pub fn recover(&self, seen: u64) -> Outcome<u64> {
        let mut child = Up::start(&mut self.up())?;
        let stdin = child.child.stdin.take();
        let until = Instant::now() + LIMIT;
        let mut ran = Ran::default();
        while ran.visible <= seen {
            let left = until.saturating_duration_since(Instant::now());
            match child.said.recv_timeout(left) {
                Ok(said) => ran.hear(said),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    child.child.kill().map_err(of_program)?;
                    break;
                }
            }
        }
        drop(stdin);
        let status = child.child.wait().map_err(of_program)?;
        child.said.iter().for_each(|said| ran.hear(said));
        if status.success() {
            return Ok(ran.visible);
        }
        Err(self.failed("up", status))
    }

    /// Runs `millrace verify`: its status and what it said.
    pub fn verify(&self) -> Outcome<(Option<i32>, String)> {
        let mut command = Command::new(&self.millrace);
        let output = command.arg("verify").arg("--data").arg(&self.data).output();
        let output = output.map_err(of_program)?;
        let said = [output.stdout, output.stderr].concat();
        let code = output.status.code();
        Ok((code, String::from_utf8_lossy(&said).trim_end().to_owned()))
    }

    fn up(&self) -> Command {
        let mut command = Command::new(&self.millrace);
        command
            .args(["up", "--workers", "2", "--listen", "127.0.0.1:0", "--data"])
            .arg(&self.data)
            .env("MILLRACE_FEED", "1")
            .env("MILLRACE_SEGMENT_BYTES", SEGMENT_BYTES)
            .env("MILLRACE_CHECKPOINT_TRIM_LOG", self.trims.to_string())
            .env("RUST_LOG", "info");
        // Without a place for it what it says is lost, no more.
        if let Ok(file) = File::options().append(true).create(true).open(self.stderr()) {
            command.stderr(file);
        }
        command
    }

    /// Where it is kept what it said on stderr.
    pub fn stderr(&self) -> PathBuf {
        self.data.with_extension("stderr")
    }

    fn failed(&self, what: &str, status: ExitStatus) -> Failure {
        let said = std::fs::read_to_string(self.stderr()).unwrap_or_default();
        let last = said.lines().last().unwrap_or_default();
        Failure::Found(format!("millrace {what} ended with {status}: {last}"))
    }

    /// Where its log is.
    pub fn log(&self) -> PathBuf {
        self.data.join("log")
    }
}

/// A file of the log by its name.
pub fn is_there(log: &Path, ending: &str) -> bool {
    let names = std::fs::read_dir(log).into_iter().flatten().flatten();
    names
        .map(|entry| entry.file_name())
        .any(|name| name.to_string_lossy().ends_with(ending))
}

impl Ran {
    fn hear(&mut self, said: Said) {
        match said {
            Said::Appended(parts) => self.acknowledged.push(parts),
            Said::Visible(epoch) => self.visible = epoch,
        }
    }
}

/// A running `millrace up`.
struct Up {
    child: Child,
    said: Receiver<Said>,
}

impl Up {
    fn start(command: &mut Command) -> Outcome<Up> {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(of_program)?;
        let (tell, said) = channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                // A line that was cut short says nothing.
                let lines = BufReader::new(stdout).lines().map_while(Result::ok);
                for said in lines.filter_map(|line| understand(&line)) {
                    // Nobody listens any more to one that failed.
                    let _ = tell.send(said);
                }
            });
        }
        Ok(Up { child, said })
    }

    /// Writes batches to it, and keeps its stdin open until the thread is joined.
    fn feed(&mut self, batches: &[Batch]) -> thread::JoinHandle<Option<ChildStdin>> {
        let stdin = self.child.stdin.take();
        let lines: Vec<String> = batches.iter().map(Batch::lines).collect();
        thread::spawn(move || {
            let mut stdin = stdin?;
            // It ends in the midst of it.
            let _ = lines
                .iter()
                .try_for_each(|lines| stdin.write_all(lines.as_bytes()));
            Some(stdin)
        })
    }
}

fn understand(line: &str) -> Option<Said> {
    let line: Value = serde_json::from_str(line).ok()?;
    if let Some(epoch) = line["visible"].as_u64() {
        return Some(Said::Visible(epoch));
    }
    let part = |part: &Value| {
        let topic = Topic::from_name(part["topic"].as_str()?)?;
        Some((topic, part["first"].as_u64()?, part["end"].as_u64()?))
    };
    let parts: Option<Vec<Part>> = line["appended"].as_array()?.iter().map(part).collect();
    parts.map(Said::Appended)
}

fn of_program(cause: std::io::Error) -> Failure {
    let program = "millrace".to_owned();
    Failure::Program { program, cause }
}
