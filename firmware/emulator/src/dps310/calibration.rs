//! What a real DPS310 shows at a pressure and a temperature: the formula of §4.9 solved for the raw
//! values by iteration, in floating point. Checked against a real part's registers, not against the
//! driver.

use crate::rounding::nearest;

/// Registers 0x10 to 0x21 of a real part.
pub(super) const COEFFICIENTS: [u8; 18] = [
    0x0e, 0x1e, 0xdd, 0x13, 0xca, 0x5f, 0x21, 0x52, 0xf9, 0xc6, 0x04, 0xd1, 0xdb, 0x47, 0x00, 0x5b,
    0xfb, 0x3a,
];

/// The same, cut apart as §8.11 says.
const C0: f64 = 225.0;
const C1: f64 = -291.0;
const C00: f64 = 81_061.0;
const C10: f64 = -57_006.0;
const C01: f64 = -1_594.0;
const C11: f64 = 1_233.0;
const C20: f64 = -9_401.0;
const C21: f64 = 91.0;
const C30: f64 = -1_222.0;

/// The raw temperature in 24 bits.
pub(super) fn temperature_raw(celsius: f64, scale: f64) -> i32 {
    in_24_bits((celsius - C0 * 0.5) / C1 * scale)
}

/// The raw pressure in 24 bits at a scaled raw temperature.
pub(super) fn pressure_raw(pascals: f64, scaled_t: f64, scale: f64) -> i32 {
    let mut p = (pascals - C00) / C10;
    // Newton's method; the curve is nearly straight, so a few steps reach the last bit.
    for _ in 0..8 {
        let value =
            C00 + p * (C10 + p * (C20 + p * C30)) + scaled_t * C01 + scaled_t * p * (C11 + p * C21);
        let slope = C10 + p * (2.0 * C20 + p * 3.0 * C30) + scaled_t * (C11 + 2.0 * p * C21);
        p -= (value - pascals) / slope;
    }
    in_24_bits(p * scale)
}

fn in_24_bits(value: f64) -> i32 {
    i32::try_from(nearest(value).clamp(-(1 << 23), (1 << 23) - 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_parts_registers_come_out() {
        // The part whose coefficients these are showed 0x0269A6 and 0xFE2FEE after one sample of
        // each (as kept in QEMU's model), which §4.9 in exact fractions makes 24.738430 °C and
        // 92 946.31142 Pa.
        assert_eq!(temperature_raw(24.738_430, 524_288.0), 0x02_69a6);
        let scaled_t = f64::from(0x02_69a6) / 524_288.0;
        assert_eq!(pressure_raw(92_946.311_42, scaled_t, 524_288.0), 0xfe_2fee - (1 << 24));
    }

    #[test]
    fn the_part_ends_where_24_bits_end() {
        assert_eq!(temperature_raw(1e9, 524_288.0), -(1 << 23));
        assert_eq!(temperature_raw(-1e9, 524_288.0), (1 << 23) - 1);
    }
}
