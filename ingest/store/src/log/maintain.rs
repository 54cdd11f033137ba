//! Cursors, and forgetting what everybody has read.

use std::sync::atomic::Ordering::Relaxed;

use rusqlite::{Connection, TransactionBehavior, params};
use tram_pipeline::Reason;

use super::{Cursor, Log, SEAL};
use crate::{LogId, StoreError, error::wrap, latest, store::SealedNews};

/// The most entries deleted in one call of [`Log::maintain`], so that an append waits little.
const MAX_TRIM: i64 = 20_000;

impl Log {
    /// Notes how far a consumer has read. Written with the next [`maintain`](Self::maintain);
    /// a crash before gives the consumer some entries again.
    pub fn advance(&mut self, consumer: &str, to: LogId) {
        let cursor = self.cursors.entry(consumer.to_owned()).or_default();
        if to > cursor.position {
            *cursor = Cursor { position: to, dirty: true, ..*cursor };
        }
    }

    /// How far each consumer has read, by name; `seal` is the sealer's.
    #[must_use]
    pub fn cursors(&self) -> Vec<(String, LogId)> {
        self.cursors.iter().map(|(name, c)| (name.clone(), c.position)).collect()
    }

    /// Writes cursors and what the sealer has done, then deletes entries behind all cursors, a
    /// bounded number a call. Call it about once a second, between appends. Says how many were
    /// deleted.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written; nothing is lost by it. After one that is
    /// [`fatal`](StoreError::fatal) the log takes nothing more.
    pub fn maintain(&mut self) -> Result<u64, StoreError> {
        self.shared.synced().map_err(|e| self.judge(e))?;
        let sealed = self.shared.take_sealed();
        if let Some(news) = &sealed {
            self.advance(SEAL, news.through);
        }
        let target = self.trim_target();
        if sealed.is_none()
            && target.as_ref().is_ok_and(|target| *target <= self.stats.trimmed)
            && !self.cursors.values().any(|c| c.dirty)
        {
            return Ok(0);
        }
        let trimmed = target
            .and_then(|target| Ok((target, self.write_maintenance(sealed.as_ref(), target)?)));
        if let (Err(_), Some(news)) = (&trimmed, sealed) {
            self.shared.add_sealed(news);
        }
        let (target, bytes) = trimmed.map_err(|e| self.judge(e))?;
        let deleted = target.0.abs_diff(self.stats.trimmed.0);
        self.cursors.values_mut().for_each(|c| c.dirty = false);
        self.stats.trimmed = target;
        self.stats.bytes = self.stats.bytes.saturating_sub(bytes);
        Ok(deleted)
    }

    /// The last entry that may go now.
    fn trim_target(&self) -> Result<LogId, StoreError> {
        let most = LogId(self.stats.trimmed.0.saturating_add(MAX_TRIM));
        let mut behind = most.min(self.stats.last);
        for cursor in self.cursors.values().filter(|c| c.holds) {
            let mut position = cursor.position;
            if let Some(bound) = cursor.hold_bytes
                && position < behind
                && self.stats.bytes > bound
            {
                position = position.max(self.cut(bound)?);
            }
            behind = behind.min(position);
        }
        Ok(behind.max(self.stats.trimmed))
    }

    /// The last entry that has to go, among those of one call, to bring the log down to `bytes`.
    fn cut(&self, bytes: u64) -> Result<LogId, StoreError> {
        let error = |e| wrap(&self.path, &e);
        let mut held = self.stats.bytes;
        let mut statement = self
            .db
            .prepare_cached("SELECT id, length(payload) FROM log WHERE id > ? ORDER BY id LIMIT ?")
            .map_err(error)?;
        let mut rows = statement.query((self.stats.trimmed.0, MAX_TRIM)).map_err(error)?;
        let mut last = self.stats.trimmed;
        while held > bytes
            && let Some(row) = rows.next().map_err(error)?
        {
            last = LogId(row.get(0).map_err(error)?);
            held = held.saturating_sub(row.get::<_, i64>(1).map_err(error)?.unsigned_abs());
        }
        Ok(last)
    }

