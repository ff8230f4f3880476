//! Where checkpoints lie: a directory, or a bucket.
//!
//! `ID/NAME.lz4` for each part, `ID/manifest` last. Calls block; a call that gets no answer in time fails.

use std::fmt;
use std::future::Future;
use std::path::Path as File;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use xxhash_rust::xxh3::xxh3_128;

use super::error::CheckpointError;
use super::manifest::{Id, Manifest, PartFile, Unreadable, is_name};

/// The longest that an object may take.
const ANSWER: Duration = Duration::from_secs(120);
/// Before compression a part is not greater, whatever its manifest says.
const RAW_BYTES_MAX: u64 = 1 << 30;
const MANIFEST: &str = "manifest";

/// A place of checkpoints.
#[derive(Clone)]
pub struct Place {
    /// A directory is made, and opened, when the first object is written.
    store: Arc<OnceLock<Arc<dyn ObjectStore>>>,
    name: String,
    runtime: Arc<tokio::runtime::Runtime>,
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
        f.write_str(&self.name)
    }
}

impl Place {
    /// The directory at `path`, which is made, if it is missing, when the first checkpoint is taken. What is
    /// written survives a crash of the machine.
    ///
    /// # Errors
    /// If it is something else.
    pub fn directory(path: &File) -> Result<Place, CheckpointError> {
        let place = Place::named(path.display().to_string())?;
        if path.exists() && !path.is_dir() {
            return Err(place.failed("it is not a directory".to_owned()));
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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => Ok(Place {
                store: Arc::default(),
                name,
                runtime: Arc::new(runtime),
            }),
            Err(error) => Err(CheckpointError::Place {
                place: name,
                what: error.to_string(),
            }),
        }
    }

    fn failed(&self, what: String) -> CheckpointError {
        CheckpointError::Place {
            place: self.name.clone(),
            what,
        }
    }

    /// What objects are kept in; none if there is nothing yet, and nothing is to be written.
    fn store(&self, writes: bool) -> Result<Option<&dyn ObjectStore>, CheckpointError> {
        if let Some(store) = self.store.get() {
            return Ok(Some(store.as_ref()));
        }
        let path = File::new(&self.name);
        if writes {
            std::fs::create_dir_all(path).map_err(|error| self.failed(error.to_string()))?;
        } else if !path.exists() {
            return Ok(None);
        }
        let store = LocalFileSystem::new_with_prefix(path);
        let store = store.map_err(|error| self.failed(one_line(&error.to_string())))?;
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
        &self.name
    }

    /// All checkpoints, complete or not, newest first.
    ///
    /// # Errors
    /// If the place does not answer.
    pub fn list(&self) -> Result<Vec<Found>, CheckpointError> {
        let Some(store) = self.store(false)? else {
            return Ok(Vec::new());
        };
        let listed = self.run(store.list_with_delimiter(None))?;
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
        let path = object(id, MANIFEST);
        let store = self.written()?;
        let read = async {
            match store.get(&path).await {
                Ok(found) => found.bytes().await.map(Some),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let Some(bytes) = self.run(read)? else {
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

    fn unreadable(&self, id: Id, why: Unreadable) -> CheckpointError {
        match why {
            Unreadable::Format(found) => CheckpointError::Format {
                place: self.name.clone(),
                id: id.to_string(),
                found,
            },
            Unreadable::Damaged(what) => self.damaged(id, what),
        }
    }

    /// Says that a checkpoint is damaged.
    pub(crate) fn damaged(&self, id: Id, what: String) -> CheckpointError {
        CheckpointError::Damaged {
            place: self.name.clone(),
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
        self.run(self.written()?.put(&path, bytes.into()))?;
        Ok(part)
    }

    /// Reads a part, as it was written.
    ///
    /// # Errors
    /// If it is not there, or is not what was written.
    pub fn get(&self, id: Id, part: &PartFile) -> Result<Vec<u8>, CheckpointError> {
        let damaged = |what: &str| self.damaged(id, format!("part {} {what}", part.name));
        let path = part_object(id, &part.name);
        let store = self.written()?;
        let read = async {
            match store.get(&path).await {
                Ok(found) => found.bytes().await.map(Some),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let bytes = self.run(read)?.ok_or_else(|| damaged("is missing"))?;
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

    /// Writes the manifest: from now on the checkpoint exists.
    ///
    /// # Errors
    /// If the place does not take it.
    pub fn complete(&self, manifest: &Manifest) -> Result<(), CheckpointError> {
        let path = object(manifest.id, MANIFEST);
        self.run(self.written()?.put(&path, manifest.encode().into_bytes().into()))?;
        Ok(())
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
        self.run(async {
            absent(store.delete(&object(id, MANIFEST)).await)?;
            let listed = store
                .list_with_delimiter(Some(&Path::from(id.to_string())))
                .await?;
            for object in listed.objects {
                absent(store.delete(&object.location).await)?;
            }
            Ok(())
        })?;
        // What is left is an empty folder, if it is a directory at all; buckets have none.
        let _ = std::fs::remove_dir(File::new(&self.name).join(id.to_string()));
        Ok(())
    }

    fn run<T>(&self, call: impl Future<Output = object_store::Result<T>>) -> Result<T, CheckpointError> {
        let answered = self
            .runtime
            .block_on(async { tokio::time::timeout(ANSWER, call).await });
        let what = match answered {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => one_line(&error.to_string()),
            Err(_) => format!("no answer in {} s", ANSWER.as_secs()),
        };
        Err(CheckpointError::Place {
            place: self.name.clone(),
            what,
        })
    }
}

fn object(id: Id, name: &str) -> Path {
    Path::from(id.to_string()).join(name)
}

fn part_object(id: Id, name: &str) -> Path {
    object(id, &format!("{name}.lz4"))
}

/// What is not there need not be removed.
fn absent(done: object_store::Result<()>) -> object_store::Result<()> {
    match done {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        done => done,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
