//! The only writer of `log.db`.

use tram_pipeline::Record;

use crate::{LogId, StoreError};

/// The commit log, open for writing. There is one in a process, and one process.
#[derive(Debug)]
pub struct Log {}

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
    /// The oldest entry the log may still hold, minus one.
    pub trimmed: LogId,
    /// The last entry.
    pub last: LogId,
    /// Bytes of payload between the two.
    pub bytes: u64,
}

impl Log {
    /// Writes all records in one transaction and returns when they are on disk, with the
    /// deduplication state they change. Readings are in the head when it returns.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of it was written. After one that is
    /// [`fatal`](StoreError::fatal) the log takes nothing more.
    pub fn append(&mut self, records: &[Record]) -> Result<Committed, StoreError> {
        let _ = records;
        Ok(Committed { last: LogId(0), entries: 0, readings: 0 })
    }

    /// Notes how far a consumer has read. Written with the next [`maintain`](Self::maintain);
    /// a crash before gives the consumer some entries again.
    pub fn advance(&mut self, consumer: &str, to: LogId) {
        let _ = (consumer, to);
    }

    /// Forgets a consumer for good, so that it no longer holds back the log.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub fn forget(&mut self, consumer: &str) -> Result<(), StoreError> {
        let _ = consumer;
        Ok(())
    }

    /// How far each consumer has read, by name; `seal` is the sealer's.
    #[must_use]
    pub fn cursors(&self) -> Vec<(String, LogId)> {
        Vec::new()
    }

    /// Writes cursors and what the sealer has done, then deletes entries behind all cursors, a
    /// bounded number a call. Call it about once a second, between appends. Says how many were
    /// deleted.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written; nothing is lost by it.
    pub fn maintain(&mut self) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// How large the log is.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        LogStats::default()
    }
}
