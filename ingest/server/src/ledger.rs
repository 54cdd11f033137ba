//! What the commit thread tells the rest of the program: counters that balance at every moment,
//! whether the log can be written, how long commits take.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use tram_pipeline::Counters;
use tram_store::{LogId, LogStats};

/// Upper bounds of the histograms' buckets, in milliseconds.
pub(crate) const BUCKETS_MS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 30_000];

/// What the commit thread tells.
#[derive(Default)]
pub(crate) struct Ledger {
    inner: Mutex<Inner>,
    /// How far the alert engine's effects are on disk.
    alerts_cursor: AtomicI64,
    /// Entries the alert engine has evaluated.
    alerts_position: AtomicI64,
    /// Readings and messages the sealer has moved.
    sealed_readings: AtomicU64,
}

/// One consistent picture.
#[derive(Debug, Clone)]
pub(crate) struct Inner {
    /// What became of every reading.
    pub(crate) counters: Counters,
    /// `Ok` while the log can be written, else why not.
    pub(crate) log_state: Result<(), String>,
    /// How large the log is.
    pub(crate) log: LogStats,
    /// From the first message of a group to its place on disk.
    pub(crate) commit: Histogram,
    /// From a message's arrival to its acknowledgement.
    pub(crate) arrival_to_ack: Histogram,
    /// Messages whose topic, size or state was not for the log.
    pub(crate) messages: u64,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            counters: Counters::default(),
            log_state: Ok(()),
            log: LogStats::default(),
            commit: Histogram::default(),
            arrival_to_ack: Histogram::default(),
            messages: 0,
        }
    }
}

/// Durations by buckets, cumulative as Prometheus wants them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    /// How many were at most as long as each of [`BUCKETS_MS`].
    pub(crate) at_most: [u64; BUCKETS_MS.len()],
    /// How many there were.
    pub(crate) count: u64,
    /// Their sum.
    pub(crate) sum: Duration,
}

impl Histogram {
    /// Counts one.
    pub(crate) fn observe(&mut self, duration: Duration) {
        for (bound, n) in BUCKETS_MS.iter().zip(&mut self.at_most) {
            if duration <= Duration::from_millis(*bound) {
                *n = n.saturating_add(1);
            }
        }
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(duration);
    }
}

impl Ledger {
    /// One consistent picture.
    pub(crate) fn picture(&self) -> Inner {
        self.inner().clone()
    }

    /// Whether the log can be written.
    pub(crate) fn log_state(&self) -> Result<(), String> {
        self.inner().log_state.clone()
    }

    /// Replaces the counters, all at once.
    pub(crate) fn counters(&self, counters: &Counters, messages: u64) {
        let mut inner = self.inner();
        inner.counters = counters.clone();
        inner.messages = inner.messages.saturating_add(messages);
    }

    /// Notes a commit.
    pub(crate) fn committed(&self, took: Duration, arrivals: impl Iterator<Item = Duration>) {
        let mut inner = self.inner();
        inner.commit.observe(took);
        arrivals.for_each(|d| inner.arrival_to_ack.observe(d));
    }

    /// Notes how the log stands.
    pub(crate) fn log(&self, stats: LogStats) {
        self.inner().log = stats;
    }

    /// Notes whether the log can be written; says it once, where it changes.
    pub(crate) fn log_writable(&self, state: Result<(), String>) {
        let mut inner = self.inner();
        match (&inner.log_state, &state) {
            (Ok(()), Err(reason)) => {
                tracing::error!(reason, "nothing can be stored; the nodes keep it until it can");
            }
            (Err(_), Ok(())) => tracing::info!("the log can be written again"),
            _ => {}
        }
        inner.log_state = state;
    }

    /// How far the alert engine is: evaluated, and with its effects on disk.
    pub(crate) fn alerts(&self) -> (LogId, LogId) {
        let read = |n: &AtomicI64| LogId(n.load(Ordering::Relaxed));
        (read(&self.alerts_position), read(&self.alerts_cursor))
    }

    /// Notes how far the alert engine is.
    pub(crate) fn set_alerts(&self, position: LogId, cursor: LogId) {
        self.alerts_position.store(position.0, Ordering::Relaxed);
        self.alerts_cursor.store(cursor.0, Ordering::Relaxed);
    }

    /// How many readings the sealer has moved.
    pub(crate) fn sealed_readings(&self) -> u64 {
        self.sealed_readings.load(Ordering::Relaxed)
    }

    /// Notes what the sealer has moved.
    pub(crate) fn sealed(&self, readings: u64) {
        self.sealed_readings.fetch_add(readings, Ordering::Relaxed);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let mut histogram = Histogram::default();
        for ms in [0, 1, 3, 40, 60_000] {
            histogram.observe(Duration::from_millis(ms));
        }
        assert_eq!(histogram.at_most, [2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4]);
        assert_eq!(histogram.count, 5);
    }
}
