//! The soil water index: three tanks below each other (Ishihara and Kobatake; the parameters are
//! those the Japan Meteorological Agency uses everywhere).

use serde::{Deserialize, Serialize};

/// A step of ten minutes. An hour at once would overshoot.
pub(crate) const STEP_US: i64 = 600_000_000;
/// Micrometres of water in a count of rain (0.01 mm).
const PER_COUNT: i64 = 10_000;
/// Outlets, in nanometres of water: 1 mm is 1,000,000.
const FIRST: i64 = 15_000_000;
const SECOND: i64 = 60_000_000;
/// After so many dry steps (sixty days) nothing is left that a threshold could feel.
const DRY_STEPS: i64 = 60 * 144;
/// The most rain of one step, 100 m: absurd readings must not overflow.
const MOST: i64 = 100_000_000_000;

/// The water of the three tanks, in nanometres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Tanks(i64, i64, i64);

impl Tanks {
    /// Ten minutes with so much rain. Every part is a whole fraction of 600, and is rounded once a
    /// tank, so more water before never is less water after.
    ///
    /// Outflow 0.10 and 0.15 /h of the first tank above 15 and 60 mm, 0.05 and 0.01 /h of the
    /// others above 15 mm; infiltration 0.12, 0.05 and 0.01 /h.
    fn step(self, rain: i64) -> Self {
        let above = |water: i64, outlet: i64| (water - outlet).max(0);
        let Self(a, b, c) = self;
        let lost_a = (12 * a + 10 * above(a, FIRST) + 15 * above(a, SECOND)) / 600;
        let lost_b = (5 * b + 5 * above(b, FIRST)) / 600;
        let lost_c = (c + above(c, FIRST)) / 600;
        Self(a - lost_a + rain, b - lost_b + a / 50, c - lost_c + b / 120)
    }

    fn total(self) -> i64 {
        self.0.saturating_add(self.1).saturating_add(self.2)
    }
}

/// The tanks of one channel, up to the step in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Soil {
    tanks: Tanks,
    /// The step in progress: it ends at `(bin + 1) · STEP_US`.
    bin: i64,
    /// Its rain so far.
    rain: i64,
}

impl Soil {
    /// Takes rain, in counts, that fell up to the time `at`; in the order of time.
    pub(crate) fn take(&mut self, at: i64, counts: i64) {
        let bin = bin(at);
        let passed = bin.saturating_sub(self.bin);
        if passed > DRY_STEPS {
            *self = Self { bin, ..Self::default() };
        }
        while self.bin < bin {
            self.tanks = self.tanks.step(self.rain);
            self.rain = 0;
            self.bin = self.bin.saturating_add(1);
        }
        let rain = counts.max(0).saturating_mul(PER_COUNT);
        self.rain = self.rain.saturating_add(rain).min(MOST);
    }

    /// The index at `at`, in counts of rain. Within a step the rain of the step counts at once and
    /// nothing runs off yet.
    pub(crate) fn index(&self, at: i64) -> i64 {
        self.nanometres(at) / PER_COUNT
    }

    fn nanometres(&self, at: i64) -> i64 {
        if at.rem_euclid(STEP_US) == 0 {
            self.tanks.step(self.rain).total()
        } else {
            self.tanks.total().saturating_add(self.rain)
        }
    }

    /// Moves the time.
    pub(crate) fn shift(&mut self, micros: i64) {
        self.bin = self.bin.saturating_add(micros / STEP_US);
    }
}

/// The step of a reading taken at `at`: rain is what fell before it.
fn bin(at: i64) -> i64 {
    at.saturating_sub(1).div_euclid(STEP_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The agency's example: 30 mm/h for three hours, then dry, in steps of ten minutes.
    #[test]
    fn the_golden_storm() {
        let mut soil = Soil::default();
        let mut hourly = alloc::vec::Vec::new();
        for n in 1..=36 {
            let at = n * STEP_US;
            soil.take(at, if n <= 18 { 500 } else { 0 });
            if n % 6 == 0 {
                hourly.push((soil.nanometres(at) + 500) / 1000);
            }
        }
        assert_eq!(hourly, [29_777, 57_442, 82_699, 77_170, 73_116, 69_751]);
        assert_eq!(soil.index(36 * STEP_US), 6_975);
    }

    #[test]
    fn rain_by_the_minute_is_the_same_as_by_the_step() {
        let (mut minutes, mut steps) = (Soil::default(), Soil::default());
        for n in 1..=180 {
            minutes.take(n * STEP_US / 10, 50);
            if n % 10 == 0 {
                steps.take(n * STEP_US / 10, 500);
                assert_eq!(minutes, steps);
            }
        }
    }

    #[test]
    fn a_long_silence_dries_the_soil_and_costs_little() {
        let mut soil = Soil::default();
        soil.take(STEP_US, 10_000);
        soil.take(144 * 30 * STEP_US, 0);
        let month = soil.index(144 * 30 * STEP_US);
        assert!((1..2_000).contains(&month), "{month}");
        soil.take(i64::MAX, 0);
        assert_eq!(soil.index(i64::MAX), 0);
        soil.take(i64::MAX, i64::MAX);
        assert!(soil.index(i64::MAX) > 0);
    }
}
