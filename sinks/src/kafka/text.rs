//! Rows, keys and frontiers as the text of records.

use contract::delta::{Change, row as columns};
use contract::digest::Digest;
use contract::installation::Installation;
use contract::json::write_str;
use contract::log::Epoch;
use contract::time::Time;
use contract::value::ValueRef;
use contract::views::View;
use serde_json::{Value as Json, json};

use crate::Frontier;
use crate::ends::{ends_json, ends_of};

/// Writes a value as REST shows it.
fn put(out: &mut String, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => out.push_str("null"),
        ValueRef::Int(number) => out.push_str(&number.to_string()),
        ValueRef::Bool(flag) => out.push_str(if flag { "true" } else { "false" }),
        ValueRef::Text(text) => write_str(out, text),
        ValueRef::Time(time) => {
            out.push('"');
            out.push_str(&time.to_string());
            out.push('"');
        }
        // Jobs write it compact, as it is shown.
        ValueRef::Json(text) => out.push_str(text),
        ValueRef::Double(number) => out.push_str(&Json::from(number).to_string()),
    }
}

fn member(out: &mut String, name: &str, value: ValueRef<'_>) {
    if out.len() > 1 {
        out.push(',');
    }
    out.push('"');
    // Names of columns need no escapes.
    out.push_str(name);
    out.push_str("\":");
    put(out, value);
}

/// The key of a change.
pub(super) fn key(view: View, change: &Change<'_>) -> String {
    let mut out = "{".to_owned();
    for (column, part) in view.schema().columns.iter().zip(change.key()) {
        member(&mut out, column.name, part);
    }
    out.push('}');
    out
}

/// Writes the row under a change's key, whose columns after the key are `row`.
pub(super) fn row(out: &mut String, view: View, change: &Change<'_>, row: &[u8]) {
    let schema = view.schema();
    out.clear();
    out.push('{');
    for (column, part) in schema.columns.iter().zip(change.key()) {
        member(out, column.name, part);
    }
    for (column, value) in columns(view, row) {
        member(out, schema.columns[column].name, value);
    }
    out.push('}');
}

/// A frontier.
pub(super) fn frontier(frontier: &Frontier) -> String {
    json!({
        "installation": frontier.installation.to_string(),
        "generation": frontier.generation,
        "epoch": frontier.epoch.0,
        "clock": frontier.clock.to_string(),
        "ends": ends_json(&frontier.ends),
        "digest": frontier.digest.to_string(),
        "logic": frontier.logic,
    })
    .to_string()
}

/// The frontier that [`frontier`] wrote; `None`: somebody else wrote it.
pub(super) fn frontier_of(text: &[u8]) -> Option<Frontier> {
    let said: Json = serde_json::from_slice(text).ok()?;
    let text = |name: &str| said[name].as_str();
    let number = |name: &str| said[name].as_u64();
    Some(Frontier {
        installation: text("installation").and_then(Installation::parse)?,
        generation: number("generation")?,
        epoch: Epoch(number("epoch")?),
        clock: text("clock").and_then(Time::parse)?,
        ends: ends_of(&said["ends"])?,
        digest: text("digest").and_then(Digest::parse)?,
        logic: number("logic").and_then(|n| u32::try_from(n).ok())?,
    })
}
