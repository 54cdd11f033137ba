//! What is done behind the sealer: rollups, compaction, retention.

mod desk;
mod expire;
mod mend;
mod roll;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fs::{File, OpenOptions, TryLockError},
    path::PathBuf,
    sync::Arc,
};

use tram_pipeline::DatastreamKey;
use tram_wire::UnixMicros;

use crate::{
    StoreError,
    day::{DAY_MICROS, Day},
    day_file::DayFile,
    error::wrap_io,
    shelf::{FileName, Quantities},
    store::Shared,
};
use desk::Desk;
use mend::Repair;

/// How long a file that could not be worked on is left alone.
const REST_MICROS: i64 = 600_000_000;

/// Rolls up what was sealed, brings small chunks together and deletes what is past its time.
/// Works on connections of its own, a bounded piece at a time, and holds up neither
/// [`Log::append`](crate::Log::append) nor a reader; the sealer waits for one piece at most.
/// Whatever moment it is interrupted at, the next call does the same piece again.
///
/// While another process, or another part of this one, has a lock on `rollup/lock`, it does
/// nothing: so a backup sees files that belong together.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    /// Files of readings whose series have to be marked, since they lost their rollups.
    unmarked: VecDeque<(FileName, Quantities)>,
    repair: Option<Repair>,
    desk: Desk,
    /// Files that may have free pages.
    loose: VecDeque<FileName>,
    /// Until when a file is left alone.
    resting: HashMap<FileName, UnixMicros>,
    turn: Option<File>,
}

/// What one step of the keeper did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// Days of a series that were rolled up.
    pub rolled: u64,
    /// Readings in them.
    pub readings: u64,
    /// How many chunks there are fewer, because small ones were brought together.
    pub merged_chunks: u64,
    /// Bytes that files gave back to the system.
    pub freed_bytes: u64,
    /// Files that were deleted because the time of all they held is over.
    pub deleted: Vec<Deleted>,
    /// Damage that was seen to.
    pub damage: Option<Damage>,
    /// Whether there is more to do now.
    pub more: bool,
    /// Whether it did nothing because somebody holds `rollup/lock`.
    pub held: bool,
}

/// A file that was deleted because the time of all it held is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Its name.
    pub path: PathBuf,
    /// How large it was.
    pub bytes: u64,
    /// Whether it held readings; else, rollups.
    pub raw: bool,
}

