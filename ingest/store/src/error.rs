//! What can go wrong with the store, named after what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::{ErrorCode, ffi};
use thiserror::Error;

/// What can go wrong with the store. Each text is a sentence that says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No room on the disk. Nothing was written; the call may be repeated.
    #[error("the disk that holds {} is full; free some space or point `data` at a larger disk", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The folder or the file may not be written.
    #[error("{} cannot be written; give the user that runs this program write access to it, or choose another `data`", path.display())]
    ReadOnly {
        /// The folder or file.
        path: PathBuf,
    },
    /// So much waits for the sealer that the log takes nothing more until it has caught up.
    /// Nothing was written; the call may be repeated.
    #[error("{readings} readings wait to be sealed into {}; if this does not end by itself, an earlier message says what keeps the sealer from writing there", path.display())]
    Behind {
        /// The folder of the days.
        path: PathBuf,
        /// How many readings wait.
        readings: u64,
    },
    /// Another process has the store open.
    #[error("{} is in use by another process; stop the other tram-ingest or choose another `data`", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// There is no store in the folder.
    #[error("{} holds no data of a centre (there is no log.db in it); name the folder that `data` in the configuration names", path.display())]
    Absent {
        /// The folder.
        path: PathBuf,
    },
    /// A restore into the folder was interrupted.
    #[error("{} holds a restore that was not finished; empty the folder and restore again", path.display())]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },
    /// The file holds something else than was written.
    #[error("{} is damaged ({detail}); restore it from a backup, or move the file away to go on without it", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The file is of another version of this program.
    #[error("{} has format {found}, this program writes format {known}; run the version of tram-ingest that wrote it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The one known here.
        known: i64,
    },
    /// The disk did not confirm that the log is on it. What it holds now is known only after a
    /// restart; the log takes nothing more.
    #[error("the disk that holds {} did not confirm a write ({detail}); nothing after it was acknowledged: check the disk, then restart the program", path.display())]
    SyncFailed {
        /// The file.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// One entry of the log holds something else than was written; the others do not suffer.
    #[error("entry {entry} of {} is damaged ({detail}); pass over it, and check the disk", path.display())]
    Damaged {
        /// The log.
        path: PathBuf,
        /// The entry; reading goes on behind it.
        entry: i64,
        /// What was found.
        detail: String,
    },
    /// The cursor is behind the oldest entry the log still holds.
    #[error(
        "log entries after {after} are gone, the oldest is {oldest}: register the consumer before it stops reading, or start it again from {oldest}"
    )]
    Trimmed {
        /// The cursor.
        after: i64,
        /// The oldest entry.
        oldest: i64,
    },
    /// The system refused for another reason.
    #[error("{}: {detail}; check the disk and the file system's messages (dmesg)", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
}

impl StoreError {
    /// Whether the log takes nothing more until the program is started again.
    #[must_use]
    pub fn fatal(&self) -> bool {
        matches!(self, Self::SyncFailed { .. } | Self::Corrupt { .. } | Self::Version { .. })
    }
}

/// Names an error of SQLite.
pub(crate) fn wrap(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    let detail = error.to_string();
    match error.sqlite_extended_error_code() {
        Some(ffi::SQLITE_IOERR_DATA) => {
            let place = tram_pages::last_damage().map(|place| place.to_string());
            let what = place.unwrap_or_else(|| "a page".to_owned());
            return StoreError::Corrupt { path, detail: format!("{what} is not what was written") };
        }
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => {
            return StoreError::SyncFailed { path, detail };
        }
        _ => {}
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            StoreError::ReadOnly { path }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { path, detail }
        }
        Some(_) => StoreError::Io { path, detail },
        // Not from SQLite itself: a value of another type or range than this program writes.
        None => StoreError::Corrupt { path, detail },
    }
}

/// Names an error of the file system.
pub(crate) fn wrap_io(path: &Path, error: &io::Error) -> StoreError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { path }
        }
        _ => StoreError::Io { path, detail: error.to_string() },
    }
}

/// Says that a file holds what this program does not write.
pub(crate) fn corrupt(path: &Path, detail: impl Into<String>) -> StoreError {
    StoreError::Corrupt { path: path.to_owned(), detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_sqlite_has_the_name_of_what_to_do() {
        let named = |code| {
            wrap(Path::new("log.db"), &rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
        };
        assert!(matches!(named(ffi::SQLITE_FULL), StoreError::Full { .. }));
        assert!(matches!(named(ffi::SQLITE_READONLY), StoreError::ReadOnly { .. }));
        assert!(matches!(named(ffi::SQLITE_CANTOPEN), StoreError::ReadOnly { .. }));
        assert!(matches!(named(ffi::SQLITE_BUSY), StoreError::Locked { .. }));
        assert!(matches!(named(ffi::SQLITE_CORRUPT), StoreError::Corrupt { .. }));
        assert!(matches!(named(ffi::SQLITE_NOTADB), StoreError::Corrupt { .. }));
        assert!(matches!(named(ffi::SQLITE_IOERR_WRITE), StoreError::Io { .. }));
        assert!(matches!(named(ffi::SQLITE_IOERR_FSYNC), StoreError::SyncFailed { .. }));
        assert!(matches!(named(ffi::SQLITE_IOERR_DATA), StoreError::Corrupt { .. }));
    }
}
