//! Times and values as text.

use std::fmt;

use crate::day::Day;

/// A time as RFC 3339 in UTC, with as many decimals as it needs: none, three or six.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(
    /// Unix microseconds.
    pub i64,
);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = Day::of(self.0);
        let of_day = self.0.saturating_sub(day.range().0);
        let (seconds, micros) = (of_day / 1_000_000, of_day % 1_000_000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}", day.date())?;
        match (micros, micros % 1000) {
            (0, _) => {}
            (_, 0) => write!(f, ".{:03}", micros / 1000)?,
            _ => write!(f, ".{micros:06}")?,
        }
        f.write_str("Z")
    }
}

/// Counts as a decimal number: 86910 with three decimals is `86.910`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// Counts of the last decimal place.
    pub counts: i128,
    /// How many decimal places.
    pub decimals: u8,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.counts < 0 { "-" } else { "" };
        let scale = 10_u128.pow(u32::from(self.decimals));
        let counts = self.counts.unsigned_abs();
        let (whole, part) = (counts / scale, counts % scale);
        if self.decimals == 0 {
            return write!(f, "{sign}{whole}");
        }
        write!(f, "{sign}{whole}.{part:0width$}", width = usize::from(self.decimals))
    }
}
