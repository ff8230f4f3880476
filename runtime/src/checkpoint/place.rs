//! Where checkpoints lie: a directory, or a bucket.
//!
//! `ID/NAME.lz4` for each part, `ID/manifest` last. Calls block; a call that gets no answer in time fails, and
//! so does one that is waited for when somebody asks to stop.

use std::fmt;
use std::path::{Path as File, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use xxhash_rust::xxh3::xxh3_128;

use super::answer::{Unmet, one_line};
use super::call::Calls;
use super::error::{CheckpointError, Trouble};
use super::manifest::{Id, Manifest, PartFile, Unreadable, is_name};

/// Before compression a part is not greater, whatever its manifest says.
const RAW_BYTES_MAX: u64 = 1 << 30;
const MANIFEST: &str = "manifest";

/// A place of checkpoints.
#[derive(Clone)]
pub struct Place {
    /// A directory is made, and opened, when the first object is written.
    store: Arc<OnceLock<Arc<dyn ObjectStore>>>,
    /// The directory, if it is one.
    directory: Option<PathBuf>,
    calls: Calls,
}

/// A checkpoint that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub id: Id,
    /// What it holds; none if it was never completed.
    pub manifest: Option<Result<Manifest, CheckpointError>>,
}

impl Found {
    /// What it holds, if it can be used.
    #[must_use]
    pub fn whole(&self) -> Option<&Manifest> {
        self.manifest.as_ref()?.as_ref().ok()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Place {
    /// The directory at `path`, which is made, if it is missing, when the first checkpoint is taken. What is
    /// written survives a crash of the machine.
    ///
    /// # Errors
    /// If it is something else.
    pub fn directory(path: &File) -> Result<Place, CheckpointError> {
        let place = Place {
            directory: Some(path.to_owned()),
            ..Place::named(path.display().to_string())?
        };
        if path.exists() && !path.is_dir() {
            return Err(place
                .calls
                .trouble(Trouble::Unusable, "it is not a directory".to_owned()));
        }
        Ok(place)
    }

    /// Any store of objects, by the name that messages give it.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn new(store: Arc<dyn ObjectStore>, name: String) -> Result<Place, CheckpointError> {
        let place = Place::named(name)?;
        Ok(Place {
            store: Arc::new(OnceLock::from(store)),
            ..place
        })
    }

    fn named(name: String) -> Result<Place, CheckpointError> {
        Ok(Place {
            store: Arc::default(),
            directory: None,
            calls: Calls::new(name)?,
        })
    }

    /// The same place; the longest that one call may take.
    #[must_use]
    pub fn answers_in(self, answer: Duration) -> Place {
        let calls = self.calls.answered_in(answer);
        Place { calls, ..self }
    }

    /// The same place; nothing is waited for any longer once `stop` is true.
    #[must_use]
    pub fn until(self, stop: Arc<AtomicBool>) -> Place {
        let calls = self.calls.until(stop);
        Place { calls, ..self }
    }

    /// Whether somebody asks to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.calls.is_stopping()
    }

    /// What objects are kept in; none if there is nothing yet, and nothing is to be written.
    fn store(&self, writes: bool) -> Result<Option<&dyn ObjectStore>, CheckpointError> {
        if let Some(store) = self.store.get() {
            return Ok(Some(store.as_ref()));
        }
        let path = self.directory.as_deref().expect("what is no directory is open");
        let failed = |text: &str| self.calls.trouble(Trouble::Failed, one_line(text));
        if writes {
            std::fs::create_dir_all(path).map_err(|error| failed(&error.to_string()))?;
        } else if !path.exists() {
            return Ok(None);
        }
        let store = LocalFileSystem::new_with_prefix(path);
        let store = store.map_err(|error| failed(&error.to_string()))?;
        let store = self.store.get_or_init(|| Arc::new(store.with_fsync(true)));
        Ok(Some(store.as_ref()))
    }

    /// What objects are written to.
    fn written(&self) -> Result<&dyn ObjectStore, CheckpointError> {
        Ok(self.store(true)?.expect("it is made where there was none"))
    }

