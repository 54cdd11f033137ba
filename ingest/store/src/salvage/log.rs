//! The log.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    ops::RangeInclusive,
    path::Path,
};

use rusqlite::{OptionalExtension as _, params};
use tram_pages::{Row, Value};
use tram_pipeline::{DatastreamKey, Progress};
use tram_wire::{Birth, ChannelName, NodeId, Quantity, Seq, SpoolId, UnixMicros};

use super::Rescue;
use crate::{
    LogId, StoreError,
    check::{Affects, Finding},
    error::wrap,
    log::{SEAL, entries},
    memory::Dictionaries,
    reader, schema,
};

/// The most entries of one gap whose places are filled, each with an entry that says it is
/// damaged. Readers pass over what is beyond.
const MAX_FILLED: i64 = 10_000;
/// The most entries a damaged page of the log may have held: numbers that are not used again.
const ENTRIES_A_PAGE: i64 = 64;
/// How many entries are read at a time.
const ENTRIES: usize = 1024;

/// Saves what can be read of `log.db`.
pub(crate) fn save(dir: &Path, path: &Path, why: &str) -> Result<Vec<Finding>, StoreError> {
    let mut rescue = Rescue::begin(dir, path, &schema::LOG)?;
    rescue.run("BEGIN", [])?;
    rescue.cursors()?;
    rescue.entries()?;
    rescue.dictionaries()?;
    rescue.spools()?;
    rescue.series()?;
    rescue.others();
    rescue.run("COMMIT", [])?;
    rescue.end(why)
}

