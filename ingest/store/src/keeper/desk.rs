//! The files of rollups that are being written.

use std::{collections::HashMap, sync::Arc};

use tram_pipeline::DatastreamKey;
use tram_wire::Quantity;

use crate::{
    Bucket, StoreError,
    day::Day,
    rollup::{Level, RollupFile},
    shelf::{FileName, Quantities},
    store::Shared,
    wounds::Wound,
};

/// Open files of rollups, each in a transaction from its first change to [`commit`](Self::commit).
#[derive(Debug)]
pub(super) struct Desk {
    shared: Arc<Shared>,
    open: HashMap<FileName, Open>,
}

#[derive(Debug)]
struct Open {
    file: RollupFile,
    /// What the transaction brings in, while there is one.
    changing: Option<Vec<(Quantity, Day)>>,
}

impl Desk {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, open: HashMap::new() }
    }

    /// Closes the files when all is committed, each whole without its write-ahead log.
    pub(super) fn finish(&mut self) -> Result<(), StoreError> {
        for (_, open) in self.open.drain() {
            open.file.checkpoint()?;
        }
        Ok(())
    }

    /// Closes the files; what was not committed is undone.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    /// Puts a day of a series in the place of what is there. `false` when the rollups that it
    /// belongs to are damaged, which is noted.
    pub(super) fn put(
        &mut self,
        level: Level,
        key: &DatastreamKey,
        day: Day,
        buckets: &[Bucket],
    ) -> Result<bool, StoreError> {
        let shelf = self.shared.files.shelves.rollup(level);
        let name = shelf.place(day, key.quantity, &self.shared.files.retention);
        let put = self.enter(name, level).and_then(|open| {
            if open.changing.is_none() {
                open.file.begin()?;
            }
            open.changing.get_or_insert_default().push((key.quantity, day));
            open.file.put(key, day, buckets)
        });
        match put {
            Ok(()) => Ok(true),
            Err(StoreError::Corrupt { .. }) => {
                self.note(name, key, day);
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }

    fn enter(&mut self, name: FileName, level: Level) -> Result<&mut Open, StoreError> {
        match self.open.entry(name) {
            std::collections::hash_map::Entry::Occupied(open) => Ok(open.into_mut()),
            std::collections::hash_map::Entry::Vacant(new) => {
                let path = self.shared.files.shelves.path(&name);
                let file = RollupFile::create(path, level, name.span)?;
                Ok(new.insert(Open { file, changing: None }))
            }
        }
    }

    /// Notes what is damaged: a row, or if it is not that, the file.
    fn note(&self, name: FileName, key: &DatastreamKey, day: Day) {
        let row = self.open.get(&name).and_then(|open| {
            let series = open.file.series(key).ok()??;
            open.file.row(series, day, day).ok()?
        });
        let wound = match row {
            Some(row) if row.buckets.is_err() => Wound::Row { name, key: *key, day },
            _ => Wound::File { name, quantities: Quantities::of(key.quantity) },
        };
        self.shared.files.wounds.add(wound);
    }

    /// Ends the transactions; all of it is on disk when it returns.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        for (name, open) in &mut self.open {
            let Some(changes) = open.changing.take() else { continue };
            open.file.commit()?;
            let shelves = &self.shared.files.shelves;
            for (quantity, day) in changes {
                shelves.shelf(name.tier).add(*name, Quantities::of(quantity));
                shelves.rolled(quantity, day);
            }
        }
        Ok(())
    }
}
