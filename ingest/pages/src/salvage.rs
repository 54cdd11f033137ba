//! What can be saved of a damaged database, row by row, into a new one.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ToSql, params_from_iter, types::ToSqlOutput};

use crate::{
    Finding, Raw, Row, Value,
    damage::remember,
    files::{remove, rename, sync_folder},
    raw::{page_bytes, wal_path},
    wal,
};

/// The most rows of a table of which a part could be read that are told of.
pub const MAX_PARTIAL: usize = 10_000;

/// What a look at a write-ahead log finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wal {
    /// SQLite would stop before its end: what was committed behind the damage would be gone. The
    /// database must be copied row by row before SQLite opens it.
    pub broken: bool,
    /// Bytes that were wrong and were put right on the disk.
    pub mended: u32,
    /// Frames behind the last commit: a write that never ended. Damage of more than a byte in the
    /// last transaction of all looks the same.
    pub unfinished: u32,
}

/// Looks at the write-ahead log of a database that nobody has open, and unless told not to puts
/// right what can be.
///
/// # Errors
/// Those of the system.
pub fn look_at_log(path: &Path, mend: bool) -> io::Result<Wal> {
    let log = wal_path(path);
    if !path.exists() || !log.exists() {
        return Ok(Wal::default());
    }
    let page = page_bytes(path)?;
    let Some(found) = wal::Wal::read(path, page)? else { return Ok(Wal::default()) };
    let mended = u32::try_from(found.mended.len()).unwrap_or(u32::MAX);
    if mend && !found.broken() && mended > 0 {
        found.write_mended(&log)?;
        remember(&log, found.mended_frame(page), Finding::Mended);
    }
    Ok(Wal { broken: found.broken(), mended, unfinished: found.unfinished })
}

/// What became of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableCopy {
    /// Rows that were copied.
    pub rows: u64,
    /// Rows of which only a part could be read; they were not copied. At most [`MAX_PARTIAL`].
    pub partial: Vec<Row>,
    /// Its pages that are damaged; what was on them is not known.
    pub pages: Vec<u32>,
}

/// What became of each table.
pub type Copied = BTreeMap<String, TableCopy>;

struct Table {
    name: String,
    root: u32,
    /// Whether its rows have numbers.
    numbered: bool,
    /// Names and types, in the order of its records.
    columns: Vec<(String, String)>,
    /// The column that is the row's number.
    number: Option<usize>,
}

/// Copies every row that can be read into a new database that has the same tables, made in the
/// same way: so their trees begin in the same pages, also when the list of them cannot be read.
/// Rows that no tree leads to, because its upper pages are damaged, are found by what they look
/// like.
///
/// # Errors
/// Those of SQLite about the new database.
pub fn copy(raw: &mut Raw, to: &Connection) -> rusqlite::Result<Copied> {
    let tables = tables(to)?;
    let mut copied = Copied::new();
    let mut seen = BTreeSet::from([1]);
    let mut headless = Vec::new();
    to.execute_batch("BEGIN")?;
    for table in &tables {
        let mut result = TableCopy::default();
        let mut error = None;
        let insert = table.insert("INSERT OR REPLACE");
        let (pages, lost) = raw.walk_on(table.root, &mut seen, &mut |row| {
            if !row.record.whole || row.record.values.len() != table.columns.len() {
                if result.partial.len() < MAX_PARTIAL {
                    result.partial.push(row);
                }
                return;
            }
            match table.put(to, &insert, &row) {
                Ok(n) => result.rows += n,
                Err(e) => error = Some(e),
            }
        });
        if let Some(error) = error {
            return Err(error);
        }
        result.pages = pages;
        if lost {
            headless.push(table);
        }
        copied.insert(table.name.clone(), result);
    }
    for root in indexes(to)? {
        raw.walk_on(root, &mut seen, &mut |_| {});
    }
    if !headless.is_empty() {
        adopt_orphans(raw, to, &headless, &seen, &mut copied)?;
    }
    to.execute_batch("COMMIT")?;
    Ok(copied)
}

fn adopt_orphans(
    raw: &mut Raw,
    to: &Connection,
    headless: &[&Table],
    seen: &BTreeSet<u32>,
    copied: &mut Copied,
) -> rusqlite::Result<()> {
    let mut error = None;
    raw.orphans(seen, &mut |numbered, row| {
        let Some(table) = headless.iter().find(|t| t.numbered == numbered && t.fits(&row)) else {
            return;
        };
        match table.put(to, &table.insert("INSERT OR IGNORE"), &row) {
            Ok(n) => copied.entry(table.name.clone()).or_default().rows += n,
            Err(e) => error = Some(e),
        }
    });
    error.map_or(Ok(()), Err)
}

