//! How the node is, for its log.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tracing::info;
use tram_journal::Journal;
use tram_spool::Stats;
use tram_wire::UptimeMicros;

use crate::{
    clock::monotonic,
    publisher::{SharedSpool, lock},
    sampler::Counters,
};

/// How the node is, for its log.
pub(crate) struct Gauges {
    pub(crate) spool: SharedSpool,
    pub(crate) counters: Arc<Counters>,
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
            readings = counted(&self.counters.readings_total),
            missed = counted(&self.counters.missed_total),
            failed = counted(&self.counters.failed_total),
            waiting = stats.held,
            spool_bytes = stats.bytes,
            written_bytes_a_day = written_a_day(stats, monotonic().since(self.since)),
            thinned = stats.thinned_readings_total,
            evicted = stats.evicted_readings_total,
            not_written = stats.not_written_readings_total,
            lines_kept_back = self.journal.kept_back(),
            "so far"
        );
        self.journal.report();
    }
}

/// What the spool writes to the card in a day at the rate of this run.
fn written_a_day(stats: Stats, micros: u64) -> u64 {
    const DAY_US: u128 = 86_400_000_000;
    let bytes = u128::from(stats.written_bytes_total) * DAY_US / u128::from(micros.max(1));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
