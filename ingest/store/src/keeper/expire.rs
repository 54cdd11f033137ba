//! Deleting what is past its time.

use std::{fs, path::Path};

use tram_wire::UnixMicros;

use super::{Deleted, Keeper, Kept};
use crate::{
    StoreError,
    error::wrap_io,
    rollup::Level,
    shelf::{FileName, Quantities, Tier},
};

impl Keeper {
    /// Deletes one file, readings before rollups and the oldest first.
    pub(super) fn expire(&mut self, now: UnixMicros) -> Result<Option<Kept>, StoreError> {
        let horizon = self.horizon(now);
        let [minute, hour, day] = Level::ALL.map(Tier::Rollup);
        for tier in [Tier::Raw, minute, hour, day] {
            for (name, quantities) in self.shared.files.shelves.shelf(tier).files(i64::MIN, horizon)
            {
                if self.resting.contains_key(&name) || !self.over(&name, quantities, horizon) {
                    continue;
                }
                if tier == Tier::Raw && self.waits(&name)? {
                    continue;
                }
                let deleted = self.attempt(name, now, |keeper| keeper.delete(&name))?;
                return Ok(Some(Kept { deleted: vec![deleted], ..Kept::default() }));
            }
        }
        Ok(None)
    }

    /// Whether the time of everything in a file is over.
    fn over(&self, name: &FileName, quantities: Quantities, horizon: i64) -> bool {
        let retention = &self.shared.files.retention;
        let end = name.span.range().1;
        let over = |policy| name.tier.keep(policy).over(end, horizon);
        match quantities == Quantities::default() {
            true => over(retention.default_policy()),
            false => quantities.iter().all(|q| over(retention.policy(q))),
        }
    }

    /// Whether something of a day is still to be rolled up.
    fn waits(&self, name: &FileName) -> Result<bool, StoreError> {
        match self.shared.files.shelves.day(name).and_then(|file| file.marked(1)) {
            Ok(marked) => Ok(!marked.is_empty()),
            // Nothing can be made of it any more.
            Err(StoreError::Corrupt { .. }) => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn delete(&mut self, name: &FileName) -> Result<Deleted, StoreError> {
        self.desk.clear();
        // What stands in its place has to be on the disk.
        self.shared.synced()?;
        let shelf = self.shared.files.shelves.shelf(name.tier);
        let path = shelf.path(name);
        let bytes = fs::metadata(&path).map_or(0, |m| m.len());
        // Nobody begins to read it from now on; who has it open reads on.
        shelf.remove(name);
        self.shared.files.shelves.give_up(name);
        let removed = remove_database(&path);
        if path.exists() {
            shelf.add(*name, Quantities::ALL);
        }
        removed?;
        if name.tier == Tier::Raw {
            self.settle(name.span.first)?;
        }
        Ok(Deleted { path, bytes, raw: name.tier == Tier::Raw })
    }
}

/// Removes a database and what belongs to it, for good.
pub(super) fn remove_database(path: &Path) -> Result<(), StoreError> {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        tram_pages::remove(Path::new(&name)).map_err(|e| wrap_io(Path::new(&name), &e))?;
    }
    path.parent().map_or(Ok(()), tram_pages::sync_folder).map_err(|e| wrap_io(path, &e))
}
