//! Where each part of a range is answered from.

use tram_pipeline::DatastreamKey;

use crate::{
    StoreError,
    columns::Columns,
    day::Day,
    files::Files,
    head::SeriesId,
    past::Past,
    rollup::{Level, Levels},
    shelf::FileName,
};

/// A part of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// Nothing in it waits to be rolled up.
    Settled { from: i64, to: i64 },
    /// The readings where there are any, else the finest rollups. Some levels cannot be read here.
    Fine { from: i64, to: i64, avoid: Levels },
    /// The finest rollups there are.
    Left { from: i64, to: i64, avoid: Levels },
    /// The rollups of one file.
    Rolled { name: FileName, from: i64, to: i64, avoid: Levels },
    /// The readings.
    Raw { from: i64, to: i64 },
    /// Nothing that could be read.
    Missing { from: i64, to: i64 },
}

/// Cuts a range into days that are settled and days whose rollups are not up to date.
pub(super) fn outline(
    files: &Files,
    key: &DatastreamKey,
    id: Option<SeriesId>,
    head: &Columns,
    (from, to): (i64, i64),
) -> Result<Vec<Piece>, StoreError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let Some(id) = id else {
        return Ok(vec![Piece::Fine { from, to, avoid: Levels::default() }]);
    };
    let mut days = files.stale.days(id, Day::of(from), Day::of(to.saturating_sub(1)));
    let mut past = Past::new(files);
    let mut at = 0;
    while let Some(time) = head.micros.get(at) {
        let day = Day::of(*time);
        if !days.contains(&day) && (past.there(key, day)? || !past.gone(key, day)?) {
            days.push(day);
        }
        at = head.micros.partition_point(|t| *t < day.range().1);
    }
    days.sort_unstable();
    let mut pieces = Pieces::default();
    let mut cursor = from;
    for day in days {
        let (start, end) = (day.range().0.max(from), day.range().1.min(to));
        pieces.settled(cursor, start);
        pieces.raw(start, end);
        cursor = end;
    }
    pieces.settled(cursor, to);
    Ok(pieces.0)
}

/// Cuts a piece into smaller ones.
pub(super) fn refine(
    files: &Files,
    key: &DatastreamKey,
    step: i64,
    piece: Piece,
) -> Result<Vec<Piece>, StoreError> {
    let mut pieces = Pieces::default();
    match piece {
        Piece::Settled { from, to } => settled(files, key, step, (from, to), &mut pieces),
        Piece::Fine { from, to, avoid } => {
            fine(files, key, (from, to), avoid, &mut pieces)?;
        }
        Piece::Left { from, to, avoid } => {
            left(files, key, &Level::ALL, (from, to), avoid, &mut pieces);
        }
        done => pieces.0.push(done),
    }
    Ok(pieces.0)
}

/// The coarsest rollups that fit into the step, and finer ones or readings at the ends.
fn settled(
    files: &Files,
    key: &DatastreamKey,
    step: i64,
    (from, to): (i64, i64),
    pieces: &mut Pieces,
) {
    let none = Levels::default();
    let inner = |level: &Level| (level.ceil(from), level.floor(to));
    let fits = |level: &&Level| step % level.step() == 0 && inner(level).0 < inner(level).1;
    let Some(level) = Level::ALL.iter().rev().find(fits) else {
        pieces.0.push(Piece::Fine { from, to, avoid: none });
        return;
    };
    let (start, end) = inner(level);
    pieces.settled(from, start);
    each(files, key, *level, (start, end), pieces, |pieces, range, name| match name {
        Some(name) => pieces.rolled(name, range, none),
        None => pieces.left(range, none),
    });
    pieces.settled(end, to);
}

/// The readings of the days that have them.
fn fine(
    files: &Files,
    key: &DatastreamKey,
    (from, to): (i64, i64),
    avoid: Levels,
    pieces: &mut Pieces,
) -> Result<(), StoreError> {
    let raw = &files.shelves.raw;
    let past = Past::new(files);
    let mut cursor = from;
    for name in raw.with(key.quantity, from, to) {
        if past.there(key, name.span.first)? {
            let (start, end) = name.span.range();
            let (start, end) = (start.max(from), end.min(to));
            pieces.left((cursor, start), avoid);
            pieces.raw(start, end);
            cursor = end;
        }
    }
    pieces.left((cursor, to), avoid);
    Ok(())
}

/// The first of the levels of which there is a file, part by part.
fn left(
    files: &Files,
    key: &DatastreamKey,
    levels: &[Level],
    range: (i64, i64),
    avoid: Levels,
    pieces: &mut Pieces,
) {
    match levels.split_first() {
        Some((level, coarser)) if avoid.has(*level) => {
            left(files, key, coarser, range, avoid, pieces);
        }
        Some((level, coarser)) => {
            each(files, key, *level, range, pieces, |pieces, range, name| match name {
                Some(name) => pieces.rolled(name, range, avoid),
                None => left(files, key, coarser, range, avoid, pieces),
            });
        }
        None if avoid.is_empty() => {}
        None => pieces.0.push(Piece::Missing { from: range.0, to: range.1 }),
    }
}

/// Goes through a range by the files of a level, and what is between them.
fn each(
    files: &Files,
    key: &DatastreamKey,
    level: Level,
    (from, to): (i64, i64),
    pieces: &mut Pieces,
    mut take: impl FnMut(&mut Pieces, (i64, i64), Option<FileName>),
) {
    let mut cursor = from;
    for name in files.shelves.rollup(level).with(key.quantity, from, to) {
        let (start, end) = name.span.range();
        let (start, end) = (start.max(from), end.min(to));
        if cursor < start {
            take(pieces, (cursor, start), None);
        }
        take(pieces, (start, end), Some(name));
        cursor = end;
    }
    if cursor < to {
        take(pieces, (cursor, to), None);
    }
}

/// Pieces in order of time; empty ones are left out.
#[derive(Debug, Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn settled(&mut self, from: i64, to: i64) {
        if from < to {
            self.0.push(Piece::Settled { from, to });
        }
    }

    fn left(&mut self, (from, to): (i64, i64), avoid: Levels) {
        if from < to {
            self.0.push(Piece::Left { from, to, avoid });
        }
    }

    fn rolled(&mut self, name: FileName, (from, to): (i64, i64), avoid: Levels) {
        self.0.push(Piece::Rolled { name, from, to, avoid });
    }

    fn raw(&mut self, from: i64, to: i64) {
        match self.0.last_mut() {
            Some(Piece::Raw { to: end, .. }) if *end == from => *end = to,
            _ => self.0.push(Piece::Raw { from, to }),
        }
    }
}
