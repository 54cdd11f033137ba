//! Why an engine did not answer.

use thiserror::Error;

/// Why an engine did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Nobody is there, or it took too long.
    #[error("it does not answer: {0}")]
    Unreachable(String),
    /// It is there and does not want to.
    #[error("it answered {status}: {reason}")]
    Refused {
        /// The status.
        status: u16,
        /// What it said.
        reason: String,
    },
    /// It gave up in the middle.
    #[error("it gave up: {0}")]
    GaveUp(String),
    /// What it says is no answer to what it was asked.
    #[error("its answer cannot be read: {0}")]
    Malformed(String),
}

/// An answer that is none.
pub(super) fn malformed(detail: impl Into<String>) -> EngineError {
    EngineError::Malformed(detail.into())
}
