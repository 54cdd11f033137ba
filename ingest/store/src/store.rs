//! The store's folder, and the handle everybody reads through.

use std::path::Path;

use tram_pipeline::{DatastreamKey, Memory};
use tram_wire::{ChannelName, NodeId, UnixMicros};

use crate::{
    Aggregates, History, Latest, Log, LogReader, Options, Quarantined, Sealer, StoreError,
};

/// A store that has just been opened, in its parts.
#[derive(Debug)]
pub struct Opened {
    /// For whoever commits.
    pub log: Log,
    /// For whoever seals.
    pub sealer: Sealer,
    /// For everybody else.
    pub store: Store,
    /// For the pipeline.
    pub memory: Memory,
    /// What was found.
    pub recovery: Recovery,
}

/// What was found when the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Entries of the log that were not sealed yet and were read into the head.
    pub entries: u64,
    /// Readings in them.
    pub readings: u64,
    /// Entries that are damaged; they stay in the log and are left out of the head.
    pub corrupt_entries: u64,
}

/// Sizes for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Datastreams known.
    pub datastreams: u64,
    /// Readings in the head.
    pub head_readings: u64,
    /// Messages refused since the store exists.
    pub quarantined_messages: u64,
    /// Payloads dropped from the quarantine to stay within its bound.
    pub quarantine_dropped: u64,
}

/// The handle everybody reads through. Cloning it is cheap; it may be used from any thread.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// Opens the folder, creating it if needed, and reads back what was not sealed.
    ///
    /// # Errors
    /// [`StoreError`], each with a sentence that says what to do.
    pub fn open(dir: &Path, options: Options) -> Result<Opened, StoreError> {
        let _ = options;
        Err(StoreError::ReadOnly { path: dir.to_owned() })
    }

    /// Every datastream known, in order of node and channel.
    #[must_use]
    pub fn datastreams(&self) -> Vec<DatastreamKey> {
        Vec::new()
    }

    /// The datastream of a channel; of several quantities the one heard last.
    #[must_use]
    pub fn find(&self, node: &NodeId, channel: &ChannelName) -> Option<DatastreamKey> {
        let _ = (node, channel);
        None
    }

    /// The latest reading of every datastream, in order of node and channel.
    #[must_use]
    pub fn latest(&self) -> Vec<Latest> {
        Vec::new()
    }

    /// The readings of a datastream from `from` up to before `to`.
    ///
    /// # Errors
    /// [`StoreError`] when a file cannot be opened; later ones come from the iterator.
    pub fn history(
        &self,
        key: &DatastreamKey,
        from: UnixMicros,
        to: UnixMicros,
    ) -> Result<History, StoreError> {
        let _ = (key, from, to);
        Err(StoreError::Trimmed { after: 0, oldest: 0 })
    }

    /// The same by steps of `step` microseconds, aligned to 1970-01-01T00:00:00Z; a step of 0
    /// counts as 1.
    ///
    /// # Errors
    /// As [`history`](Self::history).
    pub fn aggregate(
        &self,
        key: &DatastreamKey,
        from: UnixMicros,
        to: UnixMicros,
        step: i64,
    ) -> Result<Aggregates, StoreError> {
        let _ = (key, from, to, step);
        Err(StoreError::Trimmed { after: 0, oldest: 0 })
    }

    /// The messages refused last, newest first, at most `limit`, each payload cut to
    /// `payload_bytes`.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn quarantine(
        &self,
        limit: usize,
        payload_bytes: usize,
    ) -> Result<Vec<Quarantined>, StoreError> {
        let _ = (limit, payload_bytes);
        Ok(Vec::new())
    }

    /// A reader of the log on a connection of its own.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be opened.
    pub fn reader(&self) -> Result<LogReader, StoreError> {
        Ok(LogReader {})
    }

    /// Sizes for the metrics.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        StoreStats::default()
    }
}