fn indexes(db: &Connection) -> rusqlite::Result<Vec<u32>> {
    db.prepare("SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND rootpage > 0")?
        .query_map([], |r| r.get(0))?
        .collect()
}

fn tables(db: &Connection) -> rusqlite::Result<Vec<Table>> {
    let found: Vec<(String, u32, String)> = db
        .prepare(
            "SELECT name, rootpage, coalesce(sql, '') FROM sqlite_schema
             WHERE type = 'table' AND rootpage > 0",
        )?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<Result<_, _>>()?;
    found.into_iter().map(|(name, root, sql)| Table::new(db, name, root, &sql)).collect()
}

impl Table {
    fn new(db: &Connection, name: String, root: u32, sql: &str) -> rusqlite::Result<Self> {
        let numbered = !sql.to_uppercase().contains("WITHOUT ROWID");
        let mut columns: Vec<(String, String, u32)> = db
            .prepare(&format!("PRAGMA table_info({name})"))?
            .query_map([], |r| Ok((r.get(1)?, r.get::<_, String>(2)?.to_uppercase(), r.get(5)?)))?
            .collect::<Result<_, _>>()?;
        let keys = columns.iter().filter(|(.., key)| *key > 0).count();
        let number = columns.iter().position(|(_, kind, key)| *key == 1 && kind == "INTEGER");
        if !numbered {
            // The columns of the key come first, in the key's order.
            columns.sort_by_key(|(.., key)| if *key == 0 { u32::MAX } else { *key });
        }
        let columns = columns.into_iter().map(|(name, kind, _)| (name, kind)).collect();
        let number = number.filter(|_| numbered && keys == 1);
        Ok(Self { name, root, numbered, columns, number })
    }

    fn insert(&self, verb: &str) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let marks = vec!["?"; names.len()].join(", ");
        format!("{verb} INTO {}({}) VALUES ({marks})", self.name, names.join(", "))
    }

    /// Puts a row into the new table. One that breaks a rule of the table is left out.
    fn put(&self, to: &Connection, insert: &str, row: &Row) -> rusqlite::Result<u64> {
        let id = row.id.map_or(Value::Null, Value::Integer);
        let values = row.record.values.iter().enumerate();
        let values = values.map(|(n, value)| if Some(n) == self.number { &id } else { value });
        match to.prepare_cached(insert)?.execute(params_from_iter(values)) {
            Ok(n) => Ok(n as u64),
            Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                Ok(0)
            }
            Err(e) => Err(e),
        }
    }

    /// Whether a row looks like one of this table.
    fn fits(&self, row: &Row) -> bool {
        let record = &row.record;
        record.whole
            && record.values.len() == self.columns.len()
            && record.values.iter().zip(&self.columns).all(|(value, (_, kind))| match value {
                Value::Null => true,
                Value::Integer(_) => kind == "INTEGER",
                Value::Real(_) => kind == "REAL",
                Value::Text(_) => kind == "TEXT",
                Value::Blob(_) => kind == "BLOB",
            })
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        use rusqlite::types::ValueRef;
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(n) => ValueRef::Integer(*n),
            Self::Real(n) => ValueRef::Real(*n),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// The name under which a new database waits to take the place of a damaged one.
fn waiting(path: &Path) -> PathBuf {
    with(path, ".salvaged")
}

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Puts a damaged database aside as `log.db.damaged-1` (the next number that is free), with its
/// write-ahead log, and gives its name to the new one, which is closed and on the disk. Says where
/// the damaged one is.
///
/// # Errors
/// Those of the system; what is left half done is ended by [`adopt`].
pub fn put_aside(path: &Path, new: &Path) -> io::Result<PathBuf> {
    rename(new, &waiting(path))?;
    sync_folder(folder(path))?;
    Ok(adopt(path)?.unwrap_or_default())
}

/// Ends what [`put_aside`] began and a crash broke off. Says where the damaged file is, when there
/// was something to do.
///
/// # Errors
/// Those of the system.
pub fn adopt(path: &Path) -> io::Result<Option<PathBuf>> {
    let new = waiting(path);
    if !new.exists() {
        return Ok(None);
    }
    // A crash between the two has put only the log aside.
    let free = (1..).find(|n| !with(path, &format!(".damaged-{n}")).exists()).unwrap_or(1);
    let aside = with(path, &format!(".damaged-{free}"));
    let log = wal_path(path);
    if log.exists() {
        rename(&log, &wal_path(&aside))?;
    }
    remove(&with(path, "-shm"))?;
    if path.exists() {
        rename(path, &aside)?;
    }
    rename(&new, path)?;
    sync_folder(folder(path))?;
    Ok(Some(aside))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
