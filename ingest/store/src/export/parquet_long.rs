//! Several datastreams in one Parquet file: each row begins with station, channel and unit.

use std::{
    io::{self, Write},
    sync::Arc,
};

use parquet::{
    basic::Encoding,
    data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::{parser::parse_message_type, types::ColumnPath},
};
use tram_pipeline::DatastreamKey;

use super::{
    ExportError, Function, columns,
    parquet::{GROUP_ROWS, fault, optional, required},
};
use crate::{Bucket, Reading};

/// The largest number that a decimal of 18 digits holds.
const MAX_DECIMAL: i64 = 999_999_999_999_999_999;

/// A file of several datastreams; a row group holds rows of one of them.
pub struct LongParquet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Function>,
    decimals: u8,
}

impl<W: Write + Send> core::fmt::Debug for LongParquet<W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LongParquet").field("decimals", &self.decimals).finish_non_exhaustive()
    }
}

impl<W: Write + Send> LongParquet<W> {
    /// Begins a file of these datastreams: for readings without `functions`, for aggregates with
    /// them. Values are decimals with as many places as the finest of the datastreams has.
    ///
    /// # Errors
    /// [`ExportError::Write`].
    pub fn new(
        out: W,
        keys: &[DatastreamKey],
        functions: Option<&[Function]>,
    ) -> Result<Self, ExportError> {
        let decimals = keys.iter().map(|k| k.quantity.decimals()).max().unwrap_or_default();
        let columns = functions.map_or_else(Vec::new, columns);
        let mut schema = "message rows { required binary station (UTF8); \
                          required binary channel (UTF8); required binary unit (UTF8); \
                          required int64 time (TIMESTAMP(MICROS, true)); "
            .to_owned();
        match functions {
            None => {
                schema += &format!(
                    "optional int64 value (DECIMAL(18, {decimals})); \
                     required int32 quality (INTEGER(8, false)); \
                     required int32 tests (INTEGER(16, false)); }}"
                );
            }
            Some(_) => {
                for function in &columns {
                    schema += &match function {
                        Function::Mean | Function::Sum => {
                            format!("optional double {}; ", function.name())
                        }
                        _ => format!(
                            "optional int64 {} (DECIMAL(18, {decimals})); ",
                            function.name()
                        ),
                    };
                }
                schema += "required int64 count; required int64 good; required int64 span_s; }";
            }
        }
        let schema = parse_message_type(&schema).map_err(fault)?;
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("tram-store ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::PLAIN)
            .set_column_encoding("time".into(), Encoding::DELTA_BINARY_PACKED)
            .set_column_encoding("value".into(), Encoding::DELTA_BINARY_PACKED);
        for name in ["station", "channel", "unit"] {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), true);
        }
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties.build()));
        Ok(Self { file: file.map_err(fault)?, columns, decimals })
    }

    /// Writes the readings of one datastream. Says how many.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn readings(
        &mut self,
        key: &DatastreamKey,
        rows: impl Iterator<Item = Result<Reading, ExportError>>,
    ) -> Result<u64, ExportError> {
        let scale = self.scale(key);
        self.groups(key, rows, |group, rows: &[Reading]| {
            let times: Vec<i64> = rows.iter().map(|r| r.time.0).collect();
            required::<Int64Type, W>(group, &times)?;
            let values = rows.iter().map(|r| scaled(r.value, scale)).collect::<Result<Vec<_>, _>>();
            optional::<Int64Type, W>(group, &values?)?;
            let flags: Vec<i32> = rows.iter().map(|r| i32::from(r.quality.flag as u8)).collect();
            required::<Int32Type, W>(group, &flags)?;
            let tests: Vec<i32> = rows.iter().map(|r| i32::from(r.quality.tests.bits())).collect();
            required::<Int32Type, W>(group, &tests)
        })
    }

    /// Writes the aggregates of one datastream. Says how many rows.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn buckets(
        &mut self,
        key: &DatastreamKey,
        rows: impl Iterator<Item = Result<Bucket, ExportError>>,
    ) -> Result<u64, ExportError> {
        let (scale, columns) = (self.scale(key), self.columns.clone());
        self.groups(key, rows, |group, rows: &[Bucket]| {
            let times: Vec<i64> = rows.iter().map(|b| b.start.0).collect();
            required::<Int64Type, W>(group, &times)?;
            for function in &columns {
                put_function::<W>(group, rows, *function, scale, key)?;
            }
            let counts: Vec<i64> = rows.iter().map(|b| b.count.cast_signed()).collect();
            required::<Int64Type, W>(group, &counts)?;
            let good: Vec<i64> = rows.iter().map(|b| b.good.cast_signed()).collect();
            required::<Int64Type, W>(group, &good)?;
            let spans: Vec<i64> = rows.iter().map(|b| b.span / 1_000_000).collect();
            required::<Int64Type, W>(group, &spans)
        })
    }

    /// Writes the end.
    ///
    /// # Errors
    /// [`ExportError::Write`].
    pub fn finish(self) -> Result<W, ExportError> {
        self.file.into_inner().map_err(fault)
    }

    fn scale(&self, key: &DatastreamKey) -> i64 {
        10_i64.pow(u32::from(self.decimals.saturating_sub(key.quantity.decimals())))
    }

    fn groups<T>(
        &mut self,
        key: &DatastreamKey,
        rows: impl Iterator<Item = Result<T, ExportError>>,
        put: impl Fn(&mut SerializedRowGroupWriter<'_, W>, &[T]) -> Result<(), ParquetError>,
    ) -> Result<u64, ExportError> {
        let (mut pending, mut count): (Vec<T>, u64) = (Vec::new(), 0);
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            for row in rows.by_ref().take(GROUP_ROWS) {
                pending.push(row?);
            }
            count += pending.len() as u64;
            let mut write = || {
                let mut group = self.file.next_row_group()?;
                for text in [key.node.as_str(), key.channel.as_str(), key.quantity.unit()] {
                    let texts = vec![ByteArray::from(text); pending.len()];
                    required::<ByteArrayType, W>(&mut group, &texts)?;
                }
                put(&mut group, &pending)?;
                group.close()
            };
            write().map_err(fault)?;
            pending.clear();
        }
        Ok(count)
    }
}

