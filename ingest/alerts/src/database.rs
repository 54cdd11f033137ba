//! The file: its tables, how it is opened, and the few rows that belong to nobody else.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

use crate::AlertsError;

/// The version of the tables below (`PRAGMA user_version`).
const VERSION: i64 = 1;

/// How many prepared statements are kept; the crate has fewer.
const STATEMENTS: usize = 64;

const TABLES: &str = "
CREATE TABLE cursor (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL);
CREATE TABLE state (
    rule TEXT NOT NULL, station TEXT NOT NULL, position INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (rule, station)
);
CREATE TABLE episode (
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, station TEXT NOT NULL, open INTEGER NOT NULL,
    raised_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE INDEX episode_open ON episode (open, raised_at);
CREATE INDEX episode_place ON episode (rule, station) WHERE open = 1;
CREATE INDEX episode_raised ON episode (raised_at);
CREATE TABLE alias (old TEXT PRIMARY KEY, episode TEXT NOT NULL);
CREATE INDEX alias_episode ON alias (episode);
CREATE TABLE transition (
    number INTEGER PRIMARY KEY AUTOINCREMENT, episode TEXT NOT NULL, kind TEXT NOT NULL,
    level INTEGER NOT NULL, at INTEGER NOT NULL, value INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL, body BLOB NOT NULL,
    UNIQUE (episode, kind, level, at)
);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, transition INTEGER NOT NULL, episode TEXT NOT NULL,
    target TEXT NOT NULL, key TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, due_at INTEGER NOT NULL, created_at INTEGER NOT NULL,
    finished_at INTEGER, last_error TEXT
);
CREATE INDEX outbox_pending ON outbox (target, episode, id) WHERE state = 'pending';
CREATE INDEX outbox_episode ON outbox (episode);
CREATE TABLE message (
    identifier TEXT PRIMARY KEY, episode TEXT NOT NULL, number INTEGER NOT NULL,
    sent INTEGER NOT NULL, expires INTEGER NOT NULL, public INTEGER NOT NULL,
    level INTEGER NOT NULL, ends INTEGER NOT NULL, sound INTEGER NOT NULL, title TEXT NOT NULL,
    xml TEXT NOT NULL
);
CREATE INDEX message_episode ON message (episode, public, sent, number);
CREATE INDEX message_feed ON message (expires) WHERE public = 1;
CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, action TEXT NOT NULL,
    episode TEXT NOT NULL, actor TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL
);
INSERT INTO cursor VALUES (1, 0);
";

/// Opens the file, makes its tables when it is new.
pub(crate) fn open(path: &Path) -> Result<Connection, AlertsError> {
    let failed =
        |e: rusqlite::Error| AlertsError::Open { path: path.to_owned(), reason: e.to_string() };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection = tram_pages::open(path, flags).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // An answer to a person and a committed transition are on the disk, not on their way to it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    if known(&connection)? == 0 {
        let tx = connection.transaction()?;
        tx.execute_batch(TABLES)?;
        tx.pragma_update(None, "user_version", VERSION)?;
        tx.commit()?;
    }
    Ok(connection)
}

/// The version of the file; one that is newer than this program is refused.
pub(crate) fn known(connection: &Connection) -> Result<i64, AlertsError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(AlertsError::Version { found, known: VERSION });
    }
    Ok(found)
}

/// The last log position of which nothing is needed again.
pub(crate) fn cursor(connection: &Connection) -> Result<u64, AlertsError> {
    let position: i64 = connection.query_row("SELECT position FROM cursor", [], |r| r.get(0))?;
    Ok(position.cast_unsigned())
}

/// Moves the cursor.
pub(crate) fn set_cursor(tx: &Transaction<'_>, position: u64) -> Result<(), AlertsError> {
    tx.prepare_cached("UPDATE cursor SET position = ?1")?.execute([position.cast_signed()])?;
    Ok(())
}

/// The episode that an id means, following renames.
pub(crate) fn resolve(connection: &Connection, id: &str) -> Result<Option<String>, AlertsError> {
    let mut query = connection.prepare_cached(
        "SELECT id FROM episode WHERE id = ?1 \
         UNION ALL SELECT episode FROM alias WHERE old = ?1 LIMIT 1",
    )?;
    Ok(query.query_row([id], |row| row.get(0)).optional()?)
}