    /// Says how many bytes of payload were deleted.
    fn write_maintenance(
        &mut self,
        sealed: Option<&SealedNews>,
        target: LogId,
    ) -> Result<u64, StoreError> {
        let error = |e| wrap(&self.path, &e);
        let from = self.stats.trimmed;
        let tx =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error)?;
        for (name, cursor) in self.cursors.iter().filter(|(_, c)| c.dirty) {
            tx.prepare_cached("INSERT OR REPLACE INTO cursor(name, position) VALUES (?, ?)")
                .and_then(|mut s| s.execute(params![name, cursor.position.0]))
                .map_err(error)?;
        }
        for (id, reading) in sealed.into_iter().flat_map(|news| &news.latest) {
            latest::save(&tx, *id, reading).map_err(error)?;
        }
        let aside = self.damaged.range(..=target).copied().collect::<Vec<_>>();
        for id in &aside {
            keep_aside(&tx, *id).map_err(error)?;
        }
        let bytes: i64 = tx
            .query_row(
                "SELECT coalesce(sum(length(payload)), 0) FROM log WHERE id > ? AND id <= ?",
                (from.0, target.0),
                |r| r.get(0),
            )
            .map_err(error)?;
        tx.execute("DELETE FROM log WHERE id > ? AND id <= ?", (from.0, target.0))
            .map_err(error)?;
        tx.execute("INSERT OR REPLACE INTO meta(name, value) VALUES ('trimmed', ?)", [target.0])
            .map_err(error)?;
        tx.commit().map_err(error)?;
        for id in &aside {
            self.damaged.remove(id);
        }
        self.quarantine.rows += aside.len() as u64;
        self.shared.refused.messages.fetch_add(aside.len() as u64, Relaxed);
        Ok(bytes.unsigned_abs())
    }

    /// Reads the cursors; a consumer that is new starts at the oldest entry there is.
    pub(super) fn restore_cursors(&mut self) -> Result<(), StoreError> {
        let error = |e| wrap(&self.path, &e);
        let rows: Vec<(String, i64)> = self
            .db
            .prepare("SELECT name, position FROM cursor")
            .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
            .map_err(error)?;
        for (name, position) in rows {
            let cursor = Cursor { position: LogId(position), ..Cursor::default() };
            self.cursors.insert(name, cursor);
        }
        let trimmed = self.stats.trimmed;
        let new = Cursor { position: trimmed, dirty: true, holds: true, hold_bytes: None };
        for name in self.shared.options.consumers.iter().map(String::as_str).chain([SEAL]) {
            self.cursors.entry(name.to_owned()).or_insert(new).holds = true;
        }
        for (name, bytes) in &self.shared.options.bounded_consumers {
            let cursor = self.cursors.entry(name.clone()).or_insert(new);
            *cursor = Cursor { holds: true, hold_bytes: Some(*bytes), ..*cursor };
        }
        Ok(())
    }
}

/// Puts what is left of a damaged entry into the quarantine.
fn keep_aside(db: &Connection, id: LogId) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO quarantine(received, topic, node, reason, detail, readings, bytes, payload)
         SELECT CAST(received AS INTEGER), '', nullif(CAST(node AS TEXT), ''), ?2,
                'entry ' || id || ' of the log is not what was written',
                max(CAST(readings AS INTEGER), 0), length(payload), CAST(payload AS BLOB)
         FROM log WHERE id = ?1",
    )?
    .execute((id.0, Reason::Damaged.name()))?;
    db.prepare_cached(
        "INSERT INTO meta(name, value) VALUES ('quarantined', 1)
         ON CONFLICT(name) DO UPDATE SET value = value + 1",
    )?
    .execute([])
    .map(drop)
}
