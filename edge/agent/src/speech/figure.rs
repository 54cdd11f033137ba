//! Figures as people write them: with a decimal comma in Vietnamese, a point in English.

use tram_wire::Quantity;

use super::Language;

/// A value in the unit of what it measures, such as `80,00 m`.
pub(crate) fn value(language: Language, counts: i64, quantity: Quantity) -> String {
    let decimals = usize::from(quantity.decimals());
    let digits = format!("{:0>1$}", counts.unsigned_abs(), decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let sign = if counts < 0 { "−" } else { "" };
    let number = if decimals == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}{}{fraction}", language.of([',', '.']))
    };
    match quantity.unit() {
        "1" => number,
        unit => format!("{number} {unit}"),
    }
}

/// Bytes in the largest unit that fits, such as `1,5 GiB`.
pub(crate) fn size(language: Language, bytes: u64) -> String {
    let units = [("GiB", 30_u32), ("MiB", 20), ("KiB", 10)];
    for (unit, shift) in units {
        if bytes >> shift > 0 {
            // Tenths, cut off: a disk is never shown larger than it is.
            let tenths = (u128::from(bytes) * 10) >> shift;
            return format!("{}{}{} {unit}", tenths / 10, language.of([',', '.']), tenths % 10);
        }
    }
    format!("{bytes} {}", language.of(["byte", "bytes"]))
}

/// A span of time in its largest unit, such as `3 phút`.
pub(crate) fn duration(language: Language, seconds: u64) -> String {
    let units = [(86_400, ["ngày", "d"]), (3_600, ["giờ", "h"]), (60, ["phút", "min"])];
    for (unit, name) in units {
        if seconds >= 2 * unit {
            return format!("{} {}", seconds / unit, language.of(name));
        }
    }
    format!("{seconds} {}", language.of(["giây", "s"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_decimals_and_their_languages_mark() {
        let (vi, en) = (Language::Vi, Language::En);
        assert_eq!(value(vi, 80_000, Quantity::WaterLevel), "80,000 m");
        assert_eq!(value(en, -70, Quantity::WaterLevel), "−0.070 m");
        assert_eq!(value(en, 101_325, Quantity::Pressure), "101325 Pa");
        assert_eq!(value(vi, 12, Quantity::VehicleCount), "12");
        assert_eq!(value(vi, 5, Quantity::Pm25), "0,5 µg/m³");
    }

    #[test]
    fn sizes_and_times_take_the_largest_unit() {
        assert_eq!(size(Language::En, 1_610_612_736), "1.5 GiB");
        assert_eq!(size(Language::Vi, 1023), "1023 byte");
        assert_eq!(duration(Language::Vi, 119), "119 giây");
        assert_eq!(duration(Language::En, 7_200), "2 h");
        assert_eq!(duration(Language::Vi, 3 * 86_400), "3 ngày");
    }
}
