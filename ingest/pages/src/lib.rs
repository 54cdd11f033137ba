//! Database files whose every page is checked when it is read.
//!
//! SQLite trusts its disk. [`open()`] opens a database through a layer between SQLite and the
//! system's files that keeps a checksum in the last eight bytes of each page, looks at it whenever
//! the page is read, and answers `SQLITE_IOERR_DATA` when the page is not what was written; then
//! [`last_damage`] says which page of which file it was. A page in which one byte is wrong is read
//! as it was written, and remembered. Frames of the write-ahead log, which SQLite checks only
//! after a crash, are checked whenever they are read.
//!
//! It does not find what was wrong before it was written, nor a page that the disk has kept in an
//! older version.
#![warn(missing_docs)]

mod checksum;
mod damage;
mod file;
mod files;
mod frame;
mod open;
mod raw;
mod salvage;
#[expect(unsafe_code, reason = "SQLite asks for its files through C functions")]
mod vfs;
mod wal;
mod watch;
#[cfg(feature = "witness")]
pub mod witness;

pub use checksum::{RESERVED, State, look, seal};
pub use damage::{Finding, MAX_FINDINGS, Place, forget, found, last_damage, not_synced};
pub use files::{create_folder, remove, rename, sync_folder, write_again};
pub use open::open;
pub use raw::{Raw, Record, Row, Value, Wounds};
pub use salvage::{Copied, MAX_PARTIAL, TableCopy, Wal, adopt, copy, look_at_log, put_aside};

#[cfg(test)]
mod tests;
