//! The files of readings and rollups of a store, and what has to be rolled up in them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use tram_pipeline::DatastreamKey;
use tram_wire::Quantity;

use crate::{
    Retention, StoreError,
    day::{DAY_MICROS, Day},
    day_file::DayFile,
    files::Unmarked,
    head::SeriesId,
    pool::Pool,
    rollup::{Level, RollupFile},
    shelf::{FileName, Quantities, Shelf, Tier},
    stale::Stale,
    wounds::{Wound, Wounds},
};

/// One shelf for the readings and one for each level of rollups.
#[derive(Debug)]
pub(crate) struct Shelves {
    pub(crate) raw: Shelf,
    minute: Shelf,
    hour: Shelf,
    day: Shelf,
    /// By the number of a quantity, the last day that was ever rolled up.
    rolled: [AtomicI64; QUANTITIES],
    pool: Arc<Pool>,
}

/// One more than the largest number of a quantity.
const QUANTITIES: usize = 64;

impl Shelves {
    /// Looks into every file, and says which ones of readings have marks. One that is damaged does
    /// not keep the store from being opened.
    pub(crate) fn open(
        dir: &Path,
        writer: bool,
        wounds: &Wounds,
    ) -> Result<(Self, Vec<FileName>), StoreError> {
        let rolled = [const { AtomicI64::new(i64::MIN) }; QUANTITIES];
        let rollups = |level: Level| {
            Shelf::open(dir, Tier::Rollup(level), writer, |name, path| {
                let file = RollupFile::open(path.to_owned(), level, name.span);
                match file.and_then(|file| file.quantities()) {
                    Ok(quantities) => {
                        quantities.iter().for_each(|(q, last)| raise(&rolled, *q, *last));
                        let of = quantities.iter().map(|(q, _)| Quantities::of(*q));
                        Ok(Some(of.fold(Quantities::default(), Quantities::with)))
                    }
                    Err(StoreError::Corrupt { .. }) => {
                        wounds.add(Wound::File { name, quantities: Quantities::ALL });
                        Ok(None)
                    }
                    Err(e) => Err(e),
                }
            })
        };
        let mut marked = Vec::new();
        let raw = Shelf::open(dir, Tier::Raw, writer, |name, path| {
            let looked = DayFile::open(path.to_owned())
                .and_then(|file| Ok((file.quantities()?, file.any_stale()?)));
            match looked {
                Ok((quantities, stale)) => {
                    marked.extend(stale.then_some(name));
                    Ok(Some(quantities))
                }
                // Whoever asks for the day is told, and the keeper saves what can be read.
                Err(StoreError::Corrupt { .. }) => {
                    wounds.add(Wound::File { name, quantities: Quantities::ALL });
                    Ok(Some(Quantities::ALL))
                }
                Err(e) => Err(e),
            }
        })?;
        marked.sort_unstable();
        let (minute, hour, day) =
            (rollups(Level::Minute)?, rollups(Level::Hour)?, rollups(Level::Day)?);
        Ok((Self { raw, minute, hour, day, rolled, pool: Arc::default() }, marked))
    }

    /// Notes that a day of a quantity is rolled up.
    pub(crate) fn rolled(&self, quantity: Quantity, day: Day) {
        raise(&self.rolled, quantity, day);
    }

    /// Whether a day is behind all that was ever rolled up of a quantity, so that none of its
    /// readings can have been deleted.
    pub(crate) fn recent(&self, quantity: Quantity, day: Day) -> bool {
        let last = self.rolled.get(usize::from(quantity.number()));
        last.is_none_or(|last| last.load(Relaxed) < day.0)
    }

    pub(crate) fn rollup(&self, level: Level) -> &Shelf {
        match level {
            Level::Minute => &self.minute,
            Level::Hour => &self.hour,
            Level::Day => &self.day,
        }
    }

    pub(crate) fn shelf(&self, tier: Tier) -> &Shelf {
        match tier {
            Tier::Raw => &self.raw,
            Tier::Rollup(level) => self.rollup(level),
        }
    }

