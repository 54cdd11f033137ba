//! The files of readings and rollups, and what is known of them without opening them.

use std::{path::Path, sync::Arc};

use tram_pipeline::DatastreamKey;

use crate::{
    Retention, StoreError,
    head::SeriesId,
    shelf::{FileName, Quantities},
    shelves::Shelves,
    stale::Stale,
    wounds::Wounds,
};

/// What answers about the past need.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) shelves: Shelves,
    /// What has to be rolled up.
    pub(crate) stale: Stale,
    /// Rollups that were found to be damaged and wait for the keeper.
    pub(crate) wounds: Wounds,
    pub(crate) retention: Retention,
}

/// Files of readings whose series have to be marked, since they lost their rollups.
pub(crate) type Unmarked = Vec<(FileName, Quantities)>;

impl Files {
    /// Looks at everything in a store's folder. `writer` says that it is ours: what a crash has
    /// left is brought in order, and folders are made. `id` gives the number of a series, `newest`
    /// is the time of the newest reading.
    pub(crate) fn open(
        dir: &Path,
        writer: bool,
        retention: Retention,
        id: impl Fn(&DatastreamKey) -> Option<SeriesId>,
        newest: i64,
    ) -> Result<(Arc<Self>, Unmarked), StoreError> {
        let wounds = Wounds::default();
        let (shelves, marked) = Shelves::open(dir, writer, &wounds)?;
        if writer {
            shelves.sweep();
        }
        let (stale, unmarked) = shelves.stale(id, newest, &retention, &marked)?;
        Ok((Arc::new(Self { shelves, stale, wounds, retention }), unmarked))
    }
}
