//! Saving what can be read of a damaged database into a new one that takes its place. The damaged
//! file is kept beside it, as `log.db.damaged-1`.

mod day;
mod log;

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tram_pages::{Copied, Place, Raw, Wounds};

pub(crate) use day::{save as save_day, save_rollups};
pub(crate) use log::save as save_log;

use crate::{
    StoreError,
    check::{Affects, Finding, Severity},
    error::{wrap, wrap_io},
    schema::{self, Tables},
};

/// The most pages or frames that are named.
const MAX_NAMED: usize = 20;
/// What to do about what was saved.
const FIX: &str =
    "look at the disk (dmesg, smartctl); what is missing may be in a backup or a sink";

/// What reading a page has found.
pub(crate) fn of_page(dir: &Path, place: &Place, finding: tram_pages::Finding) -> Option<Finding> {
    let (severity, what) = match finding {
        tram_pages::Finding::Damaged => (Severity::Damage, "is not what was written"),
        tram_pages::Finding::Mended => {
            (Severity::Note, "has one wrong byte, which is put right each time it is read")
        }
        // An error of its own, not damage.
        tram_pages::Finding::NotSynced => return None,
    };
    let wal = place.file.as_os_str().as_encoded_bytes().ends_with(b"-wal");
    let noun = if wal { "frame" } else { "page" };
    Some(Finding {
        severity,
        file: relative(dir, &place.file),
        what: format!("{noun} {} {what}", place.number),
        affects: Affects::unknown(),
        fix: FIX.to_owned(),
    })
}

/// Beside `log.db` when the log was found to be damaged while it was used: the next start saves
/// what can be read before anything else.
pub(crate) const SUSPECT: &str = "log.db.suspect";

/// Brings a database that a crash may have left in order before SQLite sees it: ends what a salvage
/// has begun, and looks at its write-ahead log. Says whether it has to be saved row by row.
pub(crate) fn prepare(
    dir: &Path,
    path: &Path,
    findings: &mut Vec<Finding>,
) -> Result<bool, StoreError> {
    let error = |e: std::io::Error| wrap_io(path, &e);
    let mut note = |severity, what| {
        let file = relative(dir, path);
        let affects = Affects::unknown();
        findings.push(Finding { severity, file, what, affects, fix: FIX.to_owned() });
    };
    if let Some(aside) = tram_pages::adopt(path).map_err(error)? {
        let what = format!("it was damaged and is kept as {}", relative(dir, &aside));
        note(Severity::Damage, what);
    }
    let log = tram_pages::look_at_log(path, true).map_err(error)?;
    if log.mended > 0 && !log.broken {
        let what =
            format!("{} bytes of its write-ahead log were wrong and are right again", log.mended);
        note(Severity::Note, what);
    }
    if log.unfinished > 0 {
        let what = format!(
            "{} frames behind the last commit in its write-ahead log are left out: a write that \
             never ended, so nothing in it was acknowledged; damage of more than a byte there looks \
             the same",
            log.unfinished
        );
        note(Severity::Note, what);
    }
    Ok(log.broken)
}

/// Brings a file of readings or of rollups that a crash may have left in order. Says whether it had
/// to be saved.
pub(crate) fn settle(
    dir: &Path,
    path: &Path,
    rollups: bool,
    findings: &mut Vec<Finding>,
) -> Result<bool, StoreError> {
    let (tables, save): (_, fn(&Path, &Path, &str) -> _) =
        if rollups { (&schema::ROLLUP, save_rollups) } else { (&schema::DAY, save_day) };
    let mut saved = prepare(dir, path, findings)?;
    if saved {
        findings.extend(save(dir, path, "in its write-ahead log")?);
    }
    match schema::open_anew(path, tables) {
        Err(StoreError::Corrupt { detail, .. }) => {
            saved = true;
            findings.extend(save(dir, path, &detail)?);
        }
        opened => drop(opened?),
    }
    Ok(saved)
}

/// A database that is being saved.
struct Rescue<'a> {
    /// The damaged one.
    path: &'a Path,
    /// Below which folder it is named.
    dir: &'a Path,
    raw: Raw,
    /// The new one.
    db: Connection,
    copied: Copied,
    findings: Vec<Finding>,
}

