//! `millrace backup` and `millrace restore`: log, view store and checkpoints as of one epoch.
//!
//! A backup is a directory with `backup.json`, written last, and `files/`, which is laid out as a data
//! directory is. Without `backup.json` it is none; with it every file is under a checksum.
//!
//! What belongs together is told by the same decision that a start uses ([`restart::choose`]). The order
//! makes it so while millrace runs: what the log's files are is noted first and held open, so that a trim
//! takes nothing away; then checkpoints, which the view store has passed; then the view store, at one
//! frontier; then the log's files, which by now hold at least what the store does. If it does not come out
//! well it is done again.
//!
//! On failure nothing is left. A process that is killed leaves files without `backup.json`.

mod files;
mod restore;
mod target;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::path::Path;

use pipelines::checkout::LOGIC_VERSION;
use runtime::checkpoint::{Found, Place};
use runtime::restart;
use sinks::{Frontier, SinkError};
use streams::ReadOnlyLog;

use self::files::{Contents, Taken, failed};
use self::target::Target;
use crate::Failure;
use crate::config::Config;
use crate::data::{Data, LOG, STORE, is_within};
use crate::output::print;
use crate::progress::spinner;
use crate::signals::Signals;

pub use self::restore::restore;

/// Where the files are.
const FILES: &str = "files";
/// Where checkpoints are, in it and in what is restored.
const CHECKPOINTS: &str = "checkpoints";
/// How often it is tried again when log, store and checkpoints do not go together.
const ATTEMPTS: usize = 3;
/// How often the log's files are looked at until they stand still for a moment.
const LOOKS_MAX: usize = 20;

fn undone(error: impl std::fmt::Display) -> Failure {
    Failure::Undone(error.to_string())
}

/// Backs the configured data directory up to `dir`.
pub fn take(config: &Config, dir: &Path) -> Result<(), Failure> {
    if config.brokers().is_some() {
        return Err(Failure::Usage(
            "a backup copies a log in the data directory; one in Kafka is kept by its replicas (kafka.brokers): copy \
             views and checkpoints while nothing runs"
                .to_owned(),
        ));
    }
    let data = Data::existing(&config.data())?;
    let place = config.checkpoint_place()?;
    let signals = Signals::new()?;
    let target = Target::new(dir, "backup")?;
    let from = From {
        data: &data,
        place: &place,
        signals: &signals,
    };
    let mut attempt = 1;
    let contents = loop {
        match from.copy(&target)? {
            Ok(contents) => break contents,
            Err(why) if attempt < ATTEMPTS => tracing::warn!(why, "the backup is begun anew"),
            Err(why) => {
                return Err(undone(format!(
                    "what was copied does not go together ({why}); is checkpoint.trim_log on? Try again later"
                )));
            }
        }
        attempt += 1;
        target.clear()?;
    };
    contents.write(dir)?;
    target.keep();
    let bytes: u64 = contents.files.iter().map(|file| file.bytes).sum();
    print(&format!(
        "backed up {} as of {}: {} files, {} bytes, in {}\n",
        data.path().display(),
        contents.moment(),
        contents.files.len(),
        bench::thousands(&bytes.to_string()),
        dir.display()
    ))
}

/// What is backed up.
struct From<'a> {
    data: &'a Data,
    place: &'a Place,
    signals: &'a Signals,
}

/// What was copied; or why it does not go together.
type Copied = Result<Contents, String>;

