//! What is done with files as a whole: the changes of a folder, which a power cut may undo until
//! the folder is synced.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use crate::watch;

/// Makes a folder and those above it, and has the disk keep them.
///
/// # Errors
/// Those of the system.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|p| !p.as_os_str().is_empty());
    if let Some(above) = above {
        create_folder(above)?;
    }
    match fs::create_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        other => other?,
    }
    watch::folder_created(folder);
    sync_folder(above.unwrap_or(Path::new(".")))
}

/// Gives a file another name. It has it for good after [`sync_folder`].
///
/// # Errors
/// Those of the system.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    watch::renamed(from, to);
    Ok(())
}

/// Removes a file. It is gone for good after [`sync_folder`].
///
/// # Errors
/// Those of the system; none when there is no such file.
pub fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    }
    watch::removed(file, false);
    Ok(())
}

/// Has the disk keep the names in a folder as they are now.
///
/// # Errors
/// Those of the system.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()?;
    watch::folder_synced(folder);
    Ok(())
}
