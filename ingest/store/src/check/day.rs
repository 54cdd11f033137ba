//! A day: every chunk against its checksums, its summary and its place.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, Row};
use tram_pipeline::DatastreamKey;
use tram_wire::{ChannelName, NodeId, Quantity};

use super::{Affects, CheckError, RESTORE, Work, affected, log::Known, words};
use crate::{
    day::Day,
    day_file::{ChunkRow, DayFile, chunk_row},
    schema,
};

/// How many chunks between two looks at whether to go on.
const CHUNKS: i64 = 256;

/// The chunks of a series: first and last time and number.
type Places = HashMap<i64, Vec<(i64, i64, i64)>>;

impl Work<'_, '_, '_> {
    pub(super) fn day(
        &mut self,
        name: &str,
        day: Day,
        known: Option<&Known>,
    ) -> Result<(), CheckError> {
        let whole = affected(name);
        let Some(db) = self.open(name, whole.clone())? else { return Ok(()) };
        if let Err(error) = schema::known(&db, &self.dir.join(name)) {
            self.report.damage(name, error.to_string(), whole, RESTORE);
            return Ok(());
        }
        let sound = self.pages(&db, name, &whole)?;
        let series = self.day_series(&db, name, known, &whole);
        let file = DayFile::of(self.dir.join(name), db);
        self.gone(&file, name, &series);
        let mut places = Places::new();
        if let Err(error) = self.chunks(&file, name, day, &series, &mut places)? {
            let seen: HashSet<i64> = places.values().flatten().map(|(_, _, id)| *id).collect();
            let found = self.lost_chunks(&file, name, day, &series, (&seen, &mut places))?;
            // The page was named already, or what lies in it was.
            if sound && found == 0 {
                self.report.damage(
                    name,
                    format!("its chunks cannot be read to their end: {error}"),
                    whole,
                    RESTORE,
                );
            }
        }
        self.overlaps(name, &series, places);
        Ok(())
    }

    /// What was lost to damage before, when the rest was saved. A list that cannot be read is
    /// named with its page.
    fn gone(&mut self, file: &DayFile, name: &str, series: &HashMap<i64, DatastreamKey>) {
        for (id, key) in series {
            for (first, last) in file.lost(*id).unwrap_or_default() {
                let affects = Affects::series(key).between(first, last);
                let what = "readings were damaged and could not be saved";
                self.report.damage(name, what, affects, RESTORE);
            }
        }
    }

    /// Looks for the chunks that the table does not give up in its index, which knows their series
    /// and times. Says how many are lost.
    fn lost_chunks(
        &mut self,
        file: &DayFile,
        name: &str,
        day: Day,
        series: &HashMap<i64, DatastreamKey>,
        (seen, places): (&HashSet<i64>, &mut Places),
    ) -> Result<u64, CheckError> {
        let mut lost = 0;
        let listed = indexed_chunks(file.database()).unwrap_or_default();
        for (of, first, last, id) in listed.into_iter().filter(|(.., id)| !seen.contains(id)) {
            self.alive(name)?;
            match one_chunk(file.database(), id) {
                Ok((of, row, crc)) => {
                    self.chunk(file, name, day, series.get(&of), (of, &row, crc));
                    places.entry(of).or_default().push((row.summary.first, row.summary.last, id));
                }
                Err(error) => {
                    lost += 1;
                    let key = series.get(&of);
                    let affects = key.map_or_else(Affects::unknown, Affects::series);
                    let error = words(&crate::error::wrap(&self.dir.join(name), &error));
                    let what = format!("chunk {id} cannot be read: {error}");
                    self.report.damage(name, what, affects.between(first, last), RESTORE);
                }
            }
        }
        Ok(lost)
    }

    /// The series of a day by number.
    fn day_series(
        &mut self,
        db: &Connection,
        name: &str,
        known: Option<&Known>,
        whole: &Affects,
    ) -> HashMap<i64, DatastreamKey> {
        let rows: rusqlite::Result<Vec<(i64, Option<DatastreamKey>)>> = db
            .prepare("SELECT id, node, channel, quantity FROM series")
            .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, key(r))))?.collect());
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                let what = format!("its list of series cannot be read: {error}");
                self.report.damage(name, what, whole.clone(), RESTORE);
                return HashMap::new();
            }
        };
        let mut series = HashMap::new();
        for (id, key) in rows {
            let Some(key) = key else {
                let what = format!("series {id} has no name that anybody wrote");
                self.report.damage(name, what, whole.clone(), RESTORE);
                continue;
            };
            if known.is_some_and(|k| !k.series.contains(&key)) && !self.known_now(&key) {
                let mut affects = Affects::series(&key);
                (affects.from, affects.to) = (whole.from.clone(), whole.to.clone());
                self.report.damage(
                    name,
                    "the log does not know this series, so nobody can ask for it",
                    affects,
                    "restore the log from the backup that this file belongs to; the readings are here",
                );
            }
            series.insert(id, key);
        }
        series
    }

    /// The damage that ended it, inside of what may end the whole check.
    fn chunks(
        &mut self,
        file: &DayFile,
        name: &str,
        day: Day,
        series: &HashMap<i64, DatastreamKey>,
        places: &mut Places,
    ) -> Result<rusqlite::Result<()>, CheckError> {
        let mut after = i64::MIN;
        loop {
            let rows = match next_chunks(file.database(), after) {
                Ok(rows) => rows,
                Err(error) => return Ok(Err(error)),
            };
            let Some((_, last, _)) = rows.last() else { return Ok(Ok(())) };
            after = last.id;
            for (id, row, summary_crc) in &rows {
                self.chunk(file, name, day, series.get(id), (*id, row, *summary_crc));
                let s = &row.summary;
                places.entry(*id).or_default().push((s.first, s.last, row.id));
            }
            self.alive(name)?;
        }
    }

    fn chunk(
        &mut self,
        file: &DayFile,
        name: &str,
        day: Day,
        key: Option<&DatastreamKey>,
        (series, row, summary_crc): (i64, &ChunkRow, u32),
    ) {
        let (from, to) = day.range();
        let s = &row.summary;
        self.report.seen.chunks += 1;
        let affects = key.map_or_else(Affects::unknown, Affects::series);
        let Some(_) = key else {
            let what = format!("chunk {} is of series {series}, which is not there", row.id);
            self.report.damage(name, what, affects.between(from, to - 1), RESTORE);
            return;
        };
        if s.crc() != summary_crc {
            let what = format!("the summary of chunk {} does not match its checksum", row.id);
            self.report.damage(name, what, affects.between(from, to - 1), RESTORE);
            return;
        }
        self.report.seen.readings += u64::from(s.count);
        let affects = affects.between(s.first, s.last).readings(s.count.into());
        if s.first < from || s.last >= to || s.last < s.first {
            let what = format!("chunk {} holds readings of another day", row.id);
            self.report.damage(name, what, affects.clone(), RESTORE);
        }
        if self.depth.quick {
            return;
        }
        if let Err(error) = file.read(row) {
            let detail = words(&error);
            let what = match detail.starts_with("chunk") {
                true => detail,
                // It names the page.
                false => format!("chunk {} cannot be read: {detail}", row.id),
            };
            self.report.damage(name, what, affects, RESTORE);
        }
    }

    /// Chunks of one series never overlap, so that a reading is in one place only.
    fn overlaps(&mut self, name: &str, series: &HashMap<i64, DatastreamKey>, places: Places) {
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_unstable_by_key(|(id, _)| *id);
        for (id, mut chunks) in places {
            chunks.sort_unstable();
            for pair in chunks.windows(2) {
                let [(_, last, a), (first, end, b)] = pair else { continue };
                if first <= last {
                    let affects = series.get(&id).map_or_else(Affects::unknown, Affects::series);
                    self.report.damage(
                        name,
                        format!("chunks {a} and {b} overlap, so readings may be there twice"),
                        affects.between(*first, *last.min(end)),
                        RESTORE,
                    );
                }
            }
        }
    }
}

