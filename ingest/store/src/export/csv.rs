//! CSV (RFC 4180, with line feeds). No field can hold a comma, a quote or a line end.

use std::io::Write;

use tram_pipeline::DatastreamKey;

use super::{
    ExportError, Function, columns,
    text::{Decimal, Time},
};
use crate::{Bucket, Reading};

/// Writes readings as CSV: `time,value,quality,tests`, the names of the tests separated by
/// spaces. Says how many.
///
/// # Errors
/// [`ExportError`].
pub fn csv<E>(
    out: &mut impl Write,
    key: &DatastreamKey,
    history: impl IntoIterator<Item = Result<Reading, E>>,
) -> Result<u64, ExportError>
where
    ExportError: From<E>,
{
    out.write_all(b"time,value,quality,tests\n")?;
    let mut rows = 0;
    for reading in history {
        put_reading(out, &reading?, key)?;
        rows += 1;
    }
    Ok(rows)
}

fn put_reading(
    out: &mut impl Write,
    reading: &Reading,
    key: &DatastreamKey,
) -> Result<(), ExportError> {
    write!(out, "{},", Time(reading.time.0))?;
    if let Some(counts) = reading.value {
        let decimals = key.quantity.decimals();
        write!(out, "{}", Decimal { counts: counts.into(), decimals })?;
    }
    write!(out, ",{},", reading.quality.flag as u8)?;
    for (i, test) in reading.quality.tests.names().enumerate() {
        write!(out, "{}{test}", if i == 0 { "" } else { " " })?;
    }
    out.write_all(b"\n")?;
    Ok(())
}

/// Writes aggregates as CSV: `time,` the functions in the order given, `count,good,span_s`; the
/// last is how many seconds a row covers. Says how many rows.
///
/// # Errors
/// [`ExportError`].
pub fn csv_aggregates<E>(
    out: &mut impl Write,
    key: &DatastreamKey,
    aggregates: impl IntoIterator<Item = Result<Bucket, E>>,
    functions: &[Function],
) -> Result<u64, ExportError>
where
    ExportError: From<E>,
{
    let columns = columns(functions);
    put_head(out, &columns)?;
    let mut rows = 0;
    for bucket in aggregates {
        put_bucket(out, &bucket?, &columns, key)?;
        rows += 1;
    }
    Ok(rows)
}

fn put_head(out: &mut impl Write, columns: &[Function]) -> Result<(), ExportError> {
    out.write_all(b"time,")?;
    for function in columns {
        write!(out, "{},", function.name())?;
    }
    out.write_all(b"count,good,span_s\n")?;
    Ok(())
}

fn put_bucket(
    out: &mut impl Write,
    bucket: &Bucket,
    columns: &[Function],
    key: &DatastreamKey,
) -> Result<(), ExportError> {
    write!(out, "{},", Time(bucket.start.0))?;
    for function in columns {
        put(out, bucket, *function, key)?;
        out.write_all(b",")?;
    }
    writeln!(out, "{},{},{}", bucket.count, bucket.good, bucket.span / 1_000_000)?;
    Ok(())
}

/// Several datastreams in one table: each row begins with `station,channel,unit`.
#[derive(Debug)]
pub struct LongCsv<W> {
    out: W,
    /// Of aggregates; `None` for readings.
    columns: Option<Vec<Function>>,
}

impl<W: Write> LongCsv<W> {
    /// Writes the head: for readings without `functions`, for aggregates with them.
    ///
    /// # Errors
    /// [`ExportError::Write`].
    pub fn new(mut out: W, functions: Option<&[Function]>) -> Result<Self, ExportError> {
        let columns = functions.map(columns);
        out.write_all(b"station,channel,unit,")?;
        match &columns {
            None => out.write_all(b"time,value,quality,tests\n")?,
            Some(columns) => put_head(&mut out, columns)?,
        }
        Ok(Self { out, columns })
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
        let (prefix, mut count) = (prefix(key), 0);
        for row in rows {
            self.out.write_all(prefix.as_bytes())?;
            put_reading(&mut self.out, &row?, key)?;
            count += 1;
        }
        Ok(count)
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
        let (prefix, mut count) = (prefix(key), 0);
        for row in rows {
            self.out.write_all(prefix.as_bytes())?;
            put_bucket(&mut self.out, &row?, self.columns.as_deref().unwrap_or_default(), key)?;
            count += 1;
        }
        Ok(count)
    }

    /// Hands back where it wrote to.
    pub fn finish(self) -> W {
        self.out
    }
}

fn prefix(key: &DatastreamKey) -> String {
    format!("{},{},{},", key.node, key.channel, key.quantity.unit())
}

/// One aggregate; nothing when the step holds no usable value.
#[expect(clippy::cast_precision_loss, reason = "a scale is a small power of ten")]
fn put(
    out: &mut impl Write,
    bucket: &Bucket,
    function: Function,
    key: &DatastreamKey,
) -> Result<(), ExportError> {
    let counts = match function {
        Function::Mean => {
            if let Some(mean) = bucket.mean() {
                write!(out, "{}", mean / key.quantity.scale() as f64)?;
            }
            return Ok(());
        }
        Function::Min => bucket.min.map(i128::from),
        Function::Max => bucket.max.map(i128::from),
        Function::Last => bucket.last.map(i128::from),
        Function::Sum => bucket.sum,
        Function::Count => Some(bucket.count.into()),
    };
    if let Some(counts) = counts {
        write!(out, "{}", Decimal { counts, decimals: key.quantity.decimals() })?;
    }
    Ok(())
}
