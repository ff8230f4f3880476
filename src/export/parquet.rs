//! Exports as Apache Parquet, by the low-level writer: a column of a view is a column of the file.
//!
//! Texts and JSON are UTF-8 strings, whole numbers 64 bits wide, times timestamps in UTC with milliseconds.
//! Rows are written in groups; a group is all that is held in memory. The file's metadata say of which view,
//! epoch and installation it is, and what each column means.

use std::io::{self, Write};
use std::sync::Arc;

use contract::views::{Column, Type};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type as Schema;
use serde_json::{Map, Value};

use super::{Field, Sheet, Source};

/// Rows of a group, at most.
const GROUP_ROWS: usize = 1 << 17;
/// Bytes of a group's texts, at about which it is written.
const GROUP_BYTES: usize = 32 << 20;

/// The values of a column in a group.
enum Values {
    Int(Vec<i64>),
    Bool(Vec<bool>),
    Double(Vec<f64>),
    Text(Vec<ByteArray>),
}

/// A column of a group.
struct Gathered {
    values: Values,
    /// 1 where there is a value, 0 where it is null; none where it can't be.
    defined: Option<Vec<i16>>,
}

/// A Parquet file.
pub struct Parquet<W: Write + Send> {
    /// None once it is closed.
    file: Option<SerializedFileWriter<W>>,
    columns: Vec<Gathered>,
    rows: usize,
    bytes: usize,
}

impl<W: Write + Send> Parquet<W> {
    /// Writes to `out`.
    pub fn new(out: W, source: &Source) -> Result<Parquet<W>, ParquetError> {
        let fields = source.columns.iter().map(|column| schema(column).map(Arc::new));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let root = Schema::group_type_builder(source.name)
            .with_fields(fields)
            .build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("millrace ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(about(source)))
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(root), Arc::new(properties))?;
        Ok(Parquet {
            file: Some(file),
            columns: source
                .columns
                .iter()
                .map(|column| Gathered::new(column))
                .collect(),
            rows: 0,
            bytes: 0,
        })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let Some(file) = self.file.as_mut().filter(|_| self.rows > 0) else {
            return Ok(());
        };
        let mut group = file.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else {
                return Err(ParquetError::General(
                    "a column of the schema is missing".to_owned(),
                ));
            };
            column.write(writer.untyped())?;
            writer.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl<W: Write + Send> Sheet for Parquet<W> {
    fn row(&mut self, fields: &[Field<'_>]) -> io::Result<()> {
        for (column, field) in self.columns.iter_mut().zip(fields) {
            self.bytes += column.push(*field);
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            self.write_group().map_err(failed)?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.write_group().map_err(failed)?;
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let mut out = file.into_inner().map_err(failed)?;
        out.flush()
    }
}

/// What it was at the bottom, if that is a failure to write.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

fn schema(column: &Column) -> Result<Schema, ParquetError> {
    let (physical, logical) = match column.ty {
        Type::Text | Type::Json => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Type::Int => (Physical::INT64, None),
        Type::Bool => (Physical::BOOLEAN, None),
        Type::Double => (Physical::DOUBLE, None),
        Type::Time => (
            Physical::INT64,
            Some(LogicalType::timestamp(true, TimeUnit::MILLIS)),
        ),
    };
    let repetition = if column.nullable {
        Repetition::OPTIONAL
    } else {
        Repetition::REQUIRED
    };
    Schema::primitive_type_builder(column.name, physical)
        .with_logical_type(logical)
        .with_repetition(repetition)
        .build()
}

/// The file's metadata.
fn about(source: &Source) -> Vec<KeyValue> {
    let meaning = |column: &&'static Column| (column.name.to_owned(), Value::from(column.meaning));
    let columns: Map<String, Value> = source.columns.iter().map(meaning).collect();
    let pair = |name: &str, value: String| KeyValue::new(format!("millrace.{name}"), value);
    let mut about = vec![
        pair("view", source.name.to_owned()),
        pair("meaning", source.meaning.to_owned()),
        pair("columns", Value::from(columns).to_string()),
        pair("money", "whole minor units of the currency in the row".to_owned()),
    ];
    if let Some(frontier) = &source.frontier {
        about.push(pair("epoch", frontier.epoch.0.to_string()));
        about.push(pair("clock", frontier.clock.to_string()));
        about.push(pair("installation", frontier.installation.to_string()));
        about.push(pair("digest", frontier.digest.to_string()));
    }
    about
}

impl Gathered {
    fn new(column: &Column) -> Gathered {
        Gathered {
            values: match column.ty {
                Type::Int | Type::Time => Values::Int(Vec::new()),
                Type::Bool => Values::Bool(Vec::new()),
                Type::Double => Values::Double(Vec::new()),
                Type::Text | Type::Json => Values::Text(Vec::new()),
            },
            defined: column.nullable.then(Vec::new),
        }
    }

    /// Takes a value of the column; about how many bytes it takes.
    fn push(&mut self, field: Field<'_>) -> usize {
        if let Some(defined) = &mut self.defined {
            defined.push(i16::from(field != Field::Null));
        }
        match (&mut self.values, field) {
            (Values::Int(values), Field::Int(number)) => values.push(number),
            (Values::Int(values), Field::Time(time, _)) => values.push(time.ms()),
            (Values::Bool(values), Field::Bool(flag)) => values.push(flag),
            (Values::Double(values), Field::Double(number)) => values.push(number),
            (Values::Text(values), Field::Text(text) | Field::Json(text)) => {
                values.push(ByteArray::from(text));
                return text.len() + size_of::<ByteArray>();
            }
            // Null; that a field is of its column's type was seen before.
            _ => return 2,
        }
        8
    }

    /// Writes what was taken, and forgets it.
    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let defined = self.defined.as_deref();
        match (&mut self.values, writer) {
            (Values::Int(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(values, defined, None)?;
                values.clear();
            }
            (Values::Bool(values), ColumnWriter::BoolColumnWriter(writer)) => {
                writer.write_batch(values, defined, None)?;
                values.clear();
            }
            (Values::Double(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                writer.write_batch(values, defined, None)?;
                values.clear();
            }
            (Values::Text(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                writer.write_batch(values, defined, None)?;
                values.clear();
            }
            _ => {
                let what = "a column has another type than the schema says";
                return Err(ParquetError::General(what.to_owned()));
            }
        }
        if let Some(defined) = &mut self.defined {
            defined.clear();
        }
        Ok(())
    }
}
