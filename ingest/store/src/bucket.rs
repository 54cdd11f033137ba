//! What one step of time holds.

use tram_wire::{Flag, UnixMicros};

use crate::{
    Reading, Vector,
    columns::Columns,
    summary::{Summary, good, usable},
};

/// What one step of time holds. Only usable values enter (good, not evaluated, suspect; see
/// [`Quality::usable`](tram_wire::Quality::usable)). Directions have a mean and a last value, and
/// neither a smallest, a largest nor a sum: see
/// [`Quantity::circular`](tram_wire::Quantity::circular).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Start of the step.
    pub start: UnixMicros,
    /// How many microseconds it covers: the step that was asked for, or more where only coarser
    /// rollups are left.
    pub span: i64,
    /// Usable values that entered.
    pub count: u64,
    /// How many of them are good.
    pub good: u64,
    /// All readings of the step, with the missing and the failed.
    pub total: u64,
    /// Smallest value in counts of the quantity.
    pub min: Option<i64>,
    /// Largest value.
    pub max: Option<i64>,
    /// Value with the latest time.
    pub last: Option<i64>,
    /// Sum of the values; `None` without a value and of directions.
    pub sum: Option<i128>,
    /// Sum of the directions as vectors; `None` of other quantities.
    pub vector: Option<Vector>,
}

impl Bucket {
    pub(crate) fn new(start: i64, span: i64, circular: bool) -> Self {
        Self {
            start: UnixMicros(start),
            span,
            count: 0,
            good: 0,
            total: 0,
            min: None,
            max: None,
            last: None,
            sum: None,
            vector: circular.then(Vector::default),
        }
    }

    /// Mean of the values in counts of the quantity, `None` without a value. Of directions it is
    /// the direction of the mean vector, `None` when they cancel each other.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean is rounded anyway")]
    pub fn mean(&self) -> Option<f64> {
        match self.vector {
            Some(vector) => vector.mean(self.count),
            None => self.sum.map(|sum| sum as f64 / self.count as f64),
        }
    }

    pub(crate) fn add(&mut self, reading: &Reading) {
        self.total += 1;
        if let Some(value) = reading.value.filter(|_| reading.quality.usable()) {
            self.enter(value, reading.quality.flag == Flag::Good);
        }
    }

    /// Lets a usable value enter that is later than all before.
    fn enter(&mut self, value: i64, good: bool) {
        self.count += 1;
        self.good += u64::from(good);
        self.last = Some(value);
        if let Some(vector) = &mut self.vector {
            vector.add(Vector::of(value));
            return;
        }
        self.min = Some(self.min.map_or(value, |m| m.min(value)));
        self.max = Some(self.max.map_or(value, |m| m.max(value)));
        self.sum = Some(self.sum.unwrap_or_default() + i128::from(value));
    }

    /// Adds the readings number `start` up to before `end`, which are later than all before.
    pub(crate) fn add_columns(&mut self, columns: &Columns, start: usize, end: usize) {
        let values = columns.values.get(start..end).unwrap_or_default();
        let codes = columns.codes.get(start..end).unwrap_or_default();
        self.total += values.len() as u64;
        for (value, code) in values.iter().zip(codes).filter(|(_, code)| usable(**code)) {
            self.enter(*value, good(*code));
        }
    }

    /// Adds the readings of a chunk, which are later than all before.
    pub(crate) fn add_chunk(&mut self, chunk: &Summary) {
        self.join(&Self {
            start: self.start,
            span: self.span,
            count: chunk.usable.into(),
            good: chunk.good.into(),
            total: chunk.count.into(),
            min: chunk.min,
            max: chunk.max,
            last: chunk.last_value,
            sum: chunk.sum.map(i128::from),
            vector: chunk.vector,
        });
    }

    /// Adds the readings of another one, which are later than all before.
    pub(crate) fn join(&mut self, later: &Self) {
        self.total += later.total;
        self.count += later.count;
        self.good += later.good;
        self.min = self.min.into_iter().chain(later.min).min();
        self.max = self.max.into_iter().chain(later.max).max();
        self.last = later.last.or(self.last);
        self.sum = match (self.sum, later.sum) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        if let (Some(vector), Some(later)) = (&mut self.vector, later.vector) {
            vector.add(later);
        }
    }
}
