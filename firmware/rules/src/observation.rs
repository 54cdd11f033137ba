//! What a rule is told.

use tram_wire::{ChannelName, NodeId, Quality, Quantity, UnixMicros};

/// One reading of one channel, with the time it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Whose.
    pub station: NodeId,
    /// Which channel.
    pub channel: ChannelName,
    /// What it measures.
    pub quantity: Quantity,
    /// When it was taken (event time).
    pub time: UnixMicros,
    /// Counts of the quantity; `None` when the sensor gave nothing.
    pub value: Option<i64>,
    /// How good it is.
    pub quality: Quality,
}

/// The word of a node that its own rule raised a level, as an alarm message brings it. It reaches
/// the centre before the readings it came from, and makes the centre join the node's episode
/// instead of opening a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Which channel decided.
    pub channel: ChannelName,
    /// Time of the reading that decided, in Unix time.
    pub at: UnixMicros,
    /// The level that was reached, 1 to 5.
    pub level: u8,
    /// The statistic that reached it, in counts of the quantity.
    pub value: i64,
}
