//! A message as it came from the broker, and what is to be done with it.

use tram_wire::{Answer, Health, NodeId, ReplicaId, Seq, SpoolId, StatusState};

use crate::{Accepted, DeferReason, Record, Refusal, Registration};

/// A publish as the broker delivered it.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// The topic name.
    pub topic: &'a str,
    /// The MQTT 5 property `content-type`, if the publisher set one.
    pub content_type: Option<&'a str>,
    /// The payload, unread.
    pub payload: &'a [u8],
    /// Whether the broker delivered it because it was retained, not because it was just sent.
    pub retained: bool,
}

/// What to do with a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Append it to the log, then tell [`Pipeline::committed`](crate::Pipeline::committed).
    Commit(Accepted),
    /// It was here before; nothing to write.
    Duplicate(Duplicate),
    /// Append it to the quarantine, then tell [`Pipeline::committed`](crate::Pipeline::committed).
    Quarantine(Refusal),
    /// Write the dictionary and the watermark, then tell
    /// [`Pipeline::committed`](crate::Pipeline::committed).
    Birth(Registration),
    /// A node went on or off line. Nothing to write.
    Status(StatusChange),
    /// A node answers a command. Nothing to write.
    Answer(NodeId, Answer),
    /// Another replica has acknowledged; what it said is taken up. Nothing to write now, see
    /// [`Pipeline::heard`](crate::Pipeline::heard).
    Heard(Heard),
    /// Not received: neither kept nor acknowledged, so the node sends it again.
    Defer(Deferral),
    /// Nothing to do: the will of an old boot, which does not take the new one off line; an
    /// acknowledgement of our own, or of a spool that nothing is known of; a command of another
    /// centre.
    Ignore,
}

impl Outcome {
    /// What has to be written to disk, or the outcome itself when nothing has.
    ///
    /// # Errors
    /// The outcome, unchanged, when it is not for the log. The large variants move either way.
    #[expect(clippy::result_large_err, reason = "the outcome is handed back, not an error")]
    pub fn into_record(self) -> Result<Record, Self> {
        match self {
            Self::Commit(accepted) => Ok(Record::Accepted(accepted)),
            Self::Quarantine(refusal) => Ok(Record::Refusal(refusal)),
            Self::Birth(registration) => Ok(Record::Birth(registration)),
            other => Err(other),
        }
    }
}

/// A message that was here before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate {
    /// From whom.
    pub node: NodeId,
    /// The record of a spool that it is; `None` for a SenML pack.
    pub record: Option<(SpoolId, Seq)>,
    /// How many readings it holds; they are counted as received and duplicate.
    pub readings: u64,
    /// Whether the first copy is on disk, here or with another replica. When it is, the next
    /// [`Pipeline::acks`](crate::Pipeline::acks) says so again, since the node seems not to know.
    pub durable: bool,
}

/// A message to be had again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deferral {
    /// From whom.
    pub node: NodeId,
    /// Why.
    pub reason: DeferReason,
    /// Whether to ask the node for its birth message now. At most once every
    /// [`REBIRTH_EVERY_MICROS`](crate::REBIRTH_EVERY_MICROS) for a node.
    pub rebirth: bool,
}

/// What another replica has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// To whom.
    pub node: NodeId,
    /// Of which spool.
    pub spool: SpoolId,
    /// Who.
    pub replica: ReplicaId,
}

/// A node went on or off line, or says how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusChange {
    /// Which node.
    pub node: NodeId,
    /// On or off line.
    pub state: StatusState,
    /// How it is, if it says so.
    pub health: Option<Health>,
}
