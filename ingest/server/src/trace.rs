//! What a message is called in the log: every line about a batch, from its arrival to the last
//! engine, carries the same name. At the level debug only; when nobody asks, nothing is made.

use std::{collections::VecDeque, fmt};

use tram_pipeline::{Identity, Record};
use tram_store::{LogEntry, LogId};
use tram_wire::{BatchId, NodeId};

/// The most entries whose names are remembered until they are written elsewhere.
const MAX_REMEMBERED: usize = 65_536;

/// The name of a message: `node/spool/seq` for what comes from a spool, `node/senml/digest` for a
/// pack with absolute times, `node/senml` for another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name {
    node: NodeId,
    identity: Identity,
}

impl Name {
    pub(crate) fn new(node: NodeId, identity: Identity) -> Self {
        Self { node, identity }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node;
        match self.identity {
            Identity::Spool { spool, seq } => BatchId { node, spool, seq }.fmt(f),
            Identity::Pack(None) => write!(f, "{node}/senml"),
            Identity::Pack(Some(digest)) => {
                write!(f, "{node}/senml/")?;
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

/// Says what the pipeline decided about a message that has to be written.
pub(crate) fn received(record: &Record, bytes: usize) {
    match record {
        Record::Accepted(a) => {
            let batch = Name::new(a.node, a.identity);
            tracing::debug!(%batch, bytes, readings = a.readings(), outcome = "accepted", "received");
        }
        Record::Refusal(r) => {
            let (reason, readings) = (r.reason.name(), r.readings);
            match (r.node, r.identity) {
                (Some(node), Some((spool, seq))) => {
                    let batch = BatchId { node, spool, seq };
                    tracing::debug!(%batch, bytes, readings, outcome = "quarantined", reason, "received");
                }
                _ => {
                    let topic = r.topic.as_str();
                    tracing::debug!(
                        topic,
                        bytes,
                        readings,
                        outcome = "quarantined",
                        reason,
                        "received"
                    );
                }
            }
        }
        Record::Birth(b) => {
            tracing::debug!(node = %b.birth.node, spool = %b.birth.spool, bytes, "birth");
        }
        // No message becomes one by itself.
        Record::Settled(_) => {}
    }
}

/// Says of each message of a group, whose last entry in the log is `last`, what became of it.
pub(crate) fn group(records: &[Record], number: u64, last: LogId, what: &str) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let accepted = || {
        records.iter().filter_map(|record| match record {
            Record::Accepted(accepted) => Some(accepted),
            Record::Refusal(_) | Record::Birth(_) | Record::Settled(_) => None,
        })
    };
    // Entries have no gaps, and the accepted ones got the last of them in their order.
    let first = last.0.saturating_sub_unsigned(accepted().count() as u64);
    for (entry, a) in (first.saturating_add(1)..).zip(accepted()) {
        let batch = Name::new(a.node, a.identity);
        tracing::debug!(%batch, entry, group = number, "{what}");
    }
}

/// Names of entries that were read and are not yet where they should be.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(VecDeque<(LogId, Name)>);

impl UnderWay {
    /// Remembers what was read, if anybody asks.
    pub(crate) fn read(&mut self, entries: &[LogEntry]) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        for entry in entries {
            if self.0.len() >= MAX_REMEMBERED {
                self.0.pop_front();
            }
            self.0.push_back((entry.id, Name::new(entry.node, entry.identity)));
        }
    }

    /// Hands out what has arrived when everything up to `through` has.
    pub(crate) fn arrived(&mut self, through: LogId, mut tell: impl FnMut(LogId, Name)) {
        while let Some((id, name)) = self.0.front().copied()
            && id <= through
        {
            self.0.pop_front();
            tell(id, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_a_name() {
        let node = NodeId::new("a").unwrap();
        let name = |identity| Name::new(node, identity).to_string();
        let (spool, seq) = (tram_wire::SpoolId(1), tram_wire::Seq(2));
        assert_eq!(name(Identity::Spool { spool, seq }), "a/0000000000000001/2");
        assert_eq!(name(Identity::Pack(None)), "a/senml");
        let pack = name(Identity::Pack(Some([0xab; 16])));
        assert_eq!(pack, format!("a/senml/{}", "ab".repeat(16)));
    }
}
