//! Reading a checkpoint, several parts side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::error::CheckpointError;
use super::manifest::Manifest;
use super::place::Place;

/// Makes of a part's name and bytes what is needed of it, or says what is wrong with them.
pub type Decode<'d, P> = &'d (dyn Fn(&str, Vec<u8>) -> Result<P, String> + Sync);

/// Reads all parts, in their order, with so many threads; `decode` makes of a part's name and bytes what is
/// needed of it, or says what is wrong with them.
///
/// # Errors
/// The first part that can't be read.
pub fn load<P: Send>(
    place: &Place,
    manifest: &Manifest,
    threads: usize,
    decode: Decode<'_, P>,
) -> Result<Vec<P>, CheckpointError> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut read = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = manifest.parts.get(index) else {
                return Ok(read);
            };
            let done = place.get(manifest.id, part).and_then(|bytes| {
                let decoded = decode(&part.name, bytes);
                decoded.map_err(|what| place.damaged(manifest.id, format!("part {}: {what}", part.name)))
            });
            match done {
                Ok(done) => read.push((index, done)),
                Err(error) => {
                    // The others need not go on.
                    next.store(manifest.parts.len(), Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    let threads = threads.clamp(1, manifest.parts.len().max(1));
    let read: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        started
            .into_iter()
            .map(|thread| thread.join().expect("a thread that panics ends the process"))
            .collect()
    });
    let mut parts = Vec::with_capacity(manifest.parts.len());
    for read in read {
        parts.extend(read?);
    }
    parts.sort_unstable_by_key(|(index, _)| *index);
    Ok(parts.into_iter().map(|(_, part)| part).collect())
}
