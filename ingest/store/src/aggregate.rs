//! Readings of one datastream by steps of time.

mod plan;
mod raw;
mod rolled;

use std::{collections::VecDeque, sync::Arc};

use tram_pipeline::DatastreamKey;
use tram_wire::UnixMicros;

use crate::{Bucket, History, StoreError, columns::Columns, files::Files, head::SeriesId};
use plan::Piece;
use raw::RawBuckets;
use rolled::{Broken, RolledBuckets};

/// The most ranges of [`Aggregates::missing`]; more are joined to the last.
const MAX_MISSING: usize = 64;

/// The steps of a range that hold a reading, in order of time. Ends after the first error.
///
/// Days whose rollups are up to date are answered from the coarsest ones that the step is a
/// multiple of; today, days with late readings that were not rolled up again yet, and what of a
/// minute lies outside the range from the readings themselves. The result is the same.
///
/// Where the readings are gone by their age, only rollups are left, by minutes, later by hours and
/// days. A bucket of theirs belongs to the range, and to a step, when its start does; one that is
/// longer than the step says so by its [`span`](Bucket::span).
#[derive(Debug)]
pub struct Aggregates {
    files: Arc<Files>,
    key: DatastreamKey,
    step: i64,
    /// Readings that were not sealed when this was made.
    head: Columns,
    pieces: VecDeque<Piece>,
    source: Source,
    /// The step at hand, to which the next piece may add.
    pending: Option<Bucket>,
    missing: Vec<(UnixMicros, UnixMicros)>,
    done: bool,
}

/// What the piece at hand is read from.
#[derive(Debug)]
enum Source {
    None,
    Raw(Box<RawBuckets>),
    Rolled(Box<RolledBuckets>),
}

impl Aggregates {
    /// `head` is what is not sealed of the range, taken before this; `id` is what the marks know the
    /// series by.
    pub(crate) fn new(
        files: Arc<Files>,
        key: DatastreamKey,
        id: Option<SeriesId>,
        head: Columns,
        range: (i64, i64),
        step: i64,
    ) -> Result<Self, StoreError> {
        let pieces = plan::outline(&files, &key, id, &head, range)?.into();
        Ok(Self {
            files,
            key,
            step: step.max(1),
            head,
            pieces,
            source: Source::None,
            pending: None,
            missing: Vec::new(),
            done: false,
        })
    }

    /// The ranges so far whose rollups are damaged, while the readings they were made of are gone,
    /// and those whose readings are damaged.
    #[must_use]
    pub fn missing(&self) -> &[(UnixMicros, UnixMicros)] {
        &self.missing
    }

    fn next_step(&mut self) -> Result<Option<Bucket>, StoreError> {
        while let Some(part) = self.part()? {
            match &mut self.pending {
                Some(pending) if pending.start == part.start => pending.join(&part),
                pending => {
                    if let Some(ready) = pending.replace(part) {
                        return Ok(Some(ready));
                    }
                }
            }
        }
        Ok(self.pending.take())
    }

    /// The next step of the piece at hand, or the first of the next piece.
    fn part(&mut self) -> Result<Option<Bucket>, StoreError> {
        loop {
            match &mut self.source {
                Source::None => {
                    let Some(piece) = self.pieces.pop_front() else { return Ok(None) };
                    self.enter(piece)?;
                    continue;
                }
                Source::Raw(raw) => {
                    if let Some(bucket) = raw.next_step()? {
                        return Ok(Some(bucket));
                    }
                    let missing = raw.missing().to_vec();
                    missing.into_iter().for_each(|(from, to)| self.miss(from.0, to.0));
                }
                Source::Rolled(rolled) => match rolled.next_step() {
                    Ok(Some(bucket)) => return Ok(Some(bucket)),
                    Ok(None) => {}
                    Err(Broken::Damaged(pieces)) => {
                        pieces.into_iter().rev().for_each(|p| self.pieces.push_front(p));
                    }
                    Err(Broken::Failed(e)) => return Err(e),
                },
            }
            self.source = Source::None;
        }
    }

    /// Begins with a piece, or cuts it into smaller ones.
    fn enter(&mut self, piece: Piece) -> Result<(), StoreError> {
        match piece {
            Piece::Raw { from, to } => {
                let (files, head) = (Arc::clone(&self.files), self.head.slice(from, to));
                let history = History::new(files, self.key, from, to, head);
                self.source = Source::Raw(Box::new(RawBuckets::new(history, self.step)));
            }
            Piece::Rolled { name, from, to, avoid } => {
                let files = Arc::clone(&self.files);
                let range = (from, to);
                let rolled = RolledBuckets::new(files, self.key, name, range, avoid, self.step);
                self.source = Source::Rolled(Box::new(rolled));
            }
            Piece::Missing { from, to } => self.miss(from, to),
            piece => {
                let pieces = plan::refine(&self.files, &self.key, self.step, piece)?;
                pieces.into_iter().rev().for_each(|p| self.pieces.push_front(p));
            }
        }
        Ok(())
    }

    fn miss(&mut self, from: i64, to: i64) {
        let full = self.missing.len() >= MAX_MISSING;
        match self.missing.last_mut() {
            Some(last) if full || last.1.0 == from => last.1 = UnixMicros(to),
            _ => self.missing.push((UnixMicros(from), UnixMicros(to))),
        }
    }
}

/// The start of the step that `time` is in.
fn start_of(time: i64, step: i64) -> i64 {
    time.div_euclid(step).saturating_mul(step)
}

impl Iterator for Aggregates {
    type Item = Result<Bucket, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let bucket = self.next_step();
        self.done = !matches!(bucket, Ok(Some(_)));
        bucket.transpose()
    }
}
