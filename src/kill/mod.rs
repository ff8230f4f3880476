//! Ends the process for real at named points, for tests of crashes. Only with the feature `kill-points`.
//!
//! The points lie before and after each step that makes something durable: of the log by a disk that wraps
//! the real one ([`disk`]), of the view store by a sink that wraps it ([`store`]), of checkpoints by objects
//! that wrap theirs ([`objects`]). `MILLRACE_KILL=NAME:N` has the process send itself SIGKILL when it passes the point NAME for the N-th time. So that there is
//! something to crash, `MILLRACE_FEED=1` has `millrace up` append what it reads from stdin ([`feed`]).
//!
//! A point is `PLACE.STEP.MOMENT`: `segment.write.torn` is in the middle of writing to a segment, with half
//! of the bytes written. `millrace kill-points` lists all of them; passing one that is not listed ends the
//! process, so that the list can't fall behind.

mod disk;
mod feed;
mod objects;
mod store;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use runtime::Checkpoints;
use runtime::checkpoint::Policy;
use signal_hook::consts::SIGKILL;
use signal_hook::low_level;
use sinks::sqlite;
use streams::embedded::Config;
use streams::embedded::disk::Directory;
use streams::{EmbeddedLog, LogError};

pub use feed::Feed;
pub use store::Store;

use crate::Failure;

/// Where, which steps, and the moments of each.
const POINTS: &[(&str, &str, &[&str])] = &[
    ("meta", "create", AROUND),
    ("meta", "write", WRITE),
    ("meta", "sync", AROUND),
    ("meta", "rename", AROUND),
    ("meta", "remove", AROUND),
    ("segment", "create", AROUND),
    ("segment", "write", WRITE),
    ("segment", "sync", AROUND),
    ("segment", "rename", AROUND),
    ("segment", "remove", AROUND),
    ("segment", "set_len", AROUND),
    ("index", "create", AROUND),
    ("index", "write", WRITE),
    ("index", "rename", AROUND),
    ("index", "remove", AROUND),
    ("directory", "sync", AROUND),
    ("views", "commit", AROUND),
    ("views", "caught_up", AROUND),
    ("checkpoint", "part", AROUND),
    ("checkpoint", "manifest", AROUND),
    ("checkpoint", "remove", AROUND),
];
const AROUND: &[&str] = &["before", "after"];
const WRITE: &[&str] = &["before", "torn", "after"];

/// Bytes of the view store's write-ahead log at which it is moved into the file: few, so that crashes meet it.
const CHECKPOINT_BYTES: u64 = 256 << 10;

/// Between two checkpoints of the jobs' state: little, for the same reason.
const CHECKPOINT_MS: u64 = 50;

/// Where this process ends.
struct Trigger {
    point: String,
    /// How often the point is still to be passed.
    left: AtomicU64,
}

static TRIGGER: OnceLock<Trigger> = OnceLock::new();

/// The names of all points.
fn names() -> impl Iterator<Item = String> {
    let of = |(place, step, moments): &(&'static str, &'static str, &'static [&'static str])| {
        let (place, step) = (*place, *step);
        moments
            .iter()
            .map(move |moment| format!("{place}.{step}.{moment}"))
    };
    POINTS.iter().flat_map(of)
}

/// `millrace kill-points`: the names, a line each.
pub fn list() -> Result<(), Failure> {
    let names: Vec<String> = names().collect();
    crate::output::print(&format!("{}\n", names.join("\n")))
}

/// Sets what `MILLRACE_KILL` asks for.
pub fn arm() -> Result<(), Failure> {
    let Some(asked) = variable("MILLRACE_KILL")? else {
        return Ok(());
    };
    let bad = || {
        Failure::Usage(format!(
            "MILLRACE_KILL={asked}: it is NAME:N, a point and a number from 1"
        ))
    };
    let (point, pass) = asked.split_once(':').ok_or_else(bad)?;
    let pass: u64 = pass.parse().ok().filter(|pass| *pass > 0).ok_or_else(bad)?;
    if names().all(|name| name != point) {
        return Err(bad());
    }
    let (point, left) = (point.to_owned(), AtomicU64::new(pass));
    // Nobody has set it before.
    let _ = TRIGGER.set(Trigger { point, left });
    Ok(())
}

/// Whether the process is to end here and now.
fn is_due(place: &str, step: &str, moment: &str) -> bool {
    static LISTED: LazyLock<Vec<String>> = LazyLock::new(|| names().collect());
    let point = format!("{place}.{step}.{moment}");
    assert!(LISTED.contains(&point), "{point} is not in the list of points");
    let due = |trigger: &Trigger| trigger.point == point && trigger.left.fetch_sub(1, Ordering::Relaxed) == 1;
    TRIGGER.get().is_some_and(due)
}

/// Ends the process as `kill -9` does.
fn die() -> ! {
    loop {
        // It can't be caught, but takes effect at some moment in the next few microseconds.
        let _ = low_level::raise(SIGKILL);
        std::thread::park();
    }
}

/// Passes a point.
fn pass(place: &str, step: &str, moment: &str) {
    if is_due(place, step, moment) {
        die();
    }
}

/// Passes the points before and after a step.
fn around<T>(place: &str, step: &str, act: impl FnOnce() -> T) -> T {
    pass(place, step, "before");
    let done = act();
    pass(place, step, "after");
    done
}

/// An environment variable.
fn variable(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(Failure::Usage(format!("{name}: {error}"))),
    }
}

/// Opens a log on a disk with points; `MILLRACE_SEGMENT_BYTES` sets the size of its segments.
pub fn open(path: &Path, mut config: Config) -> Result<EmbeddedLog, LogError> {
    let bad = |what: String| LogError::BadConfiguration { what };
    if let Some(bytes) = variable("MILLRACE_SEGMENT_BYTES").map_err(|error| bad(error.to_string()))? {
        let parsed = bytes.parse();
        config.segment_bytes_max = parsed.map_err(|error| bad(format!("MILLRACE_SEGMENT_BYTES: {error}")))?;
    }
    let directory = Directory::new(path).map_err(|error| bad(format!("{}: {error}", path.display())))?;
    EmbeddedLog::open_on(Box::new(disk::Disk::new(directory)), &config)
}

/// How checkpoints are taken: all the time, with points around their objects.
pub fn checkpoints(how: Checkpoints) -> Result<Checkpoints, Failure> {
    let place = how.place.map(|objects| Arc::new(objects::Objects(objects)));
    let place = place.map_err(|error| Failure::Undone(error.to_string()))?;
    Ok(Checkpoints {
        place,
        policy: Policy {
            interval_ms: CHECKPOINT_MS,
            ..how.policy
        },
        ..how
    })
}

/// How the view store is kept: with frequent checkpoints.
pub fn store_config(config: sqlite::Config) -> sqlite::Config {
    sqlite::Config {
        checkpoint_bytes: CHECKPOINT_BYTES,
        ..config
    }
}
