//! The log in order, for consumers.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row};
use tram_pipeline::{
    Content, Dictionary, Form, Gap, Identity, NodeAlarm, Origin, Readings, replay,
};
use tram_wire::{NodeId, UnixMicros};

use crate::{
    LogId, StoreError,
    error::wrap,
    log::{EntryRow, entries},
    memory::Dictionaries,
    schema,
};

/// One entry of the log, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place.
    pub id: LogId,
    /// From whom.
    pub node: NodeId,
    /// When the centre received it.
    pub received: UnixMicros,
    /// By what a second copy is recognised; the digest of a pack is not kept here.
    pub identity: Identity,
    /// How the payload is to be read.
    pub form: Form,
    /// The payload as received.
    pub payload: Vec<u8>,
    /// Its readings.
    pub columns: Vec<Readings>,
    /// What the node lost.
    pub losses: Vec<Gap>,
    /// The alarm, when it is one.
    pub alarm: Option<Box<NodeAlarm>>,
}

/// Reads the log on a connection of its own; one for each consumer.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    db: Connection,
    dictionaries: Dictionaries,
}

impl LogReader {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::of(path.to_owned(), schema::open_to_read(path)?))
    }

    /// A reader on a connection that is open already.
    pub(crate) fn of(path: PathBuf, db: Connection) -> Self {
        Self { path, db, dictionaries: Dictionaries::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> &Connection {
        &self.db
    }

    /// The entries behind `cursor`, at most `limit`, in order. Empty when there are none.
    ///
    /// # Errors
    /// [`StoreError::Trimmed`] when entries behind the cursor are gone, [`StoreError::Damaged`]
    /// when the next entry is not what was written (the caller says so and goes on behind it),
    /// others when the log cannot be read.
    pub fn after(&mut self, cursor: LogId, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        let trimmed =
            self.number("SELECT coalesce(max(value), 0) FROM meta WHERE name = 'trimmed'")?;
        if cursor.0 < trimmed {
            return Err(StoreError::Trimmed { after: cursor.0, oldest: trimmed.saturating_add(1) });
        }
        let rows = entries(&self.db, &self.path, cursor, limit)?;
        // Entries have no gaps, so the next one was deleted after the look before.
        if let Some((first, _)) = rows.first()
            && first.0 > cursor.0.saturating_add(1)
        {
            return Err(StoreError::Trimmed { after: cursor.0, oldest: first.0 });
        }
        let mut out: Vec<LogEntry> = Vec::with_capacity(rows.len());
        for (id, row) in rows {
            let entry = match row {
                Ok(row) => decode(&self.db, &self.path, &mut self.dictionaries, id, row)?,
                Err(detail) => Err(detail.to_owned()),
            };
            match entry {
                Ok(entry) => out.push(entry),
                Err(_) if !out.is_empty() => break,
                Err(detail) => {
                    return Err(StoreError::Damaged {
                        path: self.path.clone(),
                        entry: id.0,
                        detail,
                    });
                }
            }
        }
        Ok(out)
    }

    /// The last entry that is on disk.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn last(&mut self) -> Result<LogId, StoreError> {
        self.number(
            "SELECT max(coalesce((SELECT max(id) FROM log), 0),
                        coalesce((SELECT value FROM meta WHERE name = 'trimmed'), 0))",
        )
        .map(LogId)
    }

    pub(crate) fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.db.execute_batch(sql).map_err(|e| wrap(&self.path, &e))
    }

    pub(crate) fn list<T>(
        &self,
        sql: &str,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.db
            .prepare_cached(sql)
            .and_then(|mut s| s.query_map([], row)?.collect())
            .map_err(|e| wrap(&self.path, &e))
    }

    fn number(&self, sql: &str) -> Result<i64, StoreError> {
        self.db
            .prepare_cached(sql)
            .and_then(|mut s| s.query_row([], |r| r.get(0)))
            .map_err(|e| wrap(&self.path, &e))
    }
}

/// Decodes a row. The inner error says what is wrong with an entry that cannot be.
pub(crate) fn decode(
    db: &Connection,
    path: &Path,
    dictionaries: &mut Dictionaries,
    id: LogId,
    row: EntryRow,
) -> Result<Result<LogEntry, String>, StoreError> {
    let mut content = attempt(db, path, dictionaries, &row)?;
    if let (Err(_), Identity::Spool { spool, .. }) = (&content, row.identity) {
        // A dictionary only grows: what it did not hold then, it may hold now.
        dictionaries.forget(row.node, spool);
        content = attempt(db, path, dictionaries, &row)?;
    }
    let EntryRow { node, received, form, identity, payload, .. } = row;
    Ok(content.map(|Content { columns, losses, alarm }| LogEntry {
        id,
        node,
        received,
        identity,
        form,
        payload,
        columns,
        losses,
        alarm,
    }))
}

fn attempt(
    db: &Connection,
    path: &Path,
    dictionaries: &mut Dictionaries,
    row: &EntryRow,
) -> Result<Result<Content, String>, StoreError> {
    let none = Dictionary::default();
    let dictionary = match row.identity {
        Identity::Spool { spool, .. } => dictionaries.get(db, path, row.node, spool)?,
        Identity::Pack(_) => &none,
    };
    let origin = Origin { node: row.node, received: row.received, offset: row.offset, dictionary };
    Ok(replay(row.form, &row.payload, origin).map_err(|reason| reason.to_string()))
}
