//! What the disk said: committed or not.

use tram_wire::{Ack, NodeId};

use super::Pipeline;
use crate::{Identity, Receipt, record::ReceiptKind};

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
                ReceiptKind::Birth { .. } => {}
            }
            let Some(node) = receipt.node else { continue };
            let Some(state) = self.nodes.get_mut(&node) else { continue };
            if let ReceiptKind::Birth { spool, held_from } = receipt.kind
                && let Some(spool) = state.spool(spool)
            {
                spool.progress.raise(held_from);
                spool.owes_ack = true;
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
    /// something was committed or came again although it is on disk.
    pub fn acks(&mut self) -> Vec<(NodeId, Ack)> {
        let mut acks = Vec::new();
        for (node, state) in &mut self.nodes {
            for spool in state.spools_mut() {
                if std::mem::take(&mut spool.owes_ack) {
                    acks.push((*node, spool.progress.ack(spool.id)));
                }
            }
        }
        acks
    }
}
