//! The target folder: which backups are in it, and who may write one.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use tram_wire::UnixMicros;

use super::{BackupError, MANIFEST, Manifest};
use crate::export::Time;

/// The end of the name of a backup that is not finished.
pub(crate) const UNFINISHED: &str = ".unfinished";
/// Held while a backup is written.
const LOCK: &str = "lock";

/// A target folder that belongs to this process for now.
pub(super) struct Place {
    target: PathBuf,
    _lock: File,
}

impl Place {
    pub(super) fn take(target: &Path) -> Result<Self, BackupError> {
        fs::create_dir_all(target).map_err(|e| BackupError::io(target, &e))?;
        let path = target.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| BackupError::io(&path, &e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { target: target.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(BackupError::Busy { path: target.to_owned() }),
            Err(TryLockError::Error(e)) => Err(BackupError::io(&path, &e)),
        }
    }

    /// Removes what interrupted backups left.
    pub(super) fn remove_unfinished(&self) -> Result<u64, BackupError> {
        let mut removed = 0;
        for path in folders(&self.target)? {
            let dated = path.to_str().and_then(|p| p.strip_suffix(UNFINISHED));
            if dated.is_some_and(|p| is_dated(Path::new(p))) {
                fs::remove_dir_all(&path).map_err(|e| BackupError::io(&path, &e))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The newest backup whose manifest can be read.
    pub(super) fn newest(&self) -> Option<(PathBuf, Manifest)> {
        let mut all = finished(&self.target).ok()?;
        while let Some(path) = all.pop() {
            if let Ok(manifest) = Manifest::read(&path) {
                return Some((path, manifest));
            }
        }
        None
    }

    /// A name by the time that nobody has yet.
    pub(super) fn name(&self, begun: UnixMicros) -> String {
        let second = begun.0.div_euclid(1_000_000).saturating_mul(1_000_000);
        let name = Time(second).to_string().replace(':', "-");
        let free = |name: &String| !self.target.join(name).exists();
        let mut candidates = (2..).map(|n| format!("{name}-{n}"));
        Some(name.clone()).filter(free).or_else(|| candidates.find(free)).unwrap_or(name)
    }

    /// Removes all but the newest `keep`.
    pub(super) fn keep(&self, keep: usize) -> Result<Vec<PathBuf>, BackupError> {
        let mut all = finished(&self.target)?;
        all.truncate(all.len().saturating_sub(keep.max(1)));
        for path in &all {
            // Without its manifest it is no backup any more, whatever happens next.
            fs::remove_file(path.join(MANIFEST)).map_err(|e| BackupError::io(path, &e))?;
            fs::remove_dir_all(path).map_err(|e| BackupError::io(path, &e))?;
        }
        Ok(all)
    }
}

/// The finished backups in a target folder, oldest first.
///
/// # Errors
/// [`BackupError::Io`] when the folder cannot be read.
pub fn finished(target: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let mut found = folders(target)?;
    found.retain(|path| is_dated(path) && path.join(MANIFEST).exists());
    // The dates are as long as each other; those of one second have a number behind.
    found.sort_by_key(|p| {
        let name = p.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (date, number) = name.split_at_checked(20).unwrap_or((&name, ""));
        (date.to_owned(), number.trim_start_matches('-').parse::<u64>().unwrap_or(1))
    });
    Ok(found)
}

/// The backup that a folder is, or the newest of those in it.
///
/// # Errors
/// [`BackupError::NoBackup`] when there is none.
pub fn newest(folder: &Path) -> Result<PathBuf, BackupError> {
    let none = || BackupError::NoBackup { path: folder.to_owned() };
    if folder.join(MANIFEST).exists() {
        return Ok(folder.to_owned());
    }
    finished(folder).map_err(|_| none())?.pop().ok_or_else(none)
}

fn folders(target: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let error = |e: std::io::Error| BackupError::io(target, &e);
    let mut found = Vec::new();
    for entry in fs::read_dir(target).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}

/// Whether a folder has the name of a backup: `2026-03-01T04-05-06Z`, perhaps with `-2`.
fn is_dated(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let Some((date, number)) = name.split_at_checked(20) else { return false };
    let fits = date.bytes().zip(*b"0000-00-00T00-00-00Z").all(|(b, pattern)| match pattern {
        b'0' => b.is_ascii_digit(),
        other => b == other,
    });
    let numbered = number.strip_prefix('-').is_some_and(|n| n.parse::<u64>().is_ok());
    fits && (number.is_empty() || numbered)
}

/// The databases of a store's folder by name, in the order in which they are copied: the log,
/// the days, what is derived from them, the alarms.
pub(crate) fn databases(dir: &Path) -> Result<Vec<String>, BackupError> {
    let mut found = Vec::new();
    walk(dir, "", &mut found)?;
    let rank = |name: &str| match name {
        "log.db" => 0,
        "alerts.db" => 3,
        _ if name.starts_with("series/") => 1,
        _ => 2,
    };
    found.sort_by(|a, b| (rank(a), a).cmp(&(rank(b), b)));
    Ok(found)
}

fn walk(dir: &Path, prefix: &str, found: &mut Vec<String>) -> Result<(), BackupError> {
    let error = |e: std::io::Error| BackupError::io(dir, &e);
    for entry in fs::read_dir(dir).map_err(error)? {
        let entry = entry.map_err(error)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = entry.path();
        if path.is_dir() && path.read_dir().is_ok() {
            walk(&path, &format!("{prefix}{name}/"), found)?;
        } else if name.ends_with(".db") {
            found.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}
