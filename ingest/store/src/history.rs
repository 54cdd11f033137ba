//! The readings of one datastream over a range of time.

use std::{collections::VecDeque, path::Path, sync::Arc};

use tram_pipeline::DatastreamKey;
use tram_wire::{Quality, UnixMicros};

use crate::{
    Bucket, StoreError,
    columns::Columns,
    day_file::{ChunkRow, DayFile},
    files::Files,
    shelf::{FileName, Quantities},
    summary::Summary,
    wounds::Wound,
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

/// The most ranges of [`History::missing`]; more are joined to the last.
const MAX_MISSING: usize = 64;

/// The readings of one datastream in order of time, each time once. Holds one chunk of some 3600
/// readings and what of the head is in the range, and of a day's file one state. Passes over what
/// is damaged and goes on behind it; ends after the first error of another kind.
#[derive(Debug)]
pub struct History {
    key: DatastreamKey,
    from: i64,
    /// Exclusive.
    to: i64,
    all: Arc<Files>,
    files: VecDeque<FileName>,
    day: Option<OpenDay>,
    /// Readings of the chunk at hand, and how many of them are out.
    sealed: Columns,
    sealed_at: usize,
    /// Readings that were not sealed when this was made.
    head: Columns,
    head_at: usize,
    missing: Vec<(UnixMicros, UnixMicros)>,
    done: bool,
}

#[derive(Debug)]
struct OpenDay {
    name: FileName,
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
        let files = raw.with(key.quantity, from, to).into_iter().collect();
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
            missing: Vec::new(),
            done: false,
        }
    }

    /// The ranges passed over so far because what holds them is damaged; whether there was a
    /// reading in them, nobody can tell.
    #[must_use]
    pub fn missing(&self) -> &[(UnixMicros, UnixMicros)] {
        &self.missing
    }

    /// Has the keeper save what can be read of a file.
    fn hurt(&self, name: FileName) {
        self.all.wounds.add(Wound::File { name, quantities: Quantities::ALL });
    }

    fn miss(&mut self, from: i64, to: i64) {
        let range = (from.max(self.from), to.min(self.to));
        let full = self.missing.len() >= MAX_MISSING;
        if range.0 >= range.1 {
            return;
        }
        match self.missing.last_mut() {
            Some(last) if full || (last.0.0 <= range.1 && range.0 <= last.1.0) => {
                last.0 = last.0.min(UnixMicros(range.0));
                last.1 = last.1.max(UnixMicros(range.1));
            }
            _ => self.missing.push((UnixMicros(range.0), UnixMicros(range.1))),
        }
    }

    fn step(&mut self) -> Result<Option<Reading>, StoreError> {
        while self.sealed_at >= self.sealed.len() {
            let Some(chunk) = self.front_chunk()? else { break };
            self.pop_chunk();
            match self.load(&chunk) {
                Err(StoreError::Corrupt { .. }) => {
                    self.miss(chunk.summary.first, chunk.summary.last.saturating_add(1));
                    if let Some(name) = self.day.as_ref().map(|day| day.name) {
                        self.hurt(name);
                    }
                }
                loaded => loaded?,
            }
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
            let Some(name) = self.files.pop_front() else {
                self.day = None;
                return Ok(None);
            };
            let path = self.all.shelves.path(&name);
            if !path.exists() {
                // Its time was over in the meantime.
                continue;
            }
            match self.open_day(name, &path) {
                Err(StoreError::Corrupt { .. }) => {
                    // The keeper saves what can be read of it; until then, all of it is missing.
                    let (from, to) = name.span.range();
                    self.miss(from, to);
                    self.hurt(name);
                }
                opened => opened?,
            }
        }
    }

    fn open_day(&mut self, name: FileName, path: &Path) -> Result<(), StoreError> {
        let file = self.all.shelves.day_at(path)?;
        file.begin(false)?;
        let last = self.to.saturating_sub(1);
        let mut lost = Vec::new();
        let chunks = match file.series(&self.key)? {
            Some(series) => {
                match file.lost(series) {
                    // The list of what is lost is; what there is may still be read.
                    Err(StoreError::Corrupt { .. }) => self.hurt(name),
                    found => lost = found?,
                }
                match file.chunks(series, self.from, last) {
                    Err(StoreError::Corrupt { .. }) => {
                        self.hurt(name);
                        file.chunks_left(series, self.from, last, &mut lost)?
                    }
                    chunks => chunks?,
                }
            }
            None => Vec::new(),
        };
        for (first, last) in lost {
            self.miss(first, last.saturating_add(1));
        }
        self.day = Some(OpenDay { name, file, chunks: chunks.into() });
        Ok(())
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

    /// Puts what comes next before `end` into a step, as far as it is in the chunk at hand and the
    /// head has nothing in between. A short cut: what it leaves comes reading by reading.
    pub(crate) fn add_to(&mut self, bucket: &mut Bucket, end: i64) {
        let head = self.head.micros.get(self.head_at).copied();
        let end = head.map_or(end, |head| end.min(head));
        let rest = self.sealed.micros.get(self.sealed_at..).unwrap_or_default();
        let to = self.sealed_at + rest.partition_point(|t| *t < end);
        bucket.add_columns(&self.sealed, self.sealed_at, to);
        self.sealed_at = to;
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
