//! The segments of one priority, oldest first. Only the newest is appended to, so only the newest
//! can be dirty.

use std::collections::VecDeque;

use tram_wire::{Ack, Seq, SpoolId};

use crate::{
    Disk, Span, SpoolError,
    record::{Header, record_bytes},
    segment::Segment,
};

/// Segments of one priority.
pub(crate) struct Chain<D: Disk> {
    /// First letter of the files' names.
    prefix: char,
    pub(crate) segments: VecDeque<Segment<D::File>>,
}

impl<D: Disk> Chain<D> {
    pub(crate) fn new(prefix: char) -> Self {
        Self { prefix, segments: VecDeque::new() }
    }

    fn name(&self, base: Seq) -> String {
        format!("{}-{:016x}.seg", self.prefix, base.0)
    }

    /// The first number a file of this chain may hold, from its name.
    pub(crate) fn base(&self, name: &str) -> Option<Seq> {
        let hex = name.strip_prefix(self.prefix)?.strip_prefix('-')?.strip_suffix(".seg")?;
        let base = u64::from_str_radix(hex, 16).ok().map(Seq)?;
        (self.name(base) == name).then_some(base)
    }

    /// Bytes of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::len).sum()
    }

    /// How many records are held.
    pub(crate) fn held(&self) -> usize {
        self.segments.iter().map(Segment::held).sum()
    }

    /// The lowest number still held.
    pub(crate) fn held_from(&self) -> Option<Seq> {
        self.segments.iter().find_map(Segment::held_from)
    }

    /// Whether a record of so many bytes would begin a new segment.
    pub(crate) fn rolls_for(&self, payload_bytes: u32, segment_bytes: u64) -> bool {
        let fits = |s: &Segment<_>| s.fits(record_bytes(payload_bytes), segment_bytes);
        !self.segments.back().is_some_and(fits)
    }

    /// Begins a new segment. The newest must have been committed.
    pub(crate) fn roll(&mut self, disk: &D, spool: SpoolId, next: Seq) -> Result<(), SpoolError> {
        if self.segments.back().is_some_and(|s| s.len() == 0) {
            return Ok(());
        }
        self.segments.push_back(Segment::create(disk, self.name(next), spool, next)?);
        Ok(())
    }

    /// Appends to the newest segment.
    pub(crate) fn append(&mut self, header: &Header, payload: &[u8]) -> Result<(), SpoolError> {
        // Callers roll before they append, so there is a newest segment.
        self.segments.back_mut().map_or(Ok(()), |s| s.append(header, payload))
    }

    /// Makes everything durable.
    pub(crate) fn commit(&mut self) -> Result<(), (SpoolError, Vec<Span>)> {
        self.segments.back_mut().map_or(Ok(()), Segment::commit)
    }

    /// Whether a commit has something to do.
    pub(crate) fn dirty(&self) -> bool {
        self.segments.back().is_some_and(Segment::dirty)
    }

    /// The first committed, held record with a number above `after`.
    pub(crate) fn next(&self, after: Option<Seq>) -> Option<Seq> {
        self.segments.iter().filter(|s| s.held() > 0).find_map(|s| s.next(after))
    }

    /// Releases what `ack` covers and says how many records that were.
    pub(crate) fn acknowledge(&mut self, ack: &Ack) -> u64 {
        let held = self.segments.iter_mut().filter(|s| s.held() > 0);
        held.map(|s| s.release_all(|seq| ack.covers(seq))).sum()
    }

    /// Releases one record.
    pub(crate) fn release(&mut self, seq: Seq) -> bool {
        self.segments.iter_mut().any(|s| s.release(seq))
    }

    /// Whether there is a segment that nobody needs any more.
    pub(crate) fn has_spent(&self) -> bool {
        self.segments.len() > 1
            && self.segments.iter().take(self.segments.len() - 1).any(|s| s.held() == 0)
    }

    /// Deletes the segments that nobody needs any more, except the newest.
    pub(crate) fn delete_spent(&mut self, disk: &D) -> Result<(), SpoolError> {
        let mut i = 0;
        while i + 1 < self.segments.len() {
            let spent = self.segments.get(i).filter(|s| s.held() == 0);
            let Some(segment) = spent else {
                i += 1;
                continue;
            };
            disk.remove(&segment.name)?;
            self.segments.remove(i);
        }
        Ok(())
    }

    /// How many records there are with a number between the two, both exclusive.
    pub(crate) fn count_between(&self, low: Seq, high: Seq) -> usize {
        self.segments.iter().map(|s| s.count_between(low, high)).sum()
    }
}
