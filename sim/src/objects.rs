//! Objects in memory that checkpoints are written to, failing as they are told to.
//!
//! They outlive processes: clones share them. What was written, and which of it makes up a checkpoint, is
//! noted apart from what lies there, so that the simulator knows which checkpoints are whole without asking
//! the runtime.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use contract::log::{Epoch, Topic};
use futures_util::FutureExt as _;
use futures_util::stream::{BoxStream, StreamExt as _};
use generator::Rng;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use serde_json::Value;

use crate::canary::Canary;

const MANIFEST: &str = "manifest";

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectFault {
    /// Nothing is done, and it says so.
    Fails,
    /// It is done, but is said to have failed.
    Doubt,
    /// The machine stops before it.
    CrashBefore,
    /// The machine stops after it.
    CrashAfter,
}

/// A checkpoint that a process has completed, by what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its epoch, then the generation that wrote it: the newest is the greatest.
    pub id: (Epoch, u64),
    /// All of it lies there as it was written.
    pub whole: bool,
    /// The offset of the timeline that it says is read next.
    pub timeline_offset: u64,
    /// Per topic, where it says that each partition goes on.
    pub ends: [Vec<u64>; 9],
}

type Bytes = Vec<u8>;

#[derive(Debug, Default)]
struct State {
    /// What becomes of the call after so many others.
    fault: Option<(u64, ObjectFault)>,
    /// The same, but counted from the next manifest on.
    fault_at_manifest: Option<(u64, ObjectFault)>,
    crashed: bool,
    /// By path, what lies there.
    there: BTreeMap<String, Bytes>,
    /// By path, what was written there.
    written: BTreeMap<String, Bytes>,
    /// Per completed checkpoint the paths of all that belongs to it.
    complete: BTreeMap<(Epoch, u64), Vec<String>>,
    /// Acknowledged, but not there yet: a bug that is planted.
    late: Option<(Path, PutPayload)>,
}

/// The objects.
#[derive(Clone, Debug)]
pub struct Objects {
    inner: Arc<InMemory>,
    state: Arc<Mutex<State>>,
    canary: Option<Canary>,
}

fn failed(what: &'static str) -> Error {
    let (store, source) = ("simulated", what.into());
    Error::Generic { store, source }
}

fn id_of(path: &str) -> Option<(Epoch, u64)> {
    let (epoch, generation) = path.split('/').next()?.split_once('-')?;
    Some((Epoch(epoch.parse().ok()?), generation.parse().ok()?))
}

