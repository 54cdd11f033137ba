//! What goes out of the spool, and what comes back.

use tram_wire::{Ack, Batch, BatchHeader, ClockState, Loss, LossCause, MAX_BATCH_LOSSES, Seq};

use super::{Lane, Spool, put};
use crate::{
    Disk, Lost, SpoolError,
    chain::Chain,
    record::{Header, Span},
    segment::Read,
    thin::{checked_bytes, lost, span_of},
};

impl<D: Disk> Spool<D> {
    /// The committed record of `lane` with the lowest number above `after` that is still held.
    #[must_use]
    pub fn next(&self, lane: Lane, after: Option<Seq>) -> Option<Seq> {
        self.lane(lane).filter_map(|chain| chain.next(after)).min()
    }

    /// The durable record of `lane` with the highest number that is still held.
    #[must_use]
    pub fn newest(&self, lane: Lane) -> Option<Seq> {
        self.lane(lane).filter_map(Chain::newest).max()
    }

    /// The payload of a held record; `None` when it is not held any more. A record that the
    /// medium gives back changed is released, noted as lost, and `None` as well.
    ///
    /// # Errors
    /// As the disk says.
    pub fn read(&mut self, seq: Seq) -> Result<Option<Vec<u8>>, SpoolError> {
        let mut found = Read::NotHere;
        for chain in self.chains() {
            found = chain.read(seq)?;
            if !matches!(found, Read::NotHere) {
                break;
            }
        }
        match found {
            Read::NotHere => Ok(None),
            Read::Payload(payload) => Ok(Some(payload)),
            Read::Rotten(span) => {
                self.stats.corrupt_records_total += 1;
                let unknown = Span { readings: 1, ..Span::NONE };
                self.lose(lost(span.unwrap_or(unknown), LossCause::Corrupt));
                for chain in self.chains_mut() {
                    chain.release(seq);
                }
                Ok(None)
            }
        }
    }

    /// Notes that a record is about to be sent: from now on the centre may have it. To be called
    /// before it is.
    ///
    /// # Errors
    /// As the disk says. It may be sent all the same; only when the power goes as well, and the
    /// record is evicted before the centre has acknowledged it, will it be told to be lost
    /// although the centre has it.
    pub fn sending(&mut self, seq: Seq) -> Result<(), SpoolError> {
        // Alarms and notices are never evicted, so nothing depends on it.
        let news = self.tiers.iter_mut().any(|chain| chain.send(seq));
        if news && self.state.sent.note(seq) { self.write_state() } else { Ok(()) }
    }

    /// Releases what the centre has on its disk and says how many records that were. An
    /// acknowledgement of another spool releases nothing.
    ///
    /// # Errors
    /// As the disk says when a spent segment cannot be deleted. The records are released all the
    /// same, and the next acknowledgement tries the deletion again.
    pub fn acknowledge(&mut self, ack: &Ack) -> Result<u64, SpoolError> {
        if ack.spool != self.id() {
            return Ok(0);
        }
        let released = self.chains_mut().map(|chain| chain.acknowledge(ack)).sum();
        self.state.sent.forget_below(self.held_from());
        if self.chains().any(Chain::has_spent) {
            // Once the segments are gone only the state remembers how far the numbers went.
            self.write_state()?;
            let disk = &self.disk;
            let chains = self.tiers.iter_mut().chain([&mut self.alarm, &mut self.notice]);
            for chain in chains {
                chain.delete_spent(disk)?;
            }
        }
        Ok(released)
    }

    /// Tells the losses that wait, as many as one batch takes, in a batch of its own on `clock`,
    /// durable when this returns. `times` says when a loss began and ended on that clock. `None`
    /// when there is nothing to tell.
    ///
    /// # Errors
    /// [`SpoolError`] as the disk says; the losses wait on.
    pub fn tell(
        &mut self,
        clock: ClockState,
        times: impl Fn(&Lost) -> (i64, i64),
    ) -> Result<Option<Seq>, SpoolError> {
        let told = self.state.losses.pending().len().min(MAX_BATCH_LOSSES);
        if told == 0 {
            return Ok(None);
        }
        if self.unsaved {
            // A restart would take the readings for lost once more if it did not know that their
            // channels were accounted for so far.
            self.write_state()?;
        }
        let losses = self.state.losses.pending().take(told).map(|l| {
            let (from, to) = times(l);
            let Lost { channel, readings, cause, .. } = *l;
            Loss { channel, from, to: to.max(from), readings, cause, summary: None }
        });
        let losses = losses.collect();
        let seq = self.next_seq;
        let header = BatchHeader { spool: self.id(), seq, clock };
        let batch = Batch { header, columns: Vec::new(), losses };
        let payload = batch.encode().map_err(SpoolError::Batch)?;
        match self.make_room(checked_bytes(&payload)?) {
            // Making room has changed the losses, or the numbers.
            Ok(()) if self.next_seq != seq => return self.tell(clock, times),
            other => other?,
        }
        let place = (self.id(), self.options.segment_bytes, self.held_from());
        let through = self.state.losses.told().saturating_add(u32::try_from(told).unwrap_or(0));
        let header = Header { losses_told: through, ..Header::of(seq, span_of(&batch), &payload) };
        self.next_seq = seq.next();
        put(&mut self.notice, &self.disk, place, &header, &payload)?;
        self.state.losses.tell(told);
        Ok(Some(seq))
    }
}
