//! Inclination from vectors of gravity.

use tram_drivers::adxl355::Gravity;
use tram_wire::{Microradian, Tests};

use crate::{Measured, rounding::to_i32};

/// The most samples that are averaged into one reading; further ones are left out.
pub const MAX_TILT_SAMPLES: u32 = 100_000;

/// How far the length of the vector may be from 1 g, in millionths: beyond, something shakes or
/// the part is broken.
const LENGTH_TOLERANCE: f64 = 50_000.0;
const ONE_G: f64 = 1_000_000.0;
const MICRO: f64 = 1_000_000.0;

type Vector = [f64; 3];

/// The inclination against the zero of installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TiltReading {
    /// Rotation of the X axis out of its place at installation, up positive.
    pub x: Measured<Microradian>,
    /// The same of the Y axis.
    pub y: Measured<Microradian>,
    /// The angle between gravity now and at installation, whatever its direction; 0 or more.
    pub angle: Measured<Microradian>,
}

/// Averages samples of one accelerometer and compares them with the zero of installation.
#[derive(Debug, Clone)]
pub struct Tilt {
    zero: Option<Vector>,
    sum: Vector,
    samples: u32,
}

impl Tilt {
    /// An inclinometer whose zero is gravity as it was at installation; without one, the first
    /// reading becomes the zero.
    #[must_use]
    pub fn new(zero: Option<&Gravity>) -> Self {
        Self { zero: zero.map(vector), sum: [0.0; 3], samples: 0 }
    }

    /// Takes a sample.
    pub fn sample(&mut self, gravity: &Gravity) {
        if self.samples >= MAX_TILT_SAMPLES {
            return;
        }
        self.samples += 1;
        self.sum.iter_mut().zip(vector(gravity)).for_each(|(sum, g)| *sum += g);
    }

    /// Ends the interval: the mean of its samples against the zero. Missing without a sample,
    /// suspect with `GROSS_RANGE` when the vector is not about 1 g long.
    pub fn take(&mut self) -> TiltReading {
        let (sum, samples) = (self.sum, core::mem::take(&mut self.samples));
        self.sum = [0.0; 3];
        if samples == 0 {
            let none = Measured::missing(Tests::SENSOR_ERROR);
            return TiltReading { x: none, y: none, angle: none };
        }
        let mean = sum.map(|s| s / f64::from(samples));
        let off = (libm::sqrt(dot(mean, mean)) - ONE_G).abs() > LENGTH_TOLERANCE;
        let tests = if off { Tests::GROSS_RANGE } else { Tests::NONE };
        let zero = match self.zero {
            Some(zero) => zero,
            // What shakes is no zero.
            None if off => mean,
            None => *self.zero.insert(mean),
        };
        let told = |radian: f64| match to_i32(radian * MICRO) {
            Some(micro) => Measured::suspect(Microradian(micro), tests),
            None => Measured::missing(Tests::SENSOR_ERROR),
        };
        let [x, y] = [axis(mean, 0) - axis(zero, 0), axis(mean, 1) - axis(zero, 1)];
        let across = cross(mean, zero);
        // acos of the dot product loses every angle below a milliradian; this does not.
        let angle = libm::atan2(libm::sqrt(dot(across, across)), dot(mean, zero));
        TiltReading { x: told(x), y: told(y), angle: told(angle) }
    }
}

fn vector(g: &Gravity) -> Vector {
    [f64::from(g.x.0), f64::from(g.y.0), f64::from(g.z.0)]
}

fn dot([a, b, c]: Vector, [x, y, z]: Vector) -> f64 {
    a * x + b * y + c * z
}

fn cross([a, b, c]: Vector, [x, y, z]: Vector) -> Vector {
    [b * z - c * y, c * x - a * z, a * y - b * x]
}

/// The angle of an axis (0 is X, 1 is Y) above the horizon, in radians.
fn axis([x, y, z]: Vector, which: usize) -> f64 {
    let (along, other) = if which == 0 { (x, y) } else { (y, x) };
    libm::atan2(along, libm::sqrt(other * other + z * z))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tram_drivers::adxl355::MicroG;
    use tram_wire::MilliCelsius;

    use super::*;

    fn gravity(x: i32, y: i32, z: i32) -> Gravity {
        let [x, y, z] = [x, y, z].map(MicroG);
        Gravity { x, y, z, temperature: MilliCelsius(25_000) }
    }

    fn once(zero: &Gravity, now: &Gravity) -> (i32, i32, i32) {
        let mut tilt = Tilt::new(Some(zero));
        tilt.sample(now);
        let r = tilt.take();
        let n = |m: Measured<Microradian>| m.value.unwrap().0;
        (n(r.x), n(r.y), n(r.angle))
    }

    #[test]
    fn small_angles_survive() {
        let level = gravity(0, 0, 1_000_000);
        assert_eq!(once(&level, &level), (0, 0, 0));
        assert_eq!(once(&level, &gravity(10, 0, 1_000_000)), (10, 0, 10));
        assert_eq!(once(&level, &gravity(0, -300, 1_000_000)), (0, -300, 300));
    }

    #[test]
    fn a_right_angle_is_half_of_pi() {
        let level = gravity(0, 0, 1_000_000);
        assert_eq!(once(&level, &gravity(1_000_000, 0, 0)), (1_570_796, 0, 1_570_796));
        assert_eq!(once(&level, &gravity(0, 0, -1_000_000)).2, 3_141_593);
    }

    #[test]
    fn samples_are_averaged_and_the_first_reading_becomes_the_zero() {
        let mut tilt = Tilt::new(None);
        assert_eq!(tilt.take().x, Measured::missing(Tests::SENSOR_ERROR));
        tilt.sample(&gravity(100, 0, 1_000_000));
        tilt.sample(&gravity(300, 0, 1_000_000));
        assert_eq!(tilt.take().x, Measured::good(Microradian(0)));
        tilt.sample(&gravity(250, 0, 1_000_000));
        assert_eq!(tilt.take().x, Measured::good(Microradian(50)));
    }

    #[test]
    fn what_is_not_one_g_is_suspect_and_no_zero() {
        let mut tilt = Tilt::new(None);
        tilt.sample(&gravity(0, 0, 1_060_000));
        assert_eq!(tilt.take().angle, Measured::suspect(Microradian(0), Tests::GROSS_RANGE));
        tilt.sample(&gravity(500, 0, 1_000_000));
        assert_eq!(tilt.take().x, Measured::good(Microradian(0)));
    }

    proptest! {
        #[test]
        fn the_two_axes_bound_the_angle(x in -50_000_i32..50_000, y in -50_000_i32..50_000) {
            let (tx, ty, angle) = once(&gravity(0, 0, 1_000_000), &gravity(x, y, 998_000));
            prop_assert!(angle >= tx.abs().max(ty.abs()) - 1);
            prop_assert!(angle <= tx.abs() + ty.abs() + 1);
        }

        #[test]
        fn no_vector_makes_it_panic(x in any::<i32>(), y in any::<i32>(), z in any::<i32>()) {
            let mut tilt = Tilt::new(Some(&gravity(z, x, y)));
            tilt.sample(&gravity(x, y, z));
            let r = tilt.take();
            prop_assert!(r.x.value.is_some() && r.y.value.is_some() && r.angle.value.is_some());
        }
    }
}
