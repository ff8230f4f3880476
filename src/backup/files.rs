//! The files of a backup: copied, synced and under checksums; and `backup.json`, which names them.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write as _};
use std::path::{Component, Path};

use contract::installation::Installation;
use contract::log::Epoch;
use contract::time::Time;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::Failure;
use crate::progress::bar;
use crate::signals::Signals;

/// The file that makes a directory a backup.
pub const NAME: &str = "backup.json";
/// The format of what is written.
const FORMAT: u64 = 1;
/// Bytes that are copied at once.
const BYTES: usize = 1 << 20;
/// The largest `backup.json` that is read.
const BYTES_MAX: u64 = 256 << 20;

/// What the system said about a file.
pub fn failed(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Failure::Undone(format!(
            "{path}: the disk is full; make room and try again, nothing of it was kept"
        )),
        _ => Failure::Undone(format!("{path}: {error}")),
    }
}

/// Makes the names in a directory survive a crash of the machine.
pub fn sync(directory: &Path) -> Result<(), Failure> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| failed(directory, &error))
}

/// A file that was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Where it belongs in a data directory, with `/` between.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Of its bytes.
    pub checksum: u128,
}

/// Copies files, and notes them.
pub struct Taken<'a> {
    /// What was copied.
    pub files: Vec<Copy>,
    signals: &'a Signals,
    bar: Option<ProgressBar>,
}

impl<'a> Taken<'a> {
    /// Nothing yet. It ends as soon as somebody asks.
    pub fn new(signals: &'a Signals) -> Taken<'a> {
        Taken {
            files: Vec::new(),
            signals,
            bar: None,
        }
    }

    /// Whether it may go on.
    pub fn go_on(&self) -> Result<(), Failure> {
        if self.signals.stop() {
            return Err(Failure::Undone("stopped; nothing of it was kept".to_owned()));
        }
        Ok(())
    }

    /// Shows how far it is with so many bytes.
    pub fn expect(&mut self, what: &'static str, bytes: u64) {
        self.bar = Some(bar(what, bytes));
    }

    /// They are through.
    pub fn expected(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Copies to a new file, durably.
    pub fn copy(&mut self, from: &mut dyn Read, to: &Path, name: &str) -> Result<&Copy, Failure> {
        let mut file = File::create_new(to).map_err(|error| failed(to, &error))?;
        self.read(from, name, &mut |bytes| file.write_all(bytes))
            .and_then(|()| file.sync_all())
            .map_err(|error| failed(to, &error))?;
        self.go_on()?;
        Ok(self.files.last().expect("it was just noted"))
    }

    /// Notes a file that is there already, and makes it durable.
    pub fn seal(&mut self, path: &Path, name: &str) -> Result<(), Failure> {
        let io = |error: std::io::Error| failed(path, &error);
        let mut file = File::open(path).map_err(io)?;
        file.sync_all().map_err(io)?;
        self.read(&mut file, name, &mut |_| Ok(())).map_err(io)?;
        self.go_on()
    }

    /// The same with all files in a directory and in those in it.
    pub fn seal_all(&mut self, directory: &Path, name: &str) -> Result<(), Failure> {
        let io = |error: std::io::Error| failed(directory, &error);
        for entry in fs::read_dir(directory).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().map_err(io)?.is_dir() {
                self.seal_all(&entry.path(), &name)?;
            } else {
                self.seal(&entry.path(), &name)?;
            }
        }
        sync(directory)
    }

    fn read(
        &mut self,
        from: &mut dyn Read,
        name: &str,
        each: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let (mut hash, mut bytes, mut buffer) = (Xxh3::new(), 0, vec![0; BYTES]);
        loop {
            let count = match from.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                count => count?,
            };
            let some = &buffer[..count];
            if some.is_empty() {
                break;
            }
            each(some)?;
            hash.update(some);
            bytes += some.len() as u64;
            if let Some(bar) = &self.bar {
                bar.inc(some.len() as u64);
            }
            if self.signals.stop() {
                // Whoever called looks at it.
                break;
            }
        }
        self.files.push(Copy {
            name: name.to_owned(),
            bytes,
            checksum: hash.digest128(),
        });
        Ok(())
    }
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Whose log it is.
    pub installation: Installation,
    /// Where the view store stands; none: there is none, or it is empty.
    pub at: Option<(Epoch, Time)>,
    /// The version of the logic that decided its rows.
    pub logic: u32,
    /// The files.
    pub files: Vec<Copy>,
}

