//! What goes into a backup, in which order, and what of it need not be copied.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use tram_wire::UnixMicros;

use super::{
    BackupError, LogState, Manifest, Stored,
    copy::{copy_database, copy_file, digest_file, source_bytes, stamp},
    places::databases,
    sync_dir,
};
use crate::{
    StoreError,
    schema::{self, FORMAT},
    watch::Meter,
};

/// A file may change twice in so many microseconds without the file system's clock telling.
const SETTLED_MICROS: i64 = 2_000_000;
/// Room that is kept for the manifest, the folders and what the log grows by meanwhile.
const SPARE_BYTES: u64 = 16 << 20;

/// What is asked of a backup.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// When it begins; it is named by it.
    pub begun: UnixMicros,
    /// Who takes it, such as `tram-ingest 0.1.0`.
    pub program: String,
    /// Copy what has not changed as well.
    pub full: bool,
    /// How many backups stay in the target, this one among them; all when `None`.
    pub keep: Option<usize>,
    /// Files beside the data, such as the configuration.
    pub extra: Vec<Extra>,
    /// Files that are deliberately not in it, such as secrets, for whoever restores.
    pub left_out: Vec<String>,
}

/// A file beside the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// Its name in the backup, such as `configuration/ingest.toml`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// The work to be done.
pub(super) struct Plan<'a> {
    dir: &'a Path,
    request: &'a Request,
    /// The newest backup in the target.
    before: Option<(PathBuf, Manifest)>,
    pub(super) copied_bytes: u64,
    pub(super) linked: u64,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        dir: &'a Path,
        request: &'a Request,
        before: Option<(PathBuf, Manifest)>,
    ) -> Self {
        Self { dir, request, before, copied_bytes: 0, linked: 0 }
    }

    /// How much has to be written, with some room to spare.
    pub(super) fn bytes(&self) -> Result<u64, BackupError> {
        let mut bytes = SPARE_BYTES;
        for name in databases(self.dir)? {
            if self.unchanged(&name).is_none() {
                bytes = bytes.saturating_add(source_bytes(&self.dir.join(&name)));
            }
        }
        for extra in &self.request.extra {
            bytes = bytes.saturating_add(fs::metadata(&extra.path).map_or(0, |m| m.len()));
        }
        Ok(bytes)
    }

    /// Writes everything into `to`, the manifest last, and returns when it is on disk.
    pub(super) fn write(
        &mut self,
        to: &Path,
        meter: &mut Meter<'_, '_>,
    ) -> Result<Manifest, BackupError> {
        fs::create_dir(to).map_err(|e| BackupError::io(to, &e))?;
        let mut files = vec![self.copy("log.db", to, meter)?];
        let log = log_state(&to.join("log.db"))?;
        // Only now, since the days that the log calls sealed have to be in it.
        for name in databases(self.dir)?.into_iter().filter(|name| name != "log.db") {
            match self.one(&name, to, meter) {
                Ok(stored) => files.push(stored),
                // Retention may take a day away meanwhile.
                Err(_) if !self.dir.join(&name).exists() => {
                    let _ = fs::remove_file(to.join(&name));
                }
                Err(error) => return Err(error),
            }
        }
        for extra in &self.request.extra {
            files.push(self.extra(extra, to, meter)?);
        }
        let manifest = Manifest {
            manifest: Manifest::VERSION,
            program: self.request.program.clone(),
            format: FORMAT,
            begun: self.request.begun.0,
            log,
            files,
            left_out: self.request.left_out.clone(),
        };
        manifest.write(to)?;
        sync_dirs(to)?;
        Ok(manifest)
    }

    fn one(
        &mut self,
        name: &str,
        to: &Path,
        meter: &mut Meter<'_, '_>,
    ) -> Result<Stored, BackupError> {
        if let Some((earlier, stored)) = self.unchanged(name) {
            let path = to.join(name);
            parent(&path)?;
            // A file system without hard links gets a copy.
            if fs::hard_link(&earlier, &path).is_ok() {
                self.linked += 1;
                return Ok(stored);
            }
        }
        self.copy(name, to, meter)
    }

    /// The copy of a file in the backup before, when the file has not changed since.
    fn unchanged(&self, name: &str) -> Option<(PathBuf, Stored)> {
        let (folder, manifest) = self.before.as_ref()?;
        // These change all the time, and are small or the very thing that must be right.
        if matches!(name, "log.db" | "alerts.db") {
            return None;
        }
        let stored = manifest.files.iter().find(|f| f.path == name)?;
        let now = stamp(&self.dir.join(name))?;
        let copy = folder.join(name);
        let same = stored.source == Some(now) && stored.damaged.is_none();
        let there = fs::metadata(&copy).is_ok_and(|m| m.len() == stored.bytes);
        (same && there).then(|| (copy, stored.clone()))
    }

    fn copy(
        &mut self,
        name: &str,
        to: &Path,
        meter: &mut Meter<'_, '_>,
    ) -> Result<Stored, BackupError> {
        let (source, path) = (self.dir.join(name), to.join(name));
        parent(&path)?;
        let before = stamp(&source);
        let damaged = match copy_database(&source, &path, name, meter) {
            Ok(()) => None,
            // Whoever needs it may still save something from it.
            Err(BackupError::Store(StoreError::Corrupt { detail, .. })) => {
                copy_file(&source, &path, name, meter)?;
                Some(detail)
            }
            Err(error) => return Err(error),
        };
        let (bytes, sha256) = digest_file(&path, name, meter)?;
        self.copied_bytes += bytes;
        let settled = self.request.begun.0.saturating_sub(SETTLED_MICROS);
        let source = before
            .filter(|b| damaged.is_none() && stamp(&source) == Some(*b) && b.modified < settled);
        Ok(Stored { path: name.to_owned(), bytes, sha256, source, damaged })
    }

    fn extra(
        &mut self,
        extra: &Extra,
        to: &Path,
        meter: &mut Meter<'_, '_>,
    ) -> Result<Stored, BackupError> {
        let path = to.join(&extra.name);
        parent(&path)?;
        copy_file(&extra.path, &path, &extra.name, meter)?;
        let (bytes, sha256) = digest_file(&path, &extra.name, meter)?;
        self.copied_bytes += bytes;
        Ok(Stored { path: extra.name.clone(), bytes, sha256, source: None, damaged: None })
    }
}

