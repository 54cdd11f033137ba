//! The store's folder, and the handle everybody reads through.

mod open;

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tram_pipeline::{DatastreamKey, Gap, Memory};
use tram_wire::{Birth, ChannelName, NodeId, UnixMicros};

use crate::{
    Aggregates, History, Keeper, Latest, Log, LogId, LogReader, Options, Quarantined, Sealer,
    StoreError,
    check::{self, Finding, Severity},
    error::wrap,
    files::Files,
    gap,
    head::{SeriesId, SharedHead},
    memory, quarantine, salvage, schema,
};

/// A store that has just been opened, in its parts.
#[derive(Debug)]
pub struct Opened {
    /// For whoever commits.
    pub log: Log,
    /// For whoever seals.
    pub sealer: Sealer,
    /// For whoever seals, to be called after it.
    pub keeper: Keeper,
    /// For everybody else.
    pub store: Store,
    /// For the pipeline.
    pub memory: Memory,
    /// What was found.
    pub recovery: Recovery,
}

/// What was found when the store was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Entries of the log that were not sealed yet and were read into the head.
    pub entries: u64,
    /// Readings in them.
    pub readings: u64,
    /// Entries that are damaged; they stay in the log and are left out of the head.
    pub corrupt_entries: u64,
    /// Which ones, at most 10,000.
    pub corrupt: Vec<LogId>,
    /// What was found to be damaged and was saved as far as it goes.
    pub findings: Vec<Finding>,
}

/// Sizes for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Datastreams known.
    pub datastreams: u64,
    /// Readings in the head.
    pub head_readings: u64,
    /// The most there may be; see [`Options::max_head_readings`].
    pub max_head_readings: u64,
    /// Messages refused since the store exists.
    pub quarantined_messages: u64,
    /// Payloads dropped from the quarantine to stay within its bounds.
    pub quarantine_dropped: u64,
    /// Days of series that wait to be rolled up, today's among them.
    pub unrolled: u64,
    /// Readings left out of the series since the program runs, because the readings of their day
    /// are gone by their age already.
    pub expired_readings: u64,
    /// Rows of rollups found to be damaged since the program runs.
    pub damaged_rollups: u64,
    /// What was found to be damaged since the store was opened, and then.
    pub damages: u64,
}

/// Messages refused since the store exists, as the database counts them.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    pub(crate) messages: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

/// What the parts of an open store share.
#[derive(Debug)]
pub(crate) struct Shared {
    dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) head: SharedHead,
    /// What the sealer has done and the log has not written yet.
    sealed: Mutex<Option<SealedNews>>,
    pub(crate) refused: Refused,
    /// The files of readings and rollups.
    pub(crate) files: Arc<Files>,
    /// Readings that came after their time was over.
    pub(crate) expired: AtomicU64,
    /// Held by the sealer or the keeper while it changes files of readings.
    writing: Mutex<()>,
    /// What was found to be damaged.
    findings: Mutex<Vec<Finding>>,
    /// Held while the store is open, so that no other process opens it.
    _lock: File,
}

impl Shared {
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Lets nobody else change files of readings meanwhile.
    pub(crate) fn write_files(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses everything once a file of the folder could not be synced: what is on the disk is
    /// known only after a restart. SQLite passes over some of these, since it tries again.
    pub(crate) fn synced(&self) -> Result<(), StoreError> {
        match tram_pages::not_synced(&self.dir) {
            None => Ok(()),
            Some(path) => Err(StoreError::SyncFailed { path, detail: "a sync failed".to_owned() }),
        }
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.dir.join("log.db")
    }

    /// Leaves word of damage.
    pub(crate) fn add_findings(&self, new: Vec<Finding>) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        let room = check::MAX_FINDINGS.saturating_sub(findings.len());
        findings.extend(new.into_iter().take(room));
    }

    /// Leaves word for the log, beside what it has not written yet.
    pub(crate) fn add_sealed(&self, news: SealedNews) {
        let mut slot = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert_default().merge(news);
    }

    pub(crate) fn take_sealed(&self) -> Option<SealedNews> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What the sealer has done, for the log to write down.
#[derive(Debug, Default)]
pub(crate) struct SealedNews {
    pub(crate) through: LogId,
    /// The latest readings of the series that had some.
    pub(crate) latest: BTreeMap<SeriesId, Latest>,
}

impl SealedNews {
    fn merge(&mut self, other: Self) {
        self.through = self.through.max(other.through);
        for (id, latest) in other.latest {
            let known = self.latest.entry(id).or_insert(latest);
            if latest.time > known.time {
                *known = latest;
            }
        }
    }
}

/// The handle everybody reads through. Cloning it is cheap; it may be used from any thread.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

impl Store {
    /// Opens the folder, creating it if needed, and reads back what was not sealed.
    ///
    /// # Errors
    /// [`StoreError`], each with a sentence that says what to do.
    pub fn open(dir: &Path, options: Options) -> Result<Opened, StoreError> {
        open::open(dir, options)
    }

