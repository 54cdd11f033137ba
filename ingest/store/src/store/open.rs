//! Opening a store: the lock, the tables, and what was not sealed when it was left.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use rusqlite::Connection;
use tram_pipeline::{Memory, Progress};
use tram_wire::{NodeId, SpoolId};

use super::{Opened, Recovery, Refused, Shared, Store};
use crate::{
    Keeper, Log, LogId, LogStats, Options, Sealer, StoreError,
    check::Finding,
    error::{corrupt, wrap, wrap_io},
    files::Files,
    head::{Head, SharedHead},
    latest,
    log::{Held, SEAL, entries},
    memory::{self, Dictionaries},
    reader,
    restore::PREPARED,
    rollup::Level,
    salvage, schema,
    shelf::{FileName, Quantities, Tier},
    wounds::Wound,
};

/// The most damaged entries that are kept aside when the log forgets them.
const MAX_CORRUPT: usize = 10_000;
/// How often another centre is looked for before it is said to be there, and how long between.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(10);
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
    let mut findings = Vec::new();
    let saved = settle(dir, &mut findings)?;
    let path = dir.join("log.db");
    let Loaded { db, spools, memory, head, sealed, stats, quarantine, mut recovery, refused } =
        load_anyway(dir, &path, &mut findings)?;
    recovery.findings.clone_from(&findings);

    let newest = head.latest().map(|l| l.time.0).max().unwrap_or(i64::MIN);
    let retention = options.retention.clone();
    let (files, unmarked) = Files::open(dir, true, retention, |key| head.id(key), newest)?;
    for name in saved {
        files.wounds.add(Wound::File { name, quantities: Quantities::ALL });
    }

    let shared = Arc::new(Shared {
        dir: dir.to_owned(),
        options,
        head: SharedHead::new(head),
        sealed: Mutex::new(None),
        refused,
        files,
        expired: AtomicU64::new(0),
        writing: Mutex::new(()),
        findings: Mutex::new(findings),
        _lock: lock,
    });
    let progress = spools.into_iter().map(|(node, spool, p)| ((node, spool), p)).collect();
    let log = Log::new(path, db, Arc::clone(&shared), progress, stats, quarantine, &recovery)?;
    let sealer = Sealer::new(Arc::clone(&shared), sealed);
    let keeper = Keeper::new(Arc::clone(&shared), unmarked);
    Ok(Opened { log, sealer, keeper, store: Store { shared }, memory, recovery })
}

/// What `log.db` holds.
struct Loaded {
    db: Connection,
    spools: Vec<(NodeId, SpoolId, Progress)>,
    memory: Memory,
    head: Head,
    sealed: LogId,
    stats: LogStats,
    quarantine: Held,
    recovery: Recovery,
    refused: Refused,
}

/// Reads `log.db`; when it is damaged, what of it can be saved.
fn load_anyway(dir: &Path, path: &Path, findings: &mut Vec<Finding>) -> Result<Loaded, StoreError> {
    let suspect = dir.join(salvage::SUSPECT);
    let broken = salvage::prepare(dir, path, findings)?;
    let mut why = match () {
        () if broken => Some("in its write-ahead log".to_owned()),
        () if suspect.exists() && path.exists() => Some("found while it was used".to_owned()),
        () => None,
    };
    if why.is_none() {
        match load(path) {
            Err(StoreError::Corrupt { detail, .. }) => why = Some(detail),
            loaded => return loaded,
        }
    }
    findings.extend(salvage::save_log(dir, path, &why.unwrap_or_default())?);
    tram_pages::remove(&suspect).map_err(|e| wrap_io(&suspect, &e))?;
    load(path)
}

fn load(path: &Path) -> Result<Loaded, StoreError> {
    let db = schema::open_anew(path, &schema::LOG)?;
    let spools = memory::spools(&db, path)?;
    let mut memory = memory::memory(&db, path, &spools)?;
    memory.replica = memory::replica(&db, path)?;
    let mut head = Head::default();
    for (i, series) in latest::series(&db).map_err(|e| wrap(path, &e))?.into_iter().enumerate() {
        let known = series.filter(|s| usize::try_from(s.id).is_ok_and(|id| id == i + 1));
        let Some(known) = known else {
            return Err(corrupt(path, format!("series {} is missing or unreadable", i + 1)));
        };
        head.add_series(known.key, known.latest);
        if known.senml {
            memory.third_party.push((known.key.node, known.key.channel));
        }
    }
    let sealed = LogId(number(&db, path, "SELECT position FROM cursor WHERE name = ?", SEAL)?);
    let (stats, quarantine) = (log_stats(&db, path)?, held(&db, path)?);
    let recovery = refill(&db, path, &mut head, sealed)?;
    head.set_last(stats.last);
    let counted = |name| number(&db, path, "SELECT value FROM meta WHERE name = ?", name);
    let refused = Refused {
        messages: counted("quarantined")?.unsigned_abs().into(),
        dropped: counted("quarantine_dropped")?.unsigned_abs().into(),
    };
    Ok(Loaded { db, spools, memory, head, sealed, stats, quarantine, recovery, refused })
}

/// Brings files that a crash has left in order. Says which files of rollups had to be saved: what
/// they lack is made again.
fn settle(dir: &Path, findings: &mut Vec<Finding>) -> Result<Vec<FileName>, StoreError> {
    let mut saved = Vec::new();
    for tier in [Tier::Raw].into_iter().chain(Level::ALL.map(Tier::Rollup)) {
        let folder = dir.join(tier.folder());
        let entries = match fs::read_dir(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|e| wrap_io(&folder, &e))?,
        };
        let mut left = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(|e| wrap_io(&folder, &e))?;
            let name = entry.file_name();
            let of = name.to_str().and_then(|name| {
                let wal = name.strip_suffix("-wal");
                let wal = wal.filter(|_| entry.metadata().is_ok_and(|m| m.len() > 0));
                wal.or_else(|| name.strip_suffix(".salvaged"))
            });
            left.extend(of.and_then(|of| tier.parse(of)));
        }
        for name in left {
            let path = folder.join(name.text());
            let there = path.exists() || path.with_extension("db.salvaged").exists();
            if there && salvage::settle(dir, &path, tier != Tier::Raw, findings)? {
                saved.extend((tier != Tier::Raw).then_some(name));
            }
        }
    }
    Ok(saved)
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
    for _ in 0..LOOKS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // Perhaps somebody who only looks whether we are here.
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
            Err(TryLockError::Error(e)) => return Err(wrap_io(&path, &e)),
        }
    }
    Err(StoreError::Locked { path })
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
                if recovery.corrupt.len() < MAX_CORRUPT {
                    recovery.corrupt.push(id);
                }
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
