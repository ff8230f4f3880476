//! A load from stdin for a running `millrace up`: batches of records, each acknowledged on stdout once it is
//! durable.
//!
//! A line is `{"topic", "partition"?, "key", "value"}`, keys and values as in `millrace log append`; an empty
//! line ends a batch. For each batch stdout gets `{"appended": [{topic, partition, first, end}]}` in one line,
//! and whenever the view store has moved on `{"visible": EPOCH}`. The end of stdin stops the process in good
//! order; a line that is none ends it at once.

use std::io::{BufRead as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use runtime::Progress;
use serde_json::{Value, json};
use streams::{Batch, Log};

use super::variable;
use crate::Failure;
use crate::data::now_ms;
use crate::log::{object, parts};

/// The load.
pub struct Feed {
    /// Stdin has ended.
    ended: Arc<AtomicBool>,
    visible: u64,
    on: bool,
}

impl Feed {
    /// Begins to read, if `MILLRACE_FEED` is 1.
    pub fn start(log: &Arc<dyn Log>) -> Result<Feed, Failure> {
        let feed = Feed {
            ended: Arc::default(),
            visible: 0,
            on: variable("MILLRACE_FEED")?.is_some_and(|value| value == "1"),
        };
        if feed.on {
            let (ended, log) = (Arc::clone(&feed.ended), Arc::downgrade(log));
            std::thread::spawn(move || {
                if let Err(why) = run(&log) {
                    eprintln!("millrace: feed: {why}");
                    std::process::exit(3);
                }
                ended.store(true, Ordering::Relaxed);
            });
        }
        Ok(feed)
    }

    /// Tells how far the view store is. Whether the load has ended.
    pub fn look(&mut self, progress: &Progress) -> bool {
        let visible = progress.visible.map_or(0, |(epoch, _)| epoch.0);
        if self.on && visible > self.visible {
            self.visible = visible;
            // Who does not listen any more need not know.
            let _ = say(&json!({ "visible": visible }));
        }
        self.ended.load(Ordering::Relaxed)
    }
}

/// Appends batch after batch, until stdin ends or the log is closed.
fn run(log: &Weak<dyn Log>) -> Result<(), String> {
    let mut batch = Batch::new(now_ms());
    for line in std::io::stdin().lock().split(b'\n') {
        let line = line.map_err(|error| error.to_string())?;
        if !line.is_empty() {
            add(&mut batch, &line)?;
            continue;
        }
        let Some(log) = log.upgrade() else {
            return Ok(());
        };
        let appended = log.append(&batch).map_err(|error| error.to_string())?;
        let part = |part: &streams::Appended| json!({ "topic": part.topic, "partition": part.partition, "first": part.first, "end": part.end });
        let parts: Vec<Value> = appended.iter().map(part).collect();
        say(&json!({ "appended": parts })).map_err(|error| error.to_string())?;
        batch = Batch::new(now_ms());
    }
    Ok(())
}

fn add(batch: &mut Batch, line: &[u8]) -> Result<(), String> {
    let mut fields = object(line)?;
    let Some(Value::String(topic)) = fields.remove("topic") else {
        return Err("a line names no topic".to_owned());
    };
    let partition = fields
        .remove("partition")
        .and_then(|partition| partition.as_u64());
    let partition = u32::try_from(partition.unwrap_or(0)).map_err(|error| error.to_string())?;
    let (key, value) = parts(fields)?;
    batch.push(&topic, partition, key.as_deref(), value.as_deref());
    Ok(())
}

/// Writes a line at once.
fn say(line: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