impl From<'_> {
    fn copy(&self, target: &Target) -> Result<Copied, Failure> {
        let root = target.make(FILES)?;
        let mut log = Log::note(self.data)?;
        let mut taken = Taken::new(self.signals);
        let checkpoints = self.checkpoints(&root, &mut taken)?;
        let frontier = self.store(&root, &mut taken)?;
        log.look(self.data)?;
        log.copy(target, &mut taken)?;
        let copied = match ReadOnlyLog::open(&root.join(LOG)) {
            Ok(copied) => copied,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let installation = copied.installation();
        if let Some(frontier) = &frontier
            && !is_within(frontier, &copied, installation)?
        {
            return Ok(Err("the view store holds what the log does not".to_owned()));
        }
        let logic = frontier.as_ref().map_or(LOGIC_VERSION, |found| found.logic);
        let choice = restart::choose(&checkpoints, &copied, installation, logic, frontier.as_ref());
        if let Err(refusal) = choice {
            return Ok(Err(refusal.to_string()));
        }
        Ok(Ok(Contents {
            installation,
            at: frontier.map(|found| (found.epoch, found.clock)),
            logic,
            files: taken.files,
        }))
    }

    /// Copies the complete checkpoints; what was copied, newest first. One that is removed meanwhile, or is
    /// damaged, is left out.
    fn checkpoints(&self, root: &Path, taken: &mut Taken<'_>) -> Result<Vec<Found>, Failure> {
        let found = self.place.list().map_err(undone)?;
        let whole: Vec<_> = found.iter().filter_map(Found::whole).collect();
        if whole.is_empty() {
            return Ok(Vec::new());
        }
        let path = root.join(CHECKPOINTS);
        let to = Place::directory(&path).map_err(undone)?;
        for manifest in whole {
            taken.go_on()?;
            let line = spinner(format!("copying checkpoint {}", manifest.id));
            let copied = self.place.copy(manifest, &to);
            line.finish_and_clear();
            let Err(error) = copied else { continue };
            to.remove(manifest.id).map_err(undone)?;
            let left = self.place.list().map_err(undone)?;
            if left.iter().any(|found| found.id == manifest.id) && !error.is_damage() {
                return Err(undone(error));
            }
            tracing::warn!(checkpoint = %manifest.id, %error, "left out");
        }
        taken.seal_all(&path, CHECKPOINTS)?;
        to.list().map_err(undone)
    }

    /// Copies the view store; where it stands.
    fn store(&self, root: &Path, taken: &mut Taken<'_>) -> Result<Option<Frontier>, Failure> {
        if !self.data.has_store() {
            return Ok(None);
        }
        let line = spinner("copying the view store".to_owned());
        let (to, signals) = (root.join(STORE), self.signals.clone());
        let copied = sinks::sqlite::copy(&self.data.store_path(), &to, move || !signals.stop());
        line.finish_and_clear();
        taken.go_on()?;
        let frontier = copied.map_err(|error: SinkError| undone(error))?;
        taken.seal(&to, STORE)?;
        Ok(frontier)
    }
}

/// The files of a log, held open.
struct Log {
    /// All but segments: name and content.
    small: BTreeMap<String, Vec<u8>>,
    segments: BTreeMap<String, File>,
}

fn is_segment(name: &str) -> bool {
    name.ends_with(".segment")
}

/// The names in a log's directory that are of use elsewhere.
fn names(data: &Data) -> Result<Vec<String>, Failure> {
    let path = data.log_path();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(|error| failed(&path, &error))? {
        let entry = entry.map_err(|error| failed(&path, &error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    // The lock is the owner's, indexes are made anew, and what is being written is not there yet.
    let is_of_use = |name: &String| {
        let ends = [".index", ".new", ".cut"];
        name != "lock" && !ends.iter().any(|end| name.ends_with(end))
    };
    names.retain(is_of_use);
    names.sort_unstable();
    Ok(names)
}

impl Log {
    /// Notes which files there are at one moment.
    fn note(data: &Data) -> Result<Log, Failure> {
        let mut looks = 0;
        loop {
            looks += 1;
            let found = Log::found(data);
            match (found, Log::found(data)) {
                (Ok(first), Ok(second)) if first.is_as(&second) => return Ok(first),
                (Err(error), _) | (_, Err(error)) if looks == LOOKS_MAX => return Err(error),
                _ if looks == LOOKS_MAX => return Err(undone("the log's files never stand still")),
                // One was made, or given up, in between.
                _ => {}
            }
        }
    }

    fn found(data: &Data) -> Result<Log, Failure> {
        let mut log = Log {
            small: BTreeMap::new(),
            segments: BTreeMap::new(),
        };
        for name in names(data)? {
            let path = data.log_path().join(&name);
            let io = |error: std::io::Error| failed(&path, &error);
            if is_segment(&name) {
                log.segments.insert(name, File::open(&path).map_err(io)?);
            } else {
                log.small.insert(name, std::fs::read(&path).map_err(io)?);
            }
        }
        Ok(log)
    }

    fn is_as(&self, other: &Log) -> bool {
        self.small == other.small && self.segments.keys().eq(other.segments.keys())
    }

    /// Looks for segments that were begun since. All of them are listed before one is copied, so that each
    /// but the last is full by then.
    fn look(&mut self, data: &Data) -> Result<(), Failure> {
        for name in names(data)?.into_iter().filter(|name| is_segment(name)) {
            let path = data.log_path().join(&name);
            if let Entry::Vacant(new) = self.segments.entry(name) {
                new.insert(File::open(&path).map_err(|error| failed(&path, &error))?);
            }
        }
        Ok(())
    }

    fn copy(&self, target: &Target, taken: &mut Taken<'_>) -> Result<(), Failure> {
        let to = target.make(&format!("{FILES}/{LOG}"))?;
        let length = |file: &File| file.metadata().map_or(0, |file| file.len());
        taken.expect("log", self.segments.values().map(length).sum());
        for (name, content) in &self.small {
            taken.copy(&mut content.as_slice(), &to.join(name), &format!("{LOG}/{name}"))?;
        }
        for (name, file) in &self.segments {
            taken.copy(&mut &*file, &to.join(name), &format!("{LOG}/{name}"))?;
        }
        taken.expected();
        files::sync(&to)
    }
}
