//! Into the quarantine.

use tram_wire::{
    BatchHeader, Kind, MAX_BATCH_BYTES, MAX_TOPIC_BYTES, NodeId, Seq, SpoolId, Topic, UnixMicros,
};

use super::Pipeline;
use crate::{
    Duplicate, Incoming, MAX_DETAIL_BYTES, Outcome, Reason, Refusal, decode::Refused,
    spool::Standing,
};

impl Pipeline {
    /// Quarantines a message, whole. `identity` is the record of a spool that it is, when its
    /// start could be read: it is marked, so that it is acknowledged once it is on disk.
    pub(super) fn refuse(
        &mut self,
        message: &Incoming<'_>,
        node: Option<NodeId>,
        now: UnixMicros,
        refused: Refused,
        identity: Option<(SpoolId, Seq)>,
    ) -> Outcome {
        if let (Some(node), Some((id, seq))) = (node, identity) {
            let (spool, forgotten) = self.nodes.entry(node).or_default().open_spool(id);
            self.counters.forgotten += forgotten;
            match spool.standing(seq) {
                standing @ (Standing::Settled | Standing::Tentative) => {
                    return self.again(node, id, seq, refused.readings, standing);
                }
                // Without room for the mark it is quarantined all the same, and comes again.
                Standing::TooManyGaps | Standing::Busy => {
                    return self.quarantine(message, Some(node), now, refused, None);
                }
                Standing::New => spool.mark(seq),
            }
        }
        self.quarantine(message, node, now, refused, identity)
    }

    fn quarantine(
        &mut self,
        message: &Incoming<'_>,
        node: Option<NodeId>,
        now: UnixMicros,
        refused: Refused,
        identity: Option<(SpoolId, Seq)>,
    ) -> Outcome {
        self.counters.received += refused.readings;
        self.counters.pending += refused.readings;
        let mut detail = refused.detail;
        detail.truncate(cut(&detail, MAX_DETAIL_BYTES).len());
        let payload = message.payload.get(..MAX_BATCH_BYTES).unwrap_or(message.payload).to_vec();
        Outcome::Quarantine(Refusal {
            node,
            received: now,
            topic: cut(message.topic, MAX_TOPIC_BYTES).to_owned(),
            reason: refused.reason,
            detail,
            readings: refused.readings,
            bytes: message.payload.len() as u64,
            payload,
            identity,
        })
    }

    pub(super) fn oversize(
        &mut self,
        message: &Incoming<'_>,
        topic: Topic,
        now: UnixMicros,
    ) -> Outcome {
        let bytes = message.payload.len();
        let detail = format!("{bytes} bytes, at most {MAX_BATCH_BYTES} are read");
        let identity = match topic.kind {
            Kind::Data => header(message.payload),
            _ => None,
        };
        let refused = Refused::new(Reason::Oversize, detail);
        self.refuse(message, Some(topic.node), now, refused, identity)
    }

    /// A record of a spool that was here before, or with another replica.
    pub(super) fn again(
        &mut self,
        node: NodeId,
        id: SpoolId,
        seq: Seq,
        readings: u64,
        standing: Standing,
    ) -> Outcome {
        let durable = standing == Standing::Settled;
        let spool = self.nodes.get_mut(&node).and_then(|state| state.spool(id));
        if let Some(spool) = spool.filter(|_| durable) {
            spool.ask(seq);
        }
        let record = Some((id, seq));
        self.duplicate(Duplicate { node, record, readings, durable })
    }

    /// Counts a message that was here before.
    pub(super) fn duplicate(&mut self, duplicate: Duplicate) -> Outcome {
        self.counters.received += duplicate.readings;
        self.counters.duplicate += duplicate.readings;
        Outcome::Duplicate(duplicate)
    }
}

/// The record of the spool that a batch is, if at least its start can be read. The last number of
/// all is none: no acknowledgement could cover it.
pub(super) fn header(payload: &[u8]) -> Option<(SpoolId, Seq)> {
    let header = BatchHeader::decode(payload).ok()?;
    (header.seq != Seq(u64::MAX)).then_some((header.spool, header.seq))
}

/// The start of `text` of at most `max` bytes, cut between characters.
fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
