//! Keyed records to a collection: rows under a key, changed by records one after another.
//!
//! A record concerns one row of its key, or all of them, and says what the row is afterwards, given what it
//! was: it may set it, change a part of it, or remove it. Of several records of an epoch each sees what the
//! one before it left (they have numbers); what comes out is the difference of the epoch's end and its start.
//!
//! The rows are kept in a trace, from which they can be dumped ([`crate::base`]). A record costs finding its
//! row; one that concerns all rows of a key costs the number of those. Each epoch is one batch of the trace,
//! which merges as it grows, so that memory is that of the rows.

use std::collections::BTreeMap;

use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::trace::cursor::CursorList;
use differential_dataflow::trace::implementations::{ValBuilder, ValSpine};
use differential_dataflow::trace::{BatchCursor, Builder as _, Cursor, Description, Trace, TraceReader};
use differential_dataflow::{Data, ExchangeData};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::ParallelizationContract;
use timely::dataflow::operators::generic::operator::Operator;
use timely::progress::Antichain;

use crate::base::Kept;
use crate::epochs::Waiting;

/// What a record does to rows of its key.
pub trait Change: Data {
    /// What tells the rows of a key apart.
    type Sub: Data;
    /// The rest of a row.
    type Value: Data;
    /// The least of all, at which the rows of a key begin.
    const LEAST: Self::Sub;
    /// The row that it concerns; none if all of the key.
    fn sub(&self) -> Option<Self::Sub>;
    /// Whether there can be no row of it yet, in this epoch and before: then none is looked for, which is most of
    /// what a record costs.
    fn is_first(&self) -> bool {
        false
    }
    /// The row afterwards, if there is one. `row` is what it was.
    fn apply(&self, row: Option<&Self::Value>) -> Option<Self::Value>;
    /// The change that makes a row what it is given as.
    fn put(sub: Self::Sub, row: Self::Value) -> Self;
}

/// A record: its key, its number among those of its epoch, and what it does.
pub type Keyed<K, C> = (K, u32, C);
/// The trace of rows.
pub type Rows<K, C> = ValSpine<(K, <C as Change>::Sub), <C as Change>::Value, u64, isize>;
type Batch<K, C> = <Rows<K, C> as TraceReader>::Batch;
type Update<K, C> = (((K, <C as Change>::Sub), <C as Change>::Value), u64, isize);

/// Changes of rows, and the rows themselves.
type Collected<'s, K, C> = (StreamVec<'s, u64, Update<K, C>>, Kept<Rows<K, C>>);

/// Rows as they are at the end of an epoch, while records of the next are applied.
struct Reader<K: Data, C: Change> {
    cursor: CursorList<BatchCursor<Rows<K, C>>>,
    batches: Vec<Batch<K, C>>,
}

impl<K: Data, C: Change> Reader<K, C> {
    /// The row at which the cursor stands, which it leaves.
    fn next(&mut self) -> Option<C::Value> {
        let mut row = None;
        while let Some(value) = self.cursor.get_val(&self.batches) {
            let mut count = 0;
            self.cursor.map_times(&self.batches, |_, diff| count += diff);
            if count > 0 {
                row = Some(value.clone());
            }
            self.cursor.step_val(&self.batches);
        }
        self.cursor.step_key(&self.batches);
        row
    }

    fn row(&mut self, key: &(K, C::Sub)) -> Option<C::Value> {
        self.cursor.seek_key(&self.batches, key);
        let found = self.cursor.get_key(&self.batches) == Some(key);
        if found { self.next() } else { None }
    }

    /// All rows of a key.
    fn rows(&mut self, key: &K, mut each: impl FnMut(C::Sub, C::Value)) {
        self.cursor.seek_key(&self.batches, &(key.clone(), C::LEAST));
        while let Some((_, sub)) = self.cursor.get_key(&self.batches).filter(|found| found.0 == *key) {
            let sub = sub.clone();
            if let Some(row) = self.next() {
                each(sub, row);
            }
        }
    }
}

