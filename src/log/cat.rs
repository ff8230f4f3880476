//! `millrace log cat TOPIC`: a line of JSON for each record.

use std::io::{BufWriter, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::time::Time;
use serde_json::{Map, Value, json};
use streams::{Log, LogError, Record};

use super::known;
use crate::Failure;
use crate::config::Config;
use crate::data::Data;

/// Which records.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Range {
    /// The first offset; by default the first that is there.
    #[arg(long, value_name = "N")]
    from: Option<u64>,
    /// The offset after the last; by default the end.
    #[arg(long, value_name = "N")]
    until: Option<u64>,
    /// One partition only.
    #[arg(long, value_name = "P")]
    partition: Option<u32>,
}

/// Prints the records.
pub fn cat(config: &Config, topic: &str, range: Range) -> Result<(), Failure> {
    known(topic)?;
    let log = Data::to_read(config)?.any_log_to_read(config)?.log;
    let failed = |error: LogError| Failure::Undone(error.to_string());
    let starts = log.starts(topic).map_err(failed)?;
    let ends = log.ends(topic).map_err(failed)?;
    if let Some(partition) = range.partition.filter(|p| *p as usize >= ends.len()) {
        let count = ends.len();
        return Err(Failure::Usage(format!(
            "{topic} has no partition {partition}: it has {count}, counted from 0"
        )));
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (partition, (start, end)) in (0..).zip(starts.into_iter().zip(ends)) {
        if range.partition.is_some_and(|only| only != partition) {
            continue;
        }
        let until = range.until.unwrap_or(end).min(end);
        let from = range.from.unwrap_or(start).max(start);
        let done = if from < until {
            print(log.as_ref(), topic, partition, from..until, &mut out)?
        } else {
            Ok(())
        };
        if let Err(error) = done {
            return gone(&error);
        }
    }
    out.flush().or_else(|error| gone(&error))
}

/// A reader that went away (`| head`) is no failure.
fn gone(error: &std::io::Error) -> Result<(), Failure> {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(Failure::Undone(format!("stdout: {error}")))
}

fn print(
    log: &dyn Log,
    topic: &str,
    partition: u32,
    offsets: std::ops::Range<u64>,
    out: &mut impl Write,
) -> Result<std::io::Result<()>, Failure> {
    let failed = |error: LogError| Failure::Undone(error.to_string());
    let mut reader = log.read(topic, partition, offsets.start).map_err(failed)?;
    while let Some(run) = reader.next_run(offsets.end).map_err(failed)? {
        for record in run {
            if let Err(error) = writeln!(out, "{}", line(partition, &record)) {
                return Ok(Err(error));
            }
        }
    }
    Ok(Ok(()))
}

fn line(partition: u32, record: &Record<'_>) -> Value {
    let mut line = Map::new();
    line.insert("partition".to_owned(), json!(partition));
    line.insert("offset".to_owned(), json!(record.offset));
    let timestamp = Time::from_ms(record.timestamp_ms).unwrap_or_default();
    line.insert("timestamp".to_owned(), json!(timestamp.to_string()));
    put(&mut line, "key", record.key);
    put(&mut line, "value", record.value);
    if !record.headers.is_empty() {
        let mut headers = Map::new();
        for (name, value) in record.headers {
            put(&mut headers, name, Some(value));
        }
        line.insert("headers".to_owned(), Value::Object(headers));
    }
    Value::Object(line)
}

fn put(line: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    let text = bytes.map(std::str::from_utf8);
    match text {
        None => line.insert(name.to_owned(), Value::Null),
        Some(Ok(text)) => line.insert(name.to_owned(), json!(text)),
        Some(Err(_)) => {
            let encoded = STANDARD.encode(bytes.unwrap_or_default());
            line.insert(format!("{name}_base64"), json!(encoded))
        }
    };
}
