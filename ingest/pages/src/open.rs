//! Opening a database through the layer.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Result};

use crate::vfs;

/// Opens a database whose pages are checked. A new one gets room for the checksums; the size of
/// its pages may still be chosen.
///
/// # Errors
/// Those of SQLite. A database without room for checksums is damaged in the first page read.
pub fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let db = Connection::open_with_flags_and_vfs(path, flags, vfs::name()?)?;
    vfs::reserve(&db);
    Ok(db)
}
