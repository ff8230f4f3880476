//! A directory of the system's, with kill points around whatever it makes durable.

use std::any::Any;
use std::io;

use streams::embedded::disk::{self, Directory};

use super::{around, die, is_due};

/// The directory.
pub struct Disk(Directory);

impl Disk {
    pub fn new(directory: Directory) -> Disk {
        Disk(directory)
    }
}

/// Whose file it is, by its name.
fn place(name: &str) -> &'static str {
    let name = name.strip_suffix(".new").unwrap_or(name);
    if name.ends_with(".segment") {
        "segment"
    } else if name.ends_with(".index") {
        "index"
    } else {
        "meta"
    }
}

impl disk::Disk for Disk {
    fn name(&self) -> String {
        self.0.name()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        self.0.lock()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn disk::File>> {
        let (file, place) = (self.0.open(name, write)?, place(name));
        Ok(Box::new(File { file, place }))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn disk::File>> {
        let place = place(name);
        let file = around(place, "create", || self.0.create(name))?;
        Ok(Box::new(File { file, place }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        around(place(to), "rename", || self.0.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        around(place(name), "remove", || self.0.remove(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        around("directory", "sync", || self.0.sync_directory())
    }
}

/// A file in it.
struct File {
    file: Box<dyn disk::File>,
    place: &'static str,
}

impl disk::File for File {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        around(self.place, "write", || {
            if is_due(self.place, "write", "torn") {
                // Whether it succeeds or not, nothing comes after it.
                let _ = self.file.write_at(&bytes[..bytes.len() / 2], position);
                die();
            }
            self.file.write_at(bytes, position)
        })
    }

    fn sync(&self) -> io::Result<()> {
        around(self.place, "sync", || self.file.sync())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        around(self.place, "set_len", || self.file.set_len(len))
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
