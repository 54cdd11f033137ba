//! What a node has lost, with the channel's name and in Unix time.

use tram_wire::{LossCause, Summary};

use crate::DatastreamKey;

/// Readings that were taken, or were due, and will never arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Of which datastream; `None` when nobody can tell any more, or of several of the node.
    pub key: Option<DatastreamKey>,
    /// Time of the first, Unix microseconds.
    pub from: i64,
    /// Time of the last.
    pub to: i64,
    /// How many.
    pub readings: u64,
    /// Why.
    pub cause: LossCause,
    /// What is left of them.
    pub summary: Option<Summary>,
}
