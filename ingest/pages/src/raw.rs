//! A database as it lies on the disk, read by ourselves: with what SQLite stops at left out.
//!
//! It follows <https://sqlite.org/fileformat2.html>: trees of tables and indexes, their cells and
//! overflow pages, records. Pages come from the write-ahead log where it has them.

mod record;
mod tree;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use crate::{
    checksum::{RESERVED, State, look},
    wal::{Source, Wal},
};

pub use record::{Record, Value};
pub use tree::Row;

/// A database that is read page by page.
#[derive(Debug)]
pub struct Raw {
    path: PathBuf,
    file: File,
    /// Bytes of a page.
    page: usize,
    /// Pages of the database.
    size: u32,
    wal: Option<Wal>,
    damaged: BTreeSet<u32>,
    mended: BTreeSet<u32>,
}

/// What is wrong with a file, seen page by page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wounds {
    /// Pages that are not what was written.
    pub pages: BTreeSet<u32>,
    /// Pages in which one byte was wrong, read as they were written.
    pub mended: BTreeSet<u32>,
    /// Frames of the write-ahead log that are not what was written, counted from 1.
    pub frames: Vec<u32>,
    /// Whether the write-ahead log held something else that cannot be placed.
    pub unknown: bool,
}

/// The write-ahead log of a database.
pub(crate) fn wal_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

impl Raw {
    /// Opens a database. Nobody may write to it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let page = page_bytes(path)?;
        let wal = Wal::read(path, page)?.filter(|wal| wal.size > 0);
        let in_file = file.metadata()?.len() / page.max(1) as u64;
        let size = wal.as_ref().map_or(0, |wal| wal.size);
        Ok(Self {
            path: path.to_owned(),
            file,
            page,
            size: size.max(u32::try_from(in_file).unwrap_or(u32::MAX)),
            wal,
            damaged: BTreeSet::new(),
            mended: BTreeSet::new(),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many pages it has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// What was found to be wrong so far.
    #[must_use]
    pub fn wounds(&self) -> Wounds {
        let wal = self.wal.as_ref();
        Wounds {
            pages: self.damaged.clone(),
            mended: self.mended.clone(),
            frames: wal.map(|wal| wal.damaged.clone()).unwrap_or_default(),
            unknown: wal.is_some_and(|wal| wal.unknown || wal.header),
        }
    }

    /// A page; `None` when it is not what was written or cannot be read.
    pub fn page(&mut self, number: u32) -> Option<Vec<u8>> {
        let page = self.find(number);
        if page.is_none() {
            self.damaged.insert(number);
        }
        page
    }

    fn find(&mut self, number: u32) -> Option<Vec<u8>> {
        if number == 0 || number > self.size {
            return None;
        }
        let wal = self.wal.as_ref();
        match wal.and_then(|wal| wal.pages.get(&number).map(|source| (wal, source))) {
            Some((wal, Source::At(at))) => {
                return Some(wal.bytes.get(*at..at + self.page)?.to_vec());
            }
            Some((_, Source::Lost)) => return None,
            None => {}
        }
        let mut page = vec![0; self.page];
        self.file.read_exact_at(&mut page, u64::from(number - 1) * self.page as u64).ok()?;
        match look(&mut page, number) {
            State::Sound => Some(page),
            State::Mended { .. } => {
                self.mended.insert(number);
                Some(page)
            }
            State::Damaged => None,
        }
    }

    /// Looks at every page.
    pub fn look_at_all(&mut self) {
        for number in 1..=self.size {
            self.page(number);
        }
    }

    /// Bytes of a page that hold something.
    fn usable(&self) -> usize {
        self.page - RESERVED
    }

    /// The pages that hold nothing, as far as the list of them can be read.
    fn free(&mut self) -> BTreeSet<u32> {
        let mut free = BTreeSet::new();
        let mut trunk = self.page(1).map_or(0, |page| number(&page, 32));
        while trunk != 0 && free.insert(trunk) {
            let Some(page) = self.page(trunk) else { break };
            let n = usize::try_from(number(&page, 4)).unwrap_or(0).min(self.page / 4);
            free.extend((0..n).map(|i| number(&page, 8 + 4 * i)));
            trunk = number(&page, 0);
        }
        free
    }
}

/// How many bytes the pages of a database have: what its header says, when the first page agrees,
/// else that with which most pages are what was written.
pub(crate) fn page_bytes(path: &Path) -> io::Result<usize> {
    const SIZES: [usize; 8] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];
    let mut start = Vec::new();
    File::open(path)?.take(65_536).read_to_end(&mut start)?;
    let says = start.get(16..).and_then(|b| b.first_chunk()).map_or(0, |b| u16::from_be_bytes(*b));
    let says = if says == 1 { 65_536 } else { usize::from(says) };
    let sound = |page: usize| {
        let pages = start.chunks_exact(page).zip(1..);
        pages.filter(|(page, number)| {
            // A page of zeros is sound in any size.
            page.iter().any(|b| *b != 0) && look(&mut page.to_vec(), *number) != State::Damaged
        })
    };
    let first = |page: &usize| sound(*page).next().is_some_and(|(_, number)| number == 1);
    if let Some(page) = [says].into_iter().chain(SIZES).filter(|p| SIZES.contains(p)).find(first) {
        return Ok(page);
    }
    let best = SIZES.into_iter().map(|page| (sound(page).count(), page)).max();
    if let Some((_, page)) = best.filter(|(n, _)| *n > 0) {
        return Ok(page);
    }
    let mut header = [0; 12];
    let log = File::open(wal_path(path)).and_then(|mut log| log.read_exact(&mut header));
    let says = usize::try_from(number(&header, 8)).unwrap_or(0);
    Ok(if log.is_ok() && SIZES.contains(&says) { says } else { 4096 })
}

/// A number of four bytes, 0 when there are not as many.
fn number(page: &[u8], at: usize) -> u32 {
    let bytes = page.get(at..).and_then(|b| b.first_chunk());
    bytes.map_or(0, |b| u32::from_be_bytes(*b))
}
