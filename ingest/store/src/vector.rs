//! Directions as sums of unit vectors, in integers, so that the order of adding is no matter.

use std::sync::LazyLock;

/// The length of a unit vector in the sums: 2 to the power of 30.
const ONE: f64 = 1_073_741_824.0;
/// A mean vector shorter than this share of a unit has no direction.
const SHORTEST: f64 = 1e-6;
/// A mean is rounded to this share of a degree; the table is not finer.
const ROUNDED: f64 = 1e6;

/// A sum of directions. A reading of d degrees adds the sine and the cosine of d.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vector {
    /// Sum of the sines, in units of 2 to the power of -30.
    pub sine: i64,
    /// Sum of the cosines, likewise.
    pub cosine: i64,
}

/// The unit vectors of 0° to 359°. Mirrored from one quadrant, so that opposite ones cancel.
static UNITS: LazyLock<Vec<Vector>> = LazyLock::new(|| {
    #[expect(clippy::cast_possible_truncation, reason = "at most 2 to the power of 30")]
    let sine = |degrees: i32| (f64::from(degrees).to_radians().sin() * ONE).round() as i64;
    let unit = |degrees: i32| match degrees {
        0..90 => Vector { sine: sine(degrees), cosine: sine(90 - degrees) },
        90..180 => Vector { sine: sine(180 - degrees), cosine: -sine(degrees - 90) },
        180..270 => Vector { sine: -sine(degrees - 180), cosine: -sine(270 - degrees) },
        _ => Vector { sine: -sine(360 - degrees), cosine: sine(degrees - 270) },
    };
    (0..360).map(unit).collect()
});

impl Vector {
    /// The unit vector of a direction in degrees.
    #[must_use]
    pub fn of(degrees: i64) -> Self {
        let whole = usize::try_from(degrees.rem_euclid(360)).unwrap_or_default();
        UNITS.get(whole).copied().unwrap_or_default()
    }

    /// Adds another sum.
    pub fn add(&mut self, other: Self) {
        // 2 to the power of 33 readings would have to be in one sum.
        self.sine = self.sine.saturating_add(other.sine);
        self.cosine = self.cosine.saturating_add(other.cosine);
    }

    /// The mean direction of `count` readings in degrees, from 0 up to before 360, rounded to a
    /// millionth. `None` without a reading, or when they cancel each other.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean is rounded anyway")]
    pub fn mean(self, count: u64) -> Option<f64> {
        let (sine, cosine) = (self.sine as f64, self.cosine as f64);
        if count == 0 || sine.hypot(cosine) < SHORTEST * ONE * count as f64 {
            return None;
        }
        let degrees = sine.atan2(cosine).to_degrees().rem_euclid(360.0);
        let rounded = (degrees * ROUNDED).round() / ROUNDED;
        Some(if rounded >= 360.0 { 0.0 } else { rounded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(degrees: &[i64]) -> Option<f64> {
        let mut sum = Vector::default();
        degrees.iter().for_each(|d| sum.add(Vector::of(*d)));
        sum.mean(degrees.len() as u64)
    }

    #[test]
    fn the_mean_of_directions_goes_the_short_way_round() {
        for (degrees, expected) in [
            (&[359, 1][..], 0.0),
            (&[350, 20], 5.0),
            (&[80, 100], 90.0),
            (&[170, 190, 180], 180.0),
            (&[270], 270.0),
            (&[360], 0.0),
            (&[-10], 350.0),
        ] {
            assert_eq!(mean(degrees), Some(expected), "{degrees:?}");
        }
        for d in 0..360 {
            assert_eq!(mean(&[d]), Some(f64::from(i32::try_from(d).unwrap())));
        }
    }

    #[test]
    fn directions_that_cancel_have_no_mean() {
        for d in 0..360 {
            assert_eq!(mean(&[d, d + 180]), None);
            assert_eq!(mean(&[d, d + 120, d + 240]), None);
        }
        assert_eq!(mean(&[]), None);
    }
}
