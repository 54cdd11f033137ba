//! Statistics over a window of event time, in exact integers.

use tram_wire::Quantity;

use crate::{Statistic, memory::Constants, state::Entry};

/// A statistic at one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Counts of the quantity, per hour for a rate: with or without the suspect readings,
    /// whichever is worse. The worse the larger; see [`Window::worse`].
    pub(crate) value: i64,
    /// Without the suspect readings, when there are others enough.
    pub(crate) firm: Option<i64>,
    /// Suspect readings in it.
    pub(crate) suspects: u32,
    /// Rainy days before it; more than enough where nobody asks.
    pub(crate) days: u8,
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
    /// Low values are the bad ones.
    pub(crate) below: bool,
    pub(crate) constants: Constants,
    /// What the channel measures, for the air quality index.
    pub(crate) pollutant: Option<Quantity>,
}

/// Readings that a mean or a rate needs; with fewer it says nothing.
const LEAST_READINGS: i128 = 3;
const HOUR_MS: i128 = 3_600_000;

impl Window {
    /// A value so that the worse one is the larger, and back again.
    pub(crate) fn worse(&self, value: i64) -> i64 {
        if self.below { value.saturating_neg() } else { value }
    }

    /// The statistic at the last of `entries`, which has a value; `None` when there is too little
    /// to say anything.
    pub(crate) fn at_last(&self, entries: &[Entry]) -> Option<Outcome> {
        let last = entries.last()?;
        last.value?;
        let (tally, complete) = self.tally(entries, last)?;
        let size = |v: i64| self.worse(if self.absolute { v.saturating_abs() } else { v });
        let all = self.of(&tally.all).map(size)?;
        let firm = self.of(&tally.firm).map(size);
        let value = firm.map_or(all, |firm| firm.max(all));
        Some(Outcome { value, firm, suspects: tally.suspects, days: u8::MAX, complete })
    }

    /// Adds up the window that ends with `last`, and says whether it is covered.
    fn tally(&self, entries: &[Entry], last: &Entry) -> Option<(Tally, bool)> {
        let mut tally = Tally::default();
        if self.statistic == Statistic::Latest {
            tally.add(last, 0)?;
            return Some((tally, true));
        }
        let begin = last.at.saturating_sub(self.length);
        let inside =
            entries.iter().rev().take_while(|e| e.at > begin).filter(|e| e.channel == last.channel);
        let mut complete = true;
        let mut oldest = last.at;
        for e in inside {
            if e.value.is_none() {
                // A claim without its reading is no hole: the reading is still on its way.
                complete &= e.claim.is_some();
                continue;
            }
            complete &= oldest.saturating_sub(e.at) <= self.gap;
            oldest = e.at;
            tally.add(e, last.at.saturating_sub(e.at))?;
        }
        Some((tally, complete && oldest.saturating_sub(begin) <= self.gap))
    }

    fn of(&self, line: &Line) -> Option<i64> {
        let long_enough = line.n >= LEAST_READINGS && line.longest.saturating_mul(2) >= self.length;
        match self.statistic {
            Statistic::Latest | Statistic::Max => line.max,
            Statistic::Sum if line.n > 0 => i64::try_from(line.v).ok(),
            Statistic::Mean if long_enough => i64::try_from(rounded(line.v, line.n)?).ok(),
            Statistic::Rate if long_enough => line.slope_per_hour(),
            // The others are made of steps.
            _ => None,
        }
    }
}

/// A window added up, with its suspect readings and without.
#[derive(Default)]
struct Tally {
    all: Line,
    firm: Line,
    suspects: u32,
}

impl Tally {
    fn add(&mut self, e: &Entry, micros_before: i64) -> Option<()> {
        let value = e.value?;
        self.all.add(micros_before, value)?;
        if e.suspect {
            self.suspects = self.suspects.saturating_add(1);
            return Some(());
        }
        self.firm.add(micros_before, value)
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
    max: Option<i64>,
    /// From the first reading to the end of the window, in microseconds.
    longest: i64,
}

impl Line {
    fn add(&mut self, micros_before: i64, value: i64) -> Option<()> {
        let (t, v) = (i128::from(micros_before / -1000), i128::from(value));
        self.n += 1;
        self.t += t;
        self.v += v;
        self.tt = self.tt.checked_add(t.checked_mul(t)?)?;
        self.tv = self.tv.checked_add(t.checked_mul(v)?)?;
        self.max = self.max.max(Some(value));
        self.longest = self.longest.max(micros_before);
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
        let (length, gap) = (minutes * MINUTE, 2 * MINUTE);
        let (constants, pollutant) = (Constants::NONE, None);
        Window { statistic, length, gap, absolute: false, below: false, constants, pollutant }
    }

    fn value_and_cover(w: Window, entries: &[Entry]) -> Option<(i64, bool)> {
        w.at_last(entries).map(|o| (o.value, o.complete))
    }

    #[test]
    fn sums_what_is_inside_the_window_and_knows_when_it_is_covered() {
        let rain = entries(&[(0, Some(100)), (1, Some(20)), (2, Some(30)), (3, Some(40))]);
        let w = window(Statistic::Sum, 3);
        assert_eq!(value_and_cover(w, &rain), Some((90, true)));
        assert_eq!(value_and_cover(window(Statistic::Sum, 10), &rain), Some((190, false)));
        let hole = entries(&[(0, Some(100)), (1, Some(20)), (2, None), (3, Some(40))]);
        assert_eq!(value_and_cover(w, &hole), Some((60, false)));
        let silence = entries(&[(0, Some(100)), (1, Some(20)), (9, Some(40)), (10, Some(5))]);
        assert_eq!(value_and_cover(window(Statistic::Sum, 10), &silence), Some((65, false)));
    }

    #[test]
    fn suspect_readings_are_told_apart_and_never_make_a_statistic_smaller() {
        let mut some = entries(&[(0, Some(4)), (1, Some(5)), (2, Some(6)), (3, Some(60))]);
        some[3].suspect = true;
        let o = window(Statistic::Max, 9).at_last(&some).unwrap();
        assert_eq!((o.value, o.firm, o.suspects), (60, Some(6), 1));
        some[3].value = Some(0);
        let o = window(Statistic::Mean, 4).at_last(&some).unwrap();
        assert_eq!((o.value, o.firm), (5, Some(5)));
        let o = window(Statistic::Latest, 0).at_last(&some).unwrap();
        assert_eq!((o.value, o.firm, o.suspects), (0, None, 1));
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