/// Counts in the decimals of the file.
fn scaled(counts: Option<i64>, scale: i64) -> Result<Option<i64>, ParquetError> {
    let Some(counts) = counts else { return Ok(None) };
    let fits = counts.checked_mul(scale).filter(|n| n.unsigned_abs() <= MAX_DECIMAL.unsigned_abs());
    fits.map(Some).ok_or_else(|| {
        let message = "a value has more than 18 digits in the decimals of the finest channel; \
                       export the channels one by one, or as CSV";
        ParquetError::External(Box::new(io::Error::other(message)))
    })
}

#[expect(clippy::cast_precision_loss, reason = "the column is a double")]
fn put_function<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Bucket],
    function: Function,
    scale: i64,
    key: &DatastreamKey,
) -> Result<(), ParquetError> {
    let unit = key.quantity.scale() as f64;
    let integer: fn(&Bucket) -> Option<i64> = match function {
        Function::Mean => {
            let means: Vec<_> = rows.iter().map(|b| b.mean().map(|m| m / unit)).collect();
            return optional::<DoubleType, W>(group, &means);
        }
        Function::Sum => {
            let sum = |b: &Bucket| b.sum.map(|s| s as f64 / unit);
            return optional::<DoubleType, W>(group, &rows.iter().map(sum).collect::<Vec<_>>());
        }
        Function::Min => |b| b.min,
        Function::Max => |b| b.max,
        Function::Last => |b| b.last,
        // It has a column of its own behind the others.
        Function::Count => |_| None,
    };
    let values = rows.iter().map(|b| scaled(integer(b), scale)).collect::<Result<Vec<_>, _>>()?;
    optional::<Int64Type, W>(group, &values)
}
