//! What the commit thread tells the rest of the program: counters that balance at every moment,
//! whether the log can be written, how long commits take.

mod pace;
mod tally;

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tram_pipeline::Counters;
use tram_store::{Kept, LogId, LogStats, Sealed};
use tram_wire::UnixMicros;

pub(crate) use pace::Pace;
pub(crate) use tally::{Class, Tally};

/// Upper bounds of the histograms' buckets, in milliseconds.
pub(crate) const BUCKETS_MS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 30_000];

/// A write of the log that takes longer is told as if it failed.
const STUCK: Duration = Duration::from_secs(2);

/// What the commit thread tells.
#[derive(Default)]
pub(crate) struct Ledger {
    inner: Mutex<Inner>,
    /// How far the alert engine's effects are on disk.
    alerts_cursor: AtomicI64,
    /// Entries the alert engine has evaluated.
    alerts_position: AtomicI64,
    /// The last entry that open pages have been told of.
    live_position: AtomicI64,
    /// How often the commit thread has turned.
    turns: AtomicU64,
    /// Acknowledgements of other replicas.
    heard: AtomicU64,
    sealing: Mutex<Sealing>,
    /// Since when a group is being written.
    writing: Mutex<Option<Instant>>,
    /// When the log's entries were committed.
    pace: Mutex<Pace>,
}

/// What the sealer has done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sealing {
    /// Everything up to here is in the files of its days.
    pub(crate) through: LogId,
    /// Readings moved.
    pub(crate) readings: u64,
    /// Readings that were there already.
    pub(crate) duplicates: u64,
    /// Bytes of chunks written.
    pub(crate) bytes: u64,
    /// Attempts that failed.
    pub(crate) failures: u64,
    /// What was rolled up, brought together and deleted.
    pub(crate) keeping: Keeping,
    /// Attempts at that which failed.
    pub(crate) keep_failures: u64,
}

