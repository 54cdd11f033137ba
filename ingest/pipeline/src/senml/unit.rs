//! Units of the SenML registry (RFC 8428 §12.1, RFC 8798) and how they become our quantities.

use tram_wire::Quantity;

/// What two units have in common when one can be turned into the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Celsius,
    RelativeHumidity,
    Pascal,
    MicrogramPerCubicMetre,
    Ppm,
    Decibel,
    Metre,
    MillimetrePerHour,
    Ratio,
    Radian,
    MetrePerSecond,
    Degree,
    Volt,
    DecibelMilliwatt,
}

/// A unit: `base = value × scale + shift`.
struct Unit {
    symbol: &'static str,
    base: Base,
    scale: f64,
    shift: f64,
}

const fn unit(symbol: &'static str, base: Base, scale: f64) -> Unit {
    Unit { symbol, base, scale, shift: 0.0 }
}

const UNITS: &[Unit] = &[
    unit("Cel", Base::Celsius, 1.0),
    Unit { symbol: "K", base: Base::Celsius, scale: 1.0, shift: -273.15 },
    unit("%RH", Base::RelativeHumidity, 1.0),
    unit("Pa", Base::Pascal, 1.0),
    unit("hPa", Base::Pascal, 100.0),
    unit("ug/m3", Base::MicrogramPerCubicMetre, 1.0),
    unit("ppm", Base::Ppm, 1.0),
    unit("dB", Base::Decibel, 1.0),
    unit("Bspl", Base::Decibel, 10.0),
    unit("m", Base::Metre, 1.0),
    unit("cm", Base::Metre, 0.01),
    unit("mm", Base::Metre, 0.001),
    unit("km", Base::Metre, 1000.0),
    unit("mm/h", Base::MillimetrePerHour, 1.0),
    unit("m/h", Base::MillimetrePerHour, 1000.0),
    unit("/", Base::Ratio, 1.0),
    unit("%", Base::Ratio, 0.01),
    unit("/100", Base::Ratio, 0.01),
    unit("/1000", Base::Ratio, 0.001),
    unit("count", Base::Ratio, 1.0),
    unit("rad", Base::Radian, 1.0),
    unit("m/s", Base::MetrePerSecond, 1.0),
    unit("km/h", Base::MetrePerSecond, 1.0 / 3.6),
    unit("deg", Base::Degree, 1.0),
    unit("V", Base::Volt, 1.0),
    unit("mV", Base::Volt, 0.001),
    unit("dBm", Base::DecibelMilliwatt, 1.0),
];

/// A quantity that a channel's name or unit may stand for, and how many counts of it one base
/// unit is.
struct Target {
    quantity: Quantity,
    base: Base,
    counts: f64,
    /// Whether the unit alone says so much.
    by_unit: bool,
}

const fn target(quantity: Quantity, base: Base, counts: f64, by_unit: bool) -> Target {
    Target { quantity, base, counts, by_unit }
}

/// For each base the first row with `by_unit` is what a channel measures whose name says nothing.
const TARGETS: &[Target] = &[
    target(Quantity::Temperature, Base::Celsius, 1000.0, true),
    target(Quantity::Humidity, Base::RelativeHumidity, 1000.0, true),
    target(Quantity::Pressure, Base::Pascal, 1.0, true),
    target(Quantity::Pm1, Base::MicrogramPerCubicMetre, 10.0, false),
    target(Quantity::Pm25, Base::MicrogramPerCubicMetre, 10.0, false),
    target(Quantity::Pm4, Base::MicrogramPerCubicMetre, 10.0, false),
    target(Quantity::Pm10, Base::MicrogramPerCubicMetre, 10.0, false),
    target(Quantity::Co2, Base::Ppm, 1.0, false),
    target(Quantity::No2, Base::Ppm, 1000.0, false),
    target(Quantity::So2, Base::Ppm, 1000.0, false),
    target(Quantity::O3, Base::Ppm, 1000.0, false),
    target(Quantity::Co, Base::Ppm, 1000.0, false),
    target(Quantity::SoundLevel, Base::Decibel, 10.0, true),
    target(Quantity::Length, Base::Metre, 1000.0, true),
    target(Quantity::WaterLevel, Base::Metre, 1000.0, false),
    target(Quantity::Rain, Base::Metre, 100_000.0, false),
    target(Quantity::Displacement, Base::Metre, 100_000.0, false),
    target(Quantity::LightningDistance, Base::Metre, 0.001, false),
    target(Quantity::RainIntensity, Base::MillimetrePerHour, 100.0, true),
    target(Quantity::Dimensionless, Base::Ratio, 1000.0, true),
    target(Quantity::SoilMoisture, Base::Ratio, 1000.0, false),
    target(Quantity::Occupancy, Base::Ratio, 1000.0, false),
    target(Quantity::VehicleCount, Base::Ratio, 1.0, false),
    target(Quantity::Tilt, Base::Radian, 1_000_000.0, true),
    target(Quantity::WindSpeed, Base::MetrePerSecond, 100.0, true),
    target(Quantity::VehicleSpeed, Base::MetrePerSecond, 36.0, false),
    target(Quantity::GroundVelocity, Base::MetrePerSecond, 1_000_000.0, false),
    target(Quantity::WindDirection, Base::Degree, 1.0, true),
    target(Quantity::Voltage, Base::Volt, 1000.0, true),
    target(Quantity::SignalStrength, Base::DecibelMilliwatt, 1.0, true),
];