/// Rollups that were damaged and are not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where they are.
    pub path: PathBuf,
    /// Whose they are, when it is one row.
    pub key: Option<DatastreamKey>,
    /// Where a damaged file was put aside.
    pub aside: Option<PathBuf>,
    /// Days of a series that are rolled up again from their readings.
    pub again: u64,
    /// Days of a series that were taken from finer rollups.
    pub rebuilt: u64,
    /// Days of a series whose rollups of this level are gone for good.
    pub lost: u64,
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>, unmarked: Vec<(FileName, Quantities)>) -> Self {
        Self {
            desk: Desk::new(Arc::clone(&shared)),
            shared,
            unmarked: unmarked.into(),
            repair: None,
            loose: VecDeque::new(),
            resting: HashMap::new(),
            turn: None,
        }
    }

    /// Does one bounded piece of what there is to do at `now`. Call it after each seal, and again
    /// while [`Kept::more`] says so.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is lost by it, and the next call goes on with something else. One
    /// that is [`Corrupt`](StoreError::Corrupt) is told once.
    pub fn step(&mut self, now: UnixMicros) -> Result<Kept, StoreError> {
        if !self.take_turn()? {
            self.desk.clear();
            return Ok(Kept { held: true, ..Kept::default() });
        }
        let done = self.work(now);
        if done.is_err() {
            // Whatever was begun is undone with the connections.
            self.desk.clear();
        }
        if let Some(turn) = &self.turn {
            // Unlocking fails only for a file that is no file.
            let _ = turn.unlock();
        }
        done
    }

    /// The first thing there is to do.
    fn work(&mut self, now: UnixMicros) -> Result<Kept, StoreError> {
        self.shared.synced()?;
        let shared = Arc::clone(&self.shared);
        let _writing = shared.write_files();
        self.resting.retain(|_, until| *until > now);
        let kept = match self.mend(now)? {
            Some(kept) => Some(kept),
            None => match self.mark_next(now)? {
                Some(kept) => Some(kept),
                None => match self.roll(now)? {
                    Some(kept) => Some(kept),
                    None => match self.expire(now)? {
                        Some(kept) => Some(kept),
                        None => self.shrink(now)?,
                    },
                },
            },
        };
        if kept.is_none() {
            self.desk.finish()?;
        }
        Ok(kept.map(|kept| Kept { more: true, ..kept }).unwrap_or_default())
    }

    /// Whether nobody else wants the files to stand still.
    fn take_turn(&mut self) -> Result<bool, StoreError> {
        let path = self.shared.dir().join("rollup").join("lock");
        let turn = match &self.turn {
            Some(turn) => turn,
            None => {
                let mut options = OpenOptions::new();
                options.create(true).truncate(false).write(true);
                self.turn.insert(options.open(&path).map_err(|e| wrap_io(&path, &e))?)
            }
        };
        match turn.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(e)) => Err(wrap_io(&path, &e)),
        }
    }

    /// The time that ages are reckoned from: never more than a day after the newest reading, so
    /// that a clock that runs wild deletes nothing.
    fn horizon(&self, now: UnixMicros) -> i64 {
        let newest = self.shared.head.read().latest().map(|l| l.time.0).max();
        newest.map_or(now.0, |newest| now.0.min(newest.saturating_add(DAY_MICROS)))
    }

    /// Works on a file; leaves it alone for a while when that fails.
    fn attempt<T>(
        &mut self,
        name: FileName,
        now: UnixMicros,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = work(self);
        if done.is_err() {
            self.resting.insert(name, now.plus(REST_MICROS));
        }
        done
    }

    /// Marks the series of one file that lost their rollups.
    fn mark_next(&mut self, now: UnixMicros) -> Result<Option<Kept>, StoreError> {
        let ready = |(name, _): &(FileName, _)| !self.resting.contains_key(name);
        let Some(at) = self.unmarked.iter().position(ready) else { return Ok(None) };
        let Some((name, quantities)) = self.unmarked.get(at).copied() else { return Ok(None) };
        self.attempt(name, now, |keeper| {
            let path = keeper.shared.files.shelves.raw.path(&name);
            if path.exists() {
                let file = DayFile::open_to_write(path)?;
                file.begin(true)?;
                file.mark_all(quantities)?;
                file.commit()?;
                let marked = file.stale()?;
                let head = keeper.shared.head.read();
                let ids = marked.iter().filter_map(|(_, key)| head.id(key));
                keeper.shared.files.stale.add(name.span.first, ids);
            }
            Ok(())
        })?;
        self.unmarked.remove(at);
        Ok(Some(Kept::default()))
    }

    /// Notes that nothing more is to be done on a day, but for what was given up.
    fn settle(&self, day: Day) -> Result<(), StoreError> {
        let raw = &self.shared.files.shelves.raw;
        let (from, to) = day.range();
        let mut given_up = HashSet::new();
        for (name, _) in raw.files(from, to) {
            let stale = match self.shared.files.shelves.day(&name).and_then(|file| file.stale()) {
                Ok(stale) => stale,
                Err(StoreError::Corrupt { .. }) => continue,
                Err(e) => return Err(e),
            };
            let head = self.shared.head.read();
            given_up.extend(stale.iter().filter_map(|(_, key)| head.id(key)));
        }
        self.shared.files.stale.settle(day, given_up);
        Ok(())
    }

    /// Gives back free pages of a file.
    fn shrink(&mut self, now: UnixMicros) -> Result<Option<Kept>, StoreError> {
        const PAGES: u64 = 1024;
        while let Some(name) = self.loose.front().copied() {
            let path = self.shared.files.shelves.path(&name);
            if !path.exists() {
                self.loose.pop_front();
                continue;
            }
            let shrunk = self.attempt(name, now, |_| {
                let file = DayFile::open_to_write(path)?;
                let shrunk = file.shrink(PAGES)?;
                file.checkpoint()?;
                Ok(shrunk)
            });
            let (freed_bytes, more) = shrunk.inspect_err(|_| {
                self.loose.pop_front();
            })?;
            if !more {
                self.loose.pop_front();
            }
            if freed_bytes > 0 {
                return Ok(Some(Kept { freed_bytes, ..Kept::default() }));
            }
        }
        Ok(None)
    }
}
