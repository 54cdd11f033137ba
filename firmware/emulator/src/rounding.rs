//! From the world's continuous quantities to the parts' integers.

/// The nearest integer, held at the ends of the range; 0 for what is not a number.
#[expect(clippy::cast_possible_truncation, reason = "rounded first, and `as` saturates")]
pub(crate) fn nearest(value: f64) -> i64 {
    value.round() as i64
}

/// The nearest integer from 0 to 2⁶⁴ − 1, held at the ends.
pub(crate) fn nearest_unsigned(value: f64) -> u64 {
    u64::try_from(nearest(value)).unwrap_or(0)
}

/// The nearest integer that fits an unsigned register of 16 bits, held at the ends.
pub(crate) fn register_u16(value: f64) -> u16 {
    u16::try_from(nearest(value).clamp(0, 0xffff)).unwrap_or(u16::MAX)
}

/// The nearest integer that fits a signed register of 16 bits, held at the ends.
pub(crate) fn register_i16(value: f64) -> i16 {
    let clamped = nearest(value).clamp(i64::from(i16::MIN), i64::from(i16::MAX));
    i16::try_from(clamped).unwrap_or(i16::MAX)
}
