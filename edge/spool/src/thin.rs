//! Making room: the oldest segment of a tier becomes rows of a coarser one, or goes for good.
//!
//! The rows are written and durable first; then the state says, in one write, that the segment is
//! gone and what else there is to tell of it; then its file is deleted. Until the state says so the
//! rows do not count (recovery cuts them off), so a reading is in the segment, in a row, or told to
//! be lost, and never in two of these.
//!
//! A record that may have been sent is another matter, since the centre may have it already. It
//! leaves a notice *of its own number* that tells its readings as lost: whichever of the two the
//! centre saw first counts, the other is a duplicate.

use tram_wire::{Batch, BatchHeader, LossCause, Seq};

use crate::{
    Disk, Lost, Spool, SpoolError,
    pile::Pile,
    policy::{Holdings, Step, Use},
    record::{Header, Source, Span, record_bytes},
    segment::Read,
    tier::Tier,
};

/// The part of the budget that notices of single records may take; beyond, a record that may have
/// been sent is treated as if it had not been.
const NOTICES_SHARE: u64 = 2;

/// What the oldest segment of a tier holds.
#[derive(Default)]
struct Stock {
    /// Of the records that were never sent.
    pile: Pile,
    /// The records that may have been sent, without their readings.
    notices: Vec<(Span, Batch)>,
    /// What cannot be read any more.
    rotten: Vec<Lost>,
}

/// A record to be written.
type Planned = (Header, Vec<u8>);

impl<D: Disk> Spool<D> {
    /// Makes room for so many bytes.
    pub(crate) fn make_room(&mut self, bytes: u64) -> Result<(), SpoolError> {
        loop {
            match self.holdings(bytes, self.options.segment_bytes).next() {
                Step::Enough => return Ok(()),
                // What is kept free for thinning may be used when there is nothing to thin.
                Step::Full if self.holdings(bytes, 0).next() == Step::Enough => return Ok(()),
                Step::Full => return Err(SpoolError::Full),
                Step::Thin(tier) => self.thin(tier)?,
            }
        }
    }

    fn holdings(&self, incoming: u64, headroom: u64) -> Holdings {
        let fixed = [self.alarm.disk_bytes(), self.notice.disk_bytes(), self.state.disk_bytes()];
        Holdings {
            budget: self.options.max_bytes,
            incoming,
            headroom,
            fixed: fixed.iter().sum(),
            tiers: self
                .tiers
                .each_ref()
                .map(|chain| Use { bytes: chain.disk_bytes(), segments: chain.filled() }),
        }
    }

    /// Thins the oldest segment of a tier.
    fn thin(&mut self, tier: Tier) -> Result<(), SpoolError> {
        self.commit_raw()?;
        if self.tier(tier).segments.len() < 2 {
            self.roll(tier)?;
        }
        let [Some(oldest), Some(second)] = [0, 1].map(|i| self.tier(tier).segments.get(i)) else {
            return Err(SpoolError::Full);
        };
        let (source, size, from) =
            (Source { tier, base: oldest.base() }, oldest.len(), second.base());
        let stock = self.take_stock(tier);
        let target = self.target(&stock.pile, tier, size);
        let before = self.state.clone();
        let notice_end = self.notice.end();
        let target_end = target.as_ref().map(|(t, _)| (*t, self.tier(*t).end()));
        let written = self.write_thinned(&stock, target.as_ref(), source).and_then(|()| {
            if let Some(at) = self.state.from.get_mut(tier.index()) {
                *at = from;
            }
            let evicted = stock.pile.evicted().filter(|_| target.is_none());
            stock.rotten.iter().copied().chain(evicted).for_each(|l| self.state.losses.push(l));
            self.write_state()
        });
        if let Err(e) = written {
            self.state = before;
            self.notice.back_to(notice_end, &self.disk);
            if let Some((target, end)) = target_end {
                let disk = &self.disk;
                if let Some(chain) = self.tiers.get_mut(target.index()) {
                    chain.back_to(end, disk);
                }
            }
            return Err(e);
        }
        self.count_thinned(tier, &stock, target.is_some());
        if let Some(gone) = self.tier_mut(tier).segments.pop_front()
            && self.disk.remove(&gone.name).is_err()
        {
            self.garbage.push(gone.name);
        }
        Ok(())
    }

    fn take_stock(&self, tier: Tier) -> Stock {
        let mut stock = Stock::default();
        let Some(oldest) = self.tier(tier).segments.front() else { return stock };
        let finest = tier.max(Tier::TenMinutes);
        let notices = self.notice.disk_bytes() < self.options.max_bytes / NOTICES_SHARE;
        // An unreadable record counts as one reading, taken when the one before it was.
        let mut last = Span { readings: 1, ..Span::NONE };
        for entry in oldest.entries() {
            let read = oldest.read_entry(entry);
            let batch = match &read {
                Ok(Read::Payload(payload)) => Batch::decode(payload).ok(),
                _ => None,
            };
            let Some(batch) = batch else {
                // A medium that fails here must not keep everything else from being written.
                let span = match read {
                    Ok(Read::Rotten(Some(span))) => span,
                    _ => Span { readings: 1, ..last },
                };
                stock.rotten.push(lost(span, LossCause::Corrupt));
                continue;
            };
            last = span_of(&batch);
            let notice = (entry.sent() && notices).then(|| self.notice_of(&batch, last)).flatten();
            match notice {
                Some(notice) => stock.notices.push(notice),
                None => stock.pile.add(&batch, finest, &self.state.dictionary),
            }
        }
        stock
    }

