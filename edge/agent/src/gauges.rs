//! How the node is, for its log.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tracing::info;
use tram_journal::Journal;
use tram_wire::UptimeMicros;

use crate::{
    clock::monotonic,
    condition::Condition,
    publisher::{SharedSpool, lock},
};

/// How the node is, for its log.
pub(crate) struct Gauges {
    pub(crate) spool: SharedSpool,
    pub(crate) condition: Arc<Condition>,
    pub(crate) journal: Journal,
    /// When the program began.
    pub(crate) since: UptimeMicros,
}

impl Gauges {
    /// Says it.
    pub(crate) fn say(&self) {
        let stats = lock(&self.spool).stats();
        let counted = |n: &AtomicU64| n.load(Ordering::Relaxed);
        info!(
            readings = counted(&self.condition.readings_total),
            missed = counted(&self.condition.missed_total),
            failed = self.condition.failed_total(),
            waiting = stats.held,
            spool_bytes = stats.bytes,
            written_bytes_a_day = stats.written_a_day(monotonic().since(self.since)),
            thinned = stats.thinned_readings_total,
            evicted = stats.evicted_readings_total,
            not_written = stats.not_written_readings_total,
            lines_kept_back = self.journal.kept_back(),
            "so far"
        );
        self.journal.report();
    }
}
