//! A batch: readings of one node, column by column.

mod decode;
mod encode;

use alloc::vec::Vec;

use crate::{ChannelNumber, ClockState, Flag, Loss, Quality, Quantity, Seq, SpoolId};

/// The largest batch in bytes; a larger payload is refused unread.
pub const MAX_BATCH_BYTES: usize = 65_536;
/// The most columns in a batch.
pub const MAX_BATCH_COLUMNS: usize = 256;
/// The most readings in a batch, over all columns.
pub const MAX_BATCH_READINGS: usize = 16_384;

/// One reading: when, what, how good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Point {
    /// Microseconds on the batch's clock; [`ClockState::unix`] turns them into Unix time.
    pub micros: i64,
    /// Counts of the column's quantity; `None` is a reading the sensor did not give.
    pub value: Option<i64>,
    /// How good it is.
    pub quality: Quality,
}

/// So many readings in a row share one quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QualityRun {
    /// The quality.
    pub quality: Quality,
    /// Of how many readings, at least 1.
    pub len: u32,
}

/// The readings of one channel, as three columns of equal length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Which channel, by its number in the spool's dictionary.
    pub channel: ChannelNumber,
    /// What it measures; must be what the dictionary says.
    pub quantity: Quantity,
    /// Times in microseconds on the batch's clock, in the order the readings were taken.
    pub micros: Vec<i64>,
    /// Values in counts of the quantity.
    pub values: Vec<Option<i64>>,
    /// Qualities by runs; the lengths add up to the number of readings.
    pub quality: Vec<QualityRun>,
}

impl Column {
    /// An empty column.
    #[must_use]
    pub fn new(channel: ChannelNumber, quantity: Quantity) -> Self {
        Self { channel, quantity, micros: Vec::new(), values: Vec::new(), quality: Vec::new() }
    }

    /// Adds a reading behind the others.
    pub fn push(&mut self, point: Point) {
        self.micros.push(point.micros);
        self.values.push(point.value);
        match self.quality.last_mut() {
            Some(run) if run.quality == point.quality => run.len = run.len.saturating_add(1),
            _ => self.quality.push(QualityRun { quality: point.quality, len: 1 }),
        }
    }

    /// How many readings it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.micros.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.micros.is_empty()
    }

    /// A reading has a value unless its flag says that it is missing.
    fn consistent(&self) -> bool {
        let mut values = self.values.iter();
        self.quality.iter().all(|run| {
            let missing = run.quality.flag == Flag::Missing;
            let len = usize::try_from(run.len).unwrap_or(usize::MAX);
            values.by_ref().take(len).all(|value| value.is_none() == missing)
        })
    }

    /// Its readings in order.
    pub fn points(&self) -> impl Iterator<Item = Point> {
        points(&self.micros, &self.values, &self.quality)
    }
}

/// The readings of three columns of equal length, in order.
pub fn points(
    micros: &[i64],
    values: &[Option<i64>],
    quality: &[QualityRun],
) -> impl Iterator<Item = Point> {
    let qualities = quality.iter().flat_map(|run| {
        core::iter::repeat_n(run.quality, usize::try_from(run.len).unwrap_or(usize::MAX))
    });
    micros.iter().zip(values).zip(qualities).map(|((micros, value), quality)| Point {
        micros: *micros,
        value: *value,
        quality,
    })
}

/// What identifies a batch and says how to read its times; the start of every batch, readable
/// even when the rest is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Which spool.
    pub spool: SpoolId,
    /// Its number in the spool.
    pub seq: Seq,
    /// How the node's clock stood when it was made.
    pub clock: ClockState,
}

/// Readings of one node, taken under one state of its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Identity and clock.
    pub header: BatchHeader,
    /// The columns, at most [`MAX_BATCH_COLUMNS`]; a channel may have several.
    pub columns: Vec<Column>,
    /// What the node lost, at most
    /// [`MAX_BATCH_LOSSES`](crate::MAX_BATCH_LOSSES).
    pub losses: Vec<Loss>,
}

impl Batch {
    /// How many readings it holds.
    #[must_use]
    pub fn readings(&self) -> usize {
        self.columns.iter().map(Column::len).sum()
    }
}
