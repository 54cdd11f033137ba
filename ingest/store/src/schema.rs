//! The tables, and how a database file is opened.

use std::{
    fs::{self, File, TryLockError},
    io::Read as _,
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{
    StoreError,
    error::{corrupt, wrap, wrap_io},
};

/// The format of the files; one with another number is refused.
pub(crate) const FORMAT: i64 = 6;
/// How long a statement waits for another connection of this process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The tables of a new file.
pub(crate) struct Tables {
    sql: &'static str,
    page_bytes: u32,
    /// Whether pages that become free can be given back while others read.
    shrinks: bool,
}

/// `log.db`.
pub(crate) const LOG: Tables = Tables { sql: LOG_SQL, page_bytes: 4096, shrinks: false };

/// `series/{day}.db`. Chunks of some kilobytes waste least in small pages (measured: 1.47 to 1.59
/// bytes a reading in pages of 1 KiB, 1.54 to 2.11 in pages of 4 KiB).
pub(crate) const DAY: Tables = Tables { sql: DAY_SQL, page_bytes: 1024, shrinks: true };

/// `rollup/{level}/{span}.db`.
pub(crate) const ROLLUP: Tables = Tables { sql: ROLLUP_SQL, page_bytes: 1024, shrinks: true };

/// Sequence numbers and spool ids are unsigned 64-bit numbers in signed columns.
pub(crate) const LOG_SQL: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE log(
    id INTEGER PRIMARY KEY, received INTEGER NOT NULL, node TEXT NOT NULL,
    form INTEGER NOT NULL, spool INTEGER, seq INTEGER, uptime_offset INTEGER,
    readings INTEGER NOT NULL, crc INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE TABLE series(
    id INTEGER PRIMARY KEY, node TEXT NOT NULL, channel TEXT NOT NULL,
    quantity INTEGER NOT NULL, senml INTEGER NOT NULL, UNIQUE(node, channel, quantity));
CREATE TABLE latest(
    series INTEGER PRIMARY KEY, time INTEGER NOT NULL, value INTEGER,
    quality INTEGER NOT NULL, received INTEGER NOT NULL);
CREATE TABLE spool(
    node TEXT NOT NULL, spool INTEGER NOT NULL, updated INTEGER NOT NULL,
    progress BLOB NOT NULL, PRIMARY KEY(node, spool)) WITHOUT ROWID;
CREATE TABLE birth(
    node TEXT PRIMARY KEY, received INTEGER NOT NULL, payload BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE dictionary(
    node TEXT NOT NULL, spool INTEGER NOT NULL, number INTEGER NOT NULL,
    channel TEXT NOT NULL, quantity INTEGER NOT NULL,
    PRIMARY KEY(node, spool, number)) WITHOUT ROWID;
CREATE TABLE boot(
    node TEXT NOT NULL, boot INTEGER NOT NULL, uptime_offset INTEGER NOT NULL,
    updated INTEGER NOT NULL, PRIMARY KEY(node, boot)) WITHOUT ROWID;
CREATE TABLE pack(id INTEGER PRIMARY KEY, node TEXT NOT NULL, digest BLOB NOT NULL);
CREATE INDEX pack_node ON pack(node, id);
CREATE TABLE quarantine(
    id INTEGER PRIMARY KEY AUTOINCREMENT, received INTEGER NOT NULL, topic TEXT NOT NULL,
    node TEXT, reason TEXT NOT NULL, detail TEXT NOT NULL, readings INTEGER NOT NULL,
    bytes INTEGER NOT NULL, payload BLOB);
CREATE INDEX quarantine_payload ON quarantine(id) WHERE payload IS NOT NULL;
CREATE TABLE cursor(name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE gap(
    id INTEGER PRIMARY KEY AUTOINCREMENT, received INTEGER NOT NULL, node TEXT NOT NULL,
    channel TEXT, quantity INTEGER, first INTEGER NOT NULL, last INTEGER NOT NULL,
    readings INTEGER NOT NULL, cause INTEGER NOT NULL,
    usable INTEGER, worst INTEGER, min INTEGER, max INTEGER, sum BLOB);
CREATE INDEX gap_time ON gap(node, last);
";

/// A day needs no other file to be read, so series have numbers of their own in it. `changed` is 1
/// when the series has to be rolled up (again), 2 when that failed because of damage. `lost` are
/// chunks that were damaged and could not be saved.
const DAY_SQL: &str = "
CREATE TABLE series(
    id INTEGER PRIMARY KEY, node TEXT NOT NULL, channel TEXT NOT NULL,
    quantity INTEGER NOT NULL, changed INTEGER NOT NULL DEFAULT 0,
    UNIQUE(node, channel, quantity));
CREATE INDEX series_changed ON series(changed) WHERE changed > 0;
CREATE TABLE quantity(number INTEGER PRIMARY KEY);
CREATE TABLE chunk(
    id INTEGER PRIMARY KEY, series INTEGER NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, count INTEGER NOT NULL, usable INTEGER NOT NULL,
    good INTEGER NOT NULL, min INTEGER, max INTEGER, last_value INTEGER, sum INTEGER,
    sine INTEGER, cosine INTEGER, summary_crc INTEGER NOT NULL, crc INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX chunk_time ON chunk(series, first, last);
CREATE TABLE lost(series INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL);
";

/// See `RollupFile`. `last` is the last day of a quantity, by its number since 1970.
const ROLLUP_SQL: &str = "
CREATE TABLE series(
    id INTEGER PRIMARY KEY, node TEXT NOT NULL, channel TEXT NOT NULL,
    quantity INTEGER NOT NULL, UNIQUE(node, channel, quantity));
CREATE TABLE quantity(number INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE chunk(id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, data BLOB NOT NULL);
";

/// Opens a database for writing and makes its tables if it is new.
pub(crate) fn open(path: &Path, tables: &Tables) -> Result<Connection, StoreError> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    let error = |e| wrap(path, &e);
    // FULL: a commit is fsynced. The log would be worth nothing without. The size of a page and the
    // kind of vacuum only take effect in a new file.
    db.execute_batch(&format!(
        "PRAGMA page_size = {}; PRAGMA auto_vacuum = {}; PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;",
        tables.page_bytes,
        if tables.shrinks { "INCREMENTAL" } else { "NONE" }
    ))
    .map_err(error)?;
    let found: i64 = db.pragma_query_value(None, "user_version", |r| r.get(0)).map_err(error)?;
    match found {
        FORMAT => {}
        0 => db
            .execute_batch(&format!(
                "BEGIN; {} PRAGMA user_version = {FORMAT}; COMMIT;",
                tables.sql
            ))
            .map_err(error)?,
        found => return Err(StoreError::Version { path: path.to_owned(), found, known: FORMAT }),
    }
    Ok(db)
}

/// Makes a database that appears under its name with all its tables or not at all, since others
/// look for it meanwhile.
pub(crate) fn create(path: &Path, tables: &Tables) -> Result<(), StoreError> {
    let error = |e: std::io::Error| wrap_io(path, &e);
    let unfinished = path.with_extension("new");
    // What a crash left here must not be taken for a part of the new file.
    for leftover in ["new", "new-wal", "new-shm", "new-journal"] {
        tram_pages::remove(&path.with_extension(leftover)).map_err(error)?;
    }
    let db = open(&unfinished, tables)?;
    // Closing does this as well, and says nothing when it fails.
    checkpoint(&db, path)?;
    db.close().map_err(|(_, e)| wrap(path, &e))?;
    tram_pages::rename(&unfinished, path).map_err(error)?;
    path.parent().map_or(Ok(()), tram_pages::sync_folder).map_err(error)
}

/// Opens a database that a crash may have left, and brings its write-ahead log into the file, both
/// onto the disk. This is more than tidiness: after a sync that failed, frames are perhaps in the
/// system's memory and nowhere else, and look as if they were on the disk. Brought into the file
/// as they are, they would be there, and after a power cut the log that lacks them would be played
/// over it.
pub(crate) fn open_anew(path: &Path, tables: &Tables) -> Result<Connection, StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    tram_pages::write_again(Path::new(&log)).map_err(|e| wrap_io(path, &e))?;
    let db = open(path, tables)?;
    checkpoint(&db, path)?;
    Ok(db)
}

/// Brings the write-ahead log into the file, as far as nobody reads from it.
pub(crate) fn checkpoint(db: &Connection, path: &Path) -> Result<(), StoreError> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(|e| wrap(path, &e))
}

/// The same, waiting for nobody: what somebody still reads stays for the next time.
pub(crate) fn checkpoint_now(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let error = |e| wrap(path, &e);
    db.busy_timeout(Duration::ZERO).map_err(error)?;
    let done = checkpoint(db, path);
    db.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
    match done {
        Err(StoreError::Locked { .. }) => Ok(()),
        done => done,
    }
}

/// Opens a database that exists, to read it.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    // Not read-only: whoever comes first after a crash has to bring the write-ahead log in order.
    let db = open_any(path)?;
    known(&db, path)?;
    Ok(db)
}

/// Opens a database that nobody writes, such as one of a backup, and leaves no trace beside it.
pub(crate) fn open_frozen(path: &Path) -> Result<Connection, StoreError> {
    let escaped =
        path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let uri = format!("file:{escaped}?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    connect_to(Path::new(&uri), path, flags)
}

/// Opens a database that others may be writing to read it, whatever its format is.
pub(crate) fn open_any(path: &Path) -> Result<Connection, StoreError> {
    refuse_broken_log(path)?;
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let left = fs::metadata(wal).is_ok_and(|m| m.len() > 0);
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Who comes last brings the write-ahead log into the file. When there is one, that is for the
    // process that writes it; when there is none, what was made for reading is taken away.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, left)
        .and_then(|_| db.execute_batch("PRAGMA query_only = 1;"))
        .map_err(|e| wrap(path, &e))?;
    Ok(db)
}

/// Opens a new file that a database is going to be copied into. It is thrown away when the copy is
/// not finished, so nothing in it has to survive a crash until then.
pub(crate) fn open_copy(path: &Path) -> Result<Connection, StoreError> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    db.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096;",
    )
    .map_err(|e| wrap(path, &e))?;
    Ok(db)
}

/// Refuses a database of another format.
pub(crate) fn known(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let found: i64 =
        db.pragma_query_value(None, "user_version", |r| r.get(0)).map_err(|e| wrap(path, &e))?;
    if found == FORMAT {
        return Ok(());
    }
    Err(StoreError::Version { path: path.to_owned(), found, known: FORMAT })
}

/// Refuses a database whose write-ahead log is damaged, when no centre runs that has it in use:
/// whoever opens it first has SQLite drop what was committed behind the damage. A centre that
/// starts saves that first.
fn refuse_broken_log(path: &Path) -> Result<(), StoreError> {
    let look = look_at_log(path)?;
    if look.broken || look.mended > 0 {
        let detail = "its write-ahead log is not what was written; a centre that starts puts it \
                      right or saves what can be read";
        return Err(corrupt(path, detail));
    }
    Ok(())
}

/// Looks at the write-ahead log of a database that no centre has in use.
pub(crate) fn look_at_log(path: &Path) -> Result<tram_pages::Wal, StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if !std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) || in_use(path) {
        return Ok(tram_pages::Wal::default());
    }
    tram_pages::look_at_log(path, false).map_err(|e| wrap_io(path, &e))
}

