//! A disk in memory. It knows what was synced and what was not, and makes from that what a crash may leave.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streams::embedded::disk::{Disk, File};

/// A position or length in a file in memory.
fn small(n: u64) -> usize {
    usize::try_from(n).expect("what is in memory fits a usize")
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, u64, Vec<u8>),
    SetLen(usize, u64),
    Link(String, usize),
    Rename(String, String),
    Remove(String),
}

#[derive(Clone, Debug, Default)]
struct Image {
    files: Vec<Vec<u8>>,
    names: BTreeMap<String, usize>,
}

impl Image {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Write(file, at, bytes) => {
                let (file, at) = (self.file(*file), small(*at));
                file.resize(file.len().max(at + bytes.len()), 0);
                file[at..at + bytes.len()].copy_from_slice(bytes);
            }
            Change::SetLen(file, len) => self.file(*file).resize(small(*len), 0),
            Change::Link(name, file) => {
                self.file(*file);
                self.names.insert(name.clone(), *file);
            }
            Change::Rename(from, to) => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            Change::Remove(name) => drop(self.names.remove(name)),
        }
    }

    fn file(&mut self, file: usize) -> &mut Vec<u8> {
        if self.files.len() <= file {
            self.files.resize(file + 1, Vec::new());
        }
        &mut self.files[file]
    }
}

/// What goes wrong, at the operation of that number that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The machine stops: this operation and all later ones fail.
    Crash,
    /// This operation fails, a write after half its bytes.
    Once(io::ErrorKind),
    /// From this operation on there is room for so many bytes more.
    Room(u64),
}

#[derive(Debug, Default)]
struct Sim {
    now: Image,
    durable: Image,
    pending: Vec<Change>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    locked: bool,
    reads: u64,
}

/// The disk; clones share it.
#[derive(Clone, Default)]
pub struct SimDisk(Arc<Mutex<Sim>>);

impl Sim {
    /// Notes an operation that changes something; how many of its `bytes` are to be done, and the error
    /// after.
    fn operation(&mut self, bytes: u64) -> (u64, Option<io::Error>) {
        self.operations += 1;
        let Some((at, fault)) = self.fault else {
            return (bytes, None);
        };
        match fault {
            Fault::Crash if self.operations >= at => (bytes, Some(io::Error::other("crashed"))),
            Fault::Once(kind) if self.operations == at => (bytes / 2, Some(kind.into())),
            Fault::Room(room) if self.operations >= at => {
                let done = bytes.min(room);
                self.fault = Some((at, Fault::Room(room - done)));
                let full = done < bytes;
                (done, full.then(|| io::ErrorKind::StorageFull.into()))
            }
            _ => (bytes, None),
        }
    }

    fn change(&mut self, change: Change, bytes: u64) -> io::Result<()> {
        if let (_, Some(error)) = self.operation(bytes) {
            if matches!(self.fault, Some((at, Fault::Crash)) if at == self.operations) {
                self.pending.push(change); // It may have reached the disk.
            }
            return Err(error);
        }
        self.now.apply(&change);
        self.pending.push(change);
        Ok(())
    }

    fn sync(&mut self, concerns: impl Fn(&Change) -> bool) -> io::Result<()> {
        let (_, error) = self.operation(0);
        let (synced, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(concerns);
        self.pending = pending;
        if let Some(error) = error {
            if matches!(self.fault, Some((_, Fault::Crash))) {
                self.pending.splice(0..0, synced);
            }
            // Else what was to be synced counts as clean, and never reaches the disk.
            return Err(error);
        }
        for change in synced {
            self.durable.apply(&change);
        }
        Ok(())
    }
}

impl SimDisk {
    fn sim(&self) -> MutexGuard<'_, Sim> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(image: Image) -> SimDisk {
        let durable = image.clone();
        let now = image;
        SimDisk(Arc::new(Mutex::new(Sim {
            now,
            durable,
            ..Sim::default()
        })))
    }

    /// That goes wrong at the operation of that number, counted from 1, among those that change something.
    pub fn set_fault(&self, at: u64, fault: Fault) {
        self.sim().fault = Some((at, fault));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.sim().fault = None;
    }

