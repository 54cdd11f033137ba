//! Copying a database from one state of it, copying a file, and checksums.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use rusqlite::{
    ErrorCode,
    backup::{Backup, StepResult},
    ffi,
};
use sha2::{Digest, Sha256};

use super::{
    BackupError,
    manifest::{Stamp, hexadecimal},
};
use crate::{error::wrap, schema, watch::Meter};

/// How much is copied between two looks at whether to go on.
const STEP_BYTES: u64 = 1 << 20;
/// How much may wait for the disk, so that the log's fsyncs do not wait behind all of a copy.
const SYNC_BYTES: u64 = 32 << 20;

/// Copies one state of a database into a new file, which is then on disk. Nobody who writes to the
/// database waits for it.
pub(super) fn copy_database(
    from: &Path,
    to: &Path,
    name: &str,
    meter: &mut Meter<'_, '_>,
) -> Result<(), BackupError> {
    let source = schema::open_any(from)?;
    let read = |e| BackupError::Store(wrap(from, &e));
    // With a transaction open, each step sees the same state; without one, a write by another
    // process would begin the copy anew.
    source.execute_batch("BEGIN").map_err(read)?;
    let page: u64 = source
        .pragma_query_value(None, "page_size", |r| r.get::<_, i64>(0))
        .map_err(read)?
        .unsigned_abs();
    let _: i64 =
        source.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).map_err(read)?;
    let step = i32::try_from(STEP_BYTES / page.max(512)).unwrap_or(256);
    // SQLite would not say why a file cannot be made.
    let file = File::create(to).map_err(|e| BackupError::io(to, &e))?;
    let mut copy = schema::open_copy(to)?;
    let error = |e| place(from, to, &e);
    {
        let backup = Backup::new(&source, &mut copy).map_err(error)?;
        let (mut done, mut synced) = (0, 0);
        loop {
            let more = match backup.step(step).map_err(error)? {
                StepResult::Done => false,
                StepResult::More => true,
                // Nobody else knows the copy, and the source is read from one state.
                _ => return Err(BackupError::Busy { path: to.to_owned() }),
            };
            let progress = backup.progress();
            let pages = u64::try_from(progress.pagecount - progress.remaining).unwrap_or(0);
            let bytes = pages.saturating_mul(page);
            meter.add(name, bytes.saturating_sub(done))?;
            done = bytes;
            if !more {
                break;
            }
            if done - synced >= SYNC_BYTES {
                file.sync_data().map_err(|e| BackupError::io(to, &e))?;
                synced = done;
            }
        }
    }
    // The copy stands alone: no write-ahead log goes with it.
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).map_err(error)?;
    copy.close().map_err(|(_, e)| error(e))?;
    file.sync_all().map_err(|e| BackupError::io(to, &e))
}

/// Which of the two files an error is about.
fn place(from: &Path, to: &Path, error: &rusqlite::Error) -> BackupError {
    let extended = error.sqlite_error().map_or(0, |e| e.extended_code);
    let reading = matches!(
        extended,
        ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_DATA
    );
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => BackupError::Full { path: to.to_owned() },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            BackupError::Store(wrap(from, error))
        }
        _ if reading => BackupError::Store(wrap(from, error)),
        _ => BackupError::Io { path: to.to_owned(), detail: error.to_string() },
    }
}

/// Copies a file into a new one, which is then on disk.
pub(crate) fn copy_file(
    from: &Path,
    to: &Path,
    name: &str,
    meter: &mut Meter<'_, '_>,
) -> Result<String, BackupError> {
    let mut source = File::open(from).map_err(|e| BackupError::io(from, &e))?;
    let mut copy = File::create(to).map_err(|e| BackupError::io(to, &e))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut unsynced = 0;
    loop {
        let n = source.read(&mut buffer).map_err(|e| BackupError::io(from, &e))?;
        let Some(part) = buffer.get(..n).filter(|p| !p.is_empty()) else { break };
        copy.write_all(part).map_err(|e| BackupError::io(to, &e))?;
        hash.update(part);
        meter.add(name, n as u64)?;
        unsynced += n as u64;
        if unsynced >= SYNC_BYTES {
            copy.sync_data().map_err(|e| BackupError::io(to, &e))?;
            unsynced = 0;
        }
    }
    copy.sync_all().map_err(|e| BackupError::io(to, &e))?;
    Ok(hexadecimal(&hash.finalize()))
}

/// Length and SHA-256 of a file.
pub(crate) fn digest_file(
    path: &Path,
    name: &str,
    meter: &mut Meter<'_, '_>,
) -> Result<(u64, String), BackupError> {
    let error = |e: std::io::Error| BackupError::io(path, &e);
    let mut file = File::open(path).map_err(error)?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer).map_err(error)?;
        let Some(part) = buffer.get(..n).filter(|p| !p.is_empty()) else { break };
        hash.update(part);
        bytes += n as u64;
        meter.add(name, n as u64)?;
    }
    Ok((bytes, hexadecimal(&hash.finalize())))
}

/// The stamp of a database that has everything in its file; `None` while some of it is in a
/// write-ahead log.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    if fs::metadata(wal(path)).is_ok_and(|m| m.len() > 0) {
        return None;
    }
    let meta = fs::metadata(path).ok()?;
    let modified = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Stamp {
        bytes: meta.len(),
        modified: i64::try_from(modified.as_micros()).ok()?,
        inode: meta.ino(),
    })
}

/// The most that copying a database writes.
pub(super) fn source_bytes(path: &Path) -> u64 {
    let len = |path: &Path| fs::metadata(path).map_or(0, |m| m.len());
    len(path).saturating_add(len(&wal(path)))
}

fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// How much a user may write to the file system of a folder.
pub(crate) fn free_bytes(folder: &Path) -> Result<u64, BackupError> {
    let stat = rustix::fs::statvfs(folder)
        .map_err(|e| BackupError::io(folder, &std::io::Error::from(e)))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Brings the names in a folder to the disk.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), BackupError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| BackupError::io(dir, &e))
}
