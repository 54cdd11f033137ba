//! A file of rollups.

use std::path::PathBuf;

use rusqlite::OptionalExtension;
use tram_pipeline::DatastreamKey;
use tram_wire::Quantity;

use super::{
    Level,
    chunk::{decode, encode},
};
use crate::{
    Bucket, StoreError,
    day::{Day, Span},
    day_file::{find_series, series_row},
    error::{corrupt, wrap},
    pool::Lent,
    schema,
};

/// Rows of one series have numbers next to each other: so many, one for each day of the longest
/// file and some to spare.
const ROWS: i64 = 512;

/// The rollups of one level over a month or a year. A row is the buckets of one series; its number
/// says which series and from which day on.
#[derive(Debug)]
pub(crate) struct RollupFile {
    path: PathBuf,
    db: Lent,
    level: Level,
    span: Span,
}

/// The buckets of one row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) span: Span,
    /// What is in it, or what is wrong with it.
    pub(crate) buckets: Result<Vec<Bucket>, StoreError>,
}

impl RollupFile {
    pub(crate) fn create(path: PathBuf, level: Level, span: Span) -> Result<Self, StoreError> {
        if !path.exists() {
            schema::create(&path, &schema::ROLLUP)?;
        }
        Ok(Self { db: schema::open(&path, &schema::ROLLUP)?.into(), path, level, span })
    }

    /// Opens it to read, and sees one state of it from now on.
    pub(crate) fn open(path: PathBuf, level: Level, span: Span) -> Result<Self, StoreError> {
        let db = schema::open_to_read(&path)?;
        Self::of(path, db, level, span)
    }

    /// One that is open already, one state of it.
    pub(crate) fn of(
        path: PathBuf,
        db: impl Into<Lent>,
        level: Level,
        span: Span,
    ) -> Result<Self, StoreError> {
        let file = Self { db: db.into(), path, level, span };
        if file.db.is_autocommit() {
            file.run("BEGIN")?;
        }
        Ok(file)
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// Every series in it by its number.
    pub(crate) fn keys(&self) -> Result<Vec<(i64, DatastreamKey)>, StoreError> {
        let rows: Result<Vec<_>, _> = self
            .db
            .prepare_cached("SELECT id, node, channel, quantity FROM series")
            .and_then(|mut s| s.query_map([], series_row)?.collect());
        let rows = rows.map_err(|e| self.error(&e))?;
        Ok(rows.into_iter().filter_map(|(id, key)| Some((id, key?))).collect())
    }

    fn error(&self, error: &rusqlite::Error) -> StoreError {
        wrap(&self.path, error)
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.db.execute_batch(sql).map_err(|e| self.error(&e))
    }

    /// Brings the write-ahead log into the file, unless somebody reads just now.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        schema::checkpoint_now(&self.db, &self.path)
    }

    pub(crate) fn begin(&self) -> Result<(), StoreError> {
        self.run("BEGIN IMMEDIATE")
    }

    /// Ends the transaction; what was written is on disk when it returns.
    pub(crate) fn commit(&self) -> Result<(), StoreError> {
        self.run("COMMIT")
    }

