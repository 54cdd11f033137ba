//! Batches, alarms and SenML packs: the messages that may end in the log.

use sha2::{Digest, Sha256};
use tram_wire::{Alarm, Batch, ClockState, NodeId, Seq, SpoolId, UnixMicros};

use super::{Pipeline, refuse::header};
use crate::{
    Accepted, DeferReason, Duplicate, Form, Identity, Incoming, MAX_THIRD_PARTY_CHANNELS, Outcome,
    PackDigest, Reason, Role,
    decode::{self, Content, Origin, Refused, check_times},
    senml,
    spool::Standing,
};

/// A record of a spool on its way through the checks.
struct Arrival {
    node: NodeId,
    spool: SpoolId,
    seq: Seq,
    clock: ClockState,
    form: Form,
    readings: u64,
}

/// What became of an arrival whose place is free.
enum Verdict {
    Accept(Content, Option<i64>),
    Refuse(Refused),
    Defer(DeferReason),
}

impl Pipeline {
    pub(super) fn batch(
        &mut self,
        message: &Incoming<'_>,
        node: NodeId,
        now: UnixMicros,
    ) -> Outcome {
        let batch = match Batch::decode(message.payload) {
            Ok(batch) => batch,
            Err(e) => {
                let identity = header(message.payload);
                return self.refuse(message, Some(node), now, e.into(), identity);
            }
        };
        let arrival = Arrival {
            node,
            spool: batch.header.spool,
            seq: batch.header.seq,
            clock: batch.header.clock,
            form: Form::Batch,
            readings: batch.readings() as u64,
        };
        self.arrive(message, now, &arrival, |origin| decode::batch(batch, origin))
    }

    pub(super) fn alarm(
        &mut self,
        message: &Incoming<'_>,
        node: NodeId,
        now: UnixMicros,
    ) -> Outcome {
        let alarm = match Alarm::decode(message.payload) {
            Ok(alarm) => alarm,
            Err(e) => return self.refuse(message, Some(node), now, e.into(), None),
        };
        let arrival = Arrival {
            node,
            spool: alarm.spool,
            seq: alarm.seq,
            clock: alarm.clock,
            form: Form::Alarm,
            readings: 0,
        };
        self.arrive(message, now, &arrival, |origin| decode::alarm(&alarm, origin))
    }

