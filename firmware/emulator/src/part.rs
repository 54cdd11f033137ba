//! What is mounted at a station, and which of its channels each part feeds.

use tram_drivers::ultrasonic::Range;
use tram_wire::{CentiMillimetre, ChannelName, MilliCelsius, Millimetre};

use crate::{Fault, Signal};

/// One part and its wiring.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it is and where it is connected.
    pub kind: PartKind,
    /// The channels of the station file that this part's signals end in. A recording speaks of
    /// channels, so only a part that says them here takes part in a replay.
    pub feeds: Vec<(Signal, ChannelName)>,
    /// The number of the I²C bus it hangs on, if it is a part for a bus.
    pub bus: u8,
}

impl Part {
    /// The bus of a part that says nothing else, as on a Raspberry Pi's header.
    pub const FIRST_BUS: u8 = 1;

    /// A part that feeds no named channel yet, on [`FIRST_BUS`](Self::FIRST_BUS).
    #[must_use]
    pub fn new(kind: PartKind) -> Self {
        Self { kind, feeds: Vec::new(), bus: Self::FIRST_BUS }
    }

    /// The same part on another I²C bus.
    #[must_use]
    pub fn on_bus(self, bus: u8) -> Self {
        Self { bus, ..self }
    }

    /// The same part, with `signal` ending in `channel`.
    #[must_use]
    pub fn feeding(mut self, signal: Signal, channel: ChannelName) -> Self {
        self.feeds.push((signal, channel));
        self
    }

    /// The channel that `signal` ends in, if it was said.
    pub(crate) fn channel(&self, signal: Signal) -> Option<&ChannelName> {
        self.feeds.iter().find(|(s, _)| *s == signal).map(|(_, c)| c)
    }
}

/// The parts there are. Addresses are 7-bit; lines are the numbers of the station file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PartKind {
    /// Pressure ([`Signal::Pressure`]) and temperature ([`Signal::AirTemperature`]).
    Dps310 {
        /// 0x77 or 0x76.
        address: u8,
    },
    /// Temperature of one medium.
    Tmp105 {
        /// 0x48 or 0x49.
        address: u8,
        /// What it is buried in or hung up in.
        medium: Medium,
    },
    /// Temperature ([`Signal::AirTemperature`]) and [`Signal::Humidity`].
    Sht4x {
        /// 0x44, 0x45 or 0x46.
        address: u8,
    },
    /// A SEN55: particles, temperature and humidity. It is always at 0x69.
    Sen5x,
    /// Accelerometer that feels [`Signal::TiltX`] and [`Signal::TiltY`]; level and upright at rest.
    Adxl355 {
        /// 0x1d or 0x53.
        address: u8,
    },
    /// Rain gauge ([`Signal::Rain`]).
    TippingBucket {
        /// The reed contact; an edge rises when it closes.
        line: u32,
        /// What one tip holds, usually 0.2 mm.
        bucket: CentiMillimetre,
    },
    /// One lane with two loops ([`Signal::VehicleCount`], [`Signal::VehicleSpeed`],
    /// [`Signal::Occupancy`]).
    DualLoop {
        /// The detector of the loop that is reached first.
        first_line: u32,
        /// The detector of the other.
        second_line: u32,
        /// From the leading edge of the first loop to the leading edge of the second.
        spacing: Millimetre,
        /// Of each loop, in the direction of travel.
        length: Millimetre,
    },
    /// Range finder above a river, looking down ([`Signal::WaterLevel`]).
    Ultrasonic {
        /// Which serial line.
        uart: u8,
        /// Height of the part above the datum of the levels.
        mounted_at: Millimetre,
        /// What it can measure.
        range: Range,
        /// When it measures.
        sounding: Sounding,
        /// What it believes about the air.
        speed_of_sound: SpeedOfSound,
    },
    /// A push button to be pressed by [`Board::press`](crate::Board::press).
    Button {
        /// An edge rises when it is pressed.
        line: u32,
    },
    /// The relay of a siren. Senses nothing; [`Board::relay`](crate::Board::relay) shows it.
    Relay {
        /// The output that drives it.
        line: u32,
    },
}

/// What a thermometer is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// [`Signal::AirTemperature`].
    Air,
    /// [`Signal::SoilTemperature`].
    Soil,
}

/// When an ultrasonic part measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sounding {
    /// Every 100 ms by itself, as an A02YYUW.
    Continuous,
    /// Once for each byte 0x55, as a JSN-SR04T in serial mode; the frame comes 40 ms later.
    Triggered,
}

/// What an ultrasonic part takes the speed of sound to be when it turns the time of flight into a
/// distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeedOfSound {
    /// It has a thermometer and is right.
    Compensated,
    /// That at this temperature, whatever the air has. The reader must correct it.
    FixedAt(MilliCelsius),
}

impl PartKind {
    /// What it senses as a level. Rain and vehicles are events, which pulse parts make.
    pub(crate) fn signals(&self) -> &'static [Signal] {
        match self {
            Self::Dps310 { .. } => &[Signal::Pressure, Signal::AirTemperature],
            Self::Tmp105 { medium: Medium::Air, .. } => &[Signal::AirTemperature],
            Self::Tmp105 { medium: Medium::Soil, .. } => &[Signal::SoilTemperature],
            Self::Sht4x { .. } => &[Signal::AirTemperature, Signal::Humidity],
            Self::Sen5x => &[
                Signal::Pm1,
                Signal::Pm25,
                Signal::Pm4,
                Signal::Pm10,
                Signal::AirTemperature,
                Signal::Humidity,
            ],
            Self::Adxl355 { .. } => &[Signal::TiltX, Signal::TiltY, Signal::AirTemperature],
            // The echo also needs the temperature of the air on its way.
            Self::Ultrasonic { .. } => &[Signal::WaterLevel, Signal::AirTemperature],
            Self::TippingBucket { .. }
            | Self::DualLoop { .. }
            | Self::Button { .. }
            | Self::Relay { .. } => &[],
        }
    }

    /// Its address on the I²C bus.
    pub(crate) fn address(&self) -> Option<u8> {
        match self {
            Self::Dps310 { address }
            | Self::Tmp105 { address, .. }
            | Self::Sht4x { address }
            | Self::Adxl355 { address } => Some(*address),
            Self::Sen5x => Some(crate::sen5x::ADDRESS),
            _ => None,
        }
    }

    /// The lines it makes edges on.
    pub(crate) fn lines(&self) -> Vec<u32> {
        match self {
            Self::TippingBucket { line, .. } | Self::Button { line } => vec![*line],
            Self::DualLoop { first_line, second_line, .. } => vec![*first_line, *second_line],
            _ => Vec::new(),
        }
    }

    /// Whether this fault means anything for it.
    pub(crate) fn can_have(&self, fault: Fault) -> bool {
        match self {
            Self::Relay { .. } | Self::Button { .. } => false,
            Self::TippingBucket { .. } | Self::DualLoop { .. } => {
                matches!(fault, Fault::StuckValue | Fault::Chatter)
            }
            Self::Ultrasonic { .. } => !matches!(fault, Fault::StuckBus | Fault::Chatter),
            Self::Sht4x { .. } | Self::Sen5x => !matches!(fault, Fault::Chatter),
            Self::Dps310 { .. } | Self::Adxl355 { .. } => {
                !matches!(fault, Fault::Chatter | Fault::CrcFlip)
            }
            // It converts all the time and has no way to say that it does not.
            Self::Tmp105 { .. } => !matches!(fault, Fault::Chatter | Fault::CrcFlip | Fault::Busy),
        }
    }
}
