//! Answers of the history as files: CSV and Parquet, streamed with bounded memory.
//!
//! Values are exact: decimal text in CSV, `DECIMAL` in Parquet. Times are UTC. A mean, and a sum
//! in Parquet, is a double-precision number.

mod csv;
mod json;
mod parquet;
mod parquet_long;
mod text;

pub use csv::{LongCsv, csv, csv_aggregates};
pub use json::Json;
pub use parquet::{parquet, parquet_aggregates};
pub use parquet_long::LongParquet;
pub use text::{Decimal, Time};

use std::io;

use thiserror::Error;

use crate::{StoreError, engine::EngineError};

/// Why an export ended early.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine could not be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Whoever takes the file has gone or has no room.
    #[error("the export could not be written: {0}")]
    Write(#[from] io::Error),
}

/// Which aggregates become columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// Arithmetic mean; of directions that of their vectors.
    Mean,
    /// Smallest; nothing for directions, as are the largest and the sum.
    Min,
    /// Largest.
    Max,
    /// The one with the latest time.
    Last,
    /// Sum.
    Sum,
    /// How many usable values; a column of its own in any case.
    Count,
}

impl Function {
    /// Its name in questions and column heads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Last => "last",
            Self::Sum => "sum",
            Self::Count => "count",
        }
    }
}

/// The functions that need a column beside `count` and `good`, each once.
fn columns(functions: &[Function]) -> Vec<Function> {
    let mut columns = Vec::new();
    for function in functions {
        if *function != Function::Count && !columns.contains(function) {
            columns.push(*function);
        }
    }
    columns
}

#[cfg(test)]
mod tests;
