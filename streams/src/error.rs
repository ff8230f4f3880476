//! What can go wrong with a log, by name.
//!
//! An error is cloned to everybody who shared the write that failed, so it holds texts instead of
//! [`std::io::Error`].

use std::fmt;
use std::io;

/// Why a log did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// There is no room. Nothing of what was asked for was done; it succeeds once there is room.
    #[error("{what}: the disk is full; nothing of it was kept, make room and try again")]
    DiskFull {
        /// What was being done.
        what: String,
    },
    /// The place may only be read.
    #[error(
        "{what}: that is not allowed, or the disk is read-only; a log needs to write in its directory, if \
         only its lock: make it writable for this user, or choose another directory"
    )]
    ReadOnly {
        /// What was being done.
        what: String,
    },
    /// Another process owns the log.
    #[error("{directory} is in use by another process; stop that one first")]
    Locked {
        /// The directory.
        directory: String,
    },
    /// The directory holds something that is no log of ours.
    #[error("{what}; choose another directory, or an empty one for a new log")]
    NotOurs {
        /// What was found.
        what: String,
    },
    /// The log was written by a newer version.
    #[error("{what} has format {found}, this program knows formats up to {known}; use a newer version")]
    NewerFormat {
        /// The file.
        what: String,
        /// Its format.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// What is stored is not what was written.
    #[error("{0}")]
    Damaged(Box<Damage>),
    /// The record is gone: its partition was trimmed.
    #[error(
        "{topic}/{partition}: offset {offset} was trimmed, the first that is there is {start}; begin from a \
         checkpoint that does not need it, or from a backup"
    )]
    Trimmed {
        /// Its topic.
        topic: String,
        /// Its partition.
        partition: u32,
        /// The offset asked for.
        offset: u64,
        /// The first offset that is there.
        start: u64,
    },
    /// The offset lies past the partition's end.
    #[error("{topic}/{partition}: offset {offset} is not there yet, the next one is {end}")]
    NotYetThere {
        /// Its topic.
        topic: String,
        /// Its partition.
        partition: u32,
        /// The offset asked for.
        offset: u64,
        /// The partition's end: the offset that its next record gets.
        end: u64,
    },
    /// No such topic or partition.
    #[error("there is no partition {topic}/{partition}")]
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
    },
    /// A topic was asked for with another number of partitions than it was created with.
    #[error("topic {topic} has {found} partitions, not {asked}; their number is fixed at creation")]
    PartitionsDiffer {
        /// The topic.
        topic: String,
        /// The number it has.
        found: u32,
        /// The number asked for.
        asked: u32,
    },
    /// A name or number that can't be used.
    #[error("{what}")]
    BadConfiguration {
        /// What is wrong with it.
        what: String,
    },
    /// A batch over the limit. Nothing of it counts.
    #[error("a batch of {bytes} bytes is over the limit of {bytes_max}; split it")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// It is not known whether the batch is durable, nor can it be known before the log is opened again.
    #[error("{what}; whether the batch was kept is known once the log has been opened again")]
    InDoubt {
        /// What happened.
        what: String,
        /// Per part of the batch the offset of each record that was kept all the same, as far as that is known; none
        /// where it is not. Empty: it is known of no record.
        kept: Vec<Vec<Option<u64>>>,
    },
    /// An earlier failure left the log unable to vouch for what it appends.
    #[error("no appends until the log is opened again: {why}")]
    Refusing {
        /// The earlier failure.
        why: String,
    },
    /// Any other failure of the operating system's.
    #[error("{what}: {text}")]
    Io {
        /// What was being done.
        what: String,
        /// Its kind.
        kind: io::ErrorKind,
        /// The system's words.
        text: String,
    },
}

/// Where stored bytes are not what was written, and what that concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// The segment's number, if the file is one.
    pub segment: Option<u64>,
    /// Where the damaged part starts in it; 0 if it is the whole file.
    pub position: u64,
    /// What is wrong there.
    pub what: String,
    /// Which records can't be had because of it.
    pub concerns: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage {
            file,
            position,
            what,
            concerns,
            ..
        } = self;
        write!(f, "{file} is damaged")?;
        if *position > 0 {
            write!(f, " at byte {position}")?;
        }
        write!(f, ": {what}. It concerns {concerns}. Nothing was skipped. ")?;
        match self.segment {
            Some(segment) => write!(
                f,
                "Restore the file from a copy; or give up everything from there on by cutting \
                 segment {segment} at {position} (what is cut off is kept beside it)"
            ),
            None => f.write_str("Restore the file from a copy"),
        }
    }
}

impl LogError {
    /// Whether it is for lack of room: what was asked for was not done, and succeeds once there is room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, LogError::DiskFull { .. })
    }

    /// The error of doing `what`.
    pub(crate) fn io(what: impl Into<String>, error: &io::Error) -> LogError {
        let what = what.into();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogError::DiskFull { what },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                LogError::ReadOnly { what }
            }
            kind => LogError::Io {
                what,
                kind,
                text: error.to_string(),
            },
        }
    }

    /// Damage to a file that is no segment.
    pub(crate) fn damaged_file(file: &str, position: u64, what: &str, concerns: &str) -> LogError {
        LogError::Damaged(Box::new(Damage {
            file: file.to_owned(),
            segment: None,
            position,
            what: what.to_owned(),
            concerns: concerns.to_owned(),
        }))
    }
}
