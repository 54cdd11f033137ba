//! Steps of time from rollups.

use std::sync::Arc;

use tram_pipeline::DatastreamKey;

use super::{plan::Piece, start_of};
use crate::{
    Bucket, StoreError,
    day::Day,
    files::Files,
    rollup::{Level, Levels, RollupFile},
    shelf::{FileName, Quantities, Tier},
    wounds::Wound,
};

/// The steps of a part of a file of rollups. Holds the buckets of one row.
#[derive(Debug)]
pub(super) struct RolledBuckets {
    files: Arc<Files>,
    key: DatastreamKey,
    name: FileName,
    level: Level,
    /// What begins from here on belongs to it, and what begins
    from: i64,
    /// from here on does not.
    to: i64,
    avoid: Levels,
    step: i64,
    /// The file and the number of the series in it.
    open: Option<(RollupFile, Option<i64>)>,
    /// What comes next begins from here on.
    cursor: i64,
    row: std::vec::IntoIter<Bucket>,
    /// The first bucket of the next step.
    ahead: Option<Bucket>,
}

/// Why it does not go on.
#[derive(Debug)]
pub(super) enum Broken {
    /// The rollups are damaged; these pieces stand for the rest.
    Damaged(Vec<Piece>),
    Failed(StoreError),
}

impl RolledBuckets {
    pub(super) fn new(
        files: Arc<Files>,
        key: DatastreamKey,
        name: FileName,
        (from, to): (i64, i64),
        avoid: Levels,
        step: i64,
    ) -> Self {
        let level = match name.tier {
            Tier::Rollup(level) => level,
            // Never asked for.
            Tier::Raw => Level::Minute,
        };
        Self {
            files,
            key,
            name,
            level,
            from,
            to,
            avoid,
            step,
            open: None,
            cursor: from,
            row: Vec::new().into_iter(),
            ahead: None,
        }
    }

    pub(super) fn next_step(&mut self) -> Result<Option<Bucket>, Broken> {
        let mut step: Option<Bucket> = None;
        loop {
            let bucket = match self.ahead.take().map_or_else(|| self.bucket(), |b| Ok(Some(b))) {
                Ok(bucket) => bucket,
                // First what came before the damage; the next call finds it again.
                Err(Broken::Damaged(_)) if step.is_some() => return Ok(step),
                Err(e) => return Err(e),
            };
            let Some(mut bucket) = bucket else { return Ok(step) };
            let start = start_of(bucket.start.0, self.step);
            match &mut step {
                Some(step) if step.start.0 == start => step.join(&bucket),
                Some(_) => {
                    self.ahead = Some(bucket);
                    return Ok(step);
                }
                None => {
                    bucket.start.0 = start;
                    bucket.span = bucket.span.max(self.step);
                    step = Some(bucket);
                }
            }
        }
    }

    /// The next bucket whose start is in the range.
    fn bucket(&mut self) -> Result<Option<Bucket>, Broken> {
        loop {
            match self.row.next() {
                Some(bucket) if bucket.start.0 < self.from => {}
                Some(bucket) if bucket.start.0 >= self.to => self.cursor = self.to,
                Some(bucket) => return Ok(Some(bucket)),
                None if self.cursor >= self.to => return Ok(None),
                None => self.next_row()?,
            }
        }
    }

    /// Reads the next row.
    fn next_row(&mut self) -> Result<(), Broken> {
        let (from, to) = (Day::of(self.cursor), Day::of(self.to.saturating_sub(1)));
        let row = match self.open_file().and_then(|(file, series)| match series {
            Some(series) => file.row(*series, from, to),
            None => Ok(None),
        }) {
            Ok(row) => row,
            Err(e) => return Err(self.broken(e, None)),
        };
        let Some(row) = row else {
            self.cursor = self.to;
            return Ok(());
        };
        match row.buckets {
            Ok(buckets) => {
                self.cursor = row.span.range().1;
                self.row = buckets.into_iter();
                Ok(())
            }
            Err(e) => Err(self.broken(e, Some(row.span.range()))),
        }
    }

    fn open_file(&mut self) -> Result<&(RollupFile, Option<i64>), StoreError> {
        let opened = match self.open.take() {
            Some(opened) => opened,
            None => {
                let file = self.files.shelves.rollups(&self.name, self.level)?;
                let series = file.series(&self.key)?;
                (file, series)
            }
        };
        Ok(self.open.insert(opened))
    }

    /// What stands for the rest when a row, or without one the file, cannot be read.
    fn broken(&self, error: StoreError, row: Option<(i64, i64)>) -> Broken {
        let gone = !self.files.shelves.path(&self.name).exists();
        if !gone && !matches!(error, StoreError::Corrupt { .. }) {
            return Broken::Failed(error);
        }
        let avoid = self.avoid.with(self.level);
        let Some((start, end)) = row else {
            if !gone {
                self.wound(Wound::File {
                    name: self.name,
                    quantities: Quantities::of(self.key.quantity),
                });
            }
            return Broken::Damaged(vec![Piece::Fine { from: self.cursor, to: self.to, avoid }]);
        };
        let (start, end) = (start.max(self.cursor), end.min(self.to));
        self.wound(Wound::Row { name: self.name, key: self.key, day: Day::of(start) });
        let mut pieces = vec![Piece::Fine { from: start, to: end, avoid }];
        if end < self.to {
            let (name, avoid) = (self.name, self.avoid);
            pieces.push(Piece::Rolled { name, from: end, to: self.to, avoid });
        }
        Broken::Damaged(pieces)
    }

    fn wound(&self, wound: Wound) {
        self.files.wounds.add(wound);
    }
}
