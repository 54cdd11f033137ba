//! One day of readings in a file.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, params};
use tram_pipeline::DatastreamKey;

use crate::{
    StoreError, Vector,
    chunk::{self, CHUNK_READINGS, MAX_CHUNK_READINGS},
    columns::Columns,
    day::Day,
    error::{corrupt, wrap},
    schema,
    summary::Summary,
};

/// A chunk, without its readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkRow {
    pub(crate) id: i64,
    pub(crate) summary: Summary,
}

/// What putting readings into a day did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Written {
    pub(crate) duplicates: u64,
    pub(crate) chunks: u64,
    pub(crate) bytes: u64,
}

/// The file of a day. The chunks of one series never overlap in time, so a reading is in one
/// place only and the order of the chunks is the order of the readings.
#[derive(Debug)]
pub(crate) struct DayFile {
    path: PathBuf,
    db: Connection,
}

impl DayFile {
    pub(crate) fn create(dir: &Path, day: Day) -> Result<Self, StoreError> {
        let path = day.path(dir);
        if !path.exists() {
            schema::create(&path, &schema::DAY)?;
        }
        Ok(Self { db: schema::open(&path, &schema::DAY)?, path })
    }

    pub(crate) fn open(dir: &Path, day: Day) -> Result<Self, StoreError> {
        let path = day.path(dir);
        Ok(Self { db: schema::open_to_read(&path)?, path })
    }

    /// A file that is open already.
    pub(crate) fn of(path: PathBuf, db: Connection) -> Self {
        Self { path, db }
    }

    pub(crate) fn database(&self) -> &Connection {
        &self.db
    }

    fn error(&self, error: &rusqlite::Error) -> StoreError {
        wrap(&self.path, error)
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.db.execute_batch(sql).map_err(|e| self.error(&e))
    }

    /// Starts a transaction: to write, or to see one state of the file while reading.
    pub(crate) fn begin(&self, write: bool) -> Result<(), StoreError> {
        self.run(if write { "BEGIN IMMEDIATE" } else { "BEGIN" })
    }

    /// Ends the transaction; what was written is on disk when it returns.
    pub(crate) fn commit(&self) -> Result<(), StoreError> {
        self.run("COMMIT")
    }

    /// The number of a series in this file, if it has any readings.
    pub(crate) fn series(&self, key: &DatastreamKey) -> Result<Option<i64>, StoreError> {
        self.db
            .prepare_cached("SELECT id FROM series WHERE node = ? AND channel = ? AND quantity = ?")
            .and_then(|mut s| {
                let names = (key.node.as_str(), key.channel.as_str(), key.quantity.number());
                s.query_row(names, |r| r.get(0)).optional()
            })
            .map_err(|e| self.error(&e))
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

    /// The chunks of a series that have a reading from `from` to `to` inclusive, in order.
    pub(crate) fn chunks(
        &self,
        series: i64,
        from: i64,
        to: i64,
    ) -> Result<Vec<ChunkRow>, StoreError> {
        self.query(
            "SELECT id, first, last, count, usable, good, min, max, last_value, sum, sine,
             cosine, summary_crc
             FROM chunk WHERE series = ?1 AND first <= ?3 AND last >= ?2 ORDER BY first",
            (series, from, to),
        )
    }

    /// The last chunk of a series that ends before `time`.
    fn chunk_before(&self, series: i64, time: i64) -> Result<Option<ChunkRow>, StoreError> {
        let rows = self.query(
            "SELECT id, first, last, count, usable, good, min, max, last_value, sum, sine,
             cosine, summary_crc
             FROM chunk WHERE series = ? AND first < ? AND last < ? ORDER BY first DESC LIMIT 1",
            (series, time, time),
        )?;
        Ok(rows.first().copied())
    }

    fn query(&self, sql: &str, bounds: (i64, i64, i64)) -> Result<Vec<ChunkRow>, StoreError> {
        let rows: Vec<(ChunkRow, u32)> = self
            .db
            .prepare_cached(sql)
            .and_then(|mut s| s.query_map(bounds, chunk_row)?.collect())
            .map_err(|e| self.error(&e))?;
        let sound = |(row, crc): &(ChunkRow, u32)| row.summary.crc() == *crc;
        if let Some((row, _)) = rows.iter().find(|r| !sound(r)) {
            return Err(self.damaged(row.id, "the summary does not match its checksum"));
        }
        Ok(rows.into_iter().map(|(row, _)| row).collect())
    }

    /// The readings of a chunk.
    pub(crate) fn read(&self, row: &ChunkRow) -> Result<Columns, StoreError> {
        let columns = self
            .db
            .prepare_cached("SELECT crc, data FROM chunk WHERE id = ?")
            .and_then(|mut s| {
                s.query_row([row.id], |r| {
                    let (crc, data): (u32, &[u8]) = (r.get(0)?, r.get_ref(1)?.as_blob()?);
                    if crc32fast::hash(data) != crc {
                        return Ok(Err(chunk::Damage("the readings do not match their checksum")));
                    }
                    Ok(chunk::decode(data))
                })
            })
            .map_err(|e| self.error(&e))?
            .map_err(|damage| self.damaged(row.id, damage.0))?;
        if Summary::of(&columns, row.summary.vector.is_some()) == Some(row.summary) {
            Ok(columns)
        } else {
            Err(self.damaged(row.id, "the readings do not match their summary"))
        }
    }

    fn damaged(&self, chunk: i64, detail: &str) -> StoreError {
        corrupt(&self.path, format!("chunk {chunk}: {detail}"))
    }

    /// Puts settled readings of this day into the series; what is there already stays.
    pub(crate) fn put(&self, key: &DatastreamKey, new: &Columns) -> Result<Written, StoreError> {
        let (Some(first), Some(last)) = (new.micros.first(), new.micros.last()) else {
            return Ok(Written::default());
        };
        let series = self.add_series(key)?;
        let mut old = self.chunks(series, *first, *last)?;
        let start = old.first().map_or(*first, |row| row.summary.first.min(*first));
        if let Some(before) = self.chunk_before(series, start)?
            && worth_joining(&before, new.len())
        {
            old.insert(0, before);
        }
        let mut all = Columns::default();
        for row in &old {
            all.merge(&self.read(row)?);
        }
        let duplicates = all.merge(new);
        let mut written = Written { duplicates: duplicates as u64, ..Written::default() };
        if duplicates == new.len() {
            return Ok(written);
        }
        for row in &old {
            self.delete(row)?;
        }
        for part in split(&all) {
            written.bytes += self.insert(series, &part, key.quantity.circular())?;
            written.chunks += 1;
        }
        Ok(written)
    }

    fn delete(&self, row: &ChunkRow) -> Result<(), StoreError> {
        self.db
            .prepare_cached("DELETE FROM chunk WHERE id = ?")
            .and_then(|mut s| s.execute([row.id]))
            .map(drop)
            .map_err(|e| self.error(&e))
    }

    fn insert(&self, series: i64, columns: &Columns, circular: bool) -> Result<u64, StoreError> {
        let data = chunk::encode(columns).map_err(|d| corrupt(&self.path, d.0))?;
        let Some(s) = Summary::of(columns, circular) else { return Ok(0) };
        self.db
            .prepare_cached(
                "INSERT INTO chunk(series, first, last, count, usable, good, min, max, last_value,
                 sum, sine, cosine, summary_crc, crc, data)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .and_then(|mut statement| {
                statement.insert(params![
                    series,
                    s.first,
                    s.last,
                    s.count,
                    s.usable,
                    s.good,
                    s.min,
                    s.max,
                    s.last_value,
                    s.sum,
                    s.vector.map(|v| v.sine),
                    s.vector.map(|v| v.cosine),
                    s.crc(),
                    crc32fast::hash(&data),
                    data
                ])
            })
            .map_err(|e| self.error(&e))?;
        Ok(data.len() as u64)
    }

    /// Brings the write-ahead log into the file, so that the file alone is the day.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        self.run("PRAGMA wal_checkpoint(TRUNCATE)")
    }
}

