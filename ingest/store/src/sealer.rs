//! From the head into the files of the days.

use crate::{LogId, StoreError};

/// Moves readings from the head into compressed chunks. Works on connections of its own, so it
/// may run on a thread of its own beside [`Log::append`](crate::Log::append).
#[derive(Debug)]
pub struct Sealer {}

/// What one run of the sealer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sealed {
    /// Everything up to this entry of the log is in the files of its days.
    pub through: LogId,
    /// How many readings were in the head.
    pub readings: u64,
    /// How many of them were there already.
    pub duplicates: u64,
    /// How many chunks were written.
    pub chunks: u64,
    /// Bytes of the chunks written.
    pub bytes: u64,
}

impl Sealer {
    /// Whether the head or the log has grown enough to be worth sealing.
    #[must_use]
    pub fn due(&self) -> bool {
        false
    }

    /// Seals everything the head holds now. `None` when it holds nothing.
    ///
    /// # Errors
    /// [`StoreError`]; the readings stay in the head and in the log, and the next call tries
    /// again.
    pub fn seal(&mut self) -> Result<Option<Sealed>, StoreError> {
        Ok(None)
    }
}