fn parent(path: &Path) -> Result<(), BackupError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::create_dir_all(parent).map_err(|e| BackupError::io(parent, &e))
}

/// Brings the names of all files to the disk.
fn sync_dirs(dir: &Path) -> Result<(), BackupError> {
    for entry in fs::read_dir(dir).map_err(|e| BackupError::io(dir, &e))? {
        let entry = entry.map_err(|e| BackupError::io(dir, &e))?;
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => sync_dirs(&entry.path())?,
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(BackupError::io(&entry.path(), &e));
            }
            _ => {}
        }
    }
    sync_dir(dir)
}

/// How the copied log stands. A damaged one says nothing.
fn log_state(path: &Path) -> Result<LogState, BackupError> {
    let state = schema::open_frozen(path).and_then(|db| {
        db.query_row(
            "SELECT max(coalesce((SELECT max(id) FROM log), 0),
                        coalesce((SELECT value FROM meta WHERE name = 'trimmed'), 0)),
                    coalesce((SELECT position FROM cursor WHERE name = 'seal'), 0),
                    (SELECT max(at) FROM (
                        SELECT max(received) AS at FROM log
                        UNION ALL SELECT max(received) FROM latest
                        UNION ALL SELECT max(updated) FROM spool))",
            [],
            |r| {
                Ok(LogState { last_entry: r.get(0)?, sealed_entry: r.get(1)?, received: r.get(2)? })
            },
        )
        .map_err(|e| crate::error::wrap(path, &e))
    });
    match state {
        Ok(state) => Ok(state),
        Err(StoreError::Corrupt { .. }) => Ok(LogState::default()),
        Err(error) => Err(error.into()),
    }
}
