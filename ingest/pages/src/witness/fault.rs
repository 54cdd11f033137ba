//! What goes wrong.

use std::path::Path;

use rusqlite::ffi;

/// What is done when something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Bytes are written.
    Write,
    /// A file is synced.
    Sync,
    /// A file is cut.
    Truncate,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The disk is full.
    Full,
    /// So many bytes are written, then the disk is full.
    Short(usize),
    /// The device fails.
    Io,
}

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    /// With files whose name ends so.
    pub file: &'static str,
    /// Doing what.
    pub on: On,
    /// How often it goes well before.
    pub after: u64,
    /// How often it goes wrong then.
    pub times: u64,
    /// How it goes wrong.
    pub error: Error,
}

impl Fault {
    pub(super) fn strike(&mut self, file: &Path, on: On) -> Option<Error> {
        let name = file.as_os_str().as_encoded_bytes();
        if self.on != on || self.times == 0 || !name.ends_with(self.file.as_bytes()) {
            return None;
        }
        if let Some(after) = self.after.checked_sub(1) {
            self.after = after;
            return None;
        }
        self.times = self.times.saturating_sub(1);
        Some(self.error)
    }
}

impl Error {
    /// How many bytes of a write reach the file before.
    pub(super) fn written(self) -> usize {
        match self {
            Self::Short(bytes) => bytes,
            Self::Full | Self::Io => 0,
        }
    }

    /// What SQLite's own VFS would say.
    pub(super) fn code(self, on: On) -> i32 {
        match (self, on) {
            (_, On::Sync) => ffi::SQLITE_IOERR_FSYNC,
            (_, On::Truncate) => ffi::SQLITE_IOERR_TRUNCATE,
            (Self::Full | Self::Short(_), On::Write) => ffi::SQLITE_FULL,
            (Self::Io, On::Write) => ffi::SQLITE_IOERR_WRITE,
        }
    }
}