impl Rescue<'_> {
    fn number(&self, sql: &str) -> Result<Option<i64>, StoreError> {
        let found = self.db.query_row(sql, [], |r| r.get(0)).optional();
        Ok(found.map_err(|e| wrap(self.path, &e))?.flatten())
    }

    /// Sees to it that no number is used twice: what is known of the end of the log is kept.
    fn cursors(&mut self) -> Result<(), StoreError> {
        if self.number("SELECT value FROM meta WHERE name = 'trimmed'")?.is_none() {
            let first = self.number("SELECT min(id) - 1 FROM log")?;
            let read = self.number("SELECT max(position) FROM cursor")?;
            let trimmed = first.or(read).unwrap_or(0);
            self.run("INSERT OR REPLACE INTO meta(name, value) VALUES ('trimmed', ?)", [trimmed])?;
        }
        if self.hurt("cursor") {
            let what = "cursors of the log's readers are lost: some read it again".to_owned();
            self.note(what, Affects::unknown());
        }
        Ok(())
    }

    /// Fills the places of entries that are lost, so that those behind them are found.
    fn entries(&mut self) -> Result<(), StoreError> {
        let trimmed =
            self.number("SELECT value FROM meta WHERE name = 'trimmed'")?.unwrap_or_default();
        let sealed = self
            .number(&format!("SELECT position FROM cursor WHERE name = '{SEAL}'"))?
            .unwrap_or_default();
        let ids = self.list("SELECT id FROM log ORDER BY id", |r| r.get::<_, i64>(0))?;
        let read = self.number("SELECT max(position) FROM cursor")?.unwrap_or_default();
        let mut end = ids.last().copied().unwrap_or_default().max(read).max(trimmed);
        let lost_pages = self.copied.get("log").map_or(0, |t| t.pages.len());
        if lost_pages > 0 {
            let pages = i64::try_from(lost_pages).unwrap_or(i64::MAX);
            end = end.saturating_add(pages.saturating_mul(ENTRIES_A_PAGE).min(MAX_FILLED));
        }
        let known = ids.last().copied().unwrap_or(trimmed).max(read);
        for gap in gaps(&ids, trimmed, end) {
            self.fill(&gap)?;
            self.tell(&gap, sealed, known);
        }
        Ok(())
    }

    fn fill(&self, gap: &RangeInclusive<i64>) -> Result<(), StoreError> {
        let first = (*gap.start()).max(gap.end().saturating_sub(MAX_FILLED));
        for id in first..=*gap.end() {
            self.run(
                "INSERT OR IGNORE INTO log(id, received, node, form, readings, crc, payload)
                 VALUES (?, 0, '', 0, 0, 0, x'')",
                [id],
            )?;
        }
        Ok(())
    }

    /// Says what a gap was, as far as is known.
    fn tell(&mut self, gap: &RangeInclusive<i64>, sealed: i64, known: i64) {
        let lost = self.copied.get("log").map(|t| t.partial.clone()).unwrap_or_default();
        let mut rest = BTreeSet::new();
        for row in lost.iter().filter(|row| row.id.is_some_and(|id| gap.contains(&id))) {
            let id = row.id.unwrap_or_default();
            let was = entry(row);
            rest.insert(id);
            if id <= sealed {
                let what = format!("entry {id} is lost; its readings are in the files of the days");
                self.note(what, was);
            } else {
                self.damage(format!("entry {id} is lost, and its readings with it"), was);
            }
        }
        let open: Vec<i64> =
            gap.clone().take(100_000).filter(|id| !rest.contains(id) && *id <= known).collect();
        let (first, last) = match (open.first(), open.last()) {
            (Some(first), Some(last)) => (*first, *last),
            _ if *gap.end() > known => {
                let what =
                    format!("entries behind {known} may be lost, and their readings with them");
                return self.damage(what, Affects::unknown());
            }
            _ => return,
        };
        let what = format!("entries {first} to {last} are lost");
        if last <= sealed {
            let what = format!("{what}; their readings are in the files of the days");
            self.note(what, Affects::unknown());
        } else {
            self.damage(format!("{what}, and their readings with them"), Affects::unknown());
        }
    }

    /// What the last birth of a node says is in its dictionary.
    fn dictionaries(&mut self) -> Result<(), StoreError> {
        let births: Vec<Vec<u8>> = self.list("SELECT payload FROM birth", |r| r.get(0))?;
        for birth in births.iter().filter_map(|payload| Birth::decode(payload).ok()) {
            for c in &birth.channels {
                self.run(
                    "INSERT OR IGNORE INTO dictionary(node, spool, number, channel, quantity)
                     VALUES (?, ?, ?, ?, ?)",
                    params![
                        birth.node.as_str(),
                        birth.spool.0.cast_signed(),
                        c.number.0,
                        c.name.as_str(),
                        c.quantity.number()
                    ],
                )?;
            }
        }
        for table in ["dictionary", "birth", "boot"] {
            if self.hurt(table) {
                let what = format!(
                    "rows of the table {table} are lost; the stations' next births bring them back"
                );
                self.note(what, Affects::unknown());
            }
        }
        Ok(())
    }

    /// What was seen of a spool is in the log as well, as far back as it goes; a node that is not
    /// told of more says from where it holds with its next birth.
    fn spools(&mut self) -> Result<(), StoreError> {
        if !self.hurt("spool") {
            return Ok(());
        }
        let known: HashSet<(String, i64)> = self
            .list("SELECT node, spool FROM spool", |r| Ok((r.get(0)?, r.get(1)?)))?
            .into_iter()
            .collect();
        let rows: Vec<(String, i64, i64, i64)> = self.list(
            "SELECT node, spool, seq, received FROM log WHERE spool IS NOT NULL AND seq IS NOT NULL
             ORDER BY id",
            |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)),
        )?;
        let mut seen: BTreeMap<(String, i64), (Progress, i64)> = BTreeMap::new();
        for (node, spool, seq, received) in rows {
            let id = (node, spool);
            if !known.contains(&id) {
                let (progress, updated) = seen.entry(id).or_default();
                progress.insert(Seq(seq.cast_unsigned()));
                *updated = received;
            }
        }
        for ((node, spool), (progress, updated)) in &seen {
            self.run(
                "INSERT OR IGNORE INTO spool(node, spool, updated, progress) VALUES (?, ?, ?, ?)",
                params![node, spool, updated, progress.to_bytes()],
            )?;
            let what = format!(
                "what was seen of the spool {} is known from the log only",
                SpoolId(spool.cast_unsigned())
            );
            let affects =
                NodeId::new(node).ok().as_ref().map_or_else(Affects::unknown, Affects::station);
            self.note(what, affects);
        }
        let what = "rows of the table spool are lost; the stations' next births bring them back, \
                    and what comes twice until then is known by its time"
            .to_owned();
        self.note(what, Affects::unknown());
        Ok(())
    }

    /// Series have numbers without gaps, and those of what is in the log and in the days.
    fn series(&mut self) -> Result<(), StoreError> {
        if self.hurt("series") {
            self.series_from_index()?;
        }
        let ids = self.list("SELECT id FROM series ORDER BY id", |r| r.get::<_, i64>(0))?;
        self.run("DELETE FROM latest WHERE series NOT IN (SELECT id FROM series)", [])?;
        for (new, old) in (1_i64..).zip(&ids).filter(|(new, old)| new != *old) {
            self.run("UPDATE series SET id = ? WHERE id = ?", [new, *old])?;
            self.run("UPDATE latest SET series = ? WHERE series = ?", [new, *old])?;
        }
        if self.hurt("series") {
            let mut next = i64::try_from(ids.len()).unwrap_or(i64::MAX);
            for (key, senml) in self.series_elsewhere()? {
                next += i64::try_from(self.run(
                    "INSERT OR IGNORE INTO series(id, node, channel, quantity, senml)
                     VALUES (?, ?, ?, ?, ?)",
                    params![
                        next + 1,
                        key.node.as_str(),
                        key.channel.as_str(),
                        key.quantity.number(),
                        senml
                    ],
                )?)
                .unwrap_or_default();
            }
        }
        if self.hurt("series") || self.hurt("latest") {
            let what = "latest readings are lost; they come with the next readings".to_owned();
            self.note(what, Affects::unknown());
        }
        Ok(())
    }

    fn series_from_index(&mut self) -> Result<(), StoreError> {
        let root = self.root("sqlite_autoindex_series_1")?;
        let mut rows = Vec::new();
        self.raw.walk(root, |row| rows.push(row));
        for row in rows.iter().filter(|row| row.record.whole) {
            let [node, channel, quantity, id] = row.record.values.as_slice() else { continue };
            self.run(
                "INSERT OR IGNORE INTO series(id, node, channel, quantity, senml)
                 VALUES (?, ?, ?, ?, 0)",
                (id, node, channel, quantity),
            )?;
        }
        Ok(())
    }

    /// The series of what is in the log, and of what is in the files of the days.
    fn series_elsewhere(&self) -> Result<Vec<(DatastreamKey, bool)>, StoreError> {
        let mut found = BTreeMap::new();
        let mut dictionaries = Dictionaries::default();
        let mut cursor = LogId(0);
        loop {
            let rows = entries(&self.db, self.path, cursor, ENTRIES)?;
            if rows.is_empty() {
                break;
            }
            for (id, row) in rows {
                cursor = id;
                let Ok(row) = row else { continue };
                let senml = matches!(row.identity, tram_pipeline::Identity::Pack(_));
                let decoded = reader::decode(&self.db, self.path, &mut dictionaries, id, row)?;
                for column in decoded.iter().flat_map(|entry| &entry.columns) {
                    *found.entry(column.key).or_insert(senml) |= senml;
                }
            }
        }
        let days = fs::read_dir(self.dir.join("series")).into_iter().flatten().flatten();
        for path in days.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "db")) {
            // What is wrong with a day is found when it is read.
            for key in series_of(&path).unwrap_or_default() {
                found.entry(key).or_insert(false);
            }
        }
        Ok(found.into_iter().collect())
    }

    fn others(&mut self) {
        for (table, what) in [
            ("quarantine", "refused messages are lost"),
            ("pack", "which packs of other devices were seen is lost in part"),
            ("meta", "counters of the log are lost in part"),
        ] {
            if self.hurt(table) {
                self.note(what.to_owned(), Affects::unknown());
            }
        }
    }
}