    /// Every datastream known, in order of node and channel.
    #[must_use]
    pub fn datastreams(&self) -> Vec<DatastreamKey> {
        let mut keys: Vec<_> = self.shared.head.read().keys().collect();
        keys.sort_unstable();
        keys
    }

    /// The datastream of a channel; of several quantities the one heard last.
    #[must_use]
    pub fn find(&self, node: &NodeId, channel: &ChannelName) -> Option<DatastreamKey> {
        let head = self.shared.head.read();
        let known = tram_wire::Quantity::all().filter_map(|quantity| {
            let key = DatastreamKey { node: *node, channel: *channel, quantity };
            head.heard(&key).map(|at| (at, key))
        });
        known.max_by_key(|(at, _)| *at).map(|(_, key)| key)
    }

    /// The latest reading of every datastream, in order of node and channel.
    #[must_use]
    pub fn latest(&self) -> Vec<Latest> {
        let mut latest: Vec<_> = self.shared.head.read().latest().collect();
        latest.sort_unstable_by_key(|l| l.key);
        latest
    }

    /// The readings of a datastream from `from` up to before `to`. One that is not known has
    /// none.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be read; later ones come from the iterator.
    pub fn history(
        &self,
        key: &DatastreamKey,
        from: UnixMicros,
        to: UnixMicros,
    ) -> Result<History, StoreError> {
        let head = self.shared.head.read().range(key, from.0, to.0);
        Ok(History::new(Arc::clone(&self.shared.files), *key, from.0, to.0, head))
    }

    /// The same by steps of `step` microseconds, aligned to 1970-01-01T00:00:00Z; a step of 0
    /// counts as 1. Days that are rolled up are answered from rollups, with the same result. Where
    /// the readings are gone by their age, see [`Aggregates`].
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
        // The head before the marks: what is sealed in between is marked.
        let (id, head) = {
            let head = self.shared.head.read();
            (head.id(key), head.range(key, from.0, to.0))
        };
        Aggregates::new(Arc::clone(&self.shared.files), *key, id, head, (from.0, to.0), step)
    }

    /// What a node has lost in the time from `from` up to before `to`, in order of time, at most
    /// `limit`. With a channel, its own and what is of no known channel.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn gaps(
        &self,
        node: &NodeId,
        channel: Option<&ChannelName>,
        time: (UnixMicros, UnixMicros),
        limit: usize,
    ) -> Result<Vec<Gap>, StoreError> {
        let path = self.shared.log_path();
        let db = schema::open_to_read(&path)?;
        gap::between(&db, node, channel, time, limit).map_err(|e| wrap(&path, &e))
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
        let path = self.shared.log_path();
        let db = schema::open_to_read(&path)?;
        quarantine::newest(&db, limit, payload_bytes).map_err(|e| wrap(&path, &e))
    }

    /// The last birth of every node that has sent one, in order of node, and when it was received.
    /// One that this version cannot read is left out.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn births(&self) -> Result<Vec<(UnixMicros, Birth)>, StoreError> {
        let path = self.shared.log_path();
        let db = schema::open_to_read(&path)?;
        memory::births(&db).map_err(|e| wrap(&path, &e))
    }

    /// A reader of the log on a connection of its own.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be opened.
    pub fn reader(&self) -> Result<LogReader, StoreError> {
        LogReader::open(&self.shared.log_path())
    }

    /// What was found to be damaged when the store was opened and since, at most
    /// [`MAX_FINDINGS`](check::MAX_FINDINGS), in the order in which it was found; then the pages
    /// that were found to be damaged when they were read.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let shared = &self.shared;
        let mut findings = shared.findings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let pages = tram_pages::found(&shared.dir);
        findings.extend(pages.iter().filter_map(|(p, f)| salvage::of_page(&shared.dir, p, *f)));
        findings
    }

    /// Sizes for the metrics.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let head = self.shared.head.read();
        StoreStats {
            datastreams: head.series_count() as u64,
            head_readings: head.readings(),
            max_head_readings: self.shared.options.max_head_readings,
            quarantined_messages: self.shared.refused.messages.load(Relaxed),
            quarantine_dropped: self.shared.refused.dropped.load(Relaxed),
            unrolled: self.shared.files.stale.count(),
            expired_readings: self.shared.expired.load(Relaxed),
            damaged_rollups: self.shared.files.wounds.found(),
            damages: self.findings().iter().filter(|f| f.severity == Severity::Damage).count()
                as u64,
        }
    }
}
