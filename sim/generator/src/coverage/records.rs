//! What became of records, by their type: this takes the log beside the tables.

use std::collections::BTreeMap;

use contract::log::{History, Position, Topic};
use contract::tables::Tables;
use contract::views::{self, View};

use super::Coverage;
use super::observe::news;
use crate::cells::Cells;
use crate::schema::TYPES;

/// A partition of a stream, by name and number.
type Partition<'a> = (&'a str, i64);

pub(super) fn observe(coverage: &mut Coverage, log: &History, before: &Tables, after: &Tables) {
    let mut quarantined: BTreeMap<Partition<'_>, i64> = BTreeMap::new();
    for (_, row) in news(before, after, View::Quarantine) {
        use views::quarantine as c;
        let partition = (row.text(c::topic), row.int(c::partition));
        *quarantined.entry(partition).or_insert(0) += 1;
        if let Some(name) = type_of(log, partition, row.int(c::offset)) {
            coverage.add(format!("type: {name} {}", row.text(c::reason)));
        }
    }
    for (was, row) in news(before, after, View::StreamCounts) {
        use views::stream_counts as c;
        let more = |column: usize| row.int(column) - was.map_or(0, |w: Cells<'_>| w.int(column));
        let received = more(c::received);
        // Where all records of a partition were duplicates, it is known which were.
        if received == 0 || more(c::duplicate) != received {
            continue;
        }
        let partition = (row.text(c::topic), row.int(c::partition));
        for offset in row.int(c::received) - received..row.int(c::received) {
            if let Some(name) = type_of(log, partition, offset) {
                coverage.add(format!("type: {name} duplicate"));
            }
        }
    }
}

/// The known type that a record's value names, if it is JSON.
fn type_of(log: &History, (topic, partition): Partition<'_>, offset: i64) -> Option<&'static str> {
    let at = Position {
        topic: Topic::from_name(topic)?,
        partition: u32::try_from(partition).ok()?,
        offset: u64::try_from(offset).ok()?,
    };
    let value: serde_json::Value = serde_json::from_slice(log.record(at).value?).ok()?;
    let name = value.get("type")?.as_str()?;
    TYPES.iter().map(|t| t.name).find(|known| *known == name)
}
