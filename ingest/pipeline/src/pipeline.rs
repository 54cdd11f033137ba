//! One message in, one decision out.

use tram_wire::{Ack, NodeId, UnixMicros};

use crate::{Counters, Incoming, Memory, Outcome, Policy, Receipt};

/// The state that decides: what is known of each node, and the counters.
#[derive(Debug)]
pub struct Pipeline {
    policy: Policy,
    counters: Counters,
}

impl Pipeline {
    /// A pipeline that remembers what the store gave back at its start.
    #[must_use]
    pub fn new(policy: Policy, memory: Memory) -> Self {
        let _ = memory;
        Self { policy, counters: Counters::default() }
    }

    /// Decides what to do with a message. What it returns for the disk must be written in the
    /// order in which it was returned, then told to [`committed`](Self::committed).
    pub fn receive(&mut self, message: Incoming<'_>, now: UnixMicros) -> Outcome {
        let _ = (message, now, &self.policy);
        Outcome::Ignore
    }

    /// Takes note that these records are on disk: they are part of the next acknowledgement.
    pub fn committed(&mut self, receipts: &[Receipt]) {
        let _ = receipts;
    }

    /// Takes note that these records did not get to the disk: as if they had never come. The
    /// nodes send them again.
    pub fn withdrawn(&mut self, receipts: &[Receipt]) {
        let _ = receipts;
    }

    /// The acknowledgements that are owed since the last call, one for each spool of which
    /// something was committed or came again although it is on disk.
    pub fn acks(&mut self) -> Vec<(NodeId, Ack)> {
        Vec::new()
    }

    /// What became of every reading.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
