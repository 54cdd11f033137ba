//! Opening a store: the lock, the tables, and what was not sealed when it was left.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use rusqlite::Connection;

use super::{Opened, Recovery, Refused, Shared, Store};
use crate::{
    Keeper, Log, LogId, LogStats, Options, Sealer, StoreError,
    error::{corrupt, wrap, wrap_io},
    files::Files,
    head::{Head, SharedHead},
    latest,
    log::{Held, SEAL, entries},
    memory::{self, Dictionaries},
    reader,
    restore::PREPARED,
    schema,
};

/// How many entries are read at a time.
const REPLAY_ENTRIES: usize = 1024;

pub(super) fn open(dir: &Path, options: Options) -> Result<Opened, StoreError> {
    if dir.join(PREPARED).exists() {
        return Err(StoreError::Unfinished { path: dir.to_owned() });
    }
    tram_pages::create_folder(dir).map_err(|e| wrap_io(dir, &e))?;
    let dir = &fs::canonicalize(dir).map_err(|e| wrap_io(dir, &e))?;
    let lock = lock(dir)?;
    tram_pages::forget(dir);
    let path = dir.join("log.db");
    let db = schema::open_anew(&path, &schema::LOG)?;

    let spools = memory::spools(&db, &path)?;
    let mut memory = memory::memory(&db, &path, &spools)?;
    memory.replica = memory::replica(&db, &path)?;
    let mut head = Head::default();
    for (i, series) in latest::series(&db).map_err(|e| wrap(&path, &e))?.into_iter().enumerate() {
        let known = series.filter(|s| usize::try_from(s.id).is_ok_and(|id| id == i + 1));
        let Some(known) = known else {
            return Err(corrupt(&path, format!("series {} is missing or unreadable", i + 1)));
        };
        head.add_series(known.key, known.latest);
        if known.senml {
            memory.third_party.push((known.key.node, known.key.channel));
        }
    }
    let sealed = LogId(number(&db, &path, "SELECT position FROM cursor WHERE name = ?", SEAL)?);
    let (stats, quarantine) = (log_stats(&db, &path)?, held(&db, &path)?);
    let recovery = refill(&db, &path, &mut head, sealed)?;
    head.set_last(stats.last);
    let counted = |name| number(&db, &path, "SELECT value FROM meta WHERE name = ?", name);
    let refused = Refused {
        messages: counted("quarantined")?.unsigned_abs().into(),
        dropped: counted("quarantine_dropped")?.unsigned_abs().into(),
    };

    let newest = head.latest().map(|l| l.time.0).max().unwrap_or(i64::MIN);
    let retention = options.retention.clone();
    let (files, unmarked) = Files::open(dir, true, retention, |key| head.id(key), newest)?;

    let shared = Arc::new(Shared {
        dir: dir.to_owned(),
        options,
        head: SharedHead::new(head),
        sealed: Mutex::new(None),
        refused,
        files,
        expired: AtomicU64::new(0),
        writing: Mutex::new(()),
        _lock: lock,
    });
    let progress = spools.into_iter().map(|(node, spool, p)| ((node, spool), p)).collect();
    let log = Log::new(path, db, Arc::clone(&shared), progress, stats, quarantine)?;
    let sealer = Sealer::new(Arc::clone(&shared), sealed);
    let keeper = Keeper::new(Arc::clone(&shared), unmarked);
    Ok(Opened { log, sealer, keeper, store: Store { shared }, memory, recovery })
}

/// Takes the folder for this process; the system lets go of it however the process ends.
fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| wrap_io(&path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path }),
        Err(TryLockError::Error(e)) => Err(wrap_io(&path, &e)),
    }
}

/// Reads what is not sealed into the head. A damaged entry is counted and passed over.
fn refill(
    db: &Connection,
    path: &Path,
    head: &mut Head,
    sealed: LogId,
) -> Result<Recovery, StoreError> {
    let mut recovery = Recovery::default();
    let mut dictionaries = Dictionaries::default();
    let mut cursor = sealed;
    loop {
        let rows = entries(db, path, cursor, REPLAY_ENTRIES)?;
        if rows.is_empty() {
            return Ok(recovery);
        }
        for (id, row) in rows {
            cursor = id;
            recovery.entries += 1;
            let entry = match row {
                Ok(row) => reader::decode(db, path, &mut dictionaries, id, row)?.ok(),
                Err(_) => None,
            };
            let Some(entry) = entry else {
                recovery.corrupt_entries += 1;
                continue;
            };
            recovery.readings += entry.columns.iter().map(|c| c.len() as u64).sum::<u64>();
            let places = head.places(&entry.columns);
            head.take(id, entry.received, entry.payload.len(), &entry.columns, &places);
        }
    }
}

fn log_stats(db: &Connection, path: &Path) -> Result<LogStats, StoreError> {
    let trimmed = number(db, path, "SELECT value FROM meta WHERE name = ?", "trimmed")?;
    let (last, bytes): (i64, i64) = db
        .query_row(
            "SELECT coalesce(max(id), 0), coalesce(sum(length(payload)), 0) FROM log",
            [],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
        .map_err(|e| wrap(path, &e))?;
    Ok(LogStats {
        trimmed: LogId(trimmed),
        last: LogId(last.max(trimmed)),
        bytes: bytes.unsigned_abs(),
    })
}

fn held(db: &Connection, path: &Path) -> Result<Held, StoreError> {
    db.query_row("SELECT count(*), coalesce(sum(length(payload)), 0) FROM quarantine", [], |r| {
        Ok(Held {
            rows: r.get::<_, i64>(0)?.unsigned_abs(),
            bytes: r.get::<_, i64>(1)?.unsigned_abs(),
        })
    })
    .map_err(|e| wrap(path, &e))
}

/// A number by its name, 0 when it is not there.
fn number(db: &Connection, path: &Path, sql: &str, name: &str) -> Result<i64, StoreError> {
    use rusqlite::OptionalExtension;
    let found = db.query_row(sql, [name], |r| r.get(0)).optional();
    Ok(found.map_err(|e| wrap(path, &e))?.unwrap_or(0))
}
