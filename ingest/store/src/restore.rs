//! A folder made from a backup.
//!
//! Everything is copied into a folder inside the one that is restored into, compared with the
//! manifest on the way, and checked as a whole; only then it is moved to its place, the log last.
//! Until then no centre starts on the folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use tram_wire::{NodeId, UnixMicros};

use crate::{
    StoreError,
    backup::{BackupError, Manifest, copy_file, free_bytes, sync_dir},
    check::{CheckError, Depth, Report, check},
    error::wrap,
    schema,
    watch::{Meter, Watch},
};

/// Where a restore is prepared; while it is there, no store is opened.
pub(crate) const PREPARED: &str = "unfinished-restore";
/// Room to spare.
const SPARE_BYTES: u64 = 16 << 20;

/// A backup that is copied and not in its place yet. Dropped, it is removed.
#[derive(Debug)]
pub struct Prepared {
    to: PathBuf,
    manifest: Manifest,
    placed: bool,
    /// Whether `to` was made for it.
    made: bool,
}

/// What a backup knows of a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StationState {
    /// Which.
    pub node: NodeId,
    /// When the last message of it was received.
    pub received: UnixMicros,
}

/// Copies a backup into the empty or new folder `to`, comparing every byte with the manifest. Call
/// [`Prepared::check`] and [`Prepared::place`] next.
///
/// # Errors
/// [`BackupError`]; nothing is left in `to` then.
pub fn prepare(from: &Path, to: &Path, watch: &mut Watch<'_>) -> Result<Prepared, BackupError> {
    let manifest = Manifest::read(from)?;
    let made = !to.exists();
    if !made {
        let mut entries = fs::read_dir(to).map_err(|e| BackupError::io(to, &e))?;
        // What a file system puts at its top is nobody's data.
        if entries.any(|e| e.is_ok_and(|e| e.file_name() != "lost+found")) {
            return Err(BackupError::NotEmpty { path: to.to_owned() });
        }
    }
    let parent = existing(to);
    let needed = data(&manifest).map(|f| f.bytes).sum::<u64>().saturating_add(SPARE_BYTES);
    let free = free_bytes(parent)?;
    if needed > free {
        return Err(BackupError::NoRoom { path: to.to_owned(), needed, free });
    }
    let inner = to.join(PREPARED);
    fs::create_dir_all(&inner).map_err(|e| BackupError::io(&inner, &e))?;
    let prepared = Prepared { to: to.to_owned(), manifest, placed: false, made };
    let mut meter = Meter::new(watch, needed.saturating_sub(SPARE_BYTES));
    for file in data(&prepared.manifest) {
        let (source, path) = (from.join(&file.path), inner.join(&file.path));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| BackupError::io(folder, &e))?;
        }
        let sha256 = copy_file(&source, &path, &file.path, &mut meter)?;
        if sha256 != file.sha256 {
            let detail = "it does not match its checksum in the manifest".to_owned();
            return Err(BackupError::Damaged { path: source, detail });
        }
    }
    match rename_centre(&inner.join("log.db")) {
        // The check says so, and whoever restores it decides.
        Ok(()) | Err(StoreError::Corrupt { .. }) => Ok(prepared),
        Err(error) => Err(error.into()),
    }
}

/// Lets the restored centre draw another id: the old one may still run, and replicas tell their own
/// acknowledgements from those of others by it.
fn rename_centre(log: &Path) -> Result<(), StoreError> {
    let db = schema::open(log, &schema::LOG)?;
    db.execute("DELETE FROM meta WHERE name = 'replica'", [])
        // The file stands alone again.
        .and_then(|_| db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())))
        .map_err(|e| wrap(log, &e))
}

/// The databases, without what was beside the data.
fn data(manifest: &Manifest) -> impl Iterator<Item = &crate::backup::Stored> {
    manifest.files.iter().filter(|f| f.path.ends_with(".db"))
}

/// The folder, or the nearest above it that is there.
fn existing(path: &Path) -> &Path {
    let there = path.ancestors().find(|p| p.exists());
    there.unwrap_or(if path.is_absolute() { Path::new("/") } else { Path::new(".") })
}

impl Prepared {
    /// What the backup says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The file of the alarms, when there is one, to bring it in line with the log.
    #[must_use]
    pub fn alerts(&self) -> Option<PathBuf> {
        Some(self.inner().join("alerts.db")).filter(|p| p.exists())
    }

    fn inner(&self) -> PathBuf {
        self.to.join(PREPARED)
    }

    /// Reads everything that was copied.
    ///
    /// # Errors
    /// [`CheckError`] when it did not come to its end.
    pub fn check(&self, quick: bool, watch: &mut Watch<'_>) -> Result<Report, CheckError> {
        check(&self.inner(), Depth { quick, frozen: true }, watch)
    }

    /// What it holds of each station, in order of name.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn stations(&self) -> Result<Vec<StationState>, StoreError> {
        stations(&self.inner())
    }

    /// Moves everything to its place; a centre may be started on the folder when it returns.
    ///
    /// # Errors
    /// [`BackupError`]; the folder is unusable then and says so.
    pub fn place(mut self) -> Result<(), BackupError> {
        // What was copied and what was changed since is on the disk before it has its names.
        let inner = self.inner();
        sync_dirs(&inner)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&inner).map_err(|e| BackupError::io(&inner, &e))? {
            names.push(entry.map_err(|e| BackupError::io(&inner, &e))?.file_name());
        }
        // Without a log there is no store.
        names.sort_by_key(|name| name == "log.db");
        self.placed = true;
        for name in names {
            let path = self.to.join(&name);
            fs::rename(inner.join(&name), &path).map_err(|e| BackupError::io(&path, &e))?;
        }
        sync_dir(&self.to)?;
        fs::remove_dir(&inner).map_err(|e| BackupError::io(&inner, &e))?;
        sync_dir(&self.to)
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if !self.placed {
            // What stays keeps a centre from starting on it, and its name says what it is.
            let _ = fs::remove_dir_all(self.inner());
            if self.made {
                let _ = fs::remove_dir(&self.to);
            }
        }
    }
}

fn sync_dirs(dir: &Path) -> Result<(), BackupError> {
    let error = |e: std::io::Error| BackupError::io(dir, &e);
    for entry in fs::read_dir(dir).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.is_dir() {
            sync_dirs(&path)?;
        } else {
            fs::File::open(&path).and_then(|f| f.sync_all()).map_err(error)?;
        }
    }
    sync_dir(dir)
}

/// What a backup or another folder that nobody writes holds of each station, in order of name.
///
/// # Errors
/// [`StoreError`] when the log cannot be read.
pub fn stations(folder: &Path) -> Result<Vec<StationState>, StoreError> {
    let path = folder.join("log.db");
    let db = schema::open_frozen(&path)?;
    read_stations(&db).map_err(|e| wrap(&path, &e))
}

fn read_stations(db: &Connection) -> rusqlite::Result<Vec<StationState>> {
    let rows: Vec<(String, i64)> = db
        .prepare(
            "SELECT node, max(at) FROM (
                 SELECT node, max(received) AS at FROM log GROUP BY node
                 UNION ALL SELECT node, max(updated) FROM spool GROUP BY node
                 UNION ALL SELECT s.node, max(l.received)
                     FROM series s JOIN latest l ON l.series = s.id GROUP BY s.node)
             GROUP BY node ORDER BY node",
        )?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let state = |(node, received): (String, i64)| {
        Some(StationState { node: NodeId::new(&node).ok()?, received: UnixMicros(received) })
    };
    Ok(rows.into_iter().filter_map(state).collect())
}
