//! Rows in memory, as a view store would have them: where the sink under test reads patched rows whole.

use std::sync::{Arc, Mutex};

use contract::delta::{Change, Delta, DeltaBuilder, Op, Tables, patched};
use contract::digest::Digest;
use contract::log::Epoch;
use contract::value::{Value, ValueRef};
use contract::views::View;
use millrace_sinks::follow::{FoundRow, Whole};
use millrace_sinks::kafka::Changelog;
use millrace_sinks::{Commit, Frontier, Hold, Sink, SinkError};

/// The rows as of the last commit.
#[derive(Clone, Default)]
pub struct Mirror {
    tables: Arc<Mutex<Tables>>,
    /// So many rows are found, then one can't be read.
    pub fails_after: Arc<Mutex<Option<usize>>>,
}

fn encoded(view: View, key: &[Value], row: &[Value]) -> Vec<u8> {
    let mut builder = DeltaBuilder::new(view);
    let refs = |values: &[Value]| values.iter().map(|v| v.as_ref().to_value()).collect::<Vec<_>>();
    let (key, row) = (refs(key), refs(row));
    let key: Vec<_> = key.iter().map(Value::as_ref).collect();
    let row: Vec<_> = row.iter().map(Value::as_ref).collect();
    builder.upsert_values(&key, &row);
    let delta = builder.finish(Epoch(1));
    delta.changes().next().unwrap().column_bytes().to_vec()
}

impl Whole for Mirror {
    fn row(&mut self, _: Epoch, view: View, patch: &Change<'_>) -> FoundRow {
        if let Some(left) = self.fails_after.lock().unwrap().as_mut() {
            if *left == 0 {
                return Err(SinkError::Retry {
                    sink: "rows".to_owned(),
                    what: "broke off".to_owned(),
                });
            }
            *left -= 1;
        }
        let key: Vec<Value> = patch.key().map(ValueRef::to_value).collect();
        let tables = self.tables.lock().unwrap();
        let row = tables.rows(view).get(&key);
        Ok(row.map(|row| patched(view, &encoded(view, &key, row), patch)))
    }
}

impl Mirror {
    pub fn follow(&self, deltas: &[Delta]) {
        let mut tables = self.tables.lock().unwrap();
        for delta in deltas {
            let rows = tables.rows_mut(delta.view());
            let key_len = delta.view().schema().key_len;
            for change in delta.changes() {
                let key: Vec<Value> = change.key().map(ValueRef::to_value).collect();
                match change.op {
                    Op::Upsert => {
                        rows.insert(key, change.columns().map(|(_, v)| v.to_value()).collect());
                    }
                    Op::Patch => {
                        let row = rows.get_mut(&key).unwrap();
                        change
                            .columns()
                            .for_each(|(c, v)| row[c - key_len] = v.to_value());
                    }
                    // A merged one may name a row that is not there.
                    Op::Delete => {
                        rows.remove(&key);
                    }
                }
            }
        }
    }
}

/// The sink, and the rows that follow what it took.
pub struct Mirrored {
    inner: Changelog,
    mirror: Mirror,
}

impl Mirrored {
    pub fn new(inner: Changelog, mirror: Mirror) -> Mirrored {
        Mirrored { inner, mirror }
    }
}

impl Sink for Mirrored {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn views(&self) -> &[View] {
        self.inner.views()
    }

    fn frontier(&mut self) -> Result<Option<Frontier>, SinkError> {
        self.inner.frontier()
    }

    fn digests(&mut self) -> Result<Vec<(Epoch, Digest)>, SinkError> {
        self.inner.digests()
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), SinkError> {
        self.inner.commit(commit)?;
        self.mirror.follow(&commit.deltas);
        Ok(())
    }

    fn refill(
        &mut self,
        frontier: &Frontier,
        rows: &mut dyn Iterator<Item = Result<Delta, SinkError>>,
    ) -> Result<(), SinkError> {
        let mut taken = Vec::new();
        let mut kept = rows.inspect(|delta| taken.extend(delta.iter().cloned()));
        self.inner.refill(frontier, &mut kept)?;
        *self.mirror.tables.lock().unwrap() = Tables::new();
        self.mirror.follow(&taken);
        Ok(())
    }

    fn hold(&self) -> Hold {
        self.inner.hold()
    }
}
