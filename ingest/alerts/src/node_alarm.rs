//! What a rule on a node did, with its names resolved.

use tram_wire::{Alarm, AlarmKind, ChannelName, EpisodeId, NodeId, Quantity, RuleId, UnixMicros};

/// A node's [`Alarm`] with the channel's name and quantity and its time in Unix time, as the
/// pipeline resolved them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeAlarm {
    /// The node that decided.
    pub station: NodeId,
    /// Which rule.
    pub rule: RuleId,
    /// Which version of the rule.
    pub version: u32,
    /// Which episode; the centre's own rule gives the same id.
    pub episode: EpisodeId,
    /// What happened.
    pub kind: AlarmKind,
    /// The level that holds now, 1 to 5; 0 when cleared, 0 to 5 about the siren.
    pub level: u8,
    /// The channel whose reading decided.
    pub channel: ChannelName,
    /// What it measures.
    pub quantity: Quantity,
    /// Time of that reading.
    pub at: UnixMicros,
    /// Its value, or the rule's statistic, in counts of the quantity; about the siren, the number of
    /// an [`Actor`](tram_wire::Actor).
    pub value: i64,
}

impl NodeAlarm {
    /// Joins an alarm with what the node's birth and the clock's offset say about it.
    #[must_use]
    pub fn new(
        station: NodeId,
        alarm: &Alarm,
        channel: ChannelName,
        quantity: Quantity,
        at: UnixMicros,
    ) -> Self {
        Self {
            station,
            rule: alarm.rule,
            version: alarm.version,
            episode: alarm.episode,
            kind: alarm.kind,
            level: alarm.level,
            channel,
            quantity,
            at,
            value: alarm.value,
        }
    }
}