    /// Its quantities, and the last day of each.
    pub(crate) fn quantities(&self) -> Result<Vec<(Quantity, Day)>, StoreError> {
        let rows: Result<Vec<(u8, i64)>, _> = self
            .db
            .prepare_cached("SELECT number, last FROM quantity")
            .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect());
        let rows = rows.map_err(|e| self.error(&e))?;
        let known = |(number, last)| Some((Quantity::from_number(number)?, Day(last)));
        Ok(rows.into_iter().filter_map(known).collect())
    }

    /// The number of a series in this file, if it has any rollups.
    pub(crate) fn series(&self, key: &DatastreamKey) -> Result<Option<i64>, StoreError> {
        find_series(&self.db, key).map_err(|e| self.error(&e))
    }

    fn add_series(&self, key: &DatastreamKey) -> Result<i64, StoreError> {
        if let Some(id) = self.series(key)? {
            return Ok(id);
        }
        self.db
            .prepare_cached("INSERT INTO series(node, channel, quantity) VALUES (?, ?, ?)")
            .and_then(|mut s| {
                s.insert((key.node.as_str(), key.channel.as_str(), key.quantity.number()))
            })
            .map_err(|e| self.error(&e))
    }

    /// The number of the row of a series that holds a day.
    fn id(&self, series: i64, day: Day) -> i64 {
        let first = self.level.row(day).first.max(self.span.first);
        series.saturating_mul(ROWS).saturating_add(first.0.saturating_sub(self.span.first.0))
    }

    /// The first row of a series that has a day from `from` to `to` inclusive.
    pub(crate) fn row(&self, series: i64, from: Day, to: Day) -> Result<Option<Row>, StoreError> {
        let clamp = |day: Day| Day(day.0.clamp(self.span.first.0, self.span.end.0 - 1));
        let (from, to) = (clamp(from), clamp(to));
        let found: Option<(i64, u32, Vec<u8>)> = self
            .db
            .prepare_cached(
                "SELECT id, crc, data FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1",
            )
            .and_then(|mut s| {
                s.query_row((self.id(series, from), self.id(series, to)), |r| {
                    Ok((r.get(0)?, r.get(1)?, r.get(2)?))
                })
                .optional()
            })
            .map_err(|e| self.error(&e))?;
        Ok(found.map(|(id, crc, data)| self.decode(id, crc, &data)))
    }

    /// The row behind the one with this number, and the number of its series and its own.
    pub(crate) fn next_row(&self, after: i64) -> Result<Option<(i64, i64, Row)>, StoreError> {
        let found: Option<(i64, u32, Vec<u8>)> = self
            .db
            .prepare_cached("SELECT id, crc, data FROM chunk WHERE id > ? ORDER BY id LIMIT 1")
            .and_then(|mut s| {
                s.query_row([after], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()
            })
            .map_err(|e| self.error(&e))?;
        let row = |(id, crc, data): (i64, u32, Vec<u8>)| {
            (id, id.div_euclid(ROWS), self.decode(id, crc, &data))
        };
        Ok(found.map(row))
    }

    fn decode(&self, id: i64, crc: u32, data: &[u8]) -> Row {
        let first = Day(self.span.first.0.saturating_add(id.rem_euclid(ROWS)));
        let span = self.level.row(first);
        let buckets = if checksum(id, data) == crc {
            decode(data, span.range().0, self.level.step())
                .map_err(|damage| self.damaged(first, damage.0))
        } else {
            Err(self.damaged(first, "it does not match its checksum"))
        };
        Row { span, buckets }
    }

    fn damaged(&self, first: Day, detail: &str) -> StoreError {
        corrupt(&self.path, format!("a row from {} on: {detail}", first.date()))
    }

    /// Puts the buckets of one day in the place of those that are there. Damage of the row that
    /// has to be read first is an error, and nothing is written.
    pub(crate) fn put(
        &self,
        key: &DatastreamKey,
        day: Day,
        buckets: &[Bucket],
    ) -> Result<(), StoreError> {
        let series = self.add_series(key)?;
        let span = self.level.row(day);
        let mut all = Vec::new();
        if span != day.span()
            && let Some(row) = self.row(series, day, day)?
        {
            all = row.buckets?;
        }
        let (from, to) = day.range();
        let start = all.partition_point(|b| b.start.0 < from);
        let end = all.partition_point(|b| b.start.0 < to);
        all.splice(start..end, buckets.iter().copied());
        self.put_row(key, day, &all)
    }

    /// Puts buckets in the place of the row that holds a day.
    pub(crate) fn put_row(
        &self,
        key: &DatastreamKey,
        day: Day,
        buckets: &[Bucket],
    ) -> Result<(), StoreError> {
        let start = self.level.row(day).range().0;
        let data = encode(buckets, start, self.level.step())
            .map_err(|damage| corrupt(&self.path, damage.0))?;
        let id = self.id(self.add_series(key)?, day);
        let last = buckets.last().map_or(day, |b| Day::of(b.start.0));
        self.db
            .prepare_cached(
                "INSERT INTO quantity(number, last) VALUES (?1, ?2)
                 ON CONFLICT(number) DO UPDATE SET last = ?2 WHERE last < ?2",
            )
            .and_then(|mut s| s.execute((key.quantity.number(), last.0)))
            .map_err(|e| self.error(&e))?;
        self.db
            .prepare_cached("INSERT OR REPLACE INTO chunk(id, crc, data) VALUES (?, ?, ?)")
            .and_then(|mut s| s.execute((id, checksum(id, &data), &data)))
            .map(drop)
            .map_err(|e| self.error(&e))
    }

    /// Removes the row of a series that holds a day.
    pub(crate) fn remove(&self, key: &DatastreamKey, day: Day) -> Result<(), StoreError> {
        let Some(series) = self.series(key)? else { return Ok(()) };
        self.db
            .prepare_cached("DELETE FROM chunk WHERE id = ?")
            .and_then(|mut s| s.execute([self.id(series, day)]))
            .map(drop)
            .map_err(|e| self.error(&e))
    }
}

/// Over the row's number too, so that a row in another's place is found.
fn checksum(id: i64, data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&id.to_le_bytes());
    hasher.update(data);
    hasher.finalize()
}
