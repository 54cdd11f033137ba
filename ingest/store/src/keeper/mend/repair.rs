//! A file of rollups is written anew: from readings, from finer rollups, and from what of it can
//! still be read.

use std::{
    collections::{BTreeSet, VecDeque},
    path::Path,
};

use tram_pipeline::DatastreamKey;

use super::{Damage, Found, Keeper, Kept, days};
use crate::{
    StoreError,
    day_file::DayFile,
    error::wrap_io,
    keeper::expire::remove_database,
    rollup::{Level, RollupFile},
    shelf::{FileName, Quantities, Tier},
};

/// How many series are written anew in one step.
const SERIES: usize = 64;

/// What a repair has left to do.
#[derive(Debug)]
pub(in crate::keeper) struct Repair {
    name: FileName,
    quantities: Quantities,
    /// Files of readings whose series are to be rolled up again.
    to_mark: VecDeque<FileName>,
    /// Series to be written anew; not known before all are marked.
    keys: Option<VecDeque<DatastreamKey>>,
    damage: Damage,
}

impl Repair {
    pub(in crate::keeper) fn name(&self) -> FileName {
        self.name
    }
}

impl Keeper {
    pub(super) fn begin_repair(&mut self, name: FileName, quantities: Quantities) {
        let shelves = &self.shared.files.shelves;
        let (from, to) = name.span.range();
        let known = shelves.shelf(name.tier).files(from, to);
        let listed = known.iter().find(|(n, _)| *n == name).map_or(quantities, |(_, q)| *q);
        // What another file of the span has does not belong into this one.
        let others = known.iter().filter(|(n, _)| *n != name);
        let quantities = others.fold(listed, |q, (_, other)| q.without(*other));
        let path = shelves.path(&name);
        let damage = Damage { path, key: None, aside: None, again: 0, rebuilt: 0, lost: 0 };
        self.repair = Some(Repair {
            name,
            quantities,
            to_mark: shelves.raw.files(from, to).into_iter().map(|(n, _)| n).collect(),
            keys: None,
            damage,
        });
    }

    /// One step of a repair.
    pub(super) fn go_on(&mut self, mut repair: Repair) -> Result<Kept, StoreError> {
        let Tier::Rollup(level) = repair.name.tier else { return Ok(Kept::default()) };
        let path = repair.damage.path.clone();
        let unfinished = path.with_extension("repair");
        if !path.exists() {
            self.shared.files.wounds.done_file(&repair.name);
            return Ok(Kept::default());
        }
        if let Some(name) = repair.to_mark.pop_front() {
            repair.damage.again += self.mark_file(name, repair.quantities)?;
            self.repair = Some(repair);
            return Ok(Kept::default());
        }
        let Some(keys) = &mut repair.keys else {
            remove_database(&unfinished)?;
            repair.keys = Some(self.keys(level, &repair)?);
            self.repair = Some(repair);
            return Ok(Kept::default());
        };
        let fresh = RollupFile::create(unfinished.clone(), level, repair.name.span)?;
        if keys.is_empty() {
            let of = fresh.quantities()?.into_iter().map(|(q, _)| Quantities::of(q));
            let quantities = of.fold(Quantities::default(), Quantities::with);
            drop(fresh);
            return self.exchange(repair, &unfinished, quantities);
        }
        let old = RollupFile::open(path, level, repair.name.span).ok();
        fresh.begin()?;
        for key in keys.drain(..keys.len().min(SERIES)) {
            self.write_anew(level, &key, old.as_ref(), &fresh, &mut repair.damage)?;
        }
        fresh.commit()?;
        self.repair = Some(repair);
        Ok(Kept::default())
    }