    /// What stands for a record under its own number once its readings are gone.
    fn notice_of(&self, batch: &Batch, span: Span) -> Option<(Span, Batch)> {
        let dictionary = &self.state.dictionary;
        let mut pile = Pile::default();
        pile.add(batch, Tier::TenMinutes, dictionary);
        let tiers = Tier::Raw.below();
        let mut fitting = tiers.map(|tier| pile.coarser(tier, dictionary).batches());
        let (_, losses) = fitting.find(|batches| batches.len() == 1)?.pop()?;
        Some((span, Batch { header: batch.header, columns: Vec::new(), losses }))
    }

    /// The finest tier in which the pile takes half of what it took or less, and its records there;
    /// `None` when there is none, or nothing to write.
    fn target(&self, pile: &Pile, tier: Tier, size: u64) -> Option<(Tier, Vec<Planned>)> {
        if pile.is_empty() {
            return None;
        }
        tier.below().find_map(|target| {
            let rows = pile.coarser(target, &self.state.dictionary);
            let records = self.records(&rows)?;
            let bytes: u64 = records.iter().map(|(header, _)| header.record_bytes()).sum();
            (bytes.saturating_mul(2) <= size).then_some((target, records))
        })
    }

    /// The rows as records with the next numbers.
    fn records(&self, rows: &Pile) -> Option<Vec<Planned>> {
        let records =
            rows.batches().into_iter().zip(self.next_seq.0..).map(|((span, losses), n)| {
                let header = BatchHeader { spool: self.id(), seq: Seq(n), clock: span.clock };
                let payload = Batch { header, columns: Vec::new(), losses }.encode().ok()?;
                Some((Header::of(Seq(n), span, &payload), payload))
            });
        records.collect()
    }

    fn write_thinned(
        &mut self,
        stock: &Stock,
        target: Option<&(Tier, Vec<Planned>)>,
        source: Source,
    ) -> Result<(), SpoolError> {
        let notices = stock.notices.iter().filter_map(|(span, batch)| {
            // It was encoded before with more in it.
            let payload = batch.encode().ok()?;
            Some((Header::of(batch.header.seq, *span, &payload), payload))
        });
        let notices: Vec<Planned> = notices.collect();
        let (segment_bytes, spool, next) = (self.options.segment_bytes, self.id(), self.next_seq);
        let released = self.held_from();
        let mut works = vec![(&mut self.notice, &notices)];
        if let Some((tier, records)) = target
            && let Some(chain) = self.tiers.get_mut(tier.index())
        {
            self.next_seq = Seq(next.0.saturating_add(records.len() as u64));
            works.push((chain, records));
        }
        for (chain, records) in works.into_iter().filter(|(_, records)| !records.is_empty()) {
            let bytes = records.iter().map(|(h, _)| h.record_bytes()).sum();
            if chain.rolls_for(bytes, segment_bytes) {
                chain.roll(&self.disk, spool, next, released)?;
            }
            for (header, payload) in records {
                chain.append(&Header { source: Some(source), ..*header }, payload)?;
            }
            chain.commit()?;
        }
        Ok(())
    }

    fn count_thinned(&mut self, tier: Tier, stock: &Stock, kept: bool) {
        let told = stock.notices.iter().map(|(span, _)| span.readings).sum::<u64>();
        let readings = stock.pile.readings();
        self.stats.corrupt_records_total += stock.rotten.len() as u64;
        if !kept {
            self.stats.evicted_readings_total += readings;
        }
        // Further down, readings were counted when they were thinned the first time.
        if tier == Tier::Raw {
            self.stats.thinned_readings_total += told + if kept { readings } else { 0 };
        }
    }
}

/// What a batch stands for: its readings, or those its losses tell of.
pub(crate) fn span_of(batch: &Batch) -> Span {
    let readings = batch.columns.iter().flat_map(|c| c.micros.iter().copied());
    let losses = batch.losses.iter().flat_map(|l| [l.from, l.to]);
    let times = || readings.clone().chain(losses.clone());
    Span {
        clock: batch.header.clock,
        from: times().min().unwrap_or(0),
        to: times().max().unwrap_or(0),
        readings: batch.readings() as u64 + batch.losses.iter().map(|l| l.readings).sum::<u64>(),
    }
}

/// Readings of which only the span is known.
pub(crate) fn lost(span: Span, cause: LossCause) -> Lost {
    let Span { clock, from, to, readings } = span;
    Lost { channel: None, clock, from, to, readings, cause }
}

/// Whether a payload of so many bytes is a record at all.
pub(crate) fn checked_bytes(payload: &[u8]) -> Result<u64, SpoolError> {
    match u32::try_from(payload.len()) {
        Ok(n) if payload.len() <= crate::MAX_RECORD_BYTES => Ok(record_bytes(n)),
        _ => Err(SpoolError::TooLarge(payload.len())),
    }
}