impl Contents {
    /// Of which moment it is, for people.
    pub fn moment(&self) -> String {
        self.at
            .map_or("nothing decided yet".to_owned(), |(epoch, clock)| {
                format!("epoch {} ({clock})", epoch.0)
            })
    }

    fn text(&self) -> String {
        let file = |file: &Copy| {
            let checksum = format!("{:032x}", file.checksum);
            json!({"name": file.name, "bytes": file.bytes, "checksum": checksum})
        };
        let mut value = json!({
            "format": FORMAT,
            "program": env!("CARGO_PKG_VERSION"),
            "installation": self.installation.to_string(),
            "epoch": self.at.map(|(epoch, _)| epoch.0),
            "clock": self.at.map(|(_, clock)| clock.to_string()),
            "logic": self.logic,
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
        });
        seal(&mut value);
        format!("{value:#}\n")
    }

    /// Writes `backup.json`: from now on it is a backup.
    pub fn write(&self, dir: &Path) -> Result<(), Failure> {
        let (part, path) = (dir.join(format!("{NAME}.part")), dir.join(NAME));
        let written = File::create_new(&part).and_then(|mut file| {
            file.write_all(self.text().as_bytes())?;
            file.sync_all()?;
            fs::rename(&part, &path)
        });
        written.map_err(|error| failed(&path, &error))?;
        sync(dir)
    }

    /// Reads it.
    pub fn read(dir: &Path) -> Result<Contents, Failure> {
        let path = dir.join(NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(Failure::Usage(format!(
                    "{} is not a backup: there is no {NAME} in it, which millrace backup writes last",
                    dir.display()
                )));
            }
            Err(error) => return Err(failed(&path, &error)),
        };
        let mut text = Vec::new();
        let read = file.take(BYTES_MAX).read_to_end(&mut text);
        read.map_err(|error| failed(&path, &error))?;
        let damaged = || damage(&path, "it is not what was written: its checksum is another");
        let value: Value = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if let Some(found) = value["format"].as_u64().filter(|found| *found > FORMAT) {
            return Err(Failure::Undone(format!(
                "{} has format {found}, this millrace reads up to {FORMAT}: use the version that wrote it",
                path.display()
            )));
        }
        let mut again = value.clone();
        seal(&mut again);
        if again != value || format!("{value:#}\n").as_bytes() != text {
            return Err(damaged());
        }
        parse(&value).ok_or_else(|| damage(&path, "a field is missing or of another kind"))
    }
}

/// A failure that names a damaged file.
pub fn damage(path: &Path, what: &str) -> Failure {
    Failure::Undone(format!(
        "{} is damaged: {what}; take another backup, nothing was restored",
        path.display()
    ))
}

/// Puts a checksum of everything else in.
fn seal(value: &mut Value) {
    if let Some(members) = value.as_object_mut() {
        members.shift_remove("checksum");
    }
    let checksum = format!("{:032x}", xxh3_128(value.to_string().as_bytes()));
    value["checksum"] = Value::from(checksum);
}

fn parse(value: &Value) -> Option<Contents> {
    let file = |file: &Value| {
        let name = file["name"].as_str()?;
        // Nothing but names below the place that it is restored to.
        let is_below = Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        Some(Copy {
            name: Some(name).filter(|name| is_below && !name.is_empty())?.to_owned(),
            bytes: file["bytes"].as_u64()?,
            checksum: u128::from_str_radix(file["checksum"].as_str()?, 16).ok()?,
        })
    };
    let at = match &value["epoch"] {
        Value::Null => None,
        epoch => Some((Epoch(epoch.as_u64()?), Time::parse(value["clock"].as_str()?)?)),
    };
    Some(Contents {
        installation: Installation::parse(value["installation"].as_str()?)?,
        at,
        logic: u32::try_from(value["logic"].as_u64()?).ok()?,
        files: value["files"]
            .as_array()?
            .iter()
            .map(file)
            .collect::<Option<_>>()?,
    })
}
