//! From the head into the files of the days.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    LogId, StoreError,
    day::Day,
    day_file::DayFile,
    head::Frozen,
    store::{SealedNews, Shared},
};

/// Moves readings from the head into compressed chunks. Works on connections of its own, so it
/// may run on a thread of its own beside [`Log::append`](crate::Log::append).
#[derive(Debug)]
pub struct Sealer {
    shared: Arc<Shared>,
    sealed: LogId,
}

/// What one run of the sealer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sealed {
    /// Everything up to this entry of the log is in the files of its days.
    pub through: LogId,
    /// How many readings were in the head.
    pub readings: u64,
    /// How many of them were there already, as after a crash before the cursor was written.
    pub duplicates: u64,
    /// How many chunks were written.
    pub chunks: u64,
    /// Bytes of the chunks written.
    pub bytes: u64,
}

impl Sealer {
    pub(crate) fn new(shared: Arc<Shared>, sealed: LogId) -> Self {
        Self { shared, sealed }
    }

    /// Whether the head or the log has grown enough to be worth sealing.
    #[must_use]
    pub fn due(&self) -> bool {
        let (readings, bytes) = self.shared.head.read().unfrozen();
        let options = &self.shared.options;
        readings >= options.seal_readings || bytes >= options.seal_log_bytes
    }

    /// Seals everything the head holds now. `None` when the log has not grown since. The log
    /// learns of it with the next [`Log::maintain`](crate::Log::maintain).
    ///
    /// # Errors
    /// [`StoreError`]; the readings stay in the head and in the log, and the next call tries
    /// again.
    pub fn seal(&mut self) -> Result<Option<Sealed>, StoreError> {
        self.shared.synced()?;
        let frozen = self.shared.head.write().freeze(self.sealed);
        let Some(frozen) = frozen else { return Ok(None) };
        let mut sealed =
            Sealed { through: frozen.through, readings: frozen.readings, ..Sealed::default() };
        for day in days_of(&frozen) {
            self.seal_day(day, &frozen, &mut sealed)?;
        }
        // A sync that failed in silence must not have the log forget what it was about.
        self.shared.synced()?;
        self.sealed = frozen.through;
        let latest = frozen.latest.iter().copied().collect();
        self.shared.add_sealed(SealedNews { through: frozen.through, latest });
        // Only now, when the files hold it: a reader looks at the head first.
        self.shared.head.write().thaw();
        Ok(Some(sealed))
    }

    /// One transaction for one day.
    fn seal_day(&self, day: Day, frozen: &Frozen, sealed: &mut Sealed) -> Result<(), StoreError> {
        let (from, to) = day.range();
        let file = DayFile::create(&self.shared.series_dir(), day)?;
        file.begin(true)?;
        for (_, key, columns) in &frozen.columns {
            let written = file.put(key, &columns.slice(from, to))?;
            sealed.duplicates += written.duplicates;
            sealed.chunks += written.chunks;
            sealed.bytes += written.bytes;
        }
        file.commit()?;
        file.checkpoint()
    }
}

fn days_of(frozen: &Frozen) -> BTreeSet<Day> {
    let mut days = BTreeSet::new();
    for (_, _, columns) in &frozen.columns {
        // Settled, so the days come in order and each is looked up once.
        let mut at = 0;
        while let Some(time) = columns.micros.get(at) {
            let day = Day::of(*time);
            days.insert(day);
            at = columns.micros.partition_point(|t| *t < day.range().1);
        }
    }
    days
}
