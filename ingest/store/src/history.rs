//! The readings of one datastream over a range of time.

use tram_wire::{Quality, UnixMicros};

use crate::StoreError;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Event time.
    pub time: UnixMicros,
    /// Value in counts of the quantity; `None` when the sensor gave nothing.
    pub value: Option<i64>,
    /// How good it is.
    pub quality: Quality,
}

/// The readings of one datastream in order of time, each time once. Holds one chunk of some 3600
/// readings and what of the head is in the range. Ends after the first error.
#[derive(Debug)]
pub struct History {
    failed: Option<StoreError>,
}

impl Iterator for History {
    type Item = Result<Reading, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.failed.take().map(Err)
    }
}
