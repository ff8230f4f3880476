//! Where an export goes: stdout, or a file that comes into being as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sinks::sqlite::AskError;

use crate::Failure;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 18;

/// Where to. Until it is finished there is nothing new under the file's name.
pub struct Place {
    file: Option<Aside>,
}

/// A file that is written under another name.
struct Aside {
    path: PathBuf,
    aside: PathBuf,
    force: bool,
}

impl Place {
    /// A file, or stdout (`-`).
    pub fn open(path: &Path, force: bool) -> Result<Place, Failure> {
        if path == Path::new("-") {
            return Ok(Place { file: None });
        }
        let shown = path.display();
        let Some(name) = path.file_name() else {
            return Err(Failure::Usage(format!(
                "{shown} is no file that could be written"
            )));
        };
        let mut aside = name.to_owned();
        aside.push(format!(".{}.part", std::process::id()));
        let file = Aside {
            path: path.to_owned(),
            aside: path.with_file_name(aside),
            force,
        };
        file.is_free()?;
        let made = OpenOptions::new().write(true).create_new(true).open(&file.aside);
        made.map_err(|error| Failure::Undone(format!("{shown} can't be written: {error}")))?;
        Ok(Place { file: Some(file) })
    }

    /// What writes there.
    pub fn writer(&self) -> Result<BufWriter<Box<dyn Write + Send>>, Failure> {
        let out: Box<dyn Write + Send> = match &self.file {
            None => Box::new(io::stdout()),
            Some(file) => {
                let opened = OpenOptions::new().write(true).truncate(true).open(&file.aside);
                Box::new(opened.map_err(|error| file.failed(&error))?)
            }
        };
        Ok(BufWriter::with_capacity(BUFFER_BYTES, out))
    }

    /// A failure to write, with the name of what could not be written.
    pub fn named(&self, error: AskError) -> AskError {
        match (&self.file, error) {
            (Some(file), AskError::Taking(error)) if error.raw_os_error().is_some() => {
                let named = format!("{}: {error}", file.path.display());
                AskError::Taking(io::Error::other(named))
            }
            (_, error) => error,
        }
    }

    /// Gives the file its name, once it is durable; what it is called.
    pub fn finish(mut self) -> Result<String, Failure> {
        let Some(file) = self.file.take() else {
            return Ok("stdout".to_owned());
        };
        let synced = File::open(&file.aside).and_then(|written| written.sync_all());
        synced.map_err(|error| file.failed(&error))?;
        // Somebody may have been quicker.
        file.is_free()?;
        fs::rename(&file.aside, &file.path).map_err(|error| file.failed(&error))?;
        Ok(file.path.display().to_string())
    }
}

impl Aside {
    fn is_free(&self) -> Result<(), Failure> {
        let shown = self.path.display();
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.failed(&error)),
            Ok(found) if !found.is_file() => Err(Failure::Usage(format!(
                "{shown} is there and is no plain file; choose another with --output"
            ))),
            Ok(_) if self.force => Ok(()),
            Ok(_) => Err(Failure::Usage(format!(
                "{shown} is there already; --force replaces it, or choose another with --output"
            ))),
        }
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::Undone(format!("{}: {error}", self.path.display()))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // After the renaming there is nothing any more.
        let _ = fs::remove_file(&self.aside);
    }
}
