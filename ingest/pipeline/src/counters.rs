//! What became of every reading.

use crate::{DeferReason, Reason};

/// Readings by what became of them, since the program started. At every moment
/// `received = stored + duplicate + quarantined + pending`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// Every reading that came in, unless its message was deferred.
    pub received: u64,
    /// On disk in the log.
    pub stored: u64,
    /// Dropped because a copy is stored or about to be.
    pub duplicate: u64,
    /// Accepted or refused, and on the way to the disk.
    pub pending: u64,
    /// Spools and boots forgotten because a node had more than it may; see
    /// [`MAX_SPOOLS_PER_NODE`](crate::MAX_SPOOLS_PER_NODE).
    pub forgotten: u64,
    deferred: [u64; DeferReason::ALL.len()],
    quarantined: [u64; Reason::ALL.len()],
}

impl Counters {
    /// Readings on disk in the quarantine for this reason.
    #[must_use]
    pub fn quarantined(&self, reason: Reason) -> u64 {
        self.quarantined.get(reason as usize).copied().unwrap_or(0)
    }

    /// Readings on disk in the quarantine for any reason.
    #[must_use]
    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.iter().sum()
    }

    /// Messages that were deferred for this reason; their readings are not received, and the node
    /// sends them again.
    #[must_use]
    pub fn deferred(&self, reason: DeferReason) -> u64 {
        self.deferred.get(reason as usize).copied().unwrap_or(0)
    }

    /// Whether nothing is unaccounted for. False is a defect of this crate.
    #[must_use]
    pub fn balanced(&self) -> bool {
        self.received == self.stored + self.duplicate + self.quarantined_total() + self.pending
    }

    pub(crate) fn quarantine(&mut self, reason: Reason, readings: u64) {
        if let Some(n) = self.quarantined.get_mut(reason as usize) {
            *n += readings;
        }
    }

    pub(crate) fn defer(&mut self, reason: DeferReason) {
        if let Some(n) = self.deferred.get_mut(reason as usize) {
            *n += 1;
        }
    }
}