impl Objects {
    /// None yet.
    #[must_use]
    pub fn new(canary: Option<Canary>) -> Objects {
        Objects {
            inner: Arc::default(),
            state: Arc::default(),
            canary,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call after so many others fares so.
    pub fn arm(&self, after: u64, fault: ObjectFault) {
        self.state().fault = Some((after, fault));
    }

    /// The call so many after the one that writes the next manifest fares so.
    pub fn arm_at_manifest(&self, after: u64, fault: ObjectFault) {
        self.state().fault_at_manifest = Some((after, fault));
    }

    /// Nothing is armed any more.
    pub fn disarm(&self) {
        let mut state = self.state();
        (state.fault, state.fault_at_manifest) = (None, None);
    }

    /// The machine stops: its processes reach nothing any more.
    pub fn stop(&self) {
        self.state().crashed = true;
    }

    /// Whether the machine has stopped meanwhile.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Another process comes.
    pub fn reopen(&self) {
        let mut state = self.state();
        (state.crashed, state.late) = (false, None);
    }

    /// All completed checkpoints, newest first.
    #[must_use]
    pub fn known(&self) -> Vec<Known> {
        let state = self.state();
        let complete = state.complete.iter().rev();
        complete
            .filter_map(|(id, paths)| {
                let manifest = state.written.get(paths.first()?)?;
                let manifest: Value = serde_json::from_slice(manifest.split(|b| *b == b'\n').next()?).ok()?;
                let ends = |topic: Topic| {
                    let ends = manifest["ends"][topic.name()].as_array();
                    ends.into_iter().flatten().filter_map(Value::as_u64).collect()
                };
                let is_there = |path: &String| state.there.get(path) == state.written.get(path);
                Some(Known {
                    id: *id,
                    whole: paths.iter().all(is_there),
                    timeline_offset: manifest["timeline_offset"].as_u64()?,
                    ends: Topic::ALL.map(ends),
                })
            })
            .collect()
    }

    /// Damages an object of a checkpoint; what was done to it.
    pub fn damage(&self, rng: &mut Rng) -> Option<String> {
        let (path, bytes, other) = {
            let state = self.state();
            let paths: Vec<&String> = state.complete.values().flatten().collect();
            let path = (*rng.pick_from(&paths)?).clone();
            let other = (*rng.pick_from(&paths)?).clone();
            let bytes = state.there.get(&path)?.clone();
            (path, bytes, state.there.get(&other)?.clone())
        };
        let at = rng.index(bytes.len().max(1));
        let (how, new) = match rng.below(4) {
            0 if !bytes.is_empty() => {
                let mut flipped = bytes;
                flipped[at] ^= 1 << rng.index(8);
                ("a flipped bit", Some(flipped))
            }
            1 => ("cut", Some(bytes[..at.min(bytes.len())].to_vec())),
            2 => ("swapped for another", Some(other)),
            _ => ("missing", None),
        };
        self.set(&path, new);
        Some(format!("{path}: {how}"))
    }

    /// Brings back what was damaged.
    pub fn heal(&self) {
        let (there, written) = {
            let state = self.state();
            (state.there.clone(), state.written.clone())
        };
        for (path, bytes) in written {
            if there.get(&path) != Some(&bytes) {
                self.set(&path, Some(bytes));
            }
        }
    }

    fn set(&self, path: &str, bytes: Option<Bytes>) {
        let object = Path::from(path);
        let mut state = self.state();
        if let Some(bytes) = bytes {
            let put = self.inner.put(&object, bytes.clone().into());
            put.now_or_never();
            state.there.insert(path.to_owned(), bytes);
        } else {
            self.inner.delete(&object).now_or_never();
            state.there.remove(path);
        }
    }

    fn before(&self) -> Result<Option<ObjectFault>> {
        let mut state = self.state();
        if state.crashed {
            return Err(failed("the machine has stopped"));
        }
        let fault = match state.fault.take() {
            None => return Ok(None),
            Some((0, fault)) => fault,
            Some((left, fault)) => {
                state.fault = Some((left - 1, fault));
                return Ok(None);
            }
        };
        match fault {
            ObjectFault::Fails => Err(failed("nothing was done")),
            ObjectFault::CrashBefore => {
                state.crashed = true;
                Err(failed("the machine stops"))
            }
            ObjectFault::Doubt | ObjectFault::CrashAfter => Ok(Some(fault)),
        }
    }

    fn after(&self, fault: Option<ObjectFault>) -> Result<()> {
        match fault {
            None => Ok(()),
            Some(ObjectFault::CrashAfter) => {
                self.stop();
                Err(failed("the machine stops"))
            }
            Some(_) => Err(failed("it took too long")),
        }
    }

    /// Notes what a process has written, and what belongs together.
    fn wrote(&self, path: &Path, payload: &PutPayload, is_there: bool) {
        let mut state = self.state();
        let bytes: Bytes = payload.iter().flatten().copied().collect();
        let path = path.to_string();
        if path.ends_with(MANIFEST)
            && let Some(id) = id_of(&path)
        {
            let folder = path.trim_end_matches(MANIFEST);
            let parts = state.written.keys().filter(|other| other.starts_with(folder));
            let paths = std::iter::once(path.clone()).chain(parts.filter(|part| **part != path).cloned());
            let paths = paths.collect();
            state.complete.insert(id, paths);
        }
        if is_there {
            state.there.insert(path.clone(), bytes.clone());
        }
        state.written.insert(path, bytes);
    }

    /// Writes what was acknowledged before it was there.
    async fn catch_up(&self) -> Result<()> {
        let late = self.state().late.take();
        if let Some((path, payload)) = late {
            self.inner.put(&path, payload.clone()).await?;
            self.wrote(&path, &payload, true);
        }
        Ok(())
    }

    async fn remove(&self, location: Path) -> Result<Path> {
        let fault = self.before()?;
        self.inner.delete(&location).await?;
        let path = location.to_string();
        let mut state = self.state();
        state.there.remove(&path);
        state.written.remove(&path);
        if path.ends_with(MANIFEST)
            && let Some(id) = id_of(&path)
        {
            state.complete.remove(&id);
        }
        drop(state);
        self.after(fault)?;
        Ok(location)
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated objects")
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, how: PutOptions) -> Result<PutResult> {
        let is_manifest = location.filename() == Some(MANIFEST);
        if is_manifest {
            let mut state = self.state();
            state.fault = state.fault_at_manifest.take().or(state.fault);
        }
        let fault = self.before()?;
        if !is_manifest {
            self.catch_up().await?;
        }
        let is_late = self.canary == Some(Canary::ManifestFirst) && !is_manifest;
        let done = self.inner.put_opts(location, payload.clone(), how).await?;
        self.wrote(location, &payload, !is_late);
        if is_late {
            self.inner.delete(location).await?;
            self.state().late = Some((location.clone(), payload));
        }
        self.after(fault)?;
        Ok(done)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, how).await
    }

    async fn get_opts(&self, location: &Path, how: GetOptions) -> Result<GetResult> {
        let fault = self.before()?;
        let found = self.inner.get_opts(location, how).await?;
        self.after(fault)?;
        Ok(found)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let objects = self.clone();
        let remove = move |location: Result<Path>| {
            let objects = objects.clone();
            async move { objects.remove(location?).await }
        };
        locations.then(remove).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let fault = self.before()?;
        self.catch_up().await?;
        let found = self.inner.list_with_delimiter(prefix).await?;
        self.after(fault)?;
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, how).await
    }
}
