//! A disk whose syncs can be held up: what others do meanwhile is then no matter of luck.

use std::any::Any;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use millrace_streams::embedded::disk::{Disk, File};

use super::sim_disk::SimDisk;

/// The disk; clones share it.
#[derive(Clone, Default)]
pub struct GatedDisk {
    disk: SimDisk,
    shut: Arc<(Mutex<bool>, Condvar)>,
}

impl GatedDisk {
    /// Holds up syncs from now on, or lets them go on.
    pub fn shut(&self, shut: bool) {
        *self.shut.0.lock().unwrap() = shut;
        self.shut.1.notify_all();
    }

    fn file(&self, file: io::Result<Box<dyn File>>) -> io::Result<Box<dyn File>> {
        let gate = self.clone();
        file.map(|file| Box::new(GatedFile { file, gate }) as Box<dyn File>)
    }
}

impl Disk for GatedDisk {
    fn name(&self) -> String {
        self.disk.name()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        self.disk.lock()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn File>> {
        self.file(self.disk.open(name, write))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        self.file(self.disk.create(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }
}

struct GatedFile {
    file: Box<dyn File>,
    gate: GatedDisk,
}

impl File for GatedFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        self.file.write_at(bytes, position)
    }

    fn sync(&self) -> io::Result<()> {
        let (shut, moved) = &*self.gate.shut;
        drop(moved.wait_while(shut.lock().unwrap(), |shut| *shut).unwrap());
        self.file.sync()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
