//! One file of records, appended to at its end.
//!
//! A segment has no header of its own: its name says the first number it may hold, and every
//! record's check includes the spool, the segment and the offset.

use std::io;

use tram_wire::{Batch, ClockState, Loss, Seq, SpoolId};

use crate::{
    Disk, DiskFile, Lost, Span, SpoolError,
    record::{HEADER_BYTES, Header, Kind, Place, record_bytes},
};

/// Where a record lies and whether it is still held; 16 bytes, since there is one in memory for
/// every record in the spool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) seq: Seq,
    offset: u32,
    /// The top bit says that the record is released; payloads need 17 bits at most.
    payload_bytes: u32,
}

const RELEASED: u32 = 1 << 31;

impl Entry {
    pub(crate) fn held(self) -> bool {
        self.payload_bytes & RELEASED == 0
    }

    fn payload_bytes(self) -> u32 {
        self.payload_bytes & !RELEASED
    }
}

/// What reading one record gave.
pub(crate) enum Read {
    /// The record is not in this segment, or released.
    NotHere,
    /// As it was written.
    Payload(Vec<u8>),
    /// Something else than was written; its span if the header is whole.
    Rotten(Option<Span>),
}

/// A file of records in the order of their numbers.
pub(crate) struct Segment<F> {
    pub(crate) name: String,
    spool: SpoolId,
    base: u64,
    file: F,
    /// Bytes that count.
    len: u64,
    /// Bytes that are durable.
    committed: u64,
    /// There may be bytes behind `len`, or failed ones: cut off before anything is appended.
    doubtful: bool,
    entries: Vec<Entry>,
    held: usize,
    /// Spans of the records that are not durable yet.
    uncommitted: Vec<Span>,
}

impl<F: DiskFile> Segment<F> {
    /// Makes an empty segment whose name is durable.
    pub(crate) fn create<D: Disk<File = F>>(
        disk: &D,
        name: String,
        spool: SpoolId,
        base: Seq,
    ) -> Result<Self, SpoolError> {
        let mut file = disk.open(&name)?;
        file.truncate(0)?;
        file.sync()?;
        disk.sync()?;
        Ok(Self::new(name, spool, base, file))
    }

    /// A segment without records; recovery adds them.
    pub(crate) fn new(name: String, spool: SpoolId, base: Seq, file: F) -> Self {
        Self {
            name,
            spool,
            base: base.0,
            file,
            len: 0,
            committed: 0,
            doubtful: false,
            entries: Vec::new(),
            held: 0,
            uncommitted: Vec::new(),
        }
    }

    fn place(&self, offset: u64) -> Place {
        Place { spool: self.spool.0, segment: self.base, offset }
    }

    /// The first number it may hold.
    pub(crate) fn base(&self) -> Seq {
        Seq(self.base)
    }

    /// Bytes that count.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// How many records are still held.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Whether a commit has something to do.
    pub(crate) fn dirty(&self) -> bool {
        self.committed < self.len
    }

    /// Whether a record of so many bytes may be added to a segment of at most `segment_bytes`.
    pub(crate) fn fits(&self, bytes: u64, segment_bytes: u64) -> bool {
        self.len == 0 || self.len.saturating_add(bytes) <= segment_bytes
    }

    /// Appends a record, not yet durable.
    pub(crate) fn append(&mut self, header: &Header, payload: &[u8]) -> Result<(), SpoolError> {
        if self.doubtful {
            self.file.truncate(self.len)?;
            self.file.sync()?;
            self.doubtful = false;
        }
        let bytes = header.encode(payload, self.place(self.len));
        if let Err(e) = self.file.write_at(self.len, &bytes) {
            // Half a record left behind would be taken for one that was torn, and told as lost a
            // second time.
            self.doubtful = self.file.truncate(self.len).is_err();
            return Err(e.into());
        }
        if header.kind != Kind::Released {
            self.restore(header, self.len);
            self.uncommitted.push(header.span);
        }
        self.len = self.len.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Notes a payload record that lies at `offset`.
    pub(crate) fn restore(&mut self, header: &Header, offset: u64) {
        // A segment is 16 MiB and one record at most, so an offset always fits.
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        self.entries.push(Entry { seq: header.seq, offset, payload_bytes: header.payload_bytes });
        self.held += 1;
    }

    /// Makes every record durable.
    ///
    /// # Errors
    /// The disk's error and the spans of the records that are gone with it.
    pub(crate) fn commit(&mut self) -> Result<(), (SpoolError, Vec<Span>)> {
        if !self.dirty() {
            return Ok(());
        }
        match self.file.sync() {
            Ok(()) => {
                self.committed = self.len;
                self.uncommitted.clear();
                Ok(())
            }
            Err(e) => {
                // After a failed fsync the kernel calls the pages clean, so a second one would
                // lie. Everything since the last success is given up and cut off.
                self.len = self.committed;
                self.doubtful = true;
                let committed = self.committed;
                self.entries.retain(|e| u64::from(e.offset) < committed);
                self.held = self.entries.iter().filter(|e| e.held()).count();
                Err((e.into(), std::mem::take(&mut self.uncommitted)))
            }
        }
    }

    /// Cuts off what recovery found behind the last whole record, and calls the rest durable.
    pub(crate) fn recovered(&mut self, len: u64, torn: bool) -> Result<(), SpoolError> {
        if torn {
            self.file.truncate(len)?;
            self.file.sync()?;
        }
        self.len = len;
        self.committed = len;
        Ok(())
    }

    /// The first committed, held record with a number above `after`.
    pub(crate) fn next(&self, after: Option<Seq>) -> Option<Seq> {
        let start = self.entries.partition_point(|e| after.is_some_and(|a| e.seq <= a));
        let rest = self.entries.get(start..)?;
        rest.iter().find(|e| e.held() && u64::from(e.offset) < self.committed).map(|e| e.seq)
    }

    fn position(&self, seq: Seq) -> Option<usize> {
        self.entries.binary_search_by_key(&seq, |e| e.seq).ok()
    }

    /// The payload of a held record.
    pub(crate) fn read(&self, seq: Seq) -> Result<Read, SpoolError> {
        let Some(entry) = self.position(seq).and_then(|i| self.entries.get(i)) else {
            return Ok(Read::NotHere);
        };
        if !entry.held() {
            return Ok(Read::NotHere);
        }
        let offset = u64::from(entry.offset);
        let bytes = usize::try_from(record_bytes(entry.payload_bytes())).unwrap_or(0);
        let mut buf = vec![0; bytes];
        match self.file.read_at(offset, &mut buf) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(Read::Rotten(None)),
            other => other?,
        }
        let header = Header::decode(&buf, self.place(offset)).filter(|h| h.seq == seq);
        Ok(match header.and_then(|h| h.payload(&buf)) {
            Some(payload) => Read::Payload(payload.to_vec()),
            None => Read::Rotten(header.map(|h| h.span)),
        })
    }

