//! What is not sealed yet, in memory, and the latest reading of every series.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use tram_pipeline::{DatastreamKey, Readings};
use tram_wire::UnixMicros;

use crate::{Latest, LogId, columns::Columns};

/// The place of a series in the tables of this crate: its number in `log.db`, less one.
pub(crate) type SeriesId = usize;

/// The readings that are on their way into the files of their days. Settled.
#[derive(Debug, Default)]
pub(crate) struct Frozen {
    pub(crate) columns: Vec<(SeriesId, DatastreamKey, Columns)>,
    /// The last entry of the log that is in it.
    pub(crate) through: LogId,
    pub(crate) readings: u64,
    /// The latest readings when it was frozen.
    pub(crate) latest: Vec<(SeriesId, Latest)>,
}

#[derive(Debug)]
struct Series {
    key: DatastreamKey,
    latest: Option<Latest>,
    active: Columns,
}

/// The series and their readings that are not sealed.
#[derive(Debug, Default)]
pub(crate) struct Head {
    series: Vec<Series>,
    ids: HashMap<DatastreamKey, SeriesId>,
    frozen: Option<Arc<Frozen>>,
    /// Readings in the active columns.
    active_readings: u64,
    /// Bytes of payload in the log since the last freeze.
    active_bytes: u64,
    last: LogId,
}

impl Head {
    /// Adds a series; they come in the order of their numbers.
    pub(crate) fn add_series(&mut self, key: DatastreamKey, latest: Option<Latest>) {
        self.ids.insert(key, self.series.len());
        self.series.push(Series { key, latest, active: Columns::default() });
    }

    pub(crate) fn id(&self, key: &DatastreamKey) -> Option<SeriesId> {
        self.ids.get(key).copied()
    }

    /// Event time of the latest reading of a series that is known.
    pub(crate) fn heard(&self, key: &DatastreamKey) -> Option<Option<UnixMicros>> {
        let series = self.series.get(self.id(key)?)?;
        Some(series.latest.map(|l| l.time))
    }

    pub(crate) fn series_count(&self) -> usize {
        self.series.len()
    }

    /// The place of the series of each column.
    pub(crate) fn places(&self, columns: &[Readings]) -> Vec<Option<SeriesId>> {
        columns.iter().map(|c| self.id(&c.key)).collect()
    }

    /// Takes up the readings of an entry of the log; `places` are those of its columns, one each.
    /// A column without a place is passed over.
    pub(crate) fn take(
        &mut self,
        id: LogId,
        received: UnixMicros,
        bytes: usize,
        columns: &[Readings],
        places: &[Option<SeriesId>],
    ) {
        for (readings, place) in columns.iter().zip(places) {
            let Some(series) = place.and_then(|place| self.series.get_mut(place)) else {
                continue;
            };
            series.active.extend(readings);
            self.active_readings += readings.len() as u64;
            series.heed(readings, received);
        }
        self.active_bytes += bytes as u64;
        self.last = self.last.max(id);
    }

    /// Notes the last entry of the log, even when it holds no readings.
    pub(crate) fn set_last(&mut self, id: LogId) {
        self.last = self.last.max(id);
    }

    pub(crate) fn readings(&self) -> u64 {
        self.active_readings + self.frozen.as_ref().map_or(0, |f| f.readings)
    }

    /// Readings and bytes of the log that no seal has taken up yet.
    pub(crate) fn unfrozen(&self) -> (u64, u64) {
        (self.active_readings, self.active_bytes)
    }

    /// Hands over everything for sealing; what an earlier try left over comes first, alone.
    /// `None` when the log has not grown since `sealed`.
    pub(crate) fn freeze(&mut self, sealed: LogId) -> Option<Arc<Frozen>> {
        if let Some(frozen) = &self.frozen {
            return Some(Arc::clone(frozen));
        }
        if self.last <= sealed {
            return None;
        }
        let mut frozen = Frozen {
            through: self.last,
            readings: std::mem::take(&mut self.active_readings),
            ..Frozen::default()
        };
        self.active_bytes = 0;
        for (id, series) in self.series.iter_mut().enumerate() {
            if series.active.is_empty() {
                continue;
            }
            let mut columns = std::mem::take(&mut series.active);
            columns.settle();
            frozen.columns.push((id, series.key, columns));
            frozen.latest.extend(series.latest.map(|latest| (id, latest)));
        }
        let frozen = Arc::new(frozen);
        self.frozen = Some(Arc::clone(&frozen));
        Some(frozen)
    }

    /// Forgets what was frozen, since it is in the files of its days.
    pub(crate) fn thaw(&mut self) {
        self.frozen = None;
    }

    /// The unsealed readings of a series from `from` up to before `to`, settled.
    pub(crate) fn range(&self, key: &DatastreamKey, from: i64, to: i64) -> Columns {
        let Some(id) = self.id(key) else { return Columns::default() };
        let mut columns = self
            .frozen
            .as_ref()
            .and_then(|f| {
                let at = f.columns.binary_search_by_key(&id, |(id, ..)| *id).ok()?;
                f.columns.get(at).map(|(_, _, columns)| columns.slice(from, to))
            })
            .unwrap_or_default();
        if let Some(series) = self.series.get(id) {
            let mut active = series.active.between(from, to);
            active.settle();
            columns.merge(&active);
        }
        columns
    }

    pub(crate) fn latest(&self) -> impl Iterator<Item = Latest> {
        self.series.iter().filter_map(|s| s.latest)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = DatastreamKey> {
        self.series.iter().map(|s| s.key)
    }
}

impl Series {
    /// Moves the latest reading on, never back.
    fn heed(&mut self, readings: &Readings, received: UnixMicros) {
        let Some(newest) = readings.micros.iter().max() else { return };
        if self.latest.is_some_and(|l| *newest <= l.time.0) {
            return;
        }
        let first = readings.micros.iter().position(|t| t == newest);
        if let Some(point) = first.and_then(|at| readings.point(at)) {
            self.latest = Some(Latest {
                key: self.key,
                time: UnixMicros(point.micros),
                value: point.value,
                quality: point.quality,
                received,
            });
        }
    }
}

/// A head shared between the one who appends, the one who seals and those who read.
#[derive(Debug, Default)]
pub(crate) struct SharedHead(RwLock<Head>);

impl SharedHead {
    pub(crate) fn new(head: Head) -> Self {
        Self(RwLock::new(head))
    }

    // A thread that panicked while it held the lock leaves at most a message half taken up, which
    // the log still has; going on is better than falling silent.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Head> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Head> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
