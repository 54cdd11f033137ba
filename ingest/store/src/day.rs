//! A day, its date, and the month and year it is in.

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

    /// Year, month and day of the month: the proleptic Gregorian calendar by eras of 400 years.
    fn civil(self) -> (i64, i64, i64) {
        let days = self.0.saturating_add(719_468);
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let date = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (year + era * 400 + i64::from(month <= 2), month, date)
    }

    /// Reads [`civil`](Self::civil) back.
    fn from_civil(year: i64, month: i64, date: i64) -> Self {
        let shifted = if month > 2 { year } else { year - 1 };
        let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
        let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + date - 1;
        Self(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }

    /// The date as `2026-03-01`.
    pub(crate) fn date(self) -> String {
        let (year, month, date) = self.civil();
        format!("{year:04}-{month:02}-{date:02}")
    }

    /// Reads [`date`](Self::date) back.
    pub(crate) fn from_date(text: &str) -> Option<Self> {
        let (year, rest) = text.split_once('-')?;
        let (month, date) = rest.split_once('-')?;
        let (year, month, date): (i64, i64, i64) =
            (year.parse().ok()?, month.parse().ok()?, date.parse().ok()?);
        let in_range = (0..=9999).contains(&year) && (1..=12).contains(&month);
        // Only a real date comes back as the same text.
        Some(Self::from_civil(year, month, date)).filter(|d| in_range && d.date() == text)
    }

    /// This day alone.
    pub(crate) fn span(self) -> Span {
        Span { first: self, end: Self(self.0.saturating_add(1)) }
    }

    /// The month it is in.
    pub(crate) fn month(self) -> Span {
        let (year, month, _) = self.civil();
        let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        Span { first: Self::from_civil(year, month, 1), end: Self::from_civil(next.0, next.1, 1) }
    }

    /// The year it is in.
    pub(crate) fn year(self) -> Span {
        let (year, ..) = self.civil();
        Span { first: Self::from_civil(year, 1, 1), end: Self::from_civil(year + 1, 1, 1) }
    }
}

/// Whole days in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span {
    pub(crate) first: Day,
    /// The day behind the last.
    pub(crate) end: Day,
}

impl Span {
    /// First microsecond, and the first that is not in it.
    pub(crate) fn range(self) -> (i64, i64) {
        (self.first.range().0, self.end.range().0)
    }

    /// Whether it shares a moment with the time from `from` to before `to`.
    pub(crate) fn meets(self, from: i64, to: i64) -> bool {
        let (start, end) = self.range();
        end > from && start < to
    }
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
        for bad in
            ["2026-02-29", "2026-1-1", "2026-13-01", "x", "", "2026-01-01-", "2026-01-01.90d"]
        {
            assert_eq!(Day::from_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn months_and_years_follow_each_other_without_a_gap() {
        let mut day = Day::from_date("1999-12-31").unwrap();
        for (month, days) in [(1, 31), (2, 29), (3, 31), (4, 30)] {
            day = day.month().end;
            let span = day.month();
            assert_eq!((span.first, span.end.0 - span.first.0), (day, days), "month {month}");
            assert_eq!(Day(span.end.0 - 1).month(), span);
        }
        for year in 1999..2030 {
            let span = Day::from_civil(year, 7, 9).year();
            assert_eq!(span.first.date(), format!("{year}-01-01"));
            assert_eq!(span.end.date(), format!("{}-01-01", year + 1));
        }
    }
}
