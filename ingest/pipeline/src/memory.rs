//! What the pipeline has to know again after a restart; the store reads it from disk.

use tram_wire::{ChannelName, NodeId, ReplicaId, SpoolId};

use crate::{Dictionary, PackDigest, Progress};

/// One spool of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolMemory {
    /// Whose it is.
    pub node: NodeId,
    /// Which.
    pub spool: SpoolId,
    /// What of it is on disk.
    pub progress: Progress,
    /// What its channel numbers mean; empty when no birth was ever seen.
    pub dictionary: Dictionary,
}

/// The clock of one boot of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootMemory {
    /// Whose boot.
    pub node: NodeId,
    /// Its random number.
    pub boot: u32,
    /// Unix time minus uptime in microseconds.
    pub offset: i64,
}

/// What the pipeline has to know again after a restart. Each list is in the order in which its
/// items were last written, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Who this centre is, as its acknowledgements say.
    pub replica: ReplicaId,
    /// Every spool that is on disk.
    pub spools: Vec<SpoolMemory>,
    /// The boots whose offset is known.
    pub boots: Vec<BootMemory>,
    /// The SenML packs that were stored last.
    pub packs: Vec<(NodeId, PackDigest)>,
    /// The channels of devices that speak SenML; a device that is not in the configuration is
    /// registered by having one.
    pub third_party: Vec<(NodeId, ChannelName)>,
}
