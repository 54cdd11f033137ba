//! From a computed float to a fixed-point count.

/// The nearest count, or `None` when it is not a number or does not fit.
pub(crate) fn to_i32(value: f64) -> Option<i32> {
    let rounded = libm::round(value);
    let fits = rounded >= f64::from(i32::MIN) && rounded <= f64::from(i32::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "a whole number within the range")]
    fits.then_some(rounded as i32)
}

/// A count held at the ends of its range.
pub(crate) fn saturated(value: i128) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

/// The quotient to the nearest integer, halves up; `None` when `under` is not above 0.
pub(crate) fn divided(over: i128, under: i128) -> Option<i128> {
    if under <= 0 {
        return None;
    }
    over.checked_add(under / 2).map(|n| n.div_euclid(under))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_that_are_no_count_are_refused() {
        assert_eq!(to_i32(2.5), Some(3));
        assert_eq!(to_i32(-2.4), Some(-2));
        for bad in [f64::NAN, f64::INFINITY, 3e9, -3e9] {
            assert_eq!(to_i32(bad), None);
        }
    }

    #[test]
    fn quotients_are_rounded_on_both_sides_of_zero() {
        assert_eq!(divided(7, 2), Some(4));
        assert_eq!(divided(-7, 2), Some(-3));
        assert_eq!(divided(-8, 3), Some(-3));
        assert_eq!(divided(1, 0), None);
    }
}
