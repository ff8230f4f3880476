//! A directory that is being filled: new or empty before, and as it was again if that fails.

use std::cell::Cell;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::files::failed;
use crate::Failure;

/// The directory.
pub struct Target {
    path: PathBuf,
    /// It was not there before.
    made: bool,
    kept: Cell<bool>,
}

impl Target {
    /// Makes it, or sees that it is empty; `what` goes there.
    pub fn new(path: &Path, what: &str) -> Result<Target, Failure> {
        let made = match fs::create_dir(path) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {
                let mut entries = fs::read_dir(path).map_err(|error| failed(path, &error))?;
                if let Some(entry) = entries.next() {
                    let entry = entry.map_err(|error| failed(path, &error))?;
                    return Err(Failure::Usage(format!(
                        "{} is not empty: it holds {}; name an empty directory for the {what}, or a new one",
                        path.display(),
                        entry.file_name().display()
                    )));
                }
                false
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(Failure::Usage(format!(
                    "{} is not a directory; name an empty one for the {what}, or a new one",
                    path.display()
                )));
            }
            Err(error) => return Err(failed(path, &error)),
        };
        Ok(Target {
            path: path.to_owned(),
            made,
            kept: Cell::new(false),
        })
    }

    /// Makes a directory in it, and those above that.
    pub fn make(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(|error| failed(&path, &error))?;
        Ok(path)
    }

    /// Removes all that is in it.
    pub fn clear(&self) -> Result<(), Failure> {
        let io = |error: std::io::Error| failed(&self.path, &error);
        for entry in fs::read_dir(&self.path).map_err(io)? {
            let entry = entry.map_err(io)?;
            let removed = if entry.file_type().map_err(io)?.is_dir() {
                fs::remove_dir_all(entry.path())
            } else {
                fs::remove_file(entry.path())
            };
            removed.map_err(io)?;
        }
        Ok(())
    }

    /// It is as it is to be.
    pub fn keep(&self) {
        self.kept.set(true);
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.kept.get() {
            return;
        }
        if let Err(error) = self.clear() {
            tracing::warn!(%error, "what was begun could not be removed");
        } else if self.made {
            // An empty directory does no harm.
            let _ = fs::remove_dir(&self.path);
        }
    }
}
