//! The way out of damage when there is no copy: giving up everything from the damaged place on.

use super::disk::{self, Disk};
use super::segment::{self, number_of};
use super::{index, meta};
use crate::error::LogError;

/// Cuts the log in `segment` at `position` (where an error said that it is damaged): what comes before
/// stays, everything from there on is gone from the log. Offsets given before are then given again, so sinks
/// that have seen what was cut off must be filled anew. What is cut off is kept in files ending in `.cut`.
///
/// # Errors
/// If the log is in use, or is none, or the files can't be changed. It can be called again.
pub fn cut_from(disk: &dyn Disk, segment: u64, position: u64) -> Result<(), LogError> {
    let io = |what: &str, e| LogError::io(format!("{what} {}", disk.name()), &e);
    let names = disk.list().map_err(|e| io("listing", e))?;
    if !names.iter().any(|n| n == meta::FILE) {
        let what = format!("{} is not a log", disk.name());
        return Err(LogError::NotOurs { what });
    }
    let guard = disk.lock().map_err(|e| io("locking", e))?;
    let _guard = guard.ok_or_else(|| LogError::Locked {
        directory: disk.name(),
    })?;
    let installation = meta::Meta::read(disk)?.installation;
    let mut numbers: Vec<u64> = names
        .iter()
        .filter_map(|n| number_of(n))
        .filter(|n| *n >= segment)
        .collect();
    numbers.sort_unstable();
    if names.iter().filter_map(|n| number_of(n)).all(|n| n > segment) {
        let what = format!("there is no segment {segment} to cut; restore it from a copy");
        return Err(LogError::BadConfiguration { what });
    }
    let head = segment::Head::read(disk, segment, installation).ok();
    let keeps = head.is_some_and(|head| position >= head.len());
    let first = names.iter().filter_map(|n| number_of(n)).min();
    if !keeps && first == Some(segment) {
        let what = "nothing would be left of the log; restore it from a copy, or begin a new one".to_owned();
        return Err(LogError::BadConfiguration { what });
    }
    // The newest first: cut short at any point, the log is still as damaged as before, not quietly shorter.
    for &number in numbers.iter().rev() {
        let name = segment::file_name(number);
        let _ = disk.remove(&index::file_name(number));
        if number == segment && keeps {
            keep_tail(disk, &name, position).map_err(|e| io("cutting", e))?;
        } else {
            disk.rename(&name, &format!("{name}.cut"))
                .map_err(|e| io("cutting", e))?;
        }
    }
    disk.sync_directory().map_err(|e| io("syncing", e))
}

/// Moves what follows `position` to a file of its own.
fn keep_tail(disk: &dyn Disk, name: &str, position: u64) -> std::io::Result<()> {
    let bytes = disk::read_whole(disk, name, u64::MAX)?;
    let tail = usize::try_from(position)
        .ok()
        .and_then(|at| bytes.get(at..))
        .unwrap_or_default();
    disk::write_whole(disk, &format!("{name}.tail.cut"), tail, true)?;
    let file = disk.open(name, true)?;
    file.set_len(position.min(bytes.len() as u64))?;
    file.sync()
}
