//! `millrace log append TOPIC`: records from stdin, a line of JSON each, as they are.
//!
//! All of stdin is read and checked before anything is opened, made or appended, so that a bad line leaves
//! nothing half-done. What the records hold is not checked: that is for the job to say.

use std::io::BufRead;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use serde_json::{Map, Value};
use streams::{Batch, LogError, partition_of};

use super::known;
use crate::Failure;
use crate::config::Config;
use crate::data::{Data, now_ms};

/// Bytes of one append; more are appended in several, one after another.
const BATCH_BYTES_MAX: u64 = 16 << 20;

/// Appends stdin.
pub fn append(config: &Config, topic: &str) -> Result<(), Failure> {
    known(topic)?;
    let records = stdin()?;
    let log = Data::configured(config)?.any_log(config)?.log;
    let failed = |error: LogError| Failure::Undone(error.to_string());
    let partitions = u32::try_from(log.ends(topic).map_err(failed)?.len()).unwrap_or(u32::MAX);
    let mut batch = Batch::new(now_ms());
    let mut appended = 0;
    let mut flush = |batch: &mut Batch| {
        let done = log.append(batch);
        done.map_err(|error| Failure::Undone(format!("{error}; {appended} records were appended before")))?;
        appended += batch.len();
        *batch = Batch::new(now_ms());
        Ok(appended)
    };
    for (key, value) in records {
        let partition = partition_of(key.as_deref(), partitions);
        batch.push(topic, partition, key.as_deref(), value.as_deref());
        if batch.bytes() >= BATCH_BYTES_MAX {
            flush(&mut batch)?;
        }
    }
    let appended = flush(&mut batch)?;
    crate::output::print(&format!("{appended} records appended to {topic}\n"))
}

/// The records that stdin holds.
fn stdin() -> Result<Vec<(Bytes, Bytes)>, Failure> {
    let mut records = Vec::new();
    for (number, line) in (1..).zip(std::io::stdin().lock().split(b'\n')) {
        let line = line.map_err(|error| Failure::Undone(format!("stdin: {error}")))?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let bad = |what: String| {
            let help = "a line is {\"key\": .., \"value\": ..} or {\"key_base64\": .., \"value_base64\": ..}";
            Failure::Usage(format!(
                "stdin, line {number}: {what}; {help}; nothing was appended"
            ))
        };
        records.push(object(&line).and_then(parts).map_err(bad)?);
    }
    Ok(records)
}

/// A key or a value.
pub type Bytes = Option<Vec<u8>>;

/// A line's fields.
pub fn object(line: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(line).map_err(|error| error.to_string())? {
        Value::Object(fields) => Ok(fields),
        _ => Err("it is no JSON object".to_owned()),
    }
}

/// Key and value of a line, which has no other fields.
pub fn parts(mut fields: Map<String, Value>) -> Result<(Bytes, Bytes), String> {
    let key = take(&mut fields, "key")?;
    let value = take(&mut fields, "value")?;
    match fields.keys().next() {
        Some(other) => Err(format!("{other} is no field of it")),
        None => Ok((key, value)),
    }
}

/// Takes a part that is there as text or in base64, or not at all.
fn take(fields: &mut Map<String, Value>, name: &str) -> Result<Bytes, String> {
    let encoded = format!("{name}_base64");
    let (text, base64) = (fields.remove(name), fields.remove(&encoded));
    match (text.unwrap_or_default(), base64.unwrap_or_default()) {
        (Value::Null, Value::Null) => Ok(None),
        (Value::String(text), Value::Null) => Ok(Some(text.into_bytes())),
        (Value::Null, Value::String(text)) => {
            let bytes = STANDARD.decode(text);
            bytes.map(Some).map_err(|error| format!("{encoded}: {error}"))
        }
        (Value::Null, _) => Err(format!("{encoded} is no text")),
        (_, Value::Null) => Err(format!("{name} is no text")),
        _ => Err(format!("{name} and {encoded} are both there")),
    }
}
