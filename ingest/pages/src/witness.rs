//! For tests: writes down everything that is done to the files of a folder, so that the disk can
//! be shown as a power cut at any moment would leave it, and answers with errors when told to.

mod disk;
mod fault;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

pub use disk::{Disk, Snapshot, Survives};
pub use fault::{Error, Fault, On};

use crate::watch::Verdict;

/// One thing that was done. Names are relative to the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A file came into being.
    Create(PathBuf),
    /// Bytes were written.
    Write {
        /// The file.
        file: PathBuf,
        /// Where.
        offset: u64,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// The file was cut, or made longer.
    Truncate {
        /// The file.
        file: PathBuf,
        /// Its new length.
        size: u64,
    },
    /// The file is on the disk.
    Sync(PathBuf),
    /// The file was to be brought onto the disk, and that failed.
    SyncFailed(PathBuf),
    /// The name is gone.
    Remove(PathBuf),
    /// The file has another name.
    Rename {
        /// Its old one.
        from: PathBuf,
        /// Its new one.
        to: PathBuf,
    },
    /// A folder came into being.
    CreateFolder(PathBuf),
    /// The names in a folder are on the disk.
    SyncFolder(PathBuf),
}

/// Looks on while databases of one folder are used.
#[derive(Debug)]
pub struct Witness {
    folder: PathBuf,
    record: Arc<Mutex<Record>>,
}

#[derive(Debug, Default)]
struct Record {
    operations: Vec<Operation>,
    exist: BTreeSet<PathBuf>,
    /// Files whose first sync has the names of their folder synced as well.
    new_journals: BTreeSet<PathBuf>,
    faults: Vec<Fault>,
    /// How often a fault struck.
    struck: u64,
}

type Known = (PathBuf, Arc<Mutex<Record>>);

static WITNESSES: Mutex<Vec<Known>> = Mutex::new(Vec::new());
/// How many there are, so that without one nothing waits for the others.
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Witness {
    /// Looks on from now on. The folder must exist and be empty, its databases not be open.
    ///
    /// # Errors
    /// Those of the system.
    pub fn of(folder: &Path) -> std::io::Result<Self> {
        let folder = folder.canonicalize()?;
        let record = Arc::<Mutex<Record>>::default();
        COUNT.fetch_add(1, Relaxed);
        locked(&WITNESSES).push((folder.clone(), Arc::clone(&record)));
        Ok(Self { folder, record })
    }

    /// How much has been done so far.
    #[must_use]
    pub fn operations(&self) -> usize {
        locked(&self.record).operations.len()
    }

    /// Everything that was done so far.
    #[must_use]
    pub fn record(&self) -> Vec<Operation> {
        locked(&self.record).operations.clone()
    }

    /// Lets something go wrong from now on.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        locked(&self.record).faults.extend(faults);
    }

    /// Lets nothing go wrong any more. Says how often something did.
    pub fn heal(&self) -> u64 {
        let mut record = locked(&self.record);
        record.faults.clear();
        std::mem::take(&mut record.struck)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        locked(&WITNESSES).retain(|(_, record)| !Arc::ptr_eq(record, &self.record));
        COUNT.fetch_sub(1, Relaxed);
        crate::forget(&self.folder);
    }
}

/// Writes down what the witness of a path sees, if there is one.
fn see<T>(path: &Path, look: impl FnOnce(&mut Record, PathBuf) -> T) -> Option<T> {
    if COUNT.load(Relaxed) == 0 {
        return None;
    }
    let known = locked(&WITNESSES);
    let (folder, record) = known.iter().find(|(folder, _)| path.starts_with(folder))?;
    let (record, name) = (Arc::clone(record), path.strip_prefix(folder).ok()?.to_owned());
    drop(known);
    let mut record = locked(&record);
    Some(look(&mut record, name))
}

pub(crate) fn opened(path: &Path) {
    see(path, |record, name| {
        if record.exist.insert(name.clone()) {
            if disk::is_journal(&name) {
                record.new_journals.insert(name.clone());
            }
            record.operations.push(Operation::Create(name));
        }
    });
}

pub(crate) fn removed(path: &Path, synced: bool) {
    see(path, |record, name| {
        record.exist.remove(&name);
        let folder = name.parent().unwrap_or(Path::new("")).to_owned();
        record.operations.push(Operation::Remove(name));
        if synced {
            record.operations.push(Operation::SyncFolder(folder));
        }
    });
}

pub(crate) fn renamed(path: &Path, to: &Path) {
    let to = to.to_owned();
    see(path, |record, from| {
        // Both are below the folder, so as much of the path is in front of either name.
        let to: PathBuf = match to.file_name() {
            Some(name) => from.with_file_name(name),
            None => return,
        };
        record.exist.remove(&from);
        record.exist.insert(to.clone());
        record.operations.push(Operation::Rename { from, to });
    });
}

pub(crate) fn folder_created(path: &Path) {
    see(path, |record, name| record.operations.push(Operation::CreateFolder(name)));
}

pub(crate) fn folder_synced(path: &Path) {
    see(path, |record, name| record.operations.push(Operation::SyncFolder(name)));
}

/// How many of the bytes to write, and what to answer then.
pub(crate) fn write(path: &Path, offset: u64, bytes: &[u8]) -> (usize, Verdict) {
    see(path, |record, file| {
        let (written, verdict) = match record.strike(&file, On::Write) {
            None => (bytes.len(), Verdict::Go),
            Some(error) => (error.written().min(bytes.len()), Verdict::Stop(error.code(On::Write))),
        };
        if let Some(bytes) = bytes.get(..written).filter(|b| !b.is_empty()) {
            record.operations.push(Operation::Write { file, offset, bytes: bytes.into() });
        }
        (written, verdict)
    })
    .unwrap_or((bytes.len(), Verdict::Go))
}

pub(crate) fn truncate(path: &Path, size: u64) -> Verdict {
    see(path, |record, file| {
        if let Some(error) = record.strike(&file, On::Truncate) {
            return Verdict::Stop(error.code(On::Truncate));
        }
        record.operations.push(Operation::Truncate { file, size });
        Verdict::Go
    })
    .unwrap_or(Verdict::Go)
}

pub(crate) fn sync(path: &Path) -> Verdict {
    see(path, |record, file| {
        if let Some(error) = record.strike(&file, On::Sync) {
            record.operations.push(Operation::SyncFailed(file));
            return Verdict::Stop(error.code(On::Sync));
        }
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let first = record.new_journals.remove(&file);
        record.operations.push(Operation::Sync(file));
        if first {
            // SQLite's unix VFS syncs the folder with the first sync of a journal it has made.
            record.operations.push(Operation::SyncFolder(folder));
        }
        Verdict::Go
    })
    .unwrap_or(Verdict::Go)
}

impl Record {
    /// Whether something goes wrong now.
    fn strike(&mut self, file: &Path, on: On) -> Option<Error> {
        let error = self.faults.iter_mut().find_map(|fault| fault.strike(file, on))?;
        self.struck += 1;
        Some(error)
    }
}
