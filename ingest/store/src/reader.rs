//! The log in order, for consumers.

use tram_pipeline::{Form, Identity, NodeAlarm, Readings};
use tram_wire::{Loss, NodeId, UnixMicros};

use crate::{LogId, StoreError};

/// One entry of the log, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place.
    pub id: LogId,
    /// From whom.
    pub node: NodeId,
    /// When the centre received it.
    pub received: UnixMicros,
    /// By what a second copy is recognised; the digest of a pack is not kept here.
    pub identity: Identity,
    /// How the payload is to be read.
    pub form: Form,
    /// The payload as received.
    pub payload: Vec<u8>,
    /// Its readings.
    pub columns: Vec<Readings>,
    /// What the node lost, its times in Unix microseconds.
    pub losses: Vec<Loss>,
    /// The alarm, when it is one.
    pub alarm: Option<NodeAlarm>,
}

/// Reads the log on a connection of its own; one for each consumer.
#[derive(Debug)]
pub struct LogReader {}

impl LogReader {
    /// The entries behind `cursor`, at most `limit`, in order. Empty when there are none.
    ///
    /// # Errors
    /// [`StoreError::Trimmed`] when entries behind the cursor are gone; others when the log
    /// cannot be read.
    pub fn after(&mut self, cursor: LogId, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        let _ = (cursor, limit);
        Ok(Vec::new())
    }

    /// The last entry that is on disk.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn last(&mut self) -> Result<LogId, StoreError> {
        Ok(LogId(0))
    }
}
