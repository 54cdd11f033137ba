//! What is made of rain in steps of ten minutes: daily and antecedent rain, intensity over
//! duration.

use crate::{
    bins::{Bins, index},
    memory::Constants,
    soil::STEP_US,
};

/// Steps of an hour.
const HOUR: i64 = 6;
/// Durations are tried in steps of ten minutes up to this many, by the hour beyond.
const FINE: i64 = 3 * HOUR;
/// How many windows before the present one are looked at.
pub(crate) const BEFORE: i64 = 3;

/// Rain up to a time, on windows of `length` microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Rainfall<'a> {
    pub(crate) bins: &'a Bins,
    pub(crate) at: i64,
    pub(crate) length: i64,
    /// With the suspect readings.
    pub(crate) all: bool,
}

impl Rainfall<'_> {
    /// Rain of the window `before` windows ago; 0 is the one that ends now.
    fn window(&self, before: i64) -> i64 {
        let steps = (self.length / STEP_US).max(1);
        let to = index(self.at, STEP_US).saturating_sub(steps.saturating_mul(before));
        self.bins.between(to.saturating_sub(steps), to, self.all)
    }

    /// Rain of the window in counts, and how many windows before it without a break had at least
    /// `rainy` counts.
    pub(crate) fn daily(&self, rainy: i64) -> (i64, u8) {
        let days = (1..=BEFORE).take_while(|before| self.window(*before) >= rainy).count();
        (self.window(0), u8::try_from(days).unwrap_or(u8::MAX))
    }

    /// Rain of the window, and of the three before it times `factor` ten-thousandths; 0 while the
    /// window is dry.
    pub(crate) fn antecedent(&self, factor: i64) -> i64 {
        let now = self.window(0);
        if now == 0 {
            return 0;
        }
        let before = (1..=BEFORE).fold(0_i64, |sum, n| sum.saturating_add(self.window(n)));
        now.saturating_add(before.saturating_mul(factor.max(0)) / 10_000)
    }

    /// The largest mean intensity over the curve, in thousandths. A duration takes whole steps and
    /// the one in progress as a whole one, so that the ratio is never too large.
    pub(crate) fn over_curve(&self, constants: &Constants) -> i64 {
        let now = index(self.at, STEP_US);
        let mut bins = self.bins.newest_first().skip_while(|bin| bin.index > now).peekable();
        let (mut rain, mut most) = (0_i64, 0_i64);
        let longest = (self.length / STEP_US).max(1);
        let coarse = (FINE / HOUR + 1..).map(|hours| hours * HOUR);
        for steps in (1..=FINE).chain(coarse).take_while(|steps| *steps <= longest) {
            while let Some(bin) = bins.next_if(|bin| bin.index > now.saturating_sub(steps)) {
                rain = rain.saturating_add(bin.sum(self.all).sum);
            }
            if rain > 0 {
                most = most.max(ratio(rain, steps, constants));
            }
        }
        most
    }
}

/// `rain` counts in so many steps, over the curve, in thousandths: `I/(α·D^−β)` is
/// `R/(α·D^(1−β))`.
#[expect(clippy::cast_precision_loss, reason = "rain is far below 2^53 counts")]
#[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
fn ratio(rain: i64, steps: i64, constants: &Constants) -> i64 {
    let hours = steps as f64 / HOUR as f64;
    let (alpha, beta) = (constants.alpha as f64 / 10_000.0, constants.beta as f64 / 10_000.0);
    let curve = alpha * libm::pow(hours, 1.0 - beta) * 100.0;
    if curve > 0.0 { (rain as f64 * 1000.0 / curve) as i64 } else { 0 }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "figures of the test are small")]
mod tests {
    use super::*;

    const CAINE: Constants = Constants { alpha: 148_200, beta: 3_900, ..Constants::NONE };

    fn rain(steps: &[(i64, i64)]) -> Bins {
        let mut bins = Bins::default();
        for (step, counts) in steps {
            bins.add(*step, *counts, false, 600);
        }
        bins
    }

    fn at(bins: &Bins, steps: i64, hours: i64) -> Rainfall<'_> {
        Rainfall { bins, at: steps * STEP_US, length: hours * HOUR * STEP_US, all: true }
    }

    /// Caine's curve at 10 min, 1 h, 6 h and 24 h: 29.8, 14.82, 7.37 and 4.29 mm/h, worked out
    /// with a pocket calculator.
    #[test]
    fn rain_on_the_curve_has_the_ratio_one() {
        for (steps, millimetres) in [(1, 4.967_5), (6, 14.82), (36, 44.213), (144, 102.98)] {
            let counts = (millimetres * 100.0) as i64;
            // All of it in the last step would be far above the curve; spread it.
            let each: Vec<_> = (0..steps).map(|n| (n, counts / steps)).collect();
            let bins = rain(&each);
            let got = at(&bins, steps, 24).over_curve(&CAINE);
            assert!((970..=1_001).contains(&got), "{steps}: {got}");
        }
        let hour = rain(&[(5, 1482)]);
        assert_eq!(at(&hour, 6, 24).over_curve(&CAINE), 2_983);
        assert_eq!(at(&hour, 11, 1).over_curve(&CAINE), 1_000);
        assert_eq!(at(&hour, 12, 1).over_curve(&CAINE), 0);
    }

    use alloc::vec::Vec;

    #[test]
    fn rainy_days_are_counted_back_from_now_without_a_break() {
        let bins = rain(&[(10, 1_700), (154, 1_600), (298, 1_599), (442, 12_000)]);
        assert_eq!(at(&bins, 443, 24).daily(1_600), (12_000, 0));
        assert_eq!(at(&bins, 443, 24).daily(1_599), (12_000, 3));
        assert_eq!(at(&bins, 299, 24).daily(1_600), (1_599, 2));
    }

    #[test]
    fn antecedent_rain_counts_for_less_and_only_while_it_rains() {
        let bins = rain(&[(10, 5_000), (154, 5_000), (298, 10_000), (442, 100)]);
        assert_eq!(at(&bins, 443, 24).antecedent(2_010), 100 + 4_020);
        assert_eq!(at(&bins, 587, 24).antecedent(2_010), 0);
    }
}
