//! What messages call a station.

use tram_rules::Words;
use tram_wire::NodeId;

/// A station the centre knows: its name, and the name people read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// The node's name.
    pub id: NodeId,
    /// What people call it, in each language.
    pub name: Words,
}
