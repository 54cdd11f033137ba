//! A copy of a store's folder, taken while the centre runs.
//!
//! A target folder holds one folder for each backup, named by when it began. Each is complete by
//! itself: what has not changed since the backup before is hard-linked, not copied, so that any of
//! them may be deleted. A backup that is not finished has `.unfinished` at the end of its name; the
//! next one removes it.
//!
//! Order makes it consistent. `log.db` comes first, then the days, then what is derived from them,
//! then `alerts.db`: what the log says is sealed was in the files of its days before, and what came
//! later is in them as well or not missed. Each database is copied from one state of it through
//! SQLite, which holds up nobody who writes.

mod copy;
mod manifest;
mod places;
mod request;

use std::{
    fs,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{
    StoreError,
    beside::log_path,
    watch::{Interrupted, Meter, Watch},
};

pub(crate) use copy::{copy_file, digest_file, free_bytes, sync_dir};
pub use manifest::{LogState, MANIFEST, Manifest, Stored};
pub(crate) use places::{UNFINISHED, databases};
pub use places::{finished, newest};
pub use request::{Extra, Request};

/// What a finished backup did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
    /// Bytes copied.
    pub copied_bytes: u64,
    /// Files that have not changed since the backup before.
    pub linked: u64,
    /// Unfinished backups that were removed.
    pub removed_unfinished: u64,
    /// Old backups that were removed, as asked.
    pub removed: Vec<PathBuf>,
}

/// Why there is no backup, or no restored folder.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It would not fit; nothing was written.
    #[error("{} has room for {free} bytes and {needed} are needed; free some space or choose another folder", path.display())]
    NoRoom {
        /// The folder.
        path: PathBuf,
        /// How much is needed.
        needed: u64,
        /// How much there is.
        free: u64,
    },
    /// The disk filled up meanwhile; what was written is removed.
    #[error("the disk that holds {} is full; free some space or choose another folder", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: {detail}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// Another backup into the same folder is going on.
    #[error("another backup into {} is going on; wait for it, or choose another folder", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// There is no finished backup.
    #[error("{} holds no finished backup; name the folder that was given to `backup --to`, or one of the dated folders in it", path.display())]
    NoBackup {
        /// The folder.
        path: PathBuf,
    },
    /// The backup is not what was written.
    #[error("{} is not what was backed up ({detail}); use another backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The backup is of another version of this program.
    #[error("{} has format {found}, this program reads format {known}; run the version of tram-ingest that wrote it ({program})", path.display())]
    Version {
        /// The backup.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The one known here.
        known: i64,
        /// Who wrote it.
        program: String,
    },
    /// The folder to restore into is not empty.
    #[error("{} is not empty; restore into a new folder, so that nothing is overwritten", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// It was told to stop; what was written is removed.
    #[error("interrupted; what was written so far is removed")]
    Interrupted,
}

impl From<Interrupted> for BackupError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl BackupError {
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded => Self::Full { path: path.to_owned() },
            _ => Self::Io { path: path.to_owned(), detail: error.to_string() },
        }
    }
}

/// Takes a backup of the folder `dir` into a new folder in `target`. A centre may run on `dir`.
///
/// # Errors
/// [`BackupError`]; there is no backup then, and what was written of it is removed.
pub fn backup(
    dir: &Path,
    target: &Path,
    request: &Request,
    watch: &mut Watch<'_>,
) -> Result<Backup, BackupError> {
    log_path(dir)?;
    let place = places::Place::take(target)?;
    let removed_unfinished = place.remove_unfinished()?;
    let before = match request.full {
        true => None,
        false => place.newest(),
    };
    let mut plan = request::Plan::new(dir, request, before);
    let needed = plan.bytes()?;
    let free = free_bytes(target)?;
    if needed > free {
        return Err(BackupError::NoRoom { path: target.to_owned(), needed, free });
    }
    let name = place.name(request.begun);
    let unfinished = target.join(format!("{name}{UNFINISHED}"));
    // Each byte is written once and read once again for its checksum.
    let mut meter = Meter::new(watch, needed.saturating_mul(2));
    let standing_still = hold_rollups(dir)?;
    let written = plan.write(&unfinished, &mut meter).and_then(|manifest| {
        drop(standing_still);
        let path = target.join(&name);
        fs::rename(&unfinished, &path).map_err(|e| BackupError::io(&path, &e))?;
        sync_dir(target)?;
        Ok((path, manifest))
    });
    let (path, manifest) = written.inspect_err(|_| {
        // What cannot be removed now is removed by the next backup.
        let _ = fs::remove_dir_all(&unfinished);
    })?;
    // The old ones go only when the new one is whole.
    let whole = manifest.files.iter().all(|f| f.damaged.is_none());
    let removed = match request.keep {
        Some(keep) if whole => place.keep(keep)?,
        _ => Vec::new(),
    };
    let (copied_bytes, linked) = (plan.copied_bytes, plan.linked);
    Ok(Backup { path, manifest, copied_bytes, linked, removed_unfinished, removed })
}

/// Keeps a running centre from rolling up and deleting, so that readings and rollups are copied as
/// they belong together. What it seals meanwhile is marked in the copies to be rolled up again.
fn hold_rollups(dir: &Path) -> Result<Option<fs::File>, BackupError> {
    let folder = dir.join("rollup");
    if !folder.is_dir() {
        return Ok(None);
    }
    let path = folder.join("lock");
    let error = |e: std::io::Error| BackupError::io(&path, &e);
    let mut options = fs::OpenOptions::new();
    let lock = options.create(true).truncate(false).write(true).open(&path).map_err(error)?;
    lock.lock().map_err(error)?;
    Ok(Some(lock))
}