/// The columns of `chunk_row`, and the series.
const COLUMNS: &str = "id, first, last, count, usable, good, min, max, last_value, sum, sine, \
                       cosine, summary_crc, series";

fn next_chunks(db: &Connection, after: i64) -> rusqlite::Result<Vec<(i64, ChunkRow, u32)>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM chunk WHERE id > ? ORDER BY id LIMIT ?"))?
        .query_map((after, CHUNKS), with_series)?
        .collect()
}

fn one_chunk(db: &Connection, id: i64) -> rusqlite::Result<(i64, ChunkRow, u32)> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM chunk WHERE id = ?"))?
        .query_row([id], with_series)
}

fn with_series(r: &Row<'_>) -> rusqlite::Result<(i64, ChunkRow, u32)> {
    let (row, crc) = chunk_row(r)?;
    Ok((r.get("series")?, row, crc))
}

/// Series, first and last time and number of every chunk, from the index alone.
fn indexed_chunks(db: &Connection) -> rusqlite::Result<Vec<(i64, i64, i64, i64)>> {
    db.prepare("SELECT series, first, last, id FROM chunk INDEXED BY chunk_time")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?
        .collect()
}

/// The datastream of a row of `series`; `None` when nobody wrote it so.
fn key(r: &Row<'_>) -> Option<DatastreamKey> {
    let (node, channel): (String, String) = (r.get(1).ok()?, r.get(2).ok()?);
    Some(DatastreamKey {
        node: NodeId::new(&node).ok()?,
        channel: ChannelName::new(&channel).ok()?,
        quantity: Quantity::from_number(r.get(3).ok()?)?,
    })
}
