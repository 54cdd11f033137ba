//! A day, its date, and which days there are.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{StoreError, error::wrap_io};

/// Microseconds of a day.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// A day by its number since 1970-01-01, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(pub(crate) i64);

impl Day {
    pub(crate) fn of(micros: i64) -> Self {
        Self(micros.div_euclid(DAY_MICROS))
    }

    /// First microsecond, and the first of the next day.
    pub(crate) fn range(self) -> (i64, i64) {
        let start = self.0.saturating_mul(DAY_MICROS);
        (start, start.saturating_add(DAY_MICROS))
    }

    /// The date as `2026-03-01`: the proleptic Gregorian calendar by eras of 400 years.
    pub(crate) fn date(self) -> String {
        let days = self.0.saturating_add(719_468);
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let date = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + i64::from(month <= 2);
        format!("{year:04}-{month:02}-{date:02}")
    }

    /// Reads [`date`](Self::date) back.
    pub(crate) fn from_date(text: &str) -> Option<Self> {
        let (year, rest) = text.split_once('-')?;
        let (month, date) = rest.split_once('-')?;
        let (year, month, date): (i64, i64, i64) =
            (year.parse().ok()?, month.parse().ok()?, date.parse().ok()?);
        let shifted = if month > 2 { year } else { year - 1 };
        let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
        let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + date - 1;
        let day = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        // Only a real date comes back as the same text.
        Some(Self(day)).filter(|d| d.date() == text)
    }

    pub(crate) fn path(self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.db", self.date()))
    }
}

/// The days between two times of which there is a file, in order.
pub(crate) fn days(dir: &Path, from: i64, to: i64) -> Result<Vec<Day>, StoreError> {
    let mut days = Vec::new();
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        // Nothing has been sealed into a restored folder yet.
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(days),
        Err(e) => return Err(wrap_io(dir, &e)),
    };
    for entry in entries {
        let name = entry.map_err(|e| wrap_io(dir, &e))?.file_name();
        let date = name.to_str().and_then(|n| n.strip_suffix(".db"));
        days.extend(date.and_then(Day::from_date));
    }
    days.retain(|d| d.range().1 > from && d.range().0 < to);
    days.sort_unstable();
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (day, date) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (10_957, "2000-01-01"),
            (11_016, "2000-02-29"),
            (19_782, "2024-02-29"),
            (20_454, "2026-01-01"),
        ] {
            assert_eq!(Day(day).date(), date);
            assert_eq!(Day::from_date(date), Some(Day(day)));
        }
        for day in (-1_000..60_000).step_by(7) {
            assert_eq!(Day::from_date(&Day(day).date()), Some(Day(day)));
        }
        for bad in ["2026-02-29", "2026-1-1", "2026-13-01", "x", "", "2026-01-01-"] {
            assert_eq!(Day::from_date(bad), None, "{bad}");
        }
    }
}
