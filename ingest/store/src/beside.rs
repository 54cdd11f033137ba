//! A store's folder, read beside the process that writes it, or when there is none.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use tram_pipeline::DatastreamKey;
use tram_wire::{ChannelName, NodeId, UnixMicros};

use crate::{
    Aggregates, History, LogId, LogReader, Retention, StoreError,
    columns::Columns,
    error::{wrap, wrap_io},
    files::Files,
    head::SeriesId,
    latest,
    log::SEAL,
    schema,
};

/// How many entries of the log are read at a time.
const READ_ENTRIES: usize = 256;

/// What a folder holds, for programs beside the one that writes it. It takes no lock, changes
/// nothing that anybody can read, and holds nobody up; a centre may run, start or stop meanwhile.
#[derive(Debug, Clone)]
pub struct ReadOnly {
    dir: PathBuf,
    datastreams: Vec<DatastreamKey>,
}

impl ReadOnly {
    /// Opens a folder that a centre has written.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when there is no log in it, others as [`StoreError`] says.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = log_path(dir)?;
        let db = schema::open_to_read(&path)?;
        let series = latest::series(&db).map_err(|e| wrap(&path, &e))?;
        // One that cannot be read is what `check` is for; the others can be asked for.
        let mut datastreams: Vec<_> = series.into_iter().flatten().map(|s| s.key).collect();
        datastreams.sort_unstable();
        Ok(Self { dir: dir.to_owned(), datastreams })
    }

    /// Every datastream known, in order of node and channel.
    #[must_use]
    pub fn datastreams(&self) -> &[DatastreamKey] {
        &self.datastreams
    }

    /// The datastreams of a station, or of one of its channels.
    pub fn find<'a>(
        &'a self,
        node: &'a NodeId,
        channel: Option<&'a ChannelName>,
    ) -> impl Iterator<Item = DatastreamKey> + 'a {
        let wanted = move |k: &&DatastreamKey| {
            k.node == *node && channel.is_none_or(|channel| k.channel == *channel)
        };
        self.datastreams.iter().filter(wanted).copied()
    }

    /// The readings of these datastreams from `from` up to before `to`. What of it is not sealed
    /// yet is read from the log here and held in memory, 18 bytes a reading.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn select(
        &self,
        keys: &[DatastreamKey],
        from: UnixMicros,
        to: UnixMicros,
    ) -> Result<Selection, StoreError> {
        let wanted: HashSet<_> = keys.iter().copied().collect();
        let mut log = self.log()?;
        // One state of the log: what is sealed meanwhile is in the files of the days as well.
        log.hold()?;
        let mut cursor = log.sealed()?;
        // After that, so that what is sealed meanwhile is marked or in the log's state.
        let ids: HashMap<_, _> = self.datastreams.iter().copied().zip(0..).collect();
        let id = |key: &DatastreamKey| ids.get(key).copied();
        let (files, _) = Files::open(&self.dir, false, Retention::default(), id, i64::MAX)?;
        let mut selection =
            Selection { files, ids, from, to, head: HashMap::new(), damaged_entries: 0 };
        loop {
            let entries = match log.after(cursor, READ_ENTRIES) {
                Ok(entries) => entries,
                Err(StoreError::Damaged { entry, .. }) => {
                    selection.damaged_entries += 1;
                    cursor = LogId(entry);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some(last) = entries.last() else { break };
            cursor = last.id;
            for readings in entries.iter().flat_map(|e| &e.columns) {
                if wanted.contains(&readings.key) {
                    let mut columns = Columns::default();
                    columns.extend(readings);
                    selection.take(readings.key, &columns.between(from.0, to.0));
                }
            }
        }
        selection.head.values_mut().for_each(Columns::settle);
        Ok(selection)
    }

    /// A reader of the log.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be opened.
    pub fn log(&self) -> Result<LogReader, StoreError> {
        LogReader::open(&self.dir.join("log.db"))
    }
}

/// The log of a folder, when there is one.
pub(crate) fn log_path(dir: &Path) -> Result<PathBuf, StoreError> {
    let path = dir.join("log.db");
    match path.try_exists() {
        Ok(true) => Ok(path),
        Ok(false) => Err(StoreError::Absent { path: dir.to_owned() }),
        Err(e) => Err(wrap_io(&path, &e)),
    }
}

/// Readings of some datastreams over a range of time.
#[derive(Debug)]
pub struct Selection {
    files: Arc<Files>,
    ids: HashMap<DatastreamKey, SeriesId>,
    from: UnixMicros,
    to: UnixMicros,
    head: HashMap<DatastreamKey, Columns>,
    /// Entries of the log that are damaged: what they held and was not sealed is missing.
    pub damaged_entries: u64,
}

impl Selection {
    fn take(&mut self, key: DatastreamKey, columns: &Columns) {
        let head = self.head.entry(key).or_default();
        head.micros.extend_from_slice(&columns.micros);
        head.values.extend_from_slice(&columns.values);
        head.codes.extend_from_slice(&columns.codes);
    }

    /// The readings of a datastream that was selected.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be read; later ones come from the iterator.
    pub fn history(&self, key: &DatastreamKey) -> Result<History, StoreError> {
        let head = self.head.get(key).cloned().unwrap_or_default();
        Ok(History::new(Arc::clone(&self.files), *key, self.from.0, self.to.0, head))
    }

    /// The same by steps of `step` microseconds, aligned to 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// As [`history`](Self::history).
    pub fn aggregate(&self, key: &DatastreamKey, step: i64) -> Result<Aggregates, StoreError> {
        let head = self.head.get(key).cloned().unwrap_or_default();
        let (files, id) = (Arc::clone(&self.files), self.ids.get(key).copied());
        Aggregates::new(files, *key, id, head, (self.from.0, self.to.0), step)
    }
}

impl LogReader {
    /// Holds on to the state the log has now: what comes later is not seen, and what is forgotten
    /// meanwhile is still there. For short work: the log's file grows until the reader is dropped.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn hold(&mut self) -> Result<(), StoreError> {
        self.run("BEGIN")?;
        // The state is that of the first statement that reads.
        self.last().map(drop)
    }

    /// How far each consumer has read, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn cursors(&mut self) -> Result<Vec<(String, LogId)>, StoreError> {
        self.list("SELECT name, position FROM cursor ORDER BY name", |r| {
            Ok((r.get(0)?, LogId(r.get(1)?)))
        })
    }

    /// Everything up to and including this entry has been forgotten.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn trimmed(&mut self) -> Result<LogId, StoreError> {
        let found =
            self.list("SELECT value FROM meta WHERE name = 'trimmed'", |r| Ok(LogId(r.get(0)?)))?;
        Ok(found.first().copied().unwrap_or_default())
    }

    /// The entry before the last `n` of the log, or of those of one node.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn before_last(&mut self, n: u32, node: Option<&NodeId>) -> Result<LogId, StoreError> {
        let (trimmed, last) = (self.trimmed()?, self.last()?);
        let Some(node) = node else {
            return Ok(LogId(last.0.saturating_sub(n.into())).max(trimmed));
        };
        let found: Option<i64> = self
            .database()
            .prepare_cached(
                "SELECT min(id) FROM (SELECT id FROM log WHERE node = ? ORDER BY id DESC LIMIT ?)",
            )
            .and_then(|mut s| s.query_row((node.as_str(), n), |r| r.get(0)))
            .map_err(|e| wrap(self.path(), &e))?;
        Ok(found.map_or(last, |id| LogId(id.saturating_sub(1))))
    }

    /// Everything up to and including this entry is in the files of the days.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub fn sealed(&mut self) -> Result<LogId, StoreError> {
        let trimmed = self.trimmed()?;
        let cursors = self.cursors()?;
        let seal = cursors.into_iter().find(|(name, _)| name == SEAL);
        Ok(seal.map_or(trimmed, |(_, at)| at.max(trimmed)))
    }
}
