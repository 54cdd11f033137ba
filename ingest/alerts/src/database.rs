//! The file: its tables, how it is opened, and the few rows that belong to nobody else.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

use tram_pages::Raw;

use crate::{AlertsError, people};

/// The version of the tables below (`PRAGMA user_version`).
const VERSION: i64 = 2;

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

/// Opens the file, makes its tables when it is new. What a crash has left is brought in order, and
/// of a damaged file what can be read is saved into a new one; then the sentence says so.
pub(crate) fn open(path: &Path) -> Result<(Connection, Option<String>), AlertsError> {
    let saved = settle(path)?;
    let mut connection = connect(path)?;
    if known(&connection)? == 0 {
        make(&mut connection)?;
    }
    connection.execute_batch(people::TABLES)?;
    // A sync that failed may have left frames in the system's memory alone; see `write_again`.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok((connection, saved))
}

/// The version of the file, 0 of a new one; another than this program's is refused.
pub(crate) fn known(connection: &Connection) -> Result<i64, AlertsError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found != VERSION && found != 0 {
        return Err(AlertsError::Version { found, known: VERSION });
    }
    Ok(found)
}

fn connect(path: &Path) -> Result<Connection, AlertsError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = tram_pages::open(path, flags).map_err(|e| failed(path, &e.to_string()))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // An answer to a person and a committed transition are on the disk, not on their way to it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    Ok(connection)
}

fn make(connection: &mut Connection) -> Result<(), AlertsError> {
    let tx = connection.transaction()?;
    tx.execute_batch(TABLES)?;
    tx.execute_batch(people::TABLES)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    Ok(tx.commit()?)
}

fn failed(path: &Path, reason: &str) -> AlertsError {
    AlertsError::Open { path: path.to_owned(), reason: reason.to_owned() }
}

/// Looks at every page before SQLite does; the file is small.
fn settle(path: &Path) -> Result<Option<String>, AlertsError> {
    let error = |e: std::io::Error| failed(path, &e.to_string());
    let aside = tram_pages::adopt(path).map_err(error)?;
    if !path.exists() {
        return Ok(None);
    }
    refuse_unchecked(path)?;
    let [_, log] = files(path);
    tram_pages::write_again(&log).map_err(error)?;
    let broken = tram_pages::look_at_log(path, true).map_err(error)?.broken;
    let mut raw = Raw::open(path).map_err(error)?;
    raw.look_at_all();
    if broken || !raw.wounds().pages.is_empty() {
        return save(path).map(Some);
    }
    Ok(aside.map(|aside| format!("it was damaged and is kept as {}", aside.display())))
}

/// A file from before pages had checksums would be said to be damaged.
fn refuse_unchecked(path: &Path) -> Result<(), AlertsError> {
    let mut header = [0; 24];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    // The bytes that are reserved in each page.
    let [b'S', b'Q', b'L', .., reserved, _, _, _] = header else { return Ok(()) };
    if read.is_ok() && reserved == 0 {
        return Err(AlertsError::Version { found: VERSION - 1, known: VERSION });
    }
    Ok(())
}

/// The files that SQLite reads.
fn files(path: &Path) -> [PathBuf; 2] {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    [path.to_owned(), log.into()]
}

/// Whether a page was found to be damaged when it was read.
pub(crate) fn damaged(path: &Path) -> bool {
    let found = files(path).into_iter().flat_map(|file| tram_pages::found(&file));
    found.into_iter().any(|(_, finding)| finding == tram_pages::Finding::Damaged)
}

/// Saves what can be read of a damaged file that nobody has open into a new one, which takes its
/// place; the damaged one is kept beside it. Says so.
pub(crate) fn save(path: &Path) -> Result<String, AlertsError> {
    let error = |e: std::io::Error| failed(path, &e.to_string());
    let new = path.with_extension("db.salvaging");
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = new.clone().into_os_string();
        name.push(end);
        tram_pages::remove(Path::new(&name)).map_err(error)?;
    }
    let mut connection = connect(&new)?;
    make(&mut connection)?;
    let mut raw = Raw::open(path).map_err(error)?;
    let copied = tram_pages::copy(&mut raw, &connection)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.close().map_err(|(_, e)| e)?;
    let aside = tram_pages::put_aside(path, &new).map_err(error)?;
    files(path).iter().for_each(|file| tram_pages::forget(file));
    let rows: u64 = copied.values().map(|table| table.rows).sum();
    let hurt: Vec<&str> = copied
        .iter()
        .filter(|(_, table)| !table.pages.is_empty() || !table.partial.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    let lost = match hurt.is_empty() {
        true => "nothing is lost".to_owned(),
        false => format!("rows of {} are lost", hurt.join(", ")),
    };
    Ok(format!(
        "it was damaged; {rows} rows were saved, {lost}, and it is kept as {}",
        aside.display()
    ))
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_damaged_file_is_saved_row_by_row_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alerts.db");
        let (connection, saved) = open(&path).unwrap();
        assert_eq!(saved, None);
        for n in 0..200 {
            connection
                .execute("INSERT INTO alias VALUES ('old ' || ?1, 'episode ' || ?1)", [n])
                .unwrap();
        }
        connection.execute("UPDATE cursor SET position = 17", []).unwrap();
        drop(connection);
        let whole = fs::read(&path).unwrap();
        for page in 0..whole.len() / 4096 {
            let mut bytes = whole.clone();
            bytes[page * 4096 + 50..page * 4096 + 90].fill(0x5a);
            fs::write(&path, bytes).unwrap();
            let (connection, saved) = open(&path).unwrap();
            let said = saved.unwrap_or_else(|| panic!("page {page}"));
            assert!(said.contains("kept as"), "{said}");
            let rows: i64 =
                connection.query_row("SELECT count(*) FROM alias", [], |r| r.get(0)).unwrap();
            assert!(rows == 200 || said.contains("rows of alias are lost"), "{page}: {said}");
            assert!(cursor(&connection).unwrap() == 17 || said.contains("cursor"), "{said}");
            drop(connection);
            fs::write(&path, &whole).unwrap();
        }
        // One wrong byte costs nothing, and is not worth a new file.
        let mut bytes = whole.clone();
        bytes[5000] ^= 1;
        fs::write(&path, bytes).unwrap();
        let (connection, saved) = open(&path).unwrap();
        assert_eq!((saved, cursor(&connection).unwrap()), (None, 17));
    }
}
