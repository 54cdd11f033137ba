//! Where a test's witness looks on. Without the feature `witness` there is nobody, and nothing of
//! this is left in the program.

/// What is to become of a write, a truncation or a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "witness"), expect(dead_code, reason = "nobody stops anything"))]
pub(crate) enum Verdict {
    /// It is done.
    Go,
    /// It is answered with this code of SQLite.
    Stop(i32),
}

impl Verdict {
    /// The same for what SQLite does not do.
    pub(crate) fn into_io(self) -> std::io::Result<()> {
        match self {
            Self::Go => Ok(()),
            Self::Stop(rusqlite::ffi::SQLITE_FULL) => Err(std::io::ErrorKind::StorageFull.into()),
            Self::Stop(code) => Err(std::io::Error::other(format!("error {code} of SQLite"))),
        }
    }
}

#[cfg(feature = "witness")]
pub(crate) use crate::witness::{
    folder_created, folder_synced, opened, removed, renamed, sync, truncate, write,
};

#[cfg(not(feature = "witness"))]
mod nobody {
    use std::path::Path;

    use super::Verdict;

    pub(crate) fn opened(_: &Path) {}
    pub(crate) fn removed(_: &Path, _synced: bool) {}
    pub(crate) fn renamed(_: &Path, _to: &Path) {}
    pub(crate) fn folder_created(_: &Path) {}
    pub(crate) fn folder_synced(_: &Path) {}
    /// How many of the bytes to write, and what to answer then.
    pub(crate) fn write(_: &Path, _offset: u64, bytes: &[u8]) -> (usize, Verdict) {
        (bytes.len(), Verdict::Go)
    }
    pub(crate) fn truncate(_: &Path, _size: u64) -> Verdict {
        Verdict::Go
    }
    pub(crate) fn sync(_: &Path) -> Verdict {
        Verdict::Go
    }
}
#[cfg(not(feature = "witness"))]
pub(crate) use nobody::*;
