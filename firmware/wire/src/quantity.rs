//! Physical quantities and the fixed-point numbers that carry them.

/// What a reading measures, with its unit and resolution. A value travels as an integer count of
/// [`decimals`](Quantity::decimals) decimal places of [`unit`](Quantity::unit): 23.456 °C is
/// 23456. The number of a quantity on the wire never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Quantity {
    /// Temperature of air, soil or water; 0.001 °C.
    Temperature = 1,
    /// Relative humidity; 0.001 %.
    Humidity = 2,
    /// Air pressure at the station; 1 Pa.
    Pressure = 3,
    /// Particles up to 1 µm; 0.1 µg/m³.
    Pm1 = 4,
    /// Particles up to 2.5 µm; 0.1 µg/m³.
    Pm25 = 5,
    /// Particles up to 4 µm; 0.1 µg/m³.
    Pm4 = 6,
    /// Particles up to 10 µm; 0.1 µg/m³.
    Pm10 = 7,
    /// Carbon dioxide; 1 ppm.
    Co2 = 8,
    /// Nitrogen dioxide; 1 ppb.
    No2 = 9,
    /// Sulphur dioxide; 1 ppb.
    So2 = 10,
    /// Ozone; 1 ppb.
    O3 = 11,
    /// Carbon monoxide; 1 ppb.
    Co = 12,
    /// A-weighted sound level; 0.1 dB.
    SoundLevel = 13,
    /// Rain fallen since the reading before; 0.01 mm.
    Rain = 14,
    /// Rain intensity; 0.01 mm/h.
    RainIntensity = 15,
    /// Water level above the gauge's datum; 0.001 m.
    WaterLevel = 16,
    /// Soil moisture by volume; 0.1 %.
    SoilMoisture = 17,
    /// Inclination from the zero of installation; 1 µrad.
    Tilt = 18,
    /// Displacement along a line; 0.01 mm.
    Displacement = 19,
    /// Ground velocity; 1 µm/s.
    GroundVelocity = 20,
    /// Wind speed; 0.01 m/s.
    WindSpeed = 21,
    /// Direction the wind comes from, clockwise from north; 1 °.
    WindDirection = 22,
    /// Distance of a lightning stroke; 1 km.
    LightningDistance = 23,
    /// Vehicles counted since the reading before; 1.
    VehicleCount = 24,
    /// Mean speed of vehicles; 0.1 km/h.
    VehicleSpeed = 25,
    /// Share of time a loop was occupied; 0.1 %.
    Occupancy = 26,
    /// Supply or battery voltage; 0.001 V.
    Voltage = 27,
    /// Strength of a radio signal; 1 dBm.
    SignalStrength = 28,
    /// A length that is not a water level, as third-party devices give it; 0.001 m.
    Length = 29,
    /// A ratio or a count without unit, as third-party devices give it; 0.001.
    Dimensionless = 30,
}

/// What people read of a quantity.
struct Row {
    name: &'static str,
    unit: &'static str,
    decimals: u8,
}

macro_rules! rows {
    ($($q:ident $name:literal $unit:literal $decimals:literal,)*) => {
        /// In the order of the wire numbers, so that entry `n - 1` is number `n`.
        const ALL: &[Quantity] = &[$(Quantity::$q,)*];

        impl Quantity {
            fn row(self) -> Row {
                match self {
                    $(Self::$q => Row { name: $name, unit: $unit, decimals: $decimals },)*
                }
            }
        }
    };
}

