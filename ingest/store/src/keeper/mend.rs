//! Rebuilding rollups that were found to be damaged.

mod repair;

use tram_pipeline::DatastreamKey;
use tram_wire::UnixMicros;

pub(super) use repair::Repair;

use super::{Damage, Keeper, Kept, roll::coarser};
use crate::{
    Bucket, StoreError,
    day::{Day, Span},
    day_file::DayFile,
    rollup::{Level, RollupFile},
    salvage,
    shelf::{FileName, Quantities, Tier},
    wounds::Wound,
};

/// What there is of a day of a series whose rollups of one level are gone.
pub(super) enum Found {
    /// Finer rollups, brought to the level.
    Finer(Vec<Bucket>),
    /// Coarser rollups say that there was something, or nobody can say.
    Lost,
    Nothing,
}

impl Keeper {
    /// Sees to what readers have found, and to what a repair has left to do.
    pub(super) fn mend(&mut self, now: UnixMicros) -> Result<Option<Kept>, StoreError> {
        if let Some(repair) = self.repair.take() {
            let name = repair.name();
            return self.attempt(name, now, |keeper| keeper.go_on(repair)).map(Some);
        }
        let rests = |wound: &Wound| self.resting.contains_key(&wound.name());
        let Some(wound) = self.shared.files.wounds.first(|wound| !rests(wound)) else {
            return Ok(None);
        };
        self.desk.clear();
        self.attempt(wound.name(), now, |keeper| match wound {
            Wound::Row { name, key, day } => {
                let mended = keeper.mend_row(name, &key, day, now);
                let mended = match mended {
                    Err(StoreError::Corrupt { .. }) => {
                        // More than the row is damaged.
                        let quantities = Quantities::of(key.quantity);
                        keeper.shared.files.wounds.add(Wound::File { name, quantities });
                        Ok(Kept::default())
                    }
                    mended => mended,
                };
                if mended.is_ok() {
                    keeper.shared.files.wounds.done(&wound);
                }
                mended
            }
            Wound::File { name, .. } if name.tier == Tier::Raw => keeper.save_readings(name),
            Wound::File { name, quantities } => {
                keeper.begin_repair(name, quantities);
                Ok(Kept::default())
            }
        })
        .map(Some)
    }

    /// Saves what can be read of a damaged file of readings into a new one.
    fn save_readings(&self, name: FileName) -> Result<Kept, StoreError> {
        let shared = &self.shared;
        let path = shared.files.shelves.path(&name);
        if path.exists() {
            let findings = salvage::save_day(shared.dir(), &path, "found while it was read")?;
            shared.add_findings(findings);
            shared.files.shelves.give_up(&name);
            let quantities = DayFile::open(path)?.quantities()?;
            shared.files.shelves.raw.add(name, quantities);
        }
        shared.files.wounds.done_file(&name);
        Ok(Kept::default())
    }

    fn mend_row(
        &self,
        name: FileName,
        key: &DatastreamKey,
        day: Day,
        now: UnixMicros,
    ) -> Result<Kept, StoreError> {
        let (Tier::Rollup(level), path) = (name.tier, self.shared.files.shelves.path(&name)) else {
            return Ok(Kept::default());
        };
        if !path.exists() {
            return Ok(Kept::default());
        }
        let file = RollupFile::create(path.clone(), level, name.span)?;
        let row = match file.series(key)? {
            Some(series) => file.row(series, day, day)?,
            None => None,
        };
        if row.is_none_or(|row| row.buckets.is_ok()) {
            return Ok(Kept::default());
        }
        let mut damage =
            Damage { path, key: Some(*key), aside: None, again: 0, rebuilt: 0, lost: 0 };
        let mut all = Vec::new();
        for day in days(level.row(day)).filter(|d| d.range().0 <= now.0) {
            if self.mark_readings(key, day)? {
                damage.again += 1;
                continue;
            }
            match self.look(level, key, day)? {
                Found::Finer(buckets) => {
                    all.extend(buckets);
                    damage.rebuilt += 1;
                }
                Found::Lost => damage.lost += 1,
                Found::Nothing => {}
            }
        }
        file.begin()?;
        file.remove(key, day)?;
        if !all.is_empty() {
            file.put_row(key, day, &all)?;
        }
        file.commit()?;
        Ok(Kept { damage: Some(damage), ..Kept::default() })
    }

    /// Marks a day of a series to be rolled up again, if its readings are there.
    fn mark_readings(&self, key: &DatastreamKey, day: Day) -> Result<bool, StoreError> {
        let raw = &self.shared.files.shelves.raw;
        let Some(name) = raw.find(day, key.quantity) else { return Ok(false) };
        let there = self.shared.files.shelves.day(&name)?.series(key)?;
        let Some(series) = there else { return Ok(false) };
        let file = DayFile::open_to_write(raw.path(&name))?;
        file.begin(true)?;
        file.mark(series)?;
        file.commit()?;
        self.shared.files.stale.add(day, self.shared.head.read().id(key));
        Ok(true)
    }

    /// Looks for a day of a series in the other levels.
    fn look(&self, level: Level, key: &DatastreamKey, day: Day) -> Result<Found, StoreError> {
        let mut unsure = level == Level::Day;
        for other in Level::ALL {
            let shelf = self.shared.files.shelves.rollup(other);
            if other == level {
                continue;
            }
            let Some(name) = shelf.find(day, key.quantity) else {
                unsure |= other > level;
                continue;
            };
            match day_of(RollupFile::open(shelf.path(&name), other, name.span), key, day) {
                Ok(Some(buckets)) if other < level => {
                    return Ok(Found::Finer(coarser(&buckets, level)));
                }
                Ok(Some(_)) => return Ok(Found::Lost),
                // It would have been there.
                Ok(None) => return Ok(Found::Nothing),
                Err(StoreError::Corrupt { .. }) => unsure = true,
                Err(e) => return Err(e),
            }
        }
        Ok(if unsure { Found::Lost } else { Found::Nothing })
    }
}

/// The buckets of a day of a series, if there are any.
fn day_of(
    file: Result<RollupFile, StoreError>,
    key: &DatastreamKey,
    day: Day,
) -> Result<Option<Vec<Bucket>>, StoreError> {
    let file = file?;
    let Some(series) = file.series(key)? else { return Ok(None) };
    let Some(row) = file.row(series, day, day)? else { return Ok(None) };
    let (from, to) = day.range();
    let mut buckets = row.buckets?;
    buckets.retain(|b| (from..to).contains(&b.start.0));
    Ok(Some(buckets).filter(|b| !b.is_empty()))
}

/// The days of a span.
fn days(span: Span) -> impl Iterator<Item = Day> {
    (span.first.0..span.end.0).map(Day)
}
