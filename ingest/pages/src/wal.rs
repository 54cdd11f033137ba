//! A write-ahead log as it lies on the disk, read by ourselves.
//!
//! After a crash SQLite reads its write-ahead log up to the first frame that does not fit the one
//! before, and takes what follows for the remains of a write that never ended. When a byte in the
//! middle has changed since, everything committed behind it is gone without a word. The sums of
//! the frames behind tell the two apart: a frame was written only after the transaction before it
//! was on the disk, so a frame that fits none before it, followed by frames of later transactions
//! of the same round, was right once.
//!
//! In the last transaction the two cannot be told apart that way: its frames reach the disk in any
//! order. There, one wrong byte that explains the sums is damage, and is put right when it is the
//! only one that does; anything else is taken for a write that never ended.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    ops::Range,
    os::unix::fs::FileExt as _,
    path::Path,
};

use crate::{
    checksum::{State, chain, look},
    files,
    frame::{FRAME_HEADER, WAL_HEADER},
    raw::wal_path,
};

/// Where the page of a database is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// At this place in the write-ahead log.
    At(usize),
    /// It was in a frame that is damaged.
    Lost,
}

/// What a write-ahead log holds.
#[derive(Debug, Default)]
pub(crate) struct Wal {
    pub(crate) bytes: Vec<u8>,
    /// The newest version of each page in it.
    pub(crate) pages: BTreeMap<u32, Source>,
    /// How many pages the database has after the last commit in it.
    pub(crate) size: u32,
    /// Frames that are damaged and whose page is known, counted from 1.
    pub(crate) damaged: Vec<u32>,
    /// Whether a frame is damaged in a way that its page is not known.
    pub(crate) unknown: bool,
    /// Whether the header is damaged beyond repair.
    pub(crate) header: bool,
    /// Bytes that were wrong and are right in `bytes`.
    pub(crate) mended: Vec<usize>,
    /// Frames behind the last commit.
    pub(crate) unfinished: u32,
}

/// The most frames of which the one wrong byte is looked for; it takes some milliseconds each.
const MAX_MENDED: usize = 64;

/// In which order the bytes of a word are summed.
type Word = fn([u8; 4]) -> u32;

#[derive(Debug, Clone, Copy)]
struct Frame {
    salt: [u8; 8],
    page: u32,
    /// Pages of the database after this commit; 0 within a transaction.
    commit: u32,
    sums: (u32, u32),
    good: bool,
    /// Of the round that the header names, not of one before.
    ours: bool,
    /// One wrong byte would explain its sums.
    explained: bool,
}

impl Wal {
    /// Reads the log of a database; `None` when there is nothing in it.
    pub(crate) fn read(database: &Path, page: usize) -> io::Result<Option<Self>> {
        let bytes = match fs::read(wal_path(database)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let database = File::open(database).ok();
        Ok(Reading::new(bytes, page, database).and_then(Reading::run))
    }

    /// Whether SQLite would stop before its end.
    pub(crate) fn broken(&self) -> bool {
        self.header || self.unknown || !self.damaged.is_empty()
    }

    /// The first frame with a byte that was put right, counted from 1; 0 for the header.
    pub(crate) fn mended_frame(&self, page: usize) -> u32 {
        let first = self.mended.first().copied().unwrap_or_default();
        let frame = first.checked_sub(WAL_HEADER).map(|at| at / (page + FRAME_HEADER) + 1);
        u32::try_from(frame.unwrap_or_default()).unwrap_or(u32::MAX)
    }

    /// Writes the bytes that were put right.
    pub(crate) fn write_mended(&self, path: &Path) -> io::Result<()> {
        for at in &self.mended {
            if let Some(byte) = self.bytes.get(*at..=*at) {
                files::overwrite(path, *at as u64, byte)?;
            }
        }
        if self.mended.is_empty() { Ok(()) } else { files::sync(path) }
    }
}

struct Reading {
    wal: Wal,
    page: usize,
    word: Word,
    salt: [u8; 8],
    /// The sums of the header, when it is sound.
    start: Option<(u32, u32)>,
    frames: Vec<Frame>,
    database: Option<File>,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(|b| b.first_chunk());
    found.map_or(0, |b| u32::from_be_bytes(*b))
}

fn salt_at(bytes: &[u8], at: usize) -> [u8; 8] {
    bytes.get(at..).and_then(|b| b.first_chunk()).copied().unwrap_or_default()
}

fn word_of(magic: u32) -> Option<Word> {
    match magic {
        0x377f_0682 => Some(u32::from_le_bytes),
        0x377f_0683 => Some(u32::from_be_bytes),
        _ => None,
    }
}

/// The byte order and the sums of a header that is what was written.
fn header(bytes: &[u8], page: usize) -> Option<(Word, (u32, u32))> {
    let bytes = bytes.first_chunk::<WAL_HEADER>()?;
    let word = word_of(u32_at(bytes, 0))?;
    let sums = (u32_at(bytes, 24), u32_at(bytes, 28));
    let sound = chain((0, 0), bytes.first_chunk::<24>()?, word) == sums;
    (sound && u32_at(bytes, 8) as usize == page).then_some((word, sums))
}

impl Reading {
    fn new(bytes: Vec<u8>, page: usize, database: Option<File>) -> Option<Self> {
        let mut wal = Wal { bytes, ..Wal::default() };
        if wal.bytes.len() < WAL_HEADER + FRAME_HEADER + page {
            return None;
        }
        let found = header(&wal.bytes, page).or_else(|| mend_header(&mut wal, page));
        let (word, start): (Word, _) = match found {
            Some((word, start)) => (word, Some(start)),
            None => (u32::from_le_bytes, None),
        };
        let salt = salt_at(&wal.bytes, if start.is_some() { 16 } else { WAL_HEADER + 8 });
        Some(Self { wal, page, word, salt, start, frames: Vec::new(), database })
    }