    /// The same place, with its objects reached through others: for tests that make them fail.
    ///
    /// # Errors
    /// If there is no place yet, and it can't be made.
    pub fn map<S: ObjectStore>(
        self,
        through: impl FnOnce(Arc<dyn ObjectStore>) -> Arc<S>,
    ) -> Result<Place, CheckpointError> {
        self.written()?;
        let store = self.store.get().cloned().expect("it was just made");
        let store: Arc<dyn ObjectStore> = through(store);
        Ok(Place {
            store: Arc::new(OnceLock::from(store)),
            ..self
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.calls.name()
    }

    /// All checkpoints, complete or not, newest first.
    ///
    /// # Errors
    /// If the place does not answer.
    pub fn list(&self) -> Result<Vec<Found>, CheckpointError> {
        let Some(store) = self.store(false)? else {
            return Ok(Vec::new());
        };
        let listed = self
            .calls
            .ask("listing", "what is there", store.list_with_delimiter(None))?;
        let names = listed.common_prefixes.iter().filter_map(|path| path.filename());
        let mut ids: Vec<Id> = names.filter_map(Id::parse).collect();
        ids.sort_unstable();
        ids.into_iter()
            .rev()
            .map(|id| {
                let manifest = self.manifest(id)?;
                Ok(Found { id, manifest })
            })
            .collect()
    }

    fn manifest(&self, id: Id) -> Result<Option<Result<Manifest, CheckpointError>>, CheckpointError> {
        let Some(bytes) = self.read(&object(id, MANIFEST))? else {
            return Ok(None);
        };
        let manifest = Manifest::decode(&bytes).map_err(|why| self.unreadable(id, why));
        let manifest = manifest.and_then(|manifest| {
            if manifest.id == id {
                Ok(manifest)
            } else {
                Err(self.damaged(id, format!("its manifest is that of {}", manifest.id)))
            }
        });
        Ok(Some(manifest))
    }

    /// The bytes of an object; none if there is none.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, CheckpointError> {
        let store = self.written()?;
        let call = async { store.get(path).await?.bytes().await };
        match self.calls.run("reading", path.as_ref(), call)? {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(Unmet::Missing) => Ok(None),
            Err(unmet) => Err(self.calls.unmet("reading", path.as_ref(), unmet)),
        }
    }

    fn unreadable(&self, id: Id, why: Unreadable) -> CheckpointError {
        match why {
            Unreadable::Format(found) => CheckpointError::Format {
                place: self.name().to_owned(),
                id: id.to_string(),
                found,
            },
            Unreadable::Damaged(what) => self.damaged(id, what),
        }
    }

    /// Says that a checkpoint is damaged.
    pub(crate) fn damaged(&self, id: Id, what: String) -> CheckpointError {
        CheckpointError::Damaged {
            place: self.name().to_owned(),
            id: id.to_string(),
            what,
        }
    }

    /// Writes a part.
    ///
    /// # Errors
    /// If the place does not take it.
    pub fn put(&self, id: Id, name: &str, raw: &[u8]) -> Result<PartFile, CheckpointError> {
        assert!(is_name(name), "parts are named by us");
        let bytes = lz4_flex::block::compress(raw);
        let part = PartFile {
            name: name.to_owned(),
            raw_bytes: raw.len() as u64,
            bytes: bytes.len() as u64,
            checksum: xxh3_128(&bytes),
        };
        let path = part_object(id, name);
        self.calls
            .ask("writing", path.as_ref(), self.written()?.put(&path, bytes.into()))?;
        Ok(part)
    }

    /// Reads a part, as it was written.
    ///
    /// # Errors
    /// If it is not there, or is not what was written.
    pub fn get(&self, id: Id, part: &PartFile) -> Result<Vec<u8>, CheckpointError> {
        let damaged = |what: &str| self.damaged(id, format!("part {} {what}", part.name));
        let path = part_object(id, &part.name);
        let bytes = self.read(&path)?.ok_or_else(|| damaged("is missing"))?;
        if bytes.len() as u64 != part.bytes {
            return Err(damaged("has another length than when it was written"));
        }
        if xxh3_128(&bytes) != part.checksum {
            return Err(damaged("is not what was written: its checksum is another"));
        }
        let raw_bytes = usize::try_from(part.raw_bytes.min(RAW_BYTES_MAX)).unwrap_or(usize::MAX);
        let raw = lz4_flex::block::decompress(&bytes, raw_bytes);
        raw.ok()
            .filter(|raw| raw.len() as u64 == part.raw_bytes)
            .ok_or_else(|| damaged("can't be decompressed"))
    }

    /// Writes the manifest: from now on the checkpoint exists. In a bucket it is written where there is none:
    /// what another history wrote there is not overwritten, what ours wrote is made anew.
    ///
    /// # Errors
    /// If the place does not take it, or another history's is there.
    pub fn complete(&self, manifest: &Manifest) -> Result<(), CheckpointError> {
        let path = object(manifest.id, MANIFEST);
        let name = path.as_ref();
        let payload = PutPayload::from(manifest.encode().into_bytes());
        let store = self.written()?;
        let overwrite = || self.calls.ask("writing", name, store.put(&path, payload.clone()));
        if self.directory.is_some() {
            return overwrite().map(drop);
        }
        let created = store.put_opts(&path, payload.clone(), PutMode::Create.into());
        let (failed, is_taken) = match self.calls.run("writing", name, created) {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(Unmet::Unable)) => return overwrite().map(drop),
            Ok(Err(unmet)) => (self.calls.unmet("writing", name, unmet), unmet == Unmet::Taken),
            Err(error) => (error, false),
        };
        // One that is sent again, or whose answer is lost, may have arrived before.
        let there = self.manifest(manifest.id).ok().flatten();
        match there {
            Some(Ok(there)) if there == *manifest => Ok(()),
            Some(Ok(there)) if is_taken && !is_of_one_history(&there, manifest) => Err(failed),
            Some(_) if is_taken => overwrite().map(drop),
            _ => Err(failed),
        }
    }

