//! Who ran last on a data directory whose log is in Kafka: the content of the directory's lock.
//!
//! Who has the lock knows that whoever wrote it before is gone, however it ended: the system gives up a lock with
//! its process. So nobody need wait whether that one still binds epochs, if it is the last that took a
//! generation: each process takes one before it binds anything else, so the timeline since then tells.
//! What is written is believed only in the very file that it was written to (its number in the file system);
//! in a copy of the directory it says nothing, as the original may run.
//!
//! Not noticed: a disk that was copied as a whole, with its file system, while a process ran on it. Then the
//! process that runs is fenced by the generation, as with a takeover that is asked for; nothing goes wrong
//! but that it ends.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;

use serde_json::{Value, json};
use streams::{Log, LogError, timeline};

/// Records of the timeline that are read, at most; where there are more, waiting is quicker.
const RECORDS_MAX: u64 = 1_000_000;

/// The lock of a directory, which is ours, and who had it before.
pub struct Lock {
    file: File,
    before: Option<Last>,
}

/// Who ran.
struct Last {
    /// The id that it took its generation under.
    owner: String,
    /// An offset of the timeline.
    from: u64,
    /// Whether it had the generation in force there; else it was about to take it.
    held: bool,
}

impl Lock {
    /// Takes note of what the file, which was just locked, says.
    pub fn new(mut file: File) -> Lock {
        let before = Last::read(&mut file);
        Lock { file, before }
    }

    /// Whether nobody can be binding epochs, as the last that took a generation before offset `end` of the timeline
    /// had this lock.
    pub fn is_alone(&self, log: &dyn Log, end: u64) -> Result<bool, LogError> {
        let Some(Last { owner, from, held }) = &self.before else {
            return Ok(false);
        };
        let start = log.starts(timeline::TOPIC)?.first().copied().unwrap_or(0);
        if *from < start || !(*from..=from.saturating_add(RECORDS_MAX)).contains(&end) {
            return Ok(false);
        }
        let mut held = *held;
        let mut reader = log.read(timeline::TOPIC, 0, *from)?;
        while let Some(run) = reader.next_run(end)? {
            for record in run {
                let value: Option<Value> = record.value.and_then(|v| serde_json::from_slice(v).ok());
                match value.as_ref().map(|value| &value["generation"]) {
                    Some(Value::Null) => {}
                    Some(taken) if taken["owner"] == owner.as_str() => held = true,
                    // Another's, even if it is void, or nothing that we know.
                    _ => return Ok(false),
                }
            }
        }
        Ok(held)
    }

    /// Notes that `owner` has the generation in force at offset `from` of the timeline, or is about to take it.
    pub fn note(&self, owner: &str, from: u64, held: bool) -> io::Result<()> {
        let mut file = &self.file;
        let inode = file.metadata()?.ino();
        let says = json!({"owner": owner, "timeline": from, "held": held, "inode": inode});
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(says.to_string().as_bytes())
    }
}

impl Last {
    fn read(file: &mut File) -> Option<Last> {
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        let says: Value = serde_json::from_str(&text).ok()?;
        let last = Last {
            owner: says["owner"].as_str()?.to_owned(),
            from: says["timeline"].as_u64()?,
            held: says["held"].as_bool()?,
        };
        let inode = file.metadata().ok()?.ino();
        (says["inode"].as_u64() == Some(inode)).then_some(last)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use streams::{Batch, MemoryLog};

    use super::*;

    fn open(path: &Path) -> Lock {
        let mut options = File::options();
        let options = options.create(true).truncate(false).read(true).write(true);
        Lock::new(options.open(path).expect("it can be opened"))
    }

    fn place(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("millrace-last-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    /// A timeline; `Some`: a record by which that one takes a generation.
    fn timeline_of(owners: &[Option<&str>]) -> MemoryLog {
        let log = MemoryLog::new(&[(timeline::TOPIC, 1)]).expect("a topic");
        for owner in owners {
            let mut record = json!({"epoch": 1});
            if let Some(owner) = owner {
                record["generation"] = json!({"number": 1, "owner": owner});
            }
            let mut batch = Batch::new(0);
            batch.push(timeline::TOPIC, 0, None, Some(record.to_string().as_bytes()));
            log.append(&batch).expect("it takes everything");
        }
        log
    }

    #[test]
    fn nobody_is_waited_for_only_if_the_last_to_take_a_generation_had_this_lock() {
        let path = place("alone");
        let (a, b) = (Some("a"), Some("b"));
        // What the timeline holds since, whether it was in force before, and whether nobody else can be there.
        for (since, held, alone) in [
            (&[][..], true, true),
            (&[], false, false),
            (&[None, None], true, true),
            (&[None], false, false),
            (&[a, None], false, true),
            (&[a, b, None], false, false),
            (&[None, b], true, false),
            (&[b, a], false, false),
        ] {
            let log = timeline_of(&[&[b, None], since].concat());
            open(&path).note("a", 2, held).expect("it can be written");
            let end = 2 + since.len() as u64;
            let lock = open(&path);
            assert_eq!(lock.is_alone(&log, end).ok(), Some(alone), "{since:?} {held}");
            // A timeline that is shorter than it was is another one.
            assert_eq!(lock.is_alone(&log, 1).ok(), Some(false));
        }
        let log = timeline_of(&[a, None]);
        open(&path).note("a", 0, false).expect("it can be written");
        let copy = place("copy");
        std::fs::copy(&path, &copy).expect("it can be copied");
        assert_eq!(open(&path).is_alone(&log, 2).ok(), Some(true));
        assert_eq!(
            open(&copy).is_alone(&log, 2).ok(),
            Some(false),
            "the original may run"
        );
        log.trim(timeline::TOPIC, 0, 1).expect("it can be trimmed");
        assert_eq!(
            open(&path).is_alone(&log, 2).ok(),
            Some(false),
            "what was taken is gone"
        );
        for path in [path, copy] {
            std::fs::write(&path, "garbage").expect("it can be written");
            assert_eq!(open(&path).is_alone(&log, 2).ok(), Some(false));
            std::fs::remove_file(path).expect("it is there");
        }
    }
}
