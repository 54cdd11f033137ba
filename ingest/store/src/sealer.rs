//! From the head into the files of the days.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering::Relaxed},
};

use tram_pipeline::DatastreamKey;

use crate::{
    LogId, StoreError,
    columns::Columns,
    day::Day,
    day_file::DayFile,
    head::{Frozen, SeriesId},
    past::Past,
    salvage,
    shelf::{FileName, Quantities},
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
    /// How many were left out, because the readings of their day are gone by their age already and
    /// only rollups are left, which hold what came in time.
    pub expired: u64,
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
            self.seal_day_anyway(day, &frozen, &mut sealed)?;
        }
        // A sync that failed in silence must not have the log forget what it was about.
        self.shared.synced()?;
        self.sealed = frozen.through;
        self.shared.expired.fetch_add(sealed.expired, Relaxed);
        let latest = frozen.latest.iter().copied().collect();
        self.shared.add_sealed(SealedNews { through: frozen.through, latest });
        // Only now, when the files hold it: a reader looks at the head first.
        self.shared.head.write().thaw();
        Ok(Some(sealed))
    }

    /// A file that is damaged does not keep what is new from the disk: what can be read of it is
    /// saved into a new one first.
    fn seal_day_anyway(
        &self,
        day: Day,
        frozen: &Frozen,
        sealed: &mut Sealed,
    ) -> Result<(), StoreError> {
        let before = *sealed;
        match self.seal_day(day, frozen, sealed) {
            Err(StoreError::Corrupt { path, detail })
                if path.parent().is_some_and(|dir| dir.ends_with("series")) && path.exists() =>
            {
                let writing = self.shared.write_files();
                self.shared.add_findings(salvage::save_day(self.shared.dir(), &path, &detail)?);
                self.shared.files.shelves.give_up_path(&path);
                drop(writing);
                *sealed = before;
                self.seal_day(day, frozen, sealed)
            }
            result => result,
        }
    }

    /// The readings of one day, each quantity in the file where it belongs.
    fn seal_day(&self, day: Day, frozen: &Frozen, sealed: &mut Sealed) -> Result<(), StoreError> {
        let (from, to) = day.range();
        let shared = &self.shared;
        let _writing = shared.write_files();
        let mut files: BTreeMap<FileName, Vec<Part<'_>>> = BTreeMap::new();
        for (id, key, columns) in &frozen.columns {
            let columns = columns.slice(from, to);
            if !columns.is_empty() {
                let place =
                    shared.files.shelves.raw.place(day, key.quantity, &shared.files.retention);
                files.entry(place).or_default().push(Part { id: *id, key, columns });
            }
        }
        let mut past = Past::new(&shared.files);
        for (name, parts) in files {
            self.seal_file(name, parts, &mut past, sealed)?;
        }
        Ok(())
    }

    /// One transaction for one file.
    fn seal_file(
        &self,
        name: FileName,
        mut parts: Vec<Part<'_>>,
        past: &mut Past<'_>,
        sealed: &mut Sealed,
    ) -> Result<(), StoreError> {
        let (raw, day) = (&self.shared.files.shelves.raw, name.span.first);
        let path = raw.path(&name);
        let there = path.exists().then(|| DayFile::open_to_write(path.clone())).transpose()?;
        let mut error = None;
        parts.retain(|part| match late(part, day, there.as_ref(), past) {
            Ok(late) => {
                sealed.expired += if late { part.columns.len() as u64 } else { 0 };
                !late
            }
            Err(e) => {
                error = Some(e);
                false
            }
        });
        if let Some(error) = error {
            return Err(error);
        }
        if parts.is_empty() {
            return Ok(());
        }
        let file = match there {
            Some(file) => file,
            None => DayFile::create(path)?,
        };
        file.begin(true)?;
        let (mut changed, mut quantities) = (Vec::new(), Quantities::default());
        for Part { id, key, columns } in &parts {
            let written = file.put(key, columns)?;
            sealed.duplicates += written.duplicates;
            sealed.chunks += written.chunks;
            sealed.bytes += written.bytes;
            quantities = quantities.with(Quantities::of(key.quantity));
            if written.chunks > 0 {
                changed.push(*id);
            }
        }
        file.commit()?;
        // Before the head is thawed, so that nobody takes the rollups for all there is.
        self.shared.files.stale.add(day, changed);
        raw.add(name, quantities);
        file.checkpoint()
    }
}

/// What of one series goes into a file.
struct Part<'a> {
    id: SeriesId,
    key: &'a DatastreamKey,
    columns: Columns,
}

/// Whether the readings come after those of their day were deleted.
fn late(
    part: &Part<'_>,
    day: Day,
    file: Option<&DayFile>,
    past: &mut Past<'_>,
) -> Result<bool, StoreError> {
    if let Some(file) = file
        && file.series(part.key)?.is_some()
    {
        return Ok(false);
    }
    past.gone(part.key, day)
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
