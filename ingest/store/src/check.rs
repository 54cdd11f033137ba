//! Reads everything a store's folder holds and says what is wrong with it.
//!
//! Works beside a running centre, on a stopped one and on a backup. Every file is read from one
//! state of it; files are read one after the other, so what is compared across files allows for
//! what the centre did in between. Nothing is repaired here.

mod day;
mod log;
mod pages;
mod report;
mod rollup;

use std::path::Path;

use rusqlite::Connection;

use crate::{
    StoreError,
    backup::{self, BackupError, Manifest, databases},
    beside::log_path,
    rollup::Level,
    schema,
    shelf::{FileName, Tier},
    watch::{Interrupted, Meter, Watch},
};

pub use report::{Affects, Finding, MAX_FINDINGS, Report, Seen, Severity};

/// What to do about damage that a backup may heal.
pub(crate) const RESTORE: &str =
    "restore the newest backup that passes the check, and look at the disk (dmesg, smartctl)";

/// How to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Leave out what takes long: the readings of the chunks and the payloads of the log are not
    /// decoded, the indexes not compared.
    pub quick: bool,
    /// Nobody writes to the folder, as to a backup's; no file is made beside those in it.
    pub frozen: bool,
}

/// Why a check did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// There is nothing to check, or it cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder or the backup cannot be read.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// It was told to stop.
    #[error("interrupted; nothing was changed")]
    Interrupted,
}

impl From<Interrupted> for CheckError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

/// Checks a store's folder.
///
/// # Errors
/// [`CheckError`] when it did not come to its end; what is wrong with the data is in the report.
pub fn check(dir: &Path, depth: Depth, watch: &mut Watch<'_>) -> Result<Report, CheckError> {
    let mut report = Report::default();
    check_into(dir, depth, watch, &mut report)?;
    Ok(report)
}

/// Checks a backup: its files against its manifest, then what they hold.
///
/// # Errors
/// As [`check`].
pub fn check_backup(
    folder: &Path,
    quick: bool,
    watch: &mut Watch<'_>,
) -> Result<(Manifest, Report), CheckError> {
    let manifest = Manifest::read(folder)?;
    let mut report = Report::default();
    let mut meter = Meter::new(watch, manifest.bytes().saturating_mul(2));
    for file in &manifest.files {
        let path = folder.join(&file.path);
        match backup::digest_file(&path, &file.path, &mut meter) {
            Ok((bytes, sha256)) if bytes == file.bytes && sha256 == file.sha256 => {}
            Ok((bytes, _)) if bytes != file.bytes => report.damage(
                &file.path,
                format!("it has {bytes} bytes, {} were written", file.bytes),
                affected(&file.path),
                "use another backup",
            ),
            Ok(_) => report.damage(
                &file.path,
                "it does not match its checksum in the manifest",
                affected(&file.path),
                "use another backup",
            ),
            Err(BackupError::Interrupted) => return Err(CheckError::Interrupted),
            Err(error) => report.damage(
                &file.path,
                format!("it cannot be read: {error}"),
                affected(&file.path),
                "use another backup",
            ),
        }
        if let Some(detail) = &file.damaged {
            report.damage(
                &file.path,
                format!("it was damaged when it was backed up ({detail})"),
                affected(&file.path),
                "take the file from an older backup",
            );
        }
    }
    check_into(folder, Depth { quick, frozen: true }, watch, &mut report)?;
    Ok((manifest, report))
}

fn check_into(
    dir: &Path,
    depth: Depth,
    watch: &mut Watch<'_>,
    report: &mut Report,
) -> Result<(), CheckError> {
    log_path(dir)?;
    let names = databases(dir)?;
    let bytes = |name: &String| std::fs::metadata(dir.join(name)).map_or(0, |m| m.len());
    let total = names.iter().map(bytes).sum();
    let mut work = Work { dir, depth, report, meter: Meter::new(watch, total) };
    // Once more at the end: the log is read first, and it may grow meanwhile.
    let known = work.log()?;
    for name in names.iter().filter(|name| *name != "log.db") {
        work.file(name, known.as_ref())?;
    }
    Ok(())
}

