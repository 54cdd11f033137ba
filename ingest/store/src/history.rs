//! The readings of one datastream over a range of time.

use std::{collections::VecDeque, path::PathBuf, sync::Arc};

use tram_pipeline::DatastreamKey;
use tram_wire::{Quality, UnixMicros};

use crate::{
    StoreError,
    columns::Columns,
    day_file::{ChunkRow, DayFile},
    files::Files,
    summary::Summary,
};

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Event time.
    pub time: UnixMicros,
    /// Value in counts of the quantity; `None` when the sensor gave nothing.
    pub value: Option<i64>,
    /// How good it is.
    pub quality: Quality,
}

/// The readings of one datastream in order of time, each time once. Holds one chunk of some 3600
/// readings and what of the head is in the range, and of a day's file one state. Ends after the
/// first error.
#[derive(Debug)]
pub struct History {
    key: DatastreamKey,
    from: i64,
    /// Exclusive.
    to: i64,
    all: Arc<Files>,
    files: VecDeque<PathBuf>,
    day: Option<OpenDay>,
    /// Readings of the chunk at hand, and how many of them are out.
    sealed: Columns,
    sealed_at: usize,
    /// Readings that were not sealed when this was made.
    head: Columns,
    head_at: usize,
    done: bool,
}

#[derive(Debug)]
struct OpenDay {
    file: DayFile,
    chunks: VecDeque<ChunkRow>,
}

impl History {
    /// `head` must have been taken before: what is sealed between the two is in both, and given
    /// once.
    pub(crate) fn new(
        all: Arc<Files>,
        key: DatastreamKey,
        from: i64,
        to: i64,
        head: Columns,
    ) -> Self {
        let raw = &all.shelves.raw;
        let names = raw.with(key.quantity, from, to);
        let files = names.iter().map(|name| raw.path(name)).collect();
        Self {
            all,
            key,
            from,
            to,
            files,
            day: None,
            sealed: Columns::default(),
            sealed_at: 0,
            head,
            head_at: 0,
            done: false,
        }
    }

    fn step(&mut self) -> Result<Option<Reading>, StoreError> {
        while self.sealed_at >= self.sealed.len() {
            let Some(chunk) = self.front_chunk()? else { break };
            self.pop_chunk();
            self.load(&chunk)?;
        }
        let (sealed, head) = (self.sealed.get(self.sealed_at), self.head.get(self.head_at));
        match (sealed, head) {
            (Some(s), Some(h)) if h.time < s.time => {
                self.head_at += 1;
                Ok(Some(h))
            }
            (Some(s), h) => {
                self.sealed_at += 1;
                if h.is_some_and(|h| h.time == s.time) {
                    self.head_at += 1;
                }
                Ok(Some(s))
            }
            (None, h) => {
                self.head_at += 1;
                Ok(h)
            }
        }
    }

    /// The next chunk that has something of the range, without reading it.
    fn front_chunk(&mut self) -> Result<Option<ChunkRow>, StoreError> {
        loop {
            if let Some(chunk) = self.day.as_ref().and_then(|d| d.chunks.front()) {
                return Ok(Some(*chunk));
            }
            let Some(path) = self.files.pop_front() else {
                self.day = None;
                return Ok(None);
            };
            if !path.exists() {
                // Its time was over in the meantime.
                continue;
            }
            let file = self.all.shelves.day_at(&path)?;
            file.begin(false)?;
            let chunks = match file.series(&self.key)? {
                Some(series) => file.chunks(series, self.from, self.to.saturating_sub(1))?,
                None => Vec::new(),
            };
            self.day = Some(OpenDay { file, chunks: chunks.into() });
        }
    }

    fn pop_chunk(&mut self) {
        if let Some(day) = &mut self.day {
            day.chunks.pop_front();
        }
    }

    fn load(&mut self, chunk: &ChunkRow) -> Result<(), StoreError> {
        let Some(day) = &self.day else { return Ok(()) };
        self.sealed = day.file.read(chunk)?;
        self.sealed_at = self.sealed.micros.partition_point(|t| *t < self.from);
        let end = self.sealed.micros.partition_point(|t| *t < self.to);
        self.sealed.micros.truncate(end);
        Ok(())
    }

    /// Whether the values are directions.
    pub(crate) fn circular(&self) -> bool {
        self.key.quantity.circular()
    }

    /// A time that no reading still to come is before; `None` at the end. Reads no chunk.
    pub(crate) fn peek(&mut self) -> Result<Option<i64>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let sealed = match self.sealed.micros.get(self.sealed_at) {
            Some(time) => Some(*time),
            None => self.front_chunk()?.map(|c| c.summary.first.max(self.from)),
        };
        let head = self.head.micros.get(self.head_at).copied();
        Ok(sealed.into_iter().chain(head).min())
    }

    /// The summary of the next chunk, when all that comes next is that chunk, whole, within one
    /// step of time. The chunk is then passed over.
    pub(crate) fn pass_chunk(&mut self, step: i64) -> Result<Option<Summary>, StoreError> {
        if self.done || self.sealed_at < self.sealed.len() {
            return Ok(None);
        }
        let Some(ChunkRow { summary: s, .. }) = self.front_chunk()? else { return Ok(None) };
        let alone = self.head.micros.get(self.head_at).is_none_or(|t| *t > s.last);
        let whole = s.first >= self.from && s.last < self.to;
        let one_step = s.first.div_euclid(step) == s.last.div_euclid(step);
        if whole && alone && one_step && (s.sum.is_some() || s.vector.is_some() || s.usable == 0) {
            self.pop_chunk();
            return Ok(Some(s));
        }
        Ok(None)
    }
}

impl Iterator for History {
    type Item = Result<Reading, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step();
        self.done = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}
