//! A decimal number as somebody wrote it, exact.

use alloc::format;
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tram_wire::Quantity;

/// The most digits of a number: a TOML float with as many is read back digit for digit.
pub const MAX_DECIMAL_DIGITS: usize = 15;

/// A decimal number: `digits` times ten to the power of minus `places`, without trailing zeros.
/// A threshold of `80.00` m is exactly 80.00 m, whatever a binary fraction would make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    digits: i64,
    places: u8,
}

/// The text is not a decimal number of at most [`MAX_DECIMAL_DIGITS`] digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidDecimal;

impl fmt::Display for InvalidDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a decimal number of at most {MAX_DECIMAL_DIGITS} digits, such as 80.00")
    }
}

impl core::error::Error for InvalidDecimal {}

impl Decimal {
    /// The number in counts of `quantity`: 80.00 of a water level in metres is 80000. `None` when
    /// the number has more decimal places than the quantity.
    #[must_use]
    pub fn counts(self, quantity: Quantity) -> Option<i64> {
        self.scaled(quantity.decimals())
    }

    /// The number times ten to the power of `places`; `None` when it has more decimal places.
    #[must_use]
    pub fn scaled(self, places: u8) -> Option<i64> {
        let missing = u32::from(places).checked_sub(u32::from(self.places))?;
        self.digits.checked_mul(10_i64.checked_pow(missing)?)
    }

    /// The number that `counts` of `quantity` stand for.
    #[must_use]
    pub fn from_counts(counts: i64, quantity: Quantity) -> Self {
        Self::trimmed(counts, quantity.decimals())
    }

    fn trimmed(mut digits: i64, mut places: u8) -> Self {
        while places > 0 && digits % 10 == 0 {
            digits /= 10;
            places -= 1;
        }
        Self { digits, places }
    }
}

impl FromStr for Decimal {
    type Err = InvalidDecimal;

    fn from_str(s: &str) -> Result<Self, InvalidDecimal> {
        let (negative, unsigned) = match s.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, s.strip_prefix('+').unwrap_or(s)),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !number(whole) || !number(fraction) {
            return Err(InvalidDecimal);
        }
        let fraction = fraction.trim_end_matches('0');
        if whole.trim_start_matches('0').len() + fraction.len() > MAX_DECIMAL_DIGITS {
            return Err(InvalidDecimal);
        }
        let magnitude = whole
            .bytes()
            .chain(fraction.bytes())
            .fold(0_i64, |n, b| n * 10 + i64::from(b.wrapping_sub(b'0')));
        let places = u8::try_from(fraction.len()).map_err(|_| InvalidDecimal)?;
        Ok(Self::trimmed(if negative { -magnitude } else { magnitude }, places))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let places = usize::from(self.places);
        let digits = format!("{:0>1$}", self.digits.unsigned_abs(), places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        if places == 0 {
            f.pad(&format!("{sign}{whole}"))
        } else {
            f.pad(&format!("{sign}{whole}.{fraction}"))
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&InvalidDecimal, f)
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<Decimal, E> {
        v.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Decimal, E> {
        self.visit_str(&format!("{v}"))
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Decimal, E> {
        self.visit_str(&format!("{v}"))
    }

    /// A float prints as the shortest decimal that reads back as the same float, which is what
    /// was written as long as it has no more than 15 digits.
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Decimal, E> {
        self.visit_str(&format!("{v}"))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use proptest::prelude::*;

    use super::*;

    #[derive(Deserialize)]
    struct One {
        v: Decimal,
    }

    fn toml(text: &str) -> Option<Decimal> {
        ::toml::from_str::<One>(&(String::from("v = ") + text)).ok().map(|one| one.v)
    }

    #[test]
    fn river_levels_come_out_exact() {
        for (text, counts) in [
            ("80.00", 80_000),
            ("80", 80_000),
            ("\"80.00\"", 80_000),
            ("83.5", 83_500),
            ("86.91", 86_910),
            ("0.001", 1),
            ("-0.07", -70),
            ("1e2", 100_000),
            ("-0.0", 0),
        ] {
            let value = toml(text).and_then(|d| d.counts(Quantity::WaterLevel));
            assert_eq!(value, Some(counts), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_short_decimal_is_refused() {
        for bad in ["nan", "inf", "\"\"", "\"1.\"", "\".5\"", "\"1,5\"", "\"--1\"", "1e300", "true"]
        {
            assert_eq!(toml(bad), None, "{bad}");
        }
        assert_eq!("1234567890123456".parse::<Decimal>(), Err(InvalidDecimal));
    }

    #[test]
    fn more_places_than_the_quantity_has_are_no_count() {
        assert_eq!(toml("80.0005").and_then(|d| d.counts(Quantity::WaterLevel)), None);
        assert_eq!(toml("1.5").and_then(|d| d.counts(Quantity::Tilt)), None);
    }

    proptest! {
        #[test]
        fn every_count_survives_toml_as_float_and_as_text(counts in -99_999_999_999_i64..99_999_999_999) {
            for q in Quantity::all() {
                let written = Decimal::from_counts(counts, q).to_string();
                prop_assert_eq!(toml(&written).and_then(|d| d.counts(q)), Some(counts));
                let quoted = alloc::format!("\"{written}\"");
                prop_assert_eq!(toml(&quoted).and_then(|d| d.counts(q)), Some(counts));
            }
        }
    }
}
