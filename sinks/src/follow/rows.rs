//! The view store's rows, held at one moment while a sink is taken there.

use std::sync::{Arc, Mutex};

use contract::delta::{Change, Delta};
use contract::log::Epoch;
use contract::value::ValueRef;
use contract::views::View;
use tokio::runtime::Runtime;

use super::{FoundRow, Whole, lock};
use crate::sqlite::read::last_key;
use crate::sqlite::{ReadError, Readers, Snapshot};
use crate::{Frontier, SinkError};

/// The longest that a sink is filled from one moment of the store. What it commits takes much less.
const MOMENT_MS_MAX: u64 = 600_000;

/// The view store's rows at one moment.
#[derive(Clone)]
pub struct StoreRows(Arc<Mutex<Moment>>);

struct Moment {
    readers: Readers,
    runtime: Runtime,
    snapshot: Option<Snapshot>,
}

fn unread(error: &ReadError) -> SinkError {
    SinkError::Retry {
        sink: "the view store".to_owned(),
        what: error.to_string(),
    }
}

impl StoreRows {
    pub(super) fn new(readers: Readers) -> Result<StoreRows, SinkError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| SinkError::Retry {
            sink: "the view store".to_owned(),
            what: format!("no runtime: {error}"),
        })?;
        Ok(StoreRows(Arc::new(Mutex::new(Moment {
            readers,
            runtime,
            snapshot: None,
        }))))
    }

    /// Looks at the store as of now; where it stands.
    pub(super) fn look(&self) -> Result<Option<Frontier>, SinkError> {
        let Moment {
            readers,
            runtime,
            snapshot,
        } = &mut *lock(&self.0);
        let found = runtime.block_on(async {
            if let Some(old) = snapshot.take() {
                old.end().await;
            }
            readers.snapshot_within(MOMENT_MS_MAX).await
        });
        let found = snapshot.insert(found.map_err(|error| unread(&error))?);
        Ok(found.frontier().cloned())
    }

    /// Looks no longer, so that the store can tidy up.
    pub(super) fn end(&self) {
        let moment = &mut *lock(&self.0);
        if let Some(snapshot) = moment.snapshot.take() {
            moment.runtime.block_on(snapshot.end());
        }
    }

    /// Some rows of a view after a key.
    fn scan(&self, view: View, after: Option<&[u8]>) -> Result<Option<Delta>, SinkError> {
        let moment = &mut *lock(&self.0);
        let Some(snapshot) = &mut moment.snapshot else {
            return Ok(None);
        };
        let found = moment.runtime.block_on(snapshot.scan(view, after));
        found.map_err(|error| unread(&error))
    }

    /// All rows of some views.
    pub(super) fn all(&self, views: Vec<View>) -> impl Iterator<Item = Result<Delta, SinkError>> {
        let rows = self.clone();
        views.into_iter().flat_map(move |view| {
            let (rows, mut after) = (rows.clone(), Some(None));
            std::iter::from_fn(move || {
                let beyond: Option<Vec<u8>> = after.take()?;
                let batch = rows.scan(view, beyond.as_deref()).transpose()?;
                if let Ok(batch) = &batch {
                    after = Some(last_key(batch));
                }
                Some(batch)
            })
        })
    }
}

impl Whole for StoreRows {
    fn row(&mut self, epoch: Epoch, view: View, patch: &Change<'_>) -> FoundRow {
        let moment = &mut *lock(&self.0);
        let there = moment
            .snapshot
            .as_mut()
            .filter(|found| found.frontier().map(|frontier| frontier.epoch) == Some(epoch));
        let Some(snapshot) = there else {
            return Err(SinkError::Retry {
                sink: "the view store".to_owned(),
                what: format!("it is not looked at as of epoch {}", epoch.0),
            });
        };
        let key: Vec<ValueRef<'_>> = patch.key().collect();
        let found = moment.runtime.block_on(snapshot.get(view, &key));
        let found = found.map_err(|error| unread(&error))?;
        Ok(found.map(|row| row.to_vec()))
    }
}