    /// Copies a complete checkpoint to another place: it is read as a start would read it.
    ///
    /// # Errors
    /// If it is damaged or gone, or the other place does not take it.
    pub fn copy(&self, manifest: &Manifest, to: &Place) -> Result<(), CheckpointError> {
        let mut copied = manifest.clone();
        for part in &mut copied.parts {
            let raw = self.get(manifest.id, part)?;
            *part = to.put(manifest.id, &part.name, &raw)?;
        }
        to.complete(&copied)
    }

    /// Removes a checkpoint, its manifest first.
    ///
    /// # Errors
    /// If the place does not answer; what is left is removed when it is called again.
    pub fn remove(&self, id: Id) -> Result<(), CheckpointError> {
        let Some(store) = self.store(false)? else {
            return Ok(());
        };
        let folder = Path::from(id.to_string());
        let removed = async {
            absent(store.delete(&object(id, MANIFEST)).await)?;
            let listed = store.list_with_delimiter(Some(&folder)).await?;
            for object in listed.objects {
                absent(store.delete(&object.location).await)?;
            }
            Ok(())
        };
        self.calls.ask("removing", folder.as_ref(), removed)?;
        if let Some(directory) = &self.directory {
            // What is left is an empty folder.
            let _ = std::fs::remove_dir(directory.join(id.to_string()));
        }
        Ok(())
    }
}

fn object(id: Id, name: &str) -> Path {
    Path::from(id.to_string()).join(name)
}

fn part_object(id: Id, name: &str) -> Path {
    object(id, &format!("{name}.lz4"))
}

/// Whether two manifests of one epoch tell of the same records, decided alike.
fn is_of_one_history(a: &Manifest, b: &Manifest) -> bool {
    (a.installation, a.digest) == (b.installation, b.digest)
}

/// What is not there need not be removed.
fn absent(done: object_store::Result<()>) -> object_store::Result<()> {
    match done {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        done => done,
    }
}
