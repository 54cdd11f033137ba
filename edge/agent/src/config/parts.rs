//! The parts a station may have, one table each. A channel that is not named is not reported.

use schemars::JsonSchema;
use serde::Deserialize;
use tram_wire::ChannelName;

use super::{Pull, shape, text};

/// Pressure and temperature of the air.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dps310 {
    /// Number of the I²C bus: 1 is that of the header (pins 3 and 5).
    #[serde(default = "first_bus")]
    pub(crate) bus: u8,
    /// 0x77 or 0x76.
    #[serde(default = "Dps310::address")]
    pub(crate) address: u8,
    /// How often it is read, in seconds.
    pub(crate) interval_s: f64,
    /// Name of the channel with the pressure.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) pressure: Option<ChannelName>,
    /// Name of the channel with the temperature.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) temperature: Option<ChannelName>,
}

impl Dps310 {
    fn address() -> u8 {
        tram_drivers::dps310::DEFAULT_ADDRESS
    }
}

/// Temperature.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tmp105 {
    /// Number of the I²C bus: 1 is that of the header (pins 3 and 5).
    #[serde(default = "first_bus")]
    pub(crate) bus: u8,
    /// 0x48 or 0x49.
    #[serde(default = "Tmp105::address")]
    pub(crate) address: u8,
    /// How often it is read, in seconds.
    pub(crate) interval_s: f64,
    /// Name of the channel with the temperature.
    #[serde(deserialize_with = "text::parse")]
    #[schemars(with = "shape::Channel")]
    pub(crate) temperature: ChannelName,
    /// What it is in; the emulator wants to know.
    #[serde(default)]
    pub(crate) medium: TmpMedium,
}

impl Tmp105 {
    fn address() -> u8 {
        tram_drivers::tmp105::DEFAULT_ADDRESS
    }
}

/// What a thermometer is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TmpMedium {
    /// Air.
    #[default]
    Air,
    /// Soil.
    Soil,
}

/// Temperature and humidity of the air.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sht4x {
    /// Number of the I²C bus: 1 is that of the header (pins 3 and 5).
    #[serde(default = "first_bus")]
    pub(crate) bus: u8,
    /// 0x44, 0x45 or 0x46.
    #[serde(default = "Sht4x::address")]
    pub(crate) address: u8,
    /// How often it is read, in seconds.
    pub(crate) interval_s: f64,
    /// Name of the channel with the temperature.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) temperature: Option<ChannelName>,
    /// Name of the channel with the relative humidity.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) humidity: Option<ChannelName>,
}

impl Sht4x {
    fn address() -> u8 {
        0x44
    }
}

/// Particulate matter; always at address 0x69.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sen5x {
    /// Number of the I²C bus: 1 is that of the header (pins 3 and 5).
    #[serde(default = "first_bus")]
    pub(crate) bus: u8,
    /// How often it is read, in seconds.
    pub(crate) interval_s: f64,
    /// Name of the channel with particles up to 1 µm.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) pm1: Option<ChannelName>,
    /// Name of the channel with particles up to 2.5 µm.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) pm2_5: Option<ChannelName>,
    /// Name of the channel with particles up to 4 µm.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) pm4: Option<ChannelName>,
    /// Name of the channel with particles up to 10 µm.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) pm10: Option<ChannelName>,
    /// Name of the channel with the temperature.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) temperature: Option<ChannelName>,
    /// Name of the channel with the relative humidity.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) humidity: Option<ChannelName>,
}

/// Inclination of a slope on two axes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Adxl355 {
    /// Number of the I²C bus: 1 is that of the header (pins 3 and 5).
    #[serde(default = "first_bus")]
    pub(crate) bus: u8,
    /// 0x1d or 0x53.
    #[serde(default = "Adxl355::address")]
    pub(crate) address: u8,
    /// How often it is read, in seconds.
    pub(crate) interval_s: f64,
    /// Name of the channel with the tilt about the part's x axis.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) tilt_x: Option<ChannelName>,
    /// Name of the channel with the tilt about the part's y axis.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) tilt_y: Option<ChannelName>,
    /// Gravity along the part's axes at installation, in millionths of g.
    #[serde(default = "Adxl355::zero_ug")]
    pub(crate) zero_ug: [i32; 3],
    /// How many samples (one every 32 ms) make a reading.
    #[serde(default = "Adxl355::samples")]
    pub(crate) samples: u32,
}

