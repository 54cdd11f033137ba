//! From a payload to readings, for a new message and for one read back from the log.

use tram_wire::{Loss, NodeId, UnixMicros};

use crate::{Dictionary, Form, NodeAlarm, Readings, Reason};

/// What a payload holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Its readings.
    pub columns: Vec<Readings>,
    /// What the node lost, its times in Unix microseconds.
    pub losses: Vec<Loss>,
    /// The alarm, when it is one.
    pub alarm: Option<NodeAlarm>,
}

/// What is needed beside the payload to read it.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// From whom.
    pub node: NodeId,
    /// When the centre received it.
    pub received: UnixMicros,
    /// Unix time minus uptime for times since boot.
    pub offset: Option<i64>,
    /// What the channel numbers mean.
    pub dictionary: &'a Dictionary,
}

/// Reads a payload of the log again.
///
/// # Errors
/// The reason for which it would be refused today.
pub fn replay(form: Form, payload: &[u8], origin: Origin<'_>) -> Result<Content, Reason> {
    let _ = (form, payload, origin);
    Err(Reason::MalformedCbor)
}