    fn frame_bytes(&self) -> usize {
        FRAME_HEADER + self.page
    }

    /// Where the frame is.
    fn range(&self, n: usize) -> Range<usize> {
        let start = WAL_HEADER + n * self.frame_bytes();
        start..start + self.frame_bytes()
    }

    /// The sums that a frame should have behind a frame with others.
    fn computed(&self, n: usize, before: (u32, u32)) -> (u32, u32) {
        let frame = self.wal.bytes.get(self.range(n)).unwrap_or_default();
        let (head, body) = frame.split_at_checked(FRAME_HEADER).unwrap_or_default();
        chain(chain(before, head.get(..8).unwrap_or_default(), self.word), body, self.word)
    }

    /// The sums that stand before a frame.
    fn before(&self, n: usize) -> Option<(u32, u32)> {
        match n.checked_sub(1) {
            Some(before) => self.frames.get(before).map(|f| f.sums),
            None => self.start,
        }
    }

    fn run(mut self) -> Option<Wal> {
        let n = (self.wal.bytes.len() - WAL_HEADER) / self.frame_bytes();
        for i in 0..n {
            let at = self.range(i).start;
            let bytes = &self.wal.bytes;
            self.frames.push(Frame {
                salt: salt_at(bytes, at + 8),
                page: u32_at(bytes, at),
                commit: u32_at(bytes, at + 4),
                sums: (u32_at(bytes, at + 16), u32_at(bytes, at + 20)),
                good: false,
                ours: false,
                explained: false,
            });
        }
        for i in 0..n {
            self.judge(i);
        }
        if self.start.is_none()
            && let Some(first) = self.frames.iter().find(|f| f.good)
        {
            self.salt = first.salt;
        }
        self.find_ours();
        let mut last = self.last_commit();
        let (mut at, mut tries) = (0, 0);
        // Damage before the last commit, or in the transaction behind it.
        while at < n && (last.is_some_and(|last| at <= last) || self.tail_may_go_on(at, last)) {
            if !self.good(at) && tries < MAX_MENDED {
                tries += 1;
                self.mend(at);
                self.find_ours();
                last = self.last_commit();
            }
            at += 1;
        }
        self.finish(last)
    }

    fn good(&self, n: usize) -> bool {
        self.frames.get(n).is_some_and(|f| f.good)
    }

    /// Which frames are of this round: they say so, or fit behind one that is.
    fn find_ours(&mut self) {
        let mut before = self.start.is_some();
        for frame in &mut self.frames {
            frame.ours = frame.salt == self.salt || (before && frame.good);
            before = frame.ours && frame.good;
        }
    }

    /// Whether the frame is what was written: it fits the sums that stand in the one before or, if
    /// those are what is damaged, the sums the one before should have.
    fn judge(&mut self, n: usize) {
        let Some(frame) = self.frames.get(n).copied() else { return };
        if self.before(n).is_some_and(|before| self.computed(n, before) == frame.sums) {
            self.set_good(n);
            return;
        }
        let Some(previous) = n.checked_sub(1) else { return };
        if self.good(previous) {
            return;
        }
        let Some(before) = self.before(previous) else { return };
        let should = self.computed(previous, before);
        if self.computed(n, should) == frame.sums {
            self.set_good(n);
            self.set_good(previous);
            let at = self.range(previous).start + 16;
            self.put(at, should.0);
            self.put(at + 4, should.1);
            if let Some(previous) = self.frames.get_mut(previous) {
                previous.sums = should;
            }
        }
    }

