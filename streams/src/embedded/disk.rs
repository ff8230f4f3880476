//! The few file operations that the embedded log needs, behind a trait, so that tests can make each of them
//! fail or tear at any byte.
//!
//! What the log relies on: bytes that [`File::sync`] covered survive a crash; a name survives once
//! [`Disk::sync_directory`] has returned after it was made; names change in the order in which they were
//! changed, and [`Disk::rename`] is atomic. Nothing else: bytes that were not synced may survive in any part
//! and any order.

use std::any::Any;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A directory that holds a log.
pub trait Disk: Send + Sync {
    /// What to call the directory in errors.
    fn name(&self) -> String;
    /// Owns the directory until the returned guard is dropped; `None` if somebody else does.
    ///
    /// # Errors
    /// As the system says.
    fn lock(&self) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;
    /// The names in it.
    ///
    /// # Errors
    /// As the system says.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file for reading, and for writing if `write` is set.
    ///
    /// # Errors
    /// As the system says.
    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn File>>;
    /// Makes an empty file; one of that name is emptied.
    ///
    /// # Errors
    /// As the system says.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// Renames a file; one of the new name is replaced.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    ///
    /// # Errors
    /// As the system says.
    fn sync_directory(&self) -> io::Result<()>;
}

/// A file in such a directory.
#[expect(clippy::len_without_is_empty, reason = "a file is no collection")]
pub trait File: Send + Sync {
    /// Reads at a position; may read less than asked for, 0 at the end.
    ///
    /// # Errors
    /// As the system says.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes at a position; may write less than asked for.
    ///
    /// # Errors
    /// As the system says.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize>;
    /// Makes its bytes and its length durable.
    ///
    /// # Errors
    /// As the system says.
    fn sync(&self) -> io::Result<()>;
    /// Cuts it, or lengthens it with zeros.
    ///
    /// # Errors
    /// As the system says.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Its length.
    ///
    /// # Errors
    /// As the system says.
    fn len(&self) -> io::Result<u64>;
}

/// Writes all of `bytes`.
pub(super) fn write_all(file: &dyn File, mut bytes: &[u8], mut position: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                bytes = bytes.get(n..).unwrap_or_default();
                position += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Reads until `buffer` is full or the file ends; how much that was.
pub(super) fn read_full(file: &dyn File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled = (filled + n).min(buffer.len()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// A whole file of at most `len_max` bytes.
pub(super) fn read_whole(disk: &dyn Disk, name: &str, len_max: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(name, false)?;
    let len = file.len()?.min(len_max);
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    let filled = read_full(file.as_ref(), &mut bytes, 0)?;
    bytes.truncate(filled);
    Ok(bytes)
}

/// A file that is whole or absent: written under another name, synced if it matters, renamed.
pub(super) fn write_whole(disk: &dyn Disk, name: &str, bytes: &[u8], sync: bool) -> io::Result<()> {
    let new = format!("{name}.new");
    let written = disk.create(&new).and_then(|file| {
        write_all(file.as_ref(), bytes, 0)?;
        if sync { file.sync() } else { Ok(()) }
    });
    let renamed = written.and_then(|()| disk.rename(&new, name));
    if let Err(e) = renamed {
        // What is left behind is removed at the next open too, so this may fail.
        let _ = disk.remove(&new);
        return Err(e);
    }
    if sync { disk.sync_directory() } else { Ok(()) }
}

/// A directory of the operating system's.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// The directory at `path`, made if it is not there (its parent must be).
    ///
    /// # Errors
    /// If it can't be made.
    pub fn new(path: &Path) -> io::Result<Directory> {
        match fs::create_dir(path) {
            Ok(()) => {
                let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
                fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
            }
            Err(e) if path.is_dir() => drop(e),
            Err(e) => return Err(e),
        }
        Ok(Directory(path.to_owned()))
    }
}

/// The lock of a directory, given up when it is dropped: closing the file does not do if a child process is
/// being started, which has the file too until it runs its own program.
struct Held(fs::File);

impl Drop for Held {
    fn drop(&mut self) {
        // It goes with the file at the latest.
        let _ = self.0.unlock();
    }
}

impl Disk for Directory {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let mut options = fs::OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.0.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(Held(file)))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(e)) => Err(e),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        fs::read_dir(&self.0)?.map(name).collect()
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(write)
            .open(self.0.join(name))?;
        Ok(Box::new(file))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        Ok(Box::new(options.open(self.0.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        fs::File::open(&self.0)?.sync_all()
    }
}

impl File for fs::File {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, position)
    }

    fn sync(&self) -> io::Result<()> {
        // Syncs the length as well, when it has changed: that much metadata is needed to read the bytes.
        self.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        fs::File::set_len(self, len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}
