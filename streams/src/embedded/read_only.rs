//! A log that is only read, whoever owns it: nothing is locked, cut or written.
//!
//! It shows what there was when it was opened: a prefix of what was appended, whole batches, and no more
//! later. What was written and not yet acknowledged may be part of it.
//!
//! A segment that the owner gives up meanwhile (a trim) is missed when it is read, as an error; what is being
//! opened is then looked at again.

use std::any::Any;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::disk::{Directory, Disk, File};
use super::meta::{self, Meta};
use super::open;
use super::reader::StreamReader;
use super::state::Shared;
use crate::error::LogError;
use crate::log::{Appended, Log, NextOffsets, Place, Reader, TopicPartitions};
use crate::record::Batch;
use contract::installation::Installation;

/// How often it is looked again when the owner changes the log meanwhile.
const LOOKS_MAX: usize = 20;

/// A log as it was when it was opened.
pub struct ReadOnlyLog(Arc<Shared>);

impl ReadOnlyLog {
    /// Opens the log in `directory`, which another process may own.
    ///
    /// # Errors
    /// If there is none, or it can't be read, is damaged or newer.
    pub fn open(directory: &Path) -> Result<ReadOnlyLog, LogError> {
        if !directory.is_dir() {
            let what = format!("{} is not a log", directory.display());
            return Err(LogError::NotOurs { what });
        }
        let name = directory.display();
        let disk = Directory::new(directory).map_err(|e| LogError::io(format!("opening {name}"), &e))?;
        ReadOnlyLog::open_on(Box::new(disk))
    }

    /// The same on any [`Disk`], of which nothing but lists and bytes is asked.
    ///
    /// # Errors
    /// As [`ReadOnlyLog::open`].
    pub fn open_on(disk: Box<dyn Disk>) -> Result<ReadOnlyLog, LogError> {
        let disk = Untouched(disk);
        open::refuse_foreign(&disk)?;
        if !names(&disk)?.iter().any(|name| name == meta::FILE) {
            let what = format!("{} is not a log: it is empty", disk.name());
            return Err(LogError::NotOurs { what });
        }
        let mut looks = 0;
        loop {
            looks += 1;
            let seen = (Meta::read(&disk)?, names(&disk)?);
            match open::open_to_read(&disk, seen.0.clone(), &seen.1) {
                Ok(state) => {
                    let (installation, streams) = (seen.0.installation, seen.0.streams);
                    return Ok(ReadOnlyLog(Shared::new(
                        Box::new(disk),
                        installation,
                        streams,
                        state,
                    )));
                }
                // The owner may have begun a segment, or given one up, since.
                Err(_) if looks < LOOKS_MAX && seen != (Meta::read(&disk)?, names(&disk)?) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The log's id.
    #[must_use]
    pub fn installation(&self) -> Installation {
        self.0.installation
    }
}

/// The names in it, in order.
fn names(disk: &dyn Disk) -> Result<Vec<String>, LogError> {
    let names = disk.list();
    let mut names = names.map_err(|e| LogError::io(format!("listing {}", disk.name()), &e))?;
    names.sort_unstable();
    Ok(names)
}

fn refused() -> LogError {
    LogError::Refusing {
        why: "it is open to be read only".to_owned(),
    }
}

impl Log for ReadOnlyLog {
    fn topics(&self) -> Vec<TopicPartitions> {
        self.0.streams.topics().cloned().collect()
    }

    fn append(&self, _: &Batch) -> Result<Vec<Appended>, LogError> {
        Err(refused())
    }

    fn append_after(
        &self,
        _: i64,
        _: &mut dyn FnMut(&NextOffsets<'_>) -> Option<Batch>,
    ) -> Result<Vec<Appended>, LogError> {
        Err(refused())
    }

    /// Nothing ever comes: it waits until the time is out.
    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        if seen > 0 {
            std::thread::sleep(timeout);
        }
        1
    }

    fn starts(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        let streams = self.0.streams.of_topic(topic)?;
        Ok(self.0.state().starts[streams].to_vec())
    }

    fn ends(&self, topic: &str) -> Result<Vec<u64>, LogError> {
        let streams = self.0.streams.of_topic(topic)?;
        Ok(self.0.state().ends[streams].to_vec())
    }

    fn read_all(&self, places: &[Place<'_>]) -> Result<Vec<Box<dyn Reader>>, LogError> {
        let open = |place: &Place<'_>| StreamReader::open(&self.0, place.topic, place.partition, place.from);
        places.iter().map(open).collect()
    }

    fn trim(&self, _: &str, _: u32, _: u64) -> Result<(), LogError> {
        Err(refused())
    }
}

/// A disk that nothing is changed on. Removing succeeds and does nothing: what opening would tidy up stays.
struct Untouched(Box<dyn Disk>);

fn read_only<T>() -> io::Result<T> {
    Err(ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for Untouched {
    fn name(&self) -> String {
        self.0.name()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        read_only()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn File>> {
        if write {
            return read_only();
        }
        self.0.open(name, false)
    }

    fn create(&self, _: &str) -> io::Result<Box<dyn File>> {
        read_only()
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        read_only()
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }
}
