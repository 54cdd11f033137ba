//! What the centre accepts.

use std::collections::HashSet;

use tram_wire::{NodeId, UnixMicros};

/// The most third-party devices that may register themselves.
pub const MAX_THIRD_PARTY_NODES: usize = 64;
/// The most channels of one third-party device.
pub const MAX_THIRD_PARTY_CHANNELS: usize = 256;

/// What happens with a SenML pack of a device that is not in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ThirdParty {
    /// It is quarantined as `unknown-node`.
    #[default]
    Refuse,
    /// The device is registered, up to [`MAX_THIRD_PARTY_NODES`] of them.
    Register,
}

/// What this centre is among those behind the same broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// The only one that acknowledges: what it receives, it commits.
    #[default]
    Alone,
    /// One of several among which the broker spreads messages. It hears the acknowledgements of
    /// the others, so that what they have committed leaves no gap here.
    Replica,
    /// It reads along and acknowledges nothing. What the others have committed, it still wants to
    /// see itself.
    Watcher,
}

/// What the centre accepts, from its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The nodes that may speak at all.
    pub nodes: HashSet<NodeId>,
    /// What this centre is among several.
    pub role: Role,
    /// What happens with a SenML pack of another device.
    pub third_party: ThirdParty,
    /// The earliest time a reading may have.
    pub earliest: UnixMicros,
    /// How far ahead of the centre's clock a reading may be, in microseconds.
    pub latest_ahead: i64,
}

impl Policy {
    /// 2000-01-01T00:00:00Z.
    pub const DEFAULT_EARLIEST: UnixMicros = UnixMicros(946_684_800_000_000);
    /// One day in microseconds.
    pub const DEFAULT_LATEST_AHEAD: i64 = 86_400_000_000;
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            nodes: HashSet::new(),
            role: Role::Alone,
            third_party: ThirdParty::Refuse,
            earliest: Self::DEFAULT_EARLIEST,
            latest_ahead: Self::DEFAULT_LATEST_AHEAD,
        }
    }
}
