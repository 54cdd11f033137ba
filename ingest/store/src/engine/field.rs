//! What an engine is asked for, one thing a request.

use super::EngineError;

/// A field of the points, or one of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// Values that may be used.
    Value,
    /// Values that failed their tests.
    Failed,
    /// QARTOD flags.
    Quality,
    /// The tests that fired.
    Tests,
}

impl Field {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Failed => "failed",
            Self::Quality => "quality",
            Self::Tests => "tests",
        }
    }
}

/// What is made of the readings of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// How many usable values.
    Count,
    /// Their sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The one with the latest time.
    Last,
    /// How many readings of any kind.
    Total,
    /// How many good ones.
    Good,
}

impl Fold {
    /// Of which field.
    pub(super) fn field(self) -> Field {
        match self {
            Self::Count | Self::Sum | Self::Min | Self::Max | Self::Last => Field::Value,
            Self::Total | Self::Good => Field::Quality,
        }
    }

    /// What Flux and `InfluxQL` call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count | Self::Total | Self::Good => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Last => "last",
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// A field of every reading.
    Each(Field),
    /// A number for every step of so many microseconds that has one.
    Steps(Fold, i64),
}

/// Times in microseconds, or starts of steps, and what is there, in order of time.
pub(super) type Samples = Box<dyn Iterator<Item = Result<(i64, f64), EngineError>> + Send>;
