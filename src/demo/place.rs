//! Where the demo's data lies.
//!
//! A directory that a demo made holds a file that says so, and how far the demo is. Only such a directory is
//! gone on with, and only such a one is ever removed.

use std::path::{Path, PathBuf};

use crate::Failure;
use crate::data::{DEMO, Data};

/// The live demo's directory, if none is named.
const USUAL: &str = "./millrace-demo";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A new directory, or that of an earlier demo as it is.
    Either,
    /// That of an earlier demo.
    Continue,
    /// A new one; that of an earlier demo is emptied.
    Fresh,
    /// One that is new already.
    New,
}

/// A directory of the demo's.
pub struct Place {
    path: PathBuf,
    /// Gone afterwards.
    passing: bool,
    /// What is replayed.
    source: String,
    /// Whether there was a demo before.
    continues: bool,
    /// Whether all of the source is in the log.
    replayed: bool,
}

impl Place {
    /// One that is gone afterwards.
    pub fn passing(source: &str) -> Result<Place, Failure> {
        let name = format!("millrace-demo-{}", std::process::id());
        let mut place = Place::at(&std::env::temp_dir().join(name), source);
        place.passing = true;
        place.write()?;
        Ok(place)
    }

    /// One that stays: `asked`, or the usual one.
    pub fn standing(asked: Option<&Path>, source: &str, wish: Wish) -> Result<Place, Failure> {
        let path = asked.unwrap_or(Path::new(USUAL));
        let mut place = Place::at(path, source);
        let shown = path.display();
        let refused = |what: String| Err(Failure::Usage(what));
        match (place.found()?, wish) {
            (Found::Nothing, Wish::Continue) => {
                return refused(format!("{shown} holds no demo that could be continued"));
            }
            (Found::Nothing, _) => {}
            (Found::Others, _) => {
                return refused(format!(
                    "{shown} is not empty, and no demo made it; the demo wants a new directory"
                ));
            }
            (Found::Demo { .. }, Wish::New) => {
                return refused(format!(
                    "{shown} is not empty: it holds an earlier demo; --fresh removes that, or name a \
                     new directory"
                ));
            }
            (Found::Demo { .. }, Wish::Fresh) => place.remove()?,
            (Found::Demo { source: before, .. }, _) if before != source => {
                return refused(format!(
                    "{shown} holds a demo of {before}, not of {source}; --fresh removes that, or name a \
                     new directory"
                ));
            }
            (Found::Demo { replayed, .. }, _) => {
                place.continues = true;
                place.replayed = replayed;
                return Ok(place);
            }
        }
        place.write()?;
        Ok(place)
    }

    fn at(path: &Path, source: &str) -> Place {
        Place {
            path: path.to_owned(),
            passing: false,
            source: source.to_owned(),
            continues: false,
            replayed: false,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is an earlier demo's.
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// Whether the log holds all that is replayed.
    pub fn is_replayed(&self) -> bool {
        self.replayed
    }

    /// Notes that it does.
    pub fn replayed(&mut self) -> Result<(), Failure> {
        self.replayed = true;
        self.write()
    }

    fn write(&self) -> Result<(), Failure> {
        let failed = |error| Failure::Undone(format!("{}: {error}", self.path.display()));
        std::fs::create_dir_all(&self.path).map_err(failed)?;
        let mut table = toml::Table::new();
        table.insert("source".to_owned(), self.source.as_str().into());
        table.insert("replayed".to_owned(), self.replayed.into());
        let text = format!("# millrace demo made this directory; demo --fresh removes it.\n{table}");
        // Written aside first: half of it would make the directory somebody else's.
        let aside = self.path.join(format!("{DEMO}.new"));
        std::fs::write(&aside, text).map_err(failed)?;
        std::fs::rename(&aside, self.path.join(DEMO)).map_err(failed)
    }

    fn found(&self) -> Result<Found, Failure> {
        let failed = |error: std::io::Error| Failure::Undone(format!("{}: {error}", self.path.display()));
        let mut entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(Found::Others),
            Err(error) => return Err(failed(error)),
        };
        if entries.next().is_none() {
            return Ok(Found::Nothing);
        }
        let Ok(text) = std::fs::read_to_string(self.path.join(DEMO)) else {
            return Ok(Found::Others);
        };
        let table: toml::Table = text.parse().unwrap_or_default();
        let Some(source) = table.get("source").and_then(toml::Value::as_str) else {
            return Ok(Found::Others);
        };
        Ok(Found::Demo {
            source: source.to_owned(),
            replayed: table.get("replayed").and_then(toml::Value::as_bool) == Some(true),
        })
    }

    /// Removes an earlier demo, on which nothing may run.
    fn remove(&self) -> Result<(), Failure> {
        if let Ok(data) = Data::existing(&self.path) {
            drop(data.log()?);
        }
        let failed = |error| Failure::Undone(format!("{}: {error}", self.path.display()));
        std::fs::remove_dir_all(&self.path).map_err(failed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.passing {
            // What can't be removed is in the system's folder for what may be removed.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// What a directory holds.
enum Found {
    /// Nothing, or it is not there.
    Nothing,
    /// A demo, of a source, replayed in whole or in part.
    Demo { source: String, replayed: bool },
    /// Something else.
    Others,
}