/// What an epoch makes of its records, in the order of keys, then of rows.
fn apply<K: Data, C: Change>(
    epoch: u64,
    mut records: Vec<Keyed<K, C>>,
    reader: &mut Reader<K, C>,
    updates: &mut Vec<Update<K, C>>,
) {
    records.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    for of_key in records.chunk_by(|a, b| a.0 == b.0) {
        let key = &of_key[0].0;
        let mut rows: BTreeMap<C::Sub, [Option<C::Value>; 2]> = BTreeMap::new();
        if of_key.iter().any(|(.., change)| change.sub().is_none()) {
            reader.rows(key, |sub, row| {
                rows.insert(sub, [Some(row.clone()), Some(row)]);
            });
            for sub in of_key.iter().filter_map(|(.., change)| change.sub()) {
                rows.entry(sub).or_default();
            }
        } else {
            let subs = of_key
                .iter()
                .filter_map(|(.., change)| Some((change.sub()?, change.is_first())));
            let mut subs: Vec<(C::Sub, bool)> = subs.collect();
            // Stable: of each the first change says whether there can be a row.
            subs.sort_by(|a, b| a.0.cmp(&b.0));
            subs.dedup_by(|b, a| a.0 == b.0);
            for (sub, is_first) in subs {
                let row = if is_first && !cfg!(debug_assertions) {
                    None
                } else {
                    reader.row(&(key.clone(), sub.clone()))
                };
                assert!(!is_first || row.is_none(), "a row that can't be there is there");
                rows.insert(sub, [row.clone(), row]);
            }
        }
        for (.., change) in of_key {
            match change.sub() {
                Some(sub) => {
                    let [_, now] = rows.entry(sub).or_default();
                    *now = change.apply(now.as_ref());
                }
                None => rows
                    .values_mut()
                    .filter(|[_, now]| now.is_some())
                    .for_each(|[_, now]| *now = change.apply(now.as_ref())),
            }
        }
        for (sub, [was, now]) in rows.into_iter().filter(|(_, [was, now])| was != now) {
            let row = (key.clone(), sub);
            let changes = [(was, -1), (now, 1)];
            let changes = changes
                .into_iter()
                .filter_map(|(value, diff)| value.map(|value| (value, diff)));
            updates.extend(changes.map(|(value, diff)| ((row.clone(), value), epoch, diff)));
        }
    }
}

/// Applies records to rows; gives the changes of rows, where `pact` brings the records of a key together.
/// The rows themselves stay in what comes second, which must be told how far epochs are
/// ([`Kept::through`]): only then does it forget history.
pub fn keyed<'s, K, C, P>(
    records: StreamVec<'s, u64, (Keyed<K, C>, u64)>,
    pact: P,
    name: &str,
) -> Collected<'s, K, C>
where
    K: ExchangeData,
    C: Change,
    P: ParallelizationContract<u64, Vec<(Keyed<K, C>, u64)>>,
{
    let mut kept = None;
    let shared = &mut kept;
    let scope = records.scope();
    let stream = records.unary_frontier(pact, name, move |capability, info| {
        drop(capability);
        let activator = Some(scope.activator_for(std::rc::Rc::clone(&info.address)));
        let rows = Kept::new(Rows::<K, C>::new(info, None, activator));
        *shared = Some(rows.clone());
        let mut waiting = Waiting::default();
        let mut lower = Antichain::from_elem(0);
        move |(input, frontier), output| {
            input.for_each_time(|time, data| {
                let capability = time.retain(0);
                for (record, epoch) in data.flat_map(|batch| batch.drain(..)) {
                    waiting.add(&capability, epoch, record);
                }
            });
            while let Some((epoch, capability, records)) = waiting.next(frontier) {
                let (cursor, batches) = rows.trace().cursor();
                let mut updates = Vec::new();
                apply(epoch, records, &mut Reader { cursor, batches }, &mut updates);
                consolidate_updates(&mut updates);
                let upper = Antichain::from_elem(epoch + 1);
                let mut builder = ValBuilder::<(K, C::Sub), C::Value, u64, isize>::with_capacity(
                    updates.len(),
                    updates.len(),
                    updates.len(),
                );
                builder.push(&mut updates.clone());
                let since = Antichain::from_elem(0);
                rows.trace()
                    .insert(builder.done(Description::new(lower.clone(), upper.clone(), since)));
                lower = upper;
                output.session(&capability).give_iterator(updates.into_iter());
            }
            rows.trace().exert();
        }
    });
    (stream, kept.expect("the operator was just built"))
}
