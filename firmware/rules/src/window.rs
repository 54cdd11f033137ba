//! Statistics over a window of event time, in exact integers.

use crate::{Statistic, state::Entry};

/// A statistic at one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Counts of the quantity, per hour for a rate.
    pub(crate) value: i64,
    /// The window is covered without a hole, so a low value is low and not merely unknown.
    pub(crate) complete: bool,
}

/// What to compute; times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) statistic: Statistic,
    pub(crate) length: i64,
    pub(crate) gap: i64,
    pub(crate) absolute: bool,
}

/// Readings that a mean or a rate needs; with fewer it says nothing.
const LEAST_READINGS: i128 = 3;
const HOUR_MS: i128 = 3_600_000;

impl Window {
    /// The statistic at the last of `entries`, which has a value; `None` when there is too little
    /// to say anything.
    pub(crate) fn at_last(&self, entries: &[Entry]) -> Option<Outcome> {
        let last = entries.last()?;
        let value = last.value?;
        let outcome = match self.statistic {
            Statistic::Latest => Outcome { value, complete: true },
            windowed => self.over(windowed, entries, last)?,
        };
        let value = if self.absolute { outcome.value.saturating_abs() } else { outcome.value };
        Some(Outcome { value, ..outcome })
    }

    fn over(&self, statistic: Statistic, entries: &[Entry], last: &Entry) -> Option<Outcome> {
        let begin = last.at.saturating_sub(self.length);
        let inside =
            entries.iter().rev().take_while(|e| e.at > begin).filter(|e| e.channel == last.channel);
        let mut line = Line::default();
        let mut max = i64::MIN;
        let mut complete = true;
        let mut oldest = last.at;
        for e in inside {
            let Some(value) = e.value else {
                // A claim without its reading is no hole: the reading is still on its way.
                complete &= e.claim.is_some();
                continue;
            };
            complete &= oldest.saturating_sub(e.at) <= self.gap;
            oldest = e.at;
            max = max.max(value);
            line.add(last.at.saturating_sub(e.at), value)?;
        }
        complete &= oldest.saturating_sub(begin) <= self.gap;
        let long_enough = line.n >= LEAST_READINGS
            && last.at.saturating_sub(oldest).saturating_mul(2) >= self.length;
        let value = match statistic {
            Statistic::Sum => i64::try_from(line.v).ok()?,
            Statistic::Mean if long_enough => i64::try_from(rounded(line.v, line.n)?).ok()?,
            Statistic::Rate if long_enough => line.slope_per_hour()?,
            Statistic::Mean | Statistic::Rate => return None,
            Statistic::Max | Statistic::Latest => max,
        };
        Some(Outcome { value, complete })
    }
}

/// Sums for a mean and a least-squares line; times in milliseconds before the last reading.
#[derive(Default)]
struct Line {
    n: i128,
    t: i128,
    v: i128,
    tt: i128,
    tv: i128,
}

impl Line {
    fn add(&mut self, micros_before: i64, value: i64) -> Option<()> {
        let (t, v) = (i128::from(micros_before / -1000), i128::from(value));
        self.n += 1;
        self.t += t;
        self.v += v;
        self.tt = self.tt.checked_add(t.checked_mul(t)?)?;
        self.tv = self.tv.checked_add(t.checked_mul(v)?)?;
        Some(())
    }

    /// `(n·Σtv − Σt·Σv) / (n·Σt² − (Σt)²)`, to the nearest count an hour.
    fn slope_per_hour(&self) -> Option<i64> {
        let over = self
            .n
            .checked_mul(self.tv)?
            .checked_sub(self.t.checked_mul(self.v)?)?
            .checked_mul(HOUR_MS)?;
        let under = self.n.checked_mul(self.tt)?.checked_sub(self.t.checked_mul(self.t)?)?;
        i64::try_from(rounded(over, under)?).ok()
    }
}

/// The quotient to the nearest integer, halves away from zero; `under` must be above 0.
fn rounded(over: i128, under: i128) -> Option<i128> {
    if under <= 0 {
        return None;
    }
    let half = under / 2;
    over.checked_add(if over < 0 { -half } else { half }).map(|n| n / under)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn entries(values: &[(i64, Option<i64>)]) -> Vec<Entry> {
        values
            .iter()
            .map(|(minute, value)| Entry {
                at: minute * MINUTE,
                channel: 0,
                value: *value,
                suspect: false,
                claim: None,
            })
            .collect()
    }

    fn window(statistic: Statistic, minutes: i64) -> Window {
        Window { statistic, length: minutes * MINUTE, gap: 2 * MINUTE, absolute: false }
    }

    #[test]
    fn sums_what_is_inside_the_window_and_knows_when_it_is_covered() {
        let rain = entries(&[(0, Some(100)), (1, Some(20)), (2, Some(30)), (3, Some(40))]);
        let w = window(Statistic::Sum, 3);
        assert_eq!(w.at_last(&rain), Some(Outcome { value: 90, complete: true }));
        assert_eq!(window(Statistic::Sum, 10).at_last(&rain).map(|o| o.complete), Some(false));
        let hole = entries(&[(0, Some(100)), (1, Some(20)), (2, None), (3, Some(40))]);
        assert_eq!(w.at_last(&hole), Some(Outcome { value: 60, complete: false }));
        let silence = entries(&[(0, Some(100)), (1, Some(20)), (9, Some(40)), (10, Some(5))]);
        let w = window(Statistic::Sum, 10);
        assert_eq!(w.at_last(&silence), Some(Outcome { value: 65, complete: false }));
    }

    #[test]
    fn the_rate_is_the_slope_per_hour_and_its_size_when_absolute() {
        let creep = entries(&[(0, Some(1000)), (1, Some(999)), (2, Some(998)), (3, Some(997))]);
        let w = window(Statistic::Rate, 4);
        assert_eq!(w.at_last(&creep).map(|o| o.value), Some(-60));
        assert_eq!(Window { absolute: true, ..w }.at_last(&creep).map(|o| o.value), Some(60));
    }

    #[test]
    fn a_mean_and_a_rate_need_half_a_window() {
        let few = entries(&[(0, Some(10)), (1, Some(20)), (2, Some(60))]);
        assert_eq!(window(Statistic::Mean, 4).at_last(&few).map(|o| o.value), Some(30));
        assert_eq!(window(Statistic::Mean, 10).at_last(&few), None);
        assert_eq!(window(Statistic::Rate, 10).at_last(&few), None);
        assert_eq!(window(Statistic::Max, 10).at_last(&few).map(|o| o.value), Some(60));
    }

    #[test]
    fn absurd_values_give_no_rate_instead_of_a_wrong_one() {
        let absurd = entries(&[(0, Some(i64::MIN)), (1, Some(i64::MAX)), (2, Some(i64::MIN))]);
        assert_eq!(window(Statistic::Sum, 4).at_last(&absurd), None);
        assert_eq!(window(Statistic::Rate, 4).at_last(&absurd).map(|o| o.value), Some(0));
    }

    #[test]
    fn other_channels_are_not_looked_at() {
        let mut two = entries(&[(0, Some(5)), (1, Some(7)), (2, Some(9))]);
        two[1].channel = 1;
        assert_eq!(window(Statistic::Sum, 9).at_last(&two).map(|o| o.value), Some(14));
    }
}