    /// A file of readings, to read it.
    pub(crate) fn day(&self, name: &FileName) -> Result<DayFile, StoreError> {
        self.day_at(&self.path(name))
    }

    /// The same by its path.
    pub(crate) fn day_at(&self, path: &Path) -> Result<DayFile, StoreError> {
        Ok(DayFile::of(path.to_owned(), self.pool.lend(path)?))
    }

    /// A file of rollups, one state of it.
    pub(crate) fn rollups(&self, name: &FileName, level: Level) -> Result<RollupFile, StoreError> {
        let path = self.path(name);
        let db = self.pool.lend(&path)?;
        RollupFile::of(path, db, level, name.span)
    }

    /// Lets go of a file that is replaced or removed.
    pub(crate) fn give_up(&self, name: &FileName) {
        self.give_up_path(&self.path(name));
    }

    /// The same by its path.
    pub(crate) fn give_up_path(&self, path: &Path) {
        self.pool.give_up(path);
    }

    pub(crate) fn path(&self, name: &FileName) -> PathBuf {
        self.shelf(name.tier).path(name)
    }

    /// What of a day's quantities lacks a file of rollups that should be there at `now`.
    pub(crate) fn without_rollups(
        &self,
        day: Day,
        quantities: Quantities,
        retention: &Retention,
        now: i64,
    ) -> Quantities {
        let mut missing = Quantities::default();
        for quantity in quantities.iter() {
            let policy = retention.policy(quantity);
            let absent = |level: &Level| {
                let kept = !level.keep(policy).over(level.file(day).range().1, now);
                kept && self.rollup(*level).find(day, quantity).is_none()
            };
            if Level::ALL.iter().any(absent) {
                missing = missing.with(Quantities::of(quantity));
            }
        }
        missing
    }

    /// Everything that has to be rolled up: what is marked, and what lost its rollups. Those
    /// are in the second answer, by file, and have to be marked.
    pub(crate) fn stale(
        &self,
        id: impl Fn(&DatastreamKey) -> Option<SeriesId>,
        newest: i64,
        retention: &Retention,
        marked: &[FileName],
    ) -> Result<(Stale, Unmarked), StoreError> {
        let stale = Stale::default();
        let mut unmarked = Vec::new();
        // As the keeper reckons; a day of tolerance for clocks.
        let now = newest.saturating_add(DAY_MICROS);
        for (name, quantities) in self.raw.files(i64::MIN, i64::MAX) {
            let day = name.span.first;
            let missing = self.without_rollups(day, quantities, retention, now);
            if missing == Quantities::default() && marked.binary_search(&name).is_err() {
                continue;
            }
            let look = || {
                let file = DayFile::open(self.raw.path(&name))?;
                let mut keys = file.stale()?;
                for quantity in missing.iter() {
                    keys.extend(file.series_of(quantity)?);
                }
                Ok(keys)
            };
            match look() {
                Ok(keys) => {
                    let ids: Vec<_> = keys.iter().filter_map(|(_, key)| id(key)).collect();
                    if !ids.is_empty() {
                        stale.add(day, ids);
                    }
                    if missing != Quantities::default() {
                        unmarked.push((name, missing));
                    }
                }
                Err(StoreError::Corrupt { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok((stale, unmarked))
    }

    /// Removes what a deletion that was interrupted has left beside the files.
    pub(crate) fn sweep(&self) {
        for shelf in [&self.raw, &self.minute, &self.hour, &self.day] {
            let Ok(entries) = fs::read_dir(shelf.dir()) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                let Some(text) = path.to_str() else { continue };
                let of = text.strip_suffix("-wal").or_else(|| text.strip_suffix("-shm"));
                if of.is_some_and(|of| of.ends_with(".db") && !Path::new(of).exists()) {
                    // Harmless where it stays.
                    let _ = tram_pages::remove(&path);
                }
            }
        }
    }
}

fn raise(rolled: &[AtomicI64], quantity: Quantity, day: Day) {
    if let Some(last) = rolled.get(usize::from(quantity.number())) {
        last.fetch_max(day.0, Relaxed);
    }
}
