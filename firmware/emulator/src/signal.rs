//! What a part can sense.

use tram_wire::Quantity;

/// One physical quantity at one place of a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Temperature of the air.
    AirTemperature,
    /// Temperature of the soil.
    SoilTemperature,
    /// Relative humidity of the air.
    Humidity,
    /// Pressure of the air.
    Pressure,
    /// Particles up to 1 µm.
    Pm1,
    /// Particles up to 2.5 µm.
    Pm25,
    /// Particles up to 4 µm.
    Pm4,
    /// Particles up to 10 µm.
    Pm10,
    /// Rain. In a recording: fallen since the row before.
    Rain,
    /// Water level above the datum.
    WaterLevel,
    /// How far the part's +X axis points above the horizon.
    TiltX,
    /// How far its +Y axis does.
    TiltY,
    /// Vehicles over a dual loop. In a recording: since the row before.
    VehicleCount,
    /// Speed of these vehicles.
    VehicleSpeed,
    /// Share of the time since the row before that each loop was occupied.
    Occupancy,
}

impl Signal {
    /// What it is measured in. A value of a signal is a count of this quantity's resolution.
    #[must_use]
    pub fn quantity(self) -> Quantity {
        match self {
            Self::AirTemperature | Self::SoilTemperature => Quantity::Temperature,
            Self::Humidity => Quantity::Humidity,
            Self::Pressure => Quantity::Pressure,
            Self::Pm1 => Quantity::Pm1,
            Self::Pm25 => Quantity::Pm25,
            Self::Pm4 => Quantity::Pm4,
            Self::Pm10 => Quantity::Pm10,
            Self::Rain => Quantity::Rain,
            Self::WaterLevel => Quantity::WaterLevel,
            Self::TiltX | Self::TiltY => Quantity::Tilt,
            Self::VehicleCount => Quantity::VehicleCount,
            Self::VehicleSpeed => Quantity::VehicleSpeed,
            Self::Occupancy => Quantity::Occupancy,
        }
    }
}