/// Whether a centre has the folder of a database.
fn in_use(path: &Path) -> bool {
    let lock = path.ancestors().skip(1).take(4).map(|dir| dir.join("lock")).find(|l| l.exists());
    let lock = lock.and_then(|lock| File::open(lock).ok());
    lock.is_some_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    connect_to(path, path, flags)
}

/// Connects to a file by its path or its address; `path` is what messages call it.
fn connect_to(name: &Path, path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let error = |e| wrap(path, &e);
    refuse_unchecked(path)?;
    let db = tram_pages::open(name, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(error)?;
    db.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

/// Refuses a file from before pages had checksums: its first page would be said to be damaged.
fn refuse_unchecked(path: &Path) -> Result<(), StoreError> {
    let mut header = [0; 64];
    if File::open(path).and_then(|mut file| file.read_exact(&mut header)).is_err() {
        return Ok(());
    }
    // The bytes reserved in each page, and the number that `PRAGMA user_version` gives.
    let [b'S', b'Q', b'L', .., a, b, c, d] = header else { return Ok(()) };
    let (reserved, found) = (header.get(20), i64::from(u32::from_be_bytes([a, b, c, d])));
    if reserved == Some(&0) && found > 0 && found < FORMAT {
        return Err(StoreError::Version { path: path.to_owned(), found, known: FORMAT });
    }
    Ok(())
}