rows! {
    Temperature "temperature" "°C" 3,
    Humidity "humidity" "%RH" 3,
    Pressure "pressure" "Pa" 0,
    Pm1 "pm1" "µg/m³" 1,
    Pm25 "pm2_5" "µg/m³" 1,
    Pm4 "pm4" "µg/m³" 1,
    Pm10 "pm10" "µg/m³" 1,
    Co2 "co2" "ppm" 0,
    No2 "no2" "ppb" 0,
    So2 "so2" "ppb" 0,
    O3 "o3" "ppb" 0,
    Co "co" "ppb" 0,
    SoundLevel "sound_level" "dB(A)" 1,
    Rain "rain" "mm" 2,
    RainIntensity "rain_intensity" "mm/h" 2,
    WaterLevel "water_level" "m" 3,
    SoilMoisture "soil_moisture" "%" 1,
    Tilt "tilt" "µrad" 0,
    Displacement "displacement" "mm" 2,
    GroundVelocity "ground_velocity" "µm/s" 0,
    WindSpeed "wind_speed" "m/s" 2,
    WindDirection "wind_direction" "°" 0,
    LightningDistance "lightning_distance" "km" 0,
    VehicleCount "vehicle_count" "1" 0,
    VehicleSpeed "vehicle_speed" "km/h" 1,
    Occupancy "occupancy" "%" 1,
    Voltage "voltage" "V" 3,
    SignalStrength "signal_strength" "dBm" 0,
    Length "length" "m" 3,
    Dimensionless "dimensionless" "1" 3,
}

impl Quantity {
    /// Every quantity, in the order of its number.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().copied()
    }

    /// The quantity with this number on the wire, if there is one.
    #[must_use]
    pub fn from_number(n: u8) -> Option<Self> {
        ALL.get(usize::from(n.checked_sub(1)?)).copied()
    }

    /// The quantity with this [`name`](Self::name), if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|q| q.name() == name)
    }

    /// Its number on the wire, 1 to 30.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name in configuration, metrics and answers, such as `water_level`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The unit people read, such as `m`.
    #[must_use]
    pub fn unit(self) -> &'static str {
        self.row().unit
    }

    /// How many decimal places of the unit one count of the value is: 3 means that a value of
    /// 86910 is 86.910.
    #[must_use]
    pub fn decimals(self) -> u8 {
        self.row().decimals
    }

    /// Whether it is a direction, which begins again after a full circle: 359° and 1° are near each
    /// other, their mean is 0° and neither is the smaller one.
    #[must_use]
    pub fn circular(self) -> bool {
        self == Self::WindDirection
    }

    /// How many counts one unit is: 10 to the power of [`decimals`](Self::decimals).
    #[must_use]
    pub fn scale(self) -> i64 {
        10_i64.pow(u32::from(self.decimals()))
    }
}

/// A physical value with its quantity and resolution in the type.
pub trait Fixed: Copy {
    /// What it measures.
    const QUANTITY: Quantity;
    /// The integer that travels.
    fn raw(self) -> i64;
}

macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident($int:ty) = $quantity:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $int);

        impl Fixed for $name {
            const QUANTITY: Quantity = Quantity::$quantity;
            fn raw(self) -> i64 {
                i64::from(self.0)
            }
        }
    )*};
}

fixed! {
    /// Temperature in thousandths of a degree Celsius.
    MilliCelsius(i32) = Temperature;
    /// Relative humidity in thousandths of a per cent.
    MilliPercentRh(i32) = Humidity;
    /// Pressure in pascals.
    Pascal(i32) = Pressure;
    /// PM2.5 in tenths of a microgram per cubic metre; the channel's quantity tells other sizes.
    DeciMicrogramPerCubicMetre(i32) = Pm25;
    /// Rain in hundredths of a millimetre.
    CentiMillimetre(i32) = Rain;
    /// Rain intensity in hundredths of a millimetre an hour.
    CentiMillimetrePerHour(i32) = RainIntensity;
    /// Water level or distance in millimetres.
    Millimetre(i32) = WaterLevel;
    /// Tilt in microradians.
    Microradian(i32) = Tilt;
    /// Vehicles counted.
    VehicleCount(u32) = VehicleCount;
    /// Speed in tenths of a kilometre an hour.
    DeciKilometrePerHour(i32) = VehicleSpeed;
    /// Occupancy in tenths of a per cent.
    DeciPercent(i32) = Occupancy;
    /// Voltage in millivolts.
    MilliVolt(i32) = Voltage;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_name_lead_back_for_every_quantity() {
        assert_eq!(Quantity::all().count(), 30);
        for q in Quantity::all() {
            assert_eq!(Quantity::from_number(q.number()), Some(q));
            assert_eq!(Quantity::from_name(q.name()), Some(q));
        }
        assert_eq!(Quantity::from_number(0), None);
        assert_eq!(Quantity::from_number(31), None);
    }
}
