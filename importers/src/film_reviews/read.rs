//! From bytes to typed lines.
//!
//! Memory is bounded by what is kept of the lines: a line is read up to a limit, however long it is.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use contract::time::Time;
use flate2::read::MultiGzDecoder;

use crate::ids::escaped;

/// A longer line is listed and skipped.
const LINE_LEN_MAX: u64 = 65_536;
/// A text's length in Unicode scalar values, at most (contract, section 1).
const TEXT_LEN_MAX: usize = 4000;
const ID_LEN_MAX: usize = 64;
const HEADER: &str = "review_id\tmovie_id\trating\tdate\tauthor\treview";

/// Why a file could not be read at all. Each message is one line and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReviewsError {
    /// Another file, or none.
    #[error(
        "the file begins with {found:?}; expected tab-separated columns review_id, movie_id, rating, date, \
         author, review, plain or gzipped"
    )]
    OtherColumns {
        /// How it begins, shortened.
        found: String,
    },
    /// Not one line can be used.
    #[error("no line can be used: is this a table of reviews? The first: {}", first.as_deref().unwrap_or("there is none"))]
    NothingUsable {
        /// The first line, and why it can't be used.
        first: Option<String>,
    },
    /// Reading failed, or the gzip stream is cut or damaged.
    #[error("after line {line}: {source}; fetch the file again in full")]
    Io {
        /// The last whole line.
        line: u64,
        /// What the reader says.
        source: io::Error,
    },
}

/// A line that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number, the header being 1.
    pub line: u64,
    /// Why.
    pub reason: &'static str,
}

/// A review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As an id of the contract.
    pub review_id: String,
    /// The film's, as an id of the contract.
    pub sku: String,
    /// 1 to 5.
    pub rating: u8,
    /// Midnight of the day on which it was written.
    pub day: Time,
    /// The author, as an id of the contract.
    pub customer_id: String,
    /// What was written.
    pub text: String,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// In the file's order.
    pub lines: Vec<Line>,
    /// What can't be used.
    pub listed: Vec<Listed>,
}

/// Reads a table, plain or gzipped (told by its first bytes).
///
/// # Errors
/// If it can't be read as a whole. A line that alone is bad is listed.
pub fn read(mut reader: impl Read) -> Result<Input, ReviewsError> {
    let mut magic = Vec::with_capacity(2);
    let begun = reader.by_ref().take(2).read_to_end(&mut magic);
    begun.map_err(|source| ReviewsError::Io { line: 0, source })?;
    let gzip = magic == [0x1f, 0x8b];
    let whole = BufReader::new(Cursor::new(magic).chain(reader));
    if gzip {
        read_lines(BufReader::new(MultiGzDecoder::new(whole)))
    } else {
        read_lines(whole)
    }
}

fn read_lines(mut reader: impl BufRead) -> Result<Input, ReviewsError> {
    let (mut input, mut number, mut bytes) = (Input::default(), 0, Vec::new());
    loop {
        bytes.clear();
        let whole_lines = number;
        let failed = |source| ReviewsError::Io {
            line: whole_lines,
            source,
        };
        let read = reader.by_ref().take(LINE_LEN_MAX).read_until(b'\n', &mut bytes);
        if read.map_err(failed)? == 0 {
            break;
        }
        number += 1;
        let too_long = bytes.len() as u64 == LINE_LEN_MAX && !bytes.ends_with(b"\n");
        if too_long {
            reader.skip_until(b'\n').map_err(failed)?;
        }
        if number == 1 {
            check_header(&bytes)?;
            continue;
        }
        let line = if too_long {
            Err("it is too long")
        } else {
            typed(&bytes)
        };
        match line {
            Ok(line) => input.lines.push(line),
            Err(reason) => input.listed.push(Listed { line: number, reason }),
        }
    }
    if number == 0 {
        check_header(b"")?;
    }
    if input.lines.is_empty() {
        let first = input.listed.first();
        let first = first.map(|listed| format!("line {}: {}", listed.line, listed.reason));
        return Err(ReviewsError::NothingUsable { first });
    }
    Ok(input)
}

fn check_header(bytes: &[u8]) -> Result<(), ReviewsError> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    if text == HEADER {
        return Ok(());
    }
    Err(ReviewsError::OtherColumns {
        found: text.chars().take(60).collect(),
    })
}

fn typed(bytes: &[u8]) -> Result<Line, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let fields: Vec<&str> = text.trim_end_matches(['\r', '\n']).split('\t').collect();
    let [review_id, movie_id, rating, date, author, review] = fields[..] else {
        return Err("it has not six columns");
    };
    let rating: u8 = rating.parse().map_err(|_| "the rating is no number")?;
    if !(1..=10).contains(&rating) {
        return Err("the rating is not 1 to 10");
    }
    if review.chars().count() > TEXT_LEN_MAX || review.contains('\0') {
        return Err("the text is too long, or holds U+0000");
    }
    Ok(Line {
        review_id: id(review_id)?,
        sku: id(movie_id)?,
        rating: rating.div_ceil(2),
        day: day(date).ok_or("the date is not YY.MM.DD")?,
        customer_id: id(author)?,
        text: review.to_owned(),
    })
}

fn id(code: &str) -> Result<String, &'static str> {
    escaped(code, false, ID_LEN_MAX).ok_or("an id is empty or too long")
}

fn day(date: &str) -> Option<Time> {
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = date.split('.').collect();
    let [year, month, day] = parts[..] else {
        return None;
    };
    let well = [year, month, day].into_iter().all(digits);
    well.then(|| Time::parse(&format!("20{year}-{month}-{day}T00:00:00Z")))?
}
