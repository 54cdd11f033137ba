//! What is done with files as a whole: the changes of a folder, which a power cut may undo until
//! the folder is synced.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
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

/// Writes a file once more as it is, onto the disk. What a sync that failed has left behind is in
/// the system's memory and nowhere else: it reads as if it were on the disk, and a later sync
/// passes over it.
///
/// # Errors
/// Those of the system; none when there is no such file.
pub fn write_again(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let mut offset = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..n).filter(|b| !b.is_empty()) else { break };
        // A witness may have something else in mind for it.
        let (n, verdict) = watch::write(path, offset, bytes);
        file.write_all_at(bytes.get(..n).unwrap_or(bytes), offset)?;
        verdict.into_io()?;
        offset += bytes.len() as u64;
    }
    watch::sync(path).into_io()?;
    file.sync_all()
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

/// Writes bytes into a file that is there.
pub(crate) fn overwrite(path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let (n, verdict) = watch::write(path, offset, bytes);
    let file = OpenOptions::new().write(true).open(path)?;
    file.write_all_at(bytes.get(..n).unwrap_or(bytes), offset)?;
    verdict.into_io()
}

/// Brings a file onto the disk.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    watch::sync(path).into_io()?;
    File::open(path)?.sync_all()
}
