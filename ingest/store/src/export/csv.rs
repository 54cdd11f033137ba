//! CSV (RFC 4180, with line feeds). No field can hold a comma, a quote or a line end.

use std::io::Write;

use tram_pipeline::DatastreamKey;

use super::{
    ExportError, Function, columns,
    text::{Decimal, Time},
};
use crate::{Aggregates, Bucket, History};

/// Writes readings as CSV: `time,value,quality,tests`, the names of the tests separated by
/// spaces. Says how many.
///
/// # Errors
/// [`ExportError`].
pub fn csv(
    out: &mut impl Write,
    key: &DatastreamKey,
    history: History,
) -> Result<u64, ExportError> {
    let decimals = key.quantity.decimals();
    out.write_all(b"time,value,quality,tests\n")?;
    let mut rows = 0;
    for reading in history {
        let reading = reading?;
        write!(out, "{},", Time(reading.time.0))?;
        if let Some(counts) = reading.value {
            write!(out, "{}", Decimal { counts: counts.into(), decimals })?;
        }
        write!(out, ",{},", reading.quality.flag as u8)?;
        for (i, test) in reading.quality.tests.names().enumerate() {
            write!(out, "{}{test}", if i == 0 { "" } else { " " })?;
        }
        out.write_all(b"\n")?;
        rows += 1;
    }
    Ok(rows)
}

/// Writes aggregates as CSV: `time,` the functions in the order given, `count,good`. Says how
/// many rows.
///
/// # Errors
/// [`ExportError`].
pub fn csv_aggregates(
    out: &mut impl Write,
    key: &DatastreamKey,
    aggregates: Aggregates,
    functions: &[Function],
) -> Result<u64, ExportError> {
    let columns = columns(functions);
    out.write_all(b"time,")?;
    for function in &columns {
        write!(out, "{},", function.name())?;
    }
    out.write_all(b"count,good\n")?;
    let mut rows = 0;
    for bucket in aggregates {
        let bucket = bucket?;
        write!(out, "{},", Time(bucket.start.0))?;
        for function in &columns {
            put(out, &bucket, *function, key)?;
            out.write_all(b",")?;
        }
        writeln!(out, "{},{}", bucket.count, bucket.good)?;
        rows += 1;
    }
    Ok(rows)
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
