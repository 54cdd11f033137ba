//! What goes to disk.

use tram_wire::{Alarm, Birth, NodeId, Seq, SpoolId, UnixMicros};

use crate::{DatastreamKey, Gap, Progress, Readings, Reason, readings::count};

/// The longest explanation kept with a refusal, in bytes.
pub const MAX_DETAIL_BYTES: usize = 256;

/// How a payload in the log is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Form {
    /// A [`tram_wire::Batch`].
    Batch = 1,
    /// A [`tram_wire::Alarm`].
    Alarm = 2,
    /// A SenML pack in JSON.
    SenmlJson = 3,
    /// A SenML pack in CBOR.
    SenmlCbor = 4,
}

impl Form {
    /// The form with this number, if there is one.
    #[must_use]
    pub fn from_number(n: u8) -> Option<Self> {
        Some(match n {
            1 => Self::Batch,
            2 => Self::Alarm,
            3 => Self::SenmlJson,
            4 => Self::SenmlCbor,
            _ => return None,
        })
    }

    /// Its number on disk.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// The first 16 bytes of the SHA-256 of a SenML pack: what it is recognised by.
pub type PackDigest = [u8; 16];

/// By what a second copy of a message is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The record of a node's spool.
    Spool {
        /// Which spool.
        spool: SpoolId,
        /// Its number in the spool.
        seq: Seq,
    },
    /// A SenML pack. Only one whose times are all absolute has a digest; the same bytes with
    /// relative times are other readings.
    Pack(Option<PackDigest>),
}

/// An alarm of a node with its channel resolved and its time in Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeAlarm {
    /// The alarm as the node sent it.
    pub alarm: Alarm,
    /// The datastream whose reading decided.
    pub key: DatastreamKey,
    /// Time of that reading.
    pub at: UnixMicros,
}

/// A message that is sound and new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// From whom.
    pub node: NodeId,
    /// When the centre received it; relative times of a SenML pack count from here.
    pub received: UnixMicros,
    /// By what a second copy is recognised.
    pub identity: Identity,
    /// How the payload is to be read.
    pub form: Form,
    /// Unix time minus uptime that the times were restamped with; `None` when they were absolute.
    pub offset: Option<i64>,
    /// The payload as received.
    pub payload: Vec<u8>,
    /// Its readings; a datastream may appear more than once. Empty for an alarm.
    pub columns: Vec<Readings>,
    /// What the node lost.
    pub losses: Vec<Gap>,
    /// The alarm, when it is one.
    pub alarm: Option<Box<NodeAlarm>>,
}

impl Accepted {
    /// How many readings it holds.
    #[must_use]
    pub fn readings(&self) -> u64 {
        count(&self.columns)
    }

    /// Whether it must be committed at once and not wait for company.
    #[must_use]
    pub fn urgent(&self) -> bool {
        self.form == Form::Alarm
    }
}

/// A message that is quarantined, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// From whom, as far as the topic tells.
    pub node: Option<NodeId>,
    /// When the centre received it.
    pub received: UnixMicros,
    /// The topic, cut to [`MAX_TOPIC_BYTES`](tram_wire::MAX_TOPIC_BYTES).
    pub topic: String,
    /// Why.
    pub reason: Reason,
    /// Why in words, at most [`MAX_DETAIL_BYTES`].
    pub detail: String,
    /// How many readings it holds; 1 when they cannot be counted.
    pub readings: u64,
    /// How long the payload was.
    pub bytes: u64,
    /// The payload, cut to [`MAX_BATCH_BYTES`](tram_wire::MAX_BATCH_BYTES).
    pub payload: Vec<u8>,
    /// The record of the spool it is, when its start could be read. It is acknowledged once it is
    /// in the quarantine, so that it does not block the node.
    pub identity: Option<(SpoolId, Seq)>,
}

/// A birth that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// When the centre received it.
    pub received: UnixMicros,
    /// What it says.
    pub birth: Birth,
    /// The payload as received.
    pub payload: Vec<u8>,
}

/// What is settled of a spool although it was not committed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Whose spool.
    pub node: NodeId,
    /// Which spool.
    pub spool: SpoolId,
    /// When this was noted.
    pub noted: UnixMicros,
    /// What; to be added to what is known.
    pub progress: Progress,
}

/// What the store writes, in the order the pipeline gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Into the log.
    Accepted(Accepted),
    /// Into the quarantine.
    Refusal(Refusal),
    /// Into the dictionaries.
    Birth(Registration),
    /// Into the deduplication state.
    Settled(Settled),
}

/// What the pipeline has to hear about a record once it is on disk, or once it is known that it
/// will not get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub(crate) node: Option<NodeId>,
    pub(crate) identity: Option<Identity>,
    pub(crate) readings: u64,
    pub(crate) kind: ReceiptKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiptKind {
    Accepted,
    Refusal(Reason),
    Birth { spool: SpoolId, held_from: Seq },
    Settled,
}

impl Record {
    /// What to hand to [`Pipeline::committed`](crate::Pipeline::committed) when it is on disk.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        match self {
            Self::Accepted(a) => Receipt {
                node: Some(a.node),
                identity: Some(a.identity),
                readings: a.readings(),
                kind: ReceiptKind::Accepted,
            },
            Self::Refusal(r) => Receipt {
                node: r.node,
                identity: r.identity.map(|(spool, seq)| Identity::Spool { spool, seq }),
                readings: r.readings,
                kind: ReceiptKind::Refusal(r.reason),
            },
            Self::Birth(b) => Receipt {
                node: Some(b.birth.node),
                identity: None,
                readings: 0,
                kind: ReceiptKind::Birth { spool: b.birth.spool, held_from: b.birth.held_from },
            },
            Self::Settled(s) => Receipt {
                node: Some(s.node),
                identity: None,
                readings: 0,
                kind: ReceiptKind::Settled,
            },
        }
    }

    /// Whether it must be committed at once and not wait for company.
    #[must_use]
    pub fn urgent(&self) -> bool {
        matches!(self, Self::Accepted(a) if a.urgent())
    }

    /// How many bytes of payload it brings, for the bound of a group commit.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Accepted(a) => a.payload.len(),
            Self::Refusal(r) => r.payload.len(),
            Self::Birth(b) => b.payload.len(),
            Self::Settled(s) => s.progress.ranges().len().saturating_mul(16),
        }
    }
}
