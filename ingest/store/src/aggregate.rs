//! Readings of one datastream by steps of time.

use crate::{Bucket, History, Reading, StoreError};

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
        let circular = self.history.circular();
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
                bucket
                    .get_or_insert_with(|| Bucket::new(start, self.step, circular))
                    .add_chunk(&chunk);
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
            bucket.get_or_insert_with(|| Bucket::new(start, self.step, circular)).add(&reading);
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
