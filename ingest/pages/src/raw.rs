//! A database as it lies on the disk, read by ourselves: with what SQLite stops at left out.
//!
//! It follows <https://sqlite.org/fileformat2.html>: trees of tables and indexes, their cells and
//! overflow pages, records. Pages come from the write-ahead log where it has them.

mod record;
mod tree;

use std::{
    collections::BTreeSet,
    fs::File,
    io,
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
    /// Opens a database whose pages have so many bytes. Nobody may write to it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(path: &Path, page: usize) -> io::Result<Self> {
        let file = File::open(path)?;
        let wal = Wal::read(&wal_path(path), page)?.filter(|wal| wal.size > 0);
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

/// A number of four bytes, 0 when there are not as many.
fn number(page: &[u8], at: usize) -> u32 {
    let bytes = page.get(at..).and_then(|b| b.first_chunk());
    bytes.map_or(0, |b| u32::from_be_bytes(*b))
}
