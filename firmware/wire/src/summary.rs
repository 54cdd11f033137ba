//! What is left of readings that were thinned out.

use core::convert::Infallible;

use minicbor::{Decoder, Encoder, encode::Error};

use crate::{
    Quality,
    cbor::{DecodeError, Put},
};

/// Lowest, highest and sum of the usable readings of an interval, and the worst quality of all.
///
/// The sum is exact, so that a day of rain is still the day's rain, and two summaries make a
/// third one. Of a direction the sum is that of the mean direction, see
/// [`mean`](Self::mean).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Summary {
    /// How many readings had a usable value; the other fields are of these.
    pub usable: u64,
    /// The lowest value in counts of the quantity; 0 when none was usable.
    pub min: i64,
    /// The highest value.
    pub max: i64,
    /// Their sum, within `usable` times lowest and highest.
    pub sum: i128,
    /// The worst flag of all readings, usable or not, and every test that fired.
    pub worst: Quality,
}

impl Summary {
    /// The mean in counts of the quantity; `None` when no reading was usable.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a mean is shown to people")]
        (self.usable > 0).then(|| self.sum as f64 / self.usable as f64)
    }

    /// How far the sum is above `usable` times the lowest value.
    fn excess(&self) -> Option<u64> {
        let least = i128::from(self.min).checked_mul(i128::from(self.usable))?;
        u64::try_from(self.sum.checked_sub(least)?).ok()
    }

    /// Whether the fields fit each other and can be written.
    #[must_use]
    pub fn consistent(&self) -> bool {
        if self.usable == 0 {
            return self.min == 0 && self.max == 0 && self.sum == 0;
        }
        let range = self.max.checked_sub(self.min).and_then(|r| u64::try_from(r).ok());
        match (range, self.excess()) {
            (Some(range), Some(excess)) => {
                u128::from(excess) <= u128::from(range) * u128::from(self.usable)
            }
            _ => false,
        }
    }

    /// `[usable, quality]`, and when a reading was usable `lowest, range, excess` behind it.
    pub(crate) fn put(&self, e: &mut Encoder<Put>) -> Result<(), Error<Infallible>> {
        e.array(if self.usable > 0 { 5 } else { 2 })?;
        e.u64(self.usable)?.u16(self.worst.code())?;
        if self.usable > 0 {
            let range = self.max.abs_diff(self.min);
            e.i64(self.min)?.u64(range)?.u64(self.excess().unwrap_or(0))?;
        }
        Ok(())
    }

    pub(crate) fn take(d: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let error = DecodeError::Value("summary of a loss");
        let fields = d.array()?.ok_or(DecodeError::Malformed)?;
        let usable = d.u64()?;
        let worst = Quality::from_code(d.u16()?).ok_or(error)?;
        if usable == 0 {
            let none = Self { usable, min: 0, max: 0, sum: 0, worst };
            return if fields == 2 { Ok(none) } else { Err(DecodeError::Malformed) };
        }
        if fields != 5 {
            return Err(DecodeError::Malformed);
        }
        let min = d.i64()?;
        let max = min.checked_add_unsigned(d.u64()?).ok_or(error)?;
        let sum = i128::from(min) * i128::from(usable) + i128::from(d.u64()?);
        let summary = Self { usable, min, max, sum, worst };
        if summary.consistent() { Ok(summary) } else { Err(error) }
    }
}