/// How a number in some unit becomes counts of a quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Conversion {
    pub(super) quantity: Quantity,
    scale: f64,
    shift: f64,
}

impl Conversion {
    /// The counts, rounded to the nearest; not a number or out of range stays so.
    pub(super) fn counts(&self, value: f64) -> f64 {
        (value * self.scale + self.shift).round()
    }
}

/// How a channel of this name and unit is read: the last part of the name decides when it is the
/// name of a quantity in that unit (`rain` in `mm`), else the unit alone.
pub(super) fn conversion(name: &str, symbol: &str) -> Option<Conversion> {
    let unit = UNITS.iter().find(|u| u.symbol == symbol)?;
    let hint = name.rsplit([':', '/', '.']).next().and_then(Quantity::from_name);
    let of_base = || TARGETS.iter().filter(|t| t.base == unit.base);
    let target =
        of_base().find(|t| Some(t.quantity) == hint).or_else(|| of_base().find(|t| t.by_unit))?;
    Some(Conversion {
        quantity: target.quantity,
        scale: unit.scale * target.counts,
        shift: unit.shift * target.counts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(name: &str, symbol: &str, value: f64) -> Option<(Quantity, f64)> {
        conversion(name, symbol).map(|c| (c.quantity, c.counts(value)))
    }

    #[test]
    fn units_become_counts_of_the_quantity_that_name_or_unit_says() {
        for (name, symbol, value, quantity, expected) in [
            ("t", "Cel", 23.1, Quantity::Temperature, 23_100.0),
            ("t", "K", 273.15, Quantity::Temperature, 0.0),
            ("h", "%RH", 21.2, Quantity::Humidity, 21_200.0),
            ("p", "hPa", 1013.25, Quantity::Pressure, 101_325.0),
            ("x", "mm", 12.0, Quantity::Length, 12.0),
            ("urn:dev:ow:10e2:rain", "mm", 0.2, Quantity::Rain, 20.0),
            ("gate/water_level", "cm", 312.4, Quantity::WaterLevel, 3124.0),
            ("rain_intensity", "mm/h", 60.5, Quantity::RainIntensity, 6050.0),
            ("lane1.vehicle_speed", "km/h", 49.9, Quantity::VehicleSpeed, 499.0),
            ("vehicle_count", "count", 17.0, Quantity::VehicleCount, 17.0),
            ("pm2_5", "ug/m3", 35.4, Quantity::Pm25, 354.0),
            ("fan", "/", 1.0, Quantity::Dimensionless, 1000.0),
            ("temperature", "V", 3.3, Quantity::Voltage, 3300.0),
        ] {
            assert_eq!(counts(name, symbol, value), Some((quantity, expected)), "{name} {symbol}");
        }
        for (name, symbol) in
            [("a", "A"), ("dust", "ug/m3"), ("gas", "ppm"), ("b", "%EL"), ("n", "")]
        {
            assert_eq!(counts(name, symbol, 1.0), None, "{name} {symbol}");
        }
    }

    #[test]
    fn every_quantity_can_be_reached_by_its_name() {
        for quantity in Quantity::all() {
            let target = TARGETS.iter().find(|t| t.quantity == quantity).unwrap();
            let unit = UNITS.iter().find(|u| u.base == target.base).unwrap();
            assert_eq!(conversion(quantity.name(), unit.symbol).unwrap().quantity, quantity);
        }
    }
}
