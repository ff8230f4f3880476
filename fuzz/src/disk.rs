//! A disk in memory, as plain as can be.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streams::embedded::disk::{Disk, File};

/// A file's bytes.
pub type Bytes = Arc<Mutex<Vec<u8>>>;

/// Files by name; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<String, Bytes>>>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// Puts a file there.
    pub fn put(&self, name: String, bytes: Vec<u8>) {
        lock(&self.0).insert(name, Arc::new(Mutex::new(bytes)));
    }

    fn get(&self, name: &str) -> io::Result<Bytes> {
        let found = lock(&self.0).get(name).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        Ok(Some(Box::new(())))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.0).keys().cloned().collect())
    }

    fn open(&self, name: &str, _: bool) -> io::Result<Box<dyn File>> {
        Ok(Box::new(Opened(self.get(name)?)))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        self.put(name.to_owned(), Vec::new());
        self.open(name, true)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let file = self.get(from)?;
        let mut files = lock(&self.0);
        files.remove(from);
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = lock(&self.0).remove(name);
        removed.map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }
}

struct Opened(Bytes);

impl File for Opened {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let file = lock(&self.0);
        let at = usize::try_from(position).unwrap_or(usize::MAX).min(file.len());
        let len = buffer.len().min(file.len() - at);
        buffer[..len].copy_from_slice(&file[at..at + len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        let mut file = lock(&self.0);
        let at = usize::try_from(position).map_err(io::Error::other)?;
        let len = file.len().max(at + bytes.len());
        assert!(len < 1 << 30, "the log writes where there is nothing to write");
        file.resize(len, 0);
        file[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut file = lock(&self.0);
        let len = usize::try_from(len).map_err(io::Error::other)?;
        assert!(len <= file.len(), "the log only cuts");
        file.truncate(len);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.0).len() as u64)
    }
}
