//! Who this centre is among those behind the same broker, for people and metrics.

use tram_wire::ReplicaId;

use crate::config::{Broker, External, Hearing};

/// Who this centre is.
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    /// What its acknowledgements say.
    pub(crate) id: ReplicaId,
    /// What people call it; empty when the configuration does not say.
    pub(crate) name: String,
    /// The group whose messages it shares; empty when it shares none.
    pub(crate) share: String,
    /// Whether it acknowledges.
    pub(crate) acknowledges: bool,
}

impl Replica {
    /// As the configuration says.
    pub(crate) fn new(id: ReplicaId, broker: &Broker) -> Self {
        let external = match broker {
            Broker::External(external) => Some(external),
            Broker::Embedded(_) => None,
        };
        let share = match external {
            Some(External { hearing: Hearing::Share { group, .. }, .. }) => group.clone(),
            _ => String::new(),
        };
        let name = external.and_then(|e| e.replica.clone()).unwrap_or_default();
        Self { id, name, share, acknowledges: external.is_none_or(|e| e.acknowledge) }
    }

    /// What people are told when it is more than a centre alone.
    pub(crate) fn said(&self) -> Option<String> {
        let name = match self.name.as_str() {
            "" => self.id.to_string(),
            name => format!("{name} ({})", self.id),
        };
        match (self.share.as_str(), self.acknowledges) {
            ("", true) if self.name.is_empty() => None,
            ("", true) => Some(name),
            ("", false) => Some(format!("{name}, watches and acknowledges nothing")),
            (share, _) => Some(format!("{name}, a member of the share `{share}`")),
        }
    }
}
