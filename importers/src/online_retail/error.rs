//! Why a file could not be read at all. Each message is one line and says what to do.

use std::io;

use super::Reason;

/// Why a file could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no byte in it.
    #[error("the file is empty: expected the Online Retail data set as CSV, plain or gzipped")]
    Empty,
    /// A header, and nothing after it.
    #[error("the file has a header and no line after it: fetch or export it again")]
    NoLines,
    /// A workbook or another archive.
    #[error("the file is a ZIP archive or a workbook (.xlsx): unpack it, or save it as CSV in UTF-8")]
    Zip,
    /// UTF-16, by its byte order mark.
    #[error("the file is UTF-16: convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8")]
    Utf16,
    /// Bytes that are not UTF-8.
    #[error(
        "line {line}, {column}: not UTF-8; convert the file, for example with iconv -f ISO-8859-1 -t UTF-8"
    )]
    NotUtf8 {
        /// The line, the header being 1.
        line: u64,
        /// The column, by its name or position.
        column: String,
    },
    /// The header lacks columns.
    #[error(
        "line 1: {} missing, found {found}; expected a header of InvoiceNo, StockCode, Description, \
         Quantity, InvoiceDate, UnitPrice, CustomerID, separated by commas",
        missing.join(", ")
    )]
    MissingColumns {
        /// Which.
        missing: Vec<&'static str>,
        /// The header as it stands, shortened.
        found: String,
    },
    /// The header names a column twice.
    #[error("line 1: column {column} stands there twice: rename or remove one of them")]
    ColumnTwice {
        /// Which.
        column: &'static str,
    },
    /// The last line ends early.
    #[error("line {line}: the file ends in {column}: it was cut, fetch it again in full")]
    Cut {
        /// The last line.
        line: u64,
        /// The column in which it ends, by its name or position.
        column: String,
    },
    /// The gzip stream ends early.
    #[error("after line {line}: the gzip file ends early: it was cut, fetch it again in full")]
    GzipCut {
        /// The last whole line.
        line: u64,
    },
    /// The gzip stream is damaged.
    #[error("after line {line}: the gzip file is damaged ({source}): fetch it again, check it with gzip -t")]
    GzipDamaged {
        /// The last whole line.
        line: u64,
        /// What the decoder says.
        source: io::Error,
    },
    /// Not one line could be used: most likely another data set or another export of it.
    #[error(
        "no line can be used, the first, line {line}, because {reason}: is this the Online Retail data set?"
    )]
    NothingUsable {
        /// The first line.
        line: u64,
        /// Why it can't be used.
        reason: Reason,
    },
    /// Reading failed.
    #[error("after line {line}: reading failed: {source}")]
    Io {
        /// The last whole line.
        line: u64,
        /// What the reader says.
        source: io::Error,
    },
}
