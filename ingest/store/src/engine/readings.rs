//! Readings put together from their fields.

use std::iter::Peekable;

use tram_pipeline::DatastreamKey;
use tram_wire::{Flag, Quality, Tests, UnixMicros};

use super::{
    Engine, EngineError, Series,
    error::malformed,
    field::{Ask, Field, Samples},
};
use crate::Reading;

/// The largest whole number that a double-precision number holds exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// The readings of one datastream in order of time, as an engine holds them. Ends after the first
/// error.
pub struct EngineHistory {
    /// Every reading has one.
    quality: Samples,
    tests: Peekable<Samples>,
    value: Peekable<Samples>,
    failed: Peekable<Samples>,
    /// Counts of a unit.
    scale: f64,
    from: i64,
    to: i64,
    last: Option<i64>,
    done: bool,
}

impl std::fmt::Debug for EngineHistory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineHistory").field("last", &self.last).finish_non_exhaustive()
    }
}

impl EngineHistory {
    pub(super) fn open(
        engine: &Engine,
        key: &DatastreamKey,
        from: i64,
        to: i64,
    ) -> Result<Self, EngineError> {
        let series = Series::new(key);
        let ask = |field| engine.ask(&series, Ask::Each(field), from, to);
        // First the one that says which readings there are: whatever is written meanwhile, the
        // others have at least those.
        let quality = ask(Field::Quality)?;
        Ok(Self {
            quality,
            tests: ask(Field::Tests)?.peekable(),
            value: ask(Field::Value)?.peekable(),
            failed: ask(Field::Failed)?.peekable(),
            scale: scale(key),
            from,
            to,
            last: None,
            done: false,
        })
    }

    fn reading(&mut self) -> Result<Option<Reading>, EngineError> {
        while let Some(sample) = self.quality.next() {
            let (time, flag) = sample?;
            match self.last {
                // Sent twice, and not yet one.
                Some(last) if last == time => continue,
                Some(last) if last > time => {
                    return Err(malformed("it holds this channel as more than one series"));
                }
                _ => self.last = Some(time),
            }
            if time < self.from || time >= self.to {
                continue;
            }
            let tests = at(&mut self.tests, time)?;
            let value = at(&mut self.value, time)?;
            let failed = at(&mut self.failed, time)?;
            let flag = small(flag).and_then(|n| Flag::from_number(u8::try_from(n).ok()?));
            let flag = flag.ok_or_else(|| malformed("a quality is none"))?;
            let value = match flag {
                Flag::Missing => None,
                Flag::Fail => failed,
                Flag::Good | Flag::NotEvaluated | Flag::Suspect => value,
            };
            // Written this moment: an engine shows the fields of a point one after the other.
            if tests.is_none() || (value.is_none() && flag != Flag::Missing) {
                continue;
            }
            let tests = tests.and_then(small).and_then(Tests::from_bits);
            let tests = tests.ok_or_else(|| malformed("the tests of a reading are none"))?;
            let value = value.map(|v| counts(v * self.scale)).transpose()?;
            let quality = Quality { flag, tests };
            return Ok(Some(Reading { time: UnixMicros(time), value, quality }));
        }
        Ok(None)
    }
}

impl Iterator for EngineHistory {
    type Item = Result<Reading, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let reading = self.reading();
        self.done = !matches!(reading, Ok(Some(_)));
        reading.transpose()
    }
}

/// What a field holds at a time; what is before it is passed over.
pub(super) fn at(samples: &mut Peekable<Samples>, time: i64) -> Result<Option<f64>, EngineError> {
    while let Some(sample) = samples.next_if(|s| s.as_ref().map_or(true, |(t, _)| *t <= time)) {
        let (found, value) = sample?;
        if found == time {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Counts of a unit.
#[expect(clippy::cast_precision_loss, reason = "a scale is a small power of ten")]
pub(super) fn scale(key: &DatastreamKey) -> f64 {
    key.quantity.scale() as f64
}

/// A number that is whole but for what doubles cannot hold.
#[expect(clippy::cast_possible_truncation, reason = "it is within the bounds of i64")]
pub(super) fn counts(number: f64) -> Result<i64, EngineError> {
    // Beyond, neighbours cannot be told apart; the engine has had it like that.
    if number.is_finite() && number.abs() < MAX_EXACT * 1_024.0 {
        Ok(number.round() as i64)
    } else {
        Err(malformed(format!("{number} is no value of a reading")))
    }
}

/// A small whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is whole and small"
)]
fn small(number: f64) -> Option<u16> {
    (number.fract() == 0.0 && (0.0..65_536.0).contains(&number)).then_some(number as u16)
}
