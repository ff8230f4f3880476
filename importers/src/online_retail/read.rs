//! From bytes to typed lines.
//!
//! Memory is bounded by what is kept of the lines: a line is read up to a limit, however long it is.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use super::fields::{self, BadQuotes};
use super::{ImportError, Input, Line, Reason};

/// A longer line is listed and skipped.
const LINE_LEN_MAX: usize = 65_536;
const BUFFER: usize = 1 << 16;

/// The columns that are used; Country is not.
const COLUMNS: [&str; 7] = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
];

/// Reads the data set as CSV, plain or gzipped (told by the first bytes). Columns stand in any order; more
/// columns are ignored. To show progress, wrap the reader.
///
/// # Errors
/// If the file as a whole can't be read: [`ImportError`]. A line that alone is bad is listed.
pub fn read(mut reader: impl Read) -> Result<Input, ImportError> {
    let mut magic = Vec::with_capacity(4);
    reader
        .by_ref()
        .take(4)
        .read_to_end(&mut magic)
        .map_err(|source| ImportError::Io { line: 0, source })?;
    let gzip = match magic.as_slice() {
        [] => return Err(ImportError::Empty),
        [0x1f, 0x8b, ..] => true,
        [b'P', b'K', 3, 4] => return Err(ImportError::Zip),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(ImportError::Utf16),
        _ => false,
    };
    let whole = Cursor::new(magic).chain(reader);
    if gzip {
        let decoder = MultiGzDecoder::new(BufReader::with_capacity(BUFFER, whole));
        Source::new(BufReader::with_capacity(BUFFER, decoder), true).read_all()
    } else {
        Source::new(BufReader::with_capacity(BUFFER, whole), false).read_all()
    }
}

/// A physical line.
enum Physical {
    /// Its bytes stand in the buffer; whether a line feed ended it.
    Whole { ended: bool },
    /// It is longer than the limit and was skipped.
    TooLong,
}

/// The header: where each column stands, and what stands where.
struct Header {
    names: Vec<String>,
    at: [usize; 7],
}

struct Source<R> {
    reader: R,
    gzip: bool,
    /// The line in `buffer`, the header being 1.
    line: u64,
    buffer: Vec<u8>,
    texts: HashSet<Arc<str>>,
}

impl<R: BufRead> Source<R> {
    fn new(reader: R, gzip: bool) -> Self {
        Self {
            reader,
            gzip,
            line: 0,
            buffer: Vec::new(),
            texts: HashSet::new(),
        }
    }

    fn read_all(mut self) -> Result<Input, ImportError> {
        let read = self.read_lines();
        // A damaged gzip file can yield nonsense before its checksum tells: then that is what to say.
        if self.gzip && read.is_err() && !matches!(&read, Err(ImportError::GzipCut { .. })) {
            loop {
                self.buffer.clear();
                if self.fill()? == 0 {
                    break;
                }
            }
        }
        read
    }

    fn read_lines(&mut self) -> Result<Input, ImportError> {
        let header = self.header()?;
        let mut input = Input::default();
        while let Some(physical) = self.next()? {
            let read = match physical {
                Physical::TooLong => Err(Reason::LineTooLong),
                Physical::Whole { ended } => self.typed(&header, ended)?,
            };
            match read {
                Ok(line) => input.lines.push(line),
                Err(reason) => input.listed.push((self.line, reason)),
            }
        }
        match input.listed.first() {
            None if input.lines.is_empty() => Err(ImportError::NoLines),
            Some(&(line, reason)) if input.lines.is_empty() => {
                Err(ImportError::NothingUsable { line, reason })
            }
            _ => Ok(input),
        }
    }

    /// Takes the next line into the buffer, without its line break. `None` at the end.
    fn next(&mut self) -> Result<Option<Physical>, ImportError> {
        self.buffer.clear();
        if self.fill()? == 0 {
            return Ok(None);
        }
        self.line += 1;
        let ended = self.buffer.pop_if(|b| *b == b'\n').is_some();
        if ended {
            self.buffer.pop_if(|b| *b == b'\r');
        } else if self.buffer.len() > LINE_LEN_MAX {
            while self.buffer.last() != Some(&b'\n') {
                self.buffer.clear();
                if self.fill()? == 0 {
                    break;
                }
            }
            return Ok(Some(Physical::TooLong));
        }
        Ok(Some(Physical::Whole { ended }))
    }