impl<'a> Rescue<'a> {
    fn begin(dir: &'a Path, path: &'a Path, tables: &Tables) -> Result<Self, StoreError> {
        let new = new_path(path);
        for end in ["", "-wal", "-shm", "-journal"] {
            let mut name = new.clone().into_os_string();
            name.push(end);
            tram_pages::remove(Path::new(&name)).map_err(|e| wrap_io(path, &e))?;
        }
        let db = schema::open(&new, tables)?;
        let mut raw = Raw::open(path).map_err(|e| wrap_io(path, &e))?;
        let copied = tram_pages::copy(&mut raw, &db).map_err(|e| wrap(&new, &e))?;
        raw.look_at_all();
        Ok(Self { path, dir, raw, db, copied, findings: Vec::new() })
    }

    fn run(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize, StoreError> {
        let run = self.db.prepare_cached(sql).and_then(|mut s| s.execute(params));
        run.map_err(|e| wrap(self.path, &e))
    }

    fn list<T>(
        &self,
        sql: &str,
        row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.db.prepare(sql).and_then(|mut s| s.query_map([], row)?.collect());
        rows.map_err(|e| wrap(self.path, &e))
    }

    /// Where the tree of an index begins; the same in the damaged file.
    fn root(&self, index: &str) -> Result<u32, StoreError> {
        self.db
            .query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?", [index], |r| r.get(0))
            .map_err(|e| wrap(self.path, &e))
    }

    /// Whether something of a table could not be read.
    fn hurt(&self, table: &str) -> bool {
        self.copied.get(table).is_none_or(|t| !t.pages.is_empty() || !t.partial.is_empty())
    }

    fn damage(&mut self, what: String, affects: Affects) {
        self.find(Severity::Damage, what, affects);
    }

    fn note(&mut self, what: String, affects: Affects) {
        self.find(Severity::Note, what, affects);
    }

    fn find(&mut self, severity: Severity, what: String, affects: Affects) {
        if self.findings.len() < crate::check::MAX_FINDINGS {
            let file = relative(self.dir, self.path);
            self.findings.push(Finding { severity, file, what, affects, fix: FIX.to_owned() });
        }
    }

    /// Puts the new database in the place of the damaged one. Gives what is to be said, how it
    /// began first.
    fn end(mut self, why: &str) -> Result<Vec<Finding>, StoreError> {
        let rows: u64 = self.copied.values().map(|t| t.rows).sum();
        let wounds = self.raw.wounds();
        schema::checkpoint(&self.db, self.path)?;
        let (path, dir) = (self.path, self.dir);
        self.db.close().map_err(|(_, e)| wrap(path, &e))?;
        if let Some(path) = tram_pages::not_synced(&new_path(path)) {
            return Err(StoreError::SyncFailed { path, detail: "a sync failed".to_owned() });
        }
        let aside = tram_pages::put_aside(path, &new_path(path)).map_err(|e| wrap_io(path, &e))?;
        let what = format!(
            "it was damaged ({why}{}); {rows} rows of it were saved, and it is kept as {}",
            named(&wounds),
            relative(dir, &aside)
        );
        let whole = Finding {
            severity: Severity::Damage,
            file: relative(dir, path),
            what,
            affects: Affects::unknown(),
            fix: FIX.to_owned(),
        };
        self.findings.insert(0, whole);
        Ok(self.findings)
    }
}

/// Where the new database comes into being.
fn new_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".salvaging");
    name.into()
}

fn relative(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).display().to_string()
}

/// What is wrong with which pages, behind what is said already.
fn named(wounds: &Wounds) -> String {
    let list = |what: &str, numbers: &mut dyn Iterator<Item = u32>| {
        let first: Vec<String> = numbers.take(MAX_NAMED).map(|n| n.to_string()).collect();
        let more = numbers.count();
        match (first.is_empty(), more) {
            (true, _) => String::new(),
            (false, 0) => format!("; {what} {}", first.join(", ")),
            (false, more) => format!("; {what} {} and {more} more", first.join(", ")),
        }
    };
    let mut text = list("page", &mut wounds.pages.iter().copied());
    text += &list("frame of its write-ahead log", &mut wounds.frames.iter().copied());
    if wounds.unknown {
        text += "; its write-ahead log elsewhere";
    }
    text
}
