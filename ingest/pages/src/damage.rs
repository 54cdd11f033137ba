//! What reading has found, for those who report it: SQLite's answers have no room for it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The most findings kept; more are counted.
pub const MAX_FINDINGS: usize = 1_000;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Its page or, of a write-ahead log, its frame; counted from 1.
    pub number: u32,
}

/// What was found there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The page is not what was written.
    Damaged,
    /// One byte of the page was wrong; it was read as it was written.
    Mended,
    /// The system did not confirm that the file is on the disk. The number is 0.
    NotSynced,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wal = self.file.as_os_str().as_encoded_bytes().ends_with(b"-wal");
        let noun = if wal { "frame" } else { "page" };
        write!(f, "{noun} {} of {}", self.number, self.file.display())
    }
}

static FINDINGS: Mutex<BTreeMap<Place, Finding>> = Mutex::new(BTreeMap::new());

thread_local! {
    static LAST: RefCell<Option<Place>> = const { RefCell::new(None) };
}

fn findings() -> MutexGuard<'static, BTreeMap<Place, Finding>> {
    FINDINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers a finding, and on this thread the last damage.
pub(crate) fn remember(file: &Path, number: u32, finding: Finding) {
    let place = Place { file: file.to_owned(), number };
    if finding == Finding::Damaged {
        LAST.with_borrow_mut(|last| *last = Some(place.clone()));
    }
    let mut findings = findings();
    if findings.len() < MAX_FINDINGS || findings.contains_key(&place) {
        findings.insert(place, finding);
    }
}

/// The damage this thread met last, once: what an error with the code `SQLITE_IOERR_DATA` is
/// about.
#[must_use]
pub fn last_damage() -> Option<Place> {
    LAST.with_borrow_mut(Option::take)
}

/// Everything found in files of a folder since the program started, at most [`MAX_FINDINGS`].
#[must_use]
pub fn found(folder: &Path) -> Vec<(Place, Finding)> {
    let findings = findings();
    let below = findings.iter().filter(|(place, _)| place.file.starts_with(folder));
    below.map(|(place, finding)| (place.clone(), *finding)).collect()
}

/// Whether some file of a folder was not confirmed to be on the disk. Answers of SQLite do not
/// always say so: what fails while it brings a write-ahead log into its file, it tries again.
#[must_use]
pub fn not_synced(folder: &Path) -> Option<PathBuf> {
    let findings = findings();
    let mut failed = findings.iter().filter(|(_, finding)| **finding == Finding::NotSynced);
    failed.find(|(place, _)| place.file.starts_with(folder)).map(|(place, _)| place.file.clone())
}

/// Forgets what was found in a folder: it is opened anew, and looked at anew.
pub fn forget(folder: &Path) {
    findings().retain(|place, _| !place.file.starts_with(folder));
}