/// The series that have readings in a file.
fn series_of(path: &Path) -> Option<Vec<DatastreamKey>> {
    let db = schema::open_to_read(path).ok()?;
    let mut statement = db.prepare("SELECT node, channel, quantity FROM series").ok()?;
    let rows = statement.query_map([], |r| {
        let (node, channel, quantity): (String, String, u8) = (r.get(0)?, r.get(1)?, r.get(2)?);
        let names = NodeId::new(&node).ok().zip(ChannelName::new(&channel).ok());
        let key = names.zip(Quantity::from_number(quantity));
        Ok(key.map(|((node, channel), quantity)| DatastreamKey { node, channel, quantity }))
    });
    Some(rows.ok()?.flatten().flatten().collect())
}

/// The numbers from behind `trimmed` to `end` that are missing, in ranges.
fn gaps(ids: &[i64], trimmed: i64, end: i64) -> Vec<RangeInclusive<i64>> {
    let mut gaps = Vec::new();
    let mut next = trimmed + 1;
    for id in ids.iter().copied().filter(|id| *id > trimmed).chain([end + 1]) {
        if id > next {
            gaps.push(next..=id - 1);
        }
        next = id + 1;
    }
    gaps
}

/// What can be said of an entry of which the first columns could be read.
fn entry(row: &Row) -> Affects {
    let column = |n: usize| row.record.values.get(n);
    let node = column(2).and_then(Value::text).and_then(|node| NodeId::new(node).ok());
    let mut affects = node.as_ref().map_or_else(Affects::unknown, Affects::station);
    if let Some(received) = column(1).and_then(Value::integer) {
        affects = affects.at(UnixMicros(received));
    }
    match column(7).and_then(Value::integer) {
        Some(readings) => affects.readings(readings.unsigned_abs()),
        None => affects,
    }
}
