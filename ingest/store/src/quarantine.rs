//! Messages that were refused, kept to be looked at.

use rusqlite::Connection;
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

/// The messages refused last, newest first.
pub(crate) fn newest(
    db: &Connection,
    limit: usize,
    payload_bytes: usize,
) -> rusqlite::Result<Vec<Quarantined>> {
    let bound = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    db.prepare_cached(
        "SELECT id, received, topic, node, reason, detail, readings, bytes, substr(payload, 1, ?1)
         FROM quarantine ORDER BY id DESC LIMIT ?2",
    )?
    .query_map((bound(payload_bytes), bound(limit)), |r| {
        let (node, reason): (Option<String>, String) = (r.get(3)?, r.get(4)?);
        Ok(Quarantined {
            id: r.get(0)?,
            received: UnixMicros(r.get(1)?),
            topic: r.get(2)?,
            node: node.and_then(|n| NodeId::new(&n).ok()),
            reason: Reason::from_name(&reason),
            detail: r.get(5)?,
            readings: r.get::<_, i64>(6)?.unsigned_abs(),
            bytes: r.get::<_, i64>(7)?.unsigned_abs(),
            payload: r.get(8)?,
        })
    })?
    .collect()
}
