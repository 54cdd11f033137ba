//! Readings of one datastream by steps of time.

use tram_wire::{Flag, UnixMicros};

use crate::{History, Reading, StoreError, summary::Summary};

/// What one step of time holds. Only usable values enter (good, not evaluated, suspect; see
/// [`Quality::usable`](tram_wire::Quality::usable)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Start of the step; it ends before the start of the next.
    pub start: UnixMicros,
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
    /// Sum of the values.
    pub sum: i128,
}

impl Bucket {
    fn new(start: i64) -> Self {
        Self {
            start: UnixMicros(start),
            count: 0,
            good: 0,
            total: 0,
            min: None,
            max: None,
            last: None,
            sum: 0,
        }
    }

    /// Mean of the values in counts of the quantity, `None` without a value.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean is rounded anyway")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    fn add(&mut self, reading: &Reading) {
        self.total += 1;
        let Some(value) = reading.value.filter(|_| reading.quality.usable()) else { return };
        self.count += 1;
        self.good += u64::from(reading.quality.flag == Flag::Good);
        self.min = Some(self.min.map_or(value, |m| m.min(value)));
        self.max = Some(self.max.map_or(value, |m| m.max(value)));
        self.last = Some(value);
        self.sum += i128::from(value);
    }

    /// Adds the readings of a chunk, which are later than all before.
    fn add_chunk(&mut self, chunk: &Summary) {
        self.total += u64::from(chunk.count);
        self.count += u64::from(chunk.usable);
        self.good += u64::from(chunk.good);
        self.min = self.min.into_iter().chain(chunk.min).min();
        self.max = self.max.into_iter().chain(chunk.max).max();
        self.last = chunk.last_value.or(self.last);
        self.sum += i128::from(chunk.sum.unwrap_or_default());
    }
}

/// The steps of a range that hold a reading, in order of time. Ends after the first error. A
/// chunk that lies within one step is not read; its summary is enough.
#[derive(Debug)]
pub struct Aggregates {
    history: History,
    step: i64,
    /// The first reading of the next step.
    ahead: Option<Reading>,
    done: bool,
}

impl Aggregates {
    pub(crate) fn new(history: History, step: i64) -> Self {
        Self { history, step: step.max(1), ahead: None, done: false }
    }

    fn bucket(&mut self) -> Result<Option<Bucket>, StoreError> {
        let mut bucket = None;
        loop {
            // Nothing is read that belongs to the next step, so that its chunk may be passed over.
            let next = match &self.ahead {
                Some(reading) => Some(reading.time.0),
                None => self.history.peek()?,
            };
            let Some(next) = next else { return Ok(bucket) };
            if bucket.is_some_and(|b: Bucket| self.start(next) != b.start.0) {
                return Ok(bucket);
            }
            if self.ahead.is_none()
                && let Some(chunk) = self.history.pass_chunk(self.step)?
            {
                let start = self.start(chunk.first);
                bucket.get_or_insert_with(|| Bucket::new(start)).add_chunk(&chunk);
                continue;
            }
            let Some(reading) = self.ahead.take().map(Ok).or_else(|| self.history.next()) else {
                return Ok(bucket);
            };
            let reading = reading?;
            let start = self.start(reading.time.0);
            if bucket.is_some_and(|b| start != b.start.0) {
                // `peek` only knew the start of the chunk.
                self.ahead = Some(reading);
                return Ok(bucket);
            }
            bucket.get_or_insert_with(|| Bucket::new(start)).add(&reading);
        }
    }

    fn start(&self, time: i64) -> i64 {
        time.div_euclid(self.step).saturating_mul(self.step)
    }
}

impl Iterator for Aggregates {
    type Item = Result<Bucket, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let bucket = self.bucket();
        self.done = !matches!(bucket, Ok(Some(_)));
        bucket.transpose()
    }
}