impl Adxl355 {
    fn address() -> u8 {
        tram_drivers::adxl355::DEFAULT_ADDRESS
    }
    fn zero_ug() -> [i32; 3] {
        [0, 0, 1_000_000]
    }
    fn samples() -> u32 {
        8
    }
}

/// A tipping bucket.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RainGauge {
    /// Number of the pin in the count of the chip (BCM): GPIO 17 is pin 11 of the header.
    pub(crate) pin: u32,
    /// The line is low while the contact is closed or the relay is on.
    #[serde(default = "yes")]
    pub(crate) active_low: bool,
    /// The resistor inside the chip.
    #[serde(default)]
    pub(crate) pull: Pull,
    /// How often it is read, in seconds.
    pub(crate) interval_s: f64,
    /// Rain of one tip.
    #[serde(default = "RainGauge::tip_mm")]
    pub(crate) tip_mm: f64,
    /// Name of the channel with the rain since the reading before.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) rain: Option<ChannelName>,
    /// Name of the channel with the intensity of the rain.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) intensity: Option<ChannelName>,
}

impl RainGauge {
    fn tip_mm() -> f64 {
        0.2
    }
}

/// One lane with two loops.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DualLoop {
    /// Detector of the loop that is reached first.
    pub(crate) first_pin: u32,
    /// Detector of the other.
    pub(crate) second_pin: u32,
    /// The line is low while the contact is closed or the relay is on.
    #[serde(default = "yes")]
    pub(crate) active_low: bool,
    /// The resistor inside the chip.
    #[serde(default)]
    pub(crate) pull: Pull,
    /// How often it is read, in seconds.
    pub(crate) interval_s: f64,
    /// From the leading edge of the first loop to that of the second.
    #[serde(default = "DualLoop::spacing_m")]
    pub(crate) spacing_m: f64,
    /// Length of one loop along the lane.
    #[serde(default = "DualLoop::loop_m")]
    pub(crate) loop_m: f64,
    /// Name of the channel with the vehicles since the reading before.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) count: Option<ChannelName>,
    /// Name of the channel with the mean speed.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) speed: Option<ChannelName>,
    /// Name of the channel with the share of time the lane was occupied.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) occupancy: Option<ChannelName>,
}

impl DualLoop {
    fn spacing_m() -> f64 {
        4.0
    }
    fn loop_m() -> f64 {
        2.0
    }
}

/// A range finder above water.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ultrasonic {
    /// Serial device.
    pub(crate) port: String,
    /// Speed of the line.
    #[serde(default = "Ultrasonic::baud")]
    pub(crate) baud: u32,
    /// How often it is read, in seconds.
    pub(crate) interval_s: f64,
    /// Which range finder it is.
    #[serde(default)]
    pub(crate) model: UltrasonicModel,
    /// The farthest echo it hears; the model's when absent.
    #[serde(default)]
    pub(crate) farthest_m: Option<f64>,
    /// Height of the part's face above the gauge's zero.
    pub(crate) datum_m: f64,
    /// How many echoes make a reading.
    #[serde(default = "Ultrasonic::echoes")]
    pub(crate) echoes: usize,
    /// The air temperature the part takes for granted; absent when it measures it.
    #[serde(default)]
    pub(crate) assumes_celsius: Option<f64>,
    /// The channel that gives the air temperature, for a part that takes one for granted.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Channel>")]
    pub(crate) air_temperature_from: Option<ChannelName>,
    /// Name of the channel with the water level.
    #[serde(deserialize_with = "text::parse")]
    #[schemars(with = "shape::Channel")]
    pub(crate) water_level: ChannelName,
}

impl Ultrasonic {
    fn baud() -> u32 {
        9600
    }
    fn echoes() -> usize {
        5
    }
}

/// Which range finder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UltrasonicModel {
    /// Sends ten frames a second by itself.
    #[default]
    A02yyuw,
    /// Sends one frame when asked.
    JsnSr04t,
}

fn first_bus() -> u8 {
    1
}

fn yes() -> bool {
    true
}
