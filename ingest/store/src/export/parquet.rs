//! Parquet, uncompressed but delta-coded, in row groups of bounded size.

use std::{
    io::{self, Write},
    sync::Arc,
};

use parquet::{
    basic::Encoding,
    data_type::{DataType, DoubleType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use tram_pipeline::DatastreamKey;

use super::{ExportError, Function, columns};
use crate::{Bucket, Reading};

/// Rows of a row group: what is held in memory.
pub(super) const GROUP_ROWS: usize = 65_536;

/// Writes readings as Parquet: `time`, `value` (null when missing), `quality`, `tests` (bits).
/// Says how many.
///
/// # Errors
/// [`ExportError`].
pub fn parquet<W, E>(
    out: W,
    key: &DatastreamKey,
    history: impl IntoIterator<Item = Result<Reading, E>>,
) -> Result<u64, ExportError>
where
    W: Write + Send,
    ExportError: From<E>,
{
    let decimals = key.quantity.decimals();
    let schema = format!(
        "message readings {{
            required int64 time (TIMESTAMP(MICROS, true));
            optional int64 value (DECIMAL(18, {decimals}));
            required int32 quality (INTEGER(8, false));
            required int32 tests (INTEGER(16, false));
        }}"
    );
    let file = open(out, &schema, key)?;
    groups(file, history, |group, rows: &[Reading]| {
        let times: Vec<i64> = rows.iter().map(|r| r.time.0).collect();
        required::<Int64Type, W>(group, &times)?;
        let values: Vec<Option<i64>> = rows.iter().map(|r| r.value).collect();
        optional::<Int64Type, W>(group, &values)?;
        let flags: Vec<i32> = rows.iter().map(|r| i32::from(r.quality.flag as u8)).collect();
        required::<Int32Type, W>(group, &flags)?;
        let tests: Vec<i32> = rows.iter().map(|r| i32::from(r.quality.tests.bits())).collect();
        required::<Int32Type, W>(group, &tests)
    })
}

/// Writes aggregates as Parquet: `time`, the functions in the order given, `count`, `good`, `span_s`. Says
/// how many rows.
///
/// # Errors
/// [`ExportError`].
pub fn parquet_aggregates<W, E>(
    out: W,
    key: &DatastreamKey,
    aggregates: impl IntoIterator<Item = Result<Bucket, E>>,
    functions: &[Function],
) -> Result<u64, ExportError>
where
    W: Write + Send,
    ExportError: From<E>,
{
    let columns = columns(functions);
    let decimals = key.quantity.decimals();
    let mut schema =
        "message aggregates { required int64 time (TIMESTAMP(MICROS, true)); ".to_owned();
    for function in &columns {
        schema += &match function {
            Function::Mean | Function::Sum => format!("optional double {}; ", function.name()),
            _ => format!("optional int64 {} (DECIMAL(18, {decimals})); ", function.name()),
        };
    }
    schema += "required int64 count; required int64 good; required int64 span_s; }";
    let file = open(out, &schema, key)?;
    groups(file, aggregates, |group, rows: &[Bucket]| {
        let times: Vec<i64> = rows.iter().map(|b| b.start.0).collect();
        required::<Int64Type, W>(group, &times)?;
        for function in &columns {
            put_function::<W>(group, rows, *function, key)?;
        }
        let counts: Vec<i64> = rows.iter().map(|b| b.count.cast_signed()).collect();
        required::<Int64Type, W>(group, &counts)?;
        let good: Vec<i64> = rows.iter().map(|b| b.good.cast_signed()).collect();
        required::<Int64Type, W>(group, &good)?;
        let spans: Vec<i64> = rows.iter().map(|b| b.span / 1_000_000).collect();
        required::<Int64Type, W>(group, &spans)
    })
}

