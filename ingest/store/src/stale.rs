//! Which days of which series are not rolled up, in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{day::Day, head::SeriesId};

/// The marks in the files of the readings, so that a question need not open all of them. It holds
/// a mark at least as long as the file does.
#[derive(Debug, Default)]
pub(crate) struct Stale(RwLock<Days>);

#[derive(Debug, Default)]
struct Days {
    series: BTreeMap<Day, HashSet<SeriesId>>,
    /// Days with something to do, but for what was given up.
    pending: BTreeSet<Day>,
}

impl Stale {
    fn read(&self) -> RwLockReadGuard<'_, Days> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Days> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes series of a day. The day is looked at even when it has none that is known here.
    pub(crate) fn add(&self, day: Day, series: impl IntoIterator<Item = SeriesId>) {
        let mut days = self.write();
        days.series.entry(day).or_default().extend(series);
        days.pending.insert(day);
    }

    /// Forgets series of a day that were rolled up.
    pub(crate) fn remove(&self, day: Day, series: impl IntoIterator<Item = SeriesId>) {
        let mut days = self.write();
        if let Some(of_day) = days.series.get_mut(&day) {
            series.into_iter().for_each(|id| {
                of_day.remove(&id);
            });
        }
    }

    /// Notes that there is nothing more to do on a day; these series were given up.
    pub(crate) fn settle(&self, day: Day, given_up: HashSet<SeriesId>) {
        let mut days = self.write();
        days.pending.remove(&day);
        if given_up.is_empty() {
            days.series.remove(&day);
        } else {
            days.series.insert(day, given_up);
        }
    }

    /// The days of a series from `from` to `to` inclusive, in order.
    pub(crate) fn days(&self, series: SeriesId, from: Day, to: Day) -> Vec<Day> {
        let days = self.read();
        let of_range = days.series.range(from..=to);
        of_range.filter(|(_, s)| s.contains(&series)).map(|(day, _)| *day).collect()
    }

    /// The days up to this one on which there is something to do, in order.
    pub(crate) fn pending(&self, to: Day) -> Vec<Day> {
        self.read().pending.range(..=to).copied().collect()
    }

    /// How many days of series there are.
    pub(crate) fn count(&self) -> u64 {
        self.read().series.values().map(|s| s.len() as u64).sum()
    }
}
