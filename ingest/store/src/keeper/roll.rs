//! From readings to rollups.

use tram_pipeline::DatastreamKey;
use tram_wire::UnixMicros;

use super::{Keeper, Kept};
use crate::{Bucket, StoreError, day::Day, day_file::DayFile, rollup::Level, shelf::FileName};

/// How long after its end a day is rolled up: most of what comes late has come by then.
const SETTLE_MICROS: i64 = 600_000_000;
/// The most series of one step.
const MAX_SERIES: usize = 128;
/// A step takes no further series once it has read so many readings.
const MAX_READINGS: u64 = 2_000_000;

/// The most files of readings of one step.
const MAX_FILES: usize = 8;

/// A day of a series that was read.
struct Read {
    series: i64,
    key: DatastreamKey,
    minutes: Result<Vec<Bucket>, StoreError>,
}

/// What was read of a file of readings.
struct Sheet {
    name: FileName,
    file: DayFile,
    reads: Vec<Read>,
}

impl Keeper {
    /// Rolls up some series of the oldest days that have something to do.
    pub(super) fn roll(&mut self, now: UnixMicros) -> Result<Option<Kept>, StoreError> {
        let (mut kept, mut sheets) = (Kept::default(), Vec::new());
        let over = Day(Day::of(now.0.saturating_sub(SETTLE_MICROS)).0.saturating_sub(1));
        let mut room = MAX_SERIES;
        for day in self.shared.files.stale.pending(over) {
            if room == 0 || sheets.len() >= MAX_FILES || kept.readings >= MAX_READINGS {
                break;
            }
            let (from, to) = day.range();
            let mut settled = true;
            for (name, _) in self.shared.files.shelves.raw.files(from, to) {
                if self.resting.contains_key(&name) {
                    settled = false;
                    continue;
                }
                let sheet =
                    self.attempt(name, now, |keeper| keeper.read(name, room, &mut kept.readings))?;
                if let Some(sheet) = sheet {
                    settled = false;
                    room = room.saturating_sub(sheet.reads.len());
                    sheets.push(sheet);
                }
            }
            if settled {
                self.settle(day)?;
            }
        }
        if sheets.is_empty() {
            return Ok(None);
        }
        let horizon = self.horizon(now);
        for Sheet { name, reads, .. } in &sheets {
            for Read { key, minutes, .. } in reads {
                if let Ok(minutes) = minutes
                    && !self.write(name.span.first, key, minutes, horizon)?
                {
                    // Its rollups are damaged; they are mended first.
                    self.desk.clear();
                    return Ok(Some(Kept::default()));
                }
            }
        }
        // First the rollups, then what says that they are there.
        self.desk.commit()?;
        self.shared.synced()?;
        let mut damage = Ok(());
        for sheet in sheets {
            let name = sheet.name;
            let cleared = self.attempt(name, now, |keeper| keeper.clear(sheet, &mut kept))?;
            damage = damage.and(cleared.map_or(Ok(()), Err));
        }
        damage.map(|()| Some(kept))
    }

    /// Reads what is marked in a file of readings; `None` when nothing is.
    fn read(
        &self,
        name: FileName,
        most: usize,
        readings: &mut u64,
    ) -> Result<Option<Sheet>, StoreError> {
        let file = DayFile::open_to_write(self.shared.files.shelves.path(&name))?;
        let mut reads = Vec::new();
        for (series, key) in file.marked(most)? {
            let minutes = minutes(&file, series, &key, readings);
            match minutes {
                Ok(_) | Err(StoreError::Corrupt { .. }) => {
                    reads.push(Read { series, key, minutes });
                }
                Err(e) => return Err(e),
            }
            if *readings >= MAX_READINGS {
                break;
            }
        }
        Ok((!reads.is_empty()).then_some(Sheet { name, file, reads }))
    }

    /// Puts the rollups of a day where they belong. `false` when what is there is damaged.
    fn write(
        &mut self,
        day: Day,
        key: &DatastreamKey,
        minutes: &[Bucket],
        horizon: i64,
    ) -> Result<bool, StoreError> {
        let policy = self.shared.files.retention.policy(key.quantity);
        let mut buckets = minutes.to_vec();
        for level in Level::ALL {
            buckets = coarser(&buckets, level);
            let over = level.keep(policy).over(level.file(day).range().1, horizon);
            if !over && !self.desk.put(level, key, day, &buckets)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the marks away and brings small chunks together, in one transaction. Says the first
    /// damage there was.
    fn clear(&mut self, sheet: Sheet, kept: &mut Kept) -> Result<Option<StoreError>, StoreError> {
        let Sheet { name, file, reads } = sheet;
        let (mut damage, mut done) = (None, Vec::new());
        file.begin(true)?;
        for Read { series, key, minutes } in reads {
            match minutes {
                Ok(_) => {
                    kept.merged_chunks += file.compact(series, &key)?;
                    file.clear(series)?;
                    kept.rolled += 1;
                    done.push(key);
                }
                Err(e) => {
                    file.give_up(series)?;
                    damage = damage.or(Some(e));
                }
            }
        }
        file.commit()?;
        {
            let head = self.shared.head.read();
            let ids = done.iter().filter_map(|key| head.id(key));
            self.shared.files.stale.remove(name.span.first, ids);
        }
        if !self.loose.contains(&name) {
            self.loose.push_back(name);
        }
        file.checkpoint()?;
        Ok(damage)
    }
}

/// The minutes of a day of a series, a chunk in memory at a time.
fn minutes(
    file: &DayFile,
    series: i64,
    key: &DatastreamKey,
    readings: &mut u64,
) -> Result<Vec<Bucket>, StoreError> {
    let (step, circular) = (Level::Minute.step(), key.quantity.circular());
    // What is left of one with lost chunks would say less than the rollups do.
    file.whole(series)?;
    let mut minutes: Vec<Bucket> = Vec::new();
    for row in file.chunks(series, i64::MIN, i64::MAX)? {
        let columns = file.read(&row)?;
        *readings += columns.len() as u64;
        let mut at = 0;
        while let Some(time) = columns.micros.get(at) {
            let start = Level::Minute.floor(*time);
            let end = columns.micros.partition_point(|t| *t < start.saturating_add(step));
            if minutes.last().is_none_or(|m| m.start.0 != start) {
                minutes.push(Bucket::new(start, step, circular));
            }
            if let Some(minute) = minutes.last_mut() {
                minute.add_columns(&columns, at, end);
            }
            at = end;
        }
    }
    Ok(minutes)
}

/// The same by a level that is not finer.
pub(super) fn coarser(buckets: &[Bucket], level: Level) -> Vec<Bucket> {
    let mut out: Vec<Bucket> = Vec::new();
    for bucket in buckets {
        let start = level.floor(bucket.start.0);
        match out.last_mut() {
            Some(last) if last.start.0 == start => last.join(bucket),
            _ => {
                let start = UnixMicros(start);
                out.push(Bucket { start, span: level.step(), ..*bucket });
            }
        }
    }
    out
}