    fn set_good(&mut self, n: usize) {
        if let Some(frame) = self.frames.get_mut(n) {
            frame.good = true;
        }
    }

    /// Puts a number right.
    fn put(&mut self, at: usize, number: u32) {
        for (i, byte) in number.to_be_bytes().into_iter().enumerate() {
            self.put_byte(at + i, byte);
        }
    }

    fn put_byte(&mut self, at: usize, byte: u8) {
        if let Some(old) = self.wal.bytes.get_mut(at).filter(|old| **old != byte) {
            *old = byte;
            self.wal.mended.push(at);
        }
    }

    /// The last commit that was on the disk. One with a frame that does not fit and that nothing
    /// explains was so when something was written behind it.
    fn last_commit(&self) -> Option<usize> {
        let known = |n: &usize| {
            let frame = self.frames.get(*n);
            frame.is_some_and(|f| f.commit != 0 && f.ours && (f.good || f.explained))
        };
        let mut followed = false;
        let mut commits = (0..self.frames.len()).rev().filter(known);
        let last = commits.by_ref().find(|n| {
            let next = self.frames.get(n + 1);
            let proven = followed || next.is_some_and(|f| f.good && f.ours);
            followed = true;
            proven || self.whole(*n)
        })?;
        // Nor can it be told apart without the header.
        let header = self.start.is_some() || commits.next().is_some();
        header.then_some(last)
    }

    /// Whether all frames of the transaction that ends here are what was written, or explained.
    fn whole(&self, commit: usize) -> bool {
        let earlier = self.frames.get(..commit).unwrap_or_default();
        let first = earlier.iter().rposition(|f| f.commit != 0 && f.ours).map_or(0, |n| n + 1);
        earlier.get(first..).unwrap_or_default().iter().all(|f| f.good || f.explained)
    }

    /// Whether a frame behind the last commit may be one of the transaction that follows it, with
    /// all before it as they were written.
    fn tail_may_go_on(&self, n: usize, last: Option<usize>) -> bool {
        let first = last.map_or(0, |last| last + 1);
        let this_round = self.frames.get(n).is_some_and(|f| f.salt == self.salt);
        this_round && (first..n).all(|n| self.frames.get(n).is_some_and(|f| f.good || f.explained))
    }

    /// Puts the one wrong byte of a frame right, if just one byte explains its sums.
    fn mend(&mut self, n: usize) {
        let (Some(before), Some(frame)) = (self.before(n), self.frames.get(n).copied()) else {
            return;
        };
        let start = self.range(n).start;
        let found = self.computed(n, before);
        let mut candidates = self.candidates(n, found, frame.sums);
        // The sums that a good frame stands on are right themselves.
        if !self.good(n + 1) {
            candidates.extend(self.wrong_sum(start + 16, found));
        }
        if candidates.len() > 1
            && let Some(previous) = self.previous(n)
        {
            // Most of a page stays as it was: so did the byte that is meant.
            let as_before = |(at, byte): &(usize, u8)| {
                at.checked_sub(start + FRAME_HEADER).and_then(|at| previous.get(at)) == Some(byte)
            };
            if candidates.iter().filter(|c| as_before(c)).count() == 1 {
                candidates.retain(as_before);
            }
        }
        let Some((at, byte)) = candidates.first().copied() else { return };
        if let Some(frame) = self.frames.get_mut(n) {
            frame.explained = true;
        }
        if candidates.len() == 1 {
            self.put_byte(at, byte);
            let number = |at| u32_at(&self.wal.bytes, start + at);
            let (page, commit, sums) = (number(0), number(4), (number(16), number(20)));
            if let Some(frame) = self.frames.get_mut(n) {
                (frame.page, frame.commit, frame.sums, frame.good) = (page, commit, sums, true);
            }
        }
    }

    /// The version before of the page in a frame.
    fn previous(&self, n: usize) -> Option<Vec<u8>> {
        let page = self.frames.get(n)?.page;
        let earlier = self.frames.get(..n)?.iter().rposition(|f| f.good && f.page == page);
        if let Some(earlier) = earlier {
            let start = self.range(earlier).start + FRAME_HEADER;
            return self.wal.bytes.get(start..start + self.page).map(<[u8]>::to_vec);
        }
        let mut bytes = vec![0; self.page];
        let offset = u64::from(page.checked_sub(1)?) * self.page as u64;
        self.database.as_ref()?.read_exact_at(&mut bytes, offset).ok()?;
        (look(&mut bytes, page) != State::Damaged).then_some(bytes)
    }

