//! The log's own file: format, installation, topics, and up to where partitions were trimmed.
//!
//! A text, replaced as a whole, whose last line is the checksum of the others:
//!
//! ```text
//! millrace-log 1
//! installation 0199f3a2-...
//! topic orders 4
//! start orders 0 120000
//! checksum 1c291ca3
//! ```

use std::fmt::Write as _;

use super::disk::{self, Disk};
use super::layout;
use crate::error::LogError;
use crate::streams::Streams;
use contract::installation::Installation;

/// Its name.
pub(super) const FILE: &str = "millrace-log";
const BYTES_MAX: u64 = 64 << 20;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) installation: Installation,
    pub(super) streams: Streams,
    /// Per stream the first offset that was not trimmed.
    pub(super) starts: Vec<u64>,
}

impl Meta {
    fn text(&self) -> String {
        let mut out = format!("{FILE} {}\ninstallation {}\n", super::FORMAT, self.installation);
        for topic in self.streams.topics() {
            let _ = writeln!(out, "topic {} {}", topic.name, topic.partitions);
        }
        for (stream, start) in self.starts.iter().enumerate().filter(|(_, start)| **start > 0) {
            let (topic, partition) = self.streams.name(stream).unwrap_or_default();
            let _ = writeln!(out, "start {topic} {partition} {start}");
        }
        let checksum = layout::checksum(0, out.as_bytes());
        let _ = writeln!(out, "checksum {checksum:08x}");
        out
    }

    /// Replaces the file, durably.
    pub(super) fn write(&self, disk: &dyn Disk) -> Result<(), LogError> {
        disk::write_whole(disk, FILE, self.text().as_bytes(), true)
            .map_err(|e| LogError::io(format!("writing {FILE}"), &e))
    }

    /// Reads the file.
    pub(super) fn read(disk: &dyn Disk) -> Result<Meta, LogError> {
        let io = |e| LogError::io(format!("reading {FILE}"), &e);
        let bytes = disk::read_whole(disk, FILE, BYTES_MAX).map_err(io)?;
        let text = String::from_utf8_lossy(&bytes);
        let first = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix(FILE)?.strip_prefix(' '));
        let Some(first) = first else {
            let what = format!("{FILE} in {} is not the file of a log", disk.name());
            return Err(LogError::NotOurs { what });
        };
        if let Ok(found) = first.parse()
            && found > super::FORMAT
        {
            let (what, known) = (FILE.to_owned(), super::FORMAT);
            return Err(LogError::NewerFormat { what, found, known });
        }
        let whole = Meta::parse(&text).filter(|meta| meta.text().as_bytes() == bytes);
        whole.ok_or_else(|| LogError::damaged_file(FILE, 0, "its checksum is wrong", "the whole log"))
    }

    fn parse(text: &str) -> Option<Meta> {
        let mut lines = text.lines().skip(1);
        let installation = Installation::parse(lines.next()?.strip_prefix("installation ")?)?;
        let mut streams = Streams::default();
        let mut starts = Vec::new();
        for line in lines {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["topic", name, partitions] => {
                    streams.add(name, partitions.parse().ok()?).ok()?;
                    starts.resize(streams.len(), 0);
                }
                ["start", topic, partition, start] => {
                    let stream = streams.number(topic, partition.parse().ok()?).ok()?;
                    *starts.get_mut(stream)? = start.parse().ok()?;
                }
                ["checksum", _] => {}
                _ => return None,
            }
        }
        let (installation, streams, starts) = (installation, streams, starts);
        Some(Meta {
            installation,
            streams,
            starts,
        })
    }
}
