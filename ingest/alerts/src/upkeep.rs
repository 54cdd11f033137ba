//! The alarm file without its engine: looking at it beside the centre, and bringing a restored one
//! in line with a restored log.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::{AlertsError, audit, database};

/// What an alarm file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspection {
    /// Of entries of the log up to this one nothing is needed again.
    pub cursor: u64,
    /// The last entry that a state includes.
    pub position: u64,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// Something that is wrong with an alarm file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What, a sentence without its full stop.
    pub what: String,
    /// Which station suffers by it, when it is one.
    pub station: Option<String>,
}

/// Looks at the alarm file, beside a running engine or without one. `frozen` says that nobody
/// writes it, as one in a backup; nothing is made beside it then.
///
/// # Errors
/// [`AlertsError`] when the file cannot be read; what is wrong with its contents is a fault.
pub fn inspect(path: &Path, frozen: bool) -> Result<Inspection, AlertsError> {
    let connection = open(path, frozen)?;
    database::known(&connection)?;
    connection.execute_batch("BEGIN")?;
    let cursor = database::cursor(&connection)?;
    let position: i64 =
        connection.query_row("SELECT coalesce(max(position), 0) FROM state", [], |r| r.get(0))?;
    let mut faults = Vec::new();
    if let Some(line) = audit::verify(&connection)? {
        let what = format!("line {line} of the audit is missing or is not what was written");
        faults.push(Fault { what, station: None });
    }
    json(&connection, "state", "state of the rule", &mut faults)?;
    json(&connection, "episode", "episode of the rule", &mut faults)?;
    Ok(Inspection { cursor, position: position.unsigned_abs(), faults })
}

pub(crate) fn open(path: &Path, frozen: bool) -> Result<Connection, AlertsError> {
    let opened = if frozen {
        let text = path.to_string_lossy();
        let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        tram_pages::open(Path::new(&format!("file:{escaped}?immutable=1")), flags)
    } else {
        tram_pages::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    };
    let connection =
        opened.map_err(|e| AlertsError::Open { path: path.to_owned(), reason: e.to_string() })?;
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    connection.execute_batch("PRAGMA query_only = 1")?;
    Ok(connection)
}

/// Finds bodies that are not JSON.
fn json(
    connection: &Connection,
    table: &str,
    called: &str,
    faults: &mut Vec<Fault>,
) -> Result<(), AlertsError> {
    let mut query = connection.prepare(&format!("SELECT rule, station, body FROM {table}"))?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (rule, station): (String, String) = (row.get(0)?, row.get(1)?);
        let body: String = row.get(2)?;
        if serde_json::from_str::<serde::de::IgnoredAny>(&body).is_err() {
            let what = format!("the {called} `{rule}` cannot be read");
            faults.push(Fault { what, station: Some(station) });
        }
    }
    Ok(())
}

/// Brings a restored file in line with a restored log that ends at `last`: what the engine had
/// evaluated beyond is forgotten, so that new entries with the same numbers are evaluated. What
/// was raised and sent stays. Says how far the engine had been, when that was beyond.
///
/// # Errors
/// [`AlertsError`] when the file cannot be read or written.
pub fn rewind(path: &Path, last: u64) -> Result<Option<u64>, AlertsError> {
    let (mut connection, _) = database::open(path)?;
    let tx = connection.transaction()?;
    let cursor = database::cursor(&tx)?;
    let states: i64 =
        tx.query_row("SELECT coalesce(max(position), 0) FROM state", [], |r| r.get(0))?;
    let was = cursor.max(states.unsigned_abs());
    if was <= last {
        return Ok(None);
    }
    database::set_cursor(&tx, cursor.min(last))?;
    tx.execute("UPDATE state SET position = min(position, ?1)", [last.cast_signed()])?;
    tx.commit()?;
    // The file stands alone when this returns.
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    Ok(Some(was))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &tempfile::TempDir) -> std::path::PathBuf {
        let path = dir.path().join("alerts.db");
        let (connection, _) = database::open(&path).unwrap();
        connection
            .execute_batch(
                "UPDATE cursor SET position = 90;
                 INSERT INTO state VALUES ('flood', 'a', 95, '{}'), ('rain', 'b', 40, '{}');",
            )
            .unwrap();
        path
    }

    #[test]
    fn a_file_that_is_ahead_of_its_log_goes_back_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir);
        assert_eq!(rewind(&path, 95).unwrap(), None);
        assert_eq!(rewind(&path, 50).unwrap(), Some(95));
        for frozen in [true, false] {
            let found = inspect(&path, frozen).unwrap();
            assert_eq!((found.cursor, found.position), (50, 50));
            assert_eq!(found.faults, []);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "it stands alone");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_station() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir);
        let (connection, _) = database::open(&path).unwrap();
        connection
            .execute_batch(
                "UPDATE state SET body = '{' WHERE station = 'b';
                 INSERT INTO audit VALUES (1, 0, 'ack', 'e', 'x', 'y', x'00');",
            )
            .unwrap();
        let faults = inspect(&path, false).unwrap().faults;
        assert_eq!(faults.len(), 2);
        assert!(faults[0].what.starts_with("line 1 of the audit"));
        assert_eq!(faults[1].station.as_deref(), Some("b"));
        connection.execute_batch("PRAGMA user_version = 99").unwrap();
        assert!(matches!(inspect(&path, false), Err(AlertsError::Version { .. })));
    }
}