    /// Releases a committed record; whether it was held until now.
    pub(crate) fn release(&mut self, seq: Seq) -> bool {
        let committed = self.committed;
        let entry = self.position(seq).and_then(|i| self.entries.get_mut(i));
        match entry {
            Some(e) if e.held() && u64::from(e.offset) < committed => {
                e.payload_bytes |= RELEASED;
                self.held -= 1;
                true
            }
            _ => false,
        }
    }

    /// Releases every committed record that `covered` says is, and says how many those were.
    pub(crate) fn release_all(&mut self, covered: impl Fn(Seq) -> bool) -> u64 {
        let committed = self.committed;
        let mut released = 0;
        for e in &mut self.entries {
            if e.held() && u64::from(e.offset) < committed && covered(e.seq) {
                e.payload_bytes |= RELEASED;
                released += 1;
            }
        }
        self.held = self.entries.iter().filter(|e| e.held()).count();
        released
    }

    /// The lowest number still held.
    pub(crate) fn held_from(&self) -> Option<Seq> {
        if self.held == 0 {
            return None;
        }
        self.entries.iter().find(|e| e.held()).map(|e| e.seq)
    }

    /// How many records there are with a number between the two, both exclusive.
    pub(crate) fn count_between(&self, low: Seq, high: Seq) -> usize {
        let from = self.entries.partition_point(|e| e.seq <= low);
        let to = self.entries.partition_point(|e| e.seq < high);
        to.saturating_sub(from)
    }

    /// What is evicted when the segment goes now: the readings of each held record; and the
    /// losses that those records were to tell.
    pub(crate) fn evicted(&self) -> (Vec<Span>, Vec<Lost>) {
        let (mut spans, mut retold) = (Vec::new(), Vec::new());
        let mut last = Span { clock: ClockState::Rtc, from: 0, to: 0, readings: 1 };
        for e in self.entries.iter().filter(|e| e.held()) {
            let mut head = [0; HEADER_BYTES];
            let offset = u64::from(e.offset);
            let read = self.file.read_at(offset, &mut head);
            let header = read.ok().and_then(|()| Header::decode(&head, self.place(offset)));
            if header.is_some_and(|h| h.kind == Kind::Telling) {
                retold.extend(self.told_by(e.seq));
            }
            // An unreadable record counts as one reading, taken when the one before it was.
            last = header.map_or(Span { readings: 1, ..last }, |h| h.span);
            spans.push(last);
        }
        (spans, retold)
    }

    /// The losses that a batch carries.
    fn told_by(&self, seq: Seq) -> Vec<Lost> {
        let Ok(Read::Payload(payload)) = self.read(seq) else { return Vec::new() };
        let Ok(batch) = Batch::decode(&payload) else { return Vec::new() };
        let clock = batch.header.clock;
        let lost = |l: &Loss| {
            let readings = u32::try_from(l.readings).unwrap_or(u32::MAX);
            Lost { span: Span { clock, from: l.from, to: l.to, readings }, cause: l.cause }
        };
        batch.losses.iter().map(lost).collect()
    }

    /// Reads the whole file, for recovery.
    pub(crate) fn read_all(&self) -> Result<Vec<u8>, SpoolError> {
        let size = usize::try_from(self.file.size()?).unwrap_or(usize::MAX);
        let most = usize::try_from(crate::MAX_SEGMENT_BYTES).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size.min(most + 2 * crate::MAX_RECORD_BYTES)];
        self.file.read_at(0, &mut bytes)?;
        Ok(bytes)
    }

    /// The place of `offset` in this segment, for recovery.
    pub(crate) fn place_of(&self, offset: usize) -> Place {
        self.place(offset as u64)
    }
}
