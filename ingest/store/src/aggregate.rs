//! Readings of one datastream by steps of time.

use tram_wire::UnixMicros;

use crate::{History, StoreError};

/// What one step of time holds. Only usable values enter (good, not evaluated, suspect; see
/// [`Quality::usable`](tram_wire::Quality::usable)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Start of the step; it ends before the start of the next.
    pub start: UnixMicros,
    /// Usable values that entered.
    pub count: u64,
    /// How many of them are good.
    pub good: u64,
    /// All readings of the step, with the missing and the failed.
    pub total: u64,
    /// Smallest value in counts of the quantity.
    pub min: Option<i64>,
    /// Largest value.
    pub max: Option<i64>,
    /// Value with the latest time.
    pub last: Option<i64>,
    /// Sum of the values.
    pub sum: i128,
}

impl Bucket {
    /// Mean of the values in counts of the quantity, `None` without a value.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean is rounded anyway")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
}

/// The steps of a range that hold a reading, in order of time. Ends after the first error.
#[derive(Debug)]
pub struct Aggregates {
    history: History,
}

impl Iterator for Aggregates {
    type Item = Result<Bucket, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.history.next()? {
            Ok(_) => None,
            Err(e) => Some(Err(e)),
        }
    }
}