/// A short chunk is written again together with what follows it, unless it is so much longer
/// that this would cost more than it saves: each reading is rewritten a few times at most.
fn worth_joining(before: &ChunkRow, new: usize) -> bool {
    let count = usize::try_from(before.summary.count).unwrap_or(usize::MAX);
    count < CHUNK_READINGS && (count <= new.saturating_mul(2) || count + new >= CHUNK_READINGS)
}

/// Cuts settled columns into chunks of [`CHUNK_READINGS`]; a short rest joins the last one.
fn split(all: &Columns) -> Vec<Columns> {
    let mut parts = Vec::new();
    let mut start = 0;
    while start < all.len() {
        let rest = all.len() - start;
        let n = if rest <= MAX_CHUNK_READINGS { rest } else { CHUNK_READINGS };
        parts.push(all.part(start, start + n));
        start += n;
    }
    parts
}

pub(crate) fn chunk_row(r: &Row<'_>) -> rusqlite::Result<(ChunkRow, u32)> {
    let summary = Summary {
        first: r.get(1)?,
        last: r.get(2)?,
        count: r.get(3)?,
        usable: r.get(4)?,
        good: r.get(5)?,
        min: r.get(6)?,
        max: r.get(7)?,
        last_value: r.get(8)?,
        sum: r.get(9)?,
        vector: match (r.get(10)?, r.get(11)?) {
            (Some(sine), Some(cosine)) => Some(Vector { sine, cosine }),
            _ => None,
        },
    };
    Ok((ChunkRow { id: r.get(0)?, summary }, r.get(12)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_is_longer_than_a_chunk_may_be_and_none_is_short() {
        for n in [1, 3600, 4500, 4501, 7200, 100_000] {
            let mut all = Columns::default();
            all.micros.extend(0..i64::try_from(n).unwrap());
            all.values.resize(n, 0);
            all.codes.resize(n, 1);
            let parts = split(&all);
            assert_eq!(parts.iter().map(Columns::len).sum::<usize>(), n);
            assert!(parts.iter().all(|p| p.len() <= MAX_CHUNK_READINGS));
            assert!(parts.len() == 1 || parts.iter().all(|p| p.len() > CHUNK_READINGS / 4));
        }
    }
}