    /// Marks what of a file of readings is in the damaged file. Says how many series.
    fn mark_file(&self, name: FileName, quantities: Quantities) -> Result<u64, StoreError> {
        let path = self.shared.files.shelves.raw.path(&name);
        if !path.exists() {
            return Ok(0);
        }
        let file = match DayFile::open_to_write(path) {
            Err(StoreError::Corrupt { .. }) => return Ok(0),
            file => file?,
        };
        file.begin(true)?;
        file.mark_all(quantities)?;
        file.commit()?;
        let marked = file.stale()?;
        let head = self.shared.head.read();
        let ids = marked.iter().filter_map(|(_, key)| head.id(key));
        self.shared.files.stale.add(name.span.first, ids);
        Ok(marked.iter().filter(|(_, key)| quantities.has(key.quantity)).count() as u64)
    }

    /// The series that may be in the damaged file: what it says, and what the other levels say.
    fn keys(&self, level: Level, repair: &Repair) -> Result<VecDeque<DatastreamKey>, StoreError> {
        let mut keys = BTreeSet::new();
        let mut take = |file: Result<RollupFile, StoreError>| match file.and_then(|f| f.keys()) {
            Ok(found) => {
                let keys_of = found.into_iter().map(|(_, key)| key);
                keys.extend(keys_of.filter(|k| repair.quantities.has(k.quantity)));
                Ok(())
            }
            Err(StoreError::Corrupt { .. }) => Ok(()),
            Err(e) => Err(e),
        };
        take(RollupFile::open(repair.damage.path.clone(), level, repair.name.span))?;
        let (from, to) = repair.name.span.range();
        for other in Level::ALL.into_iter().filter(|other| *other != level) {
            let shelf = self.shared.files.shelves.rollup(other);
            for (name, _) in shelf.files(from, to) {
                take(RollupFile::open(shelf.path(&name), other, name.span))?;
            }
        }
        Ok(keys.into_iter().collect())
    }

    /// Writes what is left of a series.
    fn write_anew(
        &self,
        level: Level,
        key: &DatastreamKey,
        old: Option<&RollupFile>,
        fresh: &RollupFile,
        damage: &mut Damage,
    ) -> Result<(), StoreError> {
        let span = fresh.span();
        let mut first = span.first;
        while first < span.end {
            let row = level.row(first);
            let read = old.and_then(|old| {
                let series = old.series(key).ok()??;
                // A row that is not there is as good as one that says so.
                Some(old.row(series, first, first).ok()?.map_or(Ok(Vec::new()), |r| r.buckets))
            });
            let buckets = match read {
                Some(Ok(buckets)) => buckets,
                _ => {
                    let mut all = Vec::new();
                    for day in days(row) {
                        match self.look(level, key, day)? {
                            Found::Finer(buckets) => {
                                all.extend(buckets);
                                damage.rebuilt += 1;
                            }
                            Found::Lost => damage.lost += 1,
                            Found::Nothing => {}
                        }
                    }
                    all
                }
            };
            if !buckets.is_empty() {
                fresh.put_row(key, first, &buckets)?;
            }
            first = row.end;
        }
        Ok(())
    }

    /// Puts the new file in the place of the damaged one, which is kept aside.
    fn exchange(
        &self,
        repair: Repair,
        unfinished: &Path,
        quantities: Quantities,
    ) -> Result<Kept, StoreError> {
        let Repair { name, mut damage, .. } = repair;
        let error = |e: std::io::Error| wrap_io(&damage.path, &e);
        self.shared.synced()?;
        let aside = damage.path.with_extension("damaged");
        tram_pages::rename(&damage.path, &aside).map_err(error)?;
        // Only the leftovers of the old one: it has just been renamed.
        remove_database(&damage.path)?;
        let shelf = self.shared.files.shelves.shelf(name.tier);
        shelf.remove(&name);
        self.shared.files.shelves.give_up(&name);
        if quantities == Quantities::default() {
            remove_database(unfinished)?;
        } else {
            tram_pages::rename(unfinished, &damage.path).map_err(error)?;
            remove_database(unfinished)?;
            shelf.add(name, quantities);
        }
        self.shared.files.wounds.done_file(&name);
        damage.aside = Some(aside);
        Ok(Kept { damage: Some(damage), ..Kept::default() })
    }
}