    /// How many operations that change something there were.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.sim().operations
    }

    /// Bytes read since the last call.
    pub fn take_reads(&self) -> u64 {
        std::mem::take(&mut self.sim().reads)
    }

    /// A copy of all files as they are now: what another process would copy.
    #[must_use]
    pub fn copy(&self) -> SimDisk {
        SimDisk::of(self.sim().now.clone())
    }

    /// Every state that a crash leaves if unsynced changes reach the disk in order, the last one torn at any
    /// byte.
    pub fn torn_at_any_byte(&self, mut each: impl FnMut(SimDisk, &str)) {
        let sim = self.sim();
        let (mut image, pending) = (sim.durable.clone(), sim.pending.clone());
        drop(sim);
        each(SimDisk::of(image.clone()), "nothing unsynced");
        for (i, change) in pending.iter().enumerate() {
            if let Change::Write(file, at, bytes) = change {
                for cut in 0..bytes.len() {
                    let mut torn = image.clone();
                    torn.apply(&Change::Write(*file, *at, bytes[..cut].to_vec()));
                    each(
                        SimDisk::of(torn),
                        &format!("{i} unsynced changes and {cut} bytes"),
                    );
                }
            }
            image.apply(change);
            each(SimDisk::of(image.clone()), &format!("{} unsynced changes", i + 1));
        }
    }

    /// A state that a crash leaves if any of the unsynced changes reach the disk, bytes in parts of 32.
    pub fn torn_at_random(&self, below: &mut dyn FnMut(u64) -> u64) -> SimDisk {
        let sim = self.sim();
        let mut image = sim.durable.clone();
        let mut names = true;
        for change in &sim.pending {
            // Names reach the disk in order, bytes in any.
            names = names && below(3) > 0;
            match change {
                Change::Write(file, at, bytes) => {
                    let whole = below(3) == 0;
                    for (i, part) in bytes.chunks(32).enumerate() {
                        if whole || below(2) == 0 {
                            image.apply(&Change::Write(*file, at + 32 * i as u64, part.to_vec()));
                        }
                    }
                }
                Change::SetLen(..) if below(2) == 0 => image.apply(change),
                Change::SetLen(..) => {}
                name if names => image.apply(name),
                _ => {}
            }
        }
        SimDisk::of(image)
    }

    /// All files, as they are now.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let sim = self.sim();
        let file = |(name, file): (&String, &usize)| (name.clone(), sim.now.files[*file].clone());
        sim.now.names.iter().map(file).collect()
    }

    /// Changes a file behind the log's back.
    pub fn tamper(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut sim = self.sim();
        let file = sim.now.names.get(name).copied().unwrap_or(sim.now.files.len());
        change(sim.now.file(file));
        sim.now.names.insert(name.to_owned(), file);
        sim.durable = sim.now.clone();
        sim.pending.clear();
    }

    /// Removes a file behind the log's back.
    pub fn remove_quietly(&self, name: &str) {
        let mut sim = self.sim();
        sim.now.names.remove(name);
        sim.durable = sim.now.clone();
        sim.pending.clear();
    }
}

struct Guard(SimDisk);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.sim().locked = false;
    }
}

impl Disk for SimDisk {
    fn name(&self) -> String {
        "sim".to_owned()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let mut sim = self.sim();
        if let (_, Some(error)) = sim.operation(1) {
            return Err(error);
        }
        let free = !std::mem::replace(&mut sim.locked, true);
        Ok(free.then(|| Box::new(Guard(self.clone())) as Box<dyn Any + Send + Sync>))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.sim().now.names.keys().cloned().collect())
    }

    fn open(&self, name: &str, _: bool) -> io::Result<Box<dyn File>> {
        let file = self
            .sim()
            .now
            .names
            .get(name)
            .copied()
            .ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimFile(self.clone(), file)))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut sim = self.sim();
        let file = sim.now.files.len();
        sim.now.files.push(Vec::new());
        sim.change(Change::Link(name.to_owned(), file), 1)?;
        drop(sim);
        Ok(Box::new(SimFile(self.clone(), file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.sim()
            .change(Change::Rename(from.to_owned(), to.to_owned()), 0)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut sim = self.sim();
        if !sim.now.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        sim.change(Change::Remove(name.to_owned()), 0)
    }

    fn sync_directory(&self) -> io::Result<()> {
        let name = |c: &Change| !matches!(c, Change::Write(..) | Change::SetLen(..));
        self.sim().sync(name)
    }
}

struct SimFile(SimDisk, usize);

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut sim = self.0.sim();
        let file = &sim.now.files[self.1];
        let at = small(position).min(file.len());
        // Short reads are part of life.
        let len = buffer.len().min(file.len() - at).min(100_000);
        buffer[..len].copy_from_slice(&file[at..at + len]);
        sim.reads += len as u64;
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        let mut sim = self.0.sim();
        let bytes = &bytes[..bytes.len().min(100_000)];
        let (done, error) = sim.operation(bytes.len() as u64);
        let done = small(done);
        let change = Change::Write(self.1, position, bytes[..done].to_vec());
        match (done, error) {
            (0, Some(error)) => Err(error),
            (_, Some(error)) if error.kind() == io::ErrorKind::Other => {
                // The machine stops while it writes.
                if matches!(sim.fault, Some((at, Fault::Crash)) if at == sim.operations) {
                    sim.pending.push(change);
                }
                Err(error)
            }
            (_, Some(error)) if error.kind() != io::ErrorKind::StorageFull => {
                sim.now.apply(&change);
                sim.pending.push(change);
                Err(error)
            }
            _ => {
                // A full disk takes what fits, and refuses the next write.
                sim.now.apply(&change);
                sim.pending.push(change);
                Ok(done)
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        let of = |c: &Change| matches!(c, Change::Write(f, ..) | Change::SetLen(f, _) if *f == self.1);
        self.0.sim().sync(of)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.sim().change(Change::SetLen(self.1, len), 0)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.sim().now.files[self.1].len() as u64)
    }
}
