//! What a rule warns of.

use serde::{Deserialize, Serialize};

/// The kind of danger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hazard {
    /// A river above its alarm levels.
    Flood,
    /// A sudden flood of a small stream.
    FlashFlood,
    /// A slope that moves.
    Landslide,
    /// Much rain in a short time.
    HeavyRain,
    /// Air that harms health.
    AirQuality,
    /// Traffic that stands.
    Traffic,
    /// A station or sensor that says nothing.
    Equipment,
}

impl Hazard {
    /// The name in TOML and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flood => "flood",
            Self::FlashFlood => "flash-flood",
            Self::Landslide => "landslide",
            Self::HeavyRain => "heavy-rain",
            Self::AirQuality => "air-quality",
            Self::Traffic => "traffic",
            Self::Equipment => "equipment",
        }
    }

    /// The category of CAP 1.2 it belongs to.
    #[must_use]
    pub fn cap_category(self) -> &'static str {
        match self {
            Self::Flood | Self::FlashFlood | Self::HeavyRain => "Met",
            Self::Landslide => "Geo",
            Self::AirQuality => "Env",
            Self::Traffic => "Transport",
            Self::Equipment => "Infra",
        }
    }
}
