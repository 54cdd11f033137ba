//! Raw counts into pascals and degrees with the part's own coefficients (§4.9), in integers only:
//! the microcontroller has no floating point unit.

use tram_wire::{MilliCelsius, Pascal};

use super::Sample;

/// kP and kT of one sample (§4.9.3).
pub(super) const SCALE_ONE: i64 = 524_288;

/// Fractional bits of a scaled raw value, which lies within ±33.1.
const RAW_BITS: u32 = 24;
/// Fractional bits of an intermediate pressure.
const PRESSURE_BITS: u32 = 8;

/// The calibration of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coefficients {
    c0: i32,
    c1: i32,
    c00: i32,
    c10: i32,
    c01: i32,
    c11: i32,
    c20: i32,
    c21: i32,
    c30: i32,
}

impl Coefficients {
    /// Bytes of the coefficients' registers, 0x10 to 0x21.
    pub const BYTES: usize = 18;

    /// Reads the coefficients' registers (§8.11): c0 and c1 of 12 bits share 3 bytes, c00
    /// and c10 of 20 bits share 5, then c01, c11, c20, c21 and c30 of 16 bits each.
    ///
    /// Returns `None` when the bytes are all zeros or all ones, which no part has.
    #[must_use]
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        if bytes.iter().all(|b| *b == 0) || bytes.iter().all(|b| *b == 0xff) {
            return None;
        }
        let [b0, b1, b2, b3, b4, b5, b6, b7, rest @ ..] = *bytes;
        let [c01h, c01l, c11h, c11l, c20h, c20l, c21h, c21l, c30h, c30l] = rest;
        let signed_16 = |high, low| i32::from(i16::from_be_bytes([high, low]));
        Some(Self {
            c0: signed(&[b0, b1, 0, 0], 12),
            c1: signed(&[b1 << 4 | b2 >> 4, b2 << 4, 0, 0], 12),
            c00: signed(&[b3, b4, b5, 0], 20),
            c10: signed(&[b5 << 4 | b6 >> 4, b6 << 4 | b7 >> 4, b7 << 4, 0], 20),
            c01: signed_16(c01h, c01l),
            c11: signed_16(c11h, c11l),
            c20: signed_16(c20h, c20l),
            c21: signed_16(c21h, c21l),
            c30: signed_16(c30h, c30l),
        })
    }

    /// §4.9.1 and §4.9.2, each result rounded to the nearest. `pressure` and `temperature` are raw
    /// counts of 24 bits, `scale` is kP; kT is that of one sample.
    pub(super) fn compensate(&self, pressure: i32, scale: i64, temperature: i32) -> Sample {
        let p = (i64::from(pressure) << RAW_BITS) / scale;
        let t = (i64::from(temperature) << RAW_BITS) / SCALE_ONE;
        let at = |c: i32| i64::from(c) << PRESSURE_BITS;
        let times = |value: i64, raw: i64| (value * raw) >> RAW_BITS;
        // p within ±2^5.05 and coefficients within 2^19 keep every product below 2^63.
        let cubic = at(self.c10) + times(at(self.c20) + times(at(self.c30), p), p);
        let cross = at(self.c01) + times(at(self.c11) + times(at(self.c21), p), p);
        let pascals = at(self.c00) + times(cubic, p) + times(cross, t);
        // c0/2 + c1·t in m°C.
        let milli = ((i64::from(self.c0) * 500) << RAW_BITS) + i64::from(self.c1) * 1000 * t;
        Sample {
            pressure: Pascal(rounded(pascals, PRESSURE_BITS)),
            temperature: MilliCelsius(rounded(milli, RAW_BITS)),
        }
    }
}

/// The first `bits` of four bytes as a number in two's complement.
fn signed(bytes: &[u8; 4], bits: u32) -> i32 {
    i32::from_be_bytes(*bytes) >> (32 - bits)
}

/// Drops the fractional bits, halves upward, held at the ends of the range.
fn rounded(value: i64, fractional_bits: u32) -> i32 {
    let nearest = (value + (1 << (fractional_bits - 1))) >> fractional_bits;
    i32::try_from(nearest).unwrap_or(if nearest < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn coefficients_are_cut_out_of_the_registers_as_table_18_says() {
        let bytes = [
            0x0e, 0x1e, 0xdd, 0x13, 0xca, 0x5f, 0x21, 0x52, 0xf9, 0xc6, 0x04, 0xd1, 0xdb, 0x47,
            0x00, 0x5b, 0xfb, 0x3a,
        ];
        let expected = Coefficients {
            c0: 225,
            c1: -291,
            c00: 81_061,
            c10: -57_006,
            c01: -1_594,
            c11: 1_233,
            c20: -9_401,
            c21: 91,
            c30: -1_222,
        };
        assert_eq!(Coefficients::decode(&bytes), Some(expected));
        assert_eq!(Coefficients::decode(&[0; 18]), None);
        assert_eq!(Coefficients::decode(&[0xff; 18]), None);
    }

    proptest! {
        #[test]
        fn integers_agree_with_the_formula_of_the_datasheet(
            raw_p in -500_000_i32..100_000,
            raw_t in -200_000_i32..400_000,
        ) {
            let c = Coefficients {
                c0: 225, c1: -291, c00: 81_061, c10: -57_006, c01: -1_594, c11: 1_233,
                c20: -9_401, c21: 91, c30: -1_222,
            };
            let f = f64::from;
            let (p, t) = (f(raw_p) / 253_952.0, f(raw_t) / 524_288.0);
            let pascals = f(c.c00)
                + p * (f(c.c10) + p * (f(c.c20) + p * f(c.c30)))
                + t * f(c.c01)
                + t * p * (f(c.c11) + p * f(c.c21));
            let milli = 1000.0 * (f(c.c0) * 0.5 + f(c.c1) * t);
            let sample = c.compensate(raw_p, 253_952, raw_t);
            prop_assert!((f(sample.pressure.0) - pascals).abs() < 0.6, "{pascals} {sample:?}");
            prop_assert!((f(sample.temperature.0) - milli).abs() < 0.6, "{milli} {sample:?}");
        }

        #[test]
        fn no_part_however_broken_overflows(
            bytes in prop::array::uniform18(any::<u8>()),
            raw_p in -(1_i32 << 23)..(1 << 23),
            raw_t in -(1_i32 << 23)..(1 << 23),
        ) {
            if let Some(c) = Coefficients::decode(&bytes) {
                for scale in [SCALE_ONE, 253_952] {
                    c.compensate(raw_p, scale, raw_t);
                }
            }
        }
    }
}
