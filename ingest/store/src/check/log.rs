//! The log: every entry, what was seen of each spool, the dictionaries, counters and cursors.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use tram_pipeline::{DatastreamKey, Identity, Progress};
use tram_wire::{Birth, NodeId, SpoolId, UnixMicros};

use super::{Affects, CheckError, RESTORE, Work, words};
use crate::{LogEntry, LogId, LogReader, StoreError, latest, memory, schema};

const LOG: &str = "log.db";
/// How many entries are read at a time.
const ENTRIES: usize = 256;
/// What to do about an entry that is damaged and not sealed.
const PASS_OVER: &str = "the centre goes on without them; their node has forgotten them, since they \
     were acknowledged: look for them in a backup or in an engine fed by a sink, and look at the \
     disk (dmesg, smartctl)";

/// What other files are compared with.
pub(super) struct Known {
    pub(super) series: HashSet<DatastreamKey>,
}

type Spools = HashMap<(NodeId, SpoolId), Progress>;

impl Work<'_, '_, '_> {
    /// Checks the log; `None` when it says too little to compare other files with.
    pub(super) fn log(&mut self) -> Result<Option<Known>, CheckError> {
        let Some(db) = self.open(LOG, Affects::unknown())? else { return Ok(None) };
        schema::known(&db, &self.dir.join(LOG))?;
        self.pages(&db, LOG, &Affects::unknown())?;
        let mut reader = LogReader::of(self.dir.join(LOG), db);
        let result = self.log_tables(&mut reader);
        match result {
            Ok(known) => Ok(Some(known)),
            Err(CheckError::Store(error)) => {
                let what = format!("it cannot be read to its end: {}", words(&error));
                self.report.damage(LOG, what, Affects::unknown(), RESTORE);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn log_tables(&mut self, reader: &mut LogReader) -> Result<Known, CheckError> {
        let path = self.dir.join(LOG);
        let known = Known { series: self.log_series(reader)? };
        let spools: Spools = match memory::spools(reader.database(), &path) {
            Ok(spools) => {
                if let Err(error) = memory::memory(reader.database(), &path, &spools) {
                    self.report.damage(LOG, words(&error), Affects::unknown(), RESTORE);
                }
                spools.into_iter().map(|(node, spool, p)| ((node, spool), p)).collect()
            }
            Err(error) => {
                self.report.damage(LOG, words(&error), Affects::unknown(), RESTORE);
                Spools::new()
            }
        };
        let (trimmed, sealed, last) = (reader.trimmed()?, reader.sealed()?, reader.last()?);
        self.cursors(reader, trimmed, last)?;
        self.births(reader)?;
        self.counters(reader)?;
        self.entries(reader, trimmed, sealed, &known, &spools)?;
        Ok(known)
    }

    fn log_series(&mut self, reader: &LogReader) -> Result<HashSet<DatastreamKey>, CheckError> {
        let rows = latest::series(reader.database())
            .map_err(|e| crate::error::wrap(&self.dir.join(LOG), &e))?;
        let mut series = HashSet::new();
        for (i, row) in rows.into_iter().enumerate() {
            match row.filter(|s| usize::try_from(s.id).is_ok_and(|id| id == i + 1)) {
                Some(row) => {
                    series.insert(row.key);
                }
                None => self.report.damage(
                    LOG,
                    format!(
                        "series {} is missing or unreadable, so the centre does not start",
                        i + 1
                    ),
                    Affects::unknown(),
                    RESTORE,
                ),
            }
        }
        Ok(series)
    }

    /// Whether the log knows a series by now.
    pub(super) fn known_now(&self, key: &DatastreamKey) -> bool {
        let path = self.dir.join(LOG);
        let open = match self.depth.frozen {
            true => schema::open_frozen(&path),
            false => schema::open_any(&path),
        };
        open.ok().is_some_and(|db| {
            let names = (key.node.as_str(), key.channel.as_str(), key.quantity.number());
            db.query_row(
                "SELECT 1 FROM series WHERE node = ? AND channel = ? AND quantity = ?",
                names,
                |_| Ok(()),
            )
            .is_ok()
        })
    }

    fn cursors(
        &mut self,
        reader: &mut LogReader,
        trimmed: LogId,
        last: LogId,
    ) -> Result<(), CheckError> {
        for (name, at) in reader.cursors()? {
            if at > last {
                self.report.damage(
                    LOG,
                    format!(
                        "the consumer `{name}` has read up to entry {at}, the log ends at {last}"
                    ),
                    Affects::unknown(),
                    "restore a backup; until then this consumer misses what comes in",
                );
            }
            if name == crate::log::SEAL && at < trimmed {
                self.report.damage(
                    LOG,
                    format!(
                        "entries {} to {trimmed} were forgotten before they were sealed",
                        at.0 + 1
                    ),
                    Affects::unknown(),
                    RESTORE,
                );
            }
        }
        Ok(())
    }

    fn births(&mut self, reader: &LogReader) -> Result<(), CheckError> {
        let rows: Vec<(String, i64, Vec<u8>)> = reader
            .list("SELECT node, received, payload FROM birth", |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?))
            })?;
        for (node, received, payload) in rows {
            let Ok(id) = NodeId::new(&node) else {
                let what = format!("a birth is of {node:?}, which is no name of a node");
                self.report.damage(LOG, what, Affects::unknown(), RESTORE);
                continue;
            };
            let affects = Affects::station(&id).at(UnixMicros(received));
            let Ok(birth) = Birth::decode(&payload) else {
                self.report.damage(
                    LOG,
                    "the last birth of this station cannot be read",
                    affects,
                    "restart tram-edge on the node, which sends a new one",
                );
                continue;
            };
            let path = self.dir.join(LOG);
            let Ok(dictionary) = memory::dictionary(reader.database(), &path, id, birth.spool)
            else {
                // Said by `memory`.
                continue;
            };
            for channel in &birth.channels {
                let same = dictionary
                    .get(channel.number)
                    .is_some_and(|k| k.channel == channel.name && k.quantity == channel.quantity);
                if !same {
                    let mut affects = affects.clone();
                    affects.channel = Some(channel.name.to_string());
                    self.report.damage(
                        LOG,
                        format!("channel number {} is not in the dictionary as the station's last birth has it", channel.number.0),
                        affects,
                        "restart tram-edge on the node, which sends a new birth",
                    );
                }
            }
        }
        Ok(())
    }

    /// What was refused is in the quarantine or counted as dropped from it.
    fn counters(&mut self, reader: &LogReader) -> Result<(), CheckError> {
        let counts = reader.list(
            "SELECT coalesce((SELECT value FROM meta WHERE name = 'quarantined'), 0),
                    coalesce((SELECT value FROM meta WHERE name = 'quarantine_dropped'), 0),
                    (SELECT count(*) FROM quarantine WHERE payload IS NOT NULL)",
            |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?)),
        )?;
        for (refused, dropped, held) in counts {
            if refused != dropped.saturating_add(held) {
                self.report.damage(
                    LOG,
                    format!("{refused} messages were refused, but {held} are in the quarantine and {dropped} were dropped from it"),
                    Affects::unknown(),
                    RESTORE,
                );
            }
        }
        Ok(())
    }

    fn entries(
        &mut self,
        reader: &mut LogReader,
        trimmed: LogId,
        sealed: LogId,
        known: &Known,
        spools: &Spools,
    ) -> Result<(), CheckError> {
        let last = reader.last()?;
        let mut state =
            Entries { sealed, last, received: None, known, spools, seen: Spools::new() };
        let mut cursor = trimmed;
        loop {
            self.alive(LOG)?;
            match reader.after(cursor, ENTRIES) {
                Ok(entries) => {
                    let Some(last) = entries.last() else { return Ok(()) };
                    self.block(reader, cursor, &entries, &mut state)?;
                    cursor = last.id;
                }
                Err(StoreError::Damaged { entry, detail, .. }) => {
                    let what = format!("entry {entry} is damaged ({detail})");
                    let affects = damaged_entry(reader.database(), entry);
                    self.entry_damage(what, affects, LogId(entry), state.sealed);
                    self.report.seen.log_entries += 1;
                    cursor = LogId(entry);
                }
                // Within one state of the log this is a gap in it.
                Err(StoreError::Trimmed { oldest, .. }) => {
                    let what = format!("entries {} to {} are missing", cursor.0 + 1, oldest - 1);
                    self.entry_damage(what, Affects::unknown(), LogId(oldest - 1), state.sealed);
                    cursor = LogId(oldest - 1);
                }
                // One of the next pages is damaged; those around it may be read.
                Err(error @ StoreError::Corrupt { .. }) => {
                    cursor = self.past(reader, cursor, &error, &mut state)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Goes on entry by entry behind `cursor` until one that lies on a damaged page is passed.
    /// Says where that was; the end of the log when none is sound any more.
    fn past(
        &mut self,
        reader: &mut LogReader,
        cursor: LogId,
        error: &StoreError,
        state: &mut Entries<'_>,
    ) -> Result<LogId, CheckError> {
        let (mut at, mut first) = (cursor, None);
        while at < state.last {
            let next = LogId(at.0 + 1);
            match reader.after(at, 1) {
                Ok(entries) if first.is_none() => self.block(reader, at, &entries, state)?,
                Err(StoreError::Corrupt { .. }) => {
                    first.get_or_insert(next);
                }
                // Anything else is seen again by who asked, behind the damage.
                _ => break,
            }
            at = next;
            self.alive(LOG)?;
        }
        if let Some(first) = first {
            // Whatever they hold was received between those around them.
            let after = reader.after(at, 1).ok().and_then(|e| e.first().map(|e| e.received));
            let affects = match (state.received, after) {
                (Some(from), Some(to)) => Affects::unknown().between(from.0, to.0),
                _ => Affects::unknown(),
            };
            let what = format!("entries {first} to {at} cannot be read: {}", words(error));
            self.entry_damage(what, affects, at, state.sealed);
        }
        Ok(at)
    }

    fn entry_damage(&mut self, what: String, affects: Affects, entry: LogId, sealed: LogId) {
        if entry <= sealed {
            let what = format!("{what}; its readings are in the files of their days");
            let fix = "nothing; it is forgotten once every sink and the alarms have passed it. Look \
                       at the disk (dmesg, smartctl)";
            self.report.damage(LOG, what, affects, fix);
        } else {
            self.report.damage(LOG, what, affects, PASS_OVER);
        }
    }

    fn block(
        &mut self,
        reader: &LogReader,
        after: LogId,
        entries: &[LogEntry],
        state: &mut Entries<'_>,
    ) -> Result<(), CheckError> {
        let mut next = LogId(after.0 + 1);
        for entry in entries {
            if entry.id != next {
                let what = format!("entries {next} to {} are missing", entry.id.0 - 1);
                self.entry_damage(what, Affects::unknown(), entry.id, state.sealed);
            }
            next = LogId(entry.id.0 + 1);
            self.entry(entry, state);
            self.count(reader, entry)?;
            state.received = Some(entry.received);
        }
        self.report.seen.log_entries += entries.len() as u64;
        Ok(())
    }

    /// Compares how many readings an entry holds with how many were counted.
    fn count(&mut self, reader: &LogReader, entry: &LogEntry) -> Result<(), CheckError> {
        let counted: i64 = reader
            .database()
            .prepare_cached("SELECT readings FROM log WHERE id = ?")
            .and_then(|mut s| s.query_row([entry.id.0], |r| r.get(0)))
            .map_err(|e| crate::error::wrap(&self.dir.join(LOG), &e))?;
        let held: u64 = entry.columns.iter().map(|c| c.len() as u64).sum();
        if counted.unsigned_abs() != held {
            self.report.damage(
                LOG,
                format!("entry {} holds {held} readings, counted were {counted}", entry.id),
                Affects::station(&entry.node).at(entry.received),
                "the readings are as they were sent; look at the disk (dmesg, smartctl)",
            );
        }
        Ok(())
    }

    fn entry(&mut self, entry: &LogEntry, state: &mut Entries<'_>) {
        for readings in &entry.columns {
            if !state.known.series.contains(&readings.key) {
                self.report.damage(
                    LOG,
                    format!(
                        "entry {} holds readings of a series that the log does not know",
                        entry.id
                    ),
                    Affects::series(&readings.key).readings(readings.len() as u64),
                    RESTORE,
                );
            }
        }
        let Identity::Spool { spool, seq } = entry.identity else { return };
        let id = (entry.node, spool);
        let affects = || Affects::station(&entry.node).at(entry.received);
        if !state.spools.get(&id).is_some_and(|p| p.covers(seq)) {
            self.report.damage(
                LOG,
                format!("entry {} (number {} of spool {:016x}) is not among what was received, so it would be taken twice", entry.id, seq.0, spool.0),
                affects(),
                RESTORE,
            );
        }
        if !state.seen.entry(id).or_default().insert(seq) {
            self.report.damage(
                LOG,
                format!(
                    "entry {} (number {} of spool {:016x}) is there twice",
                    entry.id, seq.0, spool.0
                ),
                affects(),
                "its readings are stored once; tell the makers of tram-ingest",
            );
        }
    }
}

/// What is compared while the entries go by.
struct Entries<'k> {
    sealed: LogId,
    last: LogId,
    /// When the last entry that could be read was received.
    received: Option<UnixMicros>,
    known: &'k Known,
    spools: &'k Spools,
    seen: Spools,
}

/// What can still be read of a damaged entry.
fn damaged_entry(db: &Connection, entry: i64) -> Affects {
    let row = db.query_row("SELECT node, received, readings FROM log WHERE id = ?", [entry], |r| {
        Ok((r.get::<_, String>(0).ok(), r.get::<_, i64>(1).ok(), r.get::<_, i64>(2).ok()))
    });
    let Ok((node, received, readings)) = row else { return Affects::unknown() };
    let node = node.and_then(|n| NodeId::new(&n).ok());
    let mut affects = node.map_or_else(Affects::unknown, |n| Affects::station(&n));
    if let Some(received) = received {
        affects = affects.at(UnixMicros(received));
    }
    match readings {
        Some(readings) => affects.readings(readings.unsigned_abs()),
        None => affects,
    }
}