    /// Takes a record of a spool through deduplication and the checks of its content.
    fn arrive(
        &mut self,
        message: &Incoming<'_>,
        now: UnixMicros,
        arrival: &Arrival,
        decode: impl FnOnce(&Origin<'_>) -> Result<Content, Refused>,
    ) -> Outcome {
        let Arrival { node, spool: id, seq, .. } = *arrival;
        if seq == Seq(u64::MAX) {
            let refused =
                Refused::new(Reason::MalformedCbor, "the number in the spool is the last");
            return self.refuse(message, Some(node), now, refused, None);
        }
        let Some(spool) = self.nodes.entry(node).or_default().spool(id) else {
            return self.defer(node, DeferReason::UnknownSpool, true, now);
        };
        match spool.standing(seq) {
            standing @ (Standing::Settled | Standing::Tentative) => {
                let readings = arrival.readings;
                return self.again(node, id, seq, readings, standing);
            }
            // Nobody sends a watcher anything again.
            Standing::TooManyGaps if self.policy.role == Role::Watcher => {
                spool.give_up_lowest_gap();
            }
            Standing::TooManyGaps => return self.defer(node, DeferReason::TooManyGaps, true, now),
            Standing::Busy => return self.defer(node, DeferReason::Busy, false, now),
            Standing::New => {}
        }
        match self.judge(now, arrival, decode) {
            Verdict::Defer(reason) => self.defer(node, reason, true, now),
            Verdict::Refuse(refused) => {
                self.refuse(message, Some(node), now, refused, Some((id, seq)))
            }
            Verdict::Accept(content, offset) => {
                if let Some(spool) = self.nodes.entry(node).or_default().spool(id) {
                    spool.mark(seq);
                }
                let identity = Identity::Spool { spool: id, seq };
                self.accept(message, now, node, identity, arrival.form, offset, content)
            }
        }
    }

    fn judge(
        &mut self,
        now: UnixMicros,
        arrival: &Arrival,
        decode: impl FnOnce(&Origin<'_>) -> Result<Content, Refused>,
    ) -> Verdict {
        let (earliest, latest) = (self.policy.earliest, now.plus(self.policy.latest_ahead));
        let state = self.nodes.entry(arrival.node).or_default();
        let current_boot = state.current_boot;
        let offset = match arrival.clock {
            ClockState::Rtc | ClockState::Ntp => None,
            ClockState::Unsynchronised { boot } => match state.offset(boot) {
                Some(offset) => Some(offset),
                // Only a birth of another boot, heard by this program, says that none will come.
                None if current_boot.is_some_and(|b| b != boot) => None,
                None => return Verdict::Defer(DeferReason::UnknownOffset),
            },
        };
        let Some(spool) = state.spool(arrival.spool) else {
            return Verdict::Defer(DeferReason::UnknownSpool);
        };
        if spool.dictionary.is_empty() && !spool.confirmed {
            return Verdict::Defer(DeferReason::UnknownSpool);
        }
        let origin =
            Origin { node: arrival.node, received: now, offset, dictionary: &spool.dictionary };
        let checked = decode(&origin).and_then(|content| {
            check_times(&content, earliest, latest)?;
            Ok(content)
        });
        match checked {
            Ok(content) => Verdict::Accept(content, offset),
            Err(refused) if refused.reason == Reason::UnknownChannel && !spool.confirmed => {
                Verdict::Defer(DeferReason::UnknownChannel)
            }
            Err(refused) => Verdict::Refuse(refused),
        }
    }

    pub(super) fn senml(
        &mut self,
        message: &Incoming<'_>,
        node: NodeId,
        now: UnixMicros,
    ) -> Outcome {
        let resolved = read_pack(message, node, now).and_then(|(form, resolved)| {
            let readings = resolved.columns.iter().map(crate::Readings::len).sum();
            let content = Content { columns: resolved.columns, ..Content::default() };
            let latest = now.plus(self.policy.latest_ahead);
            check_times(&content, self.policy.earliest, latest)?;
            if message.retained && !resolved.absolute {
                let detail = "the pack was retained, and its times count from when it was sent";
                return Err(Refused::new(Reason::RetainedRelative, detail).of(readings));
            }
            Ok((form, content, resolved.absolute.then(|| digest(message.payload))))
        });
        let (form, content, digest) = match resolved {
            Ok(resolved) => resolved,
            Err(refused) => return self.refuse(message, Some(node), now, refused, None),
        };
        let readings = crate::readings::count(&content.columns);
        let state = self.nodes.entry(node).or_default();
        if let Some(durable) = digest.and_then(|d| state.pack(&d)) {
            return self.duplicate(Duplicate { node, record: None, readings, durable });
        }
        let was_third_party = state.third_party();
        if let Err(refused) = state.add_channels(&content.columns) {
            if !was_third_party && !self.policy.nodes.contains(&node) {
                self.nodes.remove(&node);
            }
            return self.refuse(message, Some(node), now, refused, None);
        }
        if let Some(digest) = digest {
            state.mark_pack(digest);
        }
        if !was_third_party && !self.policy.nodes.contains(&node) {
            self.third_party += 1;
        }
        self.accept(message, now, node, Identity::Pack(digest), form, None, content)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of the record, once")]
    fn accept(
        &mut self,
        message: &Incoming<'_>,
        received: UnixMicros,
        node: NodeId,
        identity: Identity,
        form: Form,
        offset: Option<i64>,
        content: Content,
    ) -> Outcome {
        let Content { columns, losses, alarm } = content;
        let payload = message.payload.to_vec();
        let accepted =
            Accepted { node, received, identity, form, offset, payload, columns, losses, alarm };
        let readings = accepted.readings();
        self.counters.received += readings;
        self.counters.pending += readings;
        Outcome::Commit(accepted)
    }
}

fn read_pack(
    message: &Incoming<'_>,
    node: NodeId,
    now: UnixMicros,
) -> Result<(Form, senml::Resolved), Refused> {
    let Some(form) = senml::form(message.content_type) else {
        let detail =
            "the content type is neither application/senml+json nor application/senml+cbor";
        return Err(Refused::new(Reason::MalformedSenml, detail));
    };
    let entries = match form {
        Form::SenmlCbor => senml::cbor(message.payload)?,
        _ => senml::json(message.payload)?,
    };
    Ok((form, senml::resolve(&entries, node, now)?))
}

fn digest(payload: &[u8]) -> PackDigest {
    let full: [u8; 32] = Sha256::digest(payload).into();
    let mut digest = PackDigest::default();
    digest.copy_from_slice(full.split_at(16).0);
    digest
}

// One buffer bound serves both kinds of payload.
const _: () = assert!(crate::MAX_SENML_BYTES == tram_wire::MAX_BATCH_BYTES);
const _: () = assert!(MAX_THIRD_PARTY_CHANNELS <= crate::MAX_SENML_RECORDS);
