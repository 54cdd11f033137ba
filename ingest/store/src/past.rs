//! Which readings come after their time.
//!
//! Once the readings of a day are deleted, its rollups are all that is known of it. A reading that
//! comes later could be one of those that were there, so it is not taken up: rollups never count
//! one twice. A series that has no rollups on that day had no readings; a node that was away for so
//! long is taken up whole, rolled up, and its readings deleted again.

use std::collections::HashMap;

use tram_pipeline::DatastreamKey;

use crate::{
    StoreError,
    day::Day,
    files::Files,
    rollup::{Level, RollupFile},
    shelf::FileName,
};

/// Looks up what is rolled up, and keeps the files it needed open.
#[derive(Debug)]
pub(crate) struct Past<'a> {
    files: &'a Files,
    open: HashMap<FileName, Option<RollupFile>>,
}

impl<'a> Past<'a> {
    pub(crate) fn new(files: &'a Files) -> Self {
        Self { files, open: HashMap::new() }
    }

    /// Whether the readings of a series on a day were deleted, when there are none in its file
    /// or there is no file.
    pub(crate) fn gone(&mut self, key: &DatastreamKey, day: Day) -> Result<bool, StoreError> {
        Ok(!self.files.shelves.recent(key.quantity, day) && self.rolled(key, day)?)
    }

    /// Whether the readings of a series on a day are there, or would be if there were any.
    pub(crate) fn there(&self, key: &DatastreamKey, day: Day) -> Result<bool, StoreError> {
        if self.files.shelves.recent(key.quantity, day) {
            return Ok(true);
        }
        let raw = &self.files.shelves.raw;
        match raw.find(day, key.quantity).filter(|name| raw.path(name).exists()) {
            Some(name) => Ok(self.files.shelves.day(&name)?.series(key)?.is_some()),
            None => Ok(false),
        }
    }

    /// Whether there are rollups of a day of a series.
    fn rolled(&mut self, key: &DatastreamKey, day: Day) -> Result<bool, StoreError> {
        for level in Level::ALL {
            let shelf = self.files.shelves.rollup(level);
            let Some(name) = shelf.find(day, key.quantity) else { continue };
            let file = match self.open.entry(name) {
                std::collections::hash_map::Entry::Occupied(open) => open.into_mut(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    new.insert(unless_damaged(self.files.shelves.rollups(&name, level))?)
                }
            };
            // What cannot be read held something, and nobody can say what.
            let Some(file) = file else { return Ok(true) };
            let found = unless_damaged(file.series(key).and_then(|series| match series {
                Some(series) => file.row(series, day, day),
                None => Ok(None),
            }))?;
            let (from, to) = day.range();
            let of_day = |b: &crate::Bucket| (from..to).contains(&b.start.0);
            match found {
                Some(None) => {}
                Some(Some(row)) if row.buckets.as_ref().is_ok_and(|b| !b.iter().any(of_day)) => {}
                None | Some(Some(_)) => return Ok(true),
            }
        }
        Ok(false)
    }
}

/// `None` when it is damaged.
fn unless_damaged<T>(found: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}