    /// Reads to the end of the line, but not beyond the limit.
    fn fill(&mut self) -> Result<usize, ImportError> {
        let limit = LINE_LEN_MAX as u64 + 1;
        let read = self
            .reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.buffer);
        read.map_err(|source| {
            let line = self.line;
            match source.kind() {
                io::ErrorKind::UnexpectedEof if self.gzip => ImportError::GzipCut { line },
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if self.gzip => {
                    ImportError::GzipDamaged { line, source }
                }
                _ => ImportError::Io { line, source },
            }
        })
    }

    fn header(&mut self) -> Result<Header, ImportError> {
        if let Physical::TooLong = self.next()?.ok_or(ImportError::Empty)? {
            let found = "more than 65,536 bytes without a line feed".to_owned();
            return Err(ImportError::MissingColumns {
                missing: COLUMNS.to_vec(),
                found,
            });
        }
        let bytes = self.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.buffer);
        let text = str::from_utf8(bytes).map_err(|_| ImportError::NotUtf8 {
            line: 1,
            column: "the header".to_owned(),
        })?;
        let mut names = Vec::new();
        // A header with bad quotes lacks the columns from there on.
        let _ = fields::split(text, &mut names);
        let names: Vec<String> = names.into_iter().map(|name| name.trim().to_owned()).collect();
        let stands = |column: &str| names.iter().filter(|name| *name == column).count();
        let missing: Vec<_> = COLUMNS.into_iter().filter(|column| stands(column) == 0).collect();
        if !missing.is_empty() {
            let found = format!("{:?}", text.chars().take(200).collect::<String>());
            return Err(ImportError::MissingColumns { missing, found });
        }
        if let Some(column) = COLUMNS.into_iter().find(|column| stands(column) > 1) {
            return Err(ImportError::ColumnTwice { column });
        }
        let at = COLUMNS.map(|column| names.iter().position(|name| name == column).unwrap_or_default());
        Ok(Header { names, at })
    }

    /// The line in the buffer, or why it is listed. `ended` is false for a last line without a line feed.
    fn typed(&mut self, header: &Header, ended: bool) -> Result<Result<Line, Reason>, ImportError> {
        let buffer = std::mem::take(&mut self.buffer);
        let read = self.typed_text(&buffer, header, ended);
        self.buffer = buffer;
        read
    }

    fn typed_text(
        &mut self,
        bytes: &[u8],
        header: &Header,
        ended: bool,
    ) -> Result<Result<Line, Reason>, ImportError> {
        let text = match str::from_utf8(bytes) {
            Ok(text) => text,
            // A file that is cut may end within a character.
            Err(e) if !ended && e.error_len().is_none() => {
                return Err(header.cut(self.line, &bytes[..e.valid_up_to()]));
            }
            Err(e) => {
                let column = header.column(field_at(&bytes[..e.valid_up_to()]));
                return Err(ImportError::NotUtf8 {
                    line: self.line,
                    column,
                });
            }
        };
        if text.trim().is_empty() {
            return Ok(Err(Reason::BlankLine));
        }
        let mut fields = Vec::with_capacity(header.names.len());
        let split = fields::split(text, &mut fields);
        match split {
            Err(BadQuotes) if !ended => Err(header.cut(self.line, bytes)),
            Ok(()) if !ended && fields.len() < header.names.len() => Err(header.cut(self.line, bytes)),
            Err(BadQuotes) => Ok(Err(Reason::BadQuotes)),
            Ok(()) if fields.len() != header.names.len() => Ok(Err(Reason::WrongColumnCount)),
            Ok(()) => Ok(self.line_of(header.at.map(|at| &fields[at]))),
        }
    }

    fn line_of(&mut self, columns: [&Cow<'_, str>; 7]) -> Result<Line, Reason> {
        let [invoice, sku, description, quantity, at, price, customer] = columns;
        Ok(Line {
            number: self.line,
            invoice: self.shared(&fields::invoice(invoice)?),
            sku: self.shared(&fields::sku(sku)?),
            description: self.shared(fields::description(description)?),
            quantity: fields::quantity(quantity)?,
            at: fields::time(at)?,
            price: fields::price(price)?,
            customer: fields::customer(customer)?.map(|customer| self.shared(customer)),
        })
    }

    /// The text, kept once.
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = Arc::from(text);
        self.texts.insert(Arc::clone(&text));
        text
    }
}

impl Header {
    fn cut(&self, line: u64, bytes: &[u8]) -> ImportError {
        ImportError::Cut {
            line,
            column: self.column(field_at(bytes)),
        }
    }

    /// How a message names the field at this position.
    fn column(&self, field: usize) -> String {
        match self.names.get(field) {
            Some(name) => format!("column {name}"),
            None => format!("column {}", field + 1),
        }
    }
}

/// The position of the field in which these bytes end.
fn field_at(bytes: &[u8]) -> usize {
    let mut quoted = false;
    bytes.iter().fold(0, |field, b| {
        quoted ^= *b == b'"';
        field + usize::from(*b == b',' && !quoted)
    })
}