#[expect(clippy::cast_precision_loss, reason = "the column is a double")]
fn put_function<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Bucket],
    function: Function,
    key: &DatastreamKey,
) -> Result<(), ParquetError> {
    let scale = key.quantity.scale() as f64;
    let sum = |b: &Bucket| b.sum.map(|sum| sum as f64 / scale);
    let integer: fn(&Bucket) -> Option<i64> = match function {
        Function::Mean => {
            let means: Vec<_> = rows.iter().map(|b| b.mean().map(|m| m / scale)).collect();
            return optional::<DoubleType, W>(group, &means);
        }
        Function::Sum => {
            return optional::<DoubleType, W>(group, &rows.iter().map(sum).collect::<Vec<_>>());
        }
        Function::Min => |b| b.min,
        Function::Max => |b| b.max,
        Function::Last => |b| b.last,
        Function::Count => |b| Some(b.count.cast_signed()),
    };
    optional::<Int64Type, W>(group, &rows.iter().map(integer).collect::<Vec<_>>())
}

fn open<W: Write + Send>(
    out: W,
    schema: &str,
    key: &DatastreamKey,
) -> Result<SerializedFileWriter<W>, ExportError> {
    let schema = parse_message_type(schema).map_err(fault)?;
    let pair = |k: &str, v: &str| KeyValue::new(k.to_owned(), v.to_owned());
    let properties = WriterProperties::builder()
        .set_created_by(concat!("tram-store ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::PLAIN)
        .set_column_encoding("time".into(), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding("value".into(), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding("quality".into(), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding("tests".into(), Encoding::DELTA_BINARY_PACKED)
        .set_key_value_metadata(Some(vec![
            pair("station", key.node.as_str()),
            pair("channel", key.channel.as_str()),
            pair("quantity", key.quantity.name()),
            pair("unit", key.quantity.unit()),
        ]))
        .build();
    SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(fault)
}

/// Writes the rows in groups with `put`. Says how many.
fn groups<W, T, E>(
    mut file: SerializedFileWriter<W>,
    rows: impl IntoIterator<Item = Result<T, E>>,
    put: impl Fn(&mut SerializedRowGroupWriter<'_, W>, &[T]) -> Result<(), ParquetError>,
) -> Result<u64, ExportError>
where
    W: Write + Send,
    ExportError: From<E>,
{
    let mut pending: Vec<T> = Vec::new();
    let mut count = 0;
    let mut flush = |file: &mut SerializedFileWriter<W>, pending: &mut Vec<T>| {
        if pending.is_empty() {
            return Ok(());
        }
        let mut group = file.next_row_group()?;
        put(&mut group, pending)?;
        group.close()?;
        count += pending.len() as u64;
        pending.clear();
        Ok(())
    };
    for row in rows {
        pending.push(row?);
        if pending.len() >= GROUP_ROWS {
            flush(&mut file, &mut pending).map_err(fault)?;
        }
    }
    flush(&mut file, &mut pending).map_err(fault)?;
    file.close().map_err(fault)?;
    Ok(count)
}

pub(super) fn required<T, W>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
) -> Result<(), ParquetError>
where
    T: DataType,
    W: Write + Send,
{
    column::<T, W>(group, values, None)
}

pub(super) fn optional<T, W>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[Option<T::T>],
) -> Result<(), ParquetError>
where
    T: DataType,
    T::T: Copy,
    W: Write + Send,
{
    let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
    let present: Vec<T::T> = values.iter().flatten().copied().collect();
    column::<T, W>(group, &present, Some(&levels))
}

fn column<T, W>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError>
where
    T: DataType,
    W: Write + Send,
{
    let mut writer =
        group.next_column()?.ok_or_else(|| ParquetError::General("one column too many".into()))?;
    writer.typed::<T>().write_batch(values, levels, None)?;
    writer.close()
}

/// The writer's own errors wrap those of `out`; there are no others with a fixed schema.
pub(super) fn fault(error: ParquetError) -> ExportError {
    ExportError::Write(match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(inner) => *inner,
            Err(inner) => io::Error::other(inner),
        },
        other => io::Error::other(other),
    })
}
