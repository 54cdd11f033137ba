//! Steps of time from the readings.

use tram_wire::UnixMicros;

use super::start_of;
use crate::{Bucket, History, Reading, StoreError};

/// The steps of a history. A chunk that lies within one step is not read; its summary is enough.
#[derive(Debug)]
pub(super) struct RawBuckets {
    history: History,
    step: i64,
    /// The first reading of the next step.
    ahead: Option<Reading>,
}

impl RawBuckets {
    pub(super) fn new(history: History, step: i64) -> Self {
        Self { history, step, ahead: None }
    }

    /// What was passed over because it is damaged.
    pub(super) fn missing(&self) -> &[(UnixMicros, UnixMicros)] {
        self.history.missing()
    }

    pub(super) fn next_step(&mut self) -> Result<Option<Bucket>, StoreError> {
        let circular = self.history.circular();
        let mut bucket: Option<Bucket> = None;
        loop {
            if self.ahead.is_none()
                && let Some(bucket) = &mut bucket
            {
                self.history.add_to(bucket, bucket.start.0.saturating_add(self.step));
            }
            // Nothing is read that belongs to the next step, so that its chunk may be passed over.
            let next = match &self.ahead {
                Some(reading) => Some(reading.time.0),
                None => self.history.peek()?,
            };
            let Some(next) = next else { return Ok(bucket) };
            if bucket.is_some_and(|b| start_of(next, self.step) != b.start.0) {
                return Ok(bucket);
            }
            if self.ahead.is_none()
                && let Some(chunk) = self.history.pass_chunk(self.step)?
            {
                let start = start_of(chunk.first, self.step);
                bucket
                    .get_or_insert_with(|| Bucket::new(start, self.step, circular))
                    .add_chunk(&chunk);
                continue;
            }
            let Some(reading) = self.ahead.take().map(Ok).or_else(|| self.history.next()) else {
                return Ok(bucket);
            };
            let reading = reading?;
            let start = start_of(reading.time.0, self.step);
            if bucket.is_some_and(|b| start != b.start.0) {
                // `peek` only knew the start of the chunk.
                self.ahead = Some(reading);
                return Ok(bucket);
            }
            bucket.get_or_insert_with(|| Bucket::new(start, self.step, circular)).add(&reading);
        }
    }
}
