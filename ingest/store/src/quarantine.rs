//! Messages that were refused, kept to be looked at.

use tram_pipeline::Reason;
use tram_wire::{NodeId, UnixMicros};

/// A message in the quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Its number, counted from 1.
    pub id: i64,
    /// When it was received.
    pub received: UnixMicros,
    /// The topic.
    pub topic: String,
    /// From whom, as far as the topic tells.
    pub node: Option<NodeId>,
    /// Why it was refused; `None` for a reason this version does not know.
    pub reason: Option<Reason>,
    /// Why in words.
    pub detail: String,
    /// How many readings it holds; 1 when they cannot be counted.
    pub readings: u64,
    /// How long the payload was.
    pub bytes: u64,
    /// The payload, cut to what was asked for; `None` when it was dropped to stay within
    /// [`Options::quarantine_bytes`](crate::Options::quarantine_bytes).
    pub payload: Option<Vec<u8>>,
}
