//! Fukuzono's inverse velocity: before a slope fails, 1/v often falls in a straight line, and where
//! that line meets zero is when it may fail.
//!
//! Plain arithmetic and a square root, both exact to the last bit in IEEE 754, so a node and the
//! centre get the same number. Laboratory law, noisy slopes: a window of times, never a point, and
//! never more than advice.

use tram_wire::UnixMicros;

use crate::bins::{Bin, Bins, over};

/// The statistic of a slope that does not accelerate, in hours: nothing is foreseen.
pub const MAX_REMAINING_H: i64 = 9_999;
/// A window has so many steps.
pub(crate) const STEPS: i64 = 24;
/// So many velocities in a row make a line.
const LEAST: u32 = 6;
/// Half the width of the window of times, in standard errors of the slope.
const ERRORS: f64 = 2.0;
const HOUR_US: f64 = 3_600_000_000.0;

/// When a slope may fail, by the law of inverse velocity. Advice, not a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// The earliest time that the scatter of the line allows, never before the time it was made.
    pub earliest: UnixMicros,
    /// The latest; `None` when the scatter allows that it never fails.
    pub latest: Option<UnixMicros>,
    /// R² of the line, in thousandths.
    pub fit: u16,
}

/// Mean positions of one channel, step by step.
#[derive(Clone, Copy)]
pub(crate) struct Motion<'a> {
    pub(crate) bins: &'a Bins,
    pub(crate) at: i64,
    /// Of a step, in microseconds.
    pub(crate) length: i64,
    /// With the suspect readings.
    pub(crate) all: bool,
}

/// A straight line through points, time in hours before now.
#[derive(Default)]
struct Line {
    n: u32,
    t: f64,
    y: f64,
    tt: f64,
    ty: f64,
    yy: f64,
}

impl Line {
    fn add(&mut self, t: f64, y: f64) {
        self.n += 1;
        self.t += t;
        self.y += y;
        self.tt += t * t;
        self.ty += t * y;
        self.yy += y * y;
    }
}

impl Motion<'_> {
    /// Whether the window is filled well enough to say anything, also that nothing moves.
    pub(crate) fn known(&self) -> bool {
        self.steps().count() > usize::try_from(LEAST).unwrap_or(usize::MAX)
    }

    /// The steps of the window and their mean positions, the newest first. A step with less than
    /// half as many readings as the fullest is left out: the middle of its readings is not its own.
    fn steps(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        let last = over(self.at, self.length);
        let inside = move |bin: &&Bin| bin.index <= last && bin.index > last.saturating_sub(STEPS);
        let readings = |bin: &Bin| bin.sum(self.all).n;
        let most = self.bins.newest_first().filter(inside).map(readings).max().unwrap_or(0);
        let least = (most / 2).max(1);
        let steps = self.bins.newest_first().filter(inside);
        let steps = steps.map(|bin| (bin.index, bin.sum(self.all)));
        steps.filter(move |(_, sum)| sum.n >= least).map(|(index, sum)| (index, sum.mean()))
    }

    /// The forecast from the latest run of velocities in the direction in which the window moved.
    pub(crate) fn forecast(&self, least_fit: i64) -> Option<Forecast> {
        let line = self.inverse_velocities()?;
        let n = f64::from(line.n);
        let (t, y) = (line.t / n, line.y / n);
        let (tt, ty) = (line.tt - n * t * t, line.ty - n * t * y);
        let yy = line.yy - n * y * y;
        if tt <= 0.0 || yy <= 0.0 || ty >= 0.0 {
            return None;
        }
        let slope = ty / tt;
        let fit = (ty * ty / (tt * yy)).clamp(0.0, 1.0);
        let rest = (yy * (1.0 - fit)).max(0.0) / (n - 2.0);
        let error = ERRORS * libm::sqrt(rest / tt);
        if fit * 1000.0 < count(least_fit) {
            return None;
        }
        // Every line goes through the middle of the points.
        let meets = |slope: f64| t - y / slope;
        let earliest = self.after(meets(slope - error).max(0.0));
        let latest = (slope + error < 0.0).then(|| self.after(meets(slope + error).max(0.0)));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        Some(Forecast { earliest, latest, fit: (fit * 1000.0) as u16 })
    }

    fn inverse_velocities(&self) -> Option<Line> {
        let direction = self.steps().next()?.1 - self.steps().last()?.1;
        let hours = |micros: i64| count(micros) / HOUR_US;
        // The middle of a step, before now.
        let middle = |index: i64| {
            let middle = index.saturating_mul(self.length).saturating_add(self.length / 2);
            hours(middle.saturating_sub(self.at))
        };
        let mut line = Line::default();
        for ((later, x), (earlier, before)) in self.steps().zip(self.steps().skip(1)) {
            let apart = middle(later) - middle(earlier);
            let velocity = (x - before) * direction.signum() / apart;
            if velocity <= 0.0 {
                break;
            }
            line.add((middle(later) + middle(earlier)) / 2.0, 1.0 / velocity);
        }
        (line.n >= LEAST).then_some(line)
    }

    /// So many hours from now, at most [`MAX_REMAINING_H`].
    #[expect(clippy::cast_possible_truncation, reason = "bounded before")]
    fn after(&self, hours: f64) -> UnixMicros {
        let hours = hours.min(count(MAX_REMAINING_H));
        UnixMicros(self.at.saturating_add((hours * HOUR_US) as i64))
    }

    /// Thousandths of an hour to the earliest failure; [`MAX_REMAINING_H`] when none is foreseen.
    pub(crate) fn remaining(&self, least_fit: i64) -> Option<i64> {
        if !self.known() {
            return None;
        }
        let most = MAX_REMAINING_H * 1000;
        let remaining = self
            .forecast(least_fit)
            .map_or(most, |forecast| forecast.earliest.0.saturating_sub(self.at) / 3_600_000);
        Some(remaining.min(most))
    }
}

