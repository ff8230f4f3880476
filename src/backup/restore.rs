//! `millrace restore`: a data directory of a backup.
//!
//! The log comes under another name and is renamed last: before that nobody takes the directory for one of
//! millrace's.

use std::fs::{self, File};
use std::path::Path;

use super::files::{Contents, Taken, damage, failed, sync};
use super::target::Target;
use super::{FILES, undone};
use crate::Failure;
use crate::config::Config;
use crate::data::{Data, LOG, STORE};
use crate::output::print;
use crate::signals::Signals;

/// The log, before it counts.
const PART: &str = "log.part";

/// Restores the backup in `dir` to the configured data directory.
pub fn restore(config: &Config, dir: &Path) -> Result<(), Failure> {
    let to = config.data();
    let contents = Contents::read(dir)?;
    let signals = Signals::new()?;
    let target = Target::new(&to, "data directory")?;
    let mut taken = Taken::new(&signals);
    taken.expect("restoring", contents.files.iter().map(|file| file.bytes).sum());
    target.make(PART)?;
    for file in &contents.files {
        let from = dir.join(FILES).join(&file.name);
        let name = match file.name.strip_prefix(LOG) {
            Some(name) if name.starts_with('/') => format!("{PART}{name}"),
            _ => file.name.clone(),
        };
        let path = to.join(&name);
        if let Some(parent) = Path::new(&name).parent().and_then(Path::to_str) {
            target.make(parent)?;
        }
        let mut content = match File::open(&from) {
            Ok(content) => content,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(damage(&from, "it is missing"));
            }
            Err(error) => return Err(failed(&from, &error)),
        };
        let copied = taken.copy(&mut content, &path, &file.name)?;
        if copied.bytes != file.bytes {
            let what = format!("it has {} bytes, not {}", copied.bytes, file.bytes);
            return Err(damage(&from, &what));
        }
        if copied.checksum != file.checksum {
            return Err(damage(
                &from,
                "it is not what was written: its checksum is another",
            ));
        }
    }
    taken.expected();
    finish(&to)?;
    target.keep();
    print(&format!(
        "restored {} as of {}; next: millrace up --data {}\n",
        to.display(),
        contents.moment(),
        to.display()
    ))
}

/// Makes of the files what millrace takes as its own.
fn finish(to: &Path) -> Result<(), Failure> {
    let (part, log) = (to.join(PART), to.join(LOG));
    sync(&part)?;
    fs::rename(&part, &log).map_err(|error| failed(&log, &error))?;
    let data = Data::existing(to)?;
    data.adopt(&to.join(STORE))?;
    data.log_to_read().map(drop).map_err(undone)?;
    sync(to)
}
