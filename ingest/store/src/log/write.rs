//! One transaction of the log.

use std::{collections::HashMap, path::Path};

use rusqlite::{OptionalExtension, Transaction, params};
use tram_pipeline::{
    Accepted, DatastreamKey, Form, Identity, MAX_PACKS_PER_NODE, Progress, Record, Refusal,
    Registration,
};
use tram_wire::{NodeId, SpoolId, UnixMicros};

use super::{Held, entry};
use crate::{LogId, StoreError, error::wrap, gap, head::SeriesId, store::Shared};

/// What a transaction changes, gathered while it is written and taken over once it is on disk.
pub(super) struct Batch<'a> {
    tx: &'a Transaction<'a>,
    path: &'a Path,
    shared: &'a Shared,
    /// What is on disk.
    known: &'a HashMap<(NodeId, SpoolId), Progress>,
    progress: HashMap<(NodeId, SpoolId), (Progress, UnixMicros)>,
    new_series: Vec<DatastreamKey>,
    /// Series that are new in this transaction.
    fresh: HashMap<DatastreamKey, SeriesId>,
    /// The places of the series of all columns, one behind the other.
    places: Vec<Option<SeriesId>>,
    series_count: usize,
    last: LogId,
    readings: u64,
    bytes: u64,
    added: Held,
    /// Whether a node has told of a loss.
    gaps: bool,
}

