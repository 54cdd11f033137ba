//! The only writer of `log.db`.

mod entry;
mod maintain;
mod write;

pub(crate) use entry::{EntryRow, entries};

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior, config::DbConfig};
use tram_pipeline::{DatastreamKey, Progress, Record};
use tram_wire::{NodeId, SpoolId};

use crate::{
    LogId, Recovery, StoreError, error::wrap, head::SeriesId, log::write::Batch, salvage,
    store::Shared,
};

/// The cursor of the sealer.
pub(crate) const SEAL: &str = "seal";

/// How long a log that is left waits for those who read.
const PATIENCE: Duration = Duration::from_millis(200);

/// The commit log, open for writing. There is one in a process, and one process.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    db: Connection,
    shared: Arc<Shared>,
    progress: HashMap<(NodeId, SpoolId), Progress>,
    stats: LogStats,
    cursors: BTreeMap<String, Cursor>,
    quarantine: Held,
    /// Entries that are damaged and still in the log.
    damaged: BTreeSet<LogId>,
    /// What made the log refuse everything, if something did.
    failed: Option<String>,
}

/// How far a consumer is.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    position: LogId,
    /// Whether the position is not written yet.
    dirty: bool,
    /// Whether entries behind it are kept for it.
    holds: bool,
    /// If there is a bound to it: while the log has at most so many bytes of payload.
    hold_bytes: Option<u64>,
}

/// What the quarantine holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Held {
    pub(crate) rows: u64,
    /// Of payload.
    pub(crate) bytes: u64,
}

/// A transaction that is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The last entry of the log.
    pub last: LogId,
    /// How many entries the log grew by.
    pub entries: u64,
    /// How many readings they hold.
    pub readings: u64,
}

/// How large the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogStats {
    /// Entries up to this one are gone.
    pub trimmed: LogId,
    /// The last entry.
    pub last: LogId,
    /// Bytes of payload between the two.
    pub bytes: u64,
}

impl Log {
    /// `progress`, `stats` and `quarantine` are what the database holds.
    pub(crate) fn new(
        path: PathBuf,
        db: Connection,
        shared: Arc<Shared>,
        progress: HashMap<(NodeId, SpoolId), Progress>,
        stats: LogStats,
        quarantine: Held,
        recovery: &Recovery,
    ) -> Result<Self, StoreError> {
        let (cursors, failed) = (BTreeMap::new(), None);
        let damaged = recovery.corrupt.iter().copied().collect();
        let mut log =
            Self { path, db, shared, progress, stats, cursors, quarantine, damaged, failed };
        log.restore_cursors()?;
        Ok(log)
    }

    /// Writes all records in one transaction and returns when they are on disk, with the
    /// deduplication state they change. Readings are in the head when it returns. The records
    /// must come in the order in which the pipeline gave them.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of it was written. After one that is
    /// [`fatal`](StoreError::fatal) the log takes nothing more.
    pub fn append(&mut self, records: &[Record]) -> Result<Committed, StoreError> {
        if let Some(detail) = &self.failed {
            return Err(StoreError::SyncFailed { path: self.path.clone(), detail: detail.clone() });
        }
        self.shared.synced().map_err(|e| self.judge(e))?;
        let readings = self.shared.head.read().readings();
        if readings > self.shared.options.max_head_readings {
            return Err(StoreError::Behind { path: self.shared.dir().join("series"), readings });
        }
        let result = self.write(records);
        result.map_err(|e| self.judge(e))
    }

    fn write(&mut self, records: &[Record]) -> Result<Committed, StoreError> {
        let error = |e| wrap(&self.path, &e);
        let tx =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error)?;
        let mut batch = Batch::new(&tx, &self.path, &self.shared, &self.progress, self.stats.last);
        for record in records {
            batch.put(record)?;
        }
        let outcome = batch.finish(self.quarantine)?;
        tx.commit().map_err(error)?;

        self.progress.extend(outcome.progress);
        self.quarantine = outcome.quarantine;
        self.shared.refused.messages.fetch_add(outcome.refused, Relaxed);
        self.shared.refused.dropped.fetch_add(outcome.dropped, Relaxed);
        let committed = Committed {
            last: outcome.last,
            entries: outcome.last.0.abs_diff(self.stats.last.0),
            readings: outcome.readings,
        };
        self.stats.bytes += outcome.bytes;
        self.take_up(records, &outcome.new_series, &outcome.places);
        self.stats.last = outcome.last;
        Ok(committed)
    }

    /// Shows what was committed to those who read; `places` are those of the series of all
    /// columns, one behind the other.
    fn take_up(
        &self,
        records: &[Record],
        new_series: &[DatastreamKey],
        places: &[Option<SeriesId>],
    ) {
        let mut places = places;
        let mut head = self.shared.head.write();
        for key in new_series {
            head.add_series(*key, None);
        }
        let mut id = self.stats.last;
        for record in records {
            if let Record::Accepted(a) = record {
                id = LogId(id.0 + 1);
                let (own, rest) = places.split_at_checked(a.columns.len()).unwrap_or_default();
                head.take(id, a.received, a.payload.len(), &a.columns, own);
                places = rest;
            }
        }
    }

    /// After a sync that failed nobody knows what is on the disk, so no more is taken: the system
    /// may answer a later one with success although pages are gone. Errors before that leave
    /// nothing behind; the call may be repeated.
    fn judge(&mut self, error: StoreError) -> StoreError {
        let error = self.shared.synced().err().unwrap_or(error);
        if error.fatal() {
            self.failed = Some(error.to_string());
            // The files stay as they are for the next start. Without it they are tidied once more,
            // which is no harm either.
            if matches!(error, StoreError::Corrupt { .. }) {
                // Should it not be possible, the next start may meet the damage by itself.
                let _ = std::fs::write(self.shared.dir().join(salvage::SUSPECT), error.to_string());
            }
            let _ = self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        error
    }

    /// How large the log is.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        self.stats
    }
}

/// A log that is left in order leaves no write-ahead log behind, however many connections still
/// read.
impl Drop for Log {
    fn drop(&mut self) {
        if self.failed.is_none() {
            // Whoever reads now may keep it from being cut, then the next start does it.
            let _ = self.db.busy_timeout(PATIENCE).and_then(|()| {
                self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            });
        }
    }
}

/// What the tests of faults need.
#[cfg(test)]
impl Log {
    pub(crate) fn pragma(&self, name: &str) -> i64 {
        self.db.pragma_query_value(None, name, |r| r.get(0)).unwrap()
    }

    pub(crate) fn pragma_set(&self, name: &str, value: i64) {
        self.db.query_row(&format!("PRAGMA {name} = {value}"), [], |_| Ok(())).unwrap();
    }

    pub(crate) fn fail(&mut self, error: StoreError) -> StoreError {
        self.judge(error)
    }
}
