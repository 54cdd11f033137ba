//! Folders that need no disk.

use std::path::Path;

use tempfile::TempDir;

/// A folder in memory where the system has one, so that a sync costs nothing; else an ordinary
/// one.
///
/// # Errors
/// Those of the system.
pub fn shared_memory() -> std::io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir()
        && let Ok(folder) = tempfile::tempdir_in(memory)
    {
        return Ok(folder);
    }
    tempfile::tempdir()
}
