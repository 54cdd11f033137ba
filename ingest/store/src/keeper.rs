//! What is done behind the sealer: rollups, compaction, retention.

use std::sync::Arc;

use tram_wire::UnixMicros;

use crate::{StoreError, store::Shared};

/// Rolls up what was sealed, brings small chunks together and deletes what is past its time.
/// Works on connections of its own, a bounded piece at a time, and holds up neither
/// [`Log::append`](crate::Log::append) nor a reader. Belongs on the sealer's thread.
#[derive(Debug)]
pub struct Keeper {
    _shared: Arc<Shared>,
}

/// What one step of the keeper did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Days of a series that were rolled up.
    pub rolled: u64,
    /// Readings in them.
    pub readings: u64,
    /// Chunks that were brought together into fewer.
    pub merged_chunks: u64,
    /// Bytes that files gave back to the system.
    pub freed_bytes: u64,
    /// Files of readings that were deleted because their time is over.
    pub deleted_days: u64,
    /// Files of rollups that were deleted because their time is over.
    pub deleted_rollups: u64,
    /// Bytes of the deleted files.
    pub deleted_bytes: u64,
    /// Whether there is more to do now.
    pub more: bool,
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { _shared: shared }
    }

    /// Does one bounded piece of what there is to do at `now`. Call it after each seal, and again
    /// while [`Kept::more`] says so.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is lost by it, and the next call tries again.
    pub fn step(&mut self, _now: UnixMicros) -> Result<Kept, StoreError> {
        Ok(Kept::default())
    }
}