/// What was written.
pub(super) struct Outcome {
    pub(super) progress: HashMap<(NodeId, SpoolId), Progress>,
    pub(super) new_series: Vec<DatastreamKey>,
    /// The places of the series of all columns, one behind the other.
    pub(super) places: Vec<Option<SeriesId>>,
    pub(super) quarantine: Held,
    pub(super) refused: u64,
    pub(super) dropped: u64,
    pub(super) last: LogId,
    pub(super) readings: u64,
    pub(super) bytes: u64,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        tx: &'a Transaction<'a>,
        path: &'a Path,
        shared: &'a Shared,
        known: &'a HashMap<(NodeId, SpoolId), Progress>,
        last: LogId,
    ) -> Self {
        Self {
            tx,
            path,
            shared,
            known,
            progress: HashMap::new(),
            new_series: Vec::new(),
            fresh: HashMap::new(),
            places: Vec::new(),
            series_count: shared.head.read().series_count(),
            last,
            readings: 0,
            bytes: 0,
            added: Held::default(),
            gaps: false,
        }
    }

    pub(super) fn put(&mut self, record: &Record) -> Result<(), StoreError> {
        match record {
            Record::Accepted(accepted) => self.accepted(accepted),
            Record::Refusal(refusal) => self.refusal(refusal),
            Record::Birth(registration) => self.birth(registration),
            Record::Settled(settled) => {
                let known = self.progress(settled.node, settled.spool, settled.noted);
                known.merge(&settled.progress);
                Ok(())
            }
        }
    }

    fn run(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize, StoreError> {
        self.tx
            .prepare_cached(sql)
            .and_then(|mut s| s.execute(params))
            .map_err(|e| wrap(self.path, &e))
    }

    fn accepted(&mut self, a: &Accepted) -> Result<(), StoreError> {
        self.last = LogId(self.last.0 + 1);
        let spool = entry::spool(a.identity);
        let readings = a.readings();
        self.run(
            "INSERT INTO log(id, received, node, form, spool, seq, uptime_offset, readings, crc,
             payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                self.last.0,
                a.received.0,
                a.node.as_str(),
                a.form.number(),
                spool.map(|s| s.0),
                spool.map(|s| s.1),
                a.offset,
                readings.cast_signed(),
                entry::crc(a),
                a.payload
            ],
        )?;
        self.readings += readings;
        self.bytes += a.payload.len() as u64;
        let senml = matches!(a.form, Form::SenmlJson | Form::SenmlCbor);
        // One look into the head for all columns; those who read it wait for nobody.
        let known = self.shared.head.read().places(&a.columns);
        for (column, place) in a.columns.iter().zip(known) {
            let place = match place {
                Some(place) => place,
                None => self.new_series(&column.key, senml)?,
            };
            self.places.push(Some(place));
        }
        for lost in &a.losses {
            gap::put(self.tx, &a.node, a.received, lost).map_err(|e| wrap(self.path, &e))?;
            self.gaps = true;
        }
        match a.identity {
            Identity::Spool { spool, seq } => self.progress(a.node, spool, a.received).insert(seq),
            Identity::Pack(Some(digest)) => return self.pack(a.node, &digest),
            Identity::Pack(None) => return Ok(()),
        };
        Ok(())
    }

    /// The place of a series that is not in the head yet; it is written down the first time.
    fn new_series(&mut self, key: &DatastreamKey, senml: bool) -> Result<SeriesId, StoreError> {
        if let Some(place) = self.fresh.get(key) {
            return Ok(*place);
        }
        let place = self.series_count;
        self.series_count += 1;
        self.run(
            "INSERT INTO series(id, node, channel, quantity, senml) VALUES (?, ?, ?, ?, ?)",
            params![
                i64::try_from(self.series_count).unwrap_or(i64::MAX),
                key.node.as_str(),
                key.channel.as_str(),
                key.quantity.number(),
                senml
            ],
        )?;
        self.fresh.insert(*key, place);
        self.new_series.push(*key);
        Ok(place)
    }

    fn progress(&mut self, node: NodeId, spool: SpoolId, now: UnixMicros) -> &mut Progress {
        let known = self.known;
        let (progress, updated) = self
            .progress
            .entry((node, spool))
            .or_insert_with(|| (known.get(&(node, spool)).cloned().unwrap_or_default(), now));
        *updated = now;
        progress
    }

    /// Remembers a pack, the last [`MAX_PACKS_PER_NODE`] of a device.
    fn pack(&self, node: NodeId, digest: &[u8; 16]) -> Result<(), StoreError> {
        self.run("INSERT INTO pack(node, digest) VALUES (?, ?)", params![node.as_str(), digest])?;
        self.run(
            "DELETE FROM pack WHERE node = ?1 AND id <= (
                 SELECT id FROM pack WHERE node = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            params![node.as_str(), i64::try_from(MAX_PACKS_PER_NODE).unwrap_or(i64::MAX)],
        )?;
        Ok(())
    }

    fn refusal(&mut self, r: &Refusal) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO quarantine(received, topic, node, reason, detail, readings, bytes, payload)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                r.received.0,
                r.topic,
                r.node.as_ref().map(NodeId::as_str),
                r.reason.name(),
                r.detail,
                r.readings.cast_signed(),
                r.bytes.cast_signed(),
                r.payload
            ],
        )?;
        self.added.rows += 1;
        self.added.bytes += r.payload.len() as u64;
        if let (Some(node), Some((spool, seq))) = (r.node, r.identity) {
            self.progress(node, spool, r.received).insert(seq);
        }
        Ok(())
    }

    fn birth(&mut self, r: &Registration) -> Result<(), StoreError> {
        let (birth, node) = (&r.birth, r.birth.node);
        self.run(
            "INSERT OR REPLACE INTO birth(node, received, payload) VALUES (?, ?, ?)",
            params![node.as_str(), r.received.0, r.payload],
        )?;
        for c in &birth.channels {
            self.run(
                "INSERT OR IGNORE INTO dictionary(node, spool, number, channel, quantity)
                 VALUES (?, ?, ?, ?, ?)",
                params![
                    node.as_str(),
                    birth.spool.0.cast_signed(),
                    c.number.0,
                    c.name.as_str(),
                    c.quantity.number()
                ],
            )?;
        }
        let own = birth.uptime_offset.map(|offset| (birth.boot, offset));
        for (boot, offset) in birth.earlier.iter().copied().chain(own) {
            self.run(
                "INSERT OR REPLACE INTO boot(node, boot, uptime_offset, updated)
                 VALUES (?, ?, ?, ?)",
                params![node.as_str(), boot, offset, r.received.0],
            )?;
        }
        self.progress(node, birth.spool, r.received).raise(birth.held_from);
        Ok(())
    }

    /// Writes what was gathered; the caller commits.
    pub(super) fn finish(self, quarantine: Held) -> Result<Outcome, StoreError> {
        for ((node, spool), (progress, updated)) in &self.progress {
            self.run(
                "INSERT OR REPLACE INTO spool(node, spool, updated, progress) VALUES (?, ?, ?, ?)",
                params![node.as_str(), spool.0.cast_signed(), updated.0, progress.to_bytes()],
            )?;
        }
        if self.gaps {
            gap::bound(self.tx, gap::MAX_GAPS).map_err(|e| wrap(self.path, &e))?;
        }
        let (quarantine, dropped) = self.bound_quarantine(Held {
            rows: quarantine.rows + self.added.rows,
            bytes: quarantine.bytes + self.added.bytes,
        })?;
        Ok(Outcome {
            progress: self.progress.into_iter().map(|(id, (p, _))| (id, p)).collect(),
            new_series: self.new_series,
            places: self.places,
            quarantine,
            refused: self.added.rows,
            dropped,
            last: self.last,
            readings: self.readings,
            bytes: self.bytes,
        })
    }

    /// Keeps the quarantine within its bounds: first the oldest rows go, then the oldest payloads.
    /// Says how many payloads went.
    fn bound_quarantine(&self, mut held: Held) -> Result<(Held, u64), StoreError> {
        if self.added.rows == 0 {
            return Ok((held, 0));
        }
        let options = &self.shared.options;
        let mut dropped: u64 = 0;
        while held.bytes > options.quarantine_bytes || held.rows > options.quarantine_rows {
            let rows = held.rows > options.quarantine_rows;
            let Some((id, bytes)) = self.oldest(rows)? else { break };
            if rows {
                self.run("DELETE FROM quarantine WHERE id = ?", [id])?;
                held.rows -= 1;
            } else {
                self.run("UPDATE quarantine SET payload = NULL WHERE id = ?", [id])?;
            }
            dropped += u64::from(bytes.is_some());
            held.bytes = held.bytes.saturating_sub(bytes.unwrap_or(0).unsigned_abs());
        }
        self.count("quarantined", self.added.rows.cast_signed())?;
        self.count("quarantine_dropped", dropped.cast_signed())?;
        Ok((held, dropped))
    }

    /// The oldest row of the quarantine, or the oldest that still has a payload, and how long
    /// that is.
    fn oldest(&self, any: bool) -> Result<Option<(i64, Option<i64>)>, StoreError> {
        let sql = if any {
            "SELECT id, length(payload) FROM quarantine ORDER BY id LIMIT 1"
        } else {
            "SELECT id, length(payload) FROM quarantine WHERE payload IS NOT NULL ORDER BY id LIMIT 1"
        };
        self.tx
            .prepare_cached(sql)
            .and_then(|mut s| s.query_row([], |r| Ok((r.get(0)?, r.get(1)?))).optional())
            .map_err(|e| wrap(self.path, &e))
    }

    fn count(&self, name: &str, by: i64) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO meta(name, value) VALUES (?1, ?2)
             ON CONFLICT(name) DO UPDATE SET value = value + ?2",
            params![name, by],
        )?;
        Ok(())
    }
}
