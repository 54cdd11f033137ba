//! One file of records, appended to at its end.
//!
//! A segment has no header of its own: its name says the first number it may hold, and every
//! record's check includes the spool, the segment and the offset.

use std::io;

use tram_wire::{Seq, SpoolId};

use crate::{
    BLOCK_BYTES, Disk, DiskFile, SpoolError,
    record::{Header, Kind, Place, Span, record_bytes},
};

/// Where a record lies and how it stands; 16 bytes, since there is one in memory for every record
/// in the spool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) seq: Seq,
    offset: u32,
    /// Payloads need 17 bits; the two top bits say how the record stands.
    payload_bytes: u32,
}

const RELEASED: u32 = 1 << 31;
const SENT: u32 = 1 << 30;

impl Entry {
    pub(crate) fn held(self) -> bool {
        self.payload_bytes & RELEASED == 0
    }

    /// Whether it may have been sent.
    pub(crate) fn sent(self) -> bool {
        self.payload_bytes & SENT != 0
    }

    fn payload_bytes(self) -> u32 {
        self.payload_bytes & !(RELEASED | SENT)
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

/// A file of records.
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
    /// In the order of their numbers.
    entries: Vec<Entry>,
    held: usize,
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
        }
    }

    /// The place of `offset` in this segment.
    pub(crate) fn place(&self, offset: u64) -> Place {
        // The first letter of the name says which chain it belongs to.
        let chain = self.name.bytes().next().map_or(0, u64::from);
        Place { spool: self.spool.0, segment: self.base ^ (chain << 56), offset }
    }

    /// The first number it may hold.
    pub(crate) fn base(&self) -> Seq {
        Seq(self.base)
    }

    /// Bytes that count.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// What it takes on the disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.len.next_multiple_of(BLOCK_BYTES)
    }

    /// How many records are still held.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Whether there is no record in it, released or not.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The records that are held, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.entries.iter().copied().filter(|e| e.held())
    }

    /// All its records, released or not, in order.
    pub(crate) fn all_entries(&self) -> impl Iterator<Item = Entry> {
        self.entries.iter().copied()
    }

    /// Whether a commit has something to do.
    pub(crate) fn dirty(&self) -> bool {
        self.committed < self.len
    }

    /// Whether so many bytes may be added to a segment of at most `segment_bytes`, with the record
    /// that closes it.
    pub(crate) fn fits(&self, bytes: u64, segment_bytes: u64) -> bool {
        let closing = record_bytes(0);
        self.len == 0 || self.len.saturating_add(bytes).saturating_add(closing) <= segment_bytes
    }

    /// Appends a record, not yet durable.
    pub(crate) fn append(&mut self, header: &Header, payload: &[u8]) -> Result<(), SpoolError> {
        if self.doubtful {
            self.file.truncate(self.len)?;
            self.file.sync()?;
            self.doubtful = false;
        }
        // A segment is 16 MiB and one record at most.
        let durable = u32::try_from(self.committed).unwrap_or(u32::MAX);
        let header = &Header { durable, ..*header };
        let bytes = header.encode(payload, self.place(self.len));
        if let Err(e) = self.file.write_at(self.len, &bytes) {
            // Half a record left behind would be taken for one that was torn.
            self.doubtful = self.file.truncate(self.len).is_err();
            return Err(e.into());
        }
        if header.kind != Kind::Released {
            self.restore(header, self.len);
        }
        self.len = self.len.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Notes a payload record that lies at `offset`.
    pub(crate) fn restore(&mut self, header: &Header, offset: u64) {
        // A segment is 16 MiB and one record at most, so an offset always fits.
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        let entry = Entry { seq: header.seq, offset, payload_bytes: header.payload_bytes };
        // Nearly always at the end; a notice that stands for an old record has an old number.
        let at = self.entries.partition_point(|e| e.seq < entry.seq);
        self.entries.insert(at, entry);
        self.held += 1;
    }

    /// Makes every record durable. When that fails, everything since the last success is gone.
    pub(crate) fn commit(&mut self) -> Result<(), SpoolError> {
        if !self.dirty() {
            return Ok(());
        }
        match self.file.sync() {
            Ok(()) => {
                self.committed = self.len;
                Ok(())
            }
            Err(e) => {
                // After a failed fsync the kernel calls the pages clean, so a second one would
                // lie. Everything since the last success is given up and cut off.
                self.doubtful = true;
                self.give_up(self.committed);
                Err(e.into())
            }
        }
    }

    /// Takes back what was appended behind `len`, durable or not.
    pub(crate) fn cut(&mut self, len: u64) {
        if len < self.len {
            let cut = self.file.truncate(len).and_then(|()| self.file.sync());
            self.doubtful |= cut.is_err();
            self.give_up(len);
        }
    }

    fn give_up(&mut self, len: u64) {
        self.len = len;
        self.committed = self.committed.min(len);
        self.entries.retain(|e| u64::from(e.offset) < len);
        self.held = self.entries().count();
    }

    /// Cuts off what recovery found behind the last whole record, and makes the rest durable: after
    /// a crash of the program it may still be on its way to the disk.
    pub(crate) fn recovered(
        &mut self,
        len: u64,
        torn: bool,
        newest: bool,
    ) -> Result<(), SpoolError> {
        if torn {
            self.file.truncate(len)?;
        }
        if torn || newest {
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

    /// The last committed, held record.
    pub(crate) fn newest(&self) -> Option<Seq> {
        let committed = |e: &&Entry| e.held() && u64::from(e.offset) < self.committed;
        self.entries.iter().rev().find(committed).map(|e| e.seq)
    }

    fn position(&self, seq: Seq) -> Option<usize> {
        self.entries.binary_search_by_key(&seq, |e| e.seq).ok()
    }

    /// The payload of a held record.
    pub(crate) fn read(&self, seq: Seq) -> Result<Read, SpoolError> {
        match self.position(seq).and_then(|i| self.entries.get(i)).filter(|e| e.held()) {
            Some(entry) => self.read_entry(*entry),
            None => Ok(Read::NotHere),
        }
    }

    /// The payload of one of its records.
    pub(crate) fn read_entry(&self, entry: Entry) -> Result<Read, SpoolError> {
        let offset = u64::from(entry.offset);
        let bytes = usize::try_from(record_bytes(entry.payload_bytes())).unwrap_or(0);
        let mut buf = vec![0; bytes];
        match self.file.read_at(offset, &mut buf) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(Read::Rotten(None)),
            other => other?,
        }
        let header = Header::decode(&buf, self.place(offset)).filter(|h| h.seq == entry.seq);
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
        self.held = self.entries().count();
        released
    }

    /// Notes that every record that `sent` says so may have been sent.
    pub(crate) fn mark_sent(&mut self, sent: impl Fn(Seq) -> bool) {
        for e in self.entries.iter_mut().filter(|e| sent(e.seq)) {
            e.payload_bytes |= SENT;
        }
    }

    /// Notes that a record may have been sent; whether that is news.
    pub(crate) fn send(&mut self, seq: Seq) -> bool {
        let entry = self.position(seq).and_then(|i| self.entries.get_mut(i));
        let Some(e) = entry.filter(|e| !e.sent()) else { return false };
        e.payload_bytes |= SENT;
        true
    }

    /// The lowest number still held.
    pub(crate) fn held_from(&self) -> Option<Seq> {
        if self.held == 0 {
            return None;
        }
        self.entries().next().map(|e| e.seq)
    }

    /// Reads the whole file, for recovery.
    pub(crate) fn read_all(&self) -> Result<Vec<u8>, SpoolError> {
        let size = usize::try_from(self.file.size()?).unwrap_or(usize::MAX);
        let most = usize::try_from(crate::MAX_SEGMENT_BYTES).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size.min(most + 2 * crate::MAX_RECORD_BYTES)];
        self.file.read_at(0, &mut bytes)?;
        Ok(bytes)
    }
}
