//! What readers, writers and trimming share.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::disk::Disk;
use super::index::Index;
use super::layout;
use super::segment::Head;
use crate::streams::Streams;
use contract::installation::Installation;

/// A segment of the log.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) head: Head,
    /// How many bytes it has, once it is full.
    pub(super) full_bytes: OnceLock<u64>,
}

impl Segment {
    pub(super) fn new(head: Head) -> Arc<Segment> {
        let full_bytes = OnceLock::new();
        Arc::new(Segment { head, full_bytes })
    }
}

/// What may be read.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The segments; records are appended to the last one. Never empty.
    pub(super) segments: Vec<Arc<Segment>>,
    /// Bytes of the last segment that may be read.
    pub(super) bytes: u64,
    /// Its index.
    pub(super) index: Index,
    /// Per stream the first offset that was not trimmed.
    pub(super) starts: Vec<u64>,
    /// Per stream the next offset.
    pub(super) ends: Vec<u64>,
}

/// Everything that lives as long as the log or a reader of it.
pub(super) struct Shared {
    pub(super) disk: Box<dyn Disk>,
    pub(super) installation: Installation,
    pub(super) salt: u32,
    pub(super) streams: Streams,
    state: RwLock<State>,
}

impl Shared {
    pub(super) fn new(
        disk: Box<dyn Disk>,
        installation: Installation,
        streams: Streams,
        state: State,
    ) -> Arc<Shared> {
        Arc::new(Shared {
            disk,
            installation,
            salt: layout::salt(installation),
            streams,
            state: RwLock::new(state),
        })
    }

    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks; a thread that panicked while it held the lock left nothing half-done that matters.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
