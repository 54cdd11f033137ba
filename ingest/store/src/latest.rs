//! The latest reading of a datastream.

use tram_pipeline::DatastreamKey;
use tram_wire::{Quality, UnixMicros};

/// The reading of a datastream with the latest event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latest {
    /// Of what.
    pub key: DatastreamKey,
    /// Event time.
    pub time: UnixMicros,
    /// Value in counts of the quantity; `None` when the sensor gave nothing.
    pub value: Option<i64>,
    /// How good it is.
    pub quality: Quality,
    /// When the centre received it.
    pub received: UnixMicros,
}