    /// The byte of the sums at `at` that is wrong, if just one is.
    fn wrong_sum(&self, at: usize, should: (u32, u32)) -> Option<(usize, u8)> {
        let should = [should.0, should.1].into_iter().flat_map(u32::to_be_bytes);
        let stored = self.wal.bytes.get(at..at + 8)?;
        let mut wrong = (at..).zip(stored.iter().zip(should)).filter(|(_, (a, b))| **a != *b);
        let (at, (_, byte)) = wrong.next()?;
        wrong.next().is_none().then_some((at, byte))
    }

    /// The bytes whose change would give the sums that stand in the frame: their place, and what
    /// they were. A change of a word by `d` changes the sums by `d` times two numbers of
    /// Fibonacci, which depend on how many words follow.
    fn candidates(&self, n: usize, found: (u32, u32), wanted: (u32, u32)) -> Vec<(usize, u8)> {
        let range = self.range(n);
        let change = (wanted.0.wrapping_sub(found.0), wanted.1.wrapping_sub(found.1));
        let big = (self.word)([0, 0, 0, 1]) == 1;
        let mut candidates = Vec::new();
        let head = range.start..range.start + 8;
        let body = range.start + FRAME_HEADER..range.end;
        let mut factor: (u32, u32) = (0, 1);
        for at in body.step_by(4).rev().chain(head.step_by(4).rev()) {
            for i in 0..4 {
                let shift = if big { 8 * (3 - i) } else { 8 * i };
                let Some(old) = self.wal.bytes.get(at + i).copied() else { continue };
                for new in 0..=u8::MAX {
                    let d = (u32::from(new).wrapping_sub(u32::from(old))) << shift;
                    if d != 0
                        && d.wrapping_mul(factor.0) == change.0
                        && d.wrapping_mul(factor.1) == change.1
                    {
                        candidates.push((at + i, new));
                    }
                }
            }
            factor = (factor.1, factor.0.wrapping_add(factor.1));
        }
        candidates
    }

    fn finish(mut self, last: Option<usize>) -> Option<Wal> {
        let behind = last.map_or(0, |last| last + 1);
        let behind = self.frames.get(behind..).unwrap_or_default();
        let unfinished = behind.iter().rposition(|f| f.salt == self.salt).map_or(0, |n| n + 1);
        self.wal.unfinished = u32::try_from(unfinished).unwrap_or(u32::MAX);
        let Some(last) = last else {
            // Without a commit there is nothing in it, whatever its header looks like.
            self.wal.mended.clear();
            return Some(self.wal);
        };
        self.wal.header = self.start.is_none();
        self.wal.size = self.frames.get(last).map_or(0, |f| f.commit);
        let most = self.frames.iter().filter(|f| f.good).map(|f| f.page.max(f.commit)).max();
        for n in 0..=last {
            let Some(frame) = self.frames.get(n).copied() else { break };
            if frame.good && frame.salt != self.salt {
                let at = self.range(n).start + 8;
                for (i, byte) in self.salt.into_iter().enumerate() {
                    self.put_byte(at + i, byte);
                }
            }
            let source = if frame.good {
                Source::At(self.range(n).start + FRAME_HEADER)
            } else {
                self.wal.damaged.push(u32::try_from(n + 1).unwrap_or(u32::MAX));
                if frame.page == 0 || Some(frame.page) > most {
                    self.wal.unknown = true;
                    continue;
                }
                Source::Lost
            };
            self.wal.pages.insert(frame.page, source);
        }
        Some(self.wal)
    }
}

/// Puts one wrong byte of the header right: the one with which the first frame fits behind it.
fn mend_header(wal: &mut Wal, page: usize) -> Option<(Word, (u32, u32))> {
    for at in 0..WAL_HEADER {
        let old = *wal.bytes.get(at)?;
        for new in 0..=u8::MAX {
            *wal.bytes.get_mut(at)? = new;
            let found = header(&wal.bytes, page);
            if let Some((word, sums)) = found.filter(|found| first_fits(&wal.bytes, page, *found)) {
                wal.mended.push(at);
                return Some((word, sums));
            }
        }
        *wal.bytes.get_mut(at)? = old;
    }
    None
}

/// Whether the first frame is what was written, and of the round that the header names.
fn first_fits(bytes: &[u8], page: usize, (word, sums): (Word, (u32, u32))) -> bool {
    let frame = bytes.get(WAL_HEADER..WAL_HEADER + FRAME_HEADER + page).unwrap_or_default();
    let (head, body) = frame.split_at_checked(FRAME_HEADER).unwrap_or_default();
    let found = chain(chain(sums, head.get(..8).unwrap_or_default(), word), body, word);
    found == (u32_at(head, 16), u32_at(head, 20)) && salt_at(bytes, 16) == salt_at(head, 8)
}
