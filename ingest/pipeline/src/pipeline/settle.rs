//! What the disk said: committed or not.

use tram_wire::{Ack, NodeId, UnixMicros};

use super::Pipeline;
use crate::{Identity, Receipt, Record, Role, Settled, record::ReceiptKind};

impl Pipeline {
    /// Takes note that these records are on disk: they are part of the next acknowledgement.
    pub fn committed(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            match receipt.kind {
                ReceiptKind::Accepted => {
                    self.counters.pending -= receipt.readings;
                    self.counters.stored += receipt.readings;
                }
                ReceiptKind::Refusal(reason) => {
                    self.counters.pending -= receipt.readings;
                    self.counters.quarantine(reason, receipt.readings);
                }
                ReceiptKind::Birth { .. } | ReceiptKind::Settled => {}
            }
            let Some(node) = receipt.node else { continue };
            let Some(state) = self.nodes.get_mut(&node) else { continue };
            if let ReceiptKind::Birth { spool, held_from } = receipt.kind
                && let Some(spool) = state.spool(spool)
            {
                spool.released(held_from);
            }
            match receipt.identity {
                Some(Identity::Spool { spool, seq }) => {
                    if let Some(spool) = state.spool(spool) {
                        spool.commit(seq);
                    }
                }
                Some(Identity::Pack(Some(digest))) => state.commit_pack(digest),
                Some(Identity::Pack(None)) | None => {}
            }
        }
    }

    /// Takes note that these records did not get to the disk: as if they had never come. The
    /// nodes send them again.
    pub fn withdrawn(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            self.counters.pending -= receipt.readings;
            self.counters.received -= receipt.readings;
            let Some(state) = receipt.node.and_then(|node| self.nodes.get_mut(&node)) else {
                continue;
            };
            match receipt.identity {
                Some(Identity::Spool { spool, seq }) => {
                    if let Some(spool) = state.spool(spool) {
                        spool.withdraw(seq);
                    }
                }
                Some(Identity::Pack(Some(digest))) => state.withdraw_pack(&digest),
                Some(Identity::Pack(None)) | None => {}
            }
        }
    }

    /// The acknowledgements that are owed since the last call, one for each spool of which
    /// something was committed or came again although it is settled. A watcher owes none.
    pub fn acks(&mut self) -> Vec<(NodeId, Ack)> {
        let replica = self.replica;
        let mut acks = Vec::new();
        for (node, state) in &mut self.nodes {
            acks.extend(state.spools_mut().filter_map(|s| Some((*node, s.take_ack(replica)?))));
        }
        if self.policy.role == Role::Watcher {
            acks.clear();
        }
        acks
    }

    /// What is settled without having been committed here, since the last call. Written down now
    /// and then, it keeps the deduplication state on disk short; lost, it is heard again.
    pub fn heard(&mut self, now: UnixMicros) -> Vec<Record> {
        let mut records = Vec::new();
        for (node, state) in &mut self.nodes {
            for spool in state.spools_mut() {
                let (node, id) = (*node, spool.id);
                records.extend(spool.take_heard().map(|progress| {
                    Record::Settled(Settled { node, spool: id, noted: now, progress })
                }));
            }
        }
        records
    }
}
