//! The segments of one lane, oldest first. Only the newest is appended to, so only the newest can
//! be dirty.

use std::collections::VecDeque;

use tram_wire::{Ack, Seq, SpoolId};

use crate::{
    Disk, SpoolError,
    record::{Header, Kind, Span},
    segment::{Read, Segment},
};

/// Segments of one lane.
pub(crate) struct Chain<D: Disk> {
    /// First letter of the files' names.
    prefix: char,
    pub(crate) segments: VecDeque<Segment<D::File>>,
    /// Readings appended to it, ever.
    readings: u64,
    /// Of these, readings in durable records.
    durable: u64,
}

/// Where a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Start {
    /// The first number it may hold.
    pub(crate) base: Seq,
    /// Readings the chain had taken before.
    pub(crate) readings: u64,
}

/// Where a chain ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    segments: usize,
    len: u64,
    readings: u64,
}

impl<D: Disk> Chain<D> {
    pub(crate) fn new(prefix: char) -> Self {
        Self { prefix, segments: VecDeque::new(), readings: 0, durable: 0 }
    }

    fn name(&self, start: Start) -> String {
        format!("{}-{:016x}-{:x}.seg", self.prefix, start.base.0, start.readings)
    }

    /// Where a file of this chain begins, from its name.
    pub(crate) fn start(&self, name: &str) -> Option<Start> {
        let rest = name.strip_prefix(self.prefix)?.strip_prefix('-')?.strip_suffix(".seg")?;
        let (base, readings) = rest.split_once('-')?;
        let number = |hex| u64::from_str_radix(hex, 16).ok();
        let start = Start { base: Seq(number(base)?), readings: number(readings)? };
        (self.name(start) == name).then_some(start)
    }

    /// What it takes on the disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(Segment::disk_bytes).sum()
    }

    /// How many records are held.
    pub(crate) fn held(&self) -> usize {
        self.segments.iter().map(Segment::held).sum()
    }

    /// The lowest number still held.
    pub(crate) fn held_from(&self) -> Option<Seq> {
        self.segments.iter().filter_map(Segment::held_from).min()
    }

    /// How many segments have a record, held or not.
    pub(crate) fn filled(&self) -> usize {
        self.segments.iter().filter(|s| !s.is_empty()).count()
    }

    /// Whether so many bytes would begin a new segment.
    pub(crate) fn rolls_for(&self, bytes: u64, segment_bytes: u64) -> bool {
        !self.segments.back().is_some_and(|s| s.fits(bytes, segment_bytes))
    }

    /// Closes the newest segment, durable, with a last record that says what is `released` and how
    /// many readings there were, and begins a new one. One without a record is used on.
    pub(crate) fn roll(
        &mut self,
        disk: &D,
        spool: SpoolId,
        next: Seq,
        released: Seq,
    ) -> Result<(), SpoolError> {
        if self.segments.back().is_some_and(Segment::is_empty) {
            return Ok(());
        }
        if !self.segments.is_empty() {
            let last = Header::of(released, Span::NONE, &[]);
            self.append(&Header { kind: Kind::Released, ..last }, &[])?;
            self.commit()?;
        }
        let name = self.name(Start { base: next, readings: self.readings });
        self.segments.push_back(Segment::create(disk, name, spool, next)?);
        Ok(())
    }

    /// Appends to the newest segment.
    pub(crate) fn append(&mut self, header: &Header, payload: &[u8]) -> Result<(), SpoolError> {
        // Callers roll before they append, so there is a newest segment.
        let Some(newest) = self.segments.back_mut() else { return Ok(()) };
        newest.append(&Header { before: self.readings, ..*header }, payload)?;
        self.readings = self.readings.saturating_add(header.span.readings);
        Ok(())
    }

    /// Makes everything durable.
    pub(crate) fn commit(&mut self) -> Result<(), SpoolError> {
        let committed = self.segments.back_mut().map_or(Ok(()), Segment::commit);
        match committed {
            Ok(()) => self.durable = self.readings,
            Err(_) => self.readings = self.durable,
        }
        committed
    }

    /// Whether a commit has something to do.
    pub(crate) fn dirty(&self) -> bool {
        self.segments.back().is_some_and(Segment::dirty)
    }

    /// Where it ends now.
    pub(crate) fn end(&self) -> End {
        let len = self.segments.back().map_or(0, Segment::len);
        End { segments: self.segments.len(), len, readings: self.readings }
    }

    /// Takes back what was appended since.
    pub(crate) fn back_to(&mut self, end: End, disk: &D) {
        while self.segments.len() > end.segments {
            if let Some(segment) = self.segments.pop_back() {
                // What is left of it is recognised by its source at the next start.
                let _ = disk.remove(&segment.name);
            }
        }
        if let Some(newest) = self.segments.back_mut() {
            newest.cut(end.len);
        }
        self.recount(end.readings);
    }

    /// Goes on counting readings from here.
    pub(crate) fn recount(&mut self, readings: u64) {
        (self.readings, self.durable) = (readings, readings);
    }

    /// The lowest committed, held record with a number above `after`.
    pub(crate) fn next(&self, after: Option<Seq>) -> Option<Seq> {
        self.segments.iter().filter(|s| s.held() > 0).filter_map(|s| s.next(after)).min()
    }

    /// The highest committed, held record.
    pub(crate) fn newest(&self) -> Option<Seq> {
        self.segments.iter().filter(|s| s.held() > 0).filter_map(Segment::newest).max()
    }

    /// The payload of a held record.
    pub(crate) fn read(&self, seq: Seq) -> Result<Read, SpoolError> {
        for segment in self.segments.iter().filter(|s| s.held() > 0) {
            match segment.read(seq)? {
                Read::NotHere => {}
                found => return Ok(found),
            }
        }
        Ok(Read::NotHere)
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

    /// Notes that a record may have been sent; whether that is news.
    pub(crate) fn send(&mut self, seq: Seq) -> bool {
        self.segments.iter_mut().any(|s| s.send(seq))
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
}