/// What the keeper has done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Keeping {
    /// Readings rolled up.
    pub(crate) readings: u64,
    /// Chunks there are fewer.
    pub(crate) merged_chunks: u64,
    /// Bytes that files gave back.
    pub(crate) freed_bytes: u64,
    /// Files of readings deleted.
    pub(crate) deleted_days: u64,
    /// Files of rollups deleted.
    pub(crate) deleted_rollups: u64,
    /// Bytes of the files deleted.
    pub(crate) deleted_bytes: u64,
    /// Days of series whose rollups are lost.
    pub(crate) lost_rollups: u64,
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
    /// The transaction alone.
    pub(crate) write: Histogram,
    /// What came in and what was found in it.
    pub(crate) tally: Tally,
    /// Bytes of payload committed.
    pub(crate) committed_bytes: u64,
    /// When something was committed last.
    pub(crate) last_commit: Option<UnixMicros>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            counters: Counters::default(),
            log_state: Ok(()),
            log: LogStats::default(),
            commit: Histogram::default(),
            arrival_to_ack: Histogram::default(),
            write: Histogram::default(),
            tally: Tally::default(),
            committed_bytes: 0,
            last_commit: None,
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

    /// Whether the log can be written, and is: a write that takes long is as good as none.
    pub(crate) fn log_state(&self, now: Instant) -> Result<(), String> {
        self.inner().log_state.clone()?;
        match *self.writing() {
            Some(since) if now.duration_since(since) >= STUCK => {
                let seconds = now.duration_since(since).as_secs();
                Err(format!(
                    "the log has been writing for {seconds} s; the disk is slow, or another program holds log.db"
                ))
            }
            _ => Ok(()),
        }
    }

    /// Notes that a group is being written since a moment, or that it is not any more.
    pub(crate) fn writes(&self, since: Option<Instant>) {
        *self.writing() = since;
    }

    fn writing(&self) -> MutexGuard<'_, Option<Instant>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the counters, all at once, and adds what came in meanwhile.
    pub(crate) fn counters(&self, counters: &Counters, tally: &Tally) {
        let mut inner = self.inner();
        inner.counters = counters.clone();
        inner.tally.add(tally);
    }

    /// Notes a commit: how long it took since its first message, and how long each message
    /// waited for its acknowledgement.
    pub(crate) fn committed(&self, took: Duration, arrivals: impl Iterator<Item = Duration>) {
        let mut inner = self.inner();
        inner.commit.observe(took);
        arrivals.for_each(|d| inner.arrival_to_ack.observe(d));
    }

    /// Notes a transaction that is on disk: when, what it wrote, how long that took, and how the
    /// log stands now.
    pub(crate) fn wrote(&self, at: UnixMicros, bytes: u64, took: Duration, stats: LogStats) {
        let mut inner = self.inner();
        let before = inner.log.last;
        inner.log = stats;
        inner.write.observe(took);
        inner.committed_bytes = inner.committed_bytes.saturating_add(bytes);
        inner.last_commit = Some(at);
        drop(inner);
        if stats.last > before {
            self.pace().committed(LogId(before.0.saturating_add(1)), at);
        }
    }

    /// Notes how the log stands.
    pub(crate) fn log(&self, stats: LogStats) {
        self.inner().log = stats;
        self.pace().trimmed(stats.trimmed);
    }

    /// How long the first entry behind `position` has been in the log, while there is one.
    pub(crate) fn lag(&self, position: LogId, last: LogId, now: UnixMicros) -> Duration {
        if position >= last {
            return Duration::ZERO;
        }
        let next = LogId(position.0.saturating_add(1));
        let since = self.pace().before(next).map_or(0, |at| now.since(at));
        Duration::from_micros(u64::try_from(since).unwrap_or(0))
    }

    /// When the log's entries were committed.
    pub(crate) fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last entry that open pages have been told of.
    pub(crate) fn live(&self) -> LogId {
        LogId(self.live_position.load(Ordering::Relaxed))
    }

    /// Notes that everything that is committed now has been shown to open pages.
    pub(crate) fn shown(&self, through: LogId) {
        self.live_position.store(through.0, Ordering::Relaxed);
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

    /// How often the commit thread has turned: at least once a second while it lives.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// The commit thread turns.
    pub(crate) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// How many acknowledgements of other replicas were heard.
    pub(crate) fn heard_acks(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Counts one.
    pub(crate) fn heard(&self) {
        self.heard.fetch_add(1, Ordering::Relaxed);
    }

    /// What the sealer has done.
    pub(crate) fn sealing(&self) -> Sealing {
        *self.sealing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how far the sealer was when the program began.
    pub(crate) fn sealed_before(&self, through: LogId) {
        self.sealing.lock().unwrap_or_else(PoisonError::into_inner).through = through;
    }

    /// Notes what the sealer has moved, or that it failed.
    pub(crate) fn sealed(&self, done: Option<&Sealed>) {
        let mut all = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        match done {
            Some(done) => {
                all.through = all.through.max(done.through);
                all.readings = all.readings.saturating_add(done.readings);
                all.duplicates = all.duplicates.saturating_add(done.duplicates);
                all.bytes = all.bytes.saturating_add(done.bytes);
            }
            None => all.failures = all.failures.saturating_add(1),
        }
    }

    /// Notes what was rolled up, brought together and deleted, or that it failed.
    pub(crate) fn kept(&self, done: Option<&Kept>) {
        let mut all = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(done) = done else {
            all.keep_failures = all.keep_failures.saturating_add(1);
            return;
        };
        let sum = &mut all.keeping;
        let raw = done.deleted.iter().filter(|file| file.raw).count() as u64;
        let bytes = done.deleted.iter().map(|file| file.bytes).sum();
        for (total, n) in [
            (&mut sum.readings, done.readings),
            (&mut sum.merged_chunks, done.merged_chunks),
            (&mut sum.freed_bytes, done.freed_bytes),
            (&mut sum.deleted_days, raw),
            (&mut sum.deleted_rollups, done.deleted.len() as u64 - raw),
            (&mut sum.deleted_bytes, bytes),
            (&mut sum.lost_rollups, done.damage.as_ref().map_or(0, |d| d.lost)),
        ] {
            *total = total.saturating_add(n);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_takes_long_is_told() {
        let (ledger, start) = (Ledger::default(), crate::clock::instant());
        assert_eq!(ledger.log_state(start), Ok(()));
        ledger.writes(Some(start));
        assert_eq!(ledger.log_state(start + STUCK / 2), Ok(()));
        let told = ledger.log_state(start + STUCK * 2).unwrap_err();
        assert!(told.contains("for 4 s"), "{told}");
        ledger.writes(None);
        assert_eq!(ledger.log_state(start + STUCK * 2), Ok(()));
    }

    #[test]
    fn buckets_are_cumulative() {
        let mut histogram = Histogram::default();
        for ms in [0, 1, 3, 40, 60_000] {
            histogram.observe(Duration::from_millis(ms));
        }
        assert_eq!(histogram.at_most, [2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4]);
        assert_eq!(histogram.count, 5);
    }

    #[test]
    fn a_consumer_is_as_late_as_the_oldest_entry_it_has_not_taken() {
        let ledger = Ledger::default();
        let at = |s: i64| UnixMicros(s * 1_000_000);
        for (last, second) in [(10, 100), (20, 160), (30, 220)] {
            let stats = LogStats { last: LogId(last), ..LogStats::default() };
            ledger.wrote(at(second), 1, Duration::ZERO, stats);
        }
        let lag = |position| ledger.lag(LogId(position), LogId(30), at(300)).as_secs();
        assert_eq!([lag(0), lag(9), lag(10), lag(25), lag(30)], [200, 200, 140, 80, 0]);
    }
}