#[expect(clippy::cast_precision_loss, reason = "steps and lengths are far below 2^53")]
fn count(n: i64) -> f64 {
    n as f64
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "figures of the test are small")]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    /// Positions of a slope that fails `fails` hours after the start of the record: v = A/(tf−t),
    /// so 1/v is a straight line; x = −A·ln(1 − t/tf).
    fn creep(fails: f64, hours: i64, wobble: f64) -> Bins {
        let mut bins = Bins::default();
        for minute in 1..=hours * 60 {
            let t = minute as f64 / 60.0;
            let noise = if (minute / 60) % 2 == 0 { wobble } else { -wobble };
            let x = -50_000.0 * libm::log(1.0 - t / fails) + noise;
            bins.add((minute - 1) / 60, x as i64, false, 25);
        }
        bins
    }

    fn motion(bins: &Bins, hours: i64) -> Motion<'_> {
        Motion { bins, at: hours * HOUR, length: HOUR, all: true }
    }

    #[test]
    fn a_slope_that_speeds_up_as_the_law_says_has_its_time_in_a_narrow_window() {
        let bins = creep(40.0, 24, 0.0);
        let forecast = motion(&bins, 24).forecast(900).unwrap();
        let hours = |t: UnixMicros| (t.0 - 24 * HOUR) as f64 / HOUR as f64;
        let (earliest, latest) = (hours(forecast.earliest), hours(forecast.latest.unwrap()));
        assert!((15.0..=16.1).contains(&earliest), "{earliest}");
        assert!((15.9..=17.0).contains(&latest), "{latest}");
        assert!(forecast.fit > 990, "{forecast:?}");
        let left = motion(&bins, 24).remaining(900).unwrap();
        assert_eq!(left, (earliest * 1000.0) as i64);
    }

    #[test]
    fn scatter_makes_the_window_wide_or_the_line_unbelieved() {
        let bins = creep(40.0, 24, 250.0);
        let wide = motion(&bins, 24).forecast(0);
        let narrow = motion(&creep(40.0, 24, 0.0), 24).forecast(0).unwrap();
        assert!(wide.is_none_or(|wide| wide.earliest < narrow.earliest && wide.fit < narrow.fit));
        assert_eq!(motion(&bins, 24).forecast(999), None);
    }

    #[test]
    fn a_slope_that_rests_or_slows_has_no_time() {
        let mut still = Bins::default();
        let mut slowing = Bins::default();
        for hour in 0..24 {
            still.add(hour, 100, false, 25);
            slowing.add(hour, libm::sqrt(hour as f64) as i64 * 1000, false, 25);
        }
        for bins in [still, slowing] {
            assert_eq!(motion(&bins, 24).remaining(0), Some(9_999_000));
        }
        let few = creep(40.0, 5, 0.0);
        assert_eq!(motion(&few, 5).remaining(0), None);
    }
}
