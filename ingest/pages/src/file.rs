//! What is done with the bytes of an open file, without a word of C.

use std::path::PathBuf;

use rusqlite::ffi;

use crate::{
    checksum::{State, is_page, look, number, seal},
    damage::{Finding, remember},
    frame::{FRAME_HEADER, FrameHeader, frame_number, frame_of, sums_before},
    watch::{self, Verdict},
};

/// How much of a database SQLite reads first.
const HEADER: usize = 100;

/// What a file is to SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The database.
    Database,
    /// Its write-ahead log.
    WriteAhead,
    /// Its rollback journal, for the moments before it has a write-ahead log.
    Journal,
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) path: PathBuf,
    kind: Kind,
    /// The page on its way to the disk.
    scratch: Vec<u8>,
    /// Of a write-ahead log: where the header written last is.
    header: u64,
    /// Of a write-ahead log: the first frame whose page was written again after its header. Until
    /// the commit, its sums and those behind it are not right yet; nobody else reads them.
    rewritten: Option<u64>,
}

impl Checked {
    pub(crate) fn new(path: PathBuf, kind: Kind) -> Self {
        Self { path, kind, scratch: Vec::new(), header: 0, rewritten: None }
    }

    /// Checks what was read. `read` reads more of the file and says whether it could.
    pub(crate) fn was_read(
        &mut self,
        bytes: &mut [u8],
        offset: u64,
        read: impl FnMut(&mut [u8], u64) -> bool,
    ) -> Result<(), i32> {
        match self.kind {
            Kind::Database if bytes.len() == HEADER && offset == 0 => {
                self.header_was_read(bytes, read);
                Ok(())
            }
            Kind::Database if is_page(bytes.len(), offset) => self.page_was_read(bytes, offset),
            Kind::WriteAhead if is_page(bytes.len(), 0) => self.frame_was_read(bytes, offset, read),
            _ => Ok(()),
        }
    }

    /// The header says how large pages are, and SQLite believes it before the first page is read.
    fn header_was_read(&self, bytes: &mut [u8], mut read: impl FnMut(&mut [u8], u64) -> bool) {
        let says = bytes.get(16..).and_then(|b| b.first_chunk()).map(|b| u16::from_be_bytes(*b));
        let says = says.map_or(0, |n| if n == 1 { 65_536 } else { usize::from(n) });
        let sizes = [says].into_iter().chain((9..=16).map(|n| 1 << n));
        for size in sizes.filter(|size| is_page(*size, 0)) {
            let mut page = vec![0; size];
            if !read(&mut page, 0) || look(&mut page, 1) == State::Damaged {
                continue;
            }
            if let Some(header) = page.get(..HEADER)
                && header != bytes
            {
                remember(&self.path, 1, Finding::Mended);
                bytes.copy_from_slice(header);
            }
            return;
        }
    }

    fn page_was_read(&self, page: &mut [u8], offset: u64) -> Result<(), i32> {
        let number = number(page.len(), offset);
        match look(page, number) {
            State::Sound => Ok(()),
            State::Mended { .. } => {
                remember(&self.path, number, Finding::Mended);
                Ok(())
            }
            State::Damaged => Err(self.damaged(number)),
        }
    }

    fn frame_was_read(
        &self,
        page: &[u8],
        offset: u64,
        mut read: impl FnMut(&mut [u8], u64) -> bool,
    ) -> Result<(), i32> {
        let Some(frame) = frame_of(offset, page.len()) else { return Ok(()) };
        if self.rewritten.is_some_and(|first| frame >= first) {
            return Ok(());
        }
        let (mut header, mut before) = ([0; FRAME_HEADER], [0; 8]);
        if !read(&mut header, frame) || !read(&mut before, sums_before(frame, page.len())) {
            return Err(ffi::SQLITE_IOERR_READ);
        }
        let [a, b, c, d, e, f, g, h] = before;
        let before = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        if FrameHeader(header).matches(before, page) {
            Ok(())
        } else {
            Err(self.damaged(frame_number(frame, page.len())))
        }
    }

    fn damaged(&self, number: u32) -> i32 {
        remember(&self.path, number, Finding::Damaged);
        ffi::SQLITE_IOERR_DATA
    }

    /// What is to be written in the place of `bytes`, and what to answer then.
    pub(crate) fn before_write<'a>(
        &'a mut self,
        bytes: &'a [u8],
        offset: u64,
    ) -> (&'a [u8], Verdict) {
        let mut bytes = bytes;
        if self.kind == Kind::WriteAhead {
            self.follow(bytes.len(), offset);
        } else if self.kind == Kind::Database && is_page(bytes.len(), offset) {
            self.scratch.clear();
            self.scratch.extend_from_slice(bytes);
            seal(&mut self.scratch, number(bytes.len(), offset));
            bytes = &self.scratch;
        }
        let (written, verdict) = watch::write(&self.path, offset, bytes);
        (bytes.get(..written).unwrap_or(bytes), verdict)
    }

    /// Notes which frames have sums that are not right yet.
    fn follow(&mut self, bytes: usize, offset: u64) {
        if bytes == FRAME_HEADER || offset == 0 {
            self.header = offset;
            if self.rewritten.is_some_and(|first| offset <= first) {
                self.rewritten = None;
            }
        } else if let Some(frame) = frame_of(offset, bytes).filter(|f| *f != self.header) {
            self.rewritten = Some(self.rewritten.map_or(frame, |first| first.min(frame)));
        }
    }

    /// Remembers that the file is perhaps not on the disk.
    pub(crate) fn not_synced(&self) {
        remember(&self.path, 0, Finding::NotSynced);
    }
}
