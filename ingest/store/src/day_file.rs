//! One day of readings in a file.

mod marks;
mod tidy;

pub(crate) use marks::series_row;

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row, params};
use tram_pipeline::DatastreamKey;
use tram_wire::Quantity;

use crate::{
    StoreError, Vector,
    chunk::{self, CHUNK_READINGS, MAX_CHUNK_READINGS},
    columns::Columns,
    error::{corrupt, wrap},
    pool::Lent,
    schema,
    shelf::Quantities,
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

/// The file of a day, or of what follows one policy of it. The chunks of one series never overlap
/// in time, so a reading is in one place only and the order of the chunks is the order of the
/// readings. A series that is in the file has all its readings of the day there. What was put in
/// is marked to be rolled up, in the same transaction.
#[derive(Debug)]
pub(crate) struct DayFile {
    path: PathBuf,
    pub(super) db: Lent,
}

impl DayFile {
    pub(crate) fn create(path: PathBuf) -> Result<Self, StoreError> {
        if !path.exists() {
            schema::create(&path, &schema::DAY)?;
        }
        Self::open_to_write(path)
    }

    /// Opens a file that exists.
    pub(crate) fn open_to_write(path: PathBuf) -> Result<Self, StoreError> {
        Ok(Self { db: schema::open(&path, &schema::DAY)?.into(), path })
    }

    pub(crate) fn open(path: PathBuf) -> Result<Self, StoreError> {
        Ok(Self { db: schema::open_to_read(&path)?.into(), path })
    }

    /// A file that is open already.
    pub(crate) fn of(path: PathBuf, db: impl Into<Lent>) -> Self {
        Self { path, db: db.into() }
    }

    pub(crate) fn database(&self) -> &Connection {
        &self.db
    }

    pub(super) fn error(&self, error: &rusqlite::Error) -> StoreError {
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
        find_series(&self.db, key).map_err(|e| self.error(&e))
    }

    fn add_series(&self, key: &DatastreamKey) -> Result<i64, StoreError> {
        if let Some(id) = self.series(key)? {
            return Ok(id);
        }
        add_quantity(&self.db, key.quantity)
            .and_then(|()| {
                self.db
                    .prepare_cached("INSERT INTO series(node, channel, quantity) VALUES (?, ?, ?)")?
                    .insert((key.node.as_str(), key.channel.as_str(), key.quantity.number()))
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

    /// First and last time of the chunks of a series that were damaged and are lost.
    pub(crate) fn lost(&self, series: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        self.db
            .prepare_cached("SELECT first, last FROM lost WHERE series = ? ORDER BY first")
            .and_then(|mut s| s.query_map([series], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
            .map_err(|e| self.error(&e))
    }

    /// Refuses a series of which chunks are lost.
    pub(crate) fn whole(&self, series: i64) -> Result<(), StoreError> {
        match self.lost(series)?.is_empty() {
            true => Ok(()),
            false => Err(corrupt(&self.path, "chunks of a series are lost")),
        }
    }

    /// The same one by one, when not all of them can be read; `lost` gets the first and last time
    /// of those that cannot.
    pub(crate) fn chunks_left(
        &self,
        series: i64,
        from: i64,
        to: i64,
        lost: &mut Vec<(i64, i64)>,
    ) -> Result<Vec<ChunkRow>, StoreError> {
        // All of it stands in the index, so the pages of the table are not needed.
        let found: Vec<(i64, i64, i64)> = self
            .db
            .prepare_cached(
                "SELECT id, first, last FROM chunk INDEXED BY chunk_time
                 WHERE series = ?1 AND first <= ?3 AND last >= ?2 ORDER BY first",
            )
            .and_then(|mut s| {
                s.query_map((series, from, to), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
                    .collect()
            })
            .map_err(|e| self.error(&e))?;
        let mut chunks = Vec::with_capacity(found.len());
        for (id, first, last) in found {
            let row = self.query(
                "SELECT id, first, last, count, usable, good, min, max, last_value, sum, sine,
                 cosine, summary_crc FROM chunk WHERE id = ?1 AND first >= ?2 AND last <= ?3",
                (id, first, last),
            );
            match row {
                Err(StoreError::Corrupt { .. }) => lost.push((first, last)),
                row => match row?.first() {
                    Some(row) => chunks.push(*row),
                    None => lost.push((first, last)),
                },
            }
        }
        Ok(chunks)
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
        let written = Written { duplicates: duplicates as u64, ..Written::default() };
        if duplicates == new.len() {
            return Ok(written);
        }
        let (chunks, bytes) = self.replace(series, key, &old, &all)?;
        self.mark(series)?;
        Ok(Written { chunks, bytes, ..written })
    }

    /// Writes readings anew that stand in these chunks or are to stand beside them. Says how many
    /// chunks and bytes were written.
    pub(super) fn replace(
        &self,
        series: i64,
        key: &DatastreamKey,
        old: &[ChunkRow],
        all: &Columns,
    ) -> Result<(u64, u64), StoreError> {
        for row in old {
            self.delete(row)?;
        }
        let (mut chunks, mut bytes) = (0, 0);
        for part in split(all) {
            bytes += self.insert(series, &part, key.quantity.circular())?;
            chunks += 1;
        }
        Ok((chunks, bytes))
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

    /// Brings the write-ahead log into the file, so that the file alone is the day. Somebody who
    /// reads is not waited for; then the next time does it.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        schema::checkpoint_now(&self.db, &self.path)
    }
}

/// The number of a series in a file of readings or rollups.
pub(crate) fn find_series(db: &Connection, key: &DatastreamKey) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM series WHERE node = ? AND channel = ? AND quantity = ?")?
        .query_row((key.node.as_str(), key.channel.as_str(), key.quantity.number()), |r| r.get(0))
        .optional()
}

/// Notes in a file of readings or rollups that it has a quantity.
pub(crate) fn add_quantity(db: &Connection, quantity: Quantity) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO quantity(number) VALUES (?)")?
        .execute([quantity.number()])
        .map(drop)
}

/// The quantities of a file of readings or rollups.
pub(crate) fn quantities(db: &Connection) -> rusqlite::Result<Quantities> {
    let mut statement = db.prepare_cached("SELECT number FROM quantity")?;
    let mut rows = statement.query([])?;
    let mut found = Quantities::default();
    while let Some(row) = rows.next()? {
        // A number that is none is in no series that could be asked for.
        let quantity = Quantity::from_number(row.get(0)?).map(Quantities::of);
        found = found.with(quantity.unwrap_or_default());
    }
    Ok(found)
}

/// A short chunk is written again together with what follows it, unless it is so much longer
/// that this would cost more than it saves: each reading is rewritten a few times at most.
fn worth_joining(before: &ChunkRow, new: usize) -> bool {
    let count = usize::try_from(before.summary.count).unwrap_or(usize::MAX);
    count < CHUNK_READINGS && (count <= new.saturating_mul(2) || count + new >= CHUNK_READINGS)
}

/// Cuts settled columns into equal chunks of about [`CHUNK_READINGS`].
fn split(all: &Columns) -> Vec<Columns> {
    let fewest = all.len().div_ceil(MAX_CHUNK_READINGS);
    let parts = fewest.max((all.len() + CHUNK_READINGS / 2) / CHUNK_READINGS);
    let bound = |i: usize| all.len() * i / parts.max(1);
    (0..parts).map(|i| all.part(bound(i), bound(i + 1))).collect()
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
        assert!(split(&Columns::default()).is_empty());
        for n in [1, 3600, 4500, 4501, 7200, 100_000] {
            let mut all = Columns::default();
            all.micros.extend(0..i64::try_from(n).unwrap());
            all.values.resize(n, 0);
            all.codes.resize(n, 1);
            let parts = split(&all);
            assert_eq!(parts.iter().map(Columns::len).sum::<usize>(), n);
            assert!(parts.iter().all(|p| p.len() <= MAX_CHUNK_READINGS));
            assert!(parts.len() == 1 || parts.iter().all(|p| p.len() > CHUNK_READINGS / 2));
        }
    }
}
