//! What is known right now: every station and the latest reading of every datastream, in memory.
//!
//! The commit thread writes it after each commit, so nothing is shown that is not on disk. Each
//! change carries the tick in which it will be seen; a reader that knows everything up to a tick
//! asks for what changed since, and that is all a slow reader ever costs.

mod census;
mod health;
mod row;
mod station;

use std::{
    collections::{
        BTreeMap, HashMap,
        btree_map::Entry::{Occupied, Vacant},
    },
    sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use tram_pipeline::{DatastreamKey, Readings};
use tram_wire::{Health, NodeId, Point, UnixMicros};

pub(crate) use census::Census;
pub(crate) use row::{LatestRow, StationRow, in_units};
use station::Entry;

use crate::config::Station;

/// The most datastreams shown; more are stored, counted and not shown.
pub(crate) const MAX_DATASTREAMS: usize = 200_000;
/// How far ahead of the centre's clock a reading may be and still be the latest. A node whose
/// clock runs ahead must not hide its own next readings for long.
const AHEAD_MICROS: i64 = 60_000_000;

/// About how long a row of the latest readings is, so that the answer grows once.
const ROW_BYTES: usize = 192;

/// Everything that is known right now.
pub(crate) struct Board {
    inner: RwLock<Inner>,
}

struct Inner {
    /// The tick that readers have seen.
    tick: u64,
    stations: Vec<Entry>,
    by_id: HashMap<NodeId, usize>,
    latest: BTreeMap<DatastreamKey, Latest>,
    not_shown: u64,
}

struct Latest {
    point: Point,
    changed: u64,
    /// The row as JSON up to its age, once somebody has asked for it.
    stem: OnceLock<Box<str>>,
}

/// What changed, or everything.
pub(crate) struct View {
    /// The stations.
    pub(crate) stations: Vec<StationRow>,
    /// The latest readings.
    pub(crate) latest: Vec<LatestRow>,
}

impl Board {
    /// A board of these stations, none of which has been heard.
    pub(crate) fn new(stations: &[Station]) -> Self {
        let entries: Vec<Entry> = stations.iter().cloned().map(Entry::new).collect();
        let by_id = entries.iter().enumerate().map(|(i, e)| (e.station.id, i)).collect();
        let inner =
            Inner { tick: 0, stations: entries, by_id, latest: BTreeMap::new(), not_shown: 0 };
        Self { inner: RwLock::new(inner) }
    }

    /// Takes readings in that are on disk.
    pub(crate) fn readings<'a>(
        &self,
        columns: impl IntoIterator<Item = &'a Readings>,
        now: UnixMicros,
    ) {
        let mut inner = self.write();
        for readings in columns {
            // Of equal times the one that came last counts.
            let latest = now.0.saturating_add(AHEAD_MICROS);
            let times = readings.micros.iter().enumerate().filter(|(_, t)| **t <= latest);
            let newest = times.max_by_key(|(_, t)| **t).and_then(|(at, _)| readings.point(at));
            if let Some(point) = newest {
                inner.reading(readings.key, point);
            }
        }
    }

    /// Takes one reading in.
    pub(crate) fn reading(&self, key: DatastreamKey, point: Point) {
        self.write().reading(key, point);
    }

    /// A node went on or off line.
    pub(crate) fn online(&self, node: NodeId, online: bool) {
        let mut inner = self.write();
        let next = inner.tick + 1;
        inner.station(node).online(online, next);
    }

    /// A node says how it is.
    pub(crate) fn health(&self, node: NodeId, health: Health, now: UnixMicros) {
        let mut inner = self.write();
        let next = inner.tick + 1;
        inner.station(node).says(health, now, next);
    }

    /// The highest alarm level of each station; the others have none.
    pub(crate) fn alarm_levels(&self, levels: &HashMap<String, u8>) {
        let mut inner = self.write();
        let next = inner.tick + 1;
        for entry in &mut inner.stations {
            let level = levels.get(entry.station.id.as_str()).copied().unwrap_or(0);
            entry.alarm_level(level, next);
        }
    }

    /// Ends the tick: what changed until now is seen from here on. Returns its number.
    pub(crate) fn tick(&self, now: UnixMicros) -> u64 {
        let mut inner = self.write();
        let next = inner.tick + 1;
        for entry in &mut inner.stations {
            entry.grow_old(now, next);
        }
        inner.tick = next;
        next
    }

    /// What changed after tick `since`; everything for `None`.
    pub(crate) fn view(&self, since: Option<u64>, now: UnixMicros) -> View {
        let inner = self.read();
        let changed = |at: u64| since.is_none_or(|since| at > since);
        View {
            stations: inner
                .stations
                .iter()
                .filter(|e| changed(e.changed()))
                .map(|e| StationRow::new(e, now))
                .collect(),
            latest: inner
                .latest
                .iter()
                .filter(|(_, l)| changed(l.changed))
                .map(|(key, l)| LatestRow::new(key, &l.point, now))
                .collect(),
        }
    }

    /// Every station.
    pub(crate) fn stations(&self, now: UnixMicros) -> Vec<StationRow> {
        self.read().stations.iter().map(|e| StationRow::new(e, now)).collect()
    }

    /// The latest readings of one station, or of all, as a JSON array of [`LatestRow`]s.
    pub(crate) fn latest_json(&self, station: Option<&NodeId>, now: UnixMicros) -> Vec<u8> {
        let inner = self.read();
        let wanted = |key: &DatastreamKey| station.is_none_or(|s| *s == key.node);
        let mut out = Vec::with_capacity(station.map_or(inner.latest.len() * ROW_BYTES, |_| 0));
        out.push(b'[');
        for (key, latest) in inner.latest.iter().filter(|(key, _)| wanted(key)) {
            if out.len() > 1 {
                out.push(b',');
            }
            let stem = latest.stem.get_or_init(|| row::stem(key, &latest.point));
            row::finish(&mut out, stem, UnixMicros(latest.point.micros), now);
        }
        out.push(b']');
        out
    }

    /// Whether the station is known.
    pub(crate) fn knows(&self, station: &NodeId) -> bool {
        self.read().by_id.contains_key(station)
    }

    /// How many readings were not shown because there are too many datastreams.
    pub(crate) fn not_shown(&self) -> u64 {
        self.read().not_shown
    }

    /// The stations, counted; of the first `named` of them, when each was heard last.
    pub(crate) fn census(&self, now: UnixMicros, named: usize) -> Census {
        Census::of(&self.read().stations, now, named)
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latest {
    fn new(point: Point, changed: u64) -> Self {
        Self { point, changed, stem: OnceLock::new() }
    }
}

impl Inner {
    fn reading(&mut self, key: DatastreamKey, point: Point) {
        let changed = self.tick + 1;
        self.station(key.node).heard(UnixMicros(point.micros), changed);
        let room = self.latest.len() < MAX_DATASTREAMS;
        match self.latest.entry(key) {
            Occupied(known) if point.micros < known.get().point.micros => {}
            Occupied(mut known) => *known.get_mut() = Latest::new(point, changed),
            Vacant(place) if room => {
                place.insert(Latest::new(point, changed));
            }
            Vacant(_) => self.not_shown = self.not_shown.saturating_add(1),
        }
    }

    /// The station's entry; a device that is not in the configuration gets one. The pipeline
    /// bounds how many of those there can be.
    fn station(&mut self, node: NodeId) -> &mut Entry {
        let at = *self.by_id.entry(node).or_insert_with(|| {
            self.stations.push(Entry::new(Station::registered(node)));
            self.stations.len() - 1
        });
        // `by_id` holds only places that exist.
        self.stations.get_mut(at).expect("every station has its place")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tram_wire::{ChannelName, Quality, Quantity};

    use super::*;

    const S: i64 = 1_000_000;

    fn station(id: &str) -> Station {
        Station {
            expected: Duration::from_secs(10),
            ..Station::registered(NodeId::new(id).unwrap())
        }
    }

    fn key(node: &str, channel: &str) -> DatastreamKey {
        DatastreamKey {
            node: NodeId::new(node).unwrap(),
            channel: ChannelName::new(channel).unwrap(),
            quantity: Quantity::WaterLevel,
        }
    }

    fn point(seconds: i64, value: i64) -> Point {
        Point { micros: seconds * S, value: Some(value), quality: Quality::GOOD }
    }

    fn latest(board: &Board, seconds: i64) -> serde_json::Value {
        serde_json::from_slice(&board.latest_json(None, UnixMicros(seconds * S))).unwrap()
    }

    fn json(rows: impl serde::Serialize) -> serde_json::Value {
        serde_json::to_value(rows).unwrap()
    }

    #[test]
    fn a_station_is_never_then_fresh_then_late_then_lost() {
        let board = Board::new(&[station("a")]);
        let state = |at: i64| json(board.stations(UnixMicros(at * S)))[0]["state"].clone();
        assert_eq!(state(0), "never");
        board.reading(key("a", "x"), point(100, 1));
        assert_eq!(state(100), "fresh");
        assert_eq!(state(120), "fresh");
        assert_eq!(state(121), "late");
        assert_eq!(state(200), "late");
        assert_eq!(state(201), "lost");
    }

    #[test]
    fn an_old_reading_does_not_make_a_station_fresh_nor_the_latest() {
        let board = Board::new(&[station("a")]);
        board.reading(key("a", "x"), point(100, 1));
        board.reading(key("a", "x"), point(50, 2));
        let rows = latest(&board, 200);
        assert_eq!(rows[0]["value"], 0.001);
        assert_eq!(rows[0]["age_s"], 100.0);
        assert_eq!(rows[0]["unit"], "m");
        assert_eq!(json(board.stations(UnixMicros(200 * S)))[0]["age_s"], 100.0);
    }

    #[test]
    fn a_view_holds_what_changed_since_and_nothing_else() {
        let board = Board::new(&[station("a"), station("b")]);
        board.reading(key("a", "x"), point(1, 1));
        let first = board.tick(UnixMicros(S));
        let view = board.view(Some(first), UnixMicros(S));
        assert!(view.stations.is_empty() && view.latest.is_empty());

        board.reading(key("b", "x"), point(2, 1));
        board.reading(key("a", "y"), point(2, 1));
        let second = board.tick(UnixMicros(2 * S));
        board.reading(key("b", "x"), point(3, 1));
        board.tick(UnixMicros(3 * S));
        // A reader that missed a tick gets both as one.
        assert_eq!(board.view(Some(first), UnixMicros(3 * S)).latest.len(), 2);
        assert_eq!(board.view(Some(second), UnixMicros(3 * S)).latest.len(), 1);
        assert_eq!(board.view(None, UnixMicros(3 * S)).latest.len(), 3);
    }

    #[test]
    fn growing_old_is_a_change() {
        let board = Board::new(&[station("a")]);
        board.reading(key("a", "x"), point(0, 1));
        let seen = board.tick(UnixMicros(S));
        board.tick(UnixMicros(15 * S));
        assert!(board.view(Some(seen), UnixMicros(15 * S)).stations.is_empty());
        board.tick(UnixMicros(21 * S));
        assert_eq!(board.view(Some(seen), UnixMicros(21 * S)).stations.len(), 1);
    }

    #[test]
    fn an_unknown_device_becomes_a_station_without_a_position() {
        let board = Board::new(&[station("a")]);
        board.reading(key("device", "t"), point(0, 1));
        let rows = json(board.stations(UnixMicros(0)));
        assert_eq!(rows[1]["id"], "device");
        assert!(rows[1]["lat"].is_null());
    }

    #[test]
    fn a_reading_far_ahead_does_not_hide_the_next_ones() {
        let board = Board::new(&[station("a")]);
        let column = |at: i64| Readings {
            key: key("a", "x"),
            micros: vec![at * S],
            values: vec![Some(at)],
            quality: vec![tram_wire::QualityRun { quality: Quality::GOOD, len: 1 }],
        };
        board.readings(&[column(5_000), column(10)], UnixMicros(10 * S));
        assert_eq!(latest(&board, 10)[0]["value"], 0.01);
    }

    #[test]
    fn the_latest_as_one_text_is_what_its_rows_are() {
        let board = Board::new(&[station("a")]);
        assert_eq!(latest(&board, 0), json([0; 0]));
        let missing = Quality::missing(tram_wire::Tests::ECHO_LOSS);
        board.reading(key("a", "x"), point(100, -7));
        board.reading(key("a", "y"), Point { value: None, quality: missing, ..point(90, 0) });
        // Before and after the stems are there, and when one has gone.
        for seconds in [100, 163, 99] {
            let rows = board.view(None, UnixMicros(seconds * S)).latest;
            assert_eq!(latest(&board, seconds), json(rows));
        }
        board.reading(key("a", "x"), point(200, 8));
        let rows = board.view(None, UnixMicros(201 * S)).latest;
        assert_eq!(latest(&board, 201), json(rows));
        assert_eq!(latest(&board, 201)[0]["value"], 0.008);
    }
}