/// A check that is going on.
struct Work<'r, 'w, 'a> {
    dir: &'r Path,
    depth: Depth,
    report: &'r mut Report,
    meter: Meter<'w, 'a>,
}

impl Work<'_, '_, '_> {
    fn file(&mut self, name: &str, known: Option<&log::Known>) -> Result<(), CheckError> {
        match placed(name) {
            Some(FileName { tier: Tier::Raw, span, .. }) => self.day(name, span.first, known),
            Some(FileName { tier: Tier::Rollup(level), span, .. }) => {
                self.rollups(name, level, span)
            }
            None => {
                if name.starts_with("series/") || name.starts_with("rollup/") {
                    self.report.note(
                        name,
                        "its name is not that of a day, a month or a year, so nobody reads it",
                        Affects::unknown(),
                        "move it out of the folder",
                    );
                    return Ok(());
                }
                self.other(name)
            }
        }
    }

    /// A database of which only the pages are known here.
    fn other(&mut self, name: &str) -> Result<(), CheckError> {
        if let Some(db) = self.open(name, Affects::unknown())? {
            self.pages(&db, name, &Affects::unknown())?;
        }
        Ok(())
    }

    /// Opens a file and begins to see one state of it. What is wrong with it is reported; `None`
    /// when nothing of it can be read, or when it is gone.
    fn open(&mut self, name: &str, affects: Affects) -> Result<Option<Connection>, CheckError> {
        let path = self.dir.join(name);
        let opened = match self.depth.frozen {
            true => schema::open_frozen(&path),
            false => schema::open_any(&path),
        };
        let opened = opened.and_then(|db| {
            db.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")
                .map_err(|e| crate::error::wrap(&path, &e))?;
            Ok(db)
        });
        self.report.seen.files += 1;
        match opened {
            Ok(db) => {
                self.unfinished(name, &path)?;
                Ok(Some(db))
            }
            // Retention may take a day away meanwhile.
            Err(_) if !path.exists() => Ok(None),
            Err(error @ (StoreError::Corrupt { .. } | StoreError::Io { .. })) => {
                let what = format!("it cannot be opened: {}", words(&error));
                self.report.damage(name, what, affects, RESTORE);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What stands behind the last commit of a write-ahead log that nobody has in use.
    fn unfinished(&mut self, name: &str, path: &Path) -> Result<(), CheckError> {
        let frames = if self.depth.frozen { 0 } else { schema::look_at_log(path)?.unfinished };
        if frames > 0 {
            let what = format!("{frames} frames behind the last commit in its write-ahead log");
            let fix = "a write that never ended looks so, and then nothing is lost; damage of more \
                       than a byte there looks the same";
            self.report.note(name, what, Affects::unknown(), fix);
        }
        Ok(())
    }

    /// Notes that it goes on, so that it can be interrupted.
    fn alive(&mut self, name: &str) -> Result<(), CheckError> {
        Ok(self.meter.add(name, 0)?)
    }
}

/// What was found, without the file and what to do, which a finding says by itself.
pub(crate) fn words(error: &StoreError) -> String {
    match error {
        StoreError::Corrupt { detail, .. } | StoreError::Io { detail, .. } => detail.clone(),
        other => other.to_string(),
    }
}

/// What a whole file is about.
pub(crate) fn affected(name: &str) -> Affects {
    match placed(name) {
        Some(FileName { span, .. }) => {
            let (from, to) = span.range();
            Affects::unknown().between(from, to - 1)
        }
        None => Affects::unknown(),
    }
}

/// What a file's name says that it holds.
fn placed(name: &str) -> Option<FileName> {
    let (folder, file) = name.rsplit_once('/')?;
    let rollups = Level::ALL.into_iter().map(Tier::Rollup);
    let tier = [Tier::Raw].into_iter().chain(rollups).find(|tier| tier.folder() == folder)?;
    tier.parse(file)
}
